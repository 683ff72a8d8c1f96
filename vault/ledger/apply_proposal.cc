// The fold of proposals and of one person's narrowing acts. What may stand in the log is decided in
// proposal_decide.h; here is what it changes.
#include <algorithm>

#include "vault/ledger/cards.h"
#include "vault/ledger/proposal_decide.h"

namespace facekeep::ledger {
namespace {

Status in_log(const Status& decision) {
  if (decision) return {};
  return make_error(Errc::kIntegrity, "the log has an event that its rules do not allow: " + decision.error().message);
}

}  // namespace

void State::set_current(Genesis current) {
  current_ = std::move(current);
  principals_by_key_.clear();
  for (std::size_t i = 0; i < current_->principals.size(); ++i) principals_by_key_[current_->principals[i].key] = i;
  for (const Site& s : current_->sites) budget_policies_.set(s.id, size_, s.budgets.value_or(SiteBudgets()));
}

State::Origin State::origin_of(const std::string& principal) const {
  const auto it = origins_.find(principal);
  return it == origins_.end() ? Origin() : it->second;
}

void State::note_origin(const Proposal& done) {
  const Origin origin{done.entry, approval_entries_[done.made.id], size_};
  for (const auto& id : principals_in(done.made.action)) origins_[id] = origin;
  if (std::holds_alternative<ChangeCustodian>(done.made.action) || std::holds_alternative<Reshare>(done.made.action)) {
    custodian_changes_.push_back(origin);
  }
  if (std::holds_alternative<ChangeWitnesses>(done.made.action)) witnesses_origin_ = origin;
}

// Lapsed proposals become `expired`, and of those that ended the latest of each proposer are kept: nobody makes the
// vault forget what somebody else proposed and a veto stopped, which can be put again, nor what still holds an erasure.
void State::settle_ended_proposals() {
  std::map<std::string, std::map<std::uint64_t, Id128>> ended;
  for (auto& [id, p] : proposals_) {
    if (p.stage != Stage::kExpired && stage_at(*this, p, moment()) == Stage::kExpired) {
      if (is_ceremony(p.made.action)) ended_ceremonies_[p.made.by] = lapse_clock(*this, p, moment());
      p.stage = Stage::kExpired;
    }
    const bool served = p.stage == Stage::kDone && exports_.contains(id) && !lifetime_is_over(*this, p, moment());
    if (is_final(p.stage) && !served && !may_hold(*this, p, moment())) ended[p.made.by].emplace(p.entry, id);
  }
  // Nobody pushes an export out by making proposals; what is over leaves.
  std::erase_if(exports_, [&](const auto& e) {
    const auto p = proposals_.find(e.first);
    return p == proposals_.end() || lifetime_is_over(*this, p->second, moment()) ||
           (is_final(p->second.stage) && p->second.stage != Stage::kDone);
  });
  for (auto& [by, own] : ended) {
    while (own.size() > kMaxEndedProposals) {
      proposals_.erase(own.begin()->second);
      approval_entries_.erase(own.begin()->second);
      own.erase(own.begin());
    }
  }
}

// Earlier signatures no longer count: for all proposals, or for those that name one of these principals.
void State::unsettle_proposals(const std::vector<std::string>* naming) {
  for (auto& [id, p] : proposals_) {
    const auto next = next_stage(p.stage, ProposalInput::kUnsettle);
    if (!next) continue;
    if (naming != nullptr) {
      const auto named = principals_in(p.made.action);
      const bool hit = std::any_of(named.begin(), named.end(), [&](const std::string& n) {
        return std::find(naming->begin(), naming->end(), n) != naming->end();
      });
      if (!hit) continue;
    }
    p.stage = *next;
    p.approved.clear();
    p.complete.reset();
    p.unsettled = size_;
    approval_entries_.erase(id);
  }
}

Status State::apply_body(const ProposalMade& e) {
  FK_CHECK(in_log(decide_propose(*this, e, moment())));
  FK_TRY(const Digest digest, proposal_digest(e, genesis_->vault));
  settle_ended_proposals();
  Proposal p;
  p.made = e;
  p.digest = digest;
  p.entry = size_;
  p.opened = latest_moment();
  proposals_.emplace(e.id, std::move(p));
  return {};
}

// Who has a ceremony end undecided waits a day before another (decide_propose).
void State::note_end(const Proposal& ended) {
  if (is_ceremony(ended.made.action)) ended_ceremonies_[ended.made.by] = clock_now_;
}

Status State::vote(const Vote& vote, Verb verb) {
  FK_CHECK(in_log(decide_vote(*this, vote, verb, moment())));
  Proposal& p = proposals_.at(vote.proposal);
  if (verb == Verb::kVeto) {
    p.stage = *next_stage(p.stage, ProposalInput::kVeto);
    p.vetoed_by = vote.by;
    note_end(p);
    return {};
  }
  p.approved.insert(vote.by);
  approval_entries_[vote.proposal].push_back(size_);
  // A suspended person's signature stands; stage_at asks who counts when it comes to acting.
  const bool enough = !p.complete && meets(rule_for(*this, p.made, moment()), p.approved);
  if (enough) p.complete = moment();
  p.stage = *next_stage(p.stage, enough ? ProposalInput::kComplete : ProposalInput::kSign);
  return {};
}

Status State::apply_body(const Approval& e) {
  return vote(e.vote, Verb::kApprove);
}

Status State::apply_body(const Veto& e) {
  return vote(e.vote, Verb::kVeto);
}

Status State::apply_body(const ProposalWithdrawn& e) {
  FK_CHECK(in_log(decide_withdraw(*this, e, moment())));
  Proposal& p = proposals_.at(e.proposal);
  p.stage = *next_stage(p.stage, ProposalInput::kWithdraw);
  note_end(p);
  return {};
}

Status State::apply_body(const ProposalDone& e) {
  FK_CHECK(in_log(decide_carry_out(*this, e.proposal, moment())));
  Proposal& p = proposals_.at(e.proposal);
  FK_TRY(Genesis next, apply_action(*current_, p.made.action, format_day(latest_moment().wall)));
  const bool opens = std::holds_alternative<OpenSite>(p.made.action);
  if (opens != e.check.has_value()) {
    return in_log(make_error(Errc::kIntegrity, "a site is opened with the check of its key, and nothing else has one"));
  }
  if (opens) {
    next.sites.back().check = *e.check;
    next.sites.back().epoch = root_epoch();
  }
  const bool cards_alone = renews_cards_alone(*this, p.made.action);
  FK_CHECK(in_log(check_new_keys(p.made.action, e.keys, next)));
  FK_CHECK(check_new_log_key(p.made.action, e.log_key));
  if (waits_for_keys(p.made.action) != e.proof.has_value()) {
    return in_log(
        make_error(Errc::kIntegrity, "new keys come with a proof by those before them, and nothing else does"));
  }
  if (opens) site_proofs_[next.sites.back().id] = {e.proposal, *e.proof};
  if (e.keys) note_new_keys(e, next);
  if (e.log_key) {
    next.log_key = *e.log_key;
    note_log_key(*e.log_key, false, {});
  }
  if (cards_alone) note_new_cards(e);
  for (const auto& [name, rule] : rules_in(p.made.action)) agreed_rules_.erase(name);
  if (const auto* change = std::get_if<ChangePolicy>(&p.made.action)) shortened_.erase(change->site);
  if (std::holds_alternative<ExportTemplates>(p.made.action)) exports_[e.proposal].entry = size_;
  note_ticket_policy(next, opens || e.keys || cards_alone);
  p.stage = Stage::kDone;
  note_origin(p);
  set_current(std::move(next));
  changed_ = true;
  note_schedule(e.keys.has_value());
  if (std::holds_alternative<Reshare>(p.made.action)) cards_since_ = latest_moment().wall;
  for (auto& [ref, s] : subjects_) {
    if (!erasure_is_cancelled(*this, p, s)) continue;
    s.erase_due.reset();
    s.suspended_at_clock = 0;
    s.suspended_at = 0;
    --suspended_;
  }
  confirm_subjects(p.made.action);
  if (unsettles(p.made.action)) {
    rule_version_ = size_;
    unsettle_proposals(nullptr);
  }
  return {};
}

Status State::apply_body(const Revoked& e) {
  FK_CHECK(in_log(decide_revoke(*this, e, moment())));
  Genesis next = *current_;
  std::erase_if(next.principals, [&](const PrincipalRecord& p) {
    return std::find(e.principals.begin(), e.principals.end(), p.id) != e.principals.end();
  });
  set_current(std::move(next));
  changed_ = true;
  for (const auto& id : e.principals) origins_.erase(id);
  unsettle_proposals(&e.principals);
  return {};
}

// What a quorum had agreed on holds for what it would destroy, until its time is over.
void State::note_shortening(const Action& action) {
  const auto* change = std::get_if<ChangePolicy>(&action);
  const Site* before = change == nullptr ? nullptr : site(change->site);
  if (before == nullptr || change->access_log_days >= before->access_log_days) return;
  shortened_.try_emplace(change->site, Shortened{before->access_log_days, {}}).first->second.at = latest_moment();
}

// Signatures stand: the stage of a proposal is read with the rule in force, which now asks for more.
Status State::apply_body(const Tightened& e) {
  FK_CHECK(in_log(decide_tighten(*this, e, moment())));
  FK_TRY(Genesis next, apply_action(*current_, e.action, format_day(latest_moment().wall)));
  if (const auto* change = std::get_if<ChangeRules>(&e.action)) {
    for (const auto& [name, rule] : change->rules) agreed_rules_.emplace(name, current_->rules.at(name));
    tightenings_[e.by] = clock_now_;
  }
  note_shortening(e.action);
  note_ticket_policy(next, false);
  set_current(std::move(next));
  changed_ = true;
  return {};
}

Status State::apply_body(const CustodianSuspended& e) {
  FK_CHECK(in_log(decide_suspend(*this, e, moment())));
  suspensions_[e.by] = {e.custodian, clock_now_};
  return {};
}

Status State::apply_body(const AlarmsAcknowledged& e) {
  return in_log(decide_acknowledge(*this, e, moment()));
}

}  // namespace facekeep::ledger
