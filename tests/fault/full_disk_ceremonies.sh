#!/usr/bin/env bash
# Ceremonies on a full disk, in process: new keys, new cards, a new log key, a lost main token, a restore.
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"
use_memory
echo "ceremonies on a full disk: new keys, new cards, a new log key, a lost main token, a restore"
run_catch "$FACEKEEP_BUILD/tests/fault/full_disk_ceremonies_test" -d yes
