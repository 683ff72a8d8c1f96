#include "vault/seal/slots.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>

#include "tests/support/catch.h"
#include "vault/base/digest.h"
#include "vault/base/newer.h"
#include "vault/seal/slot_format.h"

using namespace facekeep;
using namespace facekeep::seal;
namespace fs = std::filesystem;

namespace {

const Id128 kVault{0xab, 1};

// A directory of its own, gone at the end.
class TempDir {
 public:
  TempDir() : path_(fs::temp_directory_path() / ("fk-slots-" + to_hex(random_array<8>()))) {
    fs::create_directory(path_);
  }
  ~TempDir() { fs::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] std::string str() const { return path_.string(); }
  [[nodiscard]] std::string file(char copy) const { return (path_ / ("slots." + std::string(1, copy))).string(); }

  // What a crash or a bad disk would have done to one copy.
  void poke(char copy, std::uint64_t offset, const Bytes& bytes) const {
    std::fstream f(file(copy), std::ios::in | std::ios::out | std::ios::binary);
    f.seekp(static_cast<std::streamoff>(offset));
    f.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(f.good());
  }
  [[nodiscard]] Bytes peek(char copy, std::uint64_t offset, std::size_t size) const {
    std::ifstream f(file(copy), std::ios::binary);
    f.seekg(static_cast<std::streamoff>(offset));
    Bytes out(size);
    f.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(size));
    REQUIRE(f.good());
    return out;
  }

 private:
  fs::path path_;
};

std::uint64_t at(std::uint32_t slot) {
  return (std::uint64_t{slot} + 1) * kSlotSize;
}
const Bytes kKey(68, 0x6b);
const Bytes kOther(68, 0x6c);
const Bytes kZero(kSlotSize, 0);

}  // namespace

TEST_CASE("a written slot is read again, also after reopening") {
  const TempDir dir;
  {
    auto slots = *KeySlots::create(dir.str(), kVault);
    CHECK(slots->in_use()->empty());
    CHECK(slots->read(0).error().code == Errc::kNotFound);
    REQUIRE(slots->write({{0, kKey}, {7, kOther}, {8192, Bytes(kMaxSlotData, 1)}, {3, {0xff}}}));
    CHECK(slots->count() >= 8193);
  }
  auto slots = *KeySlots::open(dir.str(), kVault);
  CHECK(*slots->read(0) == kKey);
  CHECK(*slots->read(7) == kOther);
  CHECK(*slots->read(3) == Bytes{0xff});
  CHECK(slots->read(8192)->size() == kMaxSlotData);
  CHECK(*slots->in_use() == std::vector<std::uint32_t>{0, 3, 7, 8192});
  CHECK(slots->read(1).error().code == Errc::kNotFound);
  CHECK(slots->read(4000000).error().code == Errc::kNotFound);
  CHECK(dir.peek('a', 0, fs::file_size(dir.file('a'))) == dir.peek('b', 0, fs::file_size(dir.file('b'))));
}

TEST_CASE("the files are byte for byte those of FORMAT.md") {
  const TempDir dir;
  auto slots = *KeySlots::create(dir.str(), kVault);
  REQUIRE(slots->write({{2, {0xde, 0xad}}}));
  CHECK(to_hex(dir.peek('a', 0, 28)) == "464b534c4f54530000010080" + to_hex(kVault));
  const Bytes slot = dir.peek('b', at(2), kSlotSize);
  CHECK(to_hex(ByteView(slot).first(6)) == "0102dead0000");
  const Digest digest = sha256(
      {as_bytes(std::string_view("facekeep/slot/v1\0", 17)), kVault, Bytes{0, 0, 0, 2}, ByteView(slot).first(112)});
  CHECK(to_hex(ByteView(slot).last(16)) == to_hex(ByteView(digest).first(16)));
}

TEST_CASE("an erased slot is zero in both files, at once and after reopening, and can be used again") {
  const TempDir dir;
  auto slots = *KeySlots::create(dir.str(), kVault);
  REQUIRE(slots->write({{4, kKey}, {5, kOther}}));
  REQUIRE(slots->erase({4, 9, 50000000}));
  CHECK(slots->read(4).error().code == Errc::kNotFound);
  CHECK(dir.peek('a', at(4), kSlotSize) == kZero);
  CHECK(dir.peek('b', at(4), kSlotSize) == kZero);
  CHECK(*slots->read(5) == kOther);
  CHECK(slots->write({{4, kOther}}));
  slots.reset();
  CHECK(*(*KeySlots::open(dir.str(), kVault))->read(4) == kOther);
}

