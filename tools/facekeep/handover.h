// The page that a custodian who leaves hands to the others, and that one who comes is given.
#pragma once

#include <string>
#include <vector>

#include "tools/facekeep/notice.h"
#include "vault/ledger/state.h"

namespace CLI {
class App;
}

namespace facekeep::tools {

struct Context;

// Its lines, English and then Chinese; of one custodian, or with `who` empty of all. No secret is in it: everything
// is from the public log. kNotFound ("no-custodian"). Pure.
Result<std::vector<std::string>> handover_page(const ledger::State& state, const Notice& notice,
                                               const std::string& who);

// `facekeep share handover`, below `facekeep share`.
void add_handover(CLI::App& share, Context& context);

}  // namespace facekeep::tools
