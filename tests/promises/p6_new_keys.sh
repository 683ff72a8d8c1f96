#!/usr/bin/env bash
# P6 for new keys: kill -9 at every passing of every commit point of a rotation and of a re-share, to the end of the old
# keys, with the old cards where the new ones have opened nothing yet. Nobody's key is lost, and somebody can open it.
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"

use_memory
exec "$FACEKEEP_BUILD/tests/fault/crash_rotation"
