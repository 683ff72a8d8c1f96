#include "vault/ledger/types.h"

#include <algorithm>
#include <array>

namespace facekeep::ledger {

std::string_view to_string(EventClass c) noexcept {
  switch (c) {
    case EventClass::kGovernance: return "governance";
    case EventClass::kCustody: return "custody";
    case EventClass::kAccess: return "access";
  }
  return "governance";
}

std::string_view to_string(Role r) noexcept {
  switch (r) {
    case Role::kCustodian: return "custodian";
    case Role::kOperator: return "operator";
    case Role::kDoor: return "door";
    case Role::kCamera: return "camera";
    case Role::kAuditor: return "auditor";
  }
  return "custodian";
}

Result<Role> parse_role(std::string_view text) {
  for (const Role r : {Role::kCustodian, Role::kOperator, Role::kDoor, Role::kCamera, Role::kAuditor}) {
    if (to_string(r) == text) return r;
  }
  return make_error(Errc::kMalformed, "unknown role", "roles are custodian, operator, door, camera and auditor");
}

bool is_slug(std::string_view text) noexcept {
  if (text.empty() || text.size() > kMaxSlug || text[0] < 'a' || text[0] > 'z') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

Status check_subject_id(std::string_view text) {
  const auto bad = [](std::string message) {
    return make_problem(
        Errc::kInvalidArgument, "bad-subject-id", std::move(message),
        "send the access system's own id of the person: 1 to 128 bytes of UTF-8, no control characters");
  };
  if (text.empty() || text.size() > kMaxSubjectId) {
    return bad("a subject id has 1 to 128 bytes, this one has " + std::to_string(text.size()));
  }
  if (!is_valid_utf8(text)) return bad("the subject id is not UTF-8");
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    return bad("the subject id has a control character");
  }
  return {};
}

bool is_allowed_location_class(std::string_view text) noexcept {
  static constexpr std::array<std::string_view, 9> kAllowed = {
      "entrance", "gate", "lobby", "corridor", "lift", "office", "machine-room", "parking", "warehouse"};
  return std::find(kAllowed.begin(), kAllowed.end(), text) != kAllowed.end();
}

}  // namespace facekeep::ledger
