// Dual control: proposals, votes, and one custodian's narrowing acts. Everything is decided in log order by the same
// functions that the fold calls; here they meet the clock, the tree and the engine.
#include <algorithm>

#include "vault/base/digest.h"
#include "vault/ledger/decide.h"
#include "vault/log/merkle.h"
#include "vault/open_vault.h"
#include "vault/opening.h"
#include "vault/service.h"
#include "vault/store/keys.h"

namespace facekeep {

using ledger::Role;
using ledger::State;
using log::Turn;
using log::Write;

namespace {

ProposalView view(const State& st, const ledger::Proposal& p, const Instant& now) {
  const auto named = st.exports().find(p.made.id);
  return {p, stage_at(st, p, st.moment_at(now)), rule_for(st, p.made, st.moment_at(now)), st.rule_version(),
          named == st.exports().end() ? 0 : named->second.refs.size()};
}

// One governance event, with the checkpoint that its receipt and the next signer need.
Write governance(ledger::Body body) {
  Write w;
  w.drafts.push_back({std::move(body), {}});
  w.checkpoint = true;
  w.receipt = true;
  return w;
}

// Whom this action lets match again: of cancelled erasures, or in doubt since a restore.
std::vector<Id128> matching_again(const State& st, const ledger::Proposal& p, UnixMillis now) {
  const bool cancels = std::holds_alternative<ledger::CancelErasures>(p.made.action);
  const auto* confirm = std::get_if<ledger::ConfirmSubjects>(&p.made.action);
  std::vector<Id128> out;
  if (!cancels && confirm == nullptr) return out;
  const std::string today = format_day(now);
  for (const auto& [ref, s] : st.subjects()) {
    if (today > s.until) continue;
    const bool here = confirm != nullptr && st.current().sites[s.site].id == confirm->site;
    const bool again = cancels ? !s.in_doubt && erasure_is_cancelled(st, p, s) : here && s.in_doubt && !s.erase_due;
    if (again) out.push_back(ref);
  }
  return out;
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

Result<VoteAnswer> Service::propose(const Digest& spki, ledger::ProposalMade made, const ledger::PeopleNames& names,
                                    const std::vector<std::string>& subjects) {
  made.id = random_array<16>();
  FK_CHECK(custodian(spki));
  FK_CHECK(check_names(names, made.action));
  FK_TRY(const auto list, prepare_export(made, subjects));
  const std::lock_guard names_lock(names_mutex_);
  std::shared_ptr<OpenVault> vault;
  if (!names.empty()) {
    FK_TRY(vault, open_vault());
  }
  FK_TRY(const auto written, sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_TRY(const auto* p, ledger::authorise(turn.state, spki, Role::kCustodian, turn.now.wall));
    made.by = p->id;
    FK_CHECK(decide_propose(turn.state, made, turn.state.moment_at(turn.now)));
    Write w = governance(made);
    // This event makes the state forget the oldest of what ended: names go before their proposals do.
    for (const std::uint64_t old : names_to_drop(turn.state, turn.now, Drop::kForgotten))
      w.deletes.push_back(store::keys::names(old));
    if (list) {
      FK_CHECK(ledger::require_open(turn.state));
      w.drafts.push_back({*list, {}});
    }
    if (vault) {
      FK_TRY(Bytes sealed, seal_names(*vault, turn.state.root_epoch(), turn.next_entry, names));
      FK_CHECK(check_names_room(turn.state, p->id, sealed.size()));
      w.puts.push_back({store::keys::names(turn.next_entry), std::move(sealed)});
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
  FK_TRY(ProposalView v, view_of(id));
  const auto vault = open_vault();
  if (!vault) return v;
  FK_TRY(const auto blob, parts_.store.get(store::keys::names(v.proposal.entry)));
  if (!blob) return v;
  if (auto names = open_names(**vault, v.proposal.entry, *blob)) v.names = std::move(*names);
  return v;
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
               FK_CHECK(decide_vote(turn.state, vote, verb, turn.state.moment_at(turn.now)));
               return governance(veto ? ledger::Body(ledger::Veto{vote}) : ledger::Body(ledger::Approval{vote}));
             },
             veto ? store::Urgency::kNarrowing : store::Urgency::kOrdinary));
  // If this one fails the keeper tries again; what was signed stands.
  if (!veto) static_cast<void>(carry_out(vote.proposal));
  FK_TRY(ProposalView v, view_of(vote.proposal));
  return VoteAnswer{written.entry, std::move(v)};
}

Result<std::uint64_t> Service::narrow(const Digest& spki, const NarrowingAct& act) {
  FK_TRY(const auto written, sequencer_->submit(
                                 [&](const Turn& turn) -> Result<Write> {
                                   FK_TRY(const auto* p,
                                          ledger::authorise(turn.state, spki, Role::kCustodian, turn.now.wall));
                                   FK_TRY(ledger::Body body, act(turn, p->id));
                                   return governance(std::move(body));
                                 },
                                 store::Urgency::kNarrowing));
  return written.entry;
}

Result<VoteAnswer> Service::withdraw(const Digest& spki, const Id128& id) {
  FK_TRY(const std::uint64_t entry, narrow(spki, [&](const Turn& turn, const std::string& by) -> Result<ledger::Body> {
           const ledger::ProposalWithdrawn event{id, by};
           FK_CHECK(decide_withdraw(turn.state, event, turn.state.moment_at(turn.now)));
           return ledger::Body(event);
         }));
  drop_names();
  FK_TRY(ProposalView v, view_of(id));
  return VoteAnswer{entry, std::move(v)};
}

Result<RevokeAnswer> Service::revoke(const Digest& spki, std::vector<std::string> principals,
                                     const std::string& reason) {
  std::sort(principals.begin(), principals.end());
  RevokeAnswer answer;
  FK_TRY(answer.entry, narrow(spki, [&](const Turn& turn, const std::string& by) -> Result<ledger::Body> {
           const ledger::Revoked event{by, principals, reason};
           FK_CHECK(decide_revoke(turn.state, event, turn.state.moment_at(turn.now)));
           answer.keys.clear();
           for (const auto& id : principals) answer.keys.push_back(turn.state.principal(id)->key);
           return ledger::Body(event);
         }));
  return answer;
}

Result<std::uint64_t> Service::suspend_custodian(const Digest& spki, const std::string& id) {
  return narrow(spki, [&](const Turn& turn, const std::string& by) -> Result<ledger::Body> {
    const ledger::CustodianSuspended event{by, id};
    FK_CHECK(decide_suspend(turn.state, event, turn.state.moment_at(turn.now)));
    return ledger::Body(event);
  });
}

Result<std::uint64_t> Service::tighten(const Digest& spki, ledger::Action action) {
  return narrow(spki, [&](const Turn& turn, const std::string& by) -> Result<ledger::Body> {
    ledger::Tightened event{by, action};
    FK_CHECK(decide_tighten(turn.state, event, turn.state.moment_at(turn.now)));
    return ledger::Body(std::move(event));
  });
}

Result<std::uint64_t> Service::acknowledge_alarms(const Digest& spki, std::uint64_t entry) {
  FK_TRY(const std::uint64_t done, narrow(spki, [&](const Turn& turn, const std::string& by) -> Result<ledger::Body> {
           const ledger::AlarmsAcknowledged event{by, entry};
           FK_CHECK(decide_acknowledge(turn.state, event, turn.state.moment_at(turn.now)));
           return ledger::Body(event);
         }));
  budgets_.acknowledge(entry);
  return done;
}

Result<std::vector<Registered>> Service::principals(const Digest& spki) const {
  FK_CHECK(custodian(spki));
  return sequencer_->read([](const State& st) {
    std::vector<Registered> out;
    for (const auto& p : st.current().principals) out.push_back({p, st.origin_of(p.id).proposal});
    std::sort(out.begin(), out.end(),
              [](const Registered& a, const Registered& b) { return a.principal.id < b.principal.id; });
    return out;
  });
}

// The act is its own entry, decided in log order: of two that come at once the second finds the proposal done, and
// one that a crash kept from being written is found ready by the keeper.
Status Service::carry_out(const Id128& id) {
  const auto action = sequencer_->read([&](const State& st) -> std::optional<ledger::Action> {
    const auto it = st.proposals().find(id);
    return it == st.proposals().end() ? std::nullopt : std::optional(it->second.made.action);
  });
  if (action && std::holds_alternative<ledger::OpenSite>(*action)) return open_site(id);
  if (action && renews_keys(*action)) return change_keys(id);
  if (action && std::holds_alternative<ledger::RotateLogKey>(*action)) return change_log_key(id);
  FK_CHECK(sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(decide_carry_out(turn.state, id, turn.state.moment_at(turn.now)));
    Write w = governance(ledger::ProposalDone{id});
    const ledger::Proposal& p = turn.state.proposals().at(id);
    std::vector<Id128> again = matching_again(turn.state, p, turn.now.wall);
    if (!again.empty()) {
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
      if (decide_carry_out(st, id, st.moment_at(now))) ready.push_back(id);
    }
  });
  for (const Id128& id : ready) static_cast<void>(carry_out(id));
}

}  // namespace facekeep
