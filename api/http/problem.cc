#include "api/http/problem.h"

#include "vault/base/json.h"

namespace facekeep::http {
namespace {

std::string_view reason(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Internal Server Error";
  }
}

}  // namespace

std::string problem_json(const Problem& problem) {
  Json json = {{"type", "urn:facekeep:problem:" + problem.name}, {"title", problem.title}, {"status", problem.status}};
  if (!problem.detail.empty()) json["detail"] = problem.detail;
  if (!problem.hint.empty()) json["hint"] = problem.hint;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Response problem_response(const Problem& problem, std::vector<std::pair<std::string, std::string>> extra) {
  Response out;
  out.status = problem.status;
  out.content_type = kProblemContentType;
  out.body = to_bytes(problem_json(problem));
  out.headers = std::move(extra);
  return out;
}

Problem framing_problem(FramingError error) {
  switch (error) {
    case FramingError::kBadRequest:
      return {"bad-request", "The request is not well-formed HTTP/1.1", 400, "",
              "send one Content-Length or the chunked coding, CRLF line ends and a Host field"};
    case FramingError::kHeadTooLarge:
      return {"head-too-large", "The request line and header fields are over the limit", 431, "", "send fewer fields"};
    case FramingError::kBodyTooLarge:
      return {"body-too-large", "The request body is over the limit of this call", 413, "", "send less in one call"};
    case FramingError::kUnknownCoding:
      return {"unknown-transfer-coding", "Only the chunked transfer coding is supported", 501, "", ""};
    case FramingError::kUnknownVersion:
      return {"unknown-http-version", "Only HTTP/1.1 and HTTP/1.0 are spoken here", 505, "", ""};
    case FramingError::kUnknownExpect:
      return {"unknown-expectation", "Only the expectation 100-continue is supported", 417, "", ""};
    case FramingError::kContentEncoding:
      return {"unsupported-content-encoding", "Compressed request bodies are not accepted", 415, "",
              "send the body without Content-Encoding"};
  }
  return internal_problem();
}

Problem timeout_problem() {
  return {"request-timeout", "The request did not arrive in time", 408, "", "send the whole request at once"};
}
Problem overload_problem() {
  return {"overloaded", "The vault has more requests than it can answer now", 503, "", "try again in a moment"};
}
Problem slow_answer_problem() {
  return {"answer-timeout", "The vault did not answer in time", 503, "the request may or may not have taken effect",
          "send it again with the same Request-Id"};
}
Problem internal_problem() {
  return {"internal", "The vault failed to answer this request", 500, "", "look at the vault's journal"};
}
Problem not_tls_problem() {
  return {"not-tls", "This port speaks TLS, and the request was plain HTTP", 400, "", "use https://"};
}
Problem too_many_connections_problem() {
  return {"too-many-connections", "This key has too many open connections", 503, "", "reuse connections"};
}

std::string raw_response(const Problem& problem, bool close) {
  const std::string body = problem_json(problem);
  std::string out = "HTTP/1.1 " + std::to_string(problem.status) + " " + std::string(reason(problem.status)) + "\r\n";
  out += "Content-Type: " + std::string(kProblemContentType) + "\r\n";
  out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  if (problem.status == 503) out += "Retry-After: 1\r\n";
  if (close) out += "Connection: close\r\n";
  return out + "\r\n" + body;
}

}  // namespace facekeep::http
