// The background of a rotation: rewrapping, then the end of the old keys. Each step can be done again: after a crash
// the log says which batch was the last, and what is destroyed is asked for before the log says that it is gone.
#include <algorithm>
#include <functional>
#include <utility>

#include "vault/base/thread.h"
#include "vault/known_people.h"
#include "vault/ledger/decide.h"
#include "vault/open_vault.h"
#include "vault/rewrap.h"
#include "vault/service.h"
#include "vault/site_rows.h"
#include "vault/store/keys.h"

namespace facekeep {

using ledger::State;
using log::Turn;
using log::Write;
namespace keys = store::keys;

namespace {

// What requests left in the log under the old index keys (Request-Ids, nonces of signed probes) is looked for as long.
constexpr std::uint64_t kOldKeysLifeMs = 60'000;
static_assert(kOldKeysLifeMs >= kRequestIdLife && kOldKeysLifeMs >= probe::kNonceLife);
// So long the old keys wait, while the vault is open, for somebody to repair stored keys that do not open.
constexpr std::uint64_t kRepairMs = 24ULL * 3600 * 1000;
constexpr std::uint64_t kLookAgainMs = 600'000;
constexpr std::size_t kPage = 8192;  // subjects looked at under the state's lock

// Everybody is rewrapped, the cards of a re-share have opened the vault, and the old keys are still there.
Status may_end(const State& st, std::uint32_t from) {
  FK_CHECK(ledger::require_open(st));
  const auto& rotation = st.rotation();
  const bool over = rotation && rotation->from == from && rotation->upto == ledger::kAllRefs;
  if (over && !rotation->cards_untried) return {};
  return make_error(Errc::kFailedPrecondition, "the old keys are not to be destroyed now");
}

Error left_behind(std::size_t n) {
  return make_error(Errc::kIntegrity,
                    std::to_string(n) + " stored keys or records do not open and could not be moved under the new keys",
                    "the old keys wait until the vault was open for a day: `facekeepd check` names whose they are; "
                    "erase these people "
                    "and enrol them anew, or put the old files back");
}

std::vector<std::string> site_ids(const State& st) {
  std::vector<std::string> out;
  for (const auto& s : st.current().sites) out.push_back(s.id);
  return out;
}

}  // namespace

void Service::join_rotator() {
  const std::lock_guard lock(rotator_mutex_);
  if (rotator_.joinable()) rotator_.join();
}

// Keeper's thread. The old keys go at a tick that found everything rewrapped, never at the one that wrote the last
// batch.
void Service::run_rotation() {
  const std::uint64_t now = parts_.clock.now().uptime_ms;
  const std::lock_guard lock(rotator_mutex_);
  if (rotating_) return;
  if (rotator_.joinable()) rotator_.join();
  const auto rotation = sequencer_->read([](const State& st) { return st.rotation(); });
  if (!rotation) {
    rotation_seen_.reset();
    unindexed_.clear();
    rotation_not_before_ms_ = 0;
    left_behind_ = 0;
    left_wait_ = {};
    all_moved_at_ms_.reset();
    return;
  }
  if (!rotation_seen_ || rotation_seen_->first != rotation->to) rotation_seen_ = {rotation->to, now};
  const auto vault = open_vault();
  if (!vault) return;
  if (left_behind_ > 0) left_wait_.run(*vault, now);
  const bool rewrapped = rotation->upto == ledger::kAllRefs;
  if (rewrapped && rotation->cards_untried) return;  // the old keys stay until the new cards have opened the vault
  const std::uint64_t age = now - rotation_seen_->second;
  if (rewrapped && (age < kOldKeysLifeMs || now < rotation_not_before_ms_)) return;
  if (rewrapped && !(*vault)->ready()) return;  // the galleries that load tell whose records do not open
  rotating_ = true;
  const auto work = [this, vault = *vault, from = rotation->from, rewrapped]() mutable {
    const std::weak_ptr<OpenVault> held = vault;
    const Status done = rewrapped ? end_rotation(std::move(vault), from) : rewrap_subjects(*vault);
    vault.reset();  // sealing waits for it
    if (done) {
      rotation_failure_.clear();
    } else if (const auto still = held.lock(); still && !still->closing && !halted()) {
      note_rotation(done.error());
    }
    rotating_ = false;
  };
  if (!start_thread(rotator_, work)) rotating_ = false;  // at the next tick
}

// It is tried again every second, and told when the reason is another one.
void Service::note_rotation(const Error& why) {
  if (why.message != rotation_failure_ && options_.on_rotation_failed) options_.on_rotation_failed(why);
  rotation_failure_ = why.message;
}

// What is needed for a batch behind `after`; without it, behind what the log has.
Result<Service::RewrapAhead> Service::rewrap_ahead(const OpenVault& vault, const std::optional<Id128>& after) const {
  RewrapAhead out;
  std::vector<std::string> sites;
  std::vector<RewrapSubject> subjects;
  const auto rotation = sequencer_->read([&](const State& st) {
    if (!st.rotation() || st.rotation()->upto == ledger::kAllRefs) return std::optional<State::Rotation>();
    sites = site_ids(st);
    subjects = next_to_rewrap(st.subjects(), after.value_or(st.rotation()->upto), options_.rewrap_batch);
    return st.rotation();
  });
  if (!rotation) return out;
  out.open = true;
  if (!subjects.empty()) out.reaches = subjects.back().ref;
  const auto look = [&](const std::vector<RewrapSubject>& at) {
    return rewrap_batch(vault, parts_.store, sites, at, rotation->from, rotation->to);
  };
  // The state names people before their keys and rows are on disk: what is not there may only not be there yet.
  const std::uint64_t on_disk = sequencer_->durable_size();
  if (std::ranges::any_of(subjects, [&](const auto& s) { return s.state.entry >= on_disk; })) FK_CHECK(settle_log());
  FK_TRY(out.batch, look(subjects));
  std::vector<std::size_t> places;
  std::vector<RewrapSubject> doubtful;
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    if (out.batch[i].key && out.batch[i].tags) continue;
    places.push_back(i);
    doubtful.push_back(subjects[i]);
  }
  if (doubtful.empty()) return out;
  FK_CHECK(settle_log());
  FK_TRY(auto again, look(doubtful));
  for (std::size_t i = 0; i < places.size(); ++i) out.batch[places[i]] = std::move(again[i]);
  return out;
}

