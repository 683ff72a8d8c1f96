// Names and small values that the ledger is made of.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::ledger {

// Which leaf an event leaves in the public log (design section 4; vault/log/FORMAT.md).
enum class EventClass : std::uint8_t {
  kGovernance,  // whole, in clear
  kCustody,     // salted commitment; opening in clear on the vault's disk
  kAccess,      // salted commitment; opening sealed under a monthly key
};
std::string_view to_string(EventClass c) noexcept;

enum class Role : std::uint8_t { kCustodian, kOperator, kDoor, kCamera, kAuditor };
std::string_view to_string(Role r) noexcept;
Result<Role> parse_role(std::string_view text);

// A slug names a site, a door, a model, a group, a purpose: 1 to 64 characters of a-z, 0-9 and '-',
// beginning with a letter. Slugs are public in the log, so they can't hold free text.
inline constexpr std::size_t kMaxSlug = 64;
bool is_slug(std::string_view text) noexcept;

// The access system's own id of a person: 1 to 128 bytes of UTF-8 without control characters.
inline constexpr std::size_t kMaxSubjectId = 128;
Status check_subject_id(std::string_view text);

inline constexpr std::uint32_t kMinDimension = 64;
inline constexpr std::uint32_t kMaxDimension = 1024;
inline constexpr std::size_t kMaxTemplatesPerSubject = 8;
inline constexpr std::uint64_t kBundleEntries = 256;               // C2SP tlog-tiles: entries in a full bundle
inline constexpr std::int64_t kMaxBundle = (1LL << 53) / 256 - 1;  // number of the last one that JSON can hold
inline constexpr std::size_t kMaxLeafBytes = 65535;                // C2SP tlog-tiles: an entry has a u16 length

// Room classes in which a door may stand. Private rooms are refused wherever a door is declared
// (Measures on facial recognition, article 13).
bool is_allowed_location_class(std::string_view text) noexcept;

}  // namespace facekeep::ledger
