// The fold of restart tickets. What ends one is marked where it happens (end_ticket); `ticket-ended` follows, when the
// token's key is gone.
#include "vault/ledger/ticket_decide.h"

namespace facekeep::ledger {
namespace {

Status in_log(const Status& decision) {
  if (decision) return {};
  return make_error(Errc::kIntegrity, "the log has an event that its rules do not allow: " + decision.error().message);
}

}  // namespace

// The first reason stays.
void State::end_ticket(std::string_view reason) {
  opened_by_cards_.reset();
  if (ticket_ && ticket_->over.empty()) ticket_->over = reason;
}

// Precondition: current_ is as before.
void State::note_ticket_policy(const Genesis& next, bool other_keys) {
  if (next.ticket != current_->ticket) end_ticket("withdrawn");
  if (!other_keys || !ticket_ || !ticket_->over.empty()) return;
  ticket_->over = "keys";
}

Status State::apply_body(const TicketMade& e) {
  FK_CHECK(in_log(decide_ticket_made(*this, e, moment())));
  ticket_ = Ticket{e, size_, *current_->ticket, 0, {}};
  tickets_ = e.number;
  opened_by_cards_.reset();  // one for each opening
  return {};
}

// As an unseal does; but it renews nothing, and new cards stay untried.
Status State::apply_body(const TicketUsed& e) {
  FK_CHECK(in_log(decide_ticket_used(*this, e, moment())));
  ++ticket_->uses;
  clear_shares();
  return {};
}

Status State::apply_body(const TicketEnded& e) {
  FK_CHECK(in_log(decide_ticket_ended(*this, e, moment())));
  ticket_.reset();
  return {};
}

}  // namespace facekeep::ledger