// While one batch is written the next is wrapped.
Status Service::rewrap_subjects(const OpenVault& vault) {
  FK_TRY(RewrapAhead now, rewrap_ahead(vault, {}));
  while (now.open && !vault.closing) {
    Result<RewrapAhead> next = RewrapAhead{};
    const auto wrap_next = [&, reaches = now.reaches] { next = rewrap_ahead(vault, reaches); };
    std::thread beside;
    const bool started = start_thread(beside, wrap_next);
    const auto written = sequencer_->submit([&](const Turn& turn) -> Result<Write> {
      FK_TRY(Write w, write_rewrap(turn, now.batch));
      w.after = [this, n = w.new_keys.size()] { rotation_done_ += n; };
      return w;
    });
    if (started) {
      beside.join();
    } else if (written) {
      wrap_next();
    }
    if (!written) return written.error();
    for (const Rewrap& r : now.batch) {
      if (!r.tags) unindexed_.insert(r.ref);
    }
    const auto upto =
        sequencer_->read([](const State& st) { return st.rotation() ? st.rotation()->upto : ledger::kAllRefs; });
    if (upto == ledger::kAllRefs) return {};
    // Somebody came meanwhile, and the batch ended before: what was wrapped ahead is not what comes next.
    if (upto < now.reaches) next = rewrap_ahead(vault, {});
    FK_TRY(now, std::move(next));
  }
  return {};
}

namespace {

// Whose key is not whole in the slots of `to`, of what the log had before `size`, page by page; and everybody of
// `besides`.
std::vector<RewrapSubject> not_moved(const log::Sequencer& sequencer, const std::function<bool(std::uint32_t)>& whole,
                                     const std::set<Id128>& besides, std::uint64_t size) {
  std::vector<RewrapSubject> out;
  std::optional<Id128> last;
  for (bool more = true; more;) {
    more = sequencer.read([&](const State& st) {
      auto it = last ? st.subjects().upper_bound(*last) : st.subjects().begin();
      for (std::size_t n = 0; it != st.subjects().end() && n < kPage; ++it, ++n) {
        const bool missing = it->second.entry < size && !whole(it->second.slot);
        if (missing || besides.contains(it->first)) out.push_back({it->first, it->second});
        last = it->first;
      }
      return it != st.subjects().end();
    });
  }
  return out;
}

}  // namespace

