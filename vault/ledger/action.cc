#include <algorithm>

#include "vault/ledger/reshare.h"

namespace facekeep::ledger {
namespace {

Error refused(std::string message, std::string hint = {}) {
  return make_problem(Errc::kInvalidArgument, "bad-action", std::move(message), std::move(hint));
}

bool ended(const PrincipalRecord& p, const std::string& day) {
  return p.until && day > *p.until;
}

PrincipalRecord* find_principal(Genesis& g, const std::string& id) {
  const auto it =
      std::find_if(g.principals.begin(), g.principals.end(), [&](const PrincipalRecord& p) { return p.id == id; });
  return it == g.principals.end() ? nullptr : &*it;
}

template <class List>
auto find_by_id(List& list, const std::string& id) -> decltype(list.data()) {
  const auto it = std::find_if(list.begin(), list.end(), [&](const auto& x) { return x.id == id; });
  return it == list.end() ? nullptr : &*it;
}

Status run(Genesis& g, const RegisterPrincipals& a) {
  if (a.doors.empty() && a.principals.empty()) return refused("the action registers nothing");
  for (const DoorAt& d : a.doors) {
    Site* site = find_by_id(g.sites, d.site);
    if (site == nullptr) return refused("the site \"" + d.site + "\" does not exist");
    site->doors.push_back(d.door);
    if (site->doors.size() > kMaxDoors) return refused("the site \"" + d.site + "\" would have too many doors");
  }
  for (const PrincipalRecord& p : a.principals) {
    if (p.role == Role::kCustodian) return refused("a custodian is changed by an action of its own");
    PrincipalRecord* known = find_principal(g, p.id);
    if (known == nullptr) {
      g.principals.push_back(p);
    } else if (known->role != p.role) {
      return refused("\"" + p.id + "\" is registered in another role");
    } else {
      *known = p;
    }
  }
  if (g.principals.size() > kMaxPrincipals) return refused("the vault would have too many principals");
  return {};
}

Status run(Genesis& g, const ChangeCustodian& a) {
  PrincipalRecord* known = find_principal(g, a.custodian.id);
  if (known == nullptr || known->role != Role::kCustodian || a.custodian.role != Role::kCustodian) {
    return refused("\"" + a.custodian.id + "\" is no custodian of this vault",
                   "a new custodian needs a card, and that new cards for everyone: `facekeep reshare`");
  }
  *known = a.custodian;
  return {};
}

Status set_rules(Genesis& g, const std::map<std::string, Rule>& rules) {
  for (const auto& [name, rule] : rules) {
    if (find_action_class(name) == nullptr) return refused("there is no class of actions called \"" + name + "\"");
    if (rule.delay_s >= rule.lifetime_s) {
      return refused("the rule for \"" + name + "\" has a delay that its lifetime never lets pass",
                     "the lifetime counts from the proposal: make it longer than the delay");
    }
    g.rules[name] = rule;
  }
  return {};
}

Status run(Genesis& g, const ChangeRules& a) {
  if (a.rules.empty()) return refused("the action changes no rule");
  return set_rules(g, a.rules);
}

Status run(Genesis& g, const RotateKeys& a) {
  return change_keys(g, a);
}

Status run(Genesis& g, const Reshare& a) {
  FK_CHECK(change_keys(g, a));
  return set_rules(g, a.rules);
}

Status run(Genesis& g, const ChangeThresholds& a) {
  Model* model = find_by_id(g.models, a.model);
  if (model == nullptr) return refused("the model \"" + a.model + "\" does not exist");
  model->verify_threshold = a.verify_threshold;
  model->identify_threshold = a.identify_threshold;
  return {};
}

Status run(Genesis& g, const AddModel& a) {
  if (g.models.size() >= kMaxModels) return refused("the vault would have too many models");
  g.models.push_back(a.model);
  return {};
}

Status run(Genesis& g, const ChangeReveal& a) {
  Site* site = find_by_id(g.sites, a.site);
  if (site == nullptr) return refused("the site \"" + a.site + "\" does not exist");
  site->hide_subject = a.hide_subject;
  return {};
}

Status run(Genesis& g, const OpenSite& a) {
  if (g.sites.size() >= kMaxSites) return refused("the vault would have too many sites");
  g.sites.push_back(a.site);
  return {};
}

Status run(Genesis& g, const ChangePolicy& a) {
  Site* site = find_by_id(g.sites, a.site);
  if (site == nullptr) return refused("the site \"" + a.site + "\" does not exist");
  site->access_log_days = a.access_log_days;
  site->erase_daily = a.erase_daily;
  site->signed_probes_required = a.signed_probes_required.value_or(site->signed_probes_required);
  site->min_pad = a.min_pad.value_or(site->min_pad);
  if (a.budgets) {
    FK_CHECK(check_budgets(*a.budgets));
    site->budgets = a.budgets;
  }
  return {};
}

Status run(Genesis& g, const ChangeWitnesses& a) {
  g.witnesses = a.witnesses;
  return {};
}

Status run(Genesis& g, const SetTicket& a) {
  g.ticket = a.ticket;
  return {};
}

Status run(Genesis& g, const ExportTemplates& a) {
  if (find_by_id(g.sites, a.site) == nullptr) return refused("the site \"" + a.site + "\" does not exist");
  return check_export(a);
}

Status run(Genesis& g, const SetRotation& a) {
  if (a.days > kMaxRotateDays) return refused("rotations are due at most 3650 days apart");
  if (a.days == g.rotate_days) return refused("the schedule of rotations is so already");
  g.rotate_days = a.days;
  return {};
}

Status run(Genesis& g, const CancelErasures& a) {
  return find_by_id(g.sites, a.site) != nullptr ? Status() : refused("the site \"" + a.site + "\" does not exist");
}

Status run(Genesis& g, const ConfirmSubjects& a) {
  return run(g, CancelErasures{a.site});
}

// The key comes with its proposal-done.
Status run(Genesis& /*g*/, const RotateLogKey& /*a*/) {
  return {};
}

}  // namespace

const std::vector<ActionKind>& action_kinds() {
  static const std::vector<ActionKind> kinds = {
      {"register-principals", "principal"},
      {"change-custodian", "custodian"},
      {"change-rules", "rule"},
      {"change-thresholds", "threshold"},
      {"add-model", "model"},
      {"change-reveal", "reveal"},
      {"cancel-erasures", kCancelClass},
      {"open-site", "site"},
      {"change-policy", kPolicyClass},
      {"change-witnesses", "witness"},
      {"export", "export"},
      {"rotate-keys", "rotate"},
      {"reshare", "reshare"},
      {"rotation-policy", "rotate"},
      {"rotate-log-key", "rotate"},
      {"confirm-subjects", "restore"},
      {"restart-ticket", "ticket"},
  };
  return kinds;
}

const ActionKind& kind_of(const Action& action) {
  return action_kinds()[action.index()];
}

namespace {

// Enough cards of each group are with somebody whose end date has not passed. Where time alone took them, what takes no
// more goes on.
Status check_cards(const Genesis& current, const Genesis& next, const std::string& day) {
  const auto held = [&day](const Genesis& g, const Group& group) {
    return cards_held(group, [&](const std::string& id) {
      const PrincipalRecord* p = find_by_id(g.principals, id);
      return p != nullptr && p->role == Role::kCustodian && !ended(*p, day);
    });
  };
  for (const Group& group : next.groups) {
    const std::uint32_t left = held(next, group);
    const bool fewer = next.unseal_key != current.unseal_key || left < held(current, group);
    if (left >= group.threshold || !fewer) continue;
    return refused("fewer cards of the group \"" + group.id +
                       "\" than open the vault would be with somebody whose end " + "date has not passed",
                   "new cards for those who stay come first: `facekeep reshare`");
  }
  return {};
}

// `next` if a vault that is as `current` can be so.
Result<Genesis> checked(const Genesis& current, Genesis next, const std::string& day) {
  if (auto ok = check_genesis(next); !ok) {
    Error e = std::move(ok).error();
    e.problem = "bad-action";
    return e;
  }
  FK_CHECK(check_cards(current, next, day));
  GroupSizes sizes;
  for (const auto& g : next.groups) sizes[g.id] = 0;
  for (const auto& p : next.principals) {
    if (p.role == Role::kCustodian && !ended(p, day)) ++sizes[p.id.substr(0, p.id.find('/'))];
  }
  for (const auto& [name, rule] : next.rules) {
    if (auto ok = check_rule(rule, sizes); !ok) {
      return refused("nobody could meet the rule for \"" + name + "\" any more: " + ok.error().message);
    }
  }
  return next;
}

}  // namespace

Result<Genesis> apply_action(const Genesis& current, const Action& action, const std::string& day) {
  Genesis next = current;
  FK_CHECK(std::visit([&](const auto& a) { return run(next, a); }, action));
  return checked(current, std::move(next), day);
}

Result<Genesis> apply_unsigned(const Genesis& current, const Reshare& action, const std::string& day) {
  Genesis next = current;
  FK_CHECK(change_cards(next, action));
  FK_CHECK(set_rules(next, action.rules));
  return checked(current, std::move(next), day);
}

std::uint32_t cards_held(const Group& group, const std::function<bool(const std::string&)>& remains) {
  const auto held = [&](const ShareCard& card) {
    return std::any_of(card.holders.begin(), card.holders.end(),
                       [&](std::uint32_t h) { return remains(group.id + "/" + std::to_string(h)); });
  };
  return static_cast<std::uint32_t>(std::count_if(group.shares.begin(), group.shares.end(), held));
}

bool is_tightening(const Genesis& current, const Action& action) {
  struct Narrows {
    const Genesis& g;
    bool operator()(const ChangeThresholds& a) const {
      const Model* m = find_by_id(g.models, a.model);
      return m != nullptr && a.verify_threshold >= m->verify_threshold && a.identify_threshold >= m->identify_threshold;
    }
    bool operator()(const ChangeReveal& a) const { return a.hide_subject; }
    bool operator()(const ChangePolicy& a) const {
      const Site* s = find_by_id(g.sites, a.site);
      return s != nullptr && a.access_log_days <= s->access_log_days && a.erase_daily <= s->erase_daily &&
             a.signed_probes_required.value_or(true) >= s->signed_probes_required &&
             a.min_pad.value_or(s->min_pad) >= s->min_pad &&
             (!a.budgets || is_as_strict(*a.budgets, s->budgets.value_or(SiteBudgets())));
    }
    bool operator()(const ChangeRules& a) const {
      return std::all_of(a.rules.begin(), a.rules.end(), [&](const auto& r) {
        const auto it = g.rules.find(r.first);
        // A shorter lifetime would end what is open, a long delay leave no time to sign.
        return it != g.rules.end() && r.first != kCancelClass && is_as_strict(r.second, it->second) &&
               r.second.lifetime_s == it->second.lifetime_s &&
               r.second.delay_s <= std::max(it->second.delay_s, it->second.lifetime_s / 2);
      });
    }
    bool operator()(const RegisterPrincipals&) const { return false; }
    bool operator()(const ChangeCustodian&) const { return false; }
    bool operator()(const AddModel&) const { return false; }
    bool operator()(const CancelErasures&) const { return false; }
    bool operator()(const OpenSite&) const { return false; }
    bool operator()(const ChangeWitnesses&) const { return false; }
    bool operator()(const ExportTemplates&) const { return false; }
    bool operator()(const RotateKeys&) const { return false; }
    bool operator()(const Reshare&) const { return false; }
    bool operator()(const SetRotation&) const { return false; }
    bool operator()(const RotateLogKey&) const { return false; }
    bool operator()(const ConfirmSubjects&) const { return false; }
    bool operator()(const SetTicket& a) const {
      if (!g.ticket) return false;
      return !a.ticket || (a.ticket->box == g.ticket->box && a.ticket->hours <= g.ticket->hours &&
                           a.ticket->unattended <= g.ticket->unattended);
    }
  };
  if (!std::visit(Narrows{current}, action)) return false;
  Genesis next = current;
  return std::visit([&](const auto& a) { return run(next, a); }, action) && to_json(next) != to_json(current);
}

std::vector<PrincipalRecord> records_in(const Action& action) {
  if (const auto* a = std::get_if<RegisterPrincipals>(&action)) return a->principals;
  if (const auto* a = std::get_if<ChangeCustodian>(&action)) return {a->custodian};
  if (const auto* a = std::get_if<Reshare>(&action)) return a->custodians;
  return {};
}

std::vector<std::string> principals_in(const Action& action) {
  std::vector<std::string> out;
  for (const auto& p : records_in(action)) out.push_back(p.id);
  return out;
}

bool binds_alone(const Action& action, const std::string& custodian) {
  const auto* a = std::get_if<ChangeCustodian>(&action);
  return a != nullptr && a->custodian.id == custodian;
}

bool unsettles(const Action& action) {
  return std::holds_alternative<ChangeRules>(action) || std::holds_alternative<ChangeCustodian>(action) ||
         std::holds_alternative<Reshare>(action);
}

std::map<std::string, Rule> rules_in(const Action& action) {
  if (const auto* a = std::get_if<ChangeRules>(&action)) return a->rules;
  if (const auto* a = std::get_if<Reshare>(&action)) return a->rules;
  return {};
}

bool renews_keys(const Action& action) {
  return std::holds_alternative<RotateKeys>(action) || std::holds_alternative<Reshare>(action);
}

bool is_ceremony(const Action& action) {
  return renews_keys(action) || std::holds_alternative<RotateLogKey>(action);
}

bool waits_for_keys(const Action& action) {
  return renews_keys(action) || std::holds_alternative<OpenSite>(action);
}

}  // namespace facekeep::ledger
