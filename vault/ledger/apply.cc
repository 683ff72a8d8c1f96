// The fold. Each apply_body checks everything first and changes the state after its last check, so
// that an error leaves the state as it was.
#include <algorithm>

#include "vault/ledger/cards.h"
#include "vault/ledger/proposal_decide.h"
#include "vault/ledger/schedule.h"

namespace facekeep::ledger {
namespace {

Error broken(const char* why) {
  return make_error(Errc::kIntegrity, std::string("the log has an event that its rules do not allow: ") + why);
}

// Proposals and one person's narrowing are governance that may happen whenever the daemon runs.
struct InputOf {
  PhaseInput operator()(const Genesis&) const { return PhaseInput::kGenesis; }
  PhaseInput operator()(const Start&) const { return PhaseInput::kStart; }
  PhaseInput operator()(const UnsealShare&) const { return PhaseInput::kUnsealShare; }
  PhaseInput operator()(const Unsealed&) const { return PhaseInput::kUnsealed; }
  PhaseInput operator()(const UnsealEnded&) const { return PhaseInput::kUnsealEnded; }
  PhaseInput operator()(const Sealed&) const { return PhaseInput::kSealed; }
  PhaseInput operator()(const Sums&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const OpeningsRead&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const ProposalMade&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const Approval&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const Veto&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const ProposalWithdrawn&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const ProposalDone&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const Revoked&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const Tightened&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const CustodianSuspended&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const AlarmsAcknowledged&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const ExportSealed&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const ExportEnded&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const ExportGiven&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const Rewrapped&) const { return PhaseInput::kWidening; }
  PhaseInput operator()(const BackupMade&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const Restored&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const TicketMade&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const TicketUsed&) const { return PhaseInput::kTicketUsed; }
  PhaseInput operator()(const TicketEnded&) const { return PhaseInput::kSums; }
  PhaseInput operator()(const ExportSubjects&) const { return PhaseInput::kWidening; }
  PhaseInput operator()(const Exported&) const { return PhaseInput::kWidening; }
  PhaseInput operator()(const Enrolled&) const { return PhaseInput::kWidening; }
  PhaseInput operator()(const TemplateAdded&) const { return PhaseInput::kWidening; }
  PhaseInput operator()(const PeriodKey&) const { return PhaseInput::kWidening; }
  PhaseInput operator()(const Erased&) const { return PhaseInput::kNarrowing; }
  PhaseInput operator()(const Suspended&) const { return PhaseInput::kNarrowing; }
  PhaseInput operator()(const KeysRetired&) const { return PhaseInput::kNarrowing; }
  PhaseInput operator()(const PeriodKeyDestroyed&) const { return PhaseInput::kNarrowing; }
  PhaseInput operator()(const Match&) const { return PhaseInput::kAccess; }
  PhaseInput operator()(const MetadataRead&) const { return PhaseInput::kAccess; }
  PhaseInput operator()(const Recovered&) const { return PhaseInput::kRecovered; }
};

PhaseInput input_of(const Body& body) {
  return std::visit(InputOf{}, body);
}

}  // namespace

Status State::check_operator(const std::string& by, const std::string& site_id) const {
  const PrincipalRecord* p = principal(by);
  if (p == nullptr || p->role != Role::kOperator) return broken("a change by somebody who is no operator");
  if (std::find(p->sites.begin(), p->sites.end(), site_id) == p->sites.end())
    return broken("a change at a site outside the operator's scope");
  return {};
}

Status State::apply_body(const Genesis& e) {
  if (size_ != 0) return broken("a genesis that is not entry 0");
  FK_CHECK(check_genesis(e));
  if (e.ticket) return broken("a restart ticket without a proposal");
  FK_CHECK(check_genesis_signatures(e));
  genesis_ = e;
  set_current(e);
  cards_since_ = now_;
  note_schedule(true);
  return {};
}

Status State::apply_body(const Start& e) {
  if (ticket_ && ticket_->made.program != e.program) end_ticket("program");
  opened_by_cards_.reset();
  start_ = e;
  start_entry_ = size_;
  clear_shares();
  return {};
}

Status State::apply_body(const UnsealShare& e) {
  const PrincipalRecord* p = principal(e.by);
  if (p == nullptr || p->role != Role::kCustodian) return broken("a share from somebody who is no custodian");
  if (!counts(*this, e.by, moment())) return broken("a share from a custodian who is gone or suspended");
  const auto* groups = card_groups(*this, e.before);
  if (groups == nullptr) return broken("a share of a set that opens nothing");
  const Group* group = find_card(*groups, e.group, e.share);
  if (group == nullptr) return broken("a share that does not exist");
  if (!may_hand_in(*this, e.by, *group, e.share, e.before)) {
    return broken("a share from a custodian who does not hold it");
  }
  auto& shares = e.before ? shares_in_before_ : shares_in_;
  const auto in = shares.find(e.group);
  if (in != shares.end() && in->second.contains(e.share)) return broken("the same share twice");
  shares[e.group].insert(e.share);
  return {};
}

void State::clear_shares() {
  shares_in_.clear();
  shares_in_before_.clear();
}

Status State::apply_body(const Unsealed& e) {
  const auto* groups = card_groups(*this, e.before);
  if (groups == nullptr) return broken("an unseal by a set that opens nothing");
  const auto& handed_in = shares_in(e.before);
  for (const auto& g : *groups) {
    const auto in = handed_in.find(g.id);
    if (in == handed_in.end() || in->second.size() < g.threshold) return broken("an unseal without its quorum");
  }
  std::vector<std::string> cards;
  for (const auto& [group, shares] : handed_in) {
    for (const auto n : shares) cards.push_back(group + "/" + std::to_string(n));
  }
  std::sort(cards.begin(), cards.end());
  if (cards != e.by) return broken("an unseal that names other cards than those handed in");
  clear_shares();
  if (rotation_ && !e.before) {
    rotation_->cards_untried = false;
    rotation_->before.reset();
  }
  end_ticket("renewed");
  if (current_->ticket) opened_by_cards_ = {size_, latest_moment()};
  return {};
}

Status State::apply_body(const UnsealEnded&) {
  clear_shares();
  return {};
}

Status State::apply_body(const Sealed& e) {
  const PrincipalRecord* p = principal(e.by);
  if (e.by != "daemon" && (p == nullptr || p->role != Role::kCustodian))
    return broken("sealed by somebody who is no custodian");
  if (p != nullptr && !counts(*this, e.by, moment())) return broken("sealed by a custodian who is gone or suspended");
  // A daemon that ends by itself is what tickets are for. Whoever asks for a seal ends them.
  if (e.by != "daemon" || e.reason != "shutdown") end_ticket("seal");
  opened_by_cards_.reset();
  clear_shares();
  return {};
}

Status State::apply_body(const Sums&) {
  return {};
}

Status State::apply_body(const OpeningsRead& e) {
  const PrincipalRecord* p = principal(e.by);
  if (p == nullptr || p->role != Role::kAuditor) return broken("openings read by somebody who is no auditor");
  if (!e.bundle && phase_ != Phase::kOpen) return broken("the register read while the vault was not open");
  // Nothing is opened before it is in the log.
  if (e.bundle && *e.bundle > (size_ - 1) / kBundleEntries) return broken("openings read beyond the end of the log");
  return {};
}

Status State::apply_body(const Enrolled& e) {
  FK_CHECK(check_operator(e.by, e.site));
  if (subjects_.contains(e.ref)) return broken("a subject enrolled twice");
  if (slots_.contains(e.slot)) return broken("a key slot with two owners");
  const auto site_it =
      std::find_if(current_->sites.begin(), current_->sites.end(), [&](const Site& s) { return s.id == e.site; });
  if (site_it == current_->sites.end()) return broken("a subject at a site that does not exist");
  SubjectState s;
  s.site = static_cast<std::uint32_t>(site_it - current_->sites.begin());
  s.slot = e.slot;
  s.consent = e.consent;
  s.record = e.record;
  s.until = e.until;
  s.entry = size_;
  slots_.insert(e.slot);
  ++wraps_[e.site];
  ++persons_[s.site];
  subjects_.emplace(e.ref, std::move(s));
  return {};
}

// `door` is empty for a template. Scope and key are those of ledger::decide_camera.
Status State::check_camera(const std::optional<SignedBy>& camera, const std::string& site_id,
                           const std::string& door) const {
  if (!camera) return site(site_id)->signed_probes_required ? broken("a probe without a signature") : Status();
  const PrincipalRecord* p = principal(camera->camera);
  return p != nullptr && may_sign(*p, site_id, door) ? Status() : broken("a probe that no camera of the place signed");
}

Status State::apply_body(const TemplateAdded& e) {
  FK_CHECK(check_operator(e.by, e.site));
  FK_CHECK(check_camera(e.camera, e.site, ""));
  if (pad_of(e.camera) < site(e.site)->min_pad) return broken("a template below the site's PAD level");
  const auto it = subjects_.find(e.ref);
  if (it == subjects_.end()) return broken("a template of a subject that is not enrolled");
  if (current_->sites[it->second.site].id != e.site) return broken("a template at another site than its subject");
  if (it->second.erase_due) return broken("a template of a suspended subject");
  const Model* m = model(e.model);
  if (m == nullptr || m->version != e.model_version) return broken("a template of an unknown model");
  auto& templates = it->second.templates;
  if (templates.size() >= kMaxTemplatesPerSubject) return broken("a ninth template");
  if (std::any_of(templates.begin(), templates.end(), [&](const TemplateState& t) { return t.id == e.template_id; })) {
    return broken("a template id twice");
  }
  templates.push_back({e.template_id, e.model, e.model_version, e.blob, size_});
  return {};
}

Status State::apply_body(const Erased& e) {
  const auto it = subjects_.find(e.ref);
  if (it == subjects_.end()) return broken("an erasure of a subject that is not enrolled");
  if (current_->sites[it->second.site].id != e.site) return broken("an erasure at another site than its subject");
  if (e.reason == "delay-over") {
    if (e.by != "daemon" || !it->second.erase_due) return broken("an erasure after a delay that nobody started");
    const bool ran_long_enough = clock_now_ >= it->second.suspended_at_clock + kBulkEraseDelay;
    if (now_ < *it->second.erase_due || !ran_long_enough) return broken("an erasure before its delay was over");
    if (erasure_is_held(*this, it->second, moment())) return broken("an erasure while people decide to cancel it");
  } else {
    FK_CHECK(check_operator(e.by, e.site));
    if (erased_today(e.by, now_) >= site(e.site)->erase_daily) return broken("an erasure beyond the day's allowance");
  }
  if (e.horizon && *e.horizon != erasure_horizon(*this, e.ref)) return broken("an erasure with another horizon");
  if (e.reason != "delay-over") erased_[e.by] = {format_day(std::max(now_, last_time_)), erased_today(e.by, now_) + 1};
  if (it->second.erase_due) --suspended_;
  if (it->second.in_doubt) --in_doubt_;
  slots_.erase(it->second.slot);
  --persons_[it->second.site];
  subjects_.erase(it);
  return {};
}

Status State::apply_body(const Suspended& e) {
  FK_CHECK(check_operator(e.by, e.site));
  const auto it = subjects_.find(e.ref);
  if (it == subjects_.end() || it->second.erase_due)
    return broken("a suspension of a subject that is not there or is suspended");
  if (current_->sites[it->second.site].id != e.site) return broken("a suspension at another site than its subject");
  if (e.due < now_ + kBulkEraseDelay) return broken("a suspension with too short a delay");
  it->second.erase_due = e.due;
  ++suspended_;
  it->second.suspended_at_clock = clock_now_;
  it->second.suspended_at = size_;
  return {};
}

Status State::apply_body(const PeriodKey& e) {
  if (site(e.site) == nullptr) return broken("a period key of a site that does not exist");
  if (period_keys_.contains({e.purpose, e.site, e.period})) return broken("a period key twice");
  if (slots_.contains(e.slot)) return broken("a key slot with two owners");
  period_keys_[{e.purpose, e.site, e.period}] = {e.slot, size_, clock_now_};
  slots_.insert(e.slot);
  ++wraps_[e.site];
  return {};
}

Status State::apply_body(const PeriodKeyDestroyed& e) {
  const auto it = period_keys_.find({e.purpose, e.site, e.period});
  if (it == period_keys_.end()) return broken("the end of a period key that is not there");
  if (!period_is_over(it->first, it->second, now_, clock_now_))
    return broken("the end of a period key before its time");
  // Only access openings outlive their key and are asked for later.
  if (e.purpose == "access") periods_ended_.emplace(it->first, std::pair(it->second.entry, size_));
  slots_.erase(it->second.slot);
  period_keys_.erase(it);
  return {};
}

Status State::apply_body(const Match& e) {
  const PrincipalRecord* p = principal(e.by);
  if (p == nullptr || p->role != Role::kDoor) return broken("a match for somebody who is no door");
  if (std::find(p->doors.begin(), p->doors.end(), e.door) == p->doors.end() || p->sites.front() != e.site) {
    return broken("a match outside the door's scope");
  }
  if (model(e.model) == nullptr) return broken("a match with an unknown model");
  FK_CHECK(check_camera(e.camera, e.site, e.door));
  if (e.decision != "refer" && pad_of(e.camera) < site(e.site)->min_pad) {
    return broken("a decision on a probe below the site's PAD level");
  }
  if (e.over && e.decision != decision_over(*e.over)) return broken("a match over a budget that decides otherwise");
  if (e.over == Over::kSubject && !e.subject) return broken("a match over the budget of nobody");
  if (e.over == Over::kCamera && !e.camera) return broken("a match over the budget of no camera");
  return {};
}

Status State::apply_body(const MetadataRead& e) {
  const PrincipalRecord* p = principal(e.by);
  if (e.what == "export") {
    const bool good = p != nullptr && p->role == Role::kCustodian && site(e.site) != nullptr;
    return good ? Status() : Status(broken("the people of an export read by a wrong role, or of no site"));
  }
  if (p == nullptr || std::find(p->sites.begin(), p->sites.end(), e.site) == p->sites.end()) {
    return broken("metadata read outside the principal's scope");
  }
  if (p->role != Role::kOperator && !(p->role == Role::kDoor && e.what == "changes"))
    return broken("metadata read by a wrong role");
  return {};
}

Status apply(State& state, const Event& event) {
  const std::uint8_t next = next_phase(state.phase_, input_of(event.body));
  if (next == kIllegal) {
    return make_error(Errc::kIntegrity, "the log has a " + std::string(type_of(event.body)) +
                                            " event while the vault is " + std::string(to_string(state.phase_)));
  }
  state.now_ = event.time;
  // The log's clock goes on from where everybody saw it stand, whatever uptime a start has: what a daemon that died
  // did last may be a custody event, whose time the public log does not have. As for the uptime, one that follows a
  // sealing by request belongs to a daemon that has run for long, and must not count that time twice. Hence a base that
  // can be negative, modulo 2^64; an uptime that lies before its start's is no time at all.
  const bool restarts = is_of_own_clock(event.body);
  const std::uint64_t base = restarts ? state.public_clock_ - event.uptime_ms : state.clock_base_;
  const std::uint64_t now = base + event.uptime_ms;
  state.clock_now_ = now > static_cast<std::uint64_t>(INT64_MAX) ? 0 : now;
  FK_CHECK(std::visit([&](const auto& body) { return state.apply_body(body); }, event.body));
  // An access event leaves nothing but its place: a replay that has no openings must reach the same state.
  if (class_of(event.body) == EventClass::kAccess) {
    return apply_access(state);
  }
  state.phase_ = static_cast<Phase>(next);
  state.last_time_ = std::max(state.last_time_, event.time);
  state.clock_base_ = base;
  state.log_clock_ = std::max(state.log_clock_, state.clock_now_);
  if (class_of(event.body) == EventClass::kGovernance) {
    state.public_clock_ = std::max(state.public_clock_, state.clock_now_);
    state.public_time_ = std::max(state.public_time_, event.time);
  }
  ++state.size_;
  return {};
}

Status apply_access(State& state) {
  if (next_phase(state.phase_, PhaseInput::kAccess) == kIllegal) return broken("an access while the vault is not open");
  ++state.size_;
  return {};
}

Status apply_unopened_custody(State& state) {
  // Narrowing is legal wherever widening is.
  if (next_phase(state.phase_, PhaseInput::kNarrowing) == kIllegal) return broken("a custody event before a start");
  state.all_custody_ = false;
  ++state.size_;
  return {};
}

}  // namespace facekeep::ledger
