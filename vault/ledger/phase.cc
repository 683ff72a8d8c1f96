#include "vault/ledger/phase.h"

namespace facekeep::ledger {
namespace {

constexpr std::uint8_t to(Phase p) {
  return static_cast<std::uint8_t>(p);
}
constexpr std::uint8_t No = kIllegal;
constexpr std::uint8_t Stop = to(Phase::kStopped);
constexpr std::uint8_t Seal = to(Phase::kSealed);
constexpr std::uint8_t Part = to(Phase::kUnsealing);
constexpr std::uint8_t Open = to(Phase::kOpen);

using Row = std::array<std::uint8_t, kPhaseInputs>;

// A crash leaves no `sealed` event: `start` is legal in every phase but `new`, and always seals. Sealing
// what is sealed changes nothing and is recorded all the same. `recovered` is written while no daemon runs, and how the
// last one ended does not matter: a start follows.
constexpr std::array<Row, kPhases> kTable = {{
    //             genesis start share unsealed ended sealed sums  narrow widen access recovered ticket
    /* new       */ {Stop, No, No, No, No, No, No, No, No, No, No, No},
    /* stopped   */ {No, Seal, No, No, No, No, No, No, No, No, Stop, No},
    /* sealed    */ {No, Seal, Part, No, No, Seal, Seal, Seal, No, No, Stop, Open},
    /* unsealing */ {No, Seal, Part, Open, Seal, Seal, Part, Part, No, No, Stop, Open},
    /* open      */ {No, Seal, No, No, No, Seal, Open, Open, Open, Open, Stop, No},
}};
static_assert(kTable.size() == kPhases && kTable[0].size() == kPhaseInputs);

}  // namespace

std::string_view to_string(Phase p) noexcept {
  switch (p) {
    case Phase::kNew: return "new";
    case Phase::kStopped: return "stopped";
    case Phase::kSealed: return "sealed";
    case Phase::kUnsealing: return "unsealing";
    case Phase::kOpen: return "open";
  }
  return "new";
}

std::uint8_t next_phase(Phase phase, PhaseInput input) noexcept {
  return kTable[static_cast<std::size_t>(phase)][static_cast<std::size_t>(input)];
}

}  // namespace facekeep::ledger
