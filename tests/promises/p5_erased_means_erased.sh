#!/usr/bin/env bash
# P5, first form: the current folder, token and cards; older backups and the erasure horizon are not built yet.
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"
use_memory
echo "P5, first form: the current folder, token and cards; the erasure horizon is not built yet"
run_catch "$FACEKEEP_BUILD/tests/fault/erased_test" -d yes