TEST_CASE("a live slot is never overwritten, and a refused write changes nothing") {
  const TempDir dir;
  auto slots = *KeySlots::create(dir.str(), kVault);
  REQUIRE(slots->write({{4, kKey}}));
  CHECK(slots->write({{3, kOther}, {4, kOther}}).error().code == Errc::kConflict);
  CHECK(slots->write({{3, kOther}, {3, kKey}}).error().code == Errc::kInvalidArgument);
  CHECK(slots->write({{3, {}}}).error().code == Errc::kInvalidArgument);
  CHECK(slots->write({{3, Bytes(kMaxSlotData + 1)}}).error().code == Errc::kInvalidArgument);
  CHECK(slots->write({{kMaxSlots, kKey}}).error().code == Errc::kExhausted);
  CHECK(*slots->read(4) == kKey);
  CHECK(*slots->in_use() == std::vector<std::uint32_t>{4});
}

TEST_CASE("a torn copy is healed from the other one, whichever it is") {
  for (const char copy : {'a', 'b'}) {
    for (const Bytes& damage : {Bytes(40, 0xee), kZero, Bytes(1, 0)}) {
      const TempDir dir;
      auto slots = *KeySlots::create(dir.str(), kVault);
      REQUIRE(slots->write({{1, kOther}, {4, kKey}}));
      const Bytes good = dir.peek(copy, at(4), kSlotSize);
      dir.poke(copy, at(4), damage);
      CHECK(*slots->read(4) == kKey);
      CHECK(dir.peek(copy, at(4), kSlotSize) == good);
      CHECK(*slots->read(1) == kOther);
    }
  }
}

TEST_CASE("any flipped bit of a slot is noticed and healed") {
  const TempDir dir;
  auto slots = *KeySlots::create(dir.str(), kVault);
  REQUIRE(slots->write({{0, kKey}}));
  const Bytes good = dir.peek('a', at(0), kSlotSize);
  for (std::size_t bit = 0; bit < kSlotSize * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    REQUIRE(slot_state(kVault, 0, bad) == SlotState::kTorn);
  }
  CHECK(slot_state(kVault, 1, good) == SlotState::kTorn);   // moved to another place
  CHECK(slot_state(Id128{}, 0, good) == SlotState::kTorn);  // or another vault
  CHECK(slot_state(kVault, 0, ByteView(good).first(100)) == SlotState::kTorn);
}

TEST_CASE("two damaged copies, or two that differ, are named and stop nothing else") {
  const TempDir dir;
  auto slots = *KeySlots::create(dir.str(), kVault);
  REQUIRE(slots->write({{1, kOther}, {4, kKey}, {6, kKey}, {8, kOther}}));
  dir.poke('a', at(4) + 10, {1, 2, 3});
  dir.poke('b', at(4) + 90, {1, 2, 3});
  const SlotBytes other = make_slot(kVault, 6, kOther);
  dir.poke('b', at(6), Bytes(other.begin(), other.end()));
  dir.poke('b', at(8), kZero);
  CHECK(slots->read(4).error().code == Errc::kIntegrity);
  CHECK(slots->read(6).error().code == Errc::kIntegrity);
  std::map<std::uint32_t, Bytes> seen;
  const auto damaged = slots->for_each([&](std::uint32_t slot, ByteView data) -> Status {
    seen[slot] = to_bytes(data);
    return {};
  });
  CHECK(*damaged == std::vector<std::uint32_t>{4, 6});
  CHECK(seen == std::map<std::uint32_t, Bytes>{{1, kOther}, {8, kOther}});
  CHECK(slots->erase({4, 6}));
  CHECK(*slots->in_use() == std::vector<std::uint32_t>{1, 8});
}

TEST_CASE("whoever walks through all slots holds up nobody: what is visited may read, write and erase") {
  const TempDir dir;
  auto slots = *KeySlots::create(dir.str(), kVault);
  REQUIRE(slots->write({{1, kKey}, {8192, kOther}, {8193, kKey}}));
  std::vector<std::uint32_t> seen;
  const auto walk = [&] {
    return slots->for_each([&](std::uint32_t slot, ByteView) -> Status {
      seen.push_back(slot);
      if (slot != 1) return {};
      FK_TRY(const Bytes other, slots->read(8192));
      if (other != kOther) return make_error(Errc::kInternal, "another key");
      FK_CHECK(slots->write({{8200, kKey}}));
      return slots->erase({8193});
    });
  };
  // One that waits for itself would wait for ever.
  auto done = std::async(std::launch::async, walk);
  if (done.wait_for(std::chrono::seconds(20)) != std::future_status::ready) std::abort();
  REQUIRE(done.get());
  CHECK(seen == std::vector<std::uint32_t>{1, 8192, 8200});
}

