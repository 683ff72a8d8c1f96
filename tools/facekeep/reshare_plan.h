// The plan of a re-share (JSON): every group with its custodians as they are afterwards. Unknown fields are refused.
//
//   {"groups":[{"id":"residents","threshold":2,"custodians":[
//       {"id":"residents/1"},                                                       who stays, as registered
//       {"id":"residents/4","name":"...","certificate":FILE,"approval_key":FILE,"deputy":false}]}],   who comes
//    "rules":{...}, "spare_key":FILE}                                               both optional
#pragma once

#include "tools/facekeep/ceremony_cards.h"
#include "vault/ledger/person_name.h"
#include "vault/ledger/reshare.h"

namespace facekeep::tools {

struct ResharePlan {
  std::vector<PlannedGroup> groups;
  std::vector<std::uint32_t> thresholds;  // of the groups; one card where there is one, else two
  std::map<std::string, ledger::Rule> rules;
  std::optional<std::string> spare;  // PEM
};

// Reads it and the files that it names, relative to its folder; who stays is taken from `current`. kInvalidArgument
// for somebody who is neither registered nor new, or in two places.
Result<ResharePlan> read_reshare_plan(const std::string& path, const ledger::Genesis& current);

// A new unseal secret, split for the plan's groups, and the action that nobody has signed yet. What can be checked
// before anybody copies a card is checked: errors of ledger::apply_unsigned.
struct NewSet {
  ledger::Reshare action;
  ledger::PeopleNames names;  // of those who come
  std::vector<DrawnCard> cards;
};
Result<NewSet> draw_new_set(const ResharePlan& plan, const ledger::Genesis& current, const std::string& day);

}  // namespace facekeep::tools
