// Restart tickets: made behind an opening by cards, used by a restart, ended with their key in the token.
//
// Where a crash leaves one, the log says: before ticket-made a key in the token that the next one of its number
// replaces; from then on the ticket is there, though its other half may have been lost on the way to the box, and then
// it opens nothing; and once it is over, end_ticket() goes on until ticket-ended.
#include "vault/base/digest.h"
#include "vault/ledger/decide.h"
#include "vault/ledger/ticket_decide.h"
#include "vault/open_vault.h"
#include "vault/service.h"
#include "vault/store/keys.h"
#include "vault/ticket_row.h"

namespace facekeep {

using ledger::State;
using log::Turn;
using log::Write;
namespace keys = store::keys;

namespace {

// Each try writes into the token, whose memory wears; but the end of a ticket should not wait for long.
constexpr std::uint64_t kFirstRetryMs = 10'000;
constexpr std::uint64_t kLongestRetryMs = 60'000;

// Which keys there are, so that a change while a ticket is drawn is seen.
struct KeysInForce {
  std::uint32_t epoch = 0;
  bool rotating = false;
  std::vector<std::string> sites;
  friend bool operator==(const KeysInForce&, const KeysInForce&) = default;
};

KeysInForce keys_in_force(const State& st) {
  KeysInForce out{st.root_epoch(), st.rotation().has_value(), {}};
  for (const auto& s : st.current().sites) out.sites.push_back(s.id);
  return out;
}

// Every key that is open, of all its epochs, as the tokens wrapped it, sealed to the ticket's.
Result<std::vector<TicketRow::Key>> seal_open_keys(const OpenVault& vault, const KeysInForce& in_force,
                                                   const seal::X25519Public& to) {
  std::vector<TicketRow::Key> out;
  const auto add = [&](const std::string& name, const auto& all) -> Status {
    for (const auto& k : all) {
      FK_TRY(auto sealed, seal::seal_token_wraps({vault.vault(), name, k->epoch}, to, k->token_wraps));
      out.push_back({name, k->epoch, std::move(sealed)});
    }
    return {};
  };
  for (const auto& site : in_force.sites) FK_CHECK(add(site, vault.site(site).keys.all()));
  FK_CHECK(add(std::string(seal::kVaultKeyName), vault.people().all()));
  return out;
}

}  // namespace

void Service::note_ticket(const Status& done) {
  if (done) return ticket_retry_.succeeded();
  ticket_retry_.failed(parts_.clock.now().uptime_ms, kFirstRetryMs, kLongestRetryMs);
  if (options_.on_ticket_failed) options_.on_ticket_failed(done.error());
}

void Service::stop_tickets() {
  const std::lock_guard phase_lock(phase_mutex_);
  tickets_stopped_ = true;
}

void Service::make_ticket() {
  const Instant now = parts_.clock.now();
  if (!ticket_retry_.is_due(now.uptime_ms)) return;
  auto next = sequencer_->read([&](const State& st) { return ledger::next_ticket(st, st.moment_at(now)); });
  if (next) note_ticket(draw_ticket(std::move(*next)));
}

Status Service::draw_ticket(ledger::TicketMade made) {
  KeysInForce before;
  const Id128 id = sequencer_->read([&](const State& st) {
    before = keys_in_force(st);
    return st.genesis().vault;
  });
  const SecretBytes token_half = random_secret(seal::kTicketHalfSize);
  SecretBytes box_half = random_secret(seal::kTicketHalfSize);
  FK_TRY(const std::string terms, ledger::ticket_terms(made, id));
  FK_TRY(const auto key, seal::make_ticket_key(token_half.view(), box_half.view(), terms));
  made.opens_to = key.public_key;
  made.half = seal::half_commitment(box_half.view());
  FK_TRY(const bool left, parts_.custody.has_ticket_key(made.number));
  if (left) FK_CHECK(parts_.custody.destroy_ticket_key(made.number));
  FK_CHECK(parts_.custody.make_ticket_key(made.number));
  FK_TRY(const auto context, seal::token_half_context(id, made.number));
  TicketRow row;
  FK_TRY(row.half, parts_.custody.wrap_half(made.number, token_half.view(), context.view()));
  if (const auto vault = open_vault()) {  // not held while the token works, nor while the log is written: sealing waits
    FK_TRY(row.keys, seal_open_keys(**vault, before, key.public_key));
  } else {
    return {};  // sealed meanwhile; the token's key goes before the next one is made
  }
  FK_TRY(Bytes stored, format_ticket_row(row));
  const auto written = sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(ledger::decide_ticket_made(turn.state, made, turn.state.moment_at(turn.now)));
    if (keys_in_force(turn.state) != before) {
      return make_error(Errc::kConflict, "the keys changed while a restart ticket was being made; it is made anew");
    }
    Write w;
    w.drafts.push_back({made, {}});
    w.puts.push_back({keys::ticket(made.number), stored});
    w.checkpoint = true;
    w.after = [&, entry = turn.next_entry] {
      const std::lock_guard lock(deposit_mutex_);
      deposit_ = Deposit{{id, made.number, entry}, std::move(box_half)};
    };
    return w;
  });
  return written ? Status() : Status(written.error());
}

void Service::end_ticket() {
  const Instant now = parts_.clock.now();
  if (!ticket_retry_.is_due(now.uptime_ms)) return;
  std::uint32_t number = 0;
  const auto why = sequencer_->read([&](const State& st) {
    if (st.ticket()) number = st.ticket()->made.number;
    return ledger::why_ticket_is_over(st, st.moment_at(now));
  });
  if (why) note_ticket(destroy_ticket(number, *why));
}