TEST_CASE("a crash between the copies of a write leaves a slot that recovery finds and clears") {
  const TempDir dir;
  auto slots = *KeySlots::create(dir.str(), kVault);
  REQUIRE(slots->write({{1, kOther}, {4, kKey}}));
  slots.reset();
  dir.poke('b', at(4), kZero);  // a was synced, b was not
  slots = *KeySlots::open(dir.str(), kVault);
  CHECK(*slots->in_use() == std::vector<std::uint32_t>{1, 4});
  CHECK(slots->write({{4, kOther}}).error().code == Errc::kConflict);
  REQUIRE(slots->erase({4}));  // no event owns it
  CHECK(*slots->in_use() == std::vector<std::uint32_t>{1});
  CHECK(dir.peek('a', at(4), kSlotSize) == kZero);
}

TEST_CASE("a crash between the copies of an erasure leaves a slot that recovery finds and clears") {
  const TempDir dir;
  auto slots = *KeySlots::create(dir.str(), kVault);
  REQUIRE(slots->write({{4, kKey}}));
  slots.reset();
  dir.poke('a', at(4), kZero);  // a was overwritten, b was not
  slots = *KeySlots::open(dir.str(), kVault);
  CHECK(*slots->in_use() == std::vector<std::uint32_t>{4});
  CHECK(slots->write({{4, kOther}}).error().code == Errc::kConflict);
  REQUIRE(slots->erase({4}));
  CHECK(dir.peek('b', at(4), kSlotSize) == kZero);
  CHECK(slots->in_use()->empty());
}

TEST_CASE("a missing or shortened file comes back from the other one") {
  for (const char lost : {'a', 'b'}) {
    const TempDir dir;
    auto slots = *KeySlots::create(dir.str(), kVault);
    REQUIRE(slots->write({{4, kKey}, {9000, kOther}}));
    slots.reset();
    fs::remove(dir.file(lost));
    slots = *KeySlots::open(dir.str(), kVault);
    CHECK(*slots->read(9000) == kOther);
    slots.reset();
    fs::resize_file(dir.file(lost), at(4) + 17);
    slots = *KeySlots::open(dir.str(), kVault);
    CHECK(*slots->read(4) == kKey);
    CHECK(*slots->read(9000) == kOther);
    slots.reset();
    CHECK(dir.peek('a', 0, fs::file_size(dir.file('a'))) == dir.peek('b', 0, fs::file_size(dir.file('b'))));
    fs::resize_file(dir.file(lost), 0);
    slots = *KeySlots::open(dir.str(), kVault);
    CHECK(*slots->read(4) == kKey);
  }
}

TEST_CASE("a damaged header is written again from the sound one") {
  for (const char lost : {'a', 'b'}) {
    const TempDir dir;
    (*KeySlots::create(dir.str(), kVault))->write({{1, kKey}}).value();
    dir.poke(lost, 3, {0xff});
    CHECK(*(*KeySlots::open(dir.str(), kVault))->read(1) == kKey);
    CHECK(dir.peek('a', 0, kSlotSize) == dir.peek('b', 0, kSlotSize));
  }
  const TempDir dir;
  (void)(*KeySlots::create(dir.str(), kVault)).get();
  dir.poke('a', 3, {0xff});
  dir.poke('b', 3, {0xff});
  CHECK(KeySlots::open(dir.str(), kVault).error().code == Errc::kIntegrity);
}

