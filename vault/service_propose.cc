// Dual control: proposals, votes, and one custodian's narrowing acts. Everything is decided in log order by the same
// functions that the fold calls; here they meet the clock, the tree and the engine.
#include <algorithm>

#include "vault/base/digest.h"
#include "vault/ledger/decide.h"
#include "vault/log/merkle.h"
#include "vault/open_vault.h"
#include "vault/opening.h"
#include "vault/service.h"

namespace facekeep {

using ledger::Moment;
using ledger::Role;
using ledger::State;
using log::Turn;
using log::Write;

namespace {

Moment moment(const State& st, const Instant& now) {
  return {now.wall, st.log_clock_at(now.uptime_ms)};
}

ProposalView view(const State& st, const ledger::Proposal& p, const Instant& now) {
  return {p, stage_at(st, p, moment(st, now)), rule_for(st, p.made), st.rule_version()};
}

// One governance event, with the checkpoint that its receipt and the next signer need.
Write governance(ledger::Body body) {
  Write w;
  w.drafts.push_back({std::move(body), {}});
  w.checkpoint = true;
  w.receipt = true;
  return w;
}

Error not_in_log() {
  return make_problem(Errc::kConflict, "not-in-log", "this was signed over a log that is not this one",
                      "if the vault was restored, ask the other custodians before you sign anything");
}

}  // namespace

// Each of the calls below authorises again in log order.
Result<std::string> Service::custodian(const Digest& spki) const {
  const UnixMillis now = parts_.clock.now().wall;
  return sequencer_->read([&](const State& st) -> Result<std::string> {
    FK_TRY(const auto* p, ledger::authorise(st, spki, Role::kCustodian, now));
    return p->id;
  });
}

Result<ProposalView> Service::view_of(const Id128& id) const {
  const Instant now = parts_.clock.now();
  return sequencer_->read([&](const State& st) -> Result<ProposalView> {
    const auto it = st.proposals().find(id);
    if (it == st.proposals().end()) {
      return make_problem(Errc::kNotFound, "unknown-proposal", "there is no such proposal",
                          "`facekeep proposals` lists those that are open");
    }
    return view(st, it->second, now);
  });
}

Result<VoteAnswer> Service::propose(const Digest& spki, ledger::ProposalMade made,
                                    const std::vector<std::string>& subjects) {
  made.id = random_array<16>();
  FK_CHECK(custodian(spki));
  FK_TRY(const auto list, prepare_export(made, subjects));
  FK_TRY(const auto written, sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_TRY(const auto* p, ledger::authorise(turn.state, spki, Role::kCustodian, turn.now.wall));
    made.by = p->id;
    FK_CHECK(decide_propose(turn.state, made, moment(turn.state, turn.now)));
    Write w = governance(made);
    if (list) {
      FK_CHECK(ledger::require_open(turn.state));
      w.drafts.push_back({*list, {}});
    }
    return w;
  }));
  FK_TRY(ProposalView v, view_of(made.id));
  return VoteAnswer{written.entry, std::move(v)};
}

Result<ProposalPage> Service::proposals(const Digest& spki) const {
  FK_CHECK(custodian(spki));
  const Instant now = parts_.clock.now();
  ProposalPage page;
  sequencer_->read([&](const State& st) {
    page.vault = st.genesis().vault;
    page.rule_version = st.rule_version();
    for (const auto& [id, p] : st.proposals()) page.proposals.push_back(view(st, p, now));
  });
  std::sort(page.proposals.begin(), page.proposals.end(),
            [](const ProposalView& a, const ProposalView& b) { return a.proposal.entry < b.proposal.entry; });
  return page;
}

Result<ProposalView> Service::proposal(const Digest& spki, const Id128& id) const {
  FK_CHECK(custodian(spki));
  return view_of(id);
}

// The tree does not change behind the published checkpoint, so this needs no place in log order.
Status Service::check_root(std::uint64_t size, const Digest& root) const {
  if (size == 0 || size > sequencer_->published_size()) return not_in_log();
  FK_TRY(const Digest ours, sequencer_->root_at(size));
  return ours == root ? Status() : Status(not_in_log());
}

