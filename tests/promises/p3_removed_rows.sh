#!/usr/bin/env bash
# P3 and P4, first form: what was taken out of the database or exchanged in it.
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"
use_memory
echo "P3 and P4, first form: what was taken out of the database or exchanged in it"
run_catch "$FACEKEEP_BUILD/tests/fault/removed_rows_test" -d yes
