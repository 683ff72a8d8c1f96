// Refusals of the vault, as errors for the person at the command.
#pragma once

#include <string_view>

#include "tools/common/output.h"
#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::tools {

// The Error in a problem document (RFC 9457, api/openapi.yaml), its stable name in Error::problem. Bodies
// that are none give an Error that names the status. Total: any bytes.
Error problem_error(int status, ByteView body);
// The same for a row of a bulk answer: {"type","title","detail","hint"}; the status is not sent.
Error row_problem_error(const Json& problem);

// Ends a command badly: adds the hint that every error has, the problem's name (with --json), and the
// exit code.
int report_failure(Reporter& reporter, Error error);

}  // namespace facekeep::tools
