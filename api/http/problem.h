// RFC 9457 problem documents: how every refusal looks to a client.
//
// The `type` is stable ("urn:facekeep:problem:<name>") and is what programs compare; `title` and
// `detail` are sentences for a person. No field ever carries a secret, a score or what a stranger
// sent. The front's own refusals are listed here; those of the routes live with the routes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/framing.h"
#include "api/http/types.h"

namespace facekeep::http {

inline constexpr std::string_view kProblemContentType = "application/problem+json";

struct Problem {
  std::string name;   // "body-too-large": the last part of the type
  std::string title;  // the same for every occurrence
  int status = 500;
  std::string detail;  // this occurrence; may be empty
  std::string hint;    // what to do; may be empty
};

// JSON: {"type","title","status"[,"detail"][,"hint"]}. Text that is not UTF-8 is replaced.
std::string problem_json(const Problem& problem);
// With `extra` header fields, for example {"Retry-After", "1"}.
Response problem_response(const Problem& problem, std::vector<std::pair<std::string, std::string>> extra = {});

// What the front itself refuses.
Problem framing_problem(FramingError error);
Problem timeout_problem();               // 408: the request did not arrive in time
Problem overload_problem();              // 503: every worker is busy and the queue is full
Problem slow_answer_problem();           // 503: the answer took too long; whether it took effect is unknown
Problem internal_problem();              // 500
Problem not_tls_problem();               // 400: plain HTTP on a port that speaks TLS
Problem too_many_connections_problem();  // 503: the principal's other connections are all busy

// A whole HTTP/1.1 response, for answers that never reach the parser. 503 comes with Retry-After.
std::string raw_response(const Problem& problem, bool close);

}  // namespace facekeep::http
