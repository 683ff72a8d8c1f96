#include "vault/backup/format.h"

#include <random>

#include "tests/unit/backup/memory_file.h"
#include "vault/base/digest.h"
#include "vault/base/newer.h"

using namespace facekeep;
using namespace facekeep::test;
using namespace facekeep::backup;

namespace {

Header some_header() {
  Header h;
  h.vault = {1, 2, 3};
  h.size = 300;
  h.root = sha256(as_bytes("root"));
  h.root_epoch = 4;
  h.since = Since{100, sha256(as_bytes("since"))};
  return h;
}

struct File {
  Bytes bytes;
  Digest digest{};
};
File some_file() {
  File out;
  Writer w([&](ByteView b) -> Status {
    out.bytes.insert(out.bytes.end(), b.begin(), b.end());
    return {};
  });
  REQUIRE(w.begin(some_header()));
  REQUIRE(w.row(as_bytes("key"), as_bytes("value")));
  REQUIRE(w.row(as_bytes("empty"), {}));
  REQUIRE(w.row(as_bytes("long"), Bytes(300'000, 7)));
  REQUIRE(w.slot(4711, as_bytes("wrapped key")));
  REQUIRE(w.finish());
  REQUIRE(w.bytes() == out.bytes.size());
  out.digest = w.digest();
  return out;
}

}  // namespace

TEST_CASE("a backup reads back as it was written, and its digest is that of the whole file") {
  const File file = some_file();
  CHECK(file.digest == sha256(file.bytes));
  auto reader = Reader::open(source_of(file.bytes));
  REQUIRE(reader);
  CHECK(reader->header().vault == some_header().vault);
  CHECK(reader->header().size == 300);
  CHECK(reader->header().root == some_header().root);
  CHECK(reader->header().root_epoch == 4);
  CHECK(reader->header().since == some_header().since);
  const auto row = [&] {
    const auto record = reader->next();
    REQUIRE(record);
    REQUIRE(*record);
    return std::get<Row>(**record);
  };
  const Row first = row();
  CHECK(as_chars(first.key) == "key");
  CHECK(as_chars(first.value) == "value");
  CHECK(row().value.empty());
  CHECK(row().value.size() == 300'000);
  const auto slot = reader->next();
  REQUIRE((slot && *slot));
  CHECK(std::get<Slot>(**slot).slot == 4711);
  CHECK(as_chars(std::get<Slot>(**slot).data) == "wrapped key");
  for (int i = 0; i < 2; ++i) {  // the end stays the end
    const auto end = reader->next();
    REQUIRE(end);
    CHECK_FALSE(*end);
  }
  CHECK(reader->digest() == file.digest);
  CHECK(reader->bytes() == file.bytes.size());
}

TEST_CASE("a backup that is cut anywhere is refused") {
  const File file = some_file();
  REQUIRE(*read_all(file.bytes) == 4);
  std::size_t refused = 0;
  std::size_t tried = 0;
  for (std::size_t size = 0; size < file.bytes.size(); size += size < 1000 || size > 299'000 ? 1 : 997) {
    ++tried;
    const auto cut = read_all({file.bytes.begin(), file.bytes.begin() + static_cast<std::ptrdiff_t>(size)});
    refused += !cut && cut.error().code == Errc::kMalformed;
  }
  CHECK(refused == tried);
  CHECK(tried > 2000);
}

TEST_CASE("a bit that is flipped anywhere in a backup is found") {
  const File file = some_file();
  std::mt19937_64 random(1);
  std::size_t found = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    Bytes altered = file.bytes;
    // Half of them where the structure is: the long value is most of the file.
    std::size_t at = random() % altered.size();
    if (i % 2 == 0) at = at % 2 == 0 ? random() % 200 : altered.size() - 1 - random() % 120;
    altered[at] ^= static_cast<std::uint8_t>(1U << (random() % 8));
    found += !read_all(altered).has_value();
  }
  CHECK(found == 1000);
}

TEST_CASE("what stands behind the end mark is refused, and lengths that lie take no memory") {
  Bytes longer = some_file().bytes;
  longer.push_back(0);
  CHECK_FALSE(read_all(longer));
  Bytes lying = encode_header(some_header());
  for (const int b : {0x52, 0, 3, 1, 0xff, 0xff, 0xff, 0x6b, 0x65, 0x79}) lying.push_back(static_cast<std::uint8_t>(b));
  const auto read = read_all(lying);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == Errc::kMalformed);
}

TEST_CASE("a header says what can be") {
  const Bytes good = encode_header(some_header());
  REQUIRE(parse_header(good));
  const auto refused = [&](Header h) { return !parse_header(encode_header(h)); };
  Header h = some_header();
  h.size = 0;
  CHECK(refused(h));
  h = some_header();
  h.since->size = 300;
  CHECK(refused(h));
  h = some_header();
  h.since->digest = {};
  CHECK(refused(h));
  h.since.reset();
  CHECK_FALSE(refused(h));
  Bytes newer = good;
  newer[9] = 2;
  REQUIRE_FALSE(parse_header(newer));
  CHECK(is_newer(parse_header(newer).error()));
  CHECK(parse_header(newer).error().message.find("format 2") != std::string::npos);
  CHECK_FALSE(parse_header(as_bytes("a file of something else")));
}

TEST_CASE("records beyond the limits are not written") {
  Writer w([](ByteView) { return Status(); });
  REQUIRE(w.begin(some_header()));
  CHECK_FALSE(w.row({}, as_bytes("value")));
  CHECK_FALSE(w.row(Bytes(kMaxKey + 1), {}));
  CHECK_FALSE(w.slot(1, {}));
  CHECK_FALSE(w.slot(1, Bytes(kMaxSlotBytes + 1)));
}