TEST_CASE("a header of a newer version is refused as one, and never written over") {
  const auto newer_header = [](const TempDir& dir, char copy) {
    Bytes header = dir.peek(copy, 0, kSlotSize);
    header[9] = 2;
    const Digest digest = sha256(ByteView(header).first(96));
    std::copy(digest.begin(), digest.end(), header.begin() + 96);
    dir.poke(copy, 0, header);
    return header;
  };
  for (const std::string copies : {"a", "b", "ab"}) {
    CAPTURE(copies);
    const TempDir dir;
    (*KeySlots::create(dir.str(), kVault))->write({{1, kKey}}).value();
    std::map<char, Bytes> before;
    for (const char c : copies) before[c] = newer_header(dir, c);
    const auto opened = KeySlots::open(dir.str(), kVault);
    REQUIRE_FALSE(opened);
    CHECK(is_newer(opened.error()));
    CHECK(opened.error().message.find("a key-slot file has format 2") != std::string::npos);
    for (const auto& [c, header] : before) CHECK(dir.peek(c, 0, kSlotSize) == header);
  }
}

TEST_CASE("another vault's files, no files, and files that are there already are refused") {
  const TempDir dir;
  CHECK(KeySlots::open(dir.str(), kVault).error().code == Errc::kNotFound);
  (void)(*KeySlots::create(dir.str(), kVault)).get();
  CHECK(KeySlots::open(dir.str(), Id128{9}).error().code == Errc::kIntegrity);
  CHECK(KeySlots::create(dir.str(), kVault).error().code == Errc::kAlreadyExists);
  CHECK_FALSE(KeySlots::create(dir.str() + "/absent", kVault));
  const TempDir other;
  (void)(*KeySlots::create(other.str(), Id128{9})).get();
  fs::copy_file(other.file('b'), dir.file('b'), fs::copy_options::overwrite_existing);
  CHECK(KeySlots::open(dir.str(), kVault).error().code == Errc::kIntegrity);
}

TEST_CASE("a second owner is refused while the first one lives") {
  const TempDir dir;
  auto slots = *KeySlots::create(dir.str(), kVault);
  CHECK(KeySlots::open(dir.str(), kVault).error().code == Errc::kUnavailable);
  slots.reset();
  CHECK(KeySlots::open(dir.str(), kVault));
}

TEST_CASE("a disk that is full refuses the write, changes nothing, and works again with room") {
  const TempDir dir;
  auto slots = *KeySlots::create(dir.str(), kVault);
  REQUIRE(slots->write({{0, kKey}}));
  const auto before = fs::file_size(dir.file('a'));
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &old) == 0);
  rlimit small = old;
  small.rlim_cur = before + 4096;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const Status refused = slots->write({{1, kKey}, {20000, kOther}});
  REQUIRE(setrlimit(RLIMIT_FSIZE, &old) == 0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kOutOfSpace);
  CHECK(fs::file_size(dir.file('a')) == before);
  CHECK(fs::file_size(dir.file('b')) == before);
  CHECK(*slots->in_use() == std::vector<std::uint32_t>{0});
  CHECK(slots->erase({0}));
  CHECK(slots->write({{1, kKey}, {20000, kOther}}));
  CHECK(*slots->read(20000) == kOther);
}

TEST_CASE("slot headers and slots parse any bytes") {
  for (int i = 0; i < 1000; ++i) {
    const auto raw = random_array<128>();
    CHECK_FALSE(parse_slot_header(raw));
    CHECK(slot_state(kVault, 0, raw) == SlotState::kTorn);
  }
  SlotBytes header = make_slot_header(kVault);
  CHECK(*parse_slot_header(header) == kVault);
  for (std::size_t bit = 0; bit < kSlotSize * 8; ++bit) {
    SlotBytes bad = header;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    REQUIRE_FALSE(parse_slot_header(bad));
  }
  CHECK_FALSE(parse_slot_header(ByteView(header).first(127)));
}

TEST_CASE("a slot or header with anything but zeros in its unused bytes is not taken, whatever its digest") {
  const Bytes data(10, 0x11);
  SlotBytes slot = make_slot(kVault, 7, data);
  REQUIRE(slot_state(kVault, 7, slot) == SlotState::kGood);
  slot[12] = 1;  // behind the data; and the digest that fits
  Bytes number;
  append_be32(number, 7);
  const Digest d =
      sha256({as_bytes(std::string_view("facekeep/slot/v1\0", 17)), kVault, number, ByteView(slot).first(112)});
  std::copy_n(d.begin(), 16, slot.begin() + 112);
  CHECK(slot_state(kVault, 7, slot) == SlotState::kTorn);

  SlotBytes header = make_slot_header(kVault);
  REQUIRE(parse_slot_header(header));
  header[40] = 1;
  const Digest h = sha256(ByteView(header).first(96));
  std::copy(h.begin(), h.end(), header.begin() + 96);
  CHECK_FALSE(parse_slot_header(header));
}
