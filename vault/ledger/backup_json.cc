#include "vault/ledger/backup_json.h"

#include "vault/ledger/genesis.h"
#include "vault/ledger/json_reader.h"

namespace facekeep::ledger {
namespace {

constexpr std::size_t kMaxPrincipalId = kMaxSlug + 8;
constexpr std::int64_t kMaxEntry = 9007199254740991;  // 2^53 - 1

}  // namespace

Json to_json(const BackupMade& e) {
  return {{"by", e.by}, {"digest", to_hex(e.digest)}, {"root", to_hex(e.root)}, {"since", e.since}, {"size", e.size}};
}

Json to_json(const Restored& e) {
  return {{"entries", e.entries}, {"size", e.size}, {"subjects", e.subjects}};
}

template <>
Result<BackupMade> backup_event_from_json(const Json& j) {
  ObjectReader r(j, "backup-made event");
  BackupMade e;
  e.by = r.text("by", kMaxPrincipalId);
  e.digest = r.hex<32>("digest");
  e.root = r.hex<32>("root");
  e.since = static_cast<std::uint64_t>(r.integer("since", 0, kMaxEntry));
  e.size = static_cast<std::uint64_t>(r.integer("size", 1, kMaxEntry));
  FK_CHECK(r.finish());
  return e;
}

template <>
Result<Restored> backup_event_from_json(const Json& j) {
  ObjectReader r(j, "restored event");
  Restored e;
  e.entries = static_cast<std::uint64_t>(r.integer("entries", 0, kMaxEntry));
  e.size = static_cast<std::uint64_t>(r.integer("size", 1, kMaxEntry));
  e.subjects = static_cast<std::uint64_t>(r.integer("subjects", 0, kMaxEntry));
  FK_CHECK(r.finish());
  return e;
}

}  // namespace facekeep::ledger
