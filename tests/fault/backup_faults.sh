#!/usr/bin/env bash
# Backups and restores under force: killed at each of their commit points, without room, without the token.
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"
use_memory
echo "backups and restores: killed with kill -9, on a full disk, without the token (power cuts are not simulated)"
status=0
for suite in backup_crash_test backup_fault_test; do run_catch "$FACEKEEP_BUILD/tests/fault/$suite" -d yes || status=1; done
exit "$status"
