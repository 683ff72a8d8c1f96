// The handlers of the route table: plain functions that decode a request, call the service and encode its
// answer. They decide nothing; who may call is checked before them (dispatch.cc) and again by the service.
#pragma once

#include "api/context.h"
#include "api/json_fields.h"

namespace facekeep::api {

// handlers_match.cc
Result<http::Response> verify(ApiContext& api, const Call& call);
Result<http::Response> identify(ApiContext& api, const Call& call);
Result<http::Response> challenge(ApiContext& api, const Call& call);

// handlers_enrol.cc
Result<http::Response> put_subject(ApiContext& api, const Call& call);
Result<http::Response> add_template(ApiContext& api, const Call& call);
Result<http::Response> enrol(ApiContext& api, const Call& call);
Result<http::Response> erase(ApiContext& api, const Call& call);

// handlers_read.cc
Result<http::Response> me(ApiContext& api, const Call& call);
Result<http::Response> list_subjects(ApiContext& api, const Call& call);
Result<http::Response> get_subject(ApiContext& api, const Call& call);
Result<http::Response> changes(ApiContext& api, const Call& call);

// handlers_seal.cc
Result<http::Response> health(ApiContext& api, const Call& call);
Result<http::Response> seal_status(ApiContext& api, const Call& call);
Result<http::Response> unseal(ApiContext& api, const Call& call);
Result<http::Response> seal(ApiContext& api, const Call& call);
Result<http::Response> openapi(ApiContext& api, const Call& call);
Result<http::Response> metrics(ApiContext& api, const Call& call);

// handlers_log.cc
Result<http::Response> checkpoint(ApiContext& api, const Call& call);
Result<http::Response> tile(ApiContext& api, const Call& call);
Result<http::Response> entries(ApiContext& api, const Call& call);
Result<http::Response> inclusion_proof(ApiContext& api, const Call& call);
Result<http::Response> consistency_proof(ApiContext& api, const Call& call);
Result<http::Response> entry_proof(ApiContext& api, const Call& call);
Result<http::Response> cosigned(ApiContext& api, const Call& call);
Result<http::Response> handover(ApiContext& api, const Call& call);
Result<http::Response> witnesses(ApiContext& api, const Call& call);

// handlers_audit.cc
Result<http::Response> openings(ApiContext& api, const Call& call);
Result<http::Response> people(ApiContext& api, const Call& call);

// handlers_backup.cc
Result<http::Response> begin_backup(ApiContext& api, const Call& call);
Result<http::Response> get_backup(ApiContext& api, const Call& call);
Result<http::Response> get_backup_piece(ApiContext& api, const Call& call);

// handlers_propose.cc
Result<http::Response> propose(ApiContext& api, const Call& call);
Result<http::Response> list_proposals(ApiContext& api, const Call& call);
Result<http::Response> get_proposal(ApiContext& api, const Call& call);
Result<http::Response> proposal_subjects(ApiContext& api, const Call& call);
Result<http::Response> get_result(ApiContext& api, const Call& call);
Result<http::Response> get_result_part(ApiContext& api, const Call& call);
Result<http::Response> approve(ApiContext& api, const Call& call);
Result<http::Response> veto(ApiContext& api, const Call& call);
Result<http::Response> withdraw(ApiContext& api, const Call& call);
Result<http::Response> revoke(ApiContext& api, const Call& call);
Result<http::Response> suspend_custodian(ApiContext& api, const Call& call);
Result<http::Response> acknowledge_alarms(ApiContext& api, const Call& call);
Result<http::Response> tighten(ApiContext& api, const Call& call);
Result<http::Response> principals(ApiContext& api, const Call& call);

// What the groups share (handlers.cc).

// Objects are written in the order in which their fields were added.
using OrderedJson = nlohmann::ordered_json;
http::Response json_response(const OrderedJson& body, int status = 200);

// The body as one JSON object. Views the request.
Result<JsonView> json_body(const http::Request& request);
// Adds the member "receipt": the tlog-proof of the entry that the call wrote, with the opening of a private one.
Status add_receipt(ApiContext& api, std::uint64_t entry, OrderedJson& answer);
// Checks that the body is empty, or an object without fields.
Status no_body(const http::Request& request);

// "unknown-parameter" unless every parameter of the query is one of these.
Status check_query(const http::Request& request, std::initializer_list<std::string_view> known);
// A decimal number as a log writes it: no sign, no leading zeros. "not-found" otherwise.
Result<std::uint64_t> number_segment(std::string_view text);
// "missing-parameter" without a `fallback`; "bad-parameter" unless decimal and at most `max`.
Result<std::uint64_t> number_parameter(const http::Request& request, const std::string& name,
                                       std::optional<std::uint64_t> fallback = std::nullopt,
                                       std::uint64_t max = UINT64_MAX);

}  // namespace facekeep::api
