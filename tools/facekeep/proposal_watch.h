// facekeep proposals --watch: what custodians did, as the log says it, each act once.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "tools/common/catalogue.h"
#include "tools/facekeep/context.h"
#include "vault/ledger/event.h"

namespace facekeep::tools {

// One act of dual control in words, or nothing for an event of another kind. Others wrote parts of it: escape it
// before a person sees it. Pure.
std::optional<std::string> describe_act(Lang lang, std::uint64_t entry, const ledger::Event& event);

// Shows each act that came since the last watch on this machine (at the first: from the log's head on), until `stopped`
// says so after a pause. At every look the log must continue what this machine saw before, each entry must be under its
// root, and the whole must keep the vault's rules. A vault that is away is a warning, and asked again.
Status watch_proposals(Context& context, const std::function<bool()>& stopped, Reporter& report);

// Waits for Ctrl-C or a request to end, for `pause` at most. True once it came. For the main thread alone.
bool wait_for_stop(std::chrono::milliseconds pause);

}  // namespace facekeep::tools
