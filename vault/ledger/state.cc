#include "vault/ledger/state.h"

#include <algorithm>

#include "vault/base/digest.h"

namespace facekeep::ledger {
namespace {

template <class RuleOf>
std::optional<Rule> of_fallback(std::string_view action_class, const RuleOf& rule_of) {
  const ActionClass* found = find_action_class(action_class);
  if (found == nullptr || found->fallback.empty()) return std::nullopt;
  std::optional<Rule> rule = rule_of(found->fallback);
  if (rule && action_class == kCancelClass) rule->delay_s = 0;
  return rule;
}

}  // namespace

const PrincipalRecord* State::principal_by_key(const Digest& spki, UnixMillis now) const {
  const auto it = principals_by_key_.find(spki);
  if (it == principals_by_key_.end()) return nullptr;
  const PrincipalRecord& p = current_->principals[it->second];
  // Expiry runs on the faster clock: an administrator who sets the clock back brings no key back.
  if (p.until && format_day(std::max(now, last_time_)) > *p.until) return nullptr;
  return &p;
}

const PrincipalRecord* State::principal(const std::string& id) const {
  for (const auto& p : current_->principals) {
    if (p.id == id) return &p;
  }
  return nullptr;
}

std::optional<Rule> State::agreed_rule(std::string_view action_class) const {
  const std::string name(action_class);
  if (const auto it = agreed_rules_.find(name); it != agreed_rules_.end()) return it->second;
  if (const auto it = current_->rules.find(name); it != current_->rules.end()) return it->second;
  return of_fallback(action_class, [this](std::string_view other) { return agreed_rule(other); });
}

std::optional<Rule> State::rule(std::string_view action_class) const {
  const auto it = current_->rules.find(std::string(action_class));
  if (it != current_->rules.end()) return it->second;
  return of_fallback(action_class, [this](std::string_view other) { return rule(other); });
}

const Site* State::site(const std::string& id) const {
  for (const auto& s : current_->sites) {
    if (s.id == id) return &s;
  }
  return nullptr;
}

const Model* State::model(const std::string& id) const {
  for (const auto& m : current_->models) {
    if (m.id == id) return &m;
  }
  return nullptr;
}

const SubjectState* State::subject(const Id128& ref) const {
  const auto it = subjects_.find(ref);
  return it == subjects_.end() ? nullptr : &it->second;
}

std::uint64_t State::persons(const std::string& site_id) const {
  for (std::size_t i = 0; i < current_->sites.size(); ++i) {
    if (current_->sites[i].id != site_id) continue;
    const auto it = persons_.find(static_cast<std::uint32_t>(i));
    return it == persons_.end() ? 0 : it->second;
  }
  return 0;
}

std::uint64_t State::wraps(const std::string& site) const {
  const auto it = wraps_.find(site);
  return it == wraps_.end() ? 0 : it->second;
}

bool State::period_is_over(const PeriodId& id, const PeriodKeyState& key, UnixMillis wall,
                           std::uint64_t log_clock) const {
  static constexpr std::int64_t kDay = 86400LL * 1000;
  static constexpr std::int64_t kChangesReadableDays = 30;
  const auto& [purpose, site_id, period] = id;
  const bool access = purpose == "access";
  const auto start = parse_day(access ? period + "-01" : period);
  const Site* s = site(site_id);
  if (!start || s == nullptr) return false;
  std::int64_t days = access ? static_cast<std::int64_t>(s->access_log_days) : kChangesReadableDays;
  if (const auto it = shortened_.find(site_id); access && it != shortened_.end()) {
    const Moment& at = it->second.at;
    const bool stands = wall >= at.wall + kBulkEraseDelay && log_clock >= at.clock + kBulkEraseDelay;
    if (!stands) days = std::max<std::int64_t>(days, it->second.agreed_days);
  }
  const std::int64_t kept = days * kDay;
  // A month's last entry is at most 31 days after its first day.
  return wall >= *start + (access ? 31 : 1) * kDay + kept && log_clock >= key.clock + static_cast<std::uint64_t>(kept);
}

bool State::period_was_destroyed(const PeriodId& id, std::uint64_t entry) const {
  const auto [first, last] = periods_ended_.equal_range(id);
  return std::any_of(first, last,
                     [entry](const auto& life) { return life.second.first < entry && entry < life.second.second; });
}

std::uint32_t State::erased_today(const std::string& by, UnixMillis now) const {
  const auto it = erased_.find(by);
  return it == erased_.end() || it->second.first != format_day(std::max(now, last_time_)) ? 0 : it->second.second;
}

namespace {

std::string subject_line(const Id128& ref, const SubjectState& s, const std::string& site) {
  std::string line = "subject " + to_hex(ref) + " " + site + " " + std::to_string(s.slot) + " " + to_hex(s.consent) +
                     " " + to_hex(s.record) + " " + s.until + " " + std::to_string(s.entry) + " " +
                     (s.erase_due ? format_time(*s.erase_due) + " " + std::to_string(s.suspended_at_clock) : "-") +
                     (s.in_doubt ? " in-doubt\n" : "\n");
  for (const auto& t : s.templates) {
    line += "template " + to_hex(t.id) + " " + t.model + " " + std::to_string(t.model_version) + " " + to_hex(t.blob) +
            " " + std::to_string(t.entry) + "\n";
  }
  return line;
}

}  // namespace

std::string State::digest_head() const {
  std::string head =
      "facekeep/state/v1\nsize " + std::to_string(size_) + "\nphase " + std::string(to_string(phase_)) + "\n";
  if (!genesis_) return head;
  const auto genesis = canonical_json(to_json(*genesis_));
  head += "genesis " + (genesis ? to_hex(sha256(as_bytes(*genesis))) : "-") + "\n";
  head += "start " + std::to_string(start_entry_) + "\nclock " + std::to_string(log_clock_) + "\n";
  for (const auto& [group, shares] : shares_in_) {
    for (const auto n : shares) head += "share " + group + " " + std::to_string(n) + "\n";
  }
  for (const auto& [group, shares] : shares_in_before_) {
    for (const auto n : shares) head += "share-before " + group + " " + std::to_string(n) + "\n";
  }
  for (const auto& [id, key] : period_keys_) {
    head += "period-key " + std::get<0>(id) + " " + std::get<1>(id) + " " + std::get<2>(id) + " " +
            std::to_string(key.slot) + " " + std::to_string(key.entry) + " " + std::to_string(key.clock) + "\n";
  }
  for (const auto& [site, n] : wraps_) head += "wraps " + site + " " + std::to_string(n) + "\n";
  for (const auto& [by, day] : erased_) {
    head += "erased " + by + " " + day.first + " " + std::to_string(day.second) + "\n";
  }
  const auto json_line = [&](const char* key, const Json& value) {
    const auto text = canonical_json(value);
    head += key + (text ? *text : "-") + "\n";
  };
  if (changed_) {
    head += "rule-version " + std::to_string(rule_version_) + "\n";
    json_line("current ", to_json(*current_));
  }
  for (const auto& [id, p] : proposals_) json_line("proposal ", to_json(p));
  for (const auto& [id, e] : exports_) json_line(("export " + to_hex(id) + " ").c_str(), to_json(e));
  for (const auto& [name, rule] : agreed_rules_) json_line(("agreed-rule " + name + " ").c_str(), to_json(rule));
  for (const auto& [by, clock] : tightenings_) head += "tightening " + by + " " + std::to_string(clock) + "\n";
  for (const auto& [site, s] : shortened_) {
    head += "shortened " + site + " " + std::to_string(s.agreed_days) + " " + format_time(s.at.wall) + " " +
            std::to_string(s.at.clock) + "\n";
  }
  for (const auto& [by, s] : suspensions_) {
    head += "suspension " + by + " " + s.custodian + " " + std::to_string(s.clock) + "\n";
  }
  for (const auto& [by, clock] : ended_ceremonies_) head += "ceremony-ended " + by + " " + std::to_string(clock) + "\n";
  const auto proof_line = [&](const std::string& key, const KeyProof& p) {
    head += key + " " + to_hex(p.proposal) + " " + to_hex(p.proof) + "\n";
  };
  for (const auto& [site, proof] : site_proofs_) proof_line("site-proof " + site, proof);
  for (const auto& digest : retired_cards_) head += "retired " + to_hex(digest) + "\n";
  if (rotation_) {
    head += "rotation " + std::to_string(rotation_->from) + " " + std::to_string(rotation_->to) + " " +
            to_hex(rotation_->upto) + " " + std::to_string(rotation_->entry) + "\n";
    proof_line("keys-proof", rotation_->proof);
    if (rotation_->cards_untried) head += "cards untried\n";
    head += "old-register-check " + to_hex(rotation_->old_register_check) + "\n";
    for (const auto& [site, check] : rotation_->old_checks) head += "old-check " + site + " " + to_hex(check) + "\n";
  }
  for (const auto& h : handovers_) {
    head += "handover " + std::to_string(h.entry) + " " + h.from + " " + h.to + (h.recovered ? " recovered" : "");
    if (h.loss) head += " " + std::to_string(h.loss->newest.size) + " " + to_hex(h.loss->newest.root);
    head += "\n";
  }
  for (const auto& [epoch, retired] : lost_roots_) {
    head += "lost-root " + std::to_string(epoch) + (retired == 0 ? "" : " " + std::to_string(retired)) + "\n";
  }
  if (recovery_) {
    head += "recovery " + std::to_string(recovery_->entry) + " " + recovery_->kind;
    if (recovery_->renewed) head += " " + std::to_string(*recovery_->renewed);
    head += "\n";
  }
  for (const std::uint64_t size : backups_) head += "backup " + std::to_string(size) + "\n";
  if (scheduled_since_) {
    head +=
        "rotation-since " + format_time(scheduled_since_->wall) + " " + std::to_string(scheduled_since_->clock) + "\n";
  }
  if (opened_by_cards_) {
    head += "opened-by-cards " + std::to_string(opened_by_cards_->entry) + " " +
            format_time(opened_by_cards_->at.wall) + " " + std::to_string(opened_by_cards_->at.clock) + "\n";
  }
  if (tickets_ > 0) head += "tickets " + std::to_string(tickets_) + "\n";
  if (ticket_) json_line("ticket ", to_json(*ticket_));
  return head;
}

std::string State::digest_lines(const Id128& ref) const {
  const SubjectState& s = subjects_.at(ref);
  return subject_line(ref, s, current_->sites[s.site].id);
}

std::vector<Id128> State::refs_in_order() const {
  std::vector<Id128> refs;
  refs.reserve(subjects_.size());
  for (const auto& [ref, s] : subjects_) refs.push_back(ref);
  return refs;
}

Digest State::digest() const {
  // Subjects are folded one by one, so that a million need no copy of everything.
  Digest acc = sha256(as_bytes(digest_head()));
  for (const auto& [ref, s] : subjects_)
    acc = sha256({acc, as_bytes(subject_line(ref, s, current_->sites[s.site].id))});
  return acc;
}

}  // namespace facekeep::ledger
