#include "vault/ledger/cards.h"

#include <algorithm>

namespace facekeep::ledger {

const std::vector<Group>* card_groups(const State& state, bool before) {
  if (!before) return &state.current().groups;
  const CardSet* set = state.cards_before();
  return set == nullptr ? nullptr : &set->groups;
}

const Group* find_card(const std::vector<Group>& groups, const std::string& group, std::uint32_t share) {
  const auto g = std::find_if(groups.begin(), groups.end(), [&](const Group& x) { return x.id == group; });
  return g == groups.end() || share < 1 || share > g->shares.size() ? nullptr : &*g;
}

bool may_hand_in(const State& state, const std::string& by, const Group& group, std::uint32_t share, bool before) {
  const auto& holders = group.shares.at(share - 1).holders;
  const auto id = [&](std::uint32_t holder) { return group.id + "/" + std::to_string(holder); };
  if (std::any_of(holders.begin(), holders.end(), [&](std::uint32_t h) { return by == id(h); })) return true;
  const bool all_left =
      std::all_of(holders.begin(), holders.end(), [&](std::uint32_t h) { return state.principal(id(h)) == nullptr; });
  return before && all_left && by.starts_with(group.id + "/");
}

bool renews_cards_alone(const State& state, const Action& action) {
  const auto* cards = std::get_if<Reshare>(&action);
  const auto& rotation = state.rotation();
  return cards != nullptr && !cards->spare && rotation && rotation->cards_untried;
}

}  // namespace facekeep::ledger
