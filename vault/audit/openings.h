// Openings as the vault hands them to an auditor: one JSON document a bundle of 256 entries.
//
//   {"bundle":n,"openings":[{"entry":N,"opening":"<base64 of 0x01 || salt 32 || canonical event>"}],
//    "missing":[{"entry":N,"reason":"sealed"|"destroyed"|"damaged"|"lost"}]}
//
// Pure; nothing is checked against the log here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::audit {

enum class OpeningState : std::uint8_t {
  kAbsent,     // nobody gave one, and nobody said why
  kThere,      //
  kSealed,     // the vault was sealed when it was asked
  kDestroyed,  // its monthly key is destroyed
  kDamaged,    // what the vault has stored does not fit the entry
  kLost,       // the vault was restored from a backup before it
};

struct Opening {
  OpeningState state = OpeningState::kAbsent;
  Bytes bytes;  // kThere: 0x01 || salt || event
};

inline constexpr std::size_t kMaxOpenings = 256;           // in one document
inline constexpr std::size_t kMaxOpeningsText = 64 << 20;  // bytes of one document

struct OpeningsOfBundle {
  std::uint64_t bundle = 0;
  std::unordered_map<std::uint64_t, Opening> entries;
  [[nodiscard]] const Opening& at(std::uint64_t entry) const;  // kAbsent if it is not there
  [[nodiscard]] bool any_sealed() const;
  // True if asking again may give more: something was sealed, or damaged and may be repaired.
  [[nodiscard]] bool ask_again() const;
};

// kMalformed, kTooLarge: not such a document, entries of another bundle, an entry twice. The document as a vault writes
// it (fields in that order, nothing between them) is read at several times the speed of any other layout.
Result<OpeningsOfBundle> parse_openings(std::string_view json);

// The document in that form, its entries in ascending order; kAbsent ones are left out.
std::string openings_text(const OpeningsOfBundle& doc);

}  // namespace facekeep::audit
