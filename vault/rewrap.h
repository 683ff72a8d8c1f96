// Rewrapping: the keys of subjects go from the keys of one root epoch to those of the next, in batches in the order of
// their refs. What is decided is pure; rewrap_batch() does the work of one batch, and the service writes it.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "vault/ledger/state.h"
#include "vault/log/sequencer/sequencer.h"
#include "vault/open_vault.h"
#include "vault/store/store.h"

namespace facekeep {

// A subject that is to be rewrapped, as the state has it.
struct RewrapSubject {
  Id128 ref{};
  ledger::SubjectState state;
};
// The next of them behind `after`, in order.
std::vector<RewrapSubject> next_to_rewrap(const ledger::State::Subjects& subjects, const Id128& after,
                                          std::size_t most);

// A value strictly between the two, drawn anew each time, so that it says nothing of either. None if there is none.
std::optional<Id128> between(const Id128& below, const Id128& above);

// How far a batch that was prepared goes, in log order: who is gone by then is left out, and it ends before whoever
// came meanwhile.
struct RewrapCut {
  std::vector<std::size_t> taken;  // of `prepared`
  Id128 upto{};
};
// `prepared`: refs in order. kConflict if no value lies between two refs.
Result<RewrapCut> cut_rewrap(const ledger::State::Subjects& subjects, const Id128& after,
                             std::span<const Id128> prepared);

// Says of an error that the stored bytes are wrong, or not there; anything else may pass. Of what is on disk: the state
// runs ahead of it by the group that is being written.
bool is_damage(const Error& e);

// One subject's key, wrapped for the new generation, and where its index row goes.
struct Rewrap {
  Id128 ref{};
  // Unset: nothing there opens now. A second look behind everything that the state had tells damage from a key that was
  // not on disk yet.
  std::optional<seal::SlotWrite> key;
  Digest leaf{};  // RFC 6962 hash of ref || SHA-256(wrapped key)
  // Unset: the record does not open, so nobody finds the subject by its id either. As above.
  std::optional<std::pair<Digest, Digest>> tags;  // index tags: before, after
};

// From the keys of `from` to those of `to`, in the order of the subjects. Two threads. Errors are those of disk and
// store: nothing was changed, and it may be done again. kSealed if the vault is closing.
Result<std::vector<Rewrap>> rewrap_batch(const OpenVault& vault, const store::Store& store,
                                         const std::vector<std::string>& sites,
                                         const std::vector<RewrapSubject>& subjects, std::uint32_t from,
                                         std::uint32_t to);

// What of it is set, in `w`. The slot is empty.
void add_rewrap(log::Write& w, Rewrap&& r);

// The period keys that open, in the same way; who is left out does not. `size`: entries in the log.
using PeriodSlots = std::map<ledger::State::PeriodId, seal::SlotWrite>;
Result<PeriodSlots> rewrap_period_keys(OpenVault& vault,
                                       const std::map<ledger::State::PeriodId, ledger::State::PeriodKeyState>& keys,
                                       std::uint64_t size, std::uint32_t to);

// What the sequencer writes of a batch. The rotation is open in `turn.state`.
Result<log::Write> write_rewrap(const log::Turn& turn, std::vector<Rewrap>& batch);

}  // namespace facekeep
