// Findings as sentences, in the language of the run.
#pragma once

#include <string>

#include "tools/common/catalogue.h"
#include "vault/audit/finding.h"
#include "vault/base/json.h"

namespace facekeep::tools {

// The sentence, without the entry's number. Arguments come from the log: escape what is shown (Reporter does).
std::string sentence(Lang lang, const audit::Finding& finding);
std::string severity_text(Lang lang, audit::Severity severity);
// "error: entry 7: ...", for people.
std::string line_of(Lang lang, const audit::Finding& finding);
// {"severity","code","entry","text","args"}
Json to_json(Lang lang, const audit::Finding& finding);

}  // namespace facekeep::tools
