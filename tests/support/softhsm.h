// The test token under the name that most suites know it by: SoftHSM2, unless FACEKEEP_TEST_TOKEN says otherwise.
#pragma once

#include "tests/support/test_token.h"

namespace facekeep::test {

using SoftHsm = TestToken;

}  // namespace facekeep::test
