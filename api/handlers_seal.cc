#include "api/handlers.h"
#include "api/openapi.h"
#include "api/problems.h"

namespace facekeep::api {
namespace {

OrderedJson to_json(const std::vector<SealStatus::Group>& groups) {
  OrderedJson out = OrderedJson::array();
  for (const auto& g : groups) out.push_back({{"id", g.id}, {"in", g.in}, {"threshold", g.threshold}});
  return out;
}

std::string phase_name(const ApiContext& api) {
  return std::string(api.service.sequencer().read([](const ledger::State& state) { return to_string(state.phase()); }));
}

}  // namespace

Result<http::Response> health(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  if (auto halt = api.service.halted()) {
    Error reason = std::move(halt->reason);
    reason.code = Errc::kHalted;
    reason.problem = "halted";
    return reason;
  }
  return json_response({{"status", "ok"}, {"state", phase_name(api)}});
}

Result<http::Response> seal_status(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const SealStatus s, api.service.seal_status());
  OrderedJson proof = OrderedJson::array();
  for (const Digest& hash : s.start_proof) proof.push_back(to_base64(hash));
  OrderedJson out = {{"state", s.state},
                     {"vault", to_hex(s.vault)},
                     {"rehearsal", s.rehearsal},
                     {"clock_jumped", s.clock_jumped},
                     {"groups", to_json(s.groups)},
                     {"templates",
                      {{"total", s.templates_total},
                       {"loaded", s.templates_loaded},
                       {"refused", s.templates_refused},
                       {"ready", s.templates_ready}}},
                     {"start", {{"entry", s.start_entry}, {"event", s.start_event}, {"proof", std::move(proof)}}},
                     {"checkpoint", s.checkpoint}};
  if (const auto& r = s.rotation) {
    out["rotation"] = {
        {"from", r->from}, {"to", r->to}, {"done", r->done}, {"total", r->total}, {"cards_untried", r->cards_untried}};
  }
  if (const auto& d = s.schedule) {
    out["schedule"] = {{"days", d->days}, {"due", format_time(d->due)}, {"soon", d->soon}, {"overdue", d->overdue}};
  }
  if (const auto& c = s.cards) {
    out["cards"] = {{"made", format_time(c->since)}, {"check", c->asks}, {"next", format_time(c->next)}};
  }
  if (const auto& r = s.recovery) out["recovered"] = {{"entry", r->entry}, {"kind", r->kind}};
  if (const auto& t = s.ticket) {
    out["ticket"] = {{"number", t->made.number},           {"expires", format_time(t->made.expires)},
                     {"box", t->policy.box.name},          {"group", t->policy.box.group},
                     {"unattended", t->policy.unattended}, {"delivered", !s.ticket_waits}};
  }
  return json_response(out);
}

Result<http::Response> unseal(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const JsonView body, json_body(call.request));
  Fields fields(body, "the request body");
  const std::string envelope = fields.text("share", 2048);  // sealed (HPKE)
  FK_CHECK(fields.finish());
  const auto sealed = from_base64(envelope);
  if (!sealed) {
    return make_problem(Errc::kMalformed, "bad-base64", "the share is not base64 (RFC 4648 section 4, with padding)",
                        "send it with `facekeep unseal`, which seals it to this start of the daemon");
  }
  FK_TRY(const UnsealProgress p, api.service.unseal(call.request.peer_spki, *sealed));
  OrderedJson out = {{"state", p.open ? "open" : "unsealing"},
                     {"group", p.group},
                     {"share", p.share},
                     {"groups", to_json(p.groups)},
                     {"entry", p.entry}};
  FK_CHECK(add_receipt(api, p.entry, out));
  return json_response(out);
}

Result<http::Response> seal(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_CHECK(no_body(call.request));
  FK_TRY(const std::uint64_t entry, api.service.seal(call.request.peer_spki));
  OrderedJson out = {{"state", "sealed"}, {"entry", entry}};
  FK_CHECK(add_receipt(api, entry, out));
  return json_response(out);
}

Result<http::Response> openapi(ApiContext&, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  http::Response out;
  out.content_type = "application/yaml";
  out.body = to_bytes(openapi_yaml());
  return out;
}

Result<http::Response> metrics(ApiContext& api, const Call& call) {
  if (api.metrics_at != call.request.listener) {
    return make_problem(Errc::kNotFound, "unknown-call", "metrics are not served here",
                        "the configuration's key metrics.listener chooses where");
  }
  http::Response out;
  out.content_type = "text/plain; version=0.0.4; charset=utf-8";
  const std::string state = api.service.halted() ? "halted" : phase_name(api);
  out.body = to_bytes(api.metrics.text(api.service.metrics(), state));
  return out;
}

}  // namespace facekeep::api
