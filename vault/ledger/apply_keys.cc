// The fold of new keys: where a rotation begins, goes on and ends.
#include "vault/ledger/state.h"

namespace facekeep::ledger {
namespace {

Error broken(const char* why) {
  return make_error(Errc::kIntegrity, std::string("the log has an event that its rules do not allow: ") + why);
}

}  // namespace

// Precondition: `next` is current_ after the action.
Status State::check_new_keys(const Action& action, const std::optional<NewKeys>& keys, Genesis& next) const {
  // While a rotation is open, what is carried out brings cards alone (renews_cards_alone).
  const bool draws = renews_keys(action) && !rotation_;
  if (draws != keys.has_value()) return broken("new keys come with a rotation or a re-share alone");
  return !keys ? Status() : take_keys(next, *current_, *keys);
}

// Precondition: check_new_keys; current_ is as before.
void State::note_new_keys(const ProposalDone& done, const Genesis& next) {
  Rotation r{root_epoch(), done.keys->epoch, {}, current_->register_check, {}, size_, {done.proposal, *done.proof}};
  for (const Site& s : current_->sites) r.old_checks[s.id] = s.check;
  r.cards_untried = next.unseal_key != current_->unseal_key;
  rotation_ = std::move(r);
  if (recovery_ && rotation_->cards_untried) recovery_->renewed = rotation_->from;
  site_proofs_.clear();  // the proof of the new keys is over all of them
  for (const auto& [id, key] : period_keys_) ++wraps_[std::get<1>(id)];
  if (!rotation_->cards_untried) return;
  rotation_->before = CardSet{current_->unseal_key, current_->groups};
  retire_cards();
}

// The keys stay, and so do the cards that opened them last: those of the re-share before never did. What vouches for
// the keys names the unseal key to which they are sealed now.
void State::note_new_cards(const ProposalDone& done) {
  rotation_->proof = {done.proposal, *done.proof};
  retire_cards();
}

// Precondition: current_ is as before.
void State::retire_cards() {
  retired_cards_.insert(current_->unseal_key);
  for (const auto& group : current_->groups) {
    for (const auto& card : group.shares) retired_cards_.insert(card.commitment);
  }
}

// Precondition: current_ is as it is behind the entry.
void State::note_schedule(bool new_keys) {
  if (current_->rotate_days == 0) {
    scheduled_since_.reset();
  } else if (new_keys || !scheduled_since_) {
    scheduled_since_ = latest_moment();
  }
}

Status State::apply_body(const Rewrapped& e) {
  if (!rotation_) return broken("a rewrapping without a rotation");
  if (e.epoch != rotation_->to) return broken("a rewrapping under keys of another epoch");
  if (e.upto <= rotation_->upto) return broken("a rewrapping out of order");
  if (subjects_.contains(e.upto)) return broken("a rewrapping that names a subject");
  const auto end = subjects_.upper_bound(e.upto);
  for (auto it = subjects_.upper_bound(rotation_->upto); it != end; ++it) ++wraps_[current_->sites[it->second.site].id];
  rotation_->upto = e.upto;
  return {};
}

Status State::apply_body(const KeysRetired& e) {
  if (!rotation_ || e.epoch != rotation_->from) return broken("the end of keys that were not replaced");
  if (rotation_->upto != kAllRefs) return broken("the end of keys that subjects still need");
  if (rotation_->cards_untried) return broken("the end of the old keys before the new cards opened the vault");
  const auto lost = lost_roots_.find(e.epoch);
  if (e.lost != (lost != lost_roots_.end())) return broken("the end of a lost root that is not said to be one");
  if (lost != lost_roots_.end()) lost->second = size_;
  rotation_.reset();
  if (recovery_ && recovery_->renewed == e.epoch) recovery_.reset();
  return {};
}

}  // namespace facekeep::ledger
