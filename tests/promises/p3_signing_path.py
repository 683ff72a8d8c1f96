#!/usr/bin/python3
"""P3 on the way from an event to its signed checkpoint: EIO and SIGKILL at a chosen call on the files of the store, the key slots
and the token, one at a time, in a daemon that works (strace -e inject).

After each: the log's bytes verify and are what was signed; the daemon starts again; every checkpoint that anybody was ever served
is the head of a beginning of the log that it now serves; nothing that was answered is missing. At the end the second replayer
(tests/interop/replay.py) checks the whole log against all of these checkpoints.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

SOURCE = pathlib.Path(os.environ.get("FACEKEEP_SRC") or pathlib.Path(__file__).resolve().parents[2])
sys.path[:0] = [str(SOURCE / "tests" / name) for name in ("interop", "e2e")]
from replayer.canonical import Bad  # noqa: E402
from replayer.replay import Replay  # noqa: E402
from replayer.tree import Checkpoint, Tiles, Vkey, leaf_hash, split_bundle, tile_path  # noqa: E402
from vault import FACEKEEPD, Report, Vault  # noqa: E402

BUDGET_S = int(os.environ.get("FACEKEEP_P3_SECONDS", "170"))
SUBJECTS = "/v1/sites/main/subjects"
NETWORK = (OSError, ssl.SSLError, ValueError, KeyError, AttributeError, RuntimeError)
ENDS = {"EIO": "error=EIO", "SIGKILL": "signal=SIGKILL"}


class Published:
    """Every checkpoint that the public listener ever gave, with its signature checked."""

    def __init__(self, vkey):
        self.vkey, self.notes, self.wrong = Vkey(vkey), {}, []

    def take(self, note):
        try:
            seen = Checkpoint(note, self.vkey)
        except Bad as e:
            self.wrong.append(str(e))
            return
        if self.notes.setdefault(seen.size, seen).root != seen.root:
            self.wrong.append(f"two roots at {seen.size} entries")

    def poll(self, vault, stop):
        """Asks for the checkpoint as fast as it is given, until `stop`."""
        connection = None
        while not stop.is_set():
            try:
                connection = connection or vault.connect(timeout=5)
                answer = vault.ask(None, "GET", "/checkpoint", connection=connection)
                if answer.status == 200:
                    self.take(answer.body)
                time.sleep(0.005)
            except Exception:  # the daemon is killed under it
                connection = None
                time.sleep(0.02)


class Case:
    """The n-th call `call` of a thread on one of `paths` (none: on any file) ends as ENDS says."""

    def __init__(self, kind, call, n, end, paths=()):
        self.kind, self.call, self.n, self.end, self.paths = kind, call, n, end, paths
        self.name = f"{end} at {call} {n} on the {kind}"


def numbered(db, ends):
    """The names that the store gives to its next files."""
    last = max(int(m[1]) for p in db.iterdir() if (m := re.fullmatch(r"(?:MANIFEST-|OPTIONS-)?([0-9]{6})(?:\.log|\.sst)?", p.name)))
    return [str(db / name.format(n)) for n in range(last - 2, last + 40) for name in ends]


def cases():
    def spread(kind, call, numbers):
        return [(kind, call, n) for n in numbers]
    plan = (spread("write-ahead log", "write", (1, 2, 3, 5, 8)) + spread("write-ahead log", "fdatasync", (1, 2, 4, 7, 9)) +
            spread("slots a", "pwrite64", (1, 2)) + spread("slots a", "fdatasync", (1, 2)) +
            spread("slots b", "pwrite64", (1, 2)) + spread("slots b", "fdatasync", (1, 2)) +
            spread("anchor", "ftruncate", (15, 16, 17, 22, 28, 35)) + spread("anchor", "write", (39, 42, 47, 55)) +
            spread("token generation", "write", (1, 4, 5)) + spread("manifest", "write", (1, 3)) +
            spread("manifest", "fdatasync", (1,)) + spread("tables", "fdatasync", (1,)) + spread("store's folder", "fsync", (1, 3)) +
            spread("renamed files", "rename", (1, 2, 3)))
    # The kinds take turns, so that a short budget reaches all of them.
    by_turn = sorted(range(len(plan)), key=lambda i: (sum(p[0] == plan[i][0] for p in plan[:i]), i))
    return [(*plan[i], end) for i in by_turn for end in ENDS]


class Suite:
    def __init__(self, vault, folder):
        self.vault, self.folder, self.report = vault, folder, Report()
        self.published = Published(self.log_key())
        self.answered, self.hit, self.subject = set(), {}, 0

    def log_key(self):
        return self.vault.entries()[0]["body"]["log_key"]

    def paths(self, kind):
        data, token = self.vault.folder / "data", next((self.vault.folder / "tokens").iterdir())
        return {"write-ahead log": lambda: numbered(data / "db", ["{:06d}.log"]),
                "manifest": lambda: numbered(data / "db", ["MANIFEST-{:06d}"]),
                "tables": lambda: numbered(data / "db", ["{:06d}.sst"]),
                "store's folder": lambda: [str(data / "db")],
                "slots a": lambda: [str(data / "keys/slots.a")], "slots b": lambda: [str(data / "keys/slots.b")],
                "token generation": lambda: [str(token / "generation")]}.get(kind, lambda: [])()

    # One daemon.

    def start_traced(self, case):
        self.trace = self.folder / "trace"
        ready = self.vault.folder / "ready"
        ready.unlink(missing_ok=True)
        only = [word for path in case.paths for word in ("-P", path)]
        # strace 6.1 loses a signal that it injects at a call which the seccomp filter of --seccomp-bpf stopped.
        quick = ["--seccomp-bpf"] if case.end == "EIO" else []
        command = ["strace", "-f", "-y", *quick, "-o", self.trace, "-e", f"trace={case.call}", "-e", "signal=none", *only,
                   "-e", f"inject={case.call}:{ENDS[case.end]}:when={case.n}", FACEKEEPD, "--config",
                   self.vault.folder / "facekeepd.toml", "--ready-file", ready]
        with open(self.vault.folder / "facekeepd.log", "ab") as log:
            strace = subprocess.Popen(command, env=self.vault.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while strace.poll() is None and not (ready.exists() and ready.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        if strace.poll() is None and ready.exists():
            self.read_addresses()
        return strace

    def read_addresses(self):
        demo, token = self.vault.folder, self.vault.demo["token"]["uri"]
        done = subprocess.run([sys.executable, SOURCE / "deploy/quickstart.d/addresses.py", demo, token], check=False,
                              capture_output=True)
        if done.returncode == 0:
            self.vault.read_demo()

    def stop_traced(self, strace):
        """SIGTERM to the daemon under strace, SIGKILL if it does not go."""
        children = pathlib.Path(f"/proc/{strace.pid}/task/{strace.pid}/children")
        for how, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 15)):
            with contextlib.suppress(OSError):
                for pid in children.read_text().split():
                    os.kill(int(pid), how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                strace.wait(patience)
                return how == signal.SIGTERM
        strace.kill()
        return False

    def work(self):
        """What asks for every kind of file: cards, an enrolment, an erasure, a match, a sealing. Failures are the point."""
        for who in ("property-1", "property-2", "residents-1", "residents-2"):
            if self.vault.hand_in(who).returncode:
                return False
        self.vault.wait_loaded()
        self.subject += 1
        path = f"{SUBJECTS}/signing-{self.subject}"
        good = self.note("operator/1", "PUT", path, self.vault.consent())
        good &= self.note("door/1", "POST", "/v1/sites/main/verify",
                          {"door": "north-gate", "model": "face", "subject": "nobody", "probe": [0.5] * 512})
        good &= self.note("operator/1", "DELETE", path)
        return good and self.vault.cli("residents-1", "seal").returncode == 0

    def note(self, who, method, path, body=None):
        answer = self.vault.ask(who, method, path, body)
        if answer.status in (200, 201):
            self.answered.add(answer.json["entry"])
        return answer.status in (200, 201)

    def polled(self, work):
        stop = threading.Event()
        poller = threading.Thread(target=self.published.poll, args=(self.vault, stop))
        poller.start()
        try:
            return work()
        except NETWORK:
            return False
        finally:
            stop.set()
            poller.join()

    # What must hold.

    def injected(self, case, killed):
        text = self.trace.read_text(errors="replace") if self.trace.exists() else ""
        return killed if case.end == "SIGKILL" else "(INJECTED)" in text

    def check_stopped(self, *options):
        done = subprocess.run([FACEKEEPD, "check", "--config", self.vault.folder / "facekeepd.toml", "--json", *options],
                              env=self.vault.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {"ok": False, "faults": [(done.stdout + done.stderr)[:400]]}

    def served(self):
        """The whole log as it is served now, hashed by our own code."""
        head = Checkpoint(self.vault.ask(None, "GET", "/checkpoint").body, self.published.vkey)
        tiles = Tiles()
        for n in range((head.size + 255) // 256):
            width = min(256, head.size - 256 * n)
            for entry in split_bundle(self.vault.ask(None, "GET", "/" + tile_path("entries", n, width)).body, width):
                tiles.append(leaf_hash(entry))
        return head, tiles

    def broken_promises(self):
        """What is wrong with the log that the restarted daemon serves."""
        head, tiles = self.served()
        if tiles.root() != head.root:
            return "the entries served are not those that were signed"
        for size, seen in self.published.notes.items():
            if size > head.size:
                return f"a checkpoint over {size} entries was published; the log has {head.size}"
            if tiles.root(size) != seen.root:
                return f"the checkpoint published at {size} entries is of another log"
        lost = [n for n in self.answered if n >= head.size]
        return f"entry {lost[0]} was answered and is not in the log" if lost else "; ".join(self.published.wrong)

    def one(self, case):
        strace = self.start_traced(case)
        if strace.poll() is None:
            self.polled(self.work)
        time.sleep(0.05)
        killed = strace.poll() in (-signal.SIGKILL, 128 + signal.SIGKILL)  # strace ends as its child did
        gone = self.stop_traced(strace)
        if not self.injected(case, killed):
            return self.report.skip(f"{case.name}: the call was not made")
        self.hit[case.kind] = self.hit.get(case.kind, 0) + 1
        found = self.check_stopped()
        why = "" if found["ok"] else f"the stopped vault: {found['faults'][:2]}"
        if not gone:
            why = why or "the daemon did not end within 15 s"
        try:
            self.vault.start()
            why = why or self.broken_promises()
        except NETWORK as e:
            why = why or f"the daemon does not start again: {e}"
        self.vault.stop()
        return self.report.check(case.name, not why, why)

    def would_notice(self):
        """These checks can fail: a checkpoint that the log can't extend, one of another log, an answer that is not there."""
        notes, seen = self.published.notes, max(self.published.notes.values(), key=lambda c: c.size)
        for what, into, key, value in (("a longer log", notes, seen.size + 1000, seen), ("another root", notes, seen.size - 1, seen)):
            kept = into.pop(key, None)
            into[key] = value
            self.report.check(f"the suite would notice {what}", self.broken_promises())
            into.pop(key)
            if kept:
                into[key] = kept
        self.answered.add(seen.size + 1000)
        self.report.check("the suite would notice a lost answer", self.broken_promises())
        self.answered.remove(seen.size + 1000)

    def last(self):
        """The vault still does all its work, and another program finds its whole history right."""
        self.vault.start()
        self.report.check("at the end the vault does all its work", self.polled(self.work))
        self.report.check("no published checkpoint was lost, doubled or badly signed", not self.broken_promises(), len(self.published.notes))
        self.would_notice()
        self.vault.stop()
        mirror = self.folder / "mirror"
        said = self.check_stopped("--export", mirror)
        found = Replay(mirror, remembered=[c.note for c in self.published.notes.values()]).run()
        self.report.check("the second replayer finds nothing", not found.findings, found.findings[:3] or "")
        same = found.digest is not None and found.digest.hex() == said.get("digest")
        self.report.check("and reaches the same state", same, said.get("digest"))
        for kind in ("write-ahead log", "slots a", "slots b", "anchor", "renamed files"):
            self.report.check(f"a fault was met on the {kind}", self.hit.get(kind, 0) > 0, self.hit.get(kind, 0))


def main():
    if not shutil.which("strace"):
        print("strace is not installed")
        sys.exit(77)
    if subprocess.run(["strace", "-e", "inject=fsync:error=EIO", "true"], capture_output=True, check=False).returncode:
        print("this machine does not let strace trace")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="facekeep-p3-") as folder, Vault("--small") as vault:
        suite = Suite(vault, pathlib.Path(folder))
        vault.stop()
        deadline, left = time.monotonic() + BUDGET_S, cases()
        while left and time.monotonic() < deadline:
            kind, call, n, end = left.pop(0)
            suite.one(Case(kind, call, n, end, suite.paths(kind)))
        if left:
            suite.report.skip(f"{len(left)} more cases: {BUDGET_S} s are over (FACEKEEP_P3_SECONDS)")
        suite.last()
        suite.report.end()


if __name__ == "__main__":
    main()
