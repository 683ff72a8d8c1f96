#!/usr/bin/env bash
# Ceremonies whose token is pulled out, in process: new keys, new cards, a new log key, a lost main token.
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"
use_memory
echo "ceremonies whose token is pulled out: new keys, new cards, a new log key, a lost main token"
run_catch "$FACEKEEP_BUILD/tests/fault/token_away_ceremonies_test" -d yes
