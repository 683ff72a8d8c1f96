// Actions: what a proposal asks for, as typed values with one writer and one strict reader, and what each does.
//
// One row a kind in action_kinds(); the rule that an action needs is that of its class (rule.h). apply_action is
// pure and is the only way in which principals, rules, models and doors come to be after genesis.
// Format: vault/log/FORMAT.md, "Actions".
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vault/base/json.h"
#include "vault/ledger/export.h"
#include "vault/ledger/genesis.h"
#include "vault/ledger/keys.h"

namespace facekeep::ledger {

struct DoorAt {
  std::string site;
  DoorResource door;
};

// Registers principals that are no custodians, or gives registered ones of the same role a new scope, end date or
// key; many at once. `doors` are made first.
struct RegisterPrincipals {
  std::vector<DoorAt> doors;
  std::vector<PrincipalRecord> principals;
};

// New keys or another end date for a custodian of genesis, who keeps the id and the card. An end date in the past
// removes the person.
struct ChangeCustodian {
  PrincipalRecord custodian;
};

// Replaces the rules of the classes that it names.
struct ChangeRules {
  std::map<std::string, Rule> rules;
};

struct ChangeThresholds {
  std::string model;
  std::int32_t verify_threshold = 0;  // millionths
  std::int32_t identify_threshold = 0;
};

struct AddModel {
  Model model;
};

// Whether a match answer names the subject to doors of this site.
struct ChangeReveal {
  std::string site;
  bool hide_subject = true;
};

// Subjects of the site that were suspended before the proposal was made match again, and are not erased.
struct CancelErasures {
  std::string site;
};

// Opens a site. Its key is drawn when the action is carried out: until then it has no check, and no epoch.
struct OpenSite {
  Site site;
};

// How long a site's access log can be opened, and how many erasures a day an operator's word destroys at once; and
// where set, what is asked of its probes and how many answers there are.
struct ChangePolicy {
  std::string site;
  std::uint32_t access_log_days = 0;
  std::uint32_t erase_daily = 0;
  std::optional<bool> signed_probes_required = {};
  std::optional<std::uint32_t> min_pad = {};
  std::optional<SiteBudgets> budgets = {};
};

// The whole witness policy; none ends it.
struct ChangeWitnesses {
  std::optional<Witnesses> witnesses;
};

// How many days apart rotations are due; 0 ends the schedule. The rotation itself takes its own quorum: the schedule
// draws no key. It is a promise that others have to keep, so one person sets it neither longer nor shorter.
struct SetRotation {
  std::uint32_t days = 0;
};

// A new log-signing key, which the one in force signs in: its vkey is drawn when the action is carried out.
struct RotateLogKey {};

// Subjects of the site that a restore left in doubt (SubjectState::in_doubt) match again.
struct ConfirmSubjects {
  std::string site;
};

// The whole policy of restart tickets; none ends it.
struct SetTicket {
  std::optional<TicketPolicy> ticket;
};

using Action = std::variant<RegisterPrincipals, ChangeCustodian, ChangeRules, ChangeThresholds, AddModel, ChangeReveal,
                            CancelErasures, OpenSite, ChangePolicy, ChangeWitnesses, ExportTemplates, RotateKeys,
                            Reshare, SetRotation, RotateLogKey, ConfirmSubjects, SetTicket>;

struct ActionKind {
  std::string_view name;          // "kind" in the JSON form
  std::string_view action_class;  // whose rule it needs
};
// In the order of Action's alternatives.
const std::vector<ActionKind>& action_kinds();
const ActionKind& kind_of(const Action& action);

Json to_json(const Action& action);
// Refuses everything that to_json could not have written.
Result<Action> action_from_json(const Json& value);

// `current` (genesis with every change since) as it is after the action; `day` is the log's day. Everything that
// check_genesis asks for holds again, every rule can still be met by custodians whose end date has not passed, and they
// hold enough cards to open the vault, or as many of each group's as before.
// kInvalidArgument, kPermissionDenied, kNotFound, with the reason, where the action can't be.
Result<Genesis> apply_action(const Genesis& current, const Action& action, const std::string& day);

// True if the action only narrows `current`: higher thresholds, the subject hidden, shorter retention, a smaller
// allowance, signed probes required, a higher minimum PAD level, budgets as strict, rules that take more people, a
// longer delay (at most half the lifetime) or fewer uses, that of kCancelClass aside, no restart ticket or one of the
// same box for a shorter time or with a person; and changes something. One custodian may have it done at once.
bool is_tightening(const Genesis& current, const Action& action);

// Cards of the group of which somebody `remains` (custodians' ids).
std::uint32_t cards_held(const Group& group, const std::function<bool(const std::string&)>& remains);

// The registrations that the action writes, and their ids: a revocation of one makes the proposal stale.
std::vector<PrincipalRecord> records_in(const Action& action);
std::vector<std::string> principals_in(const Action& action);

// True if the action binds this custodian alone, who then has no veto.
bool binds_alone(const Action& action, const std::string& custodian);

// The rules that the action replaces.
std::map<std::string, Rule> rules_in(const Action& action);

// True for actions after which earlier approvals no longer count: a rule, or a custodian, changed.
bool unsettles(const Action& action);

// True for those with which all keys are drawn anew.
bool renews_keys(const Action& action);
// True for those and for a new log key: there is one ceremony at a time, and it waits while subjects are being
// rewrapped.
bool is_ceremony(const Action& action);
// True for those that draw keys of sites, whose proof by those in force stands beside them; they wait as ceremonies do.
bool waits_for_keys(const Action& action);

}  // namespace facekeep::ledger
