// The consent record that an operator gives for one subject, or as the template for many.
#pragma once

#include <string>

#include "vault/base/json.h"
#include "vault/base/result.h"

namespace facekeep::tools {

// Reads and checks a whole record (vault/subject/consent.h), so that a mistake is named before anything is
// sent. kNotFound, kMalformed, kInvalidArgument.
Result<Json> load_consent(const std::string& path);
// Checks `record`; the error names the field.
Status check_consent(const Json& record);

}  // namespace facekeep::tools
