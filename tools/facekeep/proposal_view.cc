#include "tools/facekeep/proposal_view.h"

#include "tools/common/action_words.h"
#include "tools/common/words.h"
#include "tools/facekeep/folded_log.h"
#include "vault/export/recipient.h"
#include "vault/ledger/proposal_decide.h"

namespace facekeep::tools {
namespace {

Error bad_answer() {
  return say_error(Errc::kMalformed, "bad-answer", Msg::kCliBadAnswer, Msg::kCliBadAnswerHint, {"/v1/proposals"});
}

Error other_proposal() {
  return say_error(Errc::kIntegrity, "other-proposal", Msg::kPropOther, Msg::kCliTellHint);
}

// The recipient of an export as its certificate says it, on this machine; an error where it is not the key that the
// proposal names.
Result<exporter::Recipient> recipient_of(const ledger::ExportRecipient& r) {
  FK_TRY(exporter::Recipient parsed, exporter::parse_recipient(r.certificate));
  if (parsed.spki == r.spki) return parsed;
  return make_problem(Errc::kIntegrity, "bad-recipient", "the certificate of a recipient has another key");
}

// Whom an export names. None where the vault can't say it now (it is sealed, a record does not open): who signs sees
// none then, and who vetoes need not see any.
Result<std::vector<std::string>> named_subjects(VaultApi& api, const std::string& id) {
  std::vector<std::string> out;
  const auto answer = api.json("GET", "/v1/proposals/" + id + "/subjects");
  if (!answer) return out;
  if (!answer->is_object() || !answer->contains("subjects")) return bad_answer();
  for (const Json& subject : (*answer)["subjects"]) {
    if (!subject.is_string()) return bad_answer();
    out.push_back(subject.get<std::string>());
  }
  return out;
}

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

Status take_from_log(const ledger::State& state, ProposalStatus& status) {
  const auto found = state.proposals().find(status.made.id);
  if (found == state.proposals().end()) return other_proposal();
  const ledger::Proposal& p = found->second;
  if (p.entry != status.entry || to_json(p.made) != to_json(status.made)) return other_proposal();
  status.made = p.made;
  status.rule_version = state.rule_version();
  const ledger::Moment now = last_moment(state);
  status.rule = rule_for(state, p.made, now);
  status.stage = to_string(stage_at(state, p, now));
  status.approved.assign(p.approved.begin(), p.approved.end());
  const auto* change = std::get_if<ledger::ChangeCustodian>(&p.made.action);
  const bool cards = std::holds_alternative<ledger::Reshare>(p.made.action);
  for (const auto& each : state.current().principals) {
    const bool asked = cards || (change != nullptr && change->custodian.id == each.id);
    if (asked && each.role == ledger::Role::kCustodian) status.before[each.id] = each;
  }
  if (cards) status.groups_before = state.current().groups;
  if (status.names && !check_names(*status.names, p.made.action)) {
    return say_error(Errc::kIntegrity, "other-names", Msg::kPropOtherNames, Msg::kCliTellHint);
  }
  return {};
}

Status check_own_registration(const ProposalStatus& status, const Digest& signer) {
  const auto* cards = std::get_if<ledger::Reshare>(&status.made.action);
  if (cards == nullptr) return {};
  for (const auto& p : cards->custodians) {
    const auto now = status.before.find(p.id);
    if (now == status.before.end() || now->second.key != signer) continue;
    const ledger::PrincipalRecord& own = now->second;
    if (p.key == own.key && p.approval_key == own.approval_key && p.name == own.name) continue;
    return say_error(Errc::kIntegrity, "not-your-keys", Msg::kPropNotYourKeys, Msg::kCliTellHint, {p.id});
  }
  return {};
}

Status check_everybody_named(const ProposalStatus& status) {
  const auto* action = std::get_if<ledger::ExportTemplates>(&status.made.action);
  if (action == nullptr || !action->subjects || status.subjects.size() == action->max_subjects) return {};
  return say_error(Errc::kFailedPrecondition, "names-missing", Msg::kPropNamesMissing, Msg::kPropNamesMissingHint,
                   {std::to_string(action->max_subjects), std::to_string(status.subjects.size())});
}

Result<CheckedProposal> check_proposal(const Context& context, const Notice& notice, VaultApi& api,
                                       const std::string& id) {
  const auto number = from_hex_exact<16>(id);
  if (!number) return say_error(Errc::kInvalidArgument, "unknown-proposal", Msg::kErrNotFound, Msg::kCliHintNotFound);
  CheckedProposal out;
  FK_TRY(const Json answer, api.json("GET", "/v1/proposals/" + id));
  FK_TRY(out.status, parse_proposal(answer));
  if (out.status.made.id != *number) return other_proposal();
  FK_TRY(const FoldedVault vault, fold_vault_now(context, notice, api));
  out.checkpoint = vault.checked.start.checkpoint;
  FK_CHECK(take_from_log(vault.state, out.status));
  const ledger::ProposalMade* made = &out.status.made;
  if (const auto* action = std::get_if<ledger::ExportTemplates>(&made->action)) {
    for (const auto& r : action->recipients) FK_CHECK(recipient_of(r));
    if (action->subjects) {
      FK_TRY(out.status.subjects, named_subjects(api, id));
    }
  }
  FK_TRY(out.digest, ledger::proposal_digest(*made, notice.vault));
  return out;
}

std::vector<std::string> describe(Lang lang, const ledger::Action& action) {
  std::vector<std::string> out = action_words(lang, action);
  const auto* exported = std::get_if<ledger::ExportTemplates>(&action);
  if (exported == nullptr) return out;
  for (const auto& r : exported->recipients) {
    const auto parsed = recipient_of(r);
    out.push_back(parsed ? words(lang, Msg::kPropExportTo, {parsed->key, to_hex(r.spki)})
                         : words(lang, Msg::kPropExportBadTo, {to_hex(r.spki), parsed.error().message}));
  }
  return out;
}

namespace {

void add(std::vector<std::string>& out, std::vector<std::string> lines) {
  for (auto& line : lines) out.push_back(std::move(line));
}

// Who stays, comes and leaves.
void describe_people(Lang lang, const ProposalStatus& s, const ledger::Reshare& cards, std::vector<std::string>& out) {
  std::map<std::string, ledger::PrincipalRecord> leaving = s.before;
  for (const auto& p : cards.custodians) {
    leaving.erase(p.id);
    const auto before = s.before.find(p.id);
    const bool known = before != s.before.end();
    const bool same = known && to_json(before->second) == to_json(p);
    out.push_back(words(lang, same ? Msg::kPropStays : known ? Msg::kPropDiffers : Msg::kPropComes, {p.id}));
    if (known && !same) add(out, changes_of(lang, before->second, p));
  }
  for (const auto& [id, p] : leaving) out.push_back(words(lang, Msg::kPropLeaves, {id}));
}

// How many cards open the vault, group by group, now and then.
void describe_groups(Lang lang, const ProposalStatus& s, const ledger::Reshare& cards, std::vector<std::string>& out) {
  std::map<std::string, std::pair<std::string, std::string>> of;
  const std::string none = words(lang, Msg::kPropNobody);
  const auto count = [](const ledger::Group& g) {
    return std::to_string(g.threshold) + "/" + std::to_string(g.shares.size());
  };
  for (const auto& g : s.groups_before) of[g.id] = {count(g), none};
  for (const auto& g : cards.groups) of.try_emplace(g.id, none, "").first->second.second = count(g);
  for (const auto& [id, n] : of) out.push_back(words(lang, Msg::kPropGroupThen, {id, n.first, n.second}));
}

// A registration with the name that it has now brings none.
bool keeps_name(const ProposalStatus& s, const ledger::PrincipalRecord& p) {
  const auto before = s.before.find(p.id);
  return before != s.before.end() && before->second.name == p.name;
}

}  // namespace

std::vector<std::string> describe(Lang lang, const ProposalStatus& s, const Digest& digest) {
  std::vector<std::string> out = {words(lang, Msg::kPropIs, {to_hex(s.made.id), s.made.by, std::to_string(s.entry)}),
                                  words(lang, Msg::kPropPurpose, {s.made.purpose})};
  if (s.made.overrides) out.push_back(words(lang, Msg::kPropOverride, {to_hex(*s.made.overrides)}));
  for (auto& line : describe(lang, s.made.action)) out.push_back(std::move(line));
  const auto* change = std::get_if<ledger::ChangeCustodian>(&s.made.action);
  if (change != nullptr && s.before.contains(change->custodian.id)) {
    add(out, changes_of(lang, s.before.at(change->custodian.id), change->custodian));
  }
  const auto* cards = std::get_if<ledger::Reshare>(&s.made.action);
  if (cards != nullptr && !s.before.empty()) {
    describe_groups(lang, s, *cards, out);
    describe_people(lang, s, *cards, out);
  }
  if (!s.subjects.empty()) {
    out.push_back(words(lang, Msg::kPropExportNames, {list_of(lang, s.subjects, Msg::kPropNobody)}));
  }
  for (const auto& record : records_in(s.made.action)) {
    const std::string& id = record.id;
    const auto name = s.names ? s.names->find(id) : ledger::PeopleNames::const_iterator();
    const bool known = s.names && name != s.names->end();
    if (!known && keeps_name(s, record)) continue;
    out.push_back(words(lang, known ? Msg::kPropName : Msg::kPropNoName, {id, known ? name->second.name : ""}));
  }
  out.push_back(words(lang, Msg::kPropRule,
                      {people_needed(s.rule), std::to_string(s.rule.delay_s), std::to_string(s.rule.lifetime_s)}));
  out.push_back(words(lang, Msg::kPropStage, {s.stage, list_of(lang, s.approved, Msg::kPropNobody)}));
  out.push_back(words(lang, Msg::kPropDigest, {to_hex(digest)}));
  return out;
}

}  // namespace facekeep::tools
