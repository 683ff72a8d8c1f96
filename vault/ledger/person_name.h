// Names of people and machines as the register has them: the log has a salted commitment to each, and nothing else.
// Format: vault/log/FORMAT.md, section 5, "Principal". Pure.
#pragma once

#include <map>
#include <string>

#include "vault/base/bytes.h"
#include "vault/base/json.h"
#include "vault/ledger/action.h"

namespace facekeep::ledger {

inline constexpr std::size_t kMaxPersonName = 1024;  // bytes

struct PersonName {
  std::string name;
  Digest salt{};
};
// SHA-256("facekeep/name/v1" || 0x00 || salt || name)
Digest name_commitment(const PersonName& name);

using PeopleNames = std::map<std::string, PersonName>;  // principal -> name
Json to_json(const PeopleNames& names);
Result<PeopleNames> people_names_from_json(const Json& value, const std::string& what);

// That each is the name of a principal which the action registers or changes, and opens its commitment. Names may be
// missing. kInvalidArgument ("bad-names").
Status check_names(const PeopleNames& names, const Action& action);

}  // namespace facekeep::ledger
