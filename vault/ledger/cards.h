// Which cards open a sealed vault, and who may hand them in. Pure.
//
// Those in force; and while a re-share's have opened nothing yet, those before them too: until somebody has shown that
// the new ones work, nobody is left with cards that open nothing.
#pragma once

#include <string>
#include <vector>

#include "vault/ledger/state.h"

namespace facekeep::ledger {

// Of one set. Null: there is no set before.
const std::vector<Group>* card_groups(const State& state, bool before);

// Null unless there is such a group with such a card.
const Group* find_card(const std::vector<Group>& groups, const std::string& group, std::uint32_t share);

// A holder of the card does. Of a card of the set before none of whose holders is registered any more, so does any
// custodian of its group: whoever left gave it back.
bool may_hand_in(const State& state, const std::string& by, const Group& group, std::uint32_t share, bool before);

// The action is a re-share that brings new cards alone: those of the last one have opened nothing, whose keys are in
// force already, and no spare token attends. Its proposal-done has a proof and no keys.
bool renews_cards_alone(const State& state, const Action& action);

}  // namespace facekeep::ledger
