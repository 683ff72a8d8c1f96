#!/usr/bin/env bash
# P4: whoever reads the public log and knows one passage of a person finds no other one of theirs.
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"
use_memory
echo "what the public log says of who passed"
run_catch "$FACEKEEP_BUILD/tests/fault/privacy_test" -d yes