void Service::LeftWait::run(const std::shared_ptr<OpenVault>& vault, std::uint64_t now) {
  if (with_.lock() == vault) ran_ms_ += now - seen_ms_;
  with_ = vault;
  seen_ms_ = now;
}

bool Service::LeftWait::is_over() const {
  return ran_ms_ >= kRepairMs;
}

// A key that did not open when its turn came is in the old slot files alone, and whose record did not is found under
// the old index key alone: somebody may have repaired them since. A slot that the new files have damaged is no key.
Result<std::size_t> Service::rewrap_left_behind(OpenVault& vault) {
  const std::uint64_t size = sequencer_->read([](const State& st) { return st.size(); });
  FK_CHECK(settle_log());  // all that entries before `size` brought is on disk
  const std::uint32_t to = sequencer_->read([](const State& st) { return st.root_epoch(); });
  FK_TRY(const seal::SlotGenerations::Census census, parts_.slots.census(to));
  const auto whole = [&](std::uint32_t slot) { return slot < census.whole.size() && census.whole[slot]; };
  unindexed_.merge(vault.take_unread());
  const std::vector<RewrapSubject> subjects =
      not_moved(*sequencer_, whole, std::exchange(unindexed_, std::set<Id128>()), size);
  std::vector<std::string> sites;
  std::map<State::PeriodId, State::PeriodKeyState> periods;
  const auto rotation = sequencer_->read([&](const State& st) {
    sites = site_ids(st);
    for (const auto& [id, k] : st.period_keys()) {
      if (k.entry < size && !whole(k.slot)) periods.emplace(id, k);
    }
    return st.rotation();
  });
  if (!rotation || (subjects.empty() && periods.empty())) return std::size_t{0};
  // A process before has deleted their rows: whoever was left behind then had the time.
  if (!vault.people().of(rotation->from)) return std::size_t{0};
  FK_TRY(auto batch, rewrap_batch(vault, parts_.store, sites, subjects, rotation->from, rotation->to));
  FK_TRY(const auto period_keys, rewrap_period_keys(vault, periods, size, rotation->to));
  std::size_t left = periods.size() - period_keys.size();
  FK_CHECK(sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(may_end(turn.state, rotation->from));
    Write w;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      Rewrap& r = batch[i];
      if (turn.state.subject(r.ref) == nullptr) continue;
      if (!r.key || !r.tags) ++left;
      if (!r.tags) unindexed_.insert(r.ref);
      if (whole(subjects[i].state.slot)) r.key.reset();  // it is in its slot; a used one takes no other
      add_rewrap(w, std::move(r));
    }
    for (const auto& [id, slot] : period_keys) {
      const auto k = turn.state.period_keys().find(id);
      if (k != turn.state.period_keys().end() && k->second.entry == periods.at(id).entry) w.new_keys.push_back(slot);
    }
    // In log order, where these slots still are whose they were. The old files have what goes there.
    std::vector<std::uint32_t> again;
    for (const auto& k : w.new_keys) {
      if (census.damaged.contains(k.slot)) again.push_back(k.slot);
    }
    if (!again.empty()) FK_CHECK(parts_.slots.erase(to, again));
    return w;
  }));
  return left;
}

namespace {

// What the next unseal will ask, of the new keys alone: the old ones do not go while it would refuse.
Status check_next_unseal(const OpenVault& vault, const store::Store& store, seal::SlotGenerations& slots,
                         const log::Sequencer& sequencer) {
  std::vector<KnownPerson> known;
  std::vector<std::string> sites;
  const std::uint32_t to = sequencer.read([&](const State& st) {
    known = longest_enrolled(st);
    sites = site_ids(st);
    return st.root_epoch();
  });
  OpenVault next(vault.vault(), store, slots, vault.people().of(to));
  for (const std::string& site : sites) FK_CHECK(next.add_site(site, vault.site(site).keys.of(to)));
  FK_TRY(const std::size_t lost, count_lost(next, known));
  return check_lost(
      lost, known.size(), "the new keys",
      "without the old keys no unseal would open the vault: while it is open, erase the people whose keys "
      "do not open and enrol them anew, or put the old files back");
}

}  // namespace

