#!/usr/bin/env bash
# P5: behind the erasure horizon a backup from before it opens to nobody.
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"
use_memory
echo "P5: a backup from before the erasure horizon, with all cards, both tokens, the PINs and the current vault's files"
run_catch "$FACEKEEP_BUILD/tests/fault/horizon_test" -d yes
