// A share card as its holder enters it, checked on this machine before anything is sent.
#pragma once

#include <optional>
#include <string>

#include "tools/facekeep/context.h"
#include "vault/ledger/state.h"
#include "vault/seal/slip39.h"

namespace facekeep::tools {

struct EnteredCard {
  seal::SecretWords words;
  seal::ShareMeta meta;
};

// Asks at the terminal without echo, or reads the descriptor if it is not negative. Words, their first four
// letters, or numbers. kMalformed if the card's checksum is wrong: a word was misread.
Result<EnteredCard> read_card(Context& context, int share_fd);

// The cards of a set, as the log has them.
std::vector<NoticeCard> cards_of(const std::vector<ledger::Group>& groups);
// Which of the cards it is, by its commitment; nothing if it is none of them.
std::optional<NoticeCard> find_card(const std::vector<NoticeCard>& cards, const seal::SecretWords& words);
// The same of the cards that open the vault now: those in force, and while these are untried those before.
std::optional<NoticeCard> find_card(const ledger::State& state, const seal::SecretWords& words);
// Why a card that is none of these opens nothing: it is of an earlier one ("old-share"), or of no set of
// this vault ("foreign-share").
Error no_present_card(const ledger::State& state, const seal::SecretWords& words);

}  // namespace facekeep::tools
