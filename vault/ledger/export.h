// Exports as the log knows them: the action that a quorum approves, the events that follow, and what the state keeps.
//
//   proposal (kind "export") ... approvals ... proposal-done    the intent: decided once, in log order
//     export-sealed   the parts are on the vault's disk, sealed to the recipients; their digests and the manifest's
//     export-given    the result is handed out to a custodian, to each up to the rule's number of uses; any byte leaves
//     behind it
//   or export-ended   nothing is handed out, and why
//
// Who is exported is fixed by the position of proposal-done: those enrolled before it. What is decided with a whole
// state is in export_decide.h. Format: vault/log/FORMAT.md, "Exports".
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/json.h"

namespace facekeep::ledger {

class ObjectReader;

inline constexpr std::uint64_t kMaxExportSubjects = 100'000;
inline constexpr std::size_t kMaxNamedSubjects = 1000;      // of one exported list, and of one entry that records them
inline constexpr std::size_t kMaxExportRecipients = 8;      // they fit into one entry
inline constexpr std::size_t kMaxExportCertificate = 4096;  // bytes of DER
inline constexpr std::size_t kMaxExportParts = 400;
inline constexpr std::uint64_t kMaxExportPart = std::uint64_t{256} << 20;  // bytes

// On what ground. The first two leave out everybody whose consent has not that scope.
enum class ExportBasis : std::uint8_t { kConsent, kChangeOfProcessor, kLegalOrder };
std::string_view to_string(ExportBasis basis) noexcept;

struct ExportRecipient {
  Digest spki{};      // SHA-256 of the key's SubjectPublicKeyInfo: what people compare
  Bytes certificate;  // DER; that it has this key is checked where OpenSSL is (vault/export/recipient.h)
  friend bool operator==(const ExportRecipient&, const ExportRecipient&) = default;
};

// Action "export", class "export".
struct ExportTemplates {
  std::string site;
  std::uint64_t max_subjects = 0;
  std::optional<Digest> subjects;  // subjects_commitment of a list; none: the whole site
  ExportBasis basis = ExportBasis::kConsent;
  std::optional<Digest> legal_order;  // SHA-256 of the order; there if and only if that is the basis
  std::vector<ExportRecipient> recipients;
};
// "bad-action": recipients none, twice, or a limit exceeded. That the site exists is for who has the state.
Status check_export(const ExportTemplates& action);
Json to_json(const ExportTemplates& action);
Result<ExportTemplates> export_from_json(ObjectReader& reader);

// ---- custody events

// The people that a proposal names, in the same batch as the proposal.
struct ExportSubjects {
  Id128 proposal{};
  Digest salt{};            // random
  std::vector<Id128> refs;  // sorted, each once
};
// SHA-256("facekeep/export-subjects/v1" || 0x00 || salt || refs).
Digest subjects_commitment(const Digest& salt, const std::vector<Id128>& refs);

// These people's templates are in the parts that the next export-sealed names: for each one's own record.
struct Exported {
  Id128 proposal{};
  std::string site;
  std::vector<Id128> refs;  // sorted, each once
};

// ---- governance events

struct ExportPart {
  std::uint64_t bytes = 0;
  Digest digest{};
  friend bool operator==(const ExportPart&, const ExportPart&) = default;
};

struct ExportSealed {
  Id128 proposal{};
  Digest manifest{};
  std::vector<ExportPart> parts;
  std::uint64_t subjects = 0;
  std::uint64_t templates = 0;
  std::uint64_t damaged = 0;  // people who should be in it, but whose stored bytes do not open
};

struct ExportEnded {
  Id128 proposal{};
  std::string reason;  // of export_end_reasons()
};
// "over-limit", "nobody", "bad-recipient", "too-large".
const std::array<std::string_view, 4>& export_end_reasons();

struct ExportGiven {
  Id128 proposal{};
  std::string by;  // custodian id
};

// ---- what the state keeps, until the proposal's lifetime is over

struct ExportState {
  std::optional<std::uint64_t> entry;  // of its proposal-done
  std::vector<Id128> refs;             // of the proposal's list
  std::uint64_t recorded = 0;          // people in `exported` events
  std::optional<Id128> last;           // of them, the last: they come in order, so that nobody is recorded twice
  std::optional<ExportSealed> sealed;
  std::uint64_t sealed_entry = 0;
  std::string ended;                           // reason
  std::map<std::string, std::uint32_t> given;  // custodian -> how often: nobody uses up what is another's

  [[nodiscard]] bool is_pending() const { return entry && !sealed && ended.empty(); }
};

// Bodies of the events, and the whole for the state's digest.
Json to_json(const ExportSubjects& e);
Json to_json(const Exported& e);
Json to_json(const ExportSealed& e);
Result<ExportSubjects> export_subjects_from_json(const Json& value);
Result<Exported> exported_from_json(const Json& value);
Result<ExportSealed> export_sealed_from_json(const Json& value);
Json to_json(const ExportState& state);
Result<ExportState> export_state_from_json(const Json& value);

}  // namespace facekeep::ledger
