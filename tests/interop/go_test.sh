#!/usr/bin/env bash
# Go's own transparency-log code (golang.org/x/mod/sumdb, from Debian's package) reads facekeep's notes and tiles, at the sizes
# where the shape of the tiles changes, with both kinds of log key.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=${FACEKEEP_BUILD:-$here/../../.build/gcc}
command -v go >/dev/null || { echo "no Go compiler"; exit 77; }
[ -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog ] || { echo "no golang-golang-x-mod-dev"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/go/src"
cp -r "$here/tlog_go" "$work/go/src/tlog_go"
# Debian keeps Go's libraries in a GOPATH; nothing is downloaded.
export GO111MODULE=off GOPATH=$work/go:/usr/share/gocode GOCACHE=$work/cache GOFLAGS='' GOPROXY=off
(cd "$work/go/src/tlog_go" && go vet . && go build -o "$work/tlog_go" .)

passed=0 failed=0
for key in ed25519 p256; do
  sizes=(1 2 255 256 257 65536 70000)
  "$build/tests/interop/make_log" "$work/$key" "$key" "${sizes[@]}"
  echo "== $key"
  "$work/tlog_go" "${sizes[@]/#/$work/$key/}" | tee "$work/out" || true
  read -r p _ f _ < <(tail -n 1 "$work/out")
  passed=$((passed + p)) failed=$((failed + f))
done

# The reader must be able to fail: one byte of one entry.
printf 'x' | dd of="$work/p256/257/tile/entries/000" bs=1 seek=9 conv=notrunc status=none
if "$work/tlog_go" "$work/p256/257" >"$work/out"; then
  failed=$((failed + 1))
  echo "  FAIL an entry was changed and nobody saw it"
else
  passed=$((passed + 1))
  echo "  ok   a changed entry is seen: $(grep FAIL "$work/out" | head -1)"
fi
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
