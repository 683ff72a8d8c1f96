#include "vault/audit/statistics.h"

#include "vault/audit/entry_checks.h"

namespace facekeep::audit {
namespace {

using namespace ledger;

constexpr std::int64_t kHour = 3600LL * 1000;
constexpr std::int64_t kMinute = 60LL * 1000;

// Facts of the acts of dual control; `proposals` has this one already, where the rules allowed it.
struct DescribeAct {
  Act& act;
  const ProposalStories& proposals;

  void of(const Id128& id, bool with_action) const {
    act.facts["proposal"] = to_hex(id);
    const ProposalStory* story = proposals.find(id);
    if (story == nullptr) return;
    act.facts["proposal_entry"] = std::to_string(story->entry);
    if (with_action) act.action = story->made.action;
  }
  void operator()(const ProposalMade& e) const {
    act.facts["proposal"] = to_hex(e.id);
    act.facts["purpose"] = e.purpose;
    act.action = e.action;
  }
  void operator()(const Approval& e) const { of(e.vote.proposal, false); }
  void operator()(const Veto& e) const { of(e.vote.proposal, false); }
  void operator()(const ProposalWithdrawn& e) const { of(e.proposal, false); }
  void operator()(const ProposalDone& e) const {
    of(e.proposal, true);
    const ProposalStory* story = proposals.find(e.proposal);
    if (e.keys) act.facts["epoch"] = std::to_string(e.keys->epoch);
    if (e.log_key) act.facts["log_key"] = *e.log_key;
    if (story == nullptr) return;
    for (const Signature& s : story->signatures) {
      if (s.stands && !s.veto) act.people.push_back(s.by);
    }
  }
  void operator()(const Revoked& e) const {
    std::string& list = act.facts["principals"];
    for (const auto& p : e.principals) list += (list.empty() ? "" : ", ") + p;
    act.facts["reason"] = e.reason;
  }
  void operator()(const Tightened& e) const { act.action = e.action; }
  void operator()(const CustodianSuspended& e) const { act.facts["custodian"] = e.custodian; }
  void operator()(const AlarmsAcknowledged& e) const { act.facts["alarms_to"] = std::to_string(e.entry); }
  void operator()(const ExportSealed& e) const {
    of(e.proposal, false);
    act.facts["subjects"] = std::to_string(e.subjects);
    act.facts["templates"] = std::to_string(e.templates);
  }
  void operator()(const ExportEnded& e) const {
    of(e.proposal, false);
    act.facts["reason"] = e.reason;
  }
  void operator()(const ExportGiven& e) const { of(e.proposal, false); }
  void operator()(const BackupMade& e) const {
    act.facts["backup_size"] = std::to_string(e.size);
    if (e.since > 0) act.facts["backup_since"] = std::to_string(e.since);
    act.facts["backup_digest"] = to_hex(e.digest);
  }
  void operator()(const Restored& e) const {
    act.facts["backup_size"] = std::to_string(e.size);
    act.facts["entries_from_mirror"] = std::to_string(e.entries);
    act.facts["subjects_lost"] = std::to_string(e.subjects);
  }
  void operator()(const Recovered& e) const {
    for (const auto& s : e.signatures) act.people.push_back(s.by);
    act.facts["reason"] = e.kind;
    act.facts["log_key"] = e.log_key;
    if (e.loss) {
      act.facts["entries_lost"] = std::to_string(e.at.size) + "-" + std::to_string(e.loss->newest.size - 1);
    }
  }
  void operator()(const TicketMade& e) const {
    act.facts["ticket"] = std::to_string(e.number);
    act.facts["ticket_until"] = format_time(e.expires);
  }
  void operator()(const TicketUsed& e) const { act.facts["ticket"] = std::to_string(e.number); }
  void operator()(const TicketEnded& e) const {
    act.facts["ticket"] = std::to_string(e.number);
    act.facts["reason"] = e.reason;
  }
  template <class Other>
  void operator()(const Other&) const {}
};

}  // namespace

void Decisions::add(const std::string& decision) {
  ++(decision == "match" ? match : decision == "no_match" ? no_match : refer);
}

void StatisticsObserver::operator()(const Seen& seen) {
  ++s_.entries;
  if (seen.event == nullptr) {
    ++(seen.event_class == EventClass::kCustody ? s_.unopened_custody : s_.unopened_access);
    if (seen.opening == OpeningState::kDestroyed) ++s_.openings_destroyed;
    return;
  }
  at_time(seen.entry, seen.event->time);
  switch (seen.event_class) {
    case EventClass::kGovernance: governance(seen); break;
    case EventClass::kCustody: custody(seen); break;
    case EventClass::kAccess: access(*seen.event); break;
  }
}

void StatisticsObserver::at_time(std::uint64_t entry, UnixMillis time) {
  if (!any_time_) {
    s_.first_time = s_.last_time = time;
    any_time_ = true;
  }
  if (time - s_.last_time >= options_.gap_ms) {
    if (s_.gaps.size() == kMaxGaps) s_.gaps.erase(s_.gaps.begin());
    s_.gaps.push_back({entry, s_.last_time, time});
  }
  s_.last_time = std::max(s_.last_time, time);
}

void StatisticsObserver::governance(const Seen& seen) {
  const Event& e = *seen.event;
  if (const auto* sums = std::get_if<Sums>(&e.body)) {
    for (const auto& [kind, n] : sums->counts) s_.refusals[kind] += static_cast<std::uint64_t>(n);
    return;
  }
  // One act for all batches, when everybody's key is rewrapped.
  const auto* rewrapped = std::get_if<Rewrapped>(&e.body);
  if (rewrapped != nullptr && (++batches_, rewrapped->upto != kAllRefs)) return;
  Act act{seen.entry, e.time, std::string(type_of(e.body)), {}, {}};
  if (const std::string by = actor_of(e.body); !by.empty()) act.people.push_back(by);
  if (act.type == "openings-read") {  // an auditor's own, one for each bundle
    ++s_.reads[act.type][actor_of(e.body)];
    return;
  }
  if (const auto* genesis = std::get_if<Genesis>(&e.body)) {
    for (const auto& s : genesis->signatures) act.people.push_back(s.by);
    act.facts["program"] = to_hex(genesis->program);
  } else if (const auto* start = std::get_if<Start>(&e.body)) {
    act.facts = {{"version", start->version}, {"program", to_hex(start->program)}, {"config", to_hex(start->config)}};
    if (start->after_crash) act.facts["after_crash"] = "yes";
    shares_.clear();
  } else if (const auto* share = std::get_if<UnsealShare>(&e.body)) {
    act.facts["card"] = share->group + "/" + std::to_string(share->share);
    shares_.push_back(share->by);
  } else if (std::holds_alternative<Unsealed>(e.body)) {
    // The event names cards; the people are those who handed them in.
    act.people = std::move(shares_);
    shares_.clear();
  } else if (const auto* sealed = std::get_if<Sealed>(&e.body)) {
    act.facts["reason"] = sealed->reason;
    shares_.clear();
  } else if (rewrapped != nullptr) {
    act.facts = {{"epoch", std::to_string(rewrapped->epoch)}, {"batches", std::to_string(batches_)}};
    batches_ = 0;
  } else if (const auto* retired = std::get_if<KeysRetired>(&e.body)) {
    act.facts["epoch"] = std::to_string(retired->epoch);
    if (retired->lost) act.facts["lost"] = "yes";
  } else if (const auto* ended = std::get_if<UnsealEnded>(&e.body)) {
    act.facts["reason"] = ended->reason;
    shares_.clear();
  } else {
    s_.proposals.see(seen);
    std::visit(DescribeAct{act, s_.proposals}, e.body);
  }
  s_.acts.push_back(std::move(act));
}

void StatisticsObserver::custody(const Seen& seen) {
  const Event& e = *seen.event;
  if (const std::string by = actor_of(e.body); !by.empty()) ++s_.changes_by[by];
  if (std::holds_alternative<Enrolled>(e.body)) ++s_.enrolled;
  if (std::holds_alternative<TemplateAdded>(e.body)) ++s_.templates;
  if (std::holds_alternative<Suspended>(e.body)) ++s_.suspended;
  if (const auto* erased = std::get_if<Erased>(&e.body)) {
    ++s_.erased_by_reason[erased->reason];
    s_.erasures.push_back({seen.entry, e.time, erased->site, erased->by, erased->reason, to_hex(erased->ref)});
  }
}

void StatisticsObserver::access(const Event& e) {
  if (const auto* read = std::get_if<MetadataRead>(&e.body)) {
    ++s_.reads[read->what][read->by];
    return;
  }
  const auto* match = std::get_if<Match>(&e.body);
  if (match == nullptr) return;
  const UnixMillis local = e.time + options_.utc_offset_minutes * kMinute;
  s_.doors[match->site][match->door].add(match->decision);
  s_.days[format_day(local)].add(match->decision);
  s_.hours[static_cast<std::size_t>((local / kHour % 24 + 24) % 24)].add(match->decision);
}

}  // namespace facekeep::audit
