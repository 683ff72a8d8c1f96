// The note of a handover: the checkpoint just behind the entry that brings the log's next key, of size entry + 1.
//
// Signed by the key before and by the new one; of a recovery by the new one alone. A token that was lost between the
// entry and its note leaves a handover that nobody can sign any more: where a recovery follows it, the key that this
// one brought signs in the place of both.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/ledger/state.h"
#include "vault/log/checkpoint.h"

namespace facekeep::log {

// Why `note` is not that of handover `h`; empty: it is. `next`: the one behind it, if there is one. `root`: of the tree
// behind `h`, where it is known.
std::string handover_fault(const ledger::State::Handover& h, const ledger::State::Handover* next, std::string_view note,
                           const std::optional<Digest>& root);
// That of the i-th of them all.
std::string handover_fault(const std::vector<ledger::State::Handover>& all, std::size_t i, std::string_view note,
                           const std::optional<Digest>& root);

}  // namespace facekeep::log
