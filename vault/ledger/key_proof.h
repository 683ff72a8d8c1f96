// What an unseal holds the proofs of new keys against (KeyProof in keys.h): the statements, from the state alone. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vault/ledger/state.h"

namespace facekeep::ledger {

struct Vouched {
  std::string statement;
  Digest proof{};
};

// With their evidence.
NewKeys keys_in_force(const Genesis& current);

// Of the keys in force while a rotation is open; the vault's own key of rotation()->from vouches. Precondition of both:
// phase() is not kNew.
Result<std::optional<Vouched>> vouched_keys(const State& state);

// Of each site opened since the vault's keys were last drawn; its own key in force vouches.
Result<std::vector<Vouched>> vouched_sites(const State& state);

}  // namespace facekeep::ledger
