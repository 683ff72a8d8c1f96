// Behind a rotation nothing vouches for the keys in force but that people are under them: who has been enrolled longest
// is asked. An unseal refuses keys that most of these people do not open with; what would end in such an unseal asks
// before, while there is still a way back.
#pragma once

#include <string>
#include <vector>

#include "vault/open_vault.h"

namespace facekeep {

struct KnownPerson {
  Id128 ref{};
  ledger::SubjectState state;
  std::string site;
};
// The 64 who have been enrolled longest, oldest first: somebody with the log's key adds people at its end.
std::vector<KnownPerson> longest_enrolled(const ledger::State& state);

// How many of them do not open. An error that is no damage of theirs ends it.
Result<std::size_t> count_lost(const OpenVault& vault, const std::vector<KnownPerson>& people);

// kIntegrity if `lost` of `asked` are too many for an unseal; `whose` keys these are begins the message.
Status check_lost(std::size_t lost, std::size_t asked, const std::string& whose, const std::string& hint);

}  // namespace facekeep
