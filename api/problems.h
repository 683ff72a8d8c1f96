// Every problem that a route can answer with: one table, from an Error to an RFC 9457 document.
//
// The front's own refusals (framing, time, size) are in api/http/problem.h. A name that make_problem()
// gives anywhere in vault/, hsm/ or api/ must be in this table; tests/unit/api/problems_test.cc reads the
// sources and fails on a missing one, and on one that api/openapi.yaml does not name.
#pragma once

#include <span>
#include <string_view>

#include "api/http/problem.h"
#include "vault/base/result.h"

namespace facekeep::api {

struct ProblemKind {
  std::string_view name;
  int status;
  std::string_view title;  // a sentence, the same for every occurrence
  std::string_view sum;    // what it counts as in the log's sums (ledger::sum_kinds()); may be empty
  // False: the Error's own words stay in the daemon's log (they may name files and keys' places).
  bool show_detail;
};

// Sorted by name, each name once.
std::span<const ProblemKind> problem_kinds();

// The kind of an error: by its problem's name, else by its code. Total.
const ProblemKind& kind_of(const Error& error);

// Custodians are told why a vault halted (its words may name files, the token or a witness); others that it did.
enum class Audience : std::uint8_t { kAnyone, kCustodian };

http::Problem to_problem(const Error& error, Audience audience = Audience::kAnyone);
// With Retry-After where the status is 429 or 503.
http::Response to_response(const Error& error, Audience audience = Audience::kAnyone);

}  // namespace facekeep::api
