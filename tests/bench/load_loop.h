// Runs a LoadPlan: one epoll loop for the measured connections and those beside them that are silent or drip.
#pragma once

#include "tests/bench/load_plan.h"
#include "vault/base/result.h"

namespace facekeep::bench {

// Blocks for the whole run. An error is a fault of the plan or of this machine (key files, descriptors, a server that
// can't be reached at all); what goes wrong on single connections is in LoadResult::errors, and they are made again.
// Raises the limit of open descriptors. One call at a time.
Result<LoadResult> run_load(const LoadPlan& plan);

}  // namespace facekeep::bench
