// A re-share before anybody has signed it: what the ceremony checks before the first card is copied. Pure.
#pragma once

#include "vault/ledger/action.h"

namespace facekeep::ledger {

// change_keys (keys.h) without the signatures.
Status change_cards(Genesis& current, const Reshare& action);

// apply_action without the signatures.
Result<Genesis> apply_unsigned(const Genesis& current, const Reshare& action, const std::string& day);

}  // namespace facekeep::ledger
