#!/usr/bin/env bash
# P3 without the token.
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"
use_memory
echo "P3 without the token"
run_catch "$FACEKEEP_BUILD/tests/fault/token_away_test" -d yes
