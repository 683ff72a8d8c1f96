// The people at a ceremony, as the program reaches them: at the terminal one after another, or by a script.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "tools/common/cards.h"
#include "tools/common/terminal.h"
#include "tools/facekeep/ceremony_plan.h"
#include "vault/seal/slip39.h"

namespace facekeep::tools {

class Room {
 public:
  virtual ~Room() = default;
  // Hands the card to its first holder and has it proven. What was read back: the same words.
  virtual Result<seal::SecretWords> hand_out(const CardInfo& info, const seal::SecretWords& words,
                                             const std::string& who) = 0;
  // The custodian's signature over the statement, armored.
  virtual Result<std::string> sign(const PlannedCustodian& who, const std::string& statement) = 0;
  // The vault is made: what was handed out stays. A room that ends without it takes back every card that it can reach.
  virtual void keep() {}
};

// One after another at the terminal, which must outlive the room. Each card is on the screen for its holder alone, and
// printed into `cards_dir` (empty: not printed) for as long; then it must be typed.
std::unique_ptr<Room> terminal_room(Terminal& terminal, Lang lang, std::string cards_dir);

// A rehearsal: keys of all custodians are files on this machine, which the script names; cards go to files in
// `cards_dir` that are read back, and removed again where no vault comes of it.
Result<std::unique_ptr<Room>> scripted_room(const std::string& script, std::string cards_dir);

// A real ceremony's cards may touch memory alone: whoever later has the disk would have the quorum.
Status check_memory_disk(const std::string& dir);

// At a prompt, the keys that end a program cancel (terminal.h), and a terminal that goes away fails. No signal ends it
// while this lives: the token would keep the new keys, the screen or a folder perhaps a card.
class Uninterrupted {
 public:
  Uninterrupted();
  ~Uninterrupted();
  Uninterrupted(const Uninterrupted&) = delete;
  Uninterrupted& operator=(const Uninterrupted&) = delete;

 private:
  std::array<void (*)(int), 5> before_{};
};

}  // namespace facekeep::tools
