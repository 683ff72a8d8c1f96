#include "vault/ledger/genesis.h"

#include <algorithm>
#include <set>

#include "vault/base/digest.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::ledger {
namespace {

Error bad(std::string message, std::string hint = {}) {
  return make_error(Errc::kInvalidArgument, std::move(message), std::move(hint));
}

// "residents/2" -> group and number, if it is one.
std::optional<std::pair<std::string, std::uint32_t>> split_id(const std::string& id) {
  const auto slash = id.find('/');
  if (slash == std::string::npos || !is_slug(id.substr(0, slash))) return std::nullopt;
  const std::string digits = id.substr(slash + 1);
  if (digits.empty() || digits.size() > 4 || digits[0] == '0') return std::nullopt;
  std::uint32_t n = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    n = n * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return std::pair(id.substr(0, slash), n);
}

Status check_shape_of_preset(const Genesis& g) {
  if (g.preset == Preset::kOneGroup) {
    if (g.groups.size() != 1 || g.groups[0].threshold < 2)
      return bad("preset one-group is one group with a threshold of two or more");
    return {};
  }
  if (g.groups.size() < 2)
    return bad("fewer than two groups",
               "one organisation alone needs the preset one-group, which is stamped on every report");
  for (const auto& group : g.groups) {
    if (g.preset == Preset::kSmall && (group.threshold != 1 || group.shares.size() != 1)) {
      return bad("preset small has one share in each group");
    }
    if (g.preset == Preset::kStandard && (group.threshold < 2 || group.shares.size() <= group.threshold)) {
      return bad("preset standard needs two shares or more in each group, and has more of them than it needs");
    }
  }
  return {};
}

Status check_groups(const Genesis& g) {
  std::set<std::string> ids;
  std::set<Digest> commitments;
  std::uint32_t needed = 0;
  for (const auto& group : g.groups) {
    if (group.id == "daemon" || parse_role(group.id)) {
      return bad("a group is called \"" + group.id + "\", which is the name of a role");
    }
    if (!ids.insert(group.id).second) return bad("two groups are called \"" + group.id + "\"");
    if (group.threshold < 1 || group.threshold > group.shares.size()) {
      return bad("group \"" + group.id + "\" has a threshold that its shares can't meet");
    }
    // SLIP-0039: a threshold of one with several members would hand out copies; the reference refuses it.
    if (group.threshold == 1 && group.shares.size() != 1)
      return bad("group \"" + group.id + "\" has 1 of several shares");
    needed += group.threshold;
    std::set<std::uint32_t> holders;
    for (std::size_t i = 0; i < group.shares.size(); ++i) {
      const auto& card = group.shares[i];
      if (card.number != i + 1) return bad("shares of group \"" + group.id + "\" are not numbered in order");
      if (!commitments.insert(card.commitment).second) return bad("two share cards are the same");
      if (card.holders.empty()) return bad("a share card has no holder");
      for (const auto h : card.holders) {
        // One person with two cards of a group would count twice.
        if (!holders.insert(h).second) return bad("one person holds two cards of group \"" + group.id + "\"");
      }
    }
  }
  if (needed < 2) return bad("one share would open the vault", "a vault that one person can open is never made");
  return check_shape_of_preset(g);
}

const Group* find_group(const Genesis& g, const std::string& id) {
  const auto it = std::find_if(g.groups.begin(), g.groups.end(), [&](const Group& x) { return x.id == id; });
  return it == g.groups.end() ? nullptr : &*it;
}

Status check_approval_holder(const PrincipalRecord& p, SshKeyType type) {
  if (!p.approval_held) {
    if (p.approval_evidence) return bad("the approval key of \"" + p.id + "\" has evidence of no holder");
    return {};
  }
  const auto& known = approval_holders();
  if (std::find(known.begin(), known.end(), *p.approval_held) == known.end()) {
    return bad("the approval key of \"" + p.id + "\" lies in \"" + *p.approval_held +
               "\", which is not file, token or fido2");
  }
  if ((*p.approval_held == "fido2") == is_security_key(type)) return {};
  return bad(
      "the approval key of \"" + p.id + "\" is registered as \"" + *p.approval_held + "\" and is of another type",
      "exactly the keys of security keys (sk-ssh-ed25519, sk-ecdsa) are registered as fido2");
}

Status check_custodian(const Genesis& g, const PrincipalRecord& p, const std::string& group_id, std::uint32_t number,
                       std::set<std::string>& approval_keys) {
  const Group* group = find_group(g, group_id);
  if (group == nullptr) return bad("custodian \"" + p.id + "\" is of no group");
  const bool has_card = std::any_of(group->shares.begin(), group->shares.end(), [&](const ShareCard& s) {
    return std::find(s.holders.begin(), s.holders.end(), number) != s.holders.end();
  });
  if (!has_card) return bad("custodian \"" + p.id + "\" holds no card");
  auto key = parse_public_key_line(p.approval_key);
  if (!key) return bad("custodian \"" + p.id + "\" has an approval key that is not an OpenSSH public key");
  // One key is one text: a comment or another spelling would let one person count as two.
  if (p.approval_key != format_ssh_key_line(key->key)) {
    return bad("the approval key of \"" + p.id + "\" is not written as type and base64 alone");
  }
  FK_CHECK(check_approval_holder(p, key->key.type));
  FK_TRY(const Bytes spki, ssh_key_spki(key->key));
  if (!approval_keys.insert(to_hex(sha256(spki))).second) {
    return bad("two custodians have the same approval key", "one person counts once; register each person's own key");
  }
  if (!p.sites.empty() || !p.doors.empty()) return bad("custodian \"" + p.id + "\" has a scope of sites or doors");
  return {};
}

Status check_scope(const Genesis& g, const PrincipalRecord& p) {
  std::set<std::string> doors;
  for (const auto& id : p.sites) {
    const auto site = std::find_if(g.sites.begin(), g.sites.end(), [&](const Site& s) { return s.id == id; });
    if (site == g.sites.end()) return bad("\"" + p.id + "\" names the site \"" + id + "\", which does not exist");
    for (const auto& d : site->doors) doors.insert(d.id);
  }
  for (const auto& d : p.doors) {
    if (!doors.contains(d)) return bad("\"" + p.id + "\" names the door \"" + d + "\", which is at none of its sites");
  }
  if (p.role == Role::kOperator && (p.sites.empty() || !p.doors.empty()))
    return bad("operator \"" + p.id + "\" needs sites and no doors");
  if (p.role == Role::kDoor && (p.sites.size() != 1 || p.doors.empty()))
    return bad("door \"" + p.id + "\" needs one site and at least one door");
  if (p.role == Role::kAuditor && (!p.sites.empty() || !p.doors.empty()))
    return bad("auditor \"" + p.id + "\" has a scope of sites or doors");
  return {};
}

Status check_signing_key(const PrincipalRecord& p) {
  if (p.signing_key.empty()) return {};
  if (p.role != Role::kCamera && p.role != Role::kDoor) {
    return bad("\"" + p.id + "\" has a signing key, and is neither camera nor door");
  }
  const auto key = parse_public_key_line(p.signing_key);
  if (!key || is_security_key(key->key.type) || p.signing_key != format_ssh_key_line(key->key)) {
    return bad("the signing key of \"" + p.id + "\" is not an Ed25519 or P-256 key written as type and base64 alone");
  }
  FK_TRY(const Bytes spki, ssh_key_spki(key->key));
  if (sha256(spki) != p.key) return bad("the signing key of \"" + p.id + "\" is not the key that it is registered by");
  return {};
}

Status check_principals(const Genesis& g) {
  std::set<std::string> ids;
  std::set<Digest> keys;
  std::set<Digest> names;
  std::set<std::string> approval_keys;
  for (const auto& p : g.principals) {
    const auto id = split_id(p.id);
    if (!id) return bad("\"" + p.id + "\" is not a role or group with a number");
    if (!ids.insert(p.id).second) return bad("two principals are called \"" + p.id + "\"");
    if (!keys.insert(p.key).second)
      return bad("two principals have the same key", "make one key for each person and machine");
    if (!names.insert(p.name).second) return bad("two principals have the same name commitment");
    if (p.role == Role::kCustodian) {
      FK_CHECK(check_custodian(g, p, id->first, id->second, approval_keys));
    } else {
      if (id->first != to_string(p.role)) return bad("\"" + p.id + "\" is not called after its role");
      FK_CHECK(check_scope(g, p));
    }
    FK_CHECK(check_signing_key(p));
  }
  for (const auto& group : g.groups) {
    for (const auto& card : group.shares) {
      for (const auto h : card.holders) {
        if (!ids.contains(group.id + "/" + std::to_string(h)))
          return bad("a card of group \"" + group.id + "\" is held by no registered custodian");
      }
    }
  }
  return {};
}

Status check_sites_and_models(const Genesis& g) {
  std::set<std::string> sites;
  if (g.sites.empty()) return bad("no site");
  for (const auto& s : g.sites) {
    if (!sites.insert(s.id).second) return bad("two sites are called \"" + s.id + "\"");
    std::set<std::string> doors;
    for (const auto& d : s.doors) {
      if (!doors.insert(d.id).second) return bad("two doors of site \"" + s.id + "\" are called \"" + d.id + "\"");
      if (!is_allowed_location_class(d.location_class)) {
        return bad("door \"" + d.id + "\" has the location class \"" + d.location_class + "\", which is not allowed",
                   "allowed: entrance, gate, lobby, corridor, lift, office, machine-room, parking, warehouse; never a "
                   "private room");
      }
    }
  }
  std::set<std::string> models;
  if (g.models.empty()) return bad("no model");
  for (const auto& m : g.models) {
    if (!models.insert(m.id).second) return bad("two models are called \"" + m.id + "\"");
  }
  return {};
}

Status check_token(const Genesis& g) {
  const auto inside = [](const KeyEvidence& e) {
    return e.local && e.sensitive && e.always_sensitive && !e.extractable && e.never_extractable;
  };
  if (!inside(g.token.root)) return bad("the root key was not made inside the token, or could leave it");
  if (!inside(g.token.log_sign)) return bad("the log-signing key was not made inside the token, or could leave it");
  if (g.token.token_class != "software" && g.token.token_class != "hardware") return bad("unknown class of token");
  return {};
}

Status check_origin(const std::string& origin) {
  const bool ok = !origin.empty() && std::all_of(origin.begin(), origin.end(),
                                                 [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '+'; });
  if (!ok) return bad("the origin is not printable ASCII without spaces or '+'");
  return {};
}

}  // namespace

