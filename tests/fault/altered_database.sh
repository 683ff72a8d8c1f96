#!/usr/bin/env bash
# What the next start makes of an altered database.
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"
use_memory
echo "what the next start makes of an altered database"
run_catch "$FACEKEEP_BUILD/tests/fault/altered_database_test" -d yes
