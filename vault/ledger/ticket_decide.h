// Decisions about restart tickets. Pure; the daemon and the box call them when something is asked, and the fold calls
// them for every event: what they refuse can stand in no log.
#pragma once

#include <optional>

#include "vault/ledger/state.h"

namespace facekeep::ledger {

// Why the state's ticket opens nothing at that moment, of ticket_ends(); nothing while it may, or where there is none.
// It expires on the faster of the two clocks.
std::optional<std::string> why_ticket_is_over(const State& state, const Moment& now);

// "no-ticket" (none, or over), with the reason; "other-program": what runs is not what ran at the opening by cards.
// Does not ask for the phase, so that the box may ask it too.
Status check_ticket(const State& state, const Moment& now);

// The ticket that may be made now, without what is drawn for it: numbered, bound to the opening by cards of this start.
// "no-ticket": no policy, not open, or not by cards, or one was made or is not ended.
Result<TicketMade> next_ticket(const State& state, const Moment& now);
Status decide_ticket_made(const State& state, const TicketMade& made, const Moment& now);

// The restart that a confirmation at `time` is for: of the last start. Precondition: state.ticket().
Restart restart_of(const State& state, UnixMillis time);
// May this confirmation open the last start? "no-ticket", "other-program"; "not-of-the-box" (no custodian of its group
// who counts; the box itself without the flag); "bad-signature".
Status decide_ticket_used(const State& state, const TicketUsed& used, const Moment& now);

// "no-ticket": there is none of this number, or it did not end for that reason.
Status decide_ticket_ended(const State& state, const TicketEnded& ended, const Moment& now);

}  // namespace facekeep::ledger
