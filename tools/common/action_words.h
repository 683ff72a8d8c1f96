// An action (vault/ledger/action.h) in words, for whoever signs it and whoever reads of it later.
#pragma once

#include <string>
#include <vector>

#include "tools/common/catalogue.h"
#include "vault/ledger/action.h"

namespace facekeep::tools {

// A line a fact, indented by what it belongs to. Others wrote parts of each line: escape a line before a person sees
// it. Pure.
std::vector<std::string> action_words(Lang lang, const ledger::Action& action);

// What differs between two registrations of one principal, a line a field of their JSON form: "key: old -> new". Pure.
std::vector<std::string> changes_of(Lang lang, const ledger::PrincipalRecord& before,
                                    const ledger::PrincipalRecord& after);

// "1 property + 1 residents".
std::string people_needed(const ledger::Rule& rule);

}  // namespace facekeep::tools
