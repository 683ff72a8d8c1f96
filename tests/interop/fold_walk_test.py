#!/usr/bin/python3
"""Two folds, one state: a random walk through proposals, votes, clocks and restarts, with events that the rules allow and events that they don't.

Every event goes to both folds: the one in Python (replayer/, from vault/log/FORMAT.md) and the daemon's own (fold_events). Both must
take it, with the same state digest after it, or both must refuse it.

  fold_walk_test.py [--steps N] [--seed N]
"""
import argparse
import base64
import collections
import pathlib
import random
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
from replayer import council, handover, keys, sshsig  # noqa: E402
from replayer.canonical import DAY_MS, Bad, canonical, format_time  # noqa: E402
from replayer.events import TYPES, read_event  # noqa: E402
from replayer.proposals import STAGES  # noqa: E402
from replayer.state import State  # noqa: E402
from replayer.synthetic import BEGIN, INSIDE, approval_key, genesis, principal, sign_genesis, some_hex, vkey, witness  # noqa: E402
from replayer.tree import sha256  # noqa: E402
from vault import BUILD, Report  # noqa: E402
from walk_ceremonies import CLASSES, PEOPLE, REFS, Ceremonies  # noqa: E402

GOVERNANCE = ("proposal", "approval", "veto", "proposal-withdrawn", "proposal-done", "revoked", "tightened", "custodian-suspended")
EXPORTS = ("export-subjects", "exported", "export-sealed", "export-given", "export-ended")
WIDENING = ("template",)
KEYS = ("rewrapped", "keys-retired")
BACKUPS = ("backup-made", "restored")
TICKETS = ("ticket-made", "ticket-used", "ticket-ended")
NARROWING = ("suspended", "erased", "period-key-destroyed", "unseal-share", "sealed")


def camera(who, **scope):
    key = approval_key(who)
    return principal(who, "camera", sites=["main"], signing_key=key, **{"key": sha256(sshsig.Key.from_text(key).spki).hex(), **scope})


