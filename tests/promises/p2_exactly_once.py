#!/usr/bin/python3
"""P2: two custodians approve at the same instant, and the daemon is killed (SIGKILL) at one of the calls with which it makes an approval,
the next one or the act durable, or at any moment between. After the restart, which takes up what is ready, the act is in the log exactly
once if both approvals are, and not at all if one is missing until it is given again; every approval that was answered is there.
"""
import contextlib
import http.client
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

from p2_adversary import Rogue
from vault import Vault

ROUNDS = int(os.environ.get("FACEKEEP_P2_ROUNDS", "50"))
PEOPLE = ("property/1", "residents/1")
LOST = (OSError, http.client.HTTPException, ValueError)  # of a connection whose other end died


class Killer:
    """SIGKILL at the n-th fdatasync, or write to the store's log, of the running daemon; or after a time."""

    def __init__(self, vault, call, n):
        self.pid, self.strace, self.out = vault.pid(), None, vault.folder / "strace.txt"
        if call == "time":
            threading.Timer(n / 1000, lambda: os.kill(self.pid, signal.SIGKILL)).start()
            return
        self.strace = subprocess.Popen(["strace", "-f", "-o", self.out, "-p", str(self.pid), "-e", f"trace={call}", "-e", "signal=none",
                                        "-e", f"inject={call}:signal=SIGKILL:when={n}"], stderr=subprocess.PIPE, text=True)
        self.strace.stderr.readline()  # "strace: Process N attached"

    def died(self):
        """Within a second; else it is killed now, with everything done."""
        for _ in range(100):
            if not alive(self.pid):
                break
            time.sleep(0.01)
        by_itself = not alive(self.pid)
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        if self.strace:
            self.strace.wait(10)
        return by_itself


def alive(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] not in "ZX"
    return False


def moments():
    """The calls of one round are some 15; the last kill finds everything done."""
    fixed = [("fdatasync", n) for n in range(1, 6)] + [("write", n) for n in range(1, 16)]
    drawn = random.Random(4)
    while True:
        yield from fixed
        yield from (("time", drawn.randint(1, 150)) for _ in range(5))


def together(r, proposal, arm):
    """Both approvals at once, of connections that are there; who was answered. `arm` is called just before."""
    answered, ready, calls = {}, threading.Barrier(2), []
    for who in PEOPLE:
        connection = r.vault.connect(who, timeout=10)
        connection.connect()
        calls.append((who, r.ballot(who, proposal), connection))

    def approve(who, ballot, connection):
        ready.wait()
        with contextlib.suppress(*LOST):
            answer = r.send(who, proposal, ballot, connection=connection)
            if answer.status == 200:
                answered[who] = answer.json["entry"]

    killer = arm()
    threads = [threading.Thread(target=approve, args=call) for call in calls]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return killer, answered


def in_log(entries, proposal):
    """Who approved; where it was carried out; where the daemon started last."""
    approved, done, started = [], [], 0
    for number, e in enumerate(entries):
        body = e.get("body", {})
        if e.get("type") == "approval" and body["proposal"] == proposal:
            approved.append(body["by"])
        if e.get("type") == "proposal-done" and body["proposal"] == proposal:
            done.append(number)
        if e.get("type") == "start":
            started = number
    return approved, done, started


def one_round(r, proposal, call, n):
    """What is wrong, or ""; and where it died."""
    killer, answered = together(r, proposal, lambda: Killer(r.vault, call, n))
    by_itself = killer.died()
    (r.vault.folder / "facekeepd.pid").unlink()
    with contextlib.suppress(ChildProcessError):
        os.waitpid(killer.pid, 0)
    r.vault.start()
    time.sleep(1.2)  # what is ready is carried out every second
    approved, done, started = in_log(r.vault.entries(), proposal)
    where = "with the act" if done and done[0] < started else f"after {len(approved)} approvals" if by_itself else "with nothing to do"
    if sorted(set(approved)) != sorted(approved):
        return f"somebody's approval is there twice: {approved}", where
    missing = set(answered) - set(approved)
    if missing:
        return f"the answered approval of {missing} is lost", where
    if len(done) != (len(approved) == 2):
        return f"{len(approved)} approvals and carried out {len(done)} times", where
    for who in PEOPLE if not done else ():
        again = r.vote(who, proposal)
        if again.status != 200 and again.problem not in ("proposal-ended", "signed-already"):
            return f"signing again: {again}", where
    return "", where


def main():
    if not shutil.which("strace"):
        print("strace is not installed")
        sys.exit(77)
    with Vault("--small") as vault:
        r, seen, proposals = Rogue(vault), {}, []
        vault.restart()  # sealed: proposals need no open vault
        for turn, (call, n) in zip(range(ROUNDS), moments()):
            proposals.append(r.proposed("property/2", r.new_door()))
            wrong, where = one_round(r, proposals[-1], call, n)
            seen[where] = seen.get(where, 0) + 1
            r.report.check(f"round {turn + 1}, killed at {call} {n}, {where}", not wrong, wrong)
        entries = vault.entries()
        often = [len(in_log(entries, proposal)[1]) for proposal in proposals]
        r.report.check(f"each of {len(often)} was carried out exactly once in the end", set(often) == {1}, often)
        print("killed", ", ".join(f"{what}: {count} times" for what, count in sorted(seen.items())))
        for what in ("after 1 approvals", "after 2 approvals", "with the act"):
            r.report.check(f"it was killed {what}", seen.get(what), "")
    r.report.end()


if __name__ == "__main__":
    main()
