#include "vault/ledger/ticket_decide.h"

#include <algorithm>

#include "vault/ledger/proposal_decide.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::ledger {
namespace {

constexpr std::int64_t kHourMs = 3600LL * 1000;

Error no_ticket(std::string message,
                std::string hint = "custodians open the vault with their cards: `facekeep unseal`") {
  return make_problem(Errc::kFailedPrecondition, "no-ticket", std::move(message), std::move(hint));
}

Error not_of_the_box(std::string message) {
  return make_problem(Errc::kPermissionDenied, "not-of-the-box", std::move(message),
                      "a custodian of the box's group confirms: `facekeep box confirm`");
}

bool is_same(const TicketMade& a, const TicketMade& b) {
  return to_json(a) == to_json(b);
}

}  // namespace

std::optional<std::string> why_ticket_is_over(const State& state, const Moment& now) {
  const auto& ticket = state.ticket();
  if (!ticket) return std::nullopt;
  if (!ticket->over.empty()) return ticket->over;
  const TicketMade& made = ticket->made;
  // A clock that was set back brings no ticket back.
  const bool expired = std::max(now.wall, state.public_time()) >= made.expires || now.clock >= made.expires_clock;
  return expired ? std::optional<std::string>("expired") : std::nullopt;
}

Status check_ticket(const State& state, const Moment& now) {
  if (!state.ticket()) return no_ticket("the vault has no restart ticket");
  if (const auto why = why_ticket_is_over(state, now)) return no_ticket("the restart ticket is over: " + *why);
  if (state.start().program == state.ticket()->made.program) return {};
  return make_problem(Errc::kPermissionDenied, "other-program",
                      "another program runs than the one that people opened with their cards",
                      "custodians look at it, and open it with their cards: `facekeep unseal`");
}

Result<TicketMade> next_ticket(const State& state, const Moment& now) {
  const auto& policy = state.current().ticket;
  const auto& opened = state.opened_by_cards();
  if (!policy || !opened || state.phase() != Phase::kOpen) {
    return no_ticket("a ticket is made for a vault that was opened with cards while its policy was in force");
  }
  if (state.ticket()) return no_ticket("there is a ticket that is not ended");
  const std::int64_t lasts = policy->hours * kHourMs;
  TicketMade made;
  made.number = state.tickets() + 1;
  made.unsealed = opened->entry;
  made.program = state.start().program;
  made.expires = opened->at.wall + lasts;
  made.expires_clock = opened->at.clock + static_cast<std::uint64_t>(lasts);
  if (std::max(now.wall, state.public_time()) >= made.expires || now.clock >= made.expires_clock) {
    return no_ticket("its time would be over");
  }
  return made;
}

Status decide_ticket_made(const State& state, const TicketMade& made, const Moment& now) {
  FK_TRY(TicketMade allowed, next_ticket(state, now));
  allowed.opens_to = made.opens_to;
  allowed.half = made.half;
  return is_same(allowed, made) ? Status() : Status(no_ticket("a ticket of another number, opening, program or time"));
}

Restart restart_of(const State& state, UnixMillis time) {
  return {state.genesis().vault, state.ticket()->made.number, state.start_entry(),
          state.start().program, state.start().unseal_to,     time};
}

Status decide_ticket_used(const State& state, const TicketUsed& used, const Moment& now) {
  FK_CHECK(check_ticket(state, now));
  const Ticket& ticket = *state.ticket();
  if (used.number != ticket.made.number || used.time >= ticket.made.expires) {
    return no_ticket("this was confirmed for another ticket, or after its time");
  }
  const TicketBox& box = ticket.policy.box;
  std::string key = box.key;
  if (used.by == kBoxAsSigner) {
    if (!ticket.policy.unattended) return not_of_the_box("this ticket needs a person at the box");
  } else {
    FK_CHECK(check_custodian(state, used.by, now));
    if (used.by.substr(0, used.by.find('/')) != box.group) {
      return not_of_the_box("\"" + used.by + "\" is not of the box's group \"" + box.group + "\"");
    }
    key = state.principal(used.by)->approval_key;
  }
  FK_TRY(const std::string statement, restart_statement(restart_of(state, used.time)));
  const Status signed_so = verify_sshsig(used.signature, key, kRestartNamespace, as_bytes(statement));
  if (signed_so) return {};
  return make_problem(Errc::kPermissionDenied, "bad-signature",
                      "the confirmation does not verify: " + signed_so.error().message,
                      "confirm again; each start needs a confirmation of its own");
}

Status decide_ticket_ended(const State& state, const TicketEnded& ended, const Moment& now) {
  const auto why = why_ticket_is_over(state, now);
  if (why && state.ticket()->made.number == ended.number && *why == ended.reason) return {};
  return no_ticket("the end of a ticket that is not there, or did not end so");
}

}  // namespace facekeep::ledger
