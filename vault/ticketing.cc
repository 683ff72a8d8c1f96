#include "vault/ticketing.h"

#include <algorithm>

namespace facekeep {
namespace {

constexpr std::uint64_t kFirstBackoffMs = 1'000;
constexpr std::uint64_t kLongestBackoffMs = 15'000;  // a confirmed restart opens within a minute

Error bad_answer() {
  return make_error(Errc::kMalformed, "the box of restart tickets answered something else than it must",
                    "run the same version of facekeep at the box");
}

std::string text(const Json& o, const char* key) {
  return o.contains(key) && o[key].is_string() ? o[key].get<std::string>() : "";
}

}  // namespace

Status Ticketing::deposit(const Service::TicketDeposit& waiting) {
  FK_TRY(const Json box, send_(waiting.box, "/v1/box", std::nullopt));
  const auto key = from_hex_exact<32>(text(box, "seal_to"));
  if (!key) return bad_answer();
  FK_TRY(const Bytes half, service_.seal_deposit(waiting.place.number, *key));
  const Json body = {{"entry", waiting.place.entry},
                     {"half", to_base64(half)},
                     {"number", waiting.place.number},
                     {"vault", to_hex(waiting.place.vault)}};
  FK_CHECK(send_(waiting.box, "/v1/tickets", body));
  service_.deposited(waiting.place.number);
  return {};
}

Status Ticketing::ask(const Service::TicketAsk& ask) {
  const std::string vault =
      service_.sequencer().read([](const ledger::State& st) { return to_hex(st.genesis().vault); });
  const Json body = {{"number", ask.number}, {"start", ask.start_entry}, {"vault", vault}};
  FK_TRY(const Json answer, send_(ask.box, "/v1/restarts", body));
  const std::string state = text(answer, "state");
  if (state == "waiting") return {};
  const auto half = from_base64(text(answer, "half"));
  const auto time = parse_time(text(answer, "time"));
  if (state != "given" || !half || !time) return bad_answer();
  const ledger::TicketUsed used{ask.number, text(answer, "by"), *time, text(answer, "signature")};
  const auto opened = service_.open_with_ticket(used, *half);
  return opened ? Status() : Status(opened.error());
}

// By itself the box finds the end in the log, or by its own clock; so this is tried once.
void Ticketing::forget_ended() {
  const auto now = service_.sequencer().read([](const ledger::State& st) -> std::optional<Told> {
    if (!st.ticket()) return std::nullopt;
    return Told{st.ticket()->made.number, st.ticket()->policy.box};
  });
  if (live_ && (!now || now->number != live_->number)) over_ = live_;
  live_ = now;
  if (!over_) return;
  const std::string vault =
      service_.sequencer().read([](const ledger::State& st) { return to_hex(st.genesis().vault); });
  static_cast<void>(send_(over_->box, "/v1/endings", Json{{"number", over_->number}, {"vault", vault}}));
  over_.reset();
}

void Ticketing::note(const std::string& box, const Status& outcome) {
  if (outcome) {
    if (!trouble_.empty() && report_) report_(box, outcome);
    trouble_.clear();
    retry_.succeeded();
    return;
  }
  retry_.failed(clock_.now().uptime_ms, kFirstBackoffMs, kLongestBackoffMs);
  if (outcome.error().message != trouble_ && report_) report_(box, outcome);
  trouble_ = outcome.error().message;
}

void Ticketing::round() {
  if (service_.halted() || !retry_.is_due(clock_.now().uptime_ms)) return;
  forget_ended();
  if (const auto waiting = service_.ticket_to_deposit()) return note(waiting->box.name, deposit(*waiting));
  if (const auto due = service_.ticket_to_ask()) note(due->box.name, ask(*due));
}

}  // namespace facekeep
