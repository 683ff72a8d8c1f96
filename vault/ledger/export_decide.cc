#include "vault/ledger/export_decide.h"

#include <algorithm>
#include <functional>

#include "vault/ledger/proposal_decide.h"

namespace facekeep::ledger {
namespace {

Error refused(std::string message, std::string hint = {}) {
  return make_problem(Errc::kInvalidArgument, "bad-action", std::move(message), std::move(hint));
}

Error unknown() {
  return make_problem(Errc::kNotFound, "unknown-proposal", "there is no such proposal of an export",
                      "`facekeep proposals` lists those that are open");
}

Error not_ready() {
  return make_problem(Errc::kFailedPrecondition, "not-ready", "the export is not at this stage",
                      "its result is there once the proposal is done and the vault, open, has sealed the parts");
}

const ExportState* find(const State& state, const Id128& proposal) {
  const auto it = state.exports().find(proposal);
  return it == state.exports().end() ? nullptr : &it->second;
}

Status pending(const State& state, const Id128& proposal) {
  const ExportState* e = find(state, proposal);
  return e != nullptr && e->is_pending() ? Status() : Status(not_ready());
}

// May be in an export that was decided at that entry. Who asks for the day's consents, too, looks at `until`.
bool may_be_in(const SubjectState& s, const State& state, const std::string& site, std::uint64_t before) {
  return state.current().sites[s.site].id == site && s.entry < before && !s.is_held_back();
}

bool in_order(const std::vector<Id128>& refs, const std::optional<Id128>& behind) {
  return !refs.empty() && (!behind || *behind < refs.front()) &&
         std::adjacent_find(refs.begin(), refs.end(), std::greater_equal<>()) == refs.end();
}

}  // namespace

Result<const ExportTemplates*> export_action(const State& state, const Id128& proposal) {
  const auto it = state.proposals().find(proposal);
  if (it == state.proposals().end()) return unknown();
  const auto* action = std::get_if<ExportTemplates>(&it->second.made.action);
  return action == nullptr ? Result<const ExportTemplates*>(unknown()) : Result<const ExportTemplates*>(action);
}

Status decide_export_subjects(const State& state, const ExportSubjects& list) {
  FK_TRY(const ExportTemplates* action, export_action(state, list.proposal));
  if (find(state, list.proposal) != nullptr || is_final(state.proposals().at(list.proposal).stage)) {
    return refused("the export has its list of people already");
  }
  if (list.refs.empty() || list.refs.size() != action->max_subjects || !action->subjects ||
      subjects_commitment(list.salt, list.refs) != *action->subjects) {
    return refused("this is not the list of people that the proposal commits to");
  }
  return {};
}

Status decide_exported(const State& state, const Exported& e) {
  FK_CHECK(pending(state, e.proposal));
  FK_TRY(const ExportTemplates* action, export_action(state, e.proposal));
  if (e.site != action->site) return refused("these people are of another site");
  const ExportState& known = *find(state, e.proposal);
  if (!in_order(e.refs, known.last)) return refused("these people are out of order, or recorded already");
  if (!state.has_all_custody()) return {};
  const bool all_may = std::all_of(e.refs.begin(), e.refs.end(), [&](const Id128& ref) {
    const SubjectState* s = state.subject(ref);
    const bool listed = !action->subjects || std::binary_search(known.refs.begin(), known.refs.end(), ref);
    return listed && s != nullptr && may_be_in(*s, state, action->site, *known.entry);
  });
  return all_may ? Status() : Status(refused("an export of somebody whom its decision does not cover"));
}

Status decide_export_ended(const State& state, const ExportEnded& e) {
  return pending(state, e.proposal);
}

Status decide_export_sealed(const State& state, const ExportSealed& e) {
  FK_CHECK(pending(state, e.proposal));
  FK_TRY(const ExportTemplates* action, export_action(state, e.proposal));
  if (e.subjects > action->max_subjects) {
    return make_problem(Errc::kTooLarge, "over-limit", "the export has more people than were approved");
  }
  if (e.parts.empty()) return refused("an export has a part");
  if (state.has_all_custody() && find(state, e.proposal)->recorded != e.subjects) {
    return make_error(Errc::kIntegrity, "the export is recorded for another number of people than it has");
  }
  return {};
}

Status decide_export_given(const State& state, const ExportGiven& g, const Moment& now) {
  FK_CHECK(check_custodian(state, g.by, now));
  FK_CHECK(export_action(state, g.proposal));
  const ExportState* e = find(state, g.proposal);
  if (e != nullptr && !e->ended.empty()) {
    return make_problem(Errc::kFailedPrecondition, "export-ended", "nothing was exported: " + e->ended,
                        "propose it anew with what it needs");
  }
  if (e == nullptr || !e->sealed) return not_ready();
  if (export_is_over(state, g.proposal, now)) {
    return make_problem(Errc::kFailedPrecondition, "proposal-ended", "the proposal's lifetime is over",
                        "propose it anew if it is still needed");
  }
  const auto given = e->given.find(g.by);
  if (given != e->given.end() && given->second >= rule_for(state, state.proposals().at(g.proposal).made, now).uses) {
    return make_problem(Errc::kExhausted, "no-uses-left",
                        "the result was given to this custodian as often as its rule allows",
                        "propose it anew if it is still needed");
  }
  return {};
}

std::vector<Id128> export_selection(const State& state, const Id128& proposal, const std::string& day) {
  const ExportState& e = state.exports().at(proposal);
  const auto& action = std::get<ExportTemplates>(state.proposals().at(proposal).made.action);
  const bool any_consent = action.basis == ExportBasis::kLegalOrder;
  const auto takes = [&](const SubjectState& s) {
    return may_be_in(s, state, action.site, *e.entry) && (any_consent || day <= s.until);
  };
  std::vector<Id128> out;
  if (action.subjects) {
    std::copy_if(e.refs.begin(), e.refs.end(), std::back_inserter(out), [&](const Id128& ref) {
      const SubjectState* s = state.subject(ref);
      return s != nullptr && takes(*s);
    });
    return out;
  }
  for (const auto& [ref, s] : state.subjects()) {
    if (takes(s)) out.push_back(ref);
  }
  return out;
}

std::vector<Id128> pending_exports(const State& state) {
  std::vector<Id128> out;
  for (const auto& [id, e] : state.exports()) {
    if (e.is_pending()) out.push_back(id);
  }
  return out;
}

bool export_is_over(const State& state, const Id128& proposal, const Moment& now) {
  const auto it = state.proposals().find(proposal);
  return it == state.proposals().end() || lifetime_is_over(state, it->second, now);
}

}  // namespace facekeep::ledger
