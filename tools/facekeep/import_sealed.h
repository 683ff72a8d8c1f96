// Imports a part of another vault's export (vault/export/FORMAT.md): opened with the recipient's key, in memory that is
// overwritten, and sent row by row with the consents that it has.
#pragma once

#include <string>
#include <vector>

#include "api/http/buffer.h"
#include "tools/common/say.h"
#include "tools/facekeep/context.h"

namespace facekeep::tools {

struct SealedImport {
  std::string path;           // a part
  std::string recipient_key;  // private key file
  std::string site;
};

// True for the name of a part of an export.
bool is_sealed_part(const std::string& path);

// The line of an export as a row of POST /v1/sites/{site}/enrolments: subject, consent, and each template with its
// model alone. kMalformed for what is no such line. Pure.
Result<http::CleansedBytes> enrolment_row(std::string_view line);

// Sends every row. Sending a part twice does no harm: who is there already stays as it is. Refused rows are reported
// by their numbers; kFailedPrecondition if all were.
Status import_sealed(Context& context, const SealedImport& options, Reporter& report);

}  // namespace facekeep::tools
