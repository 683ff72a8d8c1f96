// The associated data of every seal: where the sealed bytes belong, so that bytes which are moved to
// another vault, site, subject, epoch or purpose do not open. Byte by byte in vault/seal/FORMAT.md.
//
// Pure, thread safe. kInvalidArgument if a text or ref is longer than its limit.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::seal {

// Which algorithms sealed something; in every header. Others can follow without a new format.
enum class Suite : std::uint8_t {
  kAes256GcmSha256 = 1,  // and X25519 where keys are agreed on
};

// What a seal is for. Closed; the numbers and labels are in headers and associated data for ever.
enum class Purpose : std::uint8_t {
  kSiteKeyToken = 1,       // "site-key/token": S under the root key of the main token
  kSiteKeySpare = 2,       // "site-key/spare": S under the spare token's public key
  kSiteKeyCustodians = 3,  // "site-key/custodians": either of these under U
  kSubjectKey = 4,         // "subject-key": K under S/wrap
  kTemplate = 5,           // "template": under K
  kSubjectRecord = 6,      // "subject-record": under K
  kRegister = 7,           // "register": people's names, under S/register
  kPeriodKey = 8,          // "period-key": a monthly or daily key, under S/openings or S/changes
  kOpening = 9,            // "opening": an access opening, under a monthly key
  kChange = 10,            // "change": an erased subject's id in the changes feed, under a daily key
  kShare = 11,             // "share": a custodian's share on its way to the daemon's start key
  kTicketHalf = 12,        // "ticket-half": half of a restart ticket, under the token's key of the ticket
  kTicketDeposit = 13,     // "ticket-deposit": the other half on its way to the box
  kTicketReturn = 14,      // "ticket-return": and back, to the daemon's start key
};
inline constexpr std::uint8_t kPurposeCount = 14;

// The label, or empty for a number that is no purpose.
std::string_view purpose_label(Purpose purpose);
std::optional<Purpose> purpose_from_byte(std::uint8_t b);

inline constexpr std::size_t kMaxSiteText = 128;  // bytes, also for model names
inline constexpr std::size_t kMaxAadRef = 128;    // bytes
inline constexpr std::size_t kMaxAadSize = 512;

// Built associated data. Only the builders below make one, so an AEAD call can't be given any bytes.
class Aad {
 public:
  [[nodiscard]] ByteView view() const noexcept { return bytes_; }
  [[nodiscard]] Purpose purpose() const noexcept { return purpose_; }

 private:
  friend class AadBuilder;
  Aad(Bytes bytes, Purpose purpose) : bytes_(std::move(bytes)), purpose_(purpose) {}
  Bytes bytes_;
  Purpose purpose_;
};

struct AadPlace {
  Id128 vault{};
  std::string_view site;  // empty for what belongs to the whole vault
};

// Wraps and blobs under root, U or a subkey of S: `epoch` is the wrapping key's. `ref`: the subject's
// ref, the month, the log entry, ... whatever tells it from its neighbours.
Result<Aad> make_aad(const AadPlace& place, std::uint32_t epoch, Purpose purpose, ByteView ref);

// Under a subject key K there is no epoch: rotation rewraps K and leaves what is under it.
Result<Aad> make_record_aad(const AadPlace& place, const Id128& subject_ref);

struct TemplateIdentity {
  Id128 subject_ref{};
  Id128 template_id{};
  std::string_view model;
  std::uint32_t model_version = 0;
  Digest consent{};  // the consent record's digest
};
Result<Aad> make_template_aad(const AadPlace& place, const TemplateIdentity& identity);

}  // namespace facekeep::seal
