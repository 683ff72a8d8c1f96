#include "tools/facekeep/box/box.h"

#include <algorithm>

#include "tools/common/sshsig_sign.h"
#include "tools/facekeep/start_witness.h"
#include "vault/base/problem.h"
#include "vault/ledger/json_reader.h"
#include "vault/ledger/proposal_decide.h"
#include "vault/ledger/ticket_decide.h"
#include "vault/seal/ticket_key.h"

namespace facekeep::tools {
namespace {

constexpr std::int64_t kHourMs = 3600LL * 1000;
constexpr std::int64_t kMaxEntry = 9007199254740991;
constexpr std::int64_t kMaxNumber = 4294967295;

Error no_ticket(Msg why, std::initializer_list<std::string_view> args = {}) {
  return say_error(Errc::kFailedPrecondition, "no-ticket", why, Msg::kBoxUseCards, args);
}

// Fields that every request of the vault has; a ticket of another vault is none of this box's.
struct AboutTicket {
  std::uint32_t number = 0;
  std::uint64_t entry = 0;  // of ticket-made, or of the start
};
Result<AboutTicket> read_about(ledger::ObjectReader& r, const Id128& vault, const char* entry) {
  AboutTicket out;
  const Id128 named = r.hex<16>("vault");
  out.number = static_cast<std::uint32_t>(r.integer("number", 1, kMaxNumber));
  if (entry != nullptr) out.entry = static_cast<std::uint64_t>(r.integer(entry, 0, kMaxEntry));
  FK_CHECK(r.finish());
  if (named != vault) return no_ticket(Msg::kBoxOtherVault);
  return out;
}

}  // namespace

Box::Box(const Context& context, Notice notice, const std::string& dir, BoxIdentity identity, const Clock& clock,
         Tell tell)
    : context_(context.out, context.err),
      notice_(std::move(notice)),
      identity_(std::move(identity)),
      clock_(clock),
      tell_(std::move(tell)),
      seal_to_(seal::generate_hpke_key_pair()),
      shelf_(dir) {
  context_.lang = context.lang;
  context_.json = true;  // no progress bars between the box's own lines
  context_.memory_path = dir + "/memory";
}

Result<std::unique_ptr<Box>> Box::open(const Context& context, Notice notice, const std::string& dir,
                                       BoxIdentity identity, const Clock& clock, Tell tell) {
  std::unique_ptr<Box> out(new Box(context, std::move(notice), dir, std::move(identity), clock, std::move(tell)));
  FK_TRY(out->kept_, out->shelf_.kept());
  if (out->kept_ && out->kept_->vault != out->notice_.vault) return no_ticket(Msg::kBoxOtherVault);
  return out;
}

bool Box::may_connect(const Digest& spki) const {
  const auto& pins = notice_.server_pins;
  if (std::find(pins.begin(), pins.end(), spki) != pins.end()) return true;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return true;  // the log is being read: a request is checked by its own content
  if (!seen_) return false;
  const ledger::PrincipalRecord* p = seen_->state.principal_by_key(spki, clock_.now().wall);
  return p != nullptr && p->role == ledger::Role::kCustodian;
}

ledger::Moment Box::now() const {
  return {clock_.now().wall, seen_->state.log_clock()};
}

bool Box::is_kept(std::uint32_t number) const {
  return kept_ && kept_->number == number;
}

Status Box::forget(Msg why) {
  const std::string number = std::to_string(kept_->number);
  FK_CHECK(shelf_.forget());
  kept_.reset();
  waiting_.reset();
  confirmed_.reset();
  tell_(why, {number});
  return {};
}

// By the box's own clock first, which asks nobody.
Status Box::forget_if_over() {
  if (!kept_) return {};
  const UnixMillis wall = clock_.now().wall;
  if (wall < kept_->received || wall >= kept_->received + kept_->hours * kHourMs) return forget(Msg::kBoxExpired);
  if (!seen_ || seen_->state.size() <= kept_->entry) return {};
  const auto& ticket = seen_->state.ticket();
  if (!ticket || ticket->made.number != kept_->number) return forget(Msg::kBoxEnded);
  const auto why = ledger::why_ticket_is_over(seen_->state, now());
  if (!why) return {};
  return forget(*why == "seal" ? Msg::kBoxSealed : *why == "program" ? Msg::kBoxOtherProgram : Msg::kBoxEnded);
}

Status Box::look_now() {
  FK_CHECK(forget_if_over());
  if (!api_) {
    FK_TRY(api_, VaultApi::connect_public(notice_));
  }
  FK_TRY(FoldedVault seen, fold_vault_now(context_, notice_, *api_));
  seen_ = std::move(seen);
  const ledger::State& state = seen_->state;
  const bool open = state.phase() == ledger::Phase::kOpen;
  if (waiting_ && (open || waiting_->restart.start != state.start_entry())) {
    waiting_.reset();
    confirmed_.reset();
  }
  return forget_if_over();
}

Status Box::look() {
  const std::lock_guard lock(mutex_);
  return look_now();
}

Json Box::describe() const {
  const std::lock_guard lock(mutex_);
  Json out = {{"name", identity_.box.name},
              {"group", identity_.box.group},
              {"seal_to", to_hex(seal_to_.public_key)},
              {"vault", to_hex(notice_.vault)}};
  if (seen_) out["log_size"] = seen_->state.size();
  if (kept_) out["ticket"] = {{"number", kept_->number}, {"received", format_time(kept_->received)}};
  if (waiting_) {
    const ledger::Restart& r = waiting_->restart;
    out["restart"] = {{"number", r.number},
                      {"start", r.start},
                      {"program", to_hex(r.program)},
                      {"unseal_to", to_hex(r.unseal_to)},
                      {"version", waiting_->version},
                      {"since", format_time(waiting_->since)},
                      {"confirmed", confirmed_.has_value()}};
  }
  return out;
}

Result<Json> Box::deposit(const Json& request) {
  const std::lock_guard lock(mutex_);
  ledger::ObjectReader r(request, "deposit");
  const auto sealed = from_base64(r.text("half", 1024));
  if (!sealed) r.fail("half is not base64");
  FK_TRY(const AboutTicket about, read_about(r, notice_.vault, "entry"));
  FK_TRY(const SecretBytes half, seal::open_half(seal_to_.private_key, seal::HalfWay::kToBox,
                                                 {notice_.vault, about.number, about.entry}, *sealed));
  FK_CHECK(look_now());
  // The log has to say so: number, entry, this box, and the digest of this half.
  const auto& ticket = seen_->state.ticket();
  const bool ours = ticket && ticket->made.number == about.number && ticket->entry == about.entry &&
                    ticket->policy.box.key == identity_.box.key &&
                    ticket->made.half == seal::half_commitment(half.view());
  if (!ours) return no_ticket(Msg::kBoxNotInLog);
  FK_CHECK(ledger::check_ticket(seen_->state, now()));
  // Told twice, it keeps the time of the first.
  if (!is_kept(about.number)) {
    const KeptTicket kept{notice_.vault, about.number, about.entry, ticket->policy.hours, clock_.now().wall};
    FK_CHECK(shelf_.keep(kept, half));
    kept_ = kept;
    tell_(Msg::kBoxKeeps, {std::to_string(about.number), format_time(ticket->made.expires)});
  }
  return Json{{"state", "kept"}};
}

// Nothing while nobody has confirmed. Precondition: waiting_, and the log as it is now.
Result<ledger::TicketUsed> Box::confirmation() {
  if (confirmed_) {
    FK_CHECK(ledger::decide_ticket_used(seen_->state, *confirmed_, now()));
    return *confirmed_;
  }
  if (!seen_->state.ticket()->policy.unattended) {
    return say_error(Errc::kNotFound, "waiting", Msg::kBoxWaits, Msg::kBoxWaitsHint);
  }
  ledger::Restart restart = waiting_->restart;
  restart.time = clock_.now().wall;
  FK_TRY(const std::string statement, ledger::restart_statement(restart));
  FK_TRY(const Bytes blob, make_sshsig(identity_.key.get(), ledger::kRestartNamespace, as_bytes(statement)));
  return ledger::TicketUsed{restart.number, std::string(ledger::kBoxAsSigner), restart.time,
                            ledger::armor_sshsig(blob)};
}

Result<Json> Box::restart(const Json& request) {
  const std::lock_guard lock(mutex_);
  ledger::ObjectReader r(request, "restart");
  FK_TRY(const AboutTicket about, read_about(r, notice_.vault, "start"));
  FK_CHECK(look_now());
  if (!is_kept(about.number)) return no_ticket(Msg::kBoxKeepsNone, {std::to_string(about.number)});
  const ledger::State& state = seen_->state;
  FK_CHECK(check_last_start(state, seen_->checked.start));
  FK_CHECK(ledger::check_ticket(state, now()));
  if (state.phase() == ledger::Phase::kOpen || about.entry != state.start_entry()) {
    return say_error(Errc::kConflict, "other-start", Msg::kBoxOtherStart, Msg::kBoxOtherStartHint);
  }
  if (!waiting_) {
    waiting_ = Waiting{ledger::restart_of(state, 0), state.start().version, clock_.now().wall};
    tell_(Msg::kBoxAsked, {std::to_string(about.entry), state.start().version, to_hex(state.start().program)});
  }
  const auto used = confirmation();
  if (!used && is_problem(used.error(), "waiting")) return Json{{"state", "waiting"}};
  if (!used) {
    confirmed_.reset();  // of somebody who does not count any more
    return used.error();
  }
  FK_TRY(const SecretBytes half, shelf_.half());
  FK_TRY(const Bytes sealed, seal::seal_half(state.start().unseal_to, seal::HalfWay::kToVault,
                                             {notice_.vault, about.number, about.entry}, half.view()));
  tell_(Msg::kBoxGave, {std::to_string(about.number), std::to_string(about.entry), used->by});
  return Json{{"state", "given"},
              {"by", used->by},
              {"time", format_time(used->time)},
              {"signature", used->signature},
              {"half", to_base64(sealed)}};
}

// Anybody who may connect could say so; so the log has to say it, too.
Result<Json> Box::end(const Json& request) {
  const std::lock_guard lock(mutex_);
  ledger::ObjectReader r(request, "end of a ticket");
  FK_CHECK(read_about(r, notice_.vault, nullptr));
  FK_CHECK(look_now());
  return Json{{"state", kept_ ? "kept" : "forgotten"}};
}

Result<Json> Box::confirm(const Digest& spki, const Json& request) {
  const std::lock_guard lock(mutex_);
  ledger::ObjectReader r(request, "confirmation");
  ledger::TicketUsed used;
  used.number = static_cast<std::uint32_t>(r.integer("number", 1, kMaxNumber));
  const auto start = static_cast<std::uint64_t>(r.integer("start", 0, kMaxEntry));
  used.time = r.time("time");
  used.signature = r.text("signature", ledger::kMaxSshSigArmor);
  FK_CHECK(r.finish());
  FK_CHECK(look_now());
  if (!waiting_ || waiting_->restart.start != start) {
    return say_error(Errc::kConflict, "other-start", Msg::kBoxNothingWaits, Msg::kBoxOtherStartHint);
  }
  const ledger::PrincipalRecord* p = seen_->state.principal_by_key(spki, clock_.now().wall);
  if (p != nullptr) used.by = p->id;
  FK_CHECK(ledger::decide_ticket_used(seen_->state, used, now()));
  confirmed_ = used;
  tell_(Msg::kBoxConfirmed, {std::to_string(start), used.by});
  return Json{{"state", "confirmed"}, {"by", used.by}};
}

}  // namespace facekeep::tools
