#include "vault/ledger/phase.h"

#include <string>
#include <vector>

#include "tests/unit/ledger/snapshot.h"

using namespace facekeep::ledger;

namespace {

// The table of vault/log/FORMAT.md, section 7, as it stands there.
struct SpecRow {
  const char* phase;
  const char* next[kPhaseInputs];
};
constexpr const char* kInputs[kPhaseInputs] = {"genesis",      "start",  "unseal-share", "unsealed",
                                               "unseal-ended", "sealed", "sums",         "narrowing",
                                               "widening",     "access", "recovered",    "ticket-used"};
constexpr SpecRow kSpec[kPhases] = {
    {"new", {"stopped", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"}},
    {"stopped", {"-", "sealed", "-", "-", "-", "-", "-", "-", "-", "-", "stopped", "-"}},
    {"sealed", {"-", "sealed", "unsealing", "-", "-", "sealed", "sealed", "sealed", "-", "-", "stopped", "open"}},
    {"unsealing",
     {"-", "sealed", "unsealing", "open", "sealed", "sealed", "unsealing", "unsealing", "-", "-", "stopped", "open"}},
    {"open", {"-", "sealed", "-", "-", "-", "sealed", "open", "open", "open", "open", "stopped", "-"}},
};

std::string next_name(std::size_t phase, std::size_t input) {
  const std::uint8_t next = next_phase(static_cast<Phase>(phase), static_cast<PhaseInput>(input));
  return next == kIllegal ? "-" : std::string(to_string(static_cast<Phase>(next)));
}

TEST_CASE("every pair of phase and input goes where the specification says") {
  for (std::size_t p = 0; p < kPhases; ++p) {
    REQUIRE(to_string(static_cast<Phase>(p)) == kSpec[p].phase);
    for (std::size_t i = 0; i < kPhaseInputs; ++i) {
      CAPTURE(kSpec[p].phase, kInputs[i]);
      REQUIRE(next_name(p, i) == kSpec[p].next[i]);
    }
  }
}

TEST_CASE("a vault opens by a complete unseal or a ticket alone, and widens and answers in no other phase") {
  for (std::size_t p = 0; p < kPhases; ++p) {
    for (std::size_t i = 0; i < kPhaseInputs; ++i) {
      CAPTURE(kSpec[p].phase, kInputs[i]);
      const bool from_open = static_cast<Phase>(p) == Phase::kOpen;
      const auto input = static_cast<PhaseInput>(i);
      if (next_name(p, i) == "open" && !from_open) {
        REQUIRE((input == PhaseInput::kUnsealed || input == PhaseInput::kTicketUsed));
      }
      if (input == PhaseInput::kWidening || input == PhaseInput::kAccess)
        REQUIRE((next_name(p, i) != "-") == from_open);
    }
  }
}

TEST_CASE("the phase table is the reviewed one") {
  std::string text;
  for (std::size_t p = 0; p < kPhases; ++p) {
    for (std::size_t i = 0; i < kPhaseInputs; ++i) {
      text += std::string(to_string(static_cast<Phase>(p))) + " " + kInputs[i] + " " + next_name(p, i) + "\n";
    }
  }
  facekeep::ledger::test::require_snapshot("phases.txt", text);
}

}  // namespace
