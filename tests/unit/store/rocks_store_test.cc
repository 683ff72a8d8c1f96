#include "vault/store/rocks_store.h"

#include <rocksdb/db.h>

#include <fstream>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/unit/store/store_fixture.h"
#include "tests/unit/store/temp_dir.h"
#include "vault/base/newer.h"
#include "vault/store/keys.h"

using namespace facekeep;
using namespace facekeep::store;
using namespace facekeep::store_test;

namespace {

std::vector<std::string> scanned(const Store& s, std::string_view prefix, std::string_view from = {}) {
  std::vector<std::string> out;
  CHECK(s.scan(as_bytes(prefix), as_bytes(from), [&](ByteView k, ByteView) {
    out.emplace_back(as_chars(k));
    return true;
  }));
  return out;
}

Batch put(std::uint64_t before, std::uint64_t after, std::vector<std::string> keys) {
  Batch b;
  b.head_before = before;
  b.head_after = after;
  for (const std::string& k : keys) b.puts.push_back({to_bytes(k), to_bytes("v" + k)});
  return b;
}

}  // namespace

TEST_CASE("a commit writes all of its batch and moves the head") {
  const TempDir dir;
  auto s = *RocksStore::open(small_options(dir.path()));
  CHECK(*s->head() == 0);
  Batch b = put(0, 3, {"ea", "eb"});
  REQUIRE(s->commit(b, Urgency::kOrdinary));
  CHECK(*s->head() == 3);
  CHECK(as_chars(**s->get(as_bytes("ea"))) == "vea");
  CHECK_FALSE(s->get(as_bytes("ec"))->has_value());
  Batch remove = put(3, 3, {"ec"});
  remove.deletes = {to_bytes("ea")};
  REQUIRE(s->commit(remove, Urgency::kOrdinary));
  CHECK(scanned(*s, "e") == std::vector<std::string>{"eb", "ec"});
}

TEST_CASE("a batch for another head is a conflict and changes nothing") {
  const TempDir dir;
  auto s = *RocksStore::open(small_options(dir.path()));
  REQUIRE(s->commit(put(0, 5, {"ea"}), Urgency::kOrdinary));
  for (const std::uint64_t wrong : {0ull, 4ull, 6ull, ~0ull}) {
    CHECK(s->commit(put(wrong, wrong, {"eb"}), Urgency::kOrdinary).error().code == Errc::kConflict);
  }
  CHECK(*s->head() == 5);
  CHECK(scanned(*s, "e") == std::vector<std::string>{"ea"});
  CHECK(s->commit(put(5, 6, {"eb"}), Urgency::kOrdinary));
}

TEST_CASE("a batch that is wrong in itself is refused and changes nothing") {
  const TempDir dir;
  auto s = *RocksStore::open(small_options(dir.path()));
  REQUIRE(s->commit(put(0, 2, {"ea"}), Urgency::kOrdinary));
  CHECK(s->commit(put(2, 1, {"eb"}), Urgency::kOrdinary).error().code == Errc::kInvalidArgument);
  CHECK(s->commit(put(2, 3, {""}), Urgency::kOrdinary).error().code == Errc::kInvalidArgument);
  Batch own = put(2, 3, {"eb"});
  own.deletes = {keys::meta_head()};
  CHECK(s->commit(own, Urgency::kOrdinary).error().code == Errc::kInvalidArgument);
  own.deletes.clear();
  own.puts.push_back({keys::meta_format(), {1}});
  CHECK(s->commit(own, Urgency::kOrdinary).error().code == Errc::kInvalidArgument);
  Batch large = put(2, 3, {"eb"});
  large.puts[0].value.resize(kMaxBatchBytes);
  CHECK(s->commit(large, Urgency::kOrdinary).error().code == Errc::kTooLarge);
  CHECK(*s->head() == 2);
  CHECK(scanned(*s, "e") == std::vector<std::string>{"ea"});
}

TEST_CASE("a scan visits a prefix in byte order, from where it is told, until it is stopped") {
  const TempDir dir;
  auto s = *RocksStore::open(small_options(dir.path()));
  REQUIRE(s->commit(put(0, 1,
                        {"a", "b", "b1", "b2", "b3", "c", "\xff", "\xff\xff",
                         "\xff\xff"
                         "1"}),
                    Urgency::kOrdinary));
  CHECK(scanned(*s, "b") == std::vector<std::string>{"b", "b1", "b2", "b3"});
  CHECK(scanned(*s, "b", "b2") == std::vector<std::string>{"b2", "b3"});
  CHECK(scanned(*s, "b", "a") == std::vector<std::string>{"b", "b1", "b2", "b3"});
  CHECK(scanned(*s, "b", "c").empty());
  CHECK(scanned(*s, "\xff\xff") == std::vector<std::string>{"\xff\xff",
                                                            "\xff\xff"
                                                            "1"});
  CHECK(scanned(*s, "d").empty());
  int visits = 0;
  CHECK(s->scan(as_bytes("b"), {}, [&](ByteView, ByteView) { return ++visits < 2; }));
  CHECK(visits == 2);
}

