#!/usr/bin/python3
"""Two folds, one state: a random walk through proposals, votes, clocks and restarts, with events that the rules allow and events that they don't.

Every event goes to both folds: the one in Python (replayer/, from vault/log/FORMAT.md) and the daemon's own (fold_events). Both must
take it, with the same state digest after it, or both must refuse it.

  fold_walk_test.py [--steps N] [--seed N]
"""
import argparse
import collections
import pathlib
import random
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
from replayer import council  # noqa: E402
from replayer.canonical import DAY_MS, Bad, canonical, format_time  # noqa: E402
from replayer.events import TYPES, read_event  # noqa: E402
from replayer.proposals import STAGES  # noqa: E402
from replayer.state import State  # noqa: E402
from replayer.synthetic import BEGIN, genesis, some_hex, witness  # noqa: E402
from vault import BUILD, Report  # noqa: E402

PEOPLE = [f"{group}/{n}" for group in ("property", "residents") for n in (1, 2, 3)]
CLASSES = ("export", "rule", "custodian", "principal", "policy", "reveal")


class Walk:
    def __init__(self, seed):
        self.random, self.state, self.made = random.Random(seed), State(), {}
        self.wall, self.uptime = BEGIN, 0
        self.lines, self.expected, self.tally = [], [], collections.Counter()
        self.keys = {who: [who] for who in PEOPLE}
        self.genesis = genesis()
        self.offer("genesis", self.genesis)
        self.start()

    def offer(self, kind, body):
        """To this fold, and to the other one later."""
        event = {"body": body, "class": TYPES[kind][0], "time": format_time(self.wall), "type": kind, "uptime_ms": self.uptime, "v": 1}
        text = canonical(event)
        try:
            self.state.apply(read_event(text))
            said = self.state.digest().hex()
        except Bad as e:
            said = f"refused {e}"
        self.lines.append(text)
        self.expected.append(said)
        self.tally[kind, said.startswith("refused")] += 1
        return not said.startswith("refused")

    def start(self):
        self.uptime = self.random.choice((5, 10, self.uptime))
        self.offer("start", {"version": "1", "program": some_hex("p"), "config": some_hex("c"), "after_crash": False,
                             "unseal_to": some_hex(f"to {len(self.lines)}")})

    def pass_time(self):
        step = self.random.choice([1000, 60_000, 600_000] * 9 + [3_600_000] * 3 + [DAY_MS // 2, DAY_MS, 2 * DAY_MS + 1])
        which = self.random.randrange(60)
        if which:
            self.uptime += step
        if which != 1:
            self.wall += step if which != 2 else -step

    def rule(self):
        pick = self.random.choice
        more = {"uses": 3} if self.random.random() < 0.1 else {}
        groups = {g: pick((1, 1, 2, 3)) for g in pick((("property", "residents"),) * 9 + (("property",),))}
        return {"delay_s": pick((0, 3600, 86400, 172800)), "groups": groups, "lifetime_s": pick((604800, 604800, 604800, 345600)), **more}

    def custodian(self):
        who = self.random.choice(PEOPLE)
        key = f"{who} {len(self.lines)}"
        self.keys[who].append(key)
        until = {"until": self.random.choice(("2026-11-18", "2027-08-01", "2039-01-01"))} if self.random.random() < 0.3 else {}
        return {**council.new_custodian(who, key), **until}

    def action(self):
        pick, number = self.random.choice, self.random.randrange
        site = pick(("main", "annex", "tower", "nowhere"))
        model = {"dimension": 512, "id": pick(("face", "face-2", "face-3")), "identify_threshold": 1, "verify_threshold": 1, "version": 1}
        makers = {
            "register-principals": lambda: council.registration(f"door/{number(1, 9)}", pick((("north",), ("north", "east"), ())),
                                                                pick(((), (), ("east",)))),
            "change-custodian": lambda: {"custodian": self.custodian()},
            "change-rules": lambda: {"rules": {name: self.rule() for name in self.random.sample(CLASSES, number(1, 3))}},
            "change-thresholds": lambda: council.thresholds(number(3, 5) * 100_000, number(4, 6) * 100_000, pick(("face", "face-2"))),
            "add-model": lambda: {"model": model},
            "change-reveal": lambda: {"site": site, "hide_subject": pick((True, False))},
            "cancel-erasures": lambda: {"site": site},
            "open-site": lambda: {"site": council.new_site(pick(("tower", "cellar")))},
            "change-policy": lambda: council.policy(number(1, 60), number(0, 4), site),
            "change-witnesses": lambda: pick(({}, {"witnesses": {"quorum": number(1, 3), "on_missing": "open", "list": [witness("a")]}})),
        }
        kind = pick(list(makers) + ["change-rules"] * 3)
        return {**makers[kind](), "kind": kind}

    def tightening(self):
        """Of what is in force."""
        site, name = self.random.choice(self.state.current["sites"]), self.random.choice(CLASSES)
        rule = self.state.current["rules"][name]
        stricter = {**rule, "groups": {g: n + self.random.randrange(2) for g, n in rule["groups"].items()}}
        return self.random.choice((council.policy(max(1, site["access_log_days"] - 1), site["erase_daily"], site["id"]),
                                   {"kind": "change-reveal", "site": site["id"], "hide_subject": True},
                                   {"kind": "change-rules", "rules": {name: stricter}}))

    def some_proposal(self):
        alive = [key for key, p in self.state.proposals.items() if p["stage"] in STAGES]
        return self.random.choice(alive[:4] or ["ab" * 16]) if self.random.random() < 0.95 else self.random.choice(list(self.made) or ["cd" * 16])

    def propose(self):
        made = {"action": self.action(), "by": self.random.choice(PEOPLE), "id": some_hex(f"walk {len(self.lines)}", 16), "purpose": "walk"}
        vetoed = [key for key, p in self.state.proposals.items() if p["stage"] == "vetoed"]
        if vetoed and self.random.random() < 0.4:
            made["overrides"] = self.random.choice(vetoed)
            made["action"] = self.state.proposals[made["overrides"]]["made"]["action"]
        if self.offer("proposal", made):
            self.made[made["id"]] = made

    def vote(self, verb="approve"):
        proposal, odd = self.some_proposal(), self.random.randrange(30)
        if proposal not in self.made:
            return
        signed = self.state.proposals.get(proposal, {}).get("approved", ())
        by = self.random.choice([who for who in PEOPLE if who not in signed] or PEOPLE) if self.random.random() < 0.9 else PEOPLE[0]
        vote = {"by": by, "proposal": proposal, "root": some_hex("root"), "rule": self.state.rule_version, "size": self.state.size}
        if odd == 0:
            vote["rule"] = self.random.randrange(self.state.size)
        if odd == 1:
            vote["size"] = self.random.randrange(1, self.state.size + 3)
        made = self.made[self.random.choice(list(self.made)) if odd == 2 else proposal]
        # The key in force, as far as this walk knows; now and then an older one.
        registered = self.state.principals[by]["approval_key"]
        key = next(k for k in self.keys[by] if council.approval_key(k) == registered)
        body = council.signed_vote(self.genesis["vault"], made, vote, "veto" if odd == 3 else verb,
                                   key_of=self.random.choice(self.keys[by]) if odd == 4 else key)
        self.offer("approval" if verb == "approve" else "veto", body)

    def done(self):
        """More often than not one that is ready: often the first after its delay."""
        now = self.wall, self.state.base + self.uptime
        approved = [key for key, p in self.state.proposals.items() if p["stage"] == "approved"]
        if approved and self.random.random() < 0.3:
            self.wall, self.uptime = self.wall + DAY_MS, self.uptime + DAY_MS
        ready = [key for key in approved if self.state.stage_at(self.state.proposals[key], *now) == "ready"]
        proposal = self.random.choice(ready) if ready and self.random.random() < 0.9 else self.some_proposal()
        action = self.made.get(proposal, {}).get("action", {})
        check = {"check": some_hex("check")} if (action.get("kind") == "open-site") != (self.random.random() < 0.05) else {}
        self.offer("proposal-done", {"proposal": proposal, **check})

    def step(self):
        self.pass_time()
        pick = self.random.choice
        what = self.random.randrange(100)
        if what < 2:
            self.start()
        elif what < 20:
            self.propose()
        elif what < 60:
            self.vote()
        elif what < 65:
            self.vote("veto")
        elif what < 68:
            self.offer("proposal-withdrawn", {"by": pick(PEOPLE), "proposal": self.some_proposal()})
        elif what < 85:
            self.done()
        elif what < 88:
            self.offer("revoked", {"by": pick(PEOPLE), "principals": [pick(sorted(self.state.principals))], "reason": "lost"})
        elif what < 95:
            self.offer("tightened", {"by": pick(PEOPLE), "action": self.tightening() if self.random.random() < 0.6 else self.action()})
        else:
            self.offer("custodian-suspended", {"by": pick(PEOPLE), "custodian": pick(PEOPLE)})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    report, walk = Report(), Walk(options.seed)
    for _ in range(options.steps):
        walk.step()
    theirs = subprocess.run([BUILD / "tests/interop/fold_events"], input=b"\n".join(walk.lines) + b"\n", capture_output=True, timeout=600, check=True)
    theirs = theirs.stdout.decode().splitlines()
    same = [a == b or (a[:7], b[:7]) == ("refused", "refused") for a, b in zip(walk.expected, theirs)]
    report.check("both folds answered every event", len(theirs) == len(walk.lines), len(theirs))
    wrong = same.index(False) if False in same else None
    report.check("both folds say the same of each event", wrong is None,
                 "" if wrong is None else (wrong, walk.lines[wrong][:600], walk.expected[wrong], theirs[wrong]))
    for kind in ("proposal", "approval", "veto", "proposal-withdrawn", "proposal-done", "revoked", "tightened", "custodian-suspended"):
        report.check(f"{kind}: some taken, some refused", walk.tally[kind, False] and walk.tally[kind, True],
                     (walk.tally[kind, False], walk.tally[kind, True]))
    report.end()


if __name__ == "__main__":
    main()
