#include "tools/facekeep/box/box_client.h"

#include "api/http/url.h"
#include "tools/common/problems.h"
#include "vault/ledger/json_reader.h"

namespace facekeep::tools {

Result<Json> ask_box(const ledger::TicketBox& box, const Identity& identity, const std::string& path,
                     const std::optional<Json>& body) {
  const http::UrlParts url = http::split_url(box.url);
  http::ClientConfig c;
  c.url = url.origin;
  c.pins = {ledger::box_pin(box)};
  c.certificate = identity.cert.get();
  c.key = identity.key.get();
  FK_TRY(http::Client client, http::Client::create(c));
  const std::string text = body ? body->dump() : "";
  FK_TRY(const http::ClientResponse answer, client.request(body ? "POST" : "GET", url.prefix + path,
                                                           {{"Content-Type", "application/json"}}, as_bytes(text)));
  if (answer.status < 200 || answer.status >= 300) return problem_error(answer.status, answer.body);
  auto json = parse_json(as_chars(answer.body));
  if (json && json->is_object()) return json;
  return say_error(Errc::kInternal, "bad-answer", Msg::kCliBadAnswer, Msg::kCliBadAnswerHint, {path});
}

Result<std::optional<WaitingStart>> parse_waiting(const Json& answer) {
  if (!answer.contains("restart")) return std::optional<WaitingStart>();
  const std::string vault = answer.value("vault", Json("")).is_string() ? answer.value("vault", "") : "";
  FK_TRY(const Id128 id, from_hex_exact<16>(vault));
  ledger::ObjectReader r(answer["restart"], "restart that waits");
  WaitingStart out;
  out.restart.vault = id;
  out.restart.number = static_cast<std::uint32_t>(r.integer("number", 1, 4294967295));
  out.restart.start = static_cast<std::uint64_t>(r.integer("start", 0, 9007199254740991));
  out.restart.program = r.hex<32>("program");
  out.restart.unseal_to = r.hex<32>("unseal_to");
  out.version = r.text("version", 64);
  out.since = r.text("since", 64);
  out.confirmed = r.boolean("confirmed");
  FK_CHECK(r.finish());
  return std::optional(std::move(out));
}

}  // namespace facekeep::tools
