// Writers and readers of restart tickets: the policy, the events, and the ticket of the state.
#include <algorithm>

#include "vault/ledger/json_reader.h"
#include "vault/ledger/sshsig.h"
#include "vault/ledger/ticket.h"
#include "vault/ledger/types.h"
#include "vault/ledger/witness.h"

namespace facekeep::ledger {
namespace {

constexpr std::int64_t kMaxNumber = 9007199254740991;  // 2^53 - 1
constexpr std::int64_t kMaxTicketNumber = 4294967295;  // the token's label and its blobs have 32 bits
constexpr std::size_t kMaxPrincipalId = kMaxSlug + 8;
constexpr std::size_t kMaxSignature = 4096;  // armoured, as of an approval

std::uint32_t read_number(ObjectReader& r) {
  return static_cast<std::uint32_t>(r.integer("number", 1, kMaxTicketNumber));
}

}  // namespace

Json to_json(const TicketPolicy& p) {
  Json j = {{"box", {{"group", p.box.group}, {"key", p.box.key}, {"name", p.box.name}, {"url", p.box.url}}},
            {"hours", p.hours}};
  if (p.unattended) j["unattended"] = true;
  return j;
}

Result<TicketPolicy> ticket_policy_from_json(const Json& json, const std::string& what) {
  ObjectReader r(json, what);
  TicketPolicy p;
  p.hours = static_cast<std::uint32_t>(r.integer("hours", 1, kMaxTicketHours));
  if (r.has("unattended")) {
    p.unattended = r.boolean("unattended");
    if (r.ok() && !p.unattended) r.fail("unattended is there and not true");
  }
  const Json& box = r.object("box");
  FK_CHECK(r.finish());
  ObjectReader b(box, "box of " + what);
  p.box = {b.slug("name"), b.slug("group"), b.text("url", kMaxWitnessUrl), b.text("key", kMaxSshKeyLine)};
  FK_CHECK(b.finish());
  FK_CHECK(check_ticket_policy(p));
  return p;
}

Json to_json(const TicketMade& e) {
  return {{"expires", format_time(e.expires)},
          {"expires_clock", e.expires_clock},
          {"half", to_hex(e.half)},
          {"number", e.number},
          {"opens_to", to_hex(e.opens_to)},
          {"program", to_hex(e.program)},
          {"unsealed", e.unsealed}};
}

Json to_json(const TicketUsed& e) {
  return {{"by", e.by}, {"number", e.number}, {"signature", e.signature}, {"time", format_time(e.time)}};
}

Json to_json(const TicketEnded& e) {
  return {{"number", e.number}, {"reason", e.reason}};
}

template <>
Result<TicketMade> ticket_event_from_json(const Json& j) {
  ObjectReader r(j, "ticket-made event");
  TicketMade e;
  e.number = read_number(r);
  e.unsealed = static_cast<std::uint64_t>(r.integer("unsealed", 0, kMaxNumber));
  e.program = r.hex<32>("program");
  e.expires = r.time("expires");
  e.expires_clock = static_cast<std::uint64_t>(r.integer("expires_clock", 0, kMaxNumber));
  e.opens_to = r.hex<32>("opens_to");
  e.half = r.hex<32>("half");
  FK_CHECK(r.finish());
  return e;
}

template <>
Result<TicketUsed> ticket_event_from_json(const Json& j) {
  ObjectReader r(j, "ticket-used event");
  TicketUsed e;
  e.number = read_number(r);
  e.by = r.text("by", kMaxPrincipalId);
  e.time = r.time("time");
  e.signature = r.text("signature", kMaxSignature);
  FK_CHECK(r.finish());
  return e;
}

template <>
Result<TicketEnded> ticket_event_from_json(const Json& j) {
  ObjectReader r(j, "ticket-ended event");
  TicketEnded e;
  e.number = read_number(r);
  e.reason = r.text("reason", 16);
  const auto& ends = ticket_ends();
  if (r.ok() && std::find(ends.begin(), ends.end(), e.reason) == ends.end()) {
    r.fail("reason has a value that is not in its list");
  }
  FK_CHECK(r.finish());
  return e;
}

Json to_json(const Ticket& t) {
  Json j = {{"entry", t.entry}, {"made", to_json(t.made)}, {"policy", to_json(t.policy)}, {"uses", t.uses}};
  if (!t.over.empty()) j["over"] = t.over;
  return j;
}

Result<Ticket> ticket_from_json(const Json& json) {
  ObjectReader r(json, "ticket of a state");
  Ticket t;
  t.entry = static_cast<std::uint64_t>(r.integer("entry", 0, kMaxNumber));
  t.uses = static_cast<std::uint64_t>(r.integer("uses", 0, kMaxNumber));
  if (r.has("over")) t.over = r.text("over", 16);
  const Json& made = r.object("made");
  const Json& policy = r.object("policy");
  FK_CHECK(r.finish());
  FK_TRY(t.made, ticket_event_from_json<TicketMade>(made));
  FK_TRY(t.policy, ticket_policy_from_json(policy, "policy of a ticket"));
  return t;
}

}  // namespace facekeep::ledger
