#include "vault/store/keys.h"

#include <algorithm>

#include "vault/base/clock.h"

namespace facekeep::store::keys {
namespace {

constexpr std::size_t kDaySize = 10;

Bytes meta(char which) {
  return {static_cast<std::uint8_t>(Kind::kMeta), static_cast<std::uint8_t>(which)};
}

Bytes numbered(Kind kind, std::uint64_t number) {
  Bytes out = prefix(kind);
  append_be64(out, number);
  return out;
}

Error bad_key() {
  return make_error(Errc::kMalformed, "a key in the store has a wrong form",
                    "the store was altered from outside: restore a backup");
}

// The fields behind the prefix, if they are `size` bytes.
Result<ByteView> fields(Kind kind, ByteView key, std::size_t size) {
  if (key.size() != size + 1 || key[0] != static_cast<std::uint8_t>(kind)) return bad_key();
  return key.subspan(1);
}

Result<std::uint64_t> parse_numbered(Kind kind, ByteView key) {
  FK_TRY(const ByteView f, fields(kind, key, 8));
  return load_be64(f.data());
}

template <class Array>
Array array_at(ByteView bytes, std::size_t at) {
  Array out;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), out.size(), out.begin());
  return out;
}

}  // namespace

Bytes prefix(Kind kind) {
  return {static_cast<std::uint8_t>(kind)};
}

Bytes meta_format() {
  return meta('f');
}
Bytes meta_vault() {
  return meta('v');
}
Bytes meta_head() {
  return meta('h');
}
Bytes meta_spare() {
  return meta('s');
}

Bytes entry(std::uint64_t index) {
  return numbered(Kind::kEntry, index);
}
Bytes opening(std::uint64_t index) {
  return numbered(Kind::kOpening, index);
}
Bytes tile(std::uint8_t level, std::uint64_t index) {
  Bytes out = prefix(Kind::kTile);
  out.push_back(level);
  append_be64(out, index);
  return out;
}
Bytes checkpoint_latest() {
  return prefix(Kind::kCheckpoint);
}
Bytes checkpoint_cosigned() {
  Bytes out = checkpoint_latest();
  out.push_back('w');
  return out;
}
Bytes checkpoint_at(std::uint64_t size) {
  return numbered(Kind::kCheckpoint, size);
}

Result<Bytes> site_keys_of(std::string_view site) {
  if (site.empty() || site.size() > kMaxSite) {
    return make_error(Errc::kInvalidArgument, "a site's name is 1 to 128 bytes");
  }
  Bytes out = prefix(Kind::kSiteKey);
  out.push_back(static_cast<std::uint8_t>(site.size()));
  out.insert(out.end(), site.begin(), site.end());
  return out;
}
Result<Bytes> site_key(std::string_view site, std::uint32_t epoch, SiteKeyKind kind) {
  FK_TRY(Bytes out, site_keys_of(site));
  append_be32(out, epoch);
  out.push_back(static_cast<std::uint8_t>(kind));
  return out;
}

Bytes record(const Id128& ref) {
  return concat(prefix(Kind::kRecord), ref);
}
Bytes template_of(const Id128& ref, const Id128& template_id) {
  return concat(prefix(Kind::kTemplate), ref, template_id);
}
Bytes templates_of(const Id128& ref) {
  return concat(prefix(Kind::kTemplate), ref);
}
Bytes subject_index(const Digest& tag) {
  return concat(prefix(Kind::kSubjectIndex), tag);
}

Result<Bytes> deleted_on(std::string_view day) {
  if (!parse_day(day)) return make_error(Errc::kInvalidArgument, "not a day", "days look like 2026-11-22");
  return concat(prefix(Kind::kDeleted), as_bytes(day));
}
Result<Bytes> deleted(std::string_view day, std::uint64_t entry) {
  FK_TRY(Bytes out, deleted_on(day));
  append_be64(out, entry);
  return out;
}
Bytes names(std::uint64_t entry) {
  return numbered(Kind::kNames, entry);
}

Result<std::uint64_t> parse_entry(ByteView key) {
  return parse_numbered(Kind::kEntry, key);
}
Result<std::uint64_t> parse_opening(ByteView key) {
  return parse_numbered(Kind::kOpening, key);
}
Result<TileKey> parse_tile(ByteView key) {
  FK_TRY(const ByteView f, fields(Kind::kTile, key, 9));
  return TileKey{f[0], load_be64(f.data() + 1)};
}
Result<std::uint64_t> parse_checkpoint_at(ByteView key) {
  return parse_numbered(Kind::kCheckpoint, key);
}

Result<SiteKey> parse_site_key(ByteView key) {
  if (key.size() < 2 || key[1] == 0 || key[1] > kMaxSite) return bad_key();
  const std::size_t length = key[1];
  FK_TRY(const ByteView f, fields(Kind::kSiteKey, key, 1 + length + 4 + 1));
  if (as_chars(f.last(1)).find_first_of("msMSb") != 0) return bad_key();
  return SiteKey{std::string(as_chars(f.subspan(1, length))), load_be32(f.data() + 1 + length),
                 static_cast<SiteKeyKind>(f.back())};
}

Result<Id128> parse_record(ByteView key) {
  FK_TRY(const ByteView f, fields(Kind::kRecord, key, 16));
  return array_at<Id128>(f, 0);
}
Result<TemplateKey> parse_template(ByteView key) {
  FK_TRY(const ByteView f, fields(Kind::kTemplate, key, 32));
  return TemplateKey{array_at<Id128>(f, 0), array_at<Id128>(f, 16)};
}
Result<Digest> parse_subject_index(ByteView key) {
  FK_TRY(const ByteView f, fields(Kind::kSubjectIndex, key, 32));
  return array_at<Digest>(f, 0);
}
Result<DeletedKey> parse_deleted(ByteView key) {
  FK_TRY(const ByteView f, fields(Kind::kDeleted, key, kDaySize + 8));
  const std::string_view day = as_chars(f.first(kDaySize));
  if (!parse_day(day)) return bad_key();
  return DeletedKey{std::string(day), load_be64(f.data() + kDaySize)};
}
Result<std::uint64_t> parse_names(ByteView key) {
  return parse_numbered(Kind::kNames, key);
}

}  // namespace facekeep::store::keys