const std::array<std::string_view, 3>& approval_holders() {
  static constexpr std::array<std::string_view, 3> holders = {"file", "token", "fido2"};
  return holders;
}

std::string_view to_string(Preset p) noexcept {
  switch (p) {
    case Preset::kSmall: return "small";
    case Preset::kStandard: return "standard";
    case Preset::kOneGroup: return "one-group";
  }
  return "standard";
}

Result<Preset> parse_preset(std::string_view text) {
  for (const Preset p : {Preset::kSmall, Preset::kStandard, Preset::kOneGroup}) {
    if (to_string(p) == text) return p;
  }
  return make_error(Errc::kMalformed, "unknown preset", "presets are small, standard and one-group");
}

GroupSizes group_sizes(const Genesis& g) {
  GroupSizes sizes;
  for (const auto& group : g.groups) sizes[group.id] = 0;
  for (const auto& p : g.principals) {
    if (p.role == Role::kCustodian) ++sizes[p.id.substr(0, p.id.find('/'))];
  }
  return sizes;
}

bool may_sign(const PrincipalRecord& p, const std::string& site, const std::string& door) {
  const auto has = [](const std::vector<std::string>& list, const std::string& x) {
    return std::find(list.begin(), list.end(), x) != list.end();
  };
  // An enrolment is at no door: who is bound to doors is bound to their questions.
  return !p.signing_key.empty() && has(p.sites, site) && (p.doors.empty() || (!door.empty() && has(p.doors, door)));
}

