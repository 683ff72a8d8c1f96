#!/usr/bin/python3
"""Recovers SLIP-0039 shares with Electrum's implementation (Debian package python3-electrum).

Reads {"shares": ["word word ...", ...], "passphrase": "..."} as JSON on standard input and prints
the master secret in hexadecimal. With a list of such objects, each with "master", it compares all
of them and fails on the first difference. Exit codes: 0 recovered, 1 not, 77 Electrum is missing.
"""

import json
import sys

try:
    from electrum import slip39
except ImportError:
    print("SKIPPED: python3-electrum is not installed", file=sys.stderr)
    sys.exit(77)


def recover(case):
    seed = slip39.recover_ems(case["shares"])
    return seed.decrypt(case.get("passphrase", "")).hex()


def main():
    given = json.load(sys.stdin)
    if isinstance(given, dict):
        print(recover(given))
        return 0
    for number, case in enumerate(given):
        if recover(case) != case["master"]:
            print(f"error: case {number}: Electrum recovers another secret", file=sys.stderr)
            return 1
    print(f"{len(given)} splits recovered by Electrum")
    return 0 if given else 1


if __name__ == "__main__":
    sys.exit(main())
