// The vault's life as a table: every pair of (phase, event) with the illegal ones spelled out.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace facekeep::ledger {

enum class Phase : std::uint8_t {
  kNew,        // no entry yet
  kStopped,    // after genesis or a recovery, before the next start
  kSealed,     // the daemon runs; shares are awaited
  kUnsealing,  // some shares are in
  kOpen,       // every site key is open
};
inline constexpr std::size_t kPhases = 5;
std::string_view to_string(Phase p) noexcept;

// What the table tells apart; every type of event is one of these (phase_input_of).
enum class PhaseInput : std::uint8_t {
  kGenesis,
  kStart,
  kUnsealShare,
  kUnsealed,
  kUnsealEnded,
  kSealed,
  kSums,        // governance that may happen in any running phase: sums, openings-read
  kNarrowing,   // custody events that need no site key: erased, suspended, period-key-destroyed
  kWidening,    // custody events that need one: enrolled, template, period-key
  kAccess,      // matches and reads
  kRecovered,   // the custodians put another log key in place, offline
  kTicketUsed,  // opened without cards (ticket.h)
};
inline constexpr std::size_t kPhaseInputs = 12;

inline constexpr std::uint8_t kIllegal = 255;

// The next phase, or kIllegal. Halted is no phase: a halted vault writes nothing.
std::uint8_t next_phase(Phase phase, PhaseInput input) noexcept;

}  // namespace facekeep::ledger
