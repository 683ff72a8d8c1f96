// Governance acts in words, in the language of the run.
#pragma once

#include <string>

#include "tools/common/catalogue.h"
#include "vault/audit/statistics.h"
#include "vault/base/json.h"

namespace facekeep::tools {

// What was done: "vault opened". The type itself where the catalogue has no words for it.
std::string act_name(Lang lang, const std::string& type);
// A kind of refusal that the log has as a sum: "calls by a wrong role". The kind itself where there are no words.
std::string refusal_name(Lang lang, const std::string& kind);
// One line: when, which entry, what, by whom, and the facts. Names and reasons come from the log: escape what is shown.
std::string act_line(Lang lang, const audit::Act& act);
// {"entry","time","type","people","facts","text"}
Json to_json(Lang lang, const audit::Act& act);

}  // namespace facekeep::tools
