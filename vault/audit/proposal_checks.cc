#include "vault/audit/proposal_checks.h"

#include <algorithm>

#include "vault/ledger/proposal_decide.h"

namespace facekeep::audit {

using namespace ledger;

namespace {

const Vote* vote_of(const Event& event) {
  if (const auto* approval = std::get_if<Approval>(&event.body)) return &approval->vote;
  if (const auto* veto = std::get_if<Veto>(&event.body)) return &veto->vote;
  return nullptr;
}

std::string needs(const Rule& rule) {
  std::string out;
  for (const auto& [group, n] : rule.groups) out += (out.empty() ? "" : " + ") + std::to_string(n) + " " + group;
  return out + ", " + std::to_string(rule.delay_s) + " s";
}

bool is_late(const Moment& since, const Moment& now) {
  return now.wall - since.wall > kLateAfter && now.clock > since.clock + static_cast<std::uint64_t>(kLateAfter);
}

}  // namespace

void ProposalCheck::root(std::uint64_t entry, const Event& event, const RootAt& root_at) {
  const Vote* vote = vote_of(event);
  if (vote == nullptr || !root_at || vote->size > entry) return;  // a size beyond the entry is the fold's to refuse
  const auto root = root_at(vote->size);
  if (root && *root != vote->root) findings_.add(Code::kVoteRoot, entry, {vote->by, std::to_string(vote->size)});
}

bool ProposalCheck::event(std::uint64_t entry, const Event& event, const State& before) {
  const Moment now{event.time, before.log_clock_at(event.uptime_ms)};
  if (std::holds_alternative<ProposalMade>(event.body)) forget_ended(before);
  if (const Vote* v = vote_of(event)) {
    return vote(entry, *v, std::holds_alternative<Veto>(event.body) ? Verb::kVeto : Verb::kApprove, before, now);
  }
  const auto* carried_out = std::get_if<ProposalDone>(&event.body);
  return carried_out != nullptr && done(entry, carried_out->proposal, before, now);
}

void ProposalCheck::forget_ended(const State& state) {
  const auto gone = [&](const Id128& id) { return !state.proposals().contains(id); };
  std::erase_if(votes_, [&](const auto& v) { return gone(v.first); });
  std::erase_if(told_, gone);
}

bool ProposalCheck::vote(std::uint64_t entry, const Vote& v, Verb verb, const State& before, const Moment& now) {
  const auto decided = decide_vote(before, v, verb, now);
  if (!decided) {
    const auto p = before.proposals().find(v.proposal);
    const std::string proposal = p == before.proposals().end() ? "-" : std::to_string(p->second.entry);
    findings_.add(Code::kVoteRefused, entry, {v.by, proposal, decided.error().message});
    return true;
  }
  if (verb == Verb::kApprove) {
    Votes& votes = votes_[v.proposal];
    votes.entries[v.by] = entry;
    votes.last = now;
  }
  return false;
}

bool ProposalCheck::done(std::uint64_t entry, const Id128& id, const State& before, const Moment& now) {
  const auto it = before.proposals().find(id);
  if (it == before.proposals().end()) return false;
  const Proposal& p = it->second;
  const Stage stage = stage_at(before, p, now);
  if (stage != Stage::kReady) {
    findings_.add(
        Code::kDoneRefused, entry,
        {std::to_string(p.entry), std::string(to_string(stage)), people(p), needs(rule_for(before, p.made, now))});
    return true;
  }
  if (const auto since = ready_since(before, p, now); since && is_late(*since, now)) {
    findings_.add(Code::kDoneLate, entry, {std::to_string(p.entry), format_time(since->wall), format_time(now.wall)});
  }
  return false;
}

// The latest of what it waited for: the delay, and the last signature.
std::optional<Moment> ProposalCheck::ready_since(const State& state, const Proposal& p, const Moment& now) const {
  const auto votes = votes_.find(p.made.id);
  if (!p.complete || votes == votes_.end()) return std::nullopt;
  const std::int64_t delay = rule_for(state, p.made, now).delay_s * 1000;
  return Moment{std::max(p.complete->wall + delay, votes->second.last.wall),
                std::max(p.complete->clock + static_cast<std::uint64_t>(delay), votes->second.last.clock)};
}

// "property/1 (612), residents/2 (615)": who signed under the rules in force, and in which entry.
std::string ProposalCheck::people(const Proposal& p) const {
  std::string out;
  const auto votes = votes_.find(p.made.id);
  for (const auto& who : p.approved) {
    out += (out.empty() ? "" : ", ") + who;
    if (votes == votes_.end()) continue;
    const auto entry = votes->second.entries.find(who);
    if (entry != votes->second.entries.end()) out += " (" + std::to_string(entry->second) + ")";
  }
  return out.empty() ? "-" : out;
}

void ProposalCheck::finish(const State& state) {
  const Moment now{state.last_time(), state.log_clock()};
  for (const auto& [id, p] : state.proposals()) {
    if (stage_at(state, p, now) != Stage::kReady) continue;
    const auto since = ready_since(state, p, now);
    if (!since || !is_late(*since, now) || !told_.insert(id).second) continue;
    findings_.add(Code::kNotDone, p.entry, {format_time(since->wall)});
  }
}

}  // namespace facekeep::audit