// What is left behind is told, and waits for somebody who repairs it as long as the vault is open for a day.
Status Service::end_rotation(std::shared_ptr<OpenVault> vault, std::uint32_t from) {
  const std::uint64_t now = parts_.clock.now().uptime_ms;
  // A token that is away is asked again every second, and every slot read again now and then.
  if (!all_moved_at_ms_ || now - *all_moved_at_ms_ >= kLookAgainMs) {
    all_moved_at_ms_.reset();
    FK_TRY(const std::size_t left, rewrap_left_behind(*vault));
    if (left > left_behind_) left_wait_ = {};  // somebody else: the whole time
    left_behind_ = left;
    if (left > 0 && !left_wait_.is_over()) {
      rotation_not_before_ms_ = now + kLookAgainMs;
      return left_behind(left);
    }
    if (left > 0) {
      rotation_not_before_ms_ = now + kLookAgainMs;
      FK_CHECK(check_next_unseal(*vault, parts_.store, parts_.slots, *sequencer_));
      rotation_not_before_ms_ = 0;
    }
    all_moved_at_ms_ = now;
  }
  // The token may take its time: sealing does not wait for it.
  const std::weak_ptr<OpenVault> held = vault;
  vault.reset();
  FK_CHECK(retire_keys(held, from));
  if (left_behind_ > 0) {
    note_rotation(make_error(Errc::kIntegrity,
                             std::to_string(left_behind_) + " stored keys or records that did not open for a day were "
                                                            "lost with the old keys",
                             "`facekeepd check` names whose they were: erase these people and enrol them anew"));
  }
  return {};
}

// Everything that opens anything under the old root, in the order in which a way to open the vault is never missing:
// the new keys have been in force since proposal-done, and every subject is under them.
Status Service::retire_keys(const std::weak_ptr<OpenVault>& vault, std::uint32_t from) {
  const auto go_on = [&]() -> Status {
    const auto open = vault.lock();
    return open && !open->closing ? Status()
                                  : Status(make_problem(Errc::kSealed, "sealed", "the vault is being sealed"));
  };
  std::vector<Bytes> rows;
  FK_CHECK(parts_.store.scan(keys::prefix(keys::Kind::kSiteKey), {}, [&](ByteView row, ByteView) {
    const auto key = keys::parse_site_key(row);
    const bool goes = key && (key->epoch <= from || key->kind == keys::SiteKeyKind::kMainBefore);
    if (goes) rows.push_back(to_bytes(row));
    return true;
  }));
  // Nobody can destroy what a lost token has: its end hangs on that of the old cards.
  const bool lost = sequencer_->read([&](const State& st) { return st.lost_roots().contains(from); });
  FK_TRY(bool there, parts_.custody.has_root(from));
  // The rows go before the root does: while they are here, nobody but somebody else has taken it.
  if (!there && !lost && !rows.empty()) {
    return make_error(Errc::kIntegrity, "the token does not have the old root key, which nobody has destroyed",
                      "somebody gave it another name, or took it: look in the token before you trust that old copies "
                      "open no more; the rotation ends when the key is there to be destroyed");
  }
  FK_CHECK(go_on());
  if (!rows.empty()) {
    FK_CHECK(sequencer_->submit([&](const Turn& turn) -> Result<Write> {
      FK_CHECK(may_end(turn.state, from));
      Write w;
      w.deletes = rows;
      return w;
    }));
    FK_CHECK(go_on());
  }
  if (there) FK_CHECK(parts_.custody.destroy_root(from));
  FK_TRY(there, parts_.custody.has_root(from));
  if (there) {
    return make_error(Errc::kHsm, "the token still has the old root key after it was told to destroy it",
                      "the token does not do what it is told: look before you go on");
  }
  FK_CHECK(go_on());
  FK_CHECK(parts_.slots.retire(from));
  FK_CHECK(sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(may_end(turn.state, from));
    Write w;
    w.drafts.push_back({ledger::KeysRetired{from, lost}, {}});
    w.checkpoint = true;
    w.after = [&] {
      if (const auto open = vault.lock()) open->drop(from);
    };
    return w;
  }));
  return {};
}

}  // namespace facekeep
