#!/usr/bin/python3
"""P4: whoever changes, removes, reorders, cuts, rolls back or forks a log is found, and the first bad entry is named.

  p4_anyone_can_replay.py [--replayer 'CMD DIR']... [--only TEXT]

A replayer is a command that takes a mirror (vault/log/FORMAT.md section 9), prints JSON with `findings` (`severity`, `entry`) for
--json, and exits with 2 if one is an error. The lowest entry that it names must be the changed one, or lie in the range that the
log lets anybody know. Where no entry can be named, an exit code other than 0 and a message are enough; files that are no part of the checkpoint's tree
("stray: ...") need a warning at least. Without --replayer: facekeep-audit, and tests/interop/replay.py. The mirrors are of made-up
logs, so that the suite can also sign what only the log key's holder could.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("FACEKEEP_SRC") or pathlib.Path(__file__).resolve().parents[2])
sys.path[:0] = [str(SOURCE / "tests" / name) for name in ("interop", "e2e", "promises")]
import p4_decisions  # noqa: E402
import p4_keys  # noqa: E402
import p4_file_changes  # noqa: E402
import p4_log_changes  # noqa: E402
from replayer.synthetic import LARGE, SMALL, build  # noqa: E402
from vault import FACEKEEP_AUDIT, Report  # noqa: E402

RANK = {"note": 0, "warning": 1, "error": 2}


class Suite:
    def __init__(self, replayers, folder):
        self.replayers, self.folder, self.report, self.number = replayers, folder, Report(), 0
        self.log = build()
        self.remembered = {n: self.log.checkpoint(n) for n in (SMALL, LARGE)}
        self.clean = folder / "clean"
        self.log.write(self.clean, remembered=self.remembered)

    def new_folder(self):
        self.number += 1
        return self.folder / str(self.number)

    def replay(self, command, folder):
        """(exit code, findings)"""
        words = [str(folder) if word == "DIR" else word for word in shlex.split(command)]
        done = subprocess.run([*words, "--json"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        try:
            return done.returncode, json.loads(done.stdout)["findings"], done.stderr
        except (ValueError, KeyError):
            return done.returncode, None, done.stderr

    def judge(self, command, folder, entries, severity):
        """Why the replayer failed, or None."""
        code, findings, said = self.replay(command, folder)
        if findings is None and entries is None and code in (1, 2) and "error:" in said:
            return None
        if findings is None:
            return f"no findings in JSON, exit {code}: {said[:300]}"
        found = [f for f in findings if RANK[f["severity"]] >= RANK[severity]]
        if not found:
            return f"nothing of severity {severity} found: {findings[:3]}"
        if severity == "error" and code != 2:
            return f"exit code {code}"
        named = [f["entry"] for f in found if f["entry"] is not None]
        if entries is not None and (not named or min(named) not in entries):
            return f"names {min(named) if named else 'no entry'}, not {entries}: {found[:3]}"
        return None

    def accept(self, what, folder):
        for command in self.replayers:
            code, findings, said = self.replay(command, folder)
            bad = findings is None or code != 0 or any(f["severity"] != "note" for f in findings)
            self.report.check(f"accepted: {what}", not bad, (code, (findings or [])[:3], said[:300]) if bad else "")

    def changed_files(self, change):
        folder = self.new_folder()
        shutil.copytree(self.clean, folder)
        change(folder, self.log)
        return folder

    def changed_log(self, change, remembered):
        folder, log = self.new_folder(), self.log.copy()
        other = change(log)
        (other if hasattr(other, "write") else log).write(folder, remembered=self.remembered if remembered else {})
        return folder

    def run(self, only):
        self.accept("the log as it is", self.clean)
        self.accept("the same log, shorter, nothing remembered of more", self.shorter())
        self.accept("the log of decisions as it is", self.changed_log(lambda log: p4_decisions.base()[0], False))
        work = [(name, lambda c=change: self.changed_files(c), entries, "warning" if name.startswith("stray: ") else "error")
                for name, change, entries in p4_file_changes.CASES]
        work += [(name, lambda c=change, r=remembered: self.changed_log(c, r), entries, severity)
                 for name, change, entries, severity, remembered in p4_log_changes.CASES + p4_decisions.CASES + p4_keys.CASES]
        work = [w for w in work if only in w[0]]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for name, verdicts in pool.map(self.one, work):
                for command, why in zip(self.replayers, verdicts):
                    by = pathlib.Path(next(w for w in shlex.split(command) if w != sys.executable)).name
                    self.report.check(name if len(self.replayers) == 1 else f"{name} ({by})", why is None, why or "")
        self.report.end()

    def shorter(self):
        folder = self.new_folder()
        self.log.write(folder, LARGE, {SMALL: self.remembered[SMALL]})
        return folder

    def one(self, work):
        name, make, entries, severity = work
        folder = make()
        verdicts = [self.judge(command, folder, entries, severity) for command in self.replayers]
        shutil.rmtree(folder)
        return name, verdicts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replayer", action="append")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    replayers = options.replayer or [shlex.join([str(FACEKEEP_AUDIT), "replay", "DIR"]),
                                     shlex.join([sys.executable, str(SOURCE / "tests/interop/replay.py"), "DIR"])]
    with tempfile.TemporaryDirectory(prefix="facekeep-p4-") as folder:
        Suite(replayers, pathlib.Path(folder)).run(options.only)


if __name__ == "__main__":
    main()
