#include <algorithm>
#include <chrono>
#include <thread>

#include "api/handlers.h"
#include "api/vector_codec.h"
#include "vault/base/digest.h"

namespace facekeep::api {
namespace {

using Clock = std::chrono::steady_clock;
// A match answer leaves a whole number of these behind its request, so that its time does not say which subject was
// probed, how near it came, or whose budget was used up (design section 7). One tick has room for everything that
// differs between those: opening a record, refining candidates, taking a turn in the log. A busy disk or processor
// makes it two for everybody alike. Counted from the request, not from the clock: a client could place its request just
// before a tick of the clock and read off the microseconds. A smaller tick answers earlier and says more.
constexpr std::chrono::microseconds kAnswerTick{8000};
constexpr std::size_t kMaxRequestId = 64;

void wait_for_tick(Clock::time_point asked) {
  const auto ticks = (Clock::now() - asked) / kAnswerTick + 1;
  std::this_thread::sleep_until(asked + ticks * std::chrono::duration_cast<Clock::duration>(kAnswerTick));
}

Result<std::optional<std::string>> request_id(const http::Request& request) {
  const auto value = request.headers.find("request-id");
  if (!value) return std::optional<std::string>();
  const bool plain = std::all_of(value->begin(), value->end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
  if (!plain || value->empty() || value->size() > kMaxRequestId || request.headers.count("request-id") != 1) {
    return make_problem(Errc::kInvalidArgument, "bad-request-id", "the Request-Id header is not one well-formed id",
                        "send it once, 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'");
  }
  return std::optional<std::string>(*value);
}

Result<http::Response> match(ApiContext& api, const Call& call, bool identify) {
  const auto asked = Clock::now();
  FK_CHECK(check_query(call.request, {}));
  MatchCall in;
  FK_TRY(in.request_id, request_id(call.request));
  in.body_digest = sha256(ByteView(call.request.body.data(), call.request.body.size()));
  FK_TRY(const JsonView body, json_body(call.request));
  Fields fields(body, "the request body");
  in.door = fields.text("door");
  in.model = fields.text("model");
  if (!identify) in.subject = fields.text("subject", 4096);  // its own limit has its own problem
  const auto probe = fields.take("probe");
  FK_CHECK(fields.finish());
  FK_TRY(ProbeInput read, decode_probe(*probe));
  in.probe = std::move(read.vector.values);
  in.signed_probe = read.jws;

  auto answer = api.service.match(call.request.peer_spki, call.captured[0], std::move(in));
  wait_for_tick(asked);
  if (!answer) return std::move(answer).error();
  OrderedJson out = {{"decision", answer->decision}};
  if (answer->subject) out["subject"] = *answer->subject;
  out["entry"] = answer->entry;
  return json_response(out);
}

}  // namespace

Result<http::Response> verify(ApiContext& api, const Call& call) {
  return match(api, call, false);
}
Result<http::Response> identify(ApiContext& api, const Call& call) {
  return match(api, call, true);
}

Result<http::Response> challenge(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_CHECK(no_body(call.request));
  FK_TRY(const Challenge given, api.service.challenge(call.request.peer_spki, call.captured[0]));
  return json_response({{"nonce", to_base64url(given.nonce)}, {"until", format_time(given.until)}}, 201);
}

}  // namespace facekeep::api