class Walk(Ceremonies):
    def __init__(self, seed, more=()):
        """`more`: kinds of actions to propose above all others."""
        self.random, self.state, self.made, self.more = random.Random(seed), State(), {}, list(more)
        self.wall, self.uptime = BEGIN, 0
        self.lines, self.expected, self.tally = [], [], collections.Counter()
        self.lists = {}  # commitment -> the people behind it
        self.keys = {who: [who] for who in PEOPLE}
        plan = genesis()
        plan["spare_key"] = some_hex("spare")
        plan["principals"] += [camera("camera/1"), camera("camera/2", doors=["north"])]
        self.genesis = sign_genesis(plan)
        self.offer("genesis", self.genesis)
        while self.state.phase != "open":
            self.start()
        for n, ref in enumerate(REFS[:9]):
            self.enrol(n, ref)
        for n, period in enumerate(("2026-11", "2026-12", "2027-01", "2027-03")):
            self.offer("period-key", {"purpose": "access", "site": "main", "period": period, "slot": 500 + n})

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
        other = self.random.random() < 0.05 and self.state.ticket
        self.offer("start", {"version": "1", "program": some_hex("q" if other else "p"), "config": some_hex("c"), "after_crash": False,
                             "unseal_to": some_hex(f"to {len(self.lines)}")})
        if self.state.ticket and self.random.random() < 0.7:
            self.use_ticket()
        if self.random.random() < 0.95:
            self.hand_in()
            if self.state.ticket and self.random.random() < 0.8:
                self.end_ticket()
            if self.state.opened or self.random.random() < 0.05:
                self.make_ticket()

    def enrol(self, slot, ref):
        self.offer("enrolled", {"by": "operator/1", "consent": some_hex("consent"), "record": some_hex("record"), "ref": ref,
                                "site": "main", "slot": slot, "until": "2039-12-31"})

    def template(self):
        """Whose camera signs is bound to doors, or not, or there is none."""
        who = self.random.choice(("camera/1", "camera/2", None))
        signed = {"camera": who, "nonce": some_hex(f"nonce {len(self.lines)}", 16), "pad": self.random.randrange(4)} if who else {}
        self.offer("template", {"blob": some_hex("blob"), "by": "operator/1", "model": "face", "model_version": 1, "ref": self.random.choice(REFS),
                                "site": "main", "template": some_hex(f"template {len(self.lines)}", 16), **signed})

    def narrow(self):
        """Of the people and keys that there are: some wait for erasure, some are due, and some are kept by a proposal."""
        pick, waiting = self.random.choice, [ref for ref, s in self.state.subjects.items() if s["due"]]
        ref = pick(REFS)
        subject = {"ref": ref, "site": self.state.subjects.get(ref, {"site": "main"})["site"]}
        kind = pick(NARROWING[:3] * 3 + NARROWING[:2] * 3 + (NARROWING[3:] if not self.more else ()))
        if kind == "suspended":
            self.offer(kind, {**subject, "by": "operator/1", "due": format_time(self.wall + 3 * DAY_MS + pick((0, 1000, -1))), "reason": "over-allowance"})
        elif kind == "erased":
            if waiting:
                subject["ref"] = pick(waiting)
                subject["site"] = self.state.subjects[subject["ref"]]["site"]
            if self.offer(kind, {**subject, "by": "daemon", "reason": "delay-over", **self.horizon(subject["ref"])}):
                self.enrol(1000 + len(self.lines), subject["ref"])
        elif kind == "period-key-destroyed":
            self.offer(kind, {"purpose": "access", "site": "main", "period": pick(("2026-11", "2026-12", "2027-01", "2027-03"))})
        elif kind == "sealed":
            if self.offer(kind, {"by": pick(PEOPLE), "reason": "request"}):
                self.start()
        else:
            by = pick(PEOPLE)
            self.offer(kind, {"by": by, "group": by.split("/")[0], "share": int(by[-1])})

    def horizon(self, ref):
        """Of an erasure: none, the right one, or a wrong one."""
        right = self.state._horizon(ref)
        return self.random.choice(({}, {"horizon": right}, {"horizon": right}, {"horizon": {**right, "spare": not right["spare"]}}))

    def back_up(self):
        size = self.state.size
        self.offer("period-key", {"purpose": "changes", "site": "main", "period": f"2027-01-{self.random.randrange(10, 32)}", "slot": 5000 + size})
        self.offer("backup-made", {"by": self.random.choice(PEOPLE), "digest": some_hex("file"), "root": some_hex("root"),
                                   "since": self.random.choice((0, 0, size // 2, size)), "size": self.random.choice((size, size, size - 1, size + 1))})

    def restore(self):
        """Right behind a start, of the last entries; now and then somewhere else, or with a wrong count."""
        pick, number = self.random.choice, self.random.randrange
        size = max(min(30, self.state.size), self.state.size - pick((0, 1, 30, 90)))  # not the keys of the beginning
        for by in PEOPLE:  # until one who counts took it
            if size not in self.state.backups:
                self.offer("backup-made", {"by": by, "digest": some_hex("file"), "root": some_hex("root"), "since": 0, "size": size})
        if number(4):
            self.offer("start", {"version": "1", "program": some_hex("p"), "config": some_hex("c"), "after_crash": True,
                                 "unseal_to": some_hex(f"to {len(self.lines)}")})
        if number(3) == 0:  # an older one
            size = max(min(30, size), max((b for b in self.state.backups if b < size), default=size))
        size -= number(6) == 0
        lost = sum(s["entry"] >= size for s in self.state.subjects.values())
        self.offer("restored", {"entries": self.state.start - size + (number(5) == 0), "size": size, "subjects": lost + (number(5) == 0)})
        self.start()
        for n, ref in enumerate(REFS):
            if ref not in self.state.subjects:
                self.enrol(2000 + len(self.lines) + n, ref)

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
            "change-policy": lambda: council.policy(pick((number(1, 60), 30, 29, *(days for days, _ in self.state.shortened.values()))),
                                                    number(0, 4), site, **self.probes()),
            "change-witnesses": lambda: pick(({}, {"witnesses": {"quorum": number(1, 3), "on_missing": "open", "list": [witness("a")]}})),
        }
        makers["rotation-policy"] = lambda: {"days": pick((0, 1, 30, 365, 3650))}
        makers["restart-ticket"] = self.ticket
        makers["rotate-keys"] = lambda: pick(({}, {}, {"spare": council.SPARE}, {"spare": council.SPARE + "\n"}))
        makers["reshare"] = self.reshare
        makers["rotate-log-key"] = lambda: {}
        makers["confirm-subjects"] = lambda: {"site": site}
        makers["export"] = lambda: self.export(pick(("main", "main", "annex", site)))
        kind = pick(list(makers) + ["change-rules"] * 3 + self.more * 30)
        return {**makers[kind](), "kind": kind}

    def export(self, site):
        pick, number = self.random.choice, self.random.randrange
        keys = [some_hex(f"recipient {number(4)}") for _ in range(pick((0, 1, 1, 1, 2)))]
        out = {"site": site, "max_subjects": number(1, 4), "basis": pick(("consent", "change-of-processor", "legal-order")),
               "recipients": [{"certificate": base64.b64encode(key.encode()).decode(), "spki": key} for key in keys]}
        if out["basis"] == "legal-order":
            out["legal_order"] = some_hex("order")
        if self.random.random() < 0.5:
            refs, salt = sorted(self.random.sample(REFS, out["max_subjects"])), some_hex(f"salt {len(self.lines)}")
            digest = sha256(b"facekeep/export-subjects/v1\0", bytes.fromhex(salt), bytes.fromhex("".join(refs))).hex()
            self.lists[digest] = {"refs": refs, "salt": salt}
            out["subjects"] = digest
        return out

    def about_export(self):
        """What may follow the proposal of an export, mostly in an order that the rules allow."""
        pick, number = self.random.choice, self.random.randrange
        asked = {key: p["made"]["action"] for key, p in self.state.proposals.items() if p["made"]["action"]["kind"] == "export"}
        if not asked:
            return
        pending = [key for key, e in self.state.exports.items() if key in asked and "entry" in e and "sealed" not in e and "ended" not in e]
        served = [key for key, e in self.state.exports.items() if key in asked and "sealed" in e]
        proposal = pick(pending) if pending and number(3) else pick(served) if served and number(2) else pick(list(asked))
        action, known = asked[proposal], self.state.exports.get(proposal, {})
        people = self.lists.get(action.get("subjects"), {"refs": sorted(REFS), "salt": some_hex("salt")})
        covered = [ref for ref in people["refs"] if ref in self.state.subjects and not self.state.subjects[ref]["due"] and
                   self.state.subjects[ref]["entry"] < known.get("entry", 0)]
        refs = (covered if number(4) and covered else people["refs"])[:number(1, 1 + action["max_subjects"])]
        sealed = {"proposal": proposal, "manifest": some_hex("manifest"), "parts": [{"bytes": 9, "digest": some_hex("part")}],
                  "subjects": max(1, known.get("recorded", 0)) + (number(9) == 0), "templates": 1, "damaged": 0}
        kind, body = pick((("export-subjects", {"proposal": proposal, **people}),
                           ("exported", {"proposal": proposal, "site": action["site"], "refs": refs}),
                           ("export-sealed", sealed), ("export-sealed", sealed),
                           ("export-given", {"proposal": proposal, "by": pick(PEOPLE)}),
                           ("export-given", {"proposal": proposal, "by": pick(PEOPLE)}),
                           ("export-ended", {"proposal": proposal, "reason": "nobody"})))
        if proposal in pending and number(4):
            kind, body = "exported", {"proposal": proposal, "site": action["site"], "refs": refs}
        self.offer(kind, body)
        if kind == "exported" and number(3):
            sealed["subjects"] = max(1, self.state.exports.get(proposal, {}).get("recorded", 0))
            self.offer("export-sealed", sealed)

    def probes(self):
        return self.random.choice(({}, {"min_pad": self.random.randrange(4)}, {"signed_probes": "required"},
                                   {"signed_probes": self.random.choice(("required", "optional")), "min_pad": self.random.randrange(4)}))

    def tightening(self):
        """Of what is in force."""
        site, name = self.random.choice(self.state.current["sites"]), self.random.choice(CLASSES)
        rule = self.state.rules()[name]
        stricter = {**rule, "groups": {g: n + self.random.randrange(2) for g, n in rule["groups"].items()}}
        return self.random.choice((council.policy(max(1, site["access_log_days"] - 1), site["erase_daily"], site["id"], **self.probes()),
                                   {"kind": "change-reveal", "site": site["id"], "hide_subject": True}, {"kind": "restart-ticket"},
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
            if made["action"].get("subjects") in self.lists and self.random.random() < 0.8:
                self.offer("export-subjects", {"proposal": made["id"], **self.lists[made["action"]["subjects"]]})

    def vote(self, verb="approve"):
        proposal, odd = self.some_proposal(), self.random.randrange(30)
        if proposal not in self.made:
            return
        signed = self.state.proposals.get(proposal, {}).get("approved", ())
        by = self.random.choice([who for who in PEOPLE if who not in signed] or PEOPLE) if self.random.random() < 0.9 else PEOPLE[0]
        vote = {"by": by, "proposal": proposal, "root": some_hex("root"), "rule": self.state.rule_version, "size": self.state.size}
        if odd == 0:
            vote["rule"] = self.random.randrange(self.state.size)
        if odd in (1, 5):
            vote["size"] = self.random.randrange(max(1, self.state.size - 60), self.state.size + 3)
        made = self.made[self.random.choice(list(self.made)) if odd == 2 else proposal]
        # The key in force, as far as this walk knows; now and then an older one.
        key = self.key_of(by)
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
        draws = action.get("kind") in keys.NEW_KEYS and not self.state.rotation
        more = {**check, **self.new_keys(draws), **self.log_key(action.get("kind") == "rotate-log-key"), **self.proof(action.get("kind"))}
        if self.offer("proposal-done", {"proposal": proposal, **more}) and self.more:
            for _ in range(5):
                self.rewrap() if "keys" in more else self.about_export()

    def step(self):
        self.pass_time()
        pick = self.random.choice
        # Chances.
        veto, done, export = (50, 180, 20) if not self.more else (5, 150, 300)
        start = 200 if "restart-ticket" in self.more else 20
        acts = ((start, self.start), (180, self.propose), (400, self.vote), (veto, lambda: self.vote("veto")), (done, self.done),
                (export, self.about_export), (40, self.rewrap), (60, self.narrow), (20 if not self.more else 2, self.template),
                (20 if "restart-ticket" in self.more else 3, self.end_ticket), (10, self.back_up), (12, self.restore), (12 if not self.more else 0, self.recover),
                (30, lambda: self.offer("proposal-withdrawn", {"by": pick(PEOPLE), "proposal": self.some_proposal()})),
                (30, lambda: self.offer("revoked", {"by": pick(PEOPLE), "principals": [pick(sorted({*self.state.principals} - {"operator/1"}))], "reason": "lost"})),
                (70 if not self.more else 5, lambda: self.offer("tightened", {
                    "by": pick(PEOPLE), "action": self.tightening() if self.random.random() < 0.6 else self.action()})),
                (20 if not self.more else 2, lambda: self.offer("custodian-suspended", {"by": pick(PEOPLE), "custodian": pick(PEOPLE)})))
        self.random.choices([act for _, act in acts], [n for n, _ in acts])[0]()


def about_stopping(report, walk):
    """A hold whose proposer sets the clock and floods the vault; policies that stop a destruction, and that only look so."""
    def propose(name, action):
        made = {"action": action, "by": "property/1", "id": some_hex(name, 16), "purpose": "walk"}
        report.check(f"{name} is proposed", walk.offer("proposal", made))
        return made

    subject = {"ref": REFS[0], "site": "main"}
    walk.offer("suspended", {**subject, "by": "operator/1", "due": format_time(walk.wall + 3 * DAY_MS), "reason": "over-allowance"})
    propose("a hold", {"kind": "cancel-erasures", "site": "main"})
    walk.wall += 8 * DAY_MS
    for n in range(20):
        noise = propose(f"noise {n}", {"kind": "cancel-erasures", "site": "annex"})
        walk.offer("proposal-withdrawn", {"by": "property/1", "proposal": noise["id"]})
    walk.wall, walk.uptime = walk.wall + 4 * DAY_MS, walk.uptime + 4 * DAY_MS
    erased = {**subject, "by": "daemon", "reason": "delay-over"}
    report.check("nobody has a hold forgotten", not walk.offer("erased", erased))
    walk.wall, walk.uptime = walk.wall + 3 * DAY_MS, walk.uptime + 3 * DAY_MS
    report.check("it ends by itself", walk.offer("erased", erased))

    walk.offer("tightened", {"by": "residents/3", "action": council.policy(20, 2, "main")})
    bucket = {"burst": 2, "refill_ms": 1000}
    budgets = {"camera": bucket, "door": bucket, "repeat_cost": 1, "subject": bucket, "subject_door": bucket, "unsigned_cost": 1}
    for days, more in ((30, {}), (21, {}), (31, {}), (20, {}), (1, {}), (30, {"min_pad": 0}), (30, {"signed_probes": "optional"}), (30, {"budgets": budgets})):
        made = propose(f"{days} days with {sorted(more)}", council.policy(days, 2, "main", **more))
        vote = {"by": "residents/3", "proposal": made["id"], "root": some_hex("root"), "rule": walk.state.rule_version, "size": walk.state.size}
        vetoed = walk.offer("veto", council.signed_vote(walk.genesis["vault"], made, vote, "veto", key_of="residents/3"))
        stops = days == 30 and not more
        report.check("nobody vetoes what only stops" if stops else "that is vetoed", vetoed != stops)


def compare(report, walk, steps, kinds):
    for _ in range(steps):
        walk.step()
    theirs = subprocess.run([BUILD / "tests/interop/fold_events"], input=b"\n".join(walk.lines) + b"\n", capture_output=True, timeout=600, check=True)
    theirs = theirs.stdout.decode().splitlines()
    same = [a == b or (a[:7], b[:7]) == ("refused", "refused") for a, b in zip(walk.expected, theirs)]
    report.check("both folds answered every event", len(theirs) == len(walk.lines), len(theirs))
    wrong = same.index(False) if False in same else None
    report.check("both folds say the same of each event", wrong is None,
                 "" if wrong is None else (wrong, walk.lines[wrong][:600], walk.expected[wrong], theirs[wrong]))
    for kind in kinds:
        report.check(f"{kind}: some taken, some refused", walk.tally[kind, False] and walk.tally[kind, True],
                     (walk.tally[kind, False], walk.tally[kind, True]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    report = Report()
    compare(report, Walk(options.seed + 1), options.steps, GOVERNANCE + BACKUPS + NARROWING[:-1] + WIDENING + ("recovered",))
    straight = Walk(options.seed)
    about_stopping(report, straight)
    compare(report, straight, 0, ())
    compare(report, Walk(options.seed, ["export"]), 2 * options.steps, EXPORTS)
    walk = Walk(options.seed, [*keys.NEW_KEYS, "reshare"])
    compare(report, walk, options.steps, KEYS)
    compare(report, Walk(options.seed, ["restart-ticket"]), options.steps, TICKETS)
    report.check("cards were replaced", walk.state.retired, len(walk.state.retired))
    walk = Walk(options.seed, ["rotate-log-key"])
    compare(report, walk, options.steps // 2, ())
    report.check("log keys changed hands", walk.state.handovers, len(walk.state.handovers))
    report.end()


if __name__ == "__main__":
    main()
