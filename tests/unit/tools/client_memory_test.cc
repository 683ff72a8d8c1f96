#include "tools/common/client_memory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "tests/support/catch.h"
#include "tests/unit/tools/scratch.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

const Id128 kVault = {0x0a, 1, 2, 3};
const Id128 kOther = {0x0b, 1, 2, 3};
const std::string kFile = "0a010203000000000000000000000000.checkpoint";

std::size_t files_in(const std::string& directory) {
  const std::filesystem::directory_iterator all(directory);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE("a checkpoint is remembered for its vault, byte by byte") {
  const Scratch dir;
  const ClientMemory memory((dir.path() / "state" / "facekeep").string());
  CHECK_FALSE(*memory.get(kVault));
  const std::string note = "tower.example/log\n7\nAAAA=\n\n\xE2\x80\x94 tower \xff" + std::string(1, '\0') + "\n";
  REQUIRE(memory.put(kVault, note));
  CHECK(**memory.get(kVault) == note);
  CHECK_FALSE(*memory.get(kOther));
  REQUIRE(memory.put(kVault, "newer"));
  CHECK(**memory.get(kVault) == "newer");
  CHECK(files_in(memory.directory()) == 1);
}

TEST_CASE("only its owner can read it") {
  const Scratch dir;
  const ClientMemory memory((dir.path() / "facekeep").string());
  REQUIRE(memory.put(kVault, "note"));
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
  REQUIRE(memory.put(kVault, "old"));
  CHECK(memory.put(kVault, "").error().code == Errc::kInvalidArgument);
  CHECK(memory.put(kVault, std::string(kMaxCheckpoint + 1, 'x')).error().code == Errc::kTooLarge);
  CHECK(**memory.get(kVault) == "old");
  std::filesystem::remove(dir.path() / kFile);
  std::filesystem::create_directories(dir.path() / kFile / "in the way");
  CHECK(memory.put(kVault, "new").error().code == Errc::kIo);
  CHECK(files_in(dir.path().string()) == 1);
  CHECK(ClientMemory("/proc/facekeep").put(kVault, "x").error().code == Errc::kIo);
}

TEST_CASE("a reader sees one note or the other, whole") {
  const Scratch dir;
  const ClientMemory memory(dir.path().string());
  const std::string a(5000, 'a');
  const std::string b(9000, 'b');
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
