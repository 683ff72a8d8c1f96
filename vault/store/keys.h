// The names of what the vault stores: one prefix byte for each kind, then fixed fields, integers
// big-endian, so that byte order is log order.
//
//   'm'  meta          1 byte: which (see below)
//   'e'  entries       entry u64                      leaf bytes, canonical JSON
//   'o'  openings      entry u64                      of private entries
//   't'  tiles         level u8, index u64            full tiles only, 8192 bytes
//   'c'  checkpoint    nothing: the latest; 'w': the newest with a quorum of cosignatures; size u64: reserved
//   's'  site keys     length u8, site, epoch u32, kind u8 ('m' main token, 's' spare)
//   'r'  records       subject ref, 16 bytes          sealed
//   'p'  templates     subject ref 16, template id 16 sealed
//   'x'  subject index keyed tag, 32 bytes            -> subject ref
//   'd'  deleted ids   day "2026-11-22", entry u64    sealed, for the changes feed
//   'n'  names         entry u64                      the sealed register of people: of genesis, of a proposal
//
// Key names outlive their values in the engine's own files until it is reopened, so none may hold
// anything personal: a subject's name or outside id is never part of a key. Parsing refuses with
// kMalformed whatever building does not make.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::store::keys {

inline constexpr std::size_t kMaxSite = 128;  // bytes of a site's name

// Prefixes to scan with.
enum class Kind : std::uint8_t {
  kMeta = 'm',
  kEntry = 'e',
  kOpening = 'o',
  kTile = 't',
  kCheckpoint = 'c',
  kSiteKey = 's',
  kRecord = 'r',
  kTemplate = 'p',
  kSubjectIndex = 'x',
  kDeleted = 'd',
  kNames = 'n',
};
Bytes prefix(Kind kind);

// The other two: a key from before a re-share, sealed again to its unseal key, beside the row for the cards before.
enum class SiteKeyKind : std::uint8_t {
  kMain = 'm',
  kSpare = 's',
  kMainAgain = 'M',
  kSpareAgain = 'S',
  kMainBefore = 'b'
};

// Meta: the store's format version (u32), the vault id (16 bytes), the log head (u64), the spare token's public key
// (PEM; only where genesis names one). Format and head are the store's own: a batch must not touch them.
Bytes meta_format();
Bytes meta_vault();
Bytes meta_head();
Bytes meta_spare();

Bytes entry(std::uint64_t index);
Bytes opening(std::uint64_t index);
Bytes tile(std::uint8_t level, std::uint64_t index);
Bytes checkpoint_latest();
Bytes checkpoint_cosigned();
Bytes checkpoint_at(std::uint64_t size);
// kInvalidArgument unless the site's name is 1 to kMaxSite bytes.
Result<Bytes> site_key(std::string_view site, std::uint32_t epoch, SiteKeyKind kind);
Result<Bytes> site_keys_of(std::string_view site);  // prefix: all epochs and kinds of the site
Bytes record(const Id128& ref);
Bytes template_of(const Id128& ref, const Id128& template_id);
Bytes templates_of(const Id128& ref);  // prefix
Bytes subject_index(const Digest& tag);
// kInvalidArgument unless the day exists (vault/base/clock.h, parse_day).
Result<Bytes> deleted(std::string_view day, std::uint64_t entry);
Result<Bytes> deleted_on(std::string_view day);  // prefix
Bytes names(std::uint64_t entry);

struct TileKey {
  std::uint8_t level = 0;
  std::uint64_t index = 0;
};
struct SiteKey {
  std::string site;
  std::uint32_t epoch = 0;
  SiteKeyKind kind = SiteKeyKind::kMain;
};
struct TemplateKey {
  Id128 ref{};
  Id128 template_id{};
};
struct DeletedKey {
  std::string day;
  std::uint64_t entry = 0;
};
Result<std::uint64_t> parse_entry(ByteView key);
Result<std::uint64_t> parse_opening(ByteView key);
Result<TileKey> parse_tile(ByteView key);
Result<std::uint64_t> parse_checkpoint_at(ByteView key);  // not the latest's key
Result<SiteKey> parse_site_key(ByteView key);
Result<Id128> parse_record(ByteView key);
Result<TemplateKey> parse_template(ByteView key);
Result<Digest> parse_subject_index(ByteView key);
Result<DeletedKey> parse_deleted(ByteView key);
Result<std::uint64_t> parse_names(ByteView key);

}  // namespace facekeep::store::keys
