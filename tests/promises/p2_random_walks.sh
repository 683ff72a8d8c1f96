#!/usr/bin/env bash
# P2 by random walks: 100,000 steps of proposals, votes, rule changes, removals, suspensions, restarts and a set clock. After every step an
# account kept from the log alone says what may be in force, and people who are left can meet every rule.
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"

export FACEKEEP_WALK_STEPS=${FACEKEEP_WALK_STEPS:-100000}
echo "P2, $FACEKEEP_WALK_STEPS steps"
run_catch "$FACEKEEP_BUILD/tests/unit/test_ledger" 'no sequence of proposals*,all of one group*' -d yes
