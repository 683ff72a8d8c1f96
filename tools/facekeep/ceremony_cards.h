// The cards of a ceremony: a new unseal secret U, drawn here and split for the groups. Its private half ends with the
// call; nothing of it is in a file.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/facekeep/ceremony_plan.h"
#include "vault/seal/slip39.h"

namespace facekeep::tools {

// One card to hand out: which share, who gets it, who holds the sealed copy.
struct DrawnCard {
  std::size_t group = 0;
  std::uint32_t number = 0;          // of the share within the group, from 1
  std::vector<std::size_t> holders;  // positions in the group's custodians; the first proves the card
  seal::SecretWords words;
};

struct DrawnSet {
  Digest unseal_key{};  // U_pub, X25519
  std::uint32_t share_set = 0;
  std::vector<ledger::Group> groups;
  std::vector<DrawnCard> cards;
};

// A card for each custodian who is no deputy; `thresholds` of them open the group's part. Deputies hold a sealed copy
// of the group's first card. Errors of seal::split_secret.
Result<DrawnSet> draw_set(const std::vector<PlannedGroup>& groups, const std::vector<std::uint32_t>& thresholds);

// What people typed, by group, in the order of the cards.
using ProvenCards = std::vector<std::vector<seal::SecretWords>>;
// Combines them, each card in at least one of the smallest sets that open. kIntegrity unless every set gives the secret
// of `unseal_key`.
Status check_cards(const ProvenCards& cards, const std::vector<ledger::Group>& groups, const Digest& unseal_key);

// Positions of those who are no deputies.
std::vector<std::size_t> first_holders(const PlannedGroup& group);

// "residents/4": 4. 0 if it is no custodian's id.
std::uint32_t number_of(const std::string& custodian);

}  // namespace facekeep::tools
