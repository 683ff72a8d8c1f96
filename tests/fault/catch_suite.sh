# For the suites whose tests are a Catch2 program: runs it, counts its cases as tests/run counts them. Sourced.
# shellcheck shell=bash

run_catch() { # run_catch PROGRAM [ARGS...]
  local out status=0 counts passed failed skipped
  out=$(mktemp)
  "$@" >"$out" 2>&1 || status=$?
  cat "$out"
  counts=$(sed 's/^/1: /' "$out" | python3 -I "$FACEKEEP_SRC/tests/support/count_cases.py" /dev/stdin) || counts="0 1 0"
  rm -f "$out"
  read -r passed failed skipped <<<"$counts"
  if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ]
}

# Files in memory where there is room: for tests in which no disk is asked whether it keeps what it was given.
use_memory() {
  if [ -w /dev/shm ] && [ "$(df --output=avail -k /dev/shm | tail -n 1)" -gt 1048576 ]; then export TMPDIR=/dev/shm; fi
}
