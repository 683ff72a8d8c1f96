// A vault that is killed while its keys are rotated or its cards are renewed, and what its next process must find.
#pragma once

#include <string>

#include "tests/fault/vault_kit.h"

namespace facekeep::test {

// What outlives the vault's processes: every set of cards that was handed out, and how many people there are.
struct RotationMemory {
  std::map<Digest, VaultKit::Cards> sets;  // by the unseal key; the ceremony's is the kit's
  int people = 0;
  unsigned ended = 0;  // rotations and re-shares that came to their end
  unsigned by_old_cards = 0;

  // One line of the vault's process. False: it reports what is wrong, in words.
  bool take(const std::string& line);
};

struct RotationPlan {
  bool reshare = false;
  std::string point;       // SIGKILL by itself at this commit point
  unsigned passing = 0;    // at which passing of it, counted from the first tick behind the last signature; 0: never
  bool old_cards = false;  // where the last re-share's cards are untried, those before open the vault first
  bool replaces = false;   // untried cards are replaced by others before any has opened the vault
};

// Opens the vault, checks it, brings what was begun to its end, checks it again, and then rotates or renews; killed on
// the way, or ends with 0 when it came to the end. Never returns. Writes lines to `out`.
[[noreturn]] void run_rotation_vault(const VaultKit& kit, TestClock& clock, const RotationMemory& memory,
                                     const RotationPlan& plan, int out);

}  // namespace facekeep::test
