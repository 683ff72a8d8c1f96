// What every ceremony with cards does in the room: hands out each card and has it proven, has everybody sign, and
// writes down what happened.
#pragma once

#include <string>
#include <vector>

#include "tools/facekeep/ceremony_cards.h"
#include "tools/facekeep/ceremony_room.h"

namespace facekeep::tools {

// What happened, a line each, without any secret; its digest goes into the log.
class Transcript {
 public:
  void add(const std::string& line);
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] Digest digest() const;

 private:
  std::string text_;
};

// Whose cards they are. References must outlive it.
struct Occasion {
  const std::string& name;  // of the vault, for people
  Id128 vault{};
  bool rehearsal = false;
  const std::vector<PlannedGroup>& people;
  const std::vector<ledger::Group>& groups;
  const Digest& unseal_key;
};

// kIntegrity: what people typed does not give the secret of `unseal_key`. A fault of memory, or a bad copy, is found
// here and not when the old cards are gone.
Status hand_out_cards(const Occasion& occasion, const std::vector<DrawnCard>& cards, Room& room,
                      Transcript& transcript);

Result<std::vector<ledger::GenesisSignature>> collect_signatures(const std::vector<PlannedGroup>& people,
                                                                 const std::string& statement, Room& room);

// A file that everybody may read. kIo.
Status write_public(const std::string& path, std::string_view text);

}  // namespace facekeep::tools
