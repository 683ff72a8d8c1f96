// Rules: how many distinct people of which groups an action needs, after what delay, for how long.
//
// P2: no rule that one person can satisfy is accepted, ever, at any parse.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/json.h"

namespace facekeep::ledger {

// Everything that widens who can learn something, or stops a destruction. One row an action; see action_classes().
struct ActionClass {
  std::string_view name;
  std::int64_t delay_s;     // default wait between the last approval and the act
  std::int64_t lifetime_s;  // default time in which a proposal can be approved and carried out
  std::uint32_t uses;       // default number of times that what was approved may be used
  std::string_view meaning;
  std::string_view fallback = {};  // where a vault has no rule of this class (older ones): the class whose rule it is
};
// The table of action classes with the defaults that a ceremony proposes (tests/snapshots/).
const std::vector<ActionClass>& action_classes();
const ActionClass* find_action_class(std::string_view name);

// The class of what stops a destruction before it can't be undone: it never waits, nobody vetoes it, and no one person
// makes its rule stricter. Where it falls back to another class, it has no delay either.
inline constexpr std::string_view kCancelClass = "cancel";
inline constexpr std::string_view kPolicyClass = "policy";

struct Rule {
  std::map<std::string, int> groups;  // group -> distinct people of it; AND over groups
  std::int64_t delay_s = 0;
  std::int64_t lifetime_s = 0;
  std::uint32_t uses = 1;  // of one approved proposal: how often the result of an export is given out
  friend bool operator==(const Rule&, const Rule&) = default;
};

inline constexpr std::int64_t kMaxDelay = 90LL * 86400;
inline constexpr std::int64_t kMaxLifetime = 366LL * 86400;
inline constexpr std::uint32_t kMaxUses = 1000;

// The groups of a vault as a rule sees them: group -> number of people in it.
using GroupSizes = std::map<std::string, int>;

// Refuses: fewer than two people in all, an unknown group, a count under 1, more people than the
// group has (a rule must stay satisfiable), and, in a vault of two groups or more, a rule that one
// group alone satisfies.
Status check_rule(const Rule& rule, const GroupSizes& groups);

// True if whatever meets `rule` meets `base` too: nobody fewer, no shorter delay, no longer lifetime, no more uses.
bool is_as_strict(const Rule& rule, const Rule& base);

Json to_json(const Rule& rule);
Result<Rule> rule_from_json(const Json& value, const std::string& what);

}  // namespace facekeep::ledger
