#!/usr/bin/env bash
# P3 and P6 on a full disk, in process (the daemon's answers over HTTPS are not part of this).
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"
use_memory
echo "P3 and P6 on a full disk, in process (the daemon's answers over HTTPS are not part of this)"
run_catch "$FACEKEEP_BUILD/tests/fault/full_disk_test" -d yes
