// Dual control: proposals, votes, and one custodian's narrowing acts.
#include "api/handlers.h"

namespace facekeep::api {
namespace {

// A list of ids has no more than genesis has.
constexpr std::size_t kMaxNamed = ledger::kMaxPrincipals;

Error not_found() {
  return make_problem(Errc::kNotFound, "unknown-proposal", "there is no such proposal",
                      "GET /v1/proposals lists those that are open");
}

Result<Id128> id_segment(const std::string& text) {
  const auto id = from_hex_exact<16>(text);
  return id ? Result<Id128>(*id) : Result<Id128>(not_found());
}

// The events' own readers check form and limits; what they say of a request is the caller's mistake.
template <class T>
Result<T> of_request(Result<T> read, const char* problem = "bad-action") {
  if (read) return read;
  Error e = std::move(read).error();
  e.problem = problem;
  return e;
}

Result<ledger::Action> action_of(const JsonView& field) {
  FK_TRY(const Json asked, field.to_json());
  return of_request(ledger::action_from_json(asked));
}

Result<http::Response> written(ApiContext& api, std::uint64_t entry) {
  OrderedJson out = {{"entry", entry}};
  FK_CHECK(add_receipt(api, entry, out));
  return json_response(out);
}

OrderedJson moment_json(const ledger::Moment& m) {
  return {{"time", format_time(m.wall)}, {"clock", m.clock}};
}

Result<OrderedJson> to_json(const ProposalView& v) {
  const ledger::Proposal& p = v.proposal;
  FK_TRY(const std::string made, canonical_json(ledger::to_json(p.made)));
  OrderedJson out = {{"id", to_hex(p.made.id)},
                     {"entry", p.entry},
                     {"stage", std::string(to_string(v.stage))},
                     {"class", std::string(kind_of(p.made.action).action_class)},
                     {"proposal", made},
                     {"digest", to_hex(p.digest)},
                     {"rule_version", v.rule_version},
                     {"rule", OrderedJson(ledger::to_json(v.rule))},
                     {"approved", p.approved},
                     {"opened", moment_json(p.opened)}};
  if (p.complete) out["complete"] = moment_json(*p.complete);
  if (p.vetoed_by) out["vetoed_by"] = *p.vetoed_by;
  if (v.named > 0) out["named"] = v.named;
  if (v.names) out["names"] = OrderedJson(ledger::to_json(*v.names));
  return out;
}

Result<http::Response> answer(ApiContext& api, const VoteAnswer& a, int status = 200) {
  FK_TRY(OrderedJson proposal, to_json(a.proposal));
  OrderedJson out = {{"entry", a.entry}, {"proposal", std::move(proposal)}};
  FK_CHECK(add_receipt(api, a.entry, out));
  return json_response(out, status);
}

Result<http::Response> vote(ApiContext& api, const Call& call, ledger::Verb verb) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const Id128 id, id_segment(call.captured[0]));
  FK_TRY(const JsonView body, json_body(call.request));
  if (body.kind() != JsonView::Kind::kObject) {
    return make_problem(Errc::kMalformed, "wrong-type", "the request body is not a JSON object");
  }
  FK_TRY(Json sent, body.to_json());
  if (sent.contains("by") || sent.contains("proposal")) {
    return make_problem(Errc::kMalformed, "unknown-field",
                        "a vote is by the key of the connection, on the path's proposal");
  }
  sent["by"] = "";
  sent["proposal"] = to_hex(id);
  FK_TRY(ledger::Vote parsed, of_request(ledger::vote_from_json(sent, "the request body")));
  FK_TRY(const VoteAnswer a, api.service.vote(call.request.peer_spki, std::move(parsed), verb));
  return answer(api, a);
}

Result<std::vector<std::string>> names(const JsonView& list, const std::string& field, std::size_t max_bytes) {
  const auto wrong = [&] {
    return make_problem(Errc::kMalformed, "wrong-type",
                        "the field \"" + field + "\" is not a list of at most 1000 short texts");
  };
  if (list.kind() != JsonView::Kind::kArray) return wrong();
  std::vector<std::string> out;
  for (const JsonView& v : elements(list)) {
    if (v.kind() != JsonView::Kind::kString || out.size() == kMaxNamed) return wrong();
    FK_TRY(const Json name, v.to_json());
    out.push_back(name.get<std::string>());
    if (out.back().size() > max_bytes) return wrong();
  }
  return out;
}

}  // namespace

Result<http::Response> propose(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const JsonView body, json_body(call.request));
  Fields fields(body, "the request body");
  ledger::ProposalMade made;
  made.purpose = fields.text("purpose", ledger::kMaxSlug);
  const auto action = fields.take("action");
  const auto overrides = fields.take_optional("overrides");
  const auto listed = fields.take_optional("subjects");
  const auto named = fields.take_optional("names");
  FK_CHECK(fields.finish());
  FK_TRY(made.action, action_of(*action));
  ledger::PeopleNames people;
  if (named) {
    FK_TRY(const Json given, named->to_json());
    FK_TRY(people, of_request(ledger::people_names_from_json(given, "names"), "bad-names"));
  }
  if (overrides) {
    FK_TRY(const Json id, overrides->to_json());
    if (!id.is_string()) return not_found();
    FK_TRY(made.overrides, id_segment(id.get<std::string>()));
  }
  std::vector<std::string> subjects;
  if (listed) {
    FK_TRY(subjects, names(*listed, "subjects", ledger::kMaxSubjectId));
  }
  FK_TRY(const VoteAnswer a, api.service.propose(call.request.peer_spki, std::move(made), people, subjects));
  return answer(api, a, 201);
}

