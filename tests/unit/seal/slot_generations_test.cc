#include "vault/seal/slot_generations.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/support/catch.h"
#include "vault/base/digest.h"

using namespace facekeep;
using namespace facekeep::seal;
namespace fs = std::filesystem;

namespace {

const Id128 kVault{0xab, 1};
const Bytes kOld(68, 0x6b);
const Bytes kNew(68, 0x6c);
using Epochs = std::vector<std::uint32_t>;

class TempDir {
 public:
  TempDir() : path_(fs::temp_directory_path() / ("fk-generations-" + to_hex(random_array<8>()))) {
    fs::create_directory(path_);
  }
  ~TempDir() { fs::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] std::string str() const { return path_.string(); }
  [[nodiscard]] bool has(const std::string& name) const { return fs::exists(path_ / name); }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream in(path_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void copy(const std::string& from, const std::string& to) const { fs::copy_file(path_ / from, path_ / to); }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }

 private:
  fs::path path_;
};

}  // namespace

TEST_CASE("a slot has one key a generation, and both are found again") {
  const TempDir dir;
  {
    auto slots = *SlotGenerations::create(dir.str(), kVault);
    REQUIRE(slots->write({{5, kOld}}));
    CHECK(slots->write({{5, kNew, 2}}).error().code == Errc::kNotFound);
    REQUIRE(slots->begin(2));
    CHECK(slots->begin(2).error().code == Errc::kAlreadyExists);
    REQUIRE(slots->write({{5, kNew, 2}, {6, kOld, 1}}));
    CHECK(slots->write({{5, kOld, 2}}).error().code == Errc::kConflict);
  }
  CHECK(dir.has("slots-2.a"));
  CHECK(dir.has("slots-2.b"));
  auto slots = *SlotGenerations::open(dir.str(), kVault);
  CHECK(slots->epochs() == Epochs{1, 2});
  CHECK(*slots->read(1, 5) == kOld);
  CHECK(*slots->read(2, 5) == kNew);
  CHECK(slots->read(2, 6).error().code == Errc::kNotFound);
  CHECK(slots->read(3, 5).error().code == Errc::kNotFound);
  CHECK(*slots->in_use(1) == Epochs{5, 6});
  CHECK(*slots->in_use(2) == Epochs{5});
}

TEST_CASE("a slot that is damaged in both copies is in use, and has no whole key") {
  const TempDir dir;
  auto slots = *SlotGenerations::create(dir.str(), kVault);
  REQUIRE(slots->write({{2, kOld}, {5, kOld}, {7, kOld}}));
  for (const char* name : {"slots.a", "slots.b"}) {
    std::string bytes = dir.read(name);
    bytes[(5 + 1) * 128 + 20] ^= 1;  // the header has the place of a slot
    dir.write(name, bytes);
  }
  slots.reset();
  slots = *SlotGenerations::open(dir.str(), kVault);
  CHECK(*slots->in_use(1) == Epochs{2, 5, 7});
  const auto census = slots->census(1).value();
  CHECK(census.damaged == std::set<std::uint32_t>{5});
  CHECK(census.whole == std::vector<bool>{false, false, true, false, false, false, false, true});
  CHECK(slots->census(2).error().code == Errc::kNotFound);
}

TEST_CASE("an erasure overwrites the slot in every generation") {
  const TempDir dir;
  auto slots = *SlotGenerations::create(dir.str(), kVault);
  REQUIRE(slots->begin(2));
  REQUIRE(slots->write({{5, kOld}, {5, kNew, 2}, {6, kNew, 2}}));
  REQUIRE(slots->erase({5}));
  CHECK(slots->in_use(1)->empty());
  CHECK(*slots->in_use(2) == Epochs{6});
  REQUIRE(slots->erase(2, {6}));
  CHECK(slots->in_use(2)->empty());
}

TEST_CASE("a retired generation is overwritten before its files go, and nothing else is touched") {
  const TempDir dir;
  auto slots = *SlotGenerations::create(dir.str(), kVault);
  REQUIRE(slots->begin(2));
  REQUIRE(slots->write({{5, kOld}, {9000, kOld}, {5, kNew, 2}}));
  fs::create_hard_link(dir.str() + "/slots.a", dir.str() + "/kept.a");
  fs::create_hard_link(dir.str() + "/slots.b", dir.str() + "/kept.b");
  dir.copy("slots.b", "slots.b.new");
  REQUIRE(slots->retire(1));
  CHECK(slots->epochs() == Epochs{2});
  for (const char* gone : {"slots.a", "slots.b", "slots.a.new", "slots.b.new"}) CHECK_FALSE(dir.has(gone));
  for (const char* kept : {"kept.a", "kept.b"}) {
    const std::string bytes = dir.read(kept);
    REQUIRE(bytes.size() > 9000 * kSlotSize);
    CHECK(bytes.find_first_not_of('\0', kSlotSize) == std::string::npos);
  }
  CHECK(*slots->read(2, 5) == kNew);
  CHECK(slots->retire(1));  // again: a crash came before the log was told
  slots.reset();
  slots = *SlotGenerations::open(dir.str(), kVault);
  CHECK(slots->epochs() == Epochs{2});
  CHECK(*slots->read(2, 5) == kNew);
}

TEST_CASE("half a retirement and half a beginning are whole generations again, for recovery to judge") {
  const TempDir dir;
  auto slots = *SlotGenerations::create(dir.str(), kVault);
  REQUIRE(slots->begin(2));
  slots.reset();
  fs::remove(dir.str() + "/slots.a");
  fs::remove(dir.str() + "/slots-2.b");
  slots = *SlotGenerations::open(dir.str(), kVault);
  CHECK(slots->epochs() == Epochs{1, 2});
  REQUIRE(slots->retire(1));
  REQUIRE(slots->write({{1, kNew, 2}}));
  CHECK(dir.read("slots-2.a") == dir.read("slots-2.b"));
}

TEST_CASE("a disk without room for a second generation refuses it at its beginning") {
  const TempDir dir;
  auto slots = *SlotGenerations::create(dir.str(), kVault);
  REQUIRE(slots->write({{20000, kOld}}));
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &old) == 0);
  rlimit small = old;
  small.rlim_cur = 1 << 20;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const Status refused = slots->begin(2, 1);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &old) == 0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kOutOfSpace);
  CHECK(slots->epochs() == Epochs{1});
  CHECK_FALSE(dir.has("slots-2.a"));
  REQUIRE(slots->begin(2, 1));
  CHECK(fs::file_size(dir.str() + "/slots-2.b") == fs::file_size(dir.str() + "/slots.b"));
  CHECK(slots->in_use(2)->empty());
}

TEST_CASE("one owner, and no file that is not a generation's is taken for one") {
  const TempDir dir;
  for (const char* name : {"slots-1.a", "slots-02.a", "slots-x.a", "slots-.a", "slots2.a", "slots-4294967296.a"})
    dir.write(name, "");
  CHECK(SlotGenerations::open(dir.str(), kVault).error().code == Errc::kNotFound);
  auto slots = *SlotGenerations::create(dir.str(), kVault);
  CHECK(SlotGenerations::open(dir.str(), kVault).error().code == Errc::kUnavailable);
  CHECK(KeySlots::open(dir.str(), kVault).error().code == Errc::kUnavailable);
  slots.reset();
  CHECK((*SlotGenerations::open(dir.str(), kVault))->epochs() == Epochs{1});
  CHECK(SlotGenerations::create(dir.str(), kVault).error().code == Errc::kAlreadyExists);
  CHECK(SlotGenerations::open(dir.str(), Id128{9}).error().code == Errc::kIntegrity);
}
