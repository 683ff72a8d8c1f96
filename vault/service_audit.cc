// What auditors are given: the openings of private entries. And what the vault asks of its witnesses.
#include "vault/ledger/decide.h"
#include "vault/log/sequencer/access_opening.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/open_vault.h"
#include "vault/service.h"
#include "vault/store/keys.h"

namespace facekeep {

using ledger::Role;
using log::Turn;
using log::Write;
namespace keys = store::keys;

namespace {

Opening missing(std::uint64_t entry, const char* why) {
  return {entry, {}, why};
}

Opening in_clear(std::uint64_t entry, ByteView salt_and_event) {
  return {entry, concat(Bytes{log::kOpeningClear}, salt_and_event), {}};
}

}  // namespace

Status Service::log_openings_read(const Digest& spki, ledger::OpeningsRead event) {
  const Instant now = parts_.clock.now();
  FK_TRY(const std::string by, sequencer_->read([&](const ledger::State& st) -> Result<std::string> {
    FK_TRY(const auto* p, ledger::authorise(st, spki, Role::kAuditor, now.wall));
    return p->id;
  }));
  if (!reads_.take(by, now.uptime_ms)) {
    return make_problem(Errc::kExhausted, "too-many-reads",
                        "this auditor has read too many bundles without a pause: each is in the log for ever",
                        "read on more slowly: " + std::to_string(options_.reads_per_second) + " a second");
  }
  const auto written = sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_TRY(const auto* p, ledger::authorise(turn.state, spki, Role::kAuditor, turn.now.wall));
    event.by = p->id;
    // A seal may have come since the caller saw the vault open.
    FK_CHECK(ledger::decide_openings_read(turn.state, event));
    Write w;
    w.drafts.push_back({event, {}});
    return w;
  });
  return written ? Status() : Status(written.error());
}

Result<std::vector<Opening>> Service::openings(const Digest& spki, std::uint64_t bundle) {
  const UnixMillis now = parts_.clock.now().wall;
  FK_CHECK(sequencer_->read([&](const ledger::State& st) -> Status {
    const auto p = ledger::authorise(st, spki, Role::kAuditor, now);
    return p ? Status() : Status(p.error());
  }));
  const std::uint64_t size = sequencer_->published_size();
  if (size == 0 || bundle > (size - 1) / ledger::kBundleEntries) {
    return make_problem(Errc::kNotFound, "not-found", "the published checkpoint has no entries in that bundle",
                        "fetch /checkpoint: it says how many entries there are");
  }
  FK_CHECK(log_openings_read(spki, {"", "bundle", bundle}));
  const auto vault = open_vault();  // an error: sealed
  std::vector<Opening> out;
  const std::uint64_t first = bundle * ledger::kBundleEntries;
  for (std::uint64_t entry = first; entry < std::min(size, first + ledger::kBundleEntries); ++entry) {
    FK_TRY(Opening o, opening_of(entry, vault ? vault->get() : nullptr));
    if (!o.opening.empty() || !o.missing.empty()) out.push_back(std::move(o));
  }
  return out;
}

// Neither opening nor reason: a governance entry.
Result<Opening> Service::opening_of(std::uint64_t entry, OpenVault* vault) const {
  FK_TRY(const Bytes bytes, sequencer_->entry(entry));
  FK_TRY(const ledger::Leaf leaf, ledger::decode_leaf(as_chars(bytes)));
  const auto* hidden = std::get_if<ledger::PrivateLeaf>(&leaf);
  if (hidden == nullptr) return Opening{entry, {}, {}};
  FK_TRY(auto stored, parts_.store.get(keys::opening(entry)));
  if (!stored) {
    const bool lost = sequencer_->read([&](const ledger::State& st) { return log::is_behind_backup(st, entry); });
    return missing(entry, lost ? "lost" : "damaged");
  }
  if (hidden->event_class == ledger::EventClass::kAccess) {
    return open_access_entry(entry, hidden->commitment, *stored, vault);
  }
  if (!log::open_custody(*hidden, *stored)) return missing(entry, "damaged");
  return Opening{entry, std::move(*stored), {}};
}

Result<Opening> Service::open_access_entry(std::uint64_t entry, const Digest& commitment, ByteView stored,
                                           OpenVault* vault) const {
  const auto header = log::parse_access_opening(stored);
  if (!header) return missing(entry, "damaged");
  const ledger::State::PeriodId id{"access", header->site, header->period};
  struct Month {
    ledger::State::PeriodKeyState key;
    std::uint64_t size = 0;
    bool exists = false;
    bool destroyed = false;
  };
  const Month month = sequencer_->read([&](const ledger::State& st) {
    const auto it = st.period_keys().find(id);
    Month m{{}, st.size(), false, st.period_was_destroyed(id, entry)};
    // A month may get a second key after its first was destroyed: a clock was set back.
    if (it != st.period_keys().end() && it->second.entry < entry) m.key = it->second, m.exists = true;
    return m;
  });
  // Nothing authenticates the month that is stored: a destruction that the log does not have is no excuse.
  if (!month.exists) return missing(entry, month.destroyed ? "destroyed" : "damaged");
  if (vault == nullptr) return missing(entry, "sealed");
  const auto key = vault->period_key(id, month.key, month.size);
  if (!key) return missing(entry, "damaged");
  const auto plain = log::open_access_bytes(**key, vault->vault(), *header, entry, commitment);
  return plain ? in_clear(entry, plain->view()) : missing(entry, "damaged");
}

Status Service::require_witnesses() const {
  const bool closed = sequencer_->read([](const ledger::State& st) {
    const auto& w = st.current().witnesses;
    return w && w->on_missing == ledger::OnMissing::kClosed;
  });
  if (!closed) return {};
  const std::uint64_t at = witnessed_at_ms_;
  const std::uint64_t now = parts_.clock.now().uptime_ms + 1;
  if (at != 0 && now - std::min(at, now) <= static_cast<std::uint64_t>(options_.witness_max_age_ms)) return {};
  return make_problem(Errc::kUnavailable, "witnesses-missing", "too few of the log's witnesses were heard for too long",
                      "check that the vault reaches its witnesses; the journal names those that fail");
}

}  // namespace facekeep
