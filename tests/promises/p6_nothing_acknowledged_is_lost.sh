#!/usr/bin/env bash
# P6 nothing acknowledged is lost: kill -9 at every commit point and at 200 random moments, under concurrent enrolment,
# erasure and matching (new keys: p6_new_keys.sh). Not here: power cuts (SIGKILL keeps the kernel's cache) and full disks (p3_full_disk.sh).
set -euo pipefail
# shellcheck source=tests/fault/catch_suite.sh
. "$FACEKEEP_SRC/tests/fault/catch_suite.sh"

# What SIGKILL can show is the same on memory and on a disk, and a disk that others use is slow.
use_memory
echo "P6, for kill -9 only: power cuts are not simulated"
exec "$FACEKEEP_BUILD/tests/fault/crash_driver" --random "${FACEKEEP_RANDOM_KILLS:-200}"
