// A new log-signing key: made in the token, named by the entry that carries the proposal out, signed in by the key
// before (vault/log/sequencer/log_keys.cc).
#include <algorithm>

#include "vault/ledger/decide.h"
#include "vault/ledger/proposal_decide.h"
#include "vault/log/note.h"
#include "vault/service.h"

namespace facekeep {

using ledger::State;
using log::Turn;
using log::Write;

namespace {

Status may_carry_out(const State& st, const Id128& id, const Instant& now) {
  FK_CHECK(decide_carry_out(st, id, st.moment_at(now)));
  return ledger::require_open(st);
}

// Every log key that the log has named, and the name that the next one has.
struct KeysSoFar {
  std::string origin;
  std::vector<std::string> vkeys;
};

KeysSoFar keys_so_far(const State& st) {
  KeysSoFar out{st.current().origin, {st.genesis().log_key}};
  for (const State::Handover& h : st.handovers()) out.vkeys.push_back(h.to);
  return out;
}

// Public halves that the log never named: made by an attempt that a crash or an error ended. One that it named may
// still have a handover to sign.
Result<std::vector<Bytes>> never_used(Custody& custody, const std::vector<std::string>& named) {
  std::vector<Bytes> known;
  for (const std::string& vkey : named) {
    FK_TRY(log::VerifierKey key, log::parse_vkey(vkey));
    known.push_back(std::move(key.public_key));
  }
  FK_TRY(const auto present, custody.log_keys());
  std::vector<Bytes> out;
  for (const LogPublicKey& key : present) {
    if (std::find(known.begin(), known.end(), key.bytes) == known.end()) out.push_back(key.bytes);
  }
  return out;
}

}  // namespace

Status Service::change_log_key(const Id128& id) {
  const std::lock_guard one(key_change_mutex_);
  const Instant now = parts_.clock.now();
  FK_CHECK(sequencer_->read([&](const State& st) { return may_carry_out(st, id, now); }));
  if (!key_change_retry_.is_due(now.uptime_ms)) {
    return make_error(Errc::kUnavailable, "new keys are made again some time after a try that failed");
  }
  const KeysSoFar before = sequencer_->read(keys_so_far);  // no other entry names one
  std::optional<Bytes> made;
  bool durable = false;
  const Status done = [&]() -> Status {
    FK_CHECK(parts_.store.check());  // room for its entry, before a key is made
    FK_TRY(const auto left, never_used(parts_.custody, before.vkeys));
    for (const Bytes& key : left) FK_CHECK(parts_.custody.destroy_log_key(key));
    FK_TRY(const LogPublicKey key, parts_.custody.make_log_key());
    made = key.bytes;
    FK_TRY(const log::VerifierKey vkey,
           log::make_verifier_key(before.origin, static_cast<log::SignatureType>(key.type), key.bytes));
    ledger::ProposalDone event{id};
    event.log_key = format_vkey(vkey);
    FK_CHECK(sequencer_->submit([&](const Turn& turn) -> Result<Write> {
      FK_CHECK(may_carry_out(turn.state, id, turn.now));
      Write w;
      w.drafts.push_back({event, {}});
      w.checkpoint = true;
      w.after = [&] { durable = true; };
      return w;
    }));
    return {};
  }();
  note_key_change(done, durable);
  // After a failed commit nobody knows what the log has: that halt is for good, and nothing is destroyed.
  const auto halt = halted();
  if (!done && !durable && made && !(halt && halt->fatal)) {
    static_cast<void>(parts_.custody.destroy_log_key(*made));
  }
  return done;
}

}  // namespace facekeep
