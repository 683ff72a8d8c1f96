// Writer and reader of what recovery.h names.
#include <algorithm>

#include "vault/ledger/json_reader.h"
#include "vault/ledger/recovery.h"

namespace facekeep::ledger {
namespace {

constexpr std::int64_t kMaxEntry = 9007199254740991;  // 2^53 - 1
constexpr std::size_t kMaxOriginText = 120;           // as in genesis

Json tree_json(const TreeAt& t) {
  return {{"root", to_hex(t.root)}, {"size", t.size}};
}

Result<TreeAt> tree_from_json(const Json& value, const std::string& what) {
  ObjectReader r(value, what);
  TreeAt t{static_cast<std::uint64_t>(r.integer("size", 1, kMaxEntry)), r.hex<32>("root")};
  FK_CHECK(r.finish());
  return t;
}

Json token_json(const TokenEvidence& t) {
  return {{"class", t.token_class},         {"firmware", t.firmware}, {"log_sign", to_json(t.log_sign)},
          {"manufacturer", t.manufacturer}, {"model", t.model},       {"serial", t.serial}};
}

Result<TokenEvidence> token_from_json(const Json& value) {
  ObjectReader r(value, "token of a recovery");
  TokenEvidence t;
  t.manufacturer = r.text("manufacturer", 64);
  t.model = r.text("model", 64);
  t.serial = r.text("serial", 64);
  t.firmware = r.text("firmware", 64);
  t.token_class = r.text("class", 16);
  const Json& log_sign = r.object("log_sign");
  FK_CHECK(r.finish());
  FK_TRY(t.log_sign, key_evidence_from_json(log_sign, "log key of a recovery"));
  return t;
}

Result<Loss> loss_from_json(const Json& value) {
  ObjectReader r(value, "loss of a recovery");
  Loss loss{r.text("origin", kMaxOriginText), {}};
  const Json& newest = r.object("newest");
  FK_CHECK(r.finish());
  FK_TRY(loss.newest, tree_from_json(newest, "newest checkpoint of a loss"));
  return loss;
}

// The fields that an entry and a statement share. The reader is finished.
Result<Recovered> read_body(ObjectReader& r, bool with_signatures) {
  Recovered e;
  e.kind = r.text("kind", 16);
  const auto& kinds = recovery_kinds();
  if (r.ok() && std::find(kinds.begin(), kinds.end(), e.kind) == kinds.end()) r.fail("kind is not in its list");
  e.log_key = r.text("log_key", kMaxVkey);
  if (r.has("spare")) e.spare = r.hex<32>("spare");
  e.made = r.time("made");
  const Json& token = r.object("token");
  const Json& at = r.object("at");
  const Json* loss = r.has("loss") ? &r.object("loss") : nullptr;
  const Json* signatures = with_signatures ? &r.array("signatures", kMaxGenesisSignatures) : nullptr;
  FK_CHECK(r.finish());
  FK_TRY(e.token, token_from_json(token));
  FK_TRY(e.at, tree_from_json(at, "log before a recovery"));
  if (loss != nullptr) {
    FK_TRY(e.loss, loss_from_json(*loss));
  }
  if (signatures != nullptr) {
    FK_TRY(e.signatures, signatures_from_json(*signatures, "signature of a recovery"));
  }
  return e;
}

}  // namespace

Json to_json(const Recovered& e, bool with_signatures) {
  Json j = {{"at", tree_json(e.at)},
            {"kind", e.kind},
            {"log_key", e.log_key},
            {"made", format_time(e.made)},
            {"token", token_json(e.token)}};
  if (e.spare) j["spare"] = to_hex(*e.spare);
  if (e.loss) j["loss"] = {{"newest", tree_json(e.loss->newest)}, {"origin", e.loss->origin}};
  if (with_signatures) j["signatures"] = to_json(e.signatures);
  return j;
}

Result<Recovered> recovered_from_json(const Json& value) {
  ObjectReader r(value, "recovered event");
  return read_body(r, true);
}

Result<std::string> recovery_statement(const Recovered& e, const Id128& vault) {
  Json j = to_json(e, false);
  j["v"] = 1;
  j["vault"] = to_hex(vault);
  j["verb"] = "recovered";
  return canonical_json(j);
}

Result<Recovered> recovery_from_statement(std::string_view statement, const Id128& vault) {
  FK_TRY(const Json j, parse_canonical_json(statement));
  ObjectReader r(j, "statement of a recovery");
  r.integer("v", 1, 1);
  const Id128 of = r.hex<16>("vault");
  if (r.text("verb", 16) != "recovered") r.fail("verb is not \"recovered\"");
  FK_TRY(Recovered e, read_body(r, false));
  if (of == vault) return e;
  return make_error(Errc::kInvalidArgument, "the statement is about another vault",
                    "compare the vault's id in it with the one on the notice");
}

}  // namespace facekeep::ledger
