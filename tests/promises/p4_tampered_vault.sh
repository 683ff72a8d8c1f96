#!/usr/bin/env bash
# P4: what the next start makes of a database that was rewritten behind the vault's back.
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"
use_memory
echo "what the next start makes of a rewritten database"
run_catch "$FACEKEEP_BUILD/tests/fault/tampered_vault_test" -d yes
