#!/bin/sh
# Shares that facekeep splits are recovered by Electrum: slip39_test.sh [BUILD_DIR]
# Exit 0 all recovered, 77 skipped (no python3-electrum), else failed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${1:-${FACEKEEP_BUILD:?usage: slip39_test.sh BUILD_DIR}}
/usr/bin/python3 -c 'from electrum import slip39' 2>/dev/null || {
  echo "SKIPPED: python3-electrum is not installed"
  exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
FACEKEEP_EMIT_SHARES="$work/shares.json" "$build/tests/unit/test_seal" "emit shares for other software" >"$work/out" || {
  cat "$work/out"
  echo "error: test_seal did not emit shares" >&2
  exit 1
}
/usr/bin/python3 "$here/slip39_electrum.py" <"$work/shares.json"
