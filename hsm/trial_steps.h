// The single steps of a trial (hsm/trial.h). Each uses what the steps before it made.
#pragma once

#include <functional>
#include <vector>

#include "hsm/spare.h"
#include "hsm/trial.h"

namespace facekeep::hsm {

// What a trial works with; one thread.
struct Trial {
  std::shared_ptr<SessionPool> pool;
  Id128 vault;   // throw-away
  Id128 second;  // another, for a second log key
  std::optional<WrapKey> root;
  std::optional<LogKey> log_key;
  std::unique_ptr<TokenCustody> custody;
  std::optional<ProvisionedSpare> spare;  // made by try_oaep
  std::uint32_t epoch = 1;                // of the root in use
};

struct Outcome {
  Finding finding = Finding::kNotTried;
  std::string detail;
};

Outcome try_root(Trial& trial);
Outcome try_log_key(Trial& trial);
Outcome try_evidence(Trial& trial);
Outcome try_hidden(Trial& trial);
Outcome try_wrap(Trial& trial);
Outcome try_context(Trial& trial);
Outcome try_sign(Trial& trial);
Outcome try_anchor(Trial& trial);
Outcome try_rotate(Trial& trial);
Outcome try_sessions(Trial& trial);
Outcome try_oaep(Trial& trial);
Outcome try_p256(Trial& trial);

struct SpeedOperation {
  std::string_view name;
  std::function<Status()> once;
};
// Those whose keys are there. They refer to `trial`.
std::vector<SpeedOperation> speed_operations(Trial& trial);

}  // namespace facekeep::hsm