Result<VoteAnswer> Service::vote(const Digest& spki, ledger::Vote vote, ledger::Verb verb) {
  FK_TRY(vote.by, custodian(spki));
  FK_CHECK(check_root(vote.size, vote.root));
  const bool veto = verb == ledger::Verb::kVeto;
  FK_TRY(const auto written,
         sequencer_->submit(
             [&](const Turn& turn) -> Result<Write> {
               FK_CHECK(ledger::authorise(turn.state, spki, Role::kCustodian, turn.now.wall));
               FK_CHECK(decide_vote(turn.state, vote, verb, moment(turn.state, turn.now)));
               return governance(veto ? ledger::Body(ledger::Veto{vote}) : ledger::Body(ledger::Approval{vote}));
             },
             veto ? store::Urgency::kNarrowing : store::Urgency::kOrdinary));
  // If this one fails the keeper tries again; what was signed stands.
  if (!veto) static_cast<void>(carry_out(vote.proposal));
  FK_TRY(ProposalView v, view_of(vote.proposal));
  return VoteAnswer{written.entry, std::move(v)};
}

Result<VoteAnswer> Service::withdraw(const Digest& spki, const Id128& id) {
  FK_TRY(const auto written, sequencer_->submit(
                                 [&](const Turn& turn) -> Result<Write> {
                                   FK_TRY(const auto* p,
                                          ledger::authorise(turn.state, spki, Role::kCustodian, turn.now.wall));
                                   const ledger::ProposalWithdrawn event{id, p->id};
                                   FK_CHECK(decide_withdraw(turn.state, event, moment(turn.state, turn.now)));
                                   return governance(event);
                                 },
                                 store::Urgency::kNarrowing));
  FK_TRY(ProposalView v, view_of(id));
  return VoteAnswer{written.entry, std::move(v)};
}

Result<RevokeAnswer> Service::revoke(const Digest& spki, std::vector<std::string> principals,
                                     const std::string& reason) {
  std::sort(principals.begin(), principals.end());
  RevokeAnswer answer;
  FK_TRY(const auto written, sequencer_->submit(
                                 [&](const Turn& turn) -> Result<Write> {
                                   FK_TRY(const auto* p,
                                          ledger::authorise(turn.state, spki, Role::kCustodian, turn.now.wall));
                                   const ledger::Revoked event{p->id, principals, reason};
                                   FK_CHECK(decide_revoke(turn.state, event, moment(turn.state, turn.now)));
                                   answer.keys.clear();
                                   for (const auto& id : principals)
                                     answer.keys.push_back(turn.state.principal(id)->key);
                                   return governance(event);
                                 },
                                 store::Urgency::kNarrowing));
  answer.entry = written.entry;
  return answer;
}

Result<std::uint64_t> Service::suspend_custodian(const Digest& spki, const std::string& id) {
  FK_TRY(const auto written, sequencer_->submit(
                                 [&](const Turn& turn) -> Result<Write> {
                                   FK_TRY(const auto* p,
                                          ledger::authorise(turn.state, spki, Role::kCustodian, turn.now.wall));
                                   const ledger::CustodianSuspended event{p->id, id};
                                   FK_CHECK(decide_suspend(turn.state, event, moment(turn.state, turn.now)));
                                   return governance(event);
                                 },
                                 store::Urgency::kNarrowing));
  return written.entry;
}

// The act is its own entry, decided in log order: of two that come at once the second finds the proposal done, and
// one that a crash kept from being written is found ready by the keeper.
Status Service::carry_out(const Id128& id) {
  FK_CHECK(sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(decide_carry_out(turn.state, id, moment(turn.state, turn.now)));
    Write w = governance(ledger::ProposalDone{id});
    const ledger::Proposal& p = turn.state.proposals().at(id);
    if (std::holds_alternative<ledger::CancelErasures>(p.made.action)) {
      std::vector<Id128> again;
      for (const auto& [ref, s] : turn.state.subjects()) {
        if (!erasure_is_cancelled(turn.state, p, s)) continue;
        if (format_day(turn.now.wall) <= s.until) again.push_back(ref);
      }
      w.after = [this, again = std::move(again)] {
        for (const Id128& ref : again) engine_->suspend(ref, false);
      };
    }
    return w;
  }));
  // A model that came needs its galleries; those that exist stay.
  return open_vault() ? make_galleries(*sequencer_, *engine_) : Status();
}

void Service::carry_out_ready() {
  const Instant now = parts_.clock.now();
  std::vector<Id128> ready;
  sequencer_->read([&](const State& st) {
    for (const auto& [id, p] : st.proposals()) {
      if (decide_carry_out(st, id, moment(st, now))) ready.push_back(id);
    }
  });
  for (const Id128& id : ready) static_cast<void>(carry_out(id));
}

}  // namespace facekeep
