#!/usr/bin/python3
"""Replays a mirror of a log and prints what is wrong with it: written from vault/log/FORMAT.md, with Python's standard library.

  replay.py DIR [--json] [--vkey TEXT] [--remembered FILE]... [--digests N]

DIR is a mirror (FORMAT.md section 9). --vkey: the key that you trust. --remembered: a checkpoint that you saw earlier.
--digests N prints the state digest after every N entries. Exit code 0: nothing found; 2: findings; 1: the caller's mistake.
"""
import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from replayer.canonical import Bad  # noqa: E402
from replayer.replay import Replay  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--vkey")
    parser.add_argument("--remembered", action="append", default=[])
    parser.add_argument("--digests", type=int, default=0)
    options = parser.parse_args()
    if not pathlib.Path(options.dir).is_dir():
        print(f"error: {options.dir} is no folder", file=sys.stderr)
        return 1

    def each(n, state):
        if options.digests and (n + 1) % options.digests == 0:
            print(n + 1, state.digest().hex())

    try:
        remembered = [pathlib.Path(f).read_bytes() for f in options.remembered]
        report = Replay(options.dir, options.vkey, remembered, each).run()
    except (OSError, Bad) as e:
        print(f"error: {e}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(report.as_dict(), indent=1))
    else:
        for f in report.findings:
            at = "" if f["entry"] is None else f"entry {f['entry']}: "
            print(f"{f['severity']}: {at}{f['text']}")
        print(f"size {report.size}\nroot {report.root.hex() if report.root else '-'}")
        print(f"state digest {report.digest.hex() if report.digest else '-'}")
    return 2 if report.bad() else 0


if __name__ == "__main__":
    sys.exit(main())
