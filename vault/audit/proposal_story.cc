#include "vault/audit/proposal_story.h"

#include <set>

#include "vault/ledger/proposal_decide.h"

namespace facekeep::audit {

using namespace ledger;

const ProposalStory* ProposalStories::find(const Id128& id) const {
  const auto it = index_.find(id);
  return it == index_.end() ? nullptr : &list_[it->second];
}

// One that was proposed before the replay began comes from the state.
ProposalStory& ProposalStories::story(const Id128& id, const State& state) {
  const auto [it, fresh] = index_.emplace(id, list_.size());
  if (fresh) {
    const Proposal& p = state.proposals().at(id);
    ProposalStory s;
    s.entry = p.entry;
    s.time = p.opened.wall;
    s.made = p.made;
    live_.push_back(list_.size());
    list_.push_back(std::move(s));
  }
  return list_[it->second];
}

void ProposalStories::see(const Seen& seen) {
  if (seen.event == nullptr || seen.state.size() != seen.entry + 1) return;  // not folded: not allowed, or unknown
  const Event& e = *seen.event;
  const auto end = [&](const Id128& id) {
    ProposalStory& s = story(id, seen.state);
    s.ended_entry = seen.entry;
    s.ended_time = e.time;
  };
  bool changes = true;
  if (const auto* made = std::get_if<ProposalMade>(&e.body)) {
    story(made->id, seen.state);
  } else if (const auto* approval = std::get_if<Approval>(&e.body)) {
    const Vote& v = approval->vote;
    story(v.proposal, seen.state).signatures.push_back({seen.entry, e.time, v.by, false, true});
  } else if (const auto* veto = std::get_if<Veto>(&e.body)) {
    const Vote& v = veto->vote;
    story(v.proposal, seen.state).signatures.push_back({seen.entry, e.time, v.by, true, true});
    end(v.proposal);
  } else if (const auto* withdrawn = std::get_if<ProposalWithdrawn>(&e.body)) {
    end(withdrawn->proposal);
  } else if (const auto* done = std::get_if<ProposalDone>(&e.body)) {
    end(done->proposal);
  } else {
    changes = std::holds_alternative<Revoked>(e.body) || std::holds_alternative<Tightened>(e.body) ||
              std::holds_alternative<Recovered>(e.body);
  }
  if (changes) refresh(seen.state);
}

// The rule of one that has just ended stays that under which it ended.
void ProposalStories::refresh(const State& state) {
  std::vector<std::size_t> still;
  for (const std::size_t i : live_) {
    ProposalStory& s = list_[i];
    const auto it = state.proposals().find(s.made.id);
    if (it == state.proposals().end()) {
      s.stage = Stage::kExpired;  // only what has ended is forgotten
      continue;
    }
    const Proposal& p = it->second;
    s.stage = p.stage;
    std::set<std::string> later;
    for (auto sig = s.signatures.rbegin(); sig != s.signatures.rend(); ++sig) {
      if (!sig->veto) sig->stands = p.approved.contains(sig->by) && later.insert(sig->by).second;
    }
    if (is_final(s.stage)) continue;
    s.rule = rule_for(state, p.made, {state.last_time(), state.log_clock()});
    s.rule_version = state.rule_version();
    still.push_back(i);
  }
  live_ = std::move(still);
}

Stage stage_of(const ProposalStory& story, const State& end) {
  if (is_final(story.stage)) return story.stage;
  const auto it = end.proposals().find(story.made.id);
  if (it == end.proposals().end()) return Stage::kExpired;
  return stage_at(end, it->second, {end.last_time(), end.log_clock()});
}

}  // namespace facekeep::audit
