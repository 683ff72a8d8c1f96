#include "tools/common/client_memory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "tests/support/catch.h"
#include "tests/unit/tools/scratch.h"
#include "vault/base/newer.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

const Id128 kVault = {0x0a, 1, 2, 3};
const Id128 kOther = {0x0b, 1, 2, 3};
const std::string kFile = "0a010203000000000000000000000000.checkpoint";

// A note in form: who signed it is not looked at here.
std::string note(std::uint64_t size, char root = 'A', std::size_t extra = 0) {
  std::string text = "tower.example/log\n" + std::to_string(size) + "\n" + std::string(43, root) + "=\n\n";
  text += "\xE2\x80\x94 tower.example/log AAAAAAAA\n";
  for (std::size_t i = 0; i < extra; ++i) text += "\xE2\x80\x94 witness AAAAAAAA\n";
  return text;
}

std::size_t files_in(const std::string& directory) {
  const std::filesystem::directory_iterator all(directory);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE("a checkpoint is remembered for its vault, byte by byte") {
  const Scratch dir;
  const ClientMemory memory((dir.path() / "state" / "facekeep").string());
  CHECK_FALSE(*memory.get(kVault));
  REQUIRE(memory.put(kVault, note(7)));
  CHECK(**memory.get(kVault) == note(7));
  CHECK_FALSE(*memory.get(kOther));
  REQUIRE(memory.put(kVault, note(8)));
  CHECK(**memory.get(kVault) == note(8));
  CHECK(files_in(memory.directory()) == 1);
}

TEST_CASE("only its owner can read it") {
  const Scratch dir;
  const ClientMemory memory((dir.path() / "facekeep").string());
  REQUIRE(memory.put(kVault, note(1)));
  struct stat st {};
  REQUIRE(::stat(memory.directory().c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0700);
  REQUIRE(::stat((memory.directory() + "/" + kFile).c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);
}

TEST_CASE("what is not a whole remembered note is an error, not nothing") {
  const Scratch dir;
  const ClientMemory memory(dir.path().string());
  dir.write(kFile, std::string(kMaxCheckpoint + 1, 'x'));
  CHECK(memory.get(kVault).error().code == Errc::kTooLarge);
  dir.write(kFile, "");
  CHECK(memory.get(kVault).error().code == Errc::kIntegrity);
  std::filesystem::remove(dir.path() / kFile);
  std::filesystem::create_directory(dir.path() / kFile);
  CHECK(memory.get(kVault).error().code == Errc::kIntegrity);
  std::filesystem::remove(dir.path() / kFile);
  std::filesystem::create_symlink("/etc/hostname", dir.path() / kFile);
  CHECK(memory.get(kVault).error().code == Errc::kIo);
}

TEST_CASE("a put that fails leaves the old checkpoint and no scraps") {
  const Scratch dir;
  const ClientMemory memory(dir.path().string());
  REQUIRE(memory.put(kVault, note(3)));
  CHECK(memory.put(kVault, "").error().code == Errc::kMalformed);
  CHECK(memory.put(kVault, "no note").error().code == Errc::kMalformed);
  CHECK(memory.put(kVault, std::string(kMaxCheckpoint + 1, 'x')).error().code == Errc::kTooLarge);
  CHECK(**memory.get(kVault) == note(3));
  std::filesystem::remove(dir.path() / kFile);
  std::filesystem::create_directories(dir.path() / kFile / "in the way");
  CHECK(memory.put(kVault, note(4)).error().code == Errc::kIntegrity);
  CHECK(files_in(dir.path().string()) == 1);
  CHECK(ClientMemory("/proc/facekeep").put(kVault, note(4)).error().code == Errc::kIo);
}

TEST_CASE("a reader sees one note or the other, whole") {
  const Scratch dir;
  const ClientMemory memory(dir.path().string());
  const std::string a = note(5);
  const std::string b = note(5, 'A', 9);
  REQUIRE(memory.put(kVault, a));
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) (void)memory.put(kVault, i % 2 == 0 ? b : a);
  });
  bool whole = true;
  for (int i = 0; i < 500; ++i) {
    const auto note = memory.get(kVault);
    whole = whole && note && *note && (**note == a || **note == b);
  }
  writer.join();
  CHECK(whole);
}

