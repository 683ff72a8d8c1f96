// The background of a rotation: rewrapping, then the end of the old keys. Each step can be done again: after a crash
// the log says which batch was the last, and what is destroyed is asked for before the log says that it is gone.
#include <future>

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
    return;
  }
  if (!rotation_seen_ || rotation_seen_->first != rotation->to) rotation_seen_ = {rotation->to, now};
  const auto vault = open_vault();
  if (!vault) return;
  const bool rewrapped = rotation->upto == ledger::kAllRefs;
  if (rewrapped && rotation->cards_untried) return;  // the old keys stay until the new cards have opened the vault
  if (rewrapped && now - rotation_seen_->second < kOldKeysLifeMs) return;
  rotating_ = true;
  rotator_ = std::thread([this, vault = *vault, rotation = *rotation, rewrapped]() mutable {
    const Status done = rewrapped ? retire_keys(*vault, rotation.from) : rewrap_subjects(*vault);
    const bool sealed = vault->closing || halted();
    vault.reset();  // sealing waits for it
    // It is tried again every second, and told when the reason is another one.
    const std::string why = done || sealed ? "" : done.error().message;
    if (!why.empty() && why != rotation_failure_ && options_.on_rotation_failed) {
      options_.on_rotation_failed(done.error());
    }
    rotation_failure_ = why;
    rotating_ = false;
  });
}

// What is needed for a batch behind `after`; without it, behind what the log has.
Result<Service::RewrapAhead> Service::rewrap_ahead(const OpenVault& vault, const std::optional<Id128>& after) const {
  RewrapAhead out;
  std::vector<std::string> sites;
  std::vector<RewrapSubject> subjects;
  const auto rotation = sequencer_->read([&](const State& st) {
    if (!st.rotation() || st.rotation()->upto == ledger::kAllRefs) return std::optional<State::Rotation>();
    for (const auto& s : st.current().sites) sites.push_back(s.id);
    subjects = next_to_rewrap(st.subjects(), after.value_or(st.rotation()->upto), options_.rewrap_batch);
    return st.rotation();
  });
  if (!rotation) return out;
  out.open = true;
  if (!subjects.empty()) out.reaches = subjects.back().ref;
  FK_TRY(out.batch, rewrap_batch(vault, parts_.store, sites, subjects, rotation->from, rotation->to));
  return out;
}

// While one batch is written the next is wrapped.
Status Service::rewrap_subjects(const OpenVault& vault) {
  FK_TRY(RewrapAhead now, rewrap_ahead(vault, {}));
  while (now.open && !vault.closing) {
    auto wrapping = std::async(std::launch::async, [&, reaches = now.reaches] { return rewrap_ahead(vault, reaches); });
    const auto written = sequencer_->submit([&](const Turn& turn) -> Result<Write> {
      FK_TRY(Write w, write_rewrap(turn, now.batch));
      w.after = [this, n = w.new_keys.size()] { rotation_done_ += n; };
      return w;
    });
    auto next = wrapping.get();
    if (!written) return written.error();
    const auto upto =
        sequencer_->read([](const State& st) { return st.rotation() ? st.rotation()->upto : ledger::kAllRefs; });
    if (upto == ledger::kAllRefs) return {};
    // Somebody came meanwhile, and the batch ended before: what was wrapped ahead is not what comes next.
    if (upto < now.reaches) next = rewrap_ahead(vault, {});
    FK_TRY(now, std::move(next));
  }
  return {};
}

// Everything that opens anything under the old root, in the order in which a way to open the vault is never missing:
// the new keys have been in force since proposal-done, and every subject is under them.
Status Service::retire_keys(OpenVault& vault, std::uint32_t from) {
  std::vector<Bytes> rows;
  FK_CHECK(parts_.store.scan(keys::prefix(keys::Kind::kSiteKey), {}, [&](ByteView row, ByteView) {
    const auto key = keys::parse_site_key(row);
    if (key && key->epoch <= from) rows.push_back(to_bytes(row));
    return true;
  }));
  const auto still = [from](const State& st) -> Status {
    const auto& rotation = st.rotation();
    const bool over = rotation && rotation->from == from && rotation->upto == ledger::kAllRefs;
    if (over && !rotation->cards_untried) return {};
    return make_error(Errc::kFailedPrecondition, "the old keys are not to be destroyed now");
  };
  FK_CHECK(sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(still(turn.state));
    FK_CHECK(ledger::require_open(turn.state));
    Write w;
    w.deletes = rows;
    return w;
  }));
  const Status gone = parts_.custody.destroy_root(from);
  if (!gone && gone.error().code != Errc::kNotFound) return gone;
  FK_TRY(const bool left, parts_.custody.has_root(from));
  if (left) {
    return make_error(Errc::kHsm, "the token still has the old root key after it was told to destroy it",
                      "the token does not do what it is told: look before you go on");
  }
  FK_CHECK(parts_.slots.retire(from));
  FK_CHECK(sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(still(turn.state));
    FK_CHECK(ledger::require_open(turn.state));
    Write w;
    w.drafts.push_back({ledger::KeysRetired{from}, {}});
    w.checkpoint = true;
    w.after = [&] { vault.drop(from); };
    return w;
  }));
  return {};
}

}  // namespace facekeep
