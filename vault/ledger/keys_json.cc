// Writers and readers of what keys.h names.
#include "vault/ledger/json_reader.h"
#include "vault/ledger/keys.h"

namespace facekeep::ledger {
namespace {

std::uint32_t read_epoch(ObjectReader& r, std::int64_t first) {
  return static_cast<std::uint32_t>(r.integer("epoch", first, kMaxEpoch));
}

std::optional<std::string> read_spare(ObjectReader& r) {
  if (!r.has("spare")) return std::nullopt;
  return r.text("spare", kMaxSparePem);
}

}  // namespace

Json to_json(const RotateKeys& a) {
  Json j = Json::object();
  if (a.spare) j["spare"] = *a.spare;
  return j;
}

Json to_json(const Reshare& a, bool with_signatures) {
  Json groups = Json::array();
  for (const auto& g : a.groups) groups.push_back(to_json(g));
  Json custodians = Json::array();
  for (const auto& p : a.custodians) custodians.push_back(to_json(p));
  Json rules = Json::object();
  for (const auto& [name, rule] : a.rules) rules[name] = to_json(rule);
  Json j = {{"custodians", std::move(custodians)}, {"groups", std::move(groups)},
            {"rules", std::move(rules)},           {"share_set", a.share_set},
            {"transcript", to_hex(a.transcript)},  {"unseal_key", to_hex(a.unseal_key)}};
  if (a.spare) j["spare"] = *a.spare;
  if (with_signatures) j["signatures"] = to_json(a.signatures);
  return j;
}

Json to_json(const NewKeys& k) {
  Json checks = Json::object();
  for (const auto& [site, check] : k.checks) checks[site] = to_hex(check);
  return {{"checks", std::move(checks)},
          {"epoch", k.epoch},
          {"register_check", to_hex(k.register_check)},
          {"root", to_json(k.root)}};
}

Json to_json(const Rewrapped& e) {
  return {{"epoch", e.epoch}, {"root", to_hex(e.root)}, {"upto", to_hex(e.upto)}};
}

Result<RotateKeys> rotate_from_json(ObjectReader& r) {
  RotateKeys a{read_spare(r)};
  FK_CHECK(r.finish());
  return a;
}

Result<Reshare> reshare_from_json(ObjectReader& r) {
  Reshare a;
  a.unseal_key = r.hex<32>("unseal_key");
  a.share_set = static_cast<std::uint32_t>(r.integer("share_set", 0, kMaxShareSet));
  a.transcript = r.hex<32>("transcript");
  a.spare = read_spare(r);
  const Json& groups = r.array("groups", kMaxGroups);
  const Json& custodians = r.array("custodians", kMaxGenesisSignatures);
  const Json& rules = r.object("rules");
  const Json& signatures = r.array("signatures", kMaxGenesisSignatures);
  FK_CHECK(r.finish());
  for (const auto& j : groups) {
    FK_TRY(Group g, group_from_json(j, "group of an action"));
    a.groups.push_back(std::move(g));
  }
  for (const auto& j : custodians) {
    FK_TRY(PrincipalRecord p, principal_from_json(j, "custodian of an action"));
    a.custodians.push_back(std::move(p));
  }
  for (const auto& [name, value] : rules.items()) {
    FK_TRY(a.rules[name], rule_from_json(value, "rule of an action"));
  }
  FK_TRY(a.signatures, signatures_from_json(signatures, "signature of an action"));
  return a;
}

Result<NewKeys> new_keys_from_json(const Json& value) {
  ObjectReader r(value, "keys of an event");
  NewKeys k;
  k.epoch = read_epoch(r, 2);
  k.register_check = r.hex<32>("register_check");
  const Json& root = r.object("root");
  for (const auto& [site, check] : r.object("checks").items()) {
    const auto digest = check.is_string() ? from_hex_exact<32>(check.get_ref<const std::string&>())
                                          : Result<Digest>(make_error(Errc::kMalformed, "not a text"));
    if (!is_slug(site) || !digest || k.checks.size() == kMaxSites) {
      r.fail("checks is not a list of at most 64 sites with 32 bytes each");
      break;
    }
    k.checks[site] = *digest;
  }
  FK_CHECK(r.finish());
  FK_TRY(k.root, key_evidence_from_json(root, "root of an event"));
  return k;
}

Json to_json(const CardSet& set) {
  Json groups = Json::array();
  for (const auto& g : set.groups) groups.push_back(to_json(g));
  return {{"groups", std::move(groups)}, {"unseal_key", to_hex(set.unseal_key)}};
}

Result<CardSet> card_set_from_json(const Json& value) {
  ObjectReader r(value, "set of cards");
  CardSet out;
  out.unseal_key = r.hex<32>("unseal_key");
  const Json& groups = r.array("groups", kMaxGroups);
  FK_CHECK(r.finish());
  for (const auto& j : groups) {
    FK_TRY(Group g, group_from_json(j, "group of a set of cards"));
    out.groups.push_back(std::move(g));
  }
  return out;
}

Result<Rewrapped> rewrapped_from_json(const Json& value) {
  ObjectReader r(value, "rewrapped event");
  Rewrapped e{read_epoch(r, 2), r.hex<16>("upto"), r.hex<32>("root")};
  FK_CHECK(r.finish());
  return e;
}

Result<KeysRetired> keys_retired_from_json(const Json& value) {
  ObjectReader r(value, "keys-retired event");
  KeysRetired e{read_epoch(r, 1)};
  if (r.has("lost")) {
    e.lost = r.boolean("lost");
    if (r.ok() && !e.lost) r.fail("lost is there and not true");
  }
  FK_CHECK(r.finish());
  return e;
}

}  // namespace facekeep::ledger