TEST_CASE("what is remembered never goes back, whoever else remembers in the same place") {
  const Scratch dir;
  const ClientMemory memory(dir.path().string());
  REQUIRE(memory.put(kVault, note(9)));
  CHECK(memory.put(kVault, note(8)).error().code == Errc::kConflict);
  CHECK(**memory.get(kVault) == note(9));
  CHECK(memory.put(kVault, note(9, 'E')).error().code == Errc::kIntegrity);
  CHECK(memory.put(kVault, note(9, 'A', 1)));
  // Two at once, each with every other size: each waits for the other between its look and its write.
  const auto climb = [&](std::uint64_t from) {
    const ClientMemory own(dir.path().string());
    for (std::uint64_t size = from; size < 400; size += 2) {
      const auto put = own.put(kVault, note(size));
      const auto now = own.get(kVault);
      if (!now || !*now) return false;
      const std::string text = **now;
      const auto seen = std::stoull(text.substr(text.find('\n') + 1));
      if (seen < size || (!put && put.error().code != Errc::kConflict)) return false;
    }
    return true;
  };
  bool other = false;
  std::thread thread([&] { other = climb(11); });
  const bool mine = climb(10);
  thread.join();
  CHECK(mine);
  CHECK(other);
  CHECK(**memory.get(kVault) == note(399));
}

TEST_CASE("the program that was agreed on is remembered for its vault") {
  const Scratch dir;
  const ClientMemory memory((dir.path() / "m").string());
  CHECK_FALSE(*memory.program(kVault));
  ClientMemory::Program p;
  p.program[0] = 7;
  p.config[31] = 9;
  REQUIRE(memory.put_program(kVault, p));
  CHECK(**memory.program(kVault) == p);
  CHECK_FALSE(*memory.program(kOther));
  dir.write("m/0a010203000000000000000000000000.program", "something else\n");
  CHECK(memory.program(kVault).error().code == Errc::kIntegrity);
}

TEST_CASE("what a newer version remembers is refused as that, and not as altered") {
  const Scratch dir;
  const ClientMemory memory((dir.path() / "m").string());
  REQUIRE(memory.put(kVault, note(7)));
  REQUIRE(memory.put_card_checked(kVault, 1795305600000));
  CHECK(**memory.card_checked(kVault) == 1795305600000);
  const std::string stem = "m/0a010203000000000000000000000000";
  for (const char* kind : {".checkpoint", ".program", ".start", ".watched", ".card-checked"}) {
    dir.write(stem + kind, "facekeep/memory/v2\nwhatever that has\n");
  }
  CHECK(is_newer(memory.get(kVault).error()));
  CHECK(is_newer(memory.put(kVault, note(9)).error()));
  CHECK(is_newer(memory.program(kVault).error()));
  CHECK(is_newer(memory.start(kVault).error()));
  CHECK(is_newer(memory.watched(kVault).error()));
  CHECK(is_newer(memory.card_checked(kVault).error()));
  for (const char* odd :
       {"facekeep/memory/v1\n1\n", "facekeep/memory/v\n", "facekeep/memory/v2", "facekeep/memory/vx\n"}) {
    dir.write(stem + ".start", odd);
    CHECK(memory.start(kVault).error().code == Errc::kIntegrity);
  }
}

TEST_CASE("the place is that of the XDG specification") {
  using Env = std::map<std::string, std::string>;
  const auto place = [](const Env& env) {
    const auto memory = ClientMemory::of_user([&env](const char* name) {
      const auto it = env.find(name);
      return it == env.end() ? nullptr : it->second.c_str();
    });
    return memory ? memory->directory() : std::string("none");
  };
  CHECK(place({{"XDG_STATE_HOME", "/s"}, {"HOME", "/h"}}) == "/s/facekeep");
  CHECK(place({{"HOME", "/h"}}) == "/h/.local/state/facekeep");
  CHECK(place({{"XDG_STATE_HOME", "relative"}, {"HOME", "/h"}}) == "/h/.local/state/facekeep");
  CHECK(place({{"XDG_STATE_HOME", ""}}) == "none");
}
