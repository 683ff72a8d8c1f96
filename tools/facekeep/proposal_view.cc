#include "tools/facekeep/proposal_view.h"

#include "tools/facekeep/log_entries.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::tools {
namespace {

Error bad_answer() {
  return say_error(Errc::kMalformed, "bad-answer", Msg::kCliBadAnswer, Msg::kCliBadAnswerHint, {"/v1/proposals"});
}

std::string words(Lang lang, Msg id, const std::vector<std::string>& args = {}) {
  const std::vector<std::string_view> views(args.begin(), args.end());
  return format_message(lang, id, std::span<const std::string_view>(views));
}

std::string list_of(Lang lang, const std::vector<std::string>& items, Msg none) {
  if (items.empty()) return words(lang, none);
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ", ") + item;
  return out;
}

std::string people_of(const ledger::Rule& rule) {
  std::string out;
  for (const auto& [group, n] : rule.groups) out += (out.empty() ? "" : " + ") + std::to_string(n) + " " + group;
  return out;
}

std::string until_of(Lang lang, const ledger::PrincipalRecord& p) {
  return p.until ? *p.until : words(lang, Msg::kPropNoLimit);
}

std::string fingerprint(const std::string& approval_key) {
  const auto key = ledger::parse_public_key_line(approval_key);
  return key ? ledger::ssh_fingerprint(key->key) : approval_key;
}

struct Describe {
  Lang lang;
  std::vector<std::string>& out;

  void say(Msg id, const std::vector<std::string>& args) const { out.push_back(words(lang, id, args)); }

  void operator()(const ledger::RegisterPrincipals& a) const {
    for (const auto& d : a.doors) say(Msg::kPropDoor, {d.door.id, d.door.location_class, d.site});
    for (const auto& p : a.principals) {
      say(Msg::kPropPrincipal, {p.id, std::string(to_string(p.role)), to_hex(p.key)});
      say(Msg::kPropScope,
          {list_of(lang, p.sites, Msg::kPropAll), list_of(lang, p.doors, Msg::kPropAll), until_of(lang, p)});
    }
  }
  void operator()(const ledger::ChangeCustodian& a) const {
    const auto& p = a.custodian;
    say(Msg::kPropCustodian, {p.id, to_hex(p.key), fingerprint(p.approval_key), until_of(lang, p)});
  }
  void operator()(const ledger::ChangeRules& a) const {
    for (const auto& [name, rule] : a.rules) {
      say(Msg::kPropNewRule, {name, people_of(rule), std::to_string(rule.delay_s), std::to_string(rule.lifetime_s)});
      if (rule.uses > 1) say(Msg::kPropUses, {std::to_string(rule.uses)});
    }
  }
  void operator()(const ledger::ChangeThresholds& a) const {
    say(Msg::kPropThreshold, {a.model, std::to_string(a.verify_threshold), std::to_string(a.identify_threshold)});
  }
  void operator()(const ledger::AddModel& a) const {
    const auto& m = a.model;
    say(Msg::kPropModel, {m.id, std::to_string(m.version), std::to_string(m.dimension),
                          std::to_string(m.verify_threshold), std::to_string(m.identify_threshold)});
  }
  void operator()(const ledger::ChangeReveal& a) const {
    say(a.hide_subject ? Msg::kPropHide : Msg::kPropReveal, {a.site});
  }
  void operator()(const ledger::CancelErasures& a) const { say(Msg::kPropCancel, {a.site}); }
  void operator()(const ledger::OpenSite& a) const {
    say(Msg::kPropSite, {a.site.id, a.site.purpose, a.site.alternative, std::to_string(a.site.access_log_days),
                         std::to_string(a.site.erase_daily)});
    say(a.site.hide_subject ? Msg::kPropHide : Msg::kPropReveal, {a.site.id});
    for (const auto& d : a.site.doors) say(Msg::kPropDoor, {d.id, d.location_class, a.site.id});
  }
  void operator()(const ledger::ChangePolicy& a) const {
    say(Msg::kPropPolicy, {a.site, std::to_string(a.access_log_days), std::to_string(a.erase_daily)});
  }
  void operator()(const ledger::ChangeWitnesses& a) const {
    if (!a.witnesses) return say(Msg::kPropNoWitnesses, {});
    say(a.witnesses->on_missing == ledger::OnMissing::kClosed ? Msg::kPropWitnessesClosed : Msg::kPropWitnessesOpen,
        {std::to_string(a.witnesses->quorum)});
    for (const auto& w : a.witnesses->list) say(Msg::kPropWitness, {w.vkey, w.url});
  }
};

}  // namespace

