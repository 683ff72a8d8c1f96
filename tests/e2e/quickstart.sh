#!/usr/bin/env bash
# The quickstart as a newcomer runs it: to its end with nothing left behind, then kept, and stopped.
set -uo pipefail
src=${FACEKEEP_SRC:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
export FACEKEEP_BUILD=${FACEKEEP_BUILD:-$src/.build/gcc} PATH=/usr/bin:$PATH
work=$(mktemp -d -t facekeep-e2e-XXXXXX)
passed=0 failed=0 skipped=0
trap '"$src/deploy/quickstart" --dir "$work/kept" --stop >/dev/null 2>&1; rm -rf "$work"' EXIT

check() { # check WHAT COMMAND...
  local what=$1
  shift
  if "$@" >"$work/check.log" 2>&1; then
    passed=$((passed + 1)); echo "  ok   $what"
  else
    failed=$((failed + 1)); echo "  FAIL $what"; tail -n 20 "$work/check.log"
  fi
}
says() { check "$1 says: $3" grep -qE -- "$3" "$2"; }
# shellcheck disable=SC2016  # the inner shell expands them
says_not() { check "$1 does not say: $3" bash -c '! grep -nE -- "$1" "$2"' _ "$3" "$2"; }

echo "== once through"
"$src/deploy/quickstart" --dir "$work/once" --small >"$work/once.log" 2>&1 </dev/null
check "it ends well" test $? -eq 0
for line in 'state: sealed' 'shares in: property 0/2, residents 0/2' 'The vault is still sealed: property 2/2, residents 0/2' \
  'The vault is open' '40 rows: 40 enrolled, 0 were there before, 0 rejected' 'match: generated-000003' 'no match' \
  'REHEARSAL' 'the token is software' 'refused: log in with the PIN and read the root key' \
  'refused: open a copy of the vault with one card' \
  'property-3: signed; the proposal is open' 'refused: .*one person counts once' 'residents-1: signed; the proposal is done' \
  'residents-1: signed; the proposal is waiting' 'residents-3: vetoed; the proposal is vetoed' 'nobody vetoes: the proposal is done' \
  'Good "facekeep-approval" signature for property/1' 'made-up faces' 'openings of [0-9]+ bundles were read' 'no errors; ' \
  'state +open; 40 enrolled' 'the report for the residents. meeting is written' 'byte [0-9]+ of tile/entries/.*, in entry [0-9]+' \
  'found: entry [0-9]+: this entry is not the one that was signed' 'The vault is sealed'; do
  says "the quickstart" "$work/once.log" "$line"
done
for line in 'GOT THROUGH' 'Traceback' '[Ss]egmentation' 'terminate called' 'internal error' '^error:'; do
  says_not "the quickstart" "$work/once.log" "$line"
done
check "the entry that was changed is the one that is found first" /usr/bin/python3 -I -c '
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
changed, found = re.search(r", in entry (\d+):", text)[1], re.findall(r"found: entry (\d+):", text)
assert found and found[0] == changed, (changed, found)' "$work/once.log"
check "nothing is left behind" test ! -e "$work/once"

echo "== kept"
"$src/deploy/quickstart" --dir "$work/kept" --keep --small >"$work/kept.log" 2>&1 </dev/null
check "it ends well and the vault runs" test $? -eq 0
pid=$(cat "$work/kept/facekeepd.pid" 2>/dev/null || echo 0)
check "the daemon is there" kill -0 "$pid"
check "demo.json names what the README says" /usr/bin/python3 -I -c '
import json, os, sys
demo = json.load(open(sys.argv[1]))
assert set(demo) >= {"api", "public", "vkey", "site", "model", "principals", "shares", "token"}, sorted(demo)
assert demo["api"].startswith("https://127.0.0.1:") and demo["public"].count("https://") == 1, demo["api"]
files = [p[k] for p in demo["principals"] for k in ("certificate", "key")] + [s["file"] for s in demo["shares"]]
files.append(demo["token"]["pin_file"])
missing = [f for f in files if not os.path.isfile(f)]
assert not missing, missing
open_to_others = [f for f in files if not f.endswith(".crt") and os.stat(f).st_mode & 0o077]
assert not open_to_others, open_to_others
assert {p["role"] for p in demo["principals"]} == {"custodian", "operator", "door", "auditor"}' "$work/kept/demo.json"
export FACEKEEP_VAULT=$work/kept/notice.json XDG_STATE_HOME=$work/kept/state LC_ALL=C.UTF-8
check "status works from another shell" "$FACEKEEP_BUILD/tools/facekeep" status
"$src/deploy/quickstart" --dir "$work/kept" --small >"$work/again.log" 2>&1 </dev/null
check "a second one in the same folder is refused" test $? -ne 0
says "the refusal" "$work/again.log" 'has a vault already'
check "and has not ended the first" kill -0 "$pid"

echo "== the documents' commands"
if /usr/bin/python3 -I "$src/tests/e2e/run_documents.py" "$src" "$work/kept" >"$work/documents.log" 2>&1; then status=0; else status=$?; fi
cat "$work/documents.log"
counts=$(tail -n 1 "$work/documents.log")
if [[ $counts =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
  passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
  if [ "${BASH_REMATCH[1]}" -eq 0 ] && [ "$status" -eq 0 ]; then skipped=$((skipped + 1)); fi
else
  failed=$((failed + 1))
fi

echo "== stopped"
check "--stop ends it" "$src/deploy/quickstart" --dir "$work/kept" --stop
# shellcheck disable=SC2016
check "the daemon is gone" bash -c '! kill -0 "$1" 2>/dev/null || grep -q "^State:.Z" "/proc/$1/status"' _ "$pid"
check "the kept log checks" env SOFTHSM2_CONF="$work/kept/softhsm2.conf" "$FACEKEEP_BUILD/tools/facekeepd" check --config "$work/kept/facekeepd.toml"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