// The token's key first: the entry says that it is gone.
Status Service::destroy_ticket(std::uint32_t number, const std::string& reason) {
  deposited(number);  // or never: the half that still waits is of no use
  FK_TRY(const bool there, parts_.custody.has_ticket_key(number));
  if (there) FK_CHECK(parts_.custody.destroy_ticket_key(number));
  const auto written = sequencer_->submit(
      [&](const Turn& turn) -> Result<Write> {
        const ledger::TicketEnded ended{number, reason};
        FK_CHECK(ledger::decide_ticket_ended(turn.state, ended, turn.state.moment_at(turn.now)));
        Write w;
        w.drafts.push_back({ended, {}});
        w.deletes.push_back(keys::ticket(number));
        w.checkpoint = true;
        return w;
      },
      store::Urgency::kNarrowing);
  return written ? Status() : Status(written.error());
}

std::optional<Service::TicketDeposit> Service::ticket_to_deposit() const {
  seal::HalfPlace place;
  {
    const std::lock_guard lock(deposit_mutex_);
    if (!deposit_) return std::nullopt;
    place = deposit_->place;
  }
  return sequencer_->read([&](const State& st) -> std::optional<TicketDeposit> {
    if (!st.ticket() || st.ticket()->made.number != place.number || !st.ticket()->over.empty()) return std::nullopt;
    return TicketDeposit{st.ticket()->policy.box, place};
  });
}

Result<Bytes> Service::seal_deposit(std::uint32_t number, const Digest& box_key) const {
  const std::lock_guard lock(deposit_mutex_);
  if (!deposit_ || deposit_->place.number != number) {
    return make_error(Errc::kNotFound, "no half of this restart ticket waits for its box");
  }
  return seal::seal_half(box_key, seal::HalfWay::kToBox, deposit_->place, deposit_->half.view());
}

void Service::deposited(std::uint32_t number) {
  const std::lock_guard lock(deposit_mutex_);
  if (deposit_ && deposit_->place.number == number) deposit_.reset();
}

std::optional<Service::TicketAsk> Service::ticket_to_ask() const {
  const Instant now = parts_.clock.now();
  return sequencer_->read([&](const State& st) -> std::optional<TicketAsk> {
    if (st.phase() != ledger::Phase::kSealed && st.phase() != ledger::Phase::kUnsealing) return std::nullopt;
    if (!ledger::check_ticket(st, st.moment_at(now))) return std::nullopt;
    return TicketAsk{st.ticket()->policy.box, st.ticket()->made.number, st.start_entry()};
  });
}

Result<std::uint64_t> Service::open_with_ticket(const ledger::TicketUsed& used, ByteView sealed_half) {
  const std::lock_guard phase_lock(phase_mutex_);
  if (tickets_stopped_) return make_error(Errc::kUnavailable, "the vault is stopping");
  FK_CHECK(settle_phase());
  const auto allowed = [&](const State& st, const Instant& now) -> Status {
    if (st.phase() == ledger::Phase::kOpen) {
      return make_problem(Errc::kFailedPrecondition, "already-open", "the vault is open; no ticket is needed");
    }
    return ledger::decide_ticket_used(st, used, st.moment_at(now));
  };
  const Instant now = parts_.clock.now();
  seal::HalfPlace place;
  ledger::TicketMade made;
  FK_CHECK(sequencer_->read([&](const State& st) -> Status {
    FK_CHECK(allowed(st, now));
    made = st.ticket()->made;
    place = {st.genesis().vault, made.number, st.start_entry()};
    return {};
  }));
  FK_TRY(const SecretBytes box_half, seal::open_half(unseal_private_, seal::HalfWay::kToVault, place, sealed_half));
  if (seal::half_commitment(box_half.view()) != made.half) {
    return make_error(Errc::kIntegrity, "the box gave another half than the one that the log names",
                      "open the vault with cards, and look who has the box");
  }
  FK_TRY(const auto stored, parts_.store.get(keys::ticket(made.number)));
  if (!stored) {
    return make_error(Errc::kIntegrity, "what the restart ticket opens is missing from the database",
                      "open the vault with cards");
  }
  FK_TRY(const TicketRow row, parse_ticket_row(*stored));
  FK_TRY(const auto context, seal::token_half_context(place.vault, made.number));
  std::shared_ptr<OpenVault> opened;
  {
    // The ticket's key lives in this block only.
    FK_TRY(const SecretBytes token_half, parts_.custody.unwrap_half(made.number, row.half, context.view()));
    FK_TRY(const std::string terms, ledger::ticket_terms(made, place.vault));
    FK_TRY(const auto key, seal::make_ticket_key(token_half.view(), box_half.view(), terms));
    const StoredKeys lookup = [&](const std::string& name,
                                  std::uint32_t epoch) -> Result<std::optional<seal::SealedSiteKey>> {
      const auto* found = row.find(name, epoch);
      return found == nullptr ? std::nullopt : std::optional(*found);
    };
    FK_CHECK(open_keys(key.private_key, lookup, false, opened));
  }
  bool durable = false;
  std::uint64_t entry = 0;
  const auto written = sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(allowed(turn.state, turn.now));
    Write w;
    w.drafts.push_back({used, {}});
    w.checkpoint = true;
    entry = turn.next_entry;
    // In log order with a seal that may follow at once, as an unseal by cards.
    w.after = [&] {
      const std::lock_guard open_lock(open_mutex_);
      open_ = opened;
      durable = true;
    };
    return w;
  });
  if (durable) end_unsealing(opened, entry);
  return written ? Result<std::uint64_t>(entry) : Result<std::uint64_t>(written.error());
}

}  // namespace facekeep
