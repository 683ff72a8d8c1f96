// The consent record: what a subject agreed to, as the access system hands it over. No consent, no
// template: its digest is in the associated data of every template.
//
// JSON in (an object with exactly these members), a canonical form for the sealed record, and a
// blinded digest for the log, which tells nobody anything without the blinding.
//
//   controller         text, 1 to 200 bytes       who decides about the data
//   purpose            text, 1 to 200 bytes
//   scopes             array, 1 to 5 different of "verify", "identify", "export",
//                      "off_device_storage", "change_of_processor"
//   notice             {"digest": SHA-256 in hex, "version": text, 1 to 32 bytes}
//   given_at           RFC 3339 date and time; any offset, kept in UTC with milliseconds
//   means              text, 1 to 64 bytes        "paper", "app", ...
//   evidence           SHA-256 in hex of the signed form, recording, ...
//   until              last day, "2027-11-22", not before the day of given_at
//   minor              true or false
//   guardian_evidence  SHA-256 in hex; there if and only if minor is true
//
// Texts are UTF-8 without control characters. Errors name the field and never quote its value:
// kInvalidArgument, or kMalformed if the text is not JSON. All functions are pure and total.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/clock.h"
#include "vault/base/json.h"
#include "vault/base/result.h"

namespace facekeep::subject {

inline constexpr std::size_t kMaxController = 200;  // bytes, as all limits here
inline constexpr std::size_t kMaxPurpose = 200;
inline constexpr std::size_t kMaxMeans = 64;
inline constexpr std::size_t kMaxNoticeVersion = 32;
inline constexpr std::size_t kMaxConsentJson = 4096;  // of the text that comes in, and of the canonical form

enum class ConsentScope : std::uint8_t { kVerify, kIdentify, kExport, kOffDeviceStorage, kChangeOfProcessor };
std::string_view to_string(ConsentScope scope) noexcept;

struct Consent {
  std::string controller;
  std::string purpose;
  std::vector<ConsentScope> scopes;  // in the order of the enum, no repeats
  Digest notice{};
  std::string notice_version;
  UnixMillis given_at = 0;
  std::string means;
  Digest evidence{};
  std::string until;  // "YYYY-MM-DD"
  bool minor = false;
  std::optional<Digest> guardian_evidence;

  [[nodiscard]] bool allows(ConsentScope scope) const;
  friend bool operator==(const Consent&, const Consent&) = default;
};

Result<Consent> parse_consent(std::string_view json_text);
Result<Consent> consent_from_json(const Json& value);

// RFC 8785 form; parse_consent gives the same record back. Precondition: `consent` came from a parser
// above or obeys its limits.
std::string canonical_consent(const Consent& consent);

// SHA-256("facekeep/consent/v1" || 0x00 || blinding (32 bytes) || canonical form). The blinding lies
// in the sealed subject record. kInvalidArgument unless it has 32 bytes.
Result<Digest> consent_digest(ByteView blinding, std::string_view canonical);

// RFC 3339 section 5.6 with any offset and up to nine digits of a second (cut to milliseconds).
// Leap seconds are refused, as in the log.
Result<UnixMillis> parse_rfc3339(std::string_view text);

}  // namespace facekeep::subject
