#include "vault/store/keys.h"

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::store;

namespace {

Id128 id(std::uint8_t fill) {
  Id128 out;
  out.fill(fill);
  return out;
}

}  // namespace

TEST_CASE("keys have the layout that the header gives") {
  CHECK(to_hex(keys::entry(258)) == "650000000000000102");
  CHECK(to_hex(keys::opening(1)) == "6f0000000000000001");
  CHECK(to_hex(keys::tile(1, 2)) == "74010000000000000002");
  CHECK(to_hex(keys::checkpoint_latest()) == "63");
  CHECK(to_hex(keys::checkpoint_at(3)) == "630000000000000003");
  CHECK(as_chars(*keys::site_key("east", 1, keys::SiteKeyKind::kSpare)) == std::string_view("s\x04"
                                                                                            "east\0\0\0\x01s",
                                                                                            11));
  CHECK(keys::record(id(7)).size() == 17);
  CHECK(keys::template_of(id(7), id(8)).size() == 33);
  CHECK(keys::subject_index(Digest{}).size() == 33);
  CHECK(as_chars(*keys::deleted("2026-11-22", 0)).starts_with("d2026-11-22"));
  CHECK(keys::names(0).size() == 9);
}

TEST_CASE("byte order of numbered keys is the order of the log") {
  std::uint64_t last = 0;
  for (const std::uint64_t n : {1ull, 255ull, 256ull, 65535ull, 65536ull, 1ull << 40, ~0ull}) {
    CHECK(keys::entry(last) < keys::entry(n));
    last = n;
  }
}

TEST_CASE("every key parses to what it was built from") {
  CHECK(*keys::parse_entry(keys::entry(~0ull)) == ~0ull);
  CHECK(*keys::parse_opening(keys::opening(5)) == 5);
  const auto tile = keys::parse_tile(keys::tile(7, 99));
  CHECK(tile->level == 7);
  CHECK(tile->index == 99);
  CHECK(*keys::parse_checkpoint_at(keys::checkpoint_at(8)) == 8);
  const auto site = keys::parse_site_key(*keys::site_key(std::string(128, 'x'), 9, keys::SiteKeyKind::kMain));
  CHECK(site->site == std::string(128, 'x'));
  CHECK(site->epoch == 9);
  CHECK(site->kind == keys::SiteKeyKind::kMain);
  for (const auto kind : {keys::SiteKeyKind::kMain, keys::SiteKeyKind::kSpare, keys::SiteKeyKind::kMainAgain,
                          keys::SiteKeyKind::kSpareAgain, keys::SiteKeyKind::kMainBefore}) {
    CHECK(keys::parse_site_key(*keys::site_key("east", 1, kind))->kind == kind);
  }
  Bytes unknown = *keys::site_key("east", 1, keys::SiteKeyKind::kMain);
  unknown.back() = 'x';
  CHECK_FALSE(keys::parse_site_key(unknown));
  CHECK(*keys::parse_record(keys::record(id(3))) == id(3));
  const auto t = keys::parse_template(keys::template_of(id(3), id(4)));
  CHECK(t->ref == id(3));
  CHECK(t->template_id == id(4));
  Digest tag;
  tag.fill(6);
  CHECK(*keys::parse_subject_index(keys::subject_index(tag)) == tag);
  const auto deleted = keys::parse_deleted(*keys::deleted("2026-02-28", 77));
  CHECK(deleted->day == "2026-02-28");
  CHECK(deleted->entry == 77);
  CHECK(*keys::parse_names(keys::names(4)) == 4);
}

TEST_CASE("a site's prefix is not that of a site whose name continues it") {
  const Bytes prefix = *keys::site_keys_of("east");
  const Bytes other = *keys::site_key("eastern", 0, keys::SiteKeyKind::kMain);
  CHECK_FALSE(std::equal(prefix.begin(), prefix.end(), other.begin()));
}

TEST_CASE("keys can't be built from values outside their limits") {
  CHECK_FALSE(keys::site_key("", 0, keys::SiteKeyKind::kMain));
  CHECK_FALSE(keys::site_key(std::string(129, 'x'), 0, keys::SiteKeyKind::kMain));
  CHECK_FALSE(keys::deleted("2026-02-30", 0));
  CHECK_FALSE(keys::deleted("", 0));
}

TEST_CASE("every key cut short, lengthened or of another kind is refused") {
  const Bytes all[] = {keys::entry(1),
                       keys::opening(1),
                       keys::tile(1, 1),
                       keys::checkpoint_at(1),
                       *keys::site_key("a", 1, keys::SiteKeyKind::kMain),
                       keys::record(id(1)),
                       keys::template_of(id(1), id(2)),
                       keys::subject_index(Digest{}),
                       *keys::deleted("2026-11-22", 1),
                       keys::names(1),
                       keys::meta_head(),
                       Bytes()};
  const auto parses = [](ByteView k) {
    return int{keys::parse_entry(k).has_value()} + int{keys::parse_opening(k).has_value()} +
           int{keys::parse_tile(k).has_value()} + int{keys::parse_checkpoint_at(k).has_value()} +
           int{keys::parse_site_key(k).has_value()} + int{keys::parse_record(k).has_value()} +
           int{keys::parse_template(k).has_value()} + int{keys::parse_subject_index(k).has_value()} +
           int{keys::parse_deleted(k).has_value()} + int{keys::parse_names(k).has_value()};
  };
  for (const Bytes& key : all) {
    INFO(to_hex(key));
    CHECK(parses(key) == (key.size() > 2 ? 1 : 0));
    CHECK(parses(concat(key, Bytes{0})) == 0);
    for (std::size_t n = 0; n < key.size(); ++n) CHECK(parses(ByteView(key).first(n)) == 0);
  }
}
