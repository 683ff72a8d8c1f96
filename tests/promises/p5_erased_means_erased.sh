#!/usr/bin/env bash
# P5: the current folder, token and cards. Older backups and the erasure horizon have suites of their own.
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"
use_memory
echo "P5: the current folder, token and cards"
run_catch "$FACEKEEP_BUILD/tests/fault/erased_test" -d yes
