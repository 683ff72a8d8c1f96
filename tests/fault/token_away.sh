#!/usr/bin/env bash
# The vault without its token: what it answers, and how it comes back.
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"
use_memory
echo "the vault without its token"
run_catch "$FACEKEEP_BUILD/tests/fault/token_away_test" -d yes
