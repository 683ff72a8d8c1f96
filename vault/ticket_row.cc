#include "vault/ticket_row.h"

#include <algorithm>

#include "vault/ledger/genesis.h"
#include "vault/ledger/json_reader.h"

namespace facekeep {
namespace {

constexpr std::size_t kMaxKeys = 2 * (ledger::kMaxSites + 1);  // of two epochs, and the vault's own
constexpr std::size_t kMaxBlob = 4096;                         // base64

Bytes read_blob(ledger::ObjectReader& r, const char* key) {
  auto bytes = from_base64(r.text(key, kMaxBlob));
  if (bytes) return std::move(*bytes);
  r.fail(std::string(key) + " is not base64");
  return {};
}

}  // namespace

const seal::SealedSiteKey* TicketRow::find(const std::string& name, std::uint32_t epoch) const {
  const auto it =
      std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name && k.epoch == epoch; });
  return it == keys.end() ? nullptr : &it->sealed;
}

Result<Bytes> format_ticket_row(const TicketRow& row) {
  Json keys = Json::array();
  for (const auto& k : row.keys) {
    Json j = {{"epoch", k.epoch}, {"main", to_base64(k.sealed.main)}, {"name", k.name}};
    if (!k.sealed.spare.empty()) j["spare"] = to_base64(k.sealed.spare);
    keys.push_back(std::move(j));
  }
  FK_TRY(const std::string text, canonical_json({{"half", to_base64(row.half)}, {"keys", std::move(keys)}, {"v", 1}}));
  return to_bytes(text);
}

Result<TicketRow> parse_ticket_row(ByteView bytes) {
  FK_TRY(const Json json, parse_canonical_json(as_chars(bytes)));
  ledger::ObjectReader r(json, "stored restart ticket");
  TicketRow row;
  r.integer("v", 1, 1);
  row.half = read_blob(r, "half");
  const Json& keys = r.array("keys", kMaxKeys);
  FK_CHECK(r.finish());
  for (const Json& j : keys) {
    ledger::ObjectReader k(j, "key of a stored restart ticket");
    TicketRow::Key key;
    key.name = k.text("name", ledger::kMaxSlug);
    key.epoch = static_cast<std::uint32_t>(k.integer("epoch", 1, 1000000));
    key.sealed.main = read_blob(k, "main");
    if (k.has("spare")) key.sealed.spare = read_blob(k, "spare");
    FK_CHECK(k.finish());
    row.keys.push_back(std::move(key));
  }
  return row;
}

}  // namespace facekeep