Result<ProposalStatus> parse_proposal(const Json& answer) {
  const auto text = [&](const char* key) {
    return answer.contains(key) && answer[key].is_string() ? answer[key].get<std::string>() : std::string();
  };
  const auto number = [&](const char* key) { return answer.contains(key) && answer[key].is_number_unsigned(); };
  if (!answer.is_object() || !number("entry") || !number("rule_version") || !answer.contains("rule") ||
      !answer.contains("approved") || !answer["approved"].is_array()) {
    return bad_answer();
  }
  ProposalStatus out;
  const auto made = parse_canonical_json(text("proposal"));
  if (!made) return bad_answer();
  FK_TRY(out.made, ledger::proposal_made_from_json(*made));
  FK_TRY(out.rule, ledger::rule_from_json(answer["rule"], "rule of the proposal"));
  out.entry = answer["entry"].get<std::uint64_t>();
  out.rule_version = answer["rule_version"].get<std::uint64_t>();
  out.stage = text("stage");
  for (const Json& by : answer["approved"]) {
    if (!by.is_string()) return bad_answer();
    out.approved.push_back(by.get<std::string>());
  }
  if (answer.contains("names")) {
    FK_TRY(out.names, ledger::people_names_from_json(answer["names"], "names of the proposal"));
  }
  return out;
}

Result<CheckedProposal> check_proposal(const Context& context, const Notice& notice, VaultApi& api,
                                       const std::string& id) {
  const auto number = from_hex_exact<16>(id);
  if (!number) return say_error(Errc::kInvalidArgument, "unknown-proposal", Msg::kErrNotFound, Msg::kCliHintNotFound);
  CheckedProposal out;
  FK_TRY(const Json answer, api.json("GET", "/v1/proposals/" + id));
  FK_TRY(out.status, parse_proposal(answer));
  FK_TRY(const CheckedVault vault, check_vault_now(context, notice, api));
  out.checkpoint = vault.start.checkpoint;
  FK_TRY(const ledger::Leaf leaf, prove_entry(api, out.checkpoint, out.status.entry));
  const auto* event = std::get_if<ledger::Event>(&leaf);
  const auto* made = event == nullptr ? nullptr : std::get_if<ledger::ProposalMade>(&event->body);
  if (made == nullptr || made->id != *number || to_json(*made) != to_json(out.status.made)) {
    return say_error(Errc::kIntegrity, "other-proposal", Msg::kPropOther, Msg::kCliTellHint);
  }
  if (out.status.names && !check_names(*out.status.names, made->action)) {
    return say_error(Errc::kIntegrity, "other-names", Msg::kPropOtherNames, Msg::kCliTellHint);
  }
  FK_TRY(out.digest, ledger::proposal_digest(*made, notice.vault));
  return out;
}

std::vector<std::string> describe(Lang lang, const ledger::Action& action) {
  std::vector<std::string> out;
  std::visit(Describe{lang, out}, action);
  return out;
}

std::vector<std::string> describe(Lang lang, const ProposalStatus& s, const Digest& digest) {
  std::vector<std::string> out = {words(lang, Msg::kPropIs, {to_hex(s.made.id), s.made.by, std::to_string(s.entry)}),
                                  words(lang, Msg::kPropPurpose, {s.made.purpose})};
  if (s.made.overrides) out.push_back(words(lang, Msg::kPropOverride, {to_hex(*s.made.overrides)}));
  for (auto& line : describe(lang, s.made.action)) out.push_back(std::move(line));
  for (const auto& id : principals_in(s.made.action)) {
    const auto name = s.names ? s.names->find(id) : ledger::PeopleNames::const_iterator();
    const bool known = s.names && name != s.names->end();
    out.push_back(words(lang, known ? Msg::kPropName : Msg::kPropNoName, {id, known ? name->second.name : ""}));
  }
  out.push_back(words(lang, Msg::kPropRule,
                      {people_of(s.rule), std::to_string(s.rule.delay_s), std::to_string(s.rule.lifetime_s)}));
  out.push_back(words(lang, Msg::kPropStage, {s.stage, list_of(lang, s.approved, Msg::kPropNobody)}));
  out.push_back(words(lang, Msg::kPropDigest, {to_hex(digest)}));
  return out;
}

}  // namespace facekeep::tools
