#include "vault/service.h"

#include <algorithm>

#include "vault/base/digest.h"
#include "vault/ledger/decide.h"
#include "vault/ledger/proposal_decide.h"
#include "vault/ledger/ticket_decide.h"
#include "vault/log/merkle.h"
#include "vault/log/sequencer/handover.h"
#include "vault/open_vault.h"
#include "vault/seal/hpke.h"
#include "vault/sealed_templates.h"

namespace facekeep {

using ledger::Phase;
using ledger::Role;
using log::Turn;
using log::Write;

Service::Service(Parts parts, ServiceOptions options)
    : parts_(parts),
      options_(std::move(options)),
      repetition_({.allow_unlocked = options_.allow_unlocked_memory}),
      reads_(options_.reads_at_once, options_.reads_per_second),
      exports_(options_.export_dir, options_.export_part_size),
      started_(parts.clock.now()) {}

Result<std::unique_ptr<Service>> Service::start(Parts parts, ServiceOptions options) {
  std::unique_ptr<Service> s(new Service(parts, std::move(options)));
  FK_TRY(s->sequencer_,
         log::Sequencer::open(parts.store, parts.custody, parts.slots, parts.clock, s->options_.sequencer));
  if (s->sequencer_->read([](const ledger::State& st) { return st.phase() == Phase::kNew; })) {
    return make_error(Errc::kFailedPrecondition, "there is no vault in this directory",
                      "hold a key ceremony first: `facekeep ceremony`");
  }
  FK_CHECK(s->check_restored());
  s->backups_ =
      std::make_unique<BackupRun>(s->options_.backup_dir, backup::Source{parts.store, parts.slots, *s->sequencer_},
                                  parts.clock, s->options_.sequencer.at_commit_point);
  s->source_ =
      std::make_unique<SealedSource>(*s->sequencer_, parts.store, [raw = s.get()] { return raw->open_vault(); });
  match::EngineOptions engine;
  engine.arena.allow_unlocked = s->options_.allow_unlocked_memory;
  engine.source = s->source_.get();
  FK_TRY(s->engine_, match::make_exact_engine(engine));
  s->sequencer_->read([&](const ledger::State& st) {
    const auto& rotation = st.rotation();
    if (!rotation) return;
    s->rotation_done_ =
        static_cast<std::uint64_t>(std::distance(st.subjects().begin(), st.subjects().upper_bound(rotation->upto)));
  });
  FK_CHECK(s->write_start());
  FK_CHECK(s->make_collectors());
  s->keeper_ = std::thread([raw = s.get()] { raw->keep(); });
  return s;
}

// A start event for a new key to which shares are sealed. The private half lives until the vault is open.
log::Draft Service::new_start(bool after_crash) {
  seal::HpkeKeyPair pair = seal::generate_hpke_key_pair();
  unseal_private_ = std::move(pair.private_key);
  return {ledger::Start{options_.version, options_.program, options_.config, pair.public_key, after_crash, true}, {}};
}

Result<std::uint64_t> Service::write_start() {
  FK_TRY(const auto written, sequencer_->submit(
                                 [&](const Turn& turn) -> Result<Write> {
                                   const Phase phase = turn.state.phase();
                                   Write w;
                                   w.drafts.push_back(new_start(phase == Phase::kOpen || phase == Phase::kUnsealing));
                                   add_restored(turn, w);
                                   w.checkpoint = true;
                                   return w;
                                 },
                                 store::Urgency::kNarrowing));
  return written.entry;
}

namespace {

Result<seal::ShareCollector> collector_for(const std::vector<ledger::Group>& groups, const Digest& unseal_key,
                                           const std::set<Digest>& retired) {
  seal::ShareSetSpec spec;
  for (std::size_t gi = 0; gi < groups.size(); ++gi) {
    for (const auto& card : groups[gi].shares) {
      spec.shares.push_back(
          {static_cast<std::uint8_t>(gi), static_cast<std::uint8_t>(card.number - 1), card.commitment});
    }
    spec.member_thresholds.push_back(static_cast<std::uint8_t>(groups[gi].threshold));
  }
  spec.group_threshold = static_cast<std::uint8_t>(groups.size());
  spec.u_public = unseal_key;
  spec.retired.assign(retired.begin(), retired.end());
  return seal::ShareCollector::create(std::move(spec));
}

}  // namespace

Status Service::make_collectors() {
  return sequencer_->read([&](const ledger::State& st) -> Status {
    const ledger::Genesis& g = st.current();
    FK_TRY(auto present, collector_for(g.groups, g.unseal_key, st.retired_cards()));
    std::optional<seal::ShareCollector> before;
    if (const auto* set = st.cards_before()) {
      FK_TRY(before, collector_for(set->groups, set->unseal_key, st.retired_cards()));
    }
    collector_ = std::move(present);
    before_collector_ = std::move(before);
    return {};
  });
}

Status Service::settle_collectors() {
  if (!collectors_stale_) return {};
  FK_CHECK(make_collectors());
  collectors_stale_ = false;
  return {};
}

void Service::clear_shares() {
  collector_->clear();
  if (before_collector_) before_collector_->clear();
}

void Service::shut() {
  {
    const std::lock_guard lock(keeper_mutex_);
    keeper_stops_ = true;
  }
  keeper_wakes_.notify_all();
  if (keeper_.joinable()) keeper_.join();
  stop_tickets();
  if (backups_) backups_->ask_to_stop();
  // A start that failed before its event has nothing to seal: an entry of its own would move the log's end away from
  // the mark of a restore.
  if (sequencer_ && collector_ && !sequencer_->halted()) {
    sequencer_->publish_no_more();
    flush_sums();
    {
      const std::lock_guard phase_lock(phase_mutex_);
      static_cast<void>(settle_phase());  // a seal that the log could not take comes before the daemon's own
    }
    const bool was_sealed = sequencer_->read([](const ledger::State& st) { return st.phase() == Phase::kSealed; });
    // If this fails the next start says so itself: its event carries after_crash.
    if (!was_sealed) static_cast<void>(write_sealed("daemon", "shutdown"));
  }
  close_vault();
  // A disk that hangs holds up the end of a backup: the keys are gone by then.
  if (backups_) backups_->stop();
  join_exporter();
  join_rotator();
}

Service::~Service() {
  shut();
}

bool Service::is_registered(const Digest& spki) const {
  const UnixMillis now = parts_.clock.now().wall;
  return sequencer_->read([&](const ledger::State& st) { return st.principal_by_key(spki, now) != nullptr; });
}

bool Service::is_custodian(const Digest& spki) const {
  const UnixMillis now = parts_.clock.now().wall;
  return sequencer_->read(
      [&](const ledger::State& st) { return ledger::authorise(st, spki, Role::kCustodian, now).has_value(); });
}

Result<Me> Service::me(const Digest& spki) const {
  const UnixMillis now = parts_.clock.now().wall;
  return sequencer_->read([&](const ledger::State& st) -> Result<Me> {
    const auto* p = st.principal_by_key(spki, now);
    if (p == nullptr) return make_problem(Errc::kPermissionDenied, "unknown-key", "this key is not registered");
    return Me{*p, st.origin_of(p->id).proposal, st.genesis().server_key};
  });
}

Result<std::shared_ptr<OpenVault>> Service::open_vault() const {
  if (auto h = sequencer_->halted()) return std::move(h->reason);
  const std::lock_guard lock(open_mutex_);
  if (!open_) {
    return make_problem(Errc::kSealed, "sealed", "the vault is sealed", "custodians open it with `facekeep unseal`");
  }
  return open_;
}

// A write of nothing: groups are committed in order.
Status Service::settle_log() const {
  const auto settled =
      sequencer_->submit([](const Turn&) -> Result<Write> { return Write{}; }, store::Urgency::kNarrowing);
  return settled ? Status() : Status(settled.error());
}

// From here on no request gets at a key; what is in flight ends at its commit, which refuses it now.
void Service::take_vault() {
  {
    const std::lock_guard lock(open_mutex_);
    if (!open_) return;
    open_->closing = true;
    closing_.push_back(std::exchange(open_, nullptr));
  }
  engine_->clear();
}

// The loader may have gone on filling what was emptied: it ends first, then all of it is emptied again.
void Service::detach_vault() {
  take_vault();
  if (loader_.joinable()) loader_.join();
  if (engine_) engine_->clear();  // a start that failed has none
  marks_.clear();
  budgets_.clear();
  repetition_.clear();
  nonces_.clear();
  challenges_.clear();
}

// The keys go behind the last request that holds them, whichever seal closed the vault: none says so before. Under the
// lock, so that nobody finds the list empty while they are being overwritten.
void Service::finish_closing() {
  for (;;) {
    {
      const std::lock_guard lock(open_mutex_);
      std::erase_if(closing_, [](const auto& vault) { return vault.use_count() == 1; });
      if (closing_.empty()) return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void Service::close_vault() {
  detach_vault();
  finish_closing();
}

Result<std::uint64_t> Service::write_sealed(const std::string& by, const std::string& reason) {
  FK_TRY(const auto receipt, sequencer_->submit(
                                 [&](const Turn& turn) -> Result<Write> {
                                   Write w;
                                   // Who was suspended while this waited for the log's turn is not named: it is sealed.
                                   const bool stands = counts(turn.state, by, turn.state.moment_at(turn.now));
                                   w.drafts.push_back({ledger::Sealed{stands ? by : "daemon", reason}, {}});
                                   // Shares for the next opening go to a new key: recorded ones open nothing.
                                   if (reason != "shutdown") w.drafts.push_back(new_start(false));
                                   // Nobody fetches what a stop writes. An anchor over it would be one that no mirror
                                   // reaches: the next start signs it.
                                   w.checkpoint = reason != "shutdown";
                                   return w;
                                 },
                                 store::Urgency::kNarrowing));
  return receipt.entry;
}

namespace {

// With a restart ticket that may still open it, sealing what is sealed ends the ticket, and so is an entry.
bool is_sealed_for_good(const ledger::State& st) {
  return st.phase() == Phase::kSealed && !(st.ticket() && st.ticket()->over.empty());
}

}  // namespace

Result<std::uint64_t> Service::seal(const Digest& spki) {
  const UnixMillis now = parts_.clock.now().wall;
  FK_TRY(const std::string by, sequencer_->read([&](const ledger::State& st) -> Result<std::string> {
    FK_TRY(const auto* p, ledger::authorise(st, spki, Role::kCustodian, now));
    return p->id;
  }));
  // Narrowing waits for no disk and no token, nor for who holds the lock while it waits for one: the keys go first, the
  // log is told next. What an unseal opened meanwhile goes behind the lock.
  take_vault();
  const std::lock_guard phase_lock(phase_mutex_);
  detach_vault();
  clear_shares();
  unseal_since_ms_ = 0;
  const auto last_start = sequencer_->read([&](const ledger::State& st) {
    return is_sealed_for_good(st) ? std::optional(std::pair(st.start_entry(), st.size())) : std::nullopt;
  });
  if (last_start) {
    const auto [start, size] = *last_start;
    finish_closing();
    // Custodians read every entry since the start before they give a share: a far start would keep the vault shut.
    if (size - start < options_.old_start_entries) return start;
    return write_start();
  }
  auto entry = write_sealed(by, "request");
  seal_owed_by_ = entry ? "" : by;
  finish_closing();
  flush_sums();
  return entry;
}

// What the log could not take when it was due (token away, disk full) is written as soon as it can be: a seal, the end
// of an unseal. Until then no card is taken, since the log still counts those that are gone.
Status Service::settle_phase() {
  if (!seal_owed_by_.empty()) {
    const bool sealed = sequencer_->read([](const ledger::State& st) { return is_sealed_for_good(st); });
    if (!sealed) FK_CHECK(write_sealed(seal_owed_by_, "request"));
    seal_owed_by_.clear();
  }
  FK_CHECK(settle_collectors());
  return end_stale_unseal();
}

Result<SealStatus> Service::seal_status() const {
  const Instant now = parts_.clock.now();
  SealStatus out;
  out.clock_jumped = clock_jumped_;
  sequencer_->read([&](const ledger::State& st) {
    out.state = std::string(to_string(st.phase()));
    out.vault = st.genesis().vault;
    out.rehearsal = st.genesis().rehearsal;
    out.start_entry = st.start_entry();
    out.rotation = rotation_progress(st);
    if (const auto due = ledger::rotation_due(st, st.moment_at(now))) {
      const bool overdue = due->left_ms < 0;
      out.schedule = {st.current().rotate_days, due->at, !overdue && due->left_ms <= ledger::kDueSoon, overdue};
    }
    if (st.cards_since()) out.cards = ledger::card_year(*st.cards_since(), now.wall);
    if (const auto& recovery = st.recovery()) out.recovery = {recovery->entry, recovery->kind};
    if (st.ticket() && !ledger::why_ticket_is_over(st, st.moment_at(now))) out.ticket = st.ticket();
    // Of the cards that are being handed in: while new ones are untried, those before them may be.
    const bool before = st.shares_in().empty() && !st.shares_in(true).empty() && st.cards_before() != nullptr;
    for (const auto& g : before ? st.cards_before()->groups : st.current().groups) {
      const auto in = st.shares_in(before).find(g.id);
      const auto n = in == st.shares_in(before).end() ? 0 : in->second.size();
      out.groups.push_back({g.id, static_cast<std::uint32_t>(n), g.threshold});
    }
  });
  out.checkpoint = sequencer_->checkpoint();  // after the state: it covers the start event, or we say so below
  if (const auto h = sequencer_->halted()) {
    out.state = "halted";
    out.halt_reason = h->reason.message;
  }
  out.ticket_waits = out.ticket.has_value() && ticket_to_deposit().has_value();
  {
    const std::lock_guard lock(open_mutex_);
    if (open_) {
      out.templates_total = open_->templates_total;
      out.templates_loaded = open_->templates_loaded;
      out.templates_refused = open_->templates_refused;
      out.templates_ready = open_->ready() && budgets_.ready();
    } else if (out.state == "open") {
      out.state = "sealed";  // closed; the log is told as soon as it can be written
    }
  }
  FK_TRY(const Bytes leaf, sequencer_->entry(out.start_entry));
  out.start_event = std::string(as_chars(leaf));
  FK_TRY(const auto cp,
         sequencer_->read([&](const ledger::State& st) { return log::open_own_checkpoint(st, out.checkpoint); }));
  if (out.start_entry >= cp.size) {
    return make_problem(Errc::kUnavailable, "unavailable", "the checkpoint over this start is being signed",
                        "ask again in a moment");
  }
  FK_TRY(out.start_proof, sequencer_->inclusion(out.start_entry, cp.size));
  return out;
}

std::optional<SealStatus::Rotation> Service::rotation_progress(const ledger::State& st) const {
  const auto& rotation = st.rotation();
  if (!rotation) return std::nullopt;
  const std::uint64_t total = st.subjects().size();
  const bool all = rotation->upto == ledger::kAllRefs;
  return SealStatus::Rotation{rotation->from, rotation->to, all ? total : std::min(total, rotation_done_.load()), total,
                              rotation->cards_untried};
}

Service::Metrics Service::metrics() const {
  Metrics m;
  {
    const std::lock_guard lock(decisions_mutex_);
    m.decisions = decisions_;
  }
  const auto stats = engine_->stats();
  m.templates = stats.templates;
  m.arena_bytes = stats.bytes;
  const Instant now = parts_.clock.now();
  sequencer_->read([&](const ledger::State& st) {
    m.log_size = st.size();
    m.open = st.phase() == Phase::kOpen;
    m.rotation = rotation_progress(st);
    if (const auto due = ledger::rotation_due(st, st.moment_at(now))) m.rotation_due_ms = due->left_ms;
    m.reshare_due = st.recovery().has_value();
    m.in_doubt = st.in_doubt();
    for (const auto& [id, p] : st.proposals()) ++m.proposals[stage_at(st, p, st.moment_at(now))];
  });
  {
    const std::lock_guard lock(retries_mutex_);
    m.exports_failing = export_retries_.size();
  }
  m.rotation_left_behind = left_behind_;
  m.halted = sequencer_->halted().has_value();
  m.clock_jumped = clock_jumped_;
  m.alarms = budgets_.alarms();
  return m;
}

}  // namespace facekeep