TEST_CASE("everything is there after closing and opening again") {
  const TempDir dir;
  RocksOptions o = small_options(dir.path());
  {
    auto s = *RocksStore::open(o);
    for (std::uint64_t n = 0; n < 200; ++n) REQUIRE(s->commit(numbered_batch(n, 8000), Urgency::kOrdinary));
  }
  o.create_if_missing = false;
  for (int round = 0; round < 2; ++round) {
    auto s = RocksStore::open(o);
    REQUIRE(s);
    CHECK(*(*s)->head() == 200);
    CHECK(holds_exactly(**s, 200, 8000));
    CHECK((*s)->check());
  }
}

TEST_CASE("opening where nothing is says so and makes nothing") {
  const TempDir dir;
  RocksOptions o = small_options(dir.path());
  o.create_if_missing = false;
  CHECK(RocksStore::open(o).error().code == Errc::kNotFound);
  CHECK_FALSE(std::filesystem::exists(o.dir));
}

TEST_CASE("a database of somebody else or of a newer version is refused") {
  const TempDir dir;
  RocksOptions o = small_options(dir.path());
  const auto write = [&](const std::string& key, const std::string& value) {
    rocksdb::Options ro;
    ro.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    REQUIRE(rocksdb::DB::Open(ro, o.dir.string(), &db).ok());
    REQUIRE(db->Put({}, key, value).ok());
    delete db;
  };
  write("somebody", "else");
  CHECK(RocksStore::open(o).error().code == Errc::kIntegrity);
  write(std::string(as_chars(keys::meta_format())), std::string("\0\0\0\x02", 4));
  const auto newer = RocksStore::open(o);
  CHECK(is_newer(newer.error()));
  CHECK(newer.error().message.find("the store has format 2") != std::string::npos);
  CHECK(newer.error().message.find("reads format 1") != std::string::npos);
  write(std::string(as_chars(keys::meta_format())), std::string("\0\0\0\0", 4));
  CHECK(RocksStore::open(o).error().code == Errc::kIntegrity);
  write(std::string(as_chars(keys::meta_format())), std::string("\0\0\0\x01", 4));
  CHECK(RocksStore::open(o).error().code == Errc::kIntegrity);  // no head
}

TEST_CASE("tries to open", "[.][child-open]") {
  const auto dir = child_dir();
  REQUIRE_FALSE(dir.empty());
  const auto s = RocksStore::open(small_options(dir));
  report(s ? 100 : static_cast<std::uint64_t>(s.error().code));
}

TEST_CASE("only one process can have the store, and a try from inside changes nothing") {
  const TempDir dir;
  const auto locked_out = [&] {
    const Child child("[child-open]", dir.path());
    const std::uint64_t answer = child.last_number(99);
    child.wait();
    return answer;
  };
  {
    auto s = *RocksStore::open(small_options(dir.path()));
    const auto second = RocksStore::open(small_options(dir.path()));
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Errc::kUnavailable);
    CHECK(locked_out() == static_cast<std::uint64_t>(Errc::kUnavailable));
  }
  CHECK(locked_out() == 100);
}

TEST_CASE("the engine's own log stays small and names no keys") {
  const TempDir dir;
  const RocksOptions o = small_options(dir.path());
  const std::string name = "r-this-is-a-record-key";
  {
    auto s = *RocksStore::open(o);
    for (std::uint64_t n = 0; n < 60; ++n) {
      Batch b = put(n, n + 1, {name + std::to_string(n)});
      b.puts[0].value.resize(100000);
      REQUIRE(s->commit(b, Urgency::kOrdinary));
    }
  }
  auto s = *RocksStore::open(o);
  std::uintmax_t size = 0;
  for (const auto& file : std::filesystem::directory_iterator(o.dir)) {
    if (!file.path().filename().string().starts_with("LOG")) continue;
    size += file.file_size();
    std::stringstream text;
    text << std::ifstream(file.path()).rdbuf();
    CHECK(text.str().find(name) == std::string::npos);
    CHECK(text.str().find(to_hex(as_bytes(name))) == std::string::npos);
  }
  CHECK(size > 0);
  CHECK(size < 200000);
}