namespace {

// The box is one group's: in a vault of one group nobody else would confirm.
Status check_ticket_of(const Genesis& g) {
  FK_CHECK(check_ticket_policy(*g.ticket));
  const TicketBox& box = g.ticket->box;
  const bool known = std::any_of(g.groups.begin(), g.groups.end(), [&](const Group& x) { return x.id == box.group; });
  if (!known) {
    return bad("the box of restart tickets is of the group \"" + box.group + "\", which this vault does not have",
               "end the restart tickets first, or name a group of the vault");
  }
  if (g.groups.size() < 2) {
    return bad("a vault of one group has no restart tickets", "the box belongs to another group than the vault's host");
  }
  const Digest pin = box_pin(box);
  const bool taken = pin == g.server_key || std::any_of(g.principals.begin(), g.principals.end(),
                                                        [&](const PrincipalRecord& p) { return p.key == pin; });
  return taken ? Status(bad("the box of restart tickets has a key that somebody else has")) : Status();
}

}  // namespace

Status check_genesis(const Genesis& g) {
  FK_CHECK(check_origin(g.origin));
  FK_CHECK(check_groups(g));
  FK_CHECK(check_sites_and_models(g));
  FK_CHECK(check_principals(g));
  FK_CHECK(check_token(g));
  const GroupSizes sizes = group_sizes(g);
  for (const auto& action : action_classes()) {
    // Vaults from before there was a class have no rule of its own for it.
    if (action.fallback.empty() && !g.rules.contains(std::string(action.name)))
      return bad("no rule for the action class \"" + std::string(action.name) + "\"");
  }
  for (const auto& [name, rule] : g.rules) {
    const ActionClass* action = find_action_class(name);
    if (action == nullptr) return bad("a rule for an unknown action class");
    if (rule.uses > 1 && action->uses == 1) {
      return bad("what \"" + name + "\" approves happens once", "only the result of an export is used more often");
    }
    if (name == kCancelClass && rule.delay_s != 0) return bad("what stops a destruction can't wait", "its delay is 0");
    FK_CHECK(check_rule(rule, sizes));
  }
  if (g.witnesses) FK_CHECK(check_witnesses(*g.witnesses));
  if (g.ticket) FK_CHECK(check_ticket_of(g));
  return {};
}

