// A vault on a small disk that is filled up at a moment of a ceremony, and what it answers there.
#pragma once

#include "tests/fault/interrupted_vault.h"
#include "tests/fault/small_disk.h"

namespace facekeep::test {

inline constexpr std::uint64_t kUnderReserve = 100 * kMiB;  // sealing and erasing alone may use it
inline constexpr std::uint64_t kLastBytes = 64 * 1024;      // for the token's small files alone
inline constexpr std::uint64_t kNoByte = 0;

// It says how much room there is and how much it takes, and what to do.
inline bool names_cause(const Error& e) {
  return e.code == Errc::kOutOfSpace && e.message.find("MiB") != std::string::npos &&
         e.hint.find("make room") != std::string::npos;
}

// A vault whose disk somebody fills up at a moment of a ceremony.
class Starved : public Interrupted {
  const SmallDisk& disk_;

 public:
  explicit Starved(const SmallDisk& disk) : disk_(disk) {}

  void fill_when(std::uint64_t leave, std::function<bool(std::string_view point)> moment) {
    when(std::move(moment), [this, leave] { disk_.fill(leave); });
  }
  // Whoever keeps the vault was told why its keys don't change.
  [[nodiscard]] bool was_told() { return Interrupted::was_told(names_cause); }
};

// A door's question needs an entry in the log. With it the store gives up its ballast.
inline void door_is_told(RotationKit& kit) {
  const auto answer = kit.service->match(kit.f.key("door/1"), "main", ask(RotationKit::face(0)));
  REQUIRE_FALSE(answer);
  INFO(answer.error().message);
  CHECK(names_cause(answer.error()));
  CHECK_FALSE(kit.service->halted());
}

// A process that comes up on the full disk takes no card, and says why.
inline void restarts_sealed(RotationKit& kit) {
  REQUIRE(kit.restart());
  CHECK(kit.service->seal_status()->state == "sealed");
  const seal::SecretWords& card = kit.cards ? kit.cards->words.at("property/1") : kit.f.card("property/1");
  const auto taken = kit.hand_in_card("property/1", card);
  REQUIRE_FALSE(taken);
  CHECK(names_cause(taken.error()));
}

}  // namespace facekeep::test