Result<http::Response> list_proposals(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const ProposalPage page, api.service.proposals(call.request.peer_spki));
  OrderedJson list = OrderedJson::array();
  for (const ProposalView& v : page.proposals) {
    FK_TRY(OrderedJson one, to_json(v));
    list.push_back(std::move(one));
  }
  return json_response(
      {{"vault", to_hex(page.vault)}, {"rule_version", page.rule_version}, {"proposals", std::move(list)}});
}

Result<http::Response> get_proposal(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const Id128 id, id_segment(call.captured[0]));
  FK_TRY(const ProposalView v, api.service.proposal(call.request.peer_spki, id));
  FK_TRY(const OrderedJson out, to_json(v));
  return json_response(out);
}

Result<http::Response> proposal_subjects(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const Id128 id, id_segment(call.captured[0]));
  FK_TRY(const auto named, api.service.export_subjects(call.request.peer_spki, id));
  return json_response({{"entry", named.entry}, {"subjects", named.subjects}, {"erased", named.erased}});
}

Result<http::Response> get_result(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const Id128 id, id_segment(call.captured[0]));
  FK_TRY(const ExportAnswer a, api.service.export_result(call.request.peer_spki, id));
  OrderedJson parts = OrderedJson::array();
  for (const auto& p : a.parts) parts.push_back({{"bytes", p.bytes}, {"digest", to_hex(p.digest)}});
  OrderedJson out = {{"entry", a.entry}, {"sealed_entry", a.sealed_entry}, {"manifest", a.manifest}, {"parts", parts}};
  FK_CHECK(add_receipt(api, a.entry, out));
  return json_response(out);
}

Result<http::Response> get_result_part(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {"from"}));
  FK_TRY(const Id128 id, id_segment(call.captured[0]));
  FK_TRY(const std::uint64_t part, number_segment(call.captured[1]));
  FK_TRY(const std::uint64_t from, number_parameter(call.request, "from", 0, ledger::kMaxExportPart));
  http::Response out;
  FK_TRY(out.body, api.service.export_part(call.request.peer_spki, id, part, from));
  out.content_type = "application/octet-stream";
  out.headers.emplace_back("Cache-Control", "no-store");
  return out;
}

Result<http::Response> approve(ApiContext& api, const Call& call) {
  return vote(api, call, ledger::Verb::kApprove);
}

Result<http::Response> veto(ApiContext& api, const Call& call) {
  return vote(api, call, ledger::Verb::kVeto);
}

Result<http::Response> withdraw(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_CHECK(no_body(call.request));
  FK_TRY(const Id128 id, id_segment(call.captured[0]));
  FK_TRY(const VoteAnswer a, api.service.withdraw(call.request.peer_spki, id));
  return answer(api, a);
}

Result<http::Response> revoke(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const JsonView body, json_body(call.request));
  Fields fields(body, "the request body");
  const auto list = fields.take("principals");
  const std::string reason = fields.text("reason", 16);
  FK_CHECK(fields.finish());
  FK_TRY(std::vector<std::string> principals, names(*list, "principals", 80));
  FK_TRY(const RevokeAnswer a, api.service.revoke(call.request.peer_spki, std::move(principals), reason));
  if (api.close_peer) {
    for (const Digest& key : a.keys) api.close_peer(key);
  }
  return written(api, a.entry);
}

Result<http::Response> suspend_custodian(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const JsonView body, json_body(call.request));
  Fields fields(body, "the request body");
  const std::string custodian = fields.text("custodian", 80);
  FK_CHECK(fields.finish());
  FK_TRY(const std::uint64_t entry, api.service.suspend_custodian(call.request.peer_spki, custodian));
  return written(api, entry);
}

Result<http::Response> acknowledge_alarms(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const JsonView body, json_body(call.request));
  Fields fields(body, "the request body");
  const auto field = fields.take("entry");
  FK_CHECK(fields.finish());
  FK_TRY(const Json entry, field->to_json());
  if (!entry.is_number_unsigned()) {
    return make_problem(Errc::kMalformed, "wrong-type", "the field \"entry\" is not the number of an entry");
  }
  FK_TRY(const std::uint64_t written_at,
         api.service.acknowledge_alarms(call.request.peer_spki, entry.get<std::uint64_t>()));
  return written(api, written_at);
}

Result<http::Response> tighten(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const JsonView body, json_body(call.request));
  Fields fields(body, "the request body");
  const auto action = fields.take("action");
  FK_CHECK(fields.finish());
  FK_TRY(ledger::Action asked, action_of(*action));
  FK_TRY(const std::uint64_t entry, api.service.tighten(call.request.peer_spki, std::move(asked)));
  return written(api, entry);
}

Result<http::Response> principals(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const auto all, api.service.principals(call.request.peer_spki));
  OrderedJson list = OrderedJson::array();
  for (const Registered& r : all) {
    list.push_back(
        {{"id", r.principal.id}, {"registered", r.entry}, {"principal", OrderedJson(ledger::to_json(r.principal))}});
  }
  return json_response({{"principals", std::move(list)}});
}

}  // namespace facekeep::api