Result<Digest> genesis_digest(const Genesis& g) {
  FK_TRY(const std::string text, canonical_json(to_json(g, false)));
  return sha256(as_bytes(text));
}

Result<std::string> genesis_statement(const Genesis& g) {
  FK_TRY(const Digest digest, genesis_digest(g));
  return canonical_json({{"digest", to_hex(digest)}, {"v", 1}, {"vault", to_hex(g.vault)}, {"verb", "genesis"}});
}

Status check_genesis_signatures(const Genesis& g) {
  FK_TRY(const std::string statement, genesis_statement(g));
  return check_ceremony_signatures(g.principals, g.signatures, statement);
}

Status check_ceremony_signatures(const std::vector<PrincipalRecord>& principals,
                                 const std::vector<GenesisSignature>& signatures, const std::string& statement) {
  std::set<std::string> signed_by;
  for (const auto& s : signatures) {
    const auto p = std::find_if(principals.begin(), principals.end(),
                                [&](const PrincipalRecord& x) { return x.role == Role::kCustodian && x.id == s.by; });
    if (p == principals.end()) return bad("signed by \"" + s.by + "\", who is no custodian");
    if (!signed_by.insert(s.by).second) return bad("signed twice by \"" + s.by + "\"");
    if (auto ok = verify_sshsig(s.signature, p->approval_key, kCeremonyNamespace, as_bytes(statement)); !ok) {
      return bad("the signature of \"" + s.by + "\" does not verify: " + ok.error().message);
    }
  }
  for (const auto& p : principals) {
    if (p.role == Role::kCustodian && !signed_by.contains(p.id))
      return bad("custodian \"" + p.id + "\" has not signed");
  }
  return {};
}

}  // namespace facekeep::ledger
