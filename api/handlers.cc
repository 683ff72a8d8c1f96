#include "api/handlers.h"

#include <algorithm>

#include "vault/log/checkpoint.h"

namespace facekeep::api {

http::Response json_response(const OrderedJson& body, int status) {
  http::Response out;
  out.status = status;
  out.content_type = "application/json";
  // `replace`: a text that is not UTF-8 can't come from the service, and must not throw here if it does.
  out.body = to_bytes(body.dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
  out.headers.emplace_back("Cache-Control", "no-store");
  return out;
}

Result<JsonView> json_body(const http::Request& request) {
  return check_json(as_chars({request.body.data(), request.body.size()}));
}

Status add_receipt(ApiContext& api, std::uint64_t entry, OrderedJson& answer) {
  FK_TRY(const std::string receipt, api.service.sequencer().receipt(entry, log::Sequencer::Disclose::kOpening));
  answer["receipt"] = receipt;
  return {};
}

Result<std::uint64_t> number_segment(std::string_view text) {
  const auto number = log::parse_decimal_u64(text);
  if (number) return *number;
  return make_problem(Errc::kNotFound, "not-found", "the path does not end in a decimal number");
}

Status no_body(const http::Request& request) {
  if (request.body.empty()) return {};
  FK_TRY(const JsonView body, json_body(request));
  return Fields(body, "the request body").finish();
}

Status check_query(const http::Request& request, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : request.query) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    return make_problem(Errc::kInvalidArgument, "unknown-parameter",
                        "the query has a parameter that this call does not know",
                        "see /v1/openapi.yaml for the parameters of this call");
  }
  return {};
}

Result<std::uint64_t> number_parameter(const http::Request& request, const std::string& name,
                                       std::optional<std::uint64_t> fallback, std::uint64_t max) {
  const auto at = request.query.find(name);
  if (at == request.query.end()) {
    if (fallback) return *fallback;
    return make_problem(Errc::kInvalidArgument, "missing-parameter", "the query parameter \"" + name + "\" is missing");
  }
  const auto value = log::parse_decimal_u64(at->second);
  if (!value || *value > max) {
    return make_problem(Errc::kInvalidArgument, "bad-parameter",
                        "the query parameter \"" + name + "\" is not a number in its range",
                        "send decimal digits without leading zeros");
  }
  return *value;
}

}  // namespace facekeep::api
