"""FORMAT.md section 5a and 7: proposals, votes, and one custodian's narrowing acts, as a part of the state."""
from . import sshsig
from .actions import KINDS, apply_action, check_tightening, is_as_strict, principals_in
from .canonical import DAY_MS, Bad, canonical, format_day, format_time, parse_time
from .exports import Exports
from .genesis import FALLBACK, group_of
from .keys import BETWEEN_CEREMONIES_MS, CEREMONIES, DRAWS, NEW_KEYS, WITH_PROOF, Keys, new_check
from .tree import sha256

SUSPENSION_MS, BETWEEN_MS = 3 * DAY_MS, 7 * DAY_MS
DELAY_MS = 3 * DAY_MS  # before one person's narrowing destroys anything
MAX_OPEN, MAX_ENDED = 16, 16
_INPUTS = ("sign", "complete", "delay-runs", "delay-over", "carry-out", "veto", "withdraw", "lapse", "unsettle")
_ROWS = {
    "draft": "open - - - - vetoed withdrawn expired draft",
    "open": "open approved - - - vetoed withdrawn expired stale",
    "approved": "approved approved waiting ready - vetoed withdrawn expired stale",
    "waiting": "waiting waiting waiting ready - vetoed withdrawn expired stale",
    "ready": "ready ready - ready done vetoed withdrawn expired stale",
    "stale": "open - - - - vetoed withdrawn expired stale",
}
STAGES = {stage: dict(zip(_INPUTS, row.split())) for stage, row in _ROWS.items()}


def _must(good, why):
    if not good:
        raise Bad(why)


def next_stage(stage, given):
    to = STAGES.get(stage, {}).get(given, "-")
    _must(to != "-", f"a {given} of a proposal that is {stage}")
    return to


def meets(rule, people):
    return all(sum(group_of(p) == group for p in people) >= n for group, n in rule["groups"].items())


def statement(vote, verb, digest, vault):
    return canonical({"proposal": digest, "root": vote["root"], "rule": vote["rule"], "size": vote["size"], "v": 1,
                      "vault": vault, "verb": verb})


def digest_of(made, vault):
    return sha256(canonical({**made, "v": 1, "vault": vault})).hex()


class Proposals(Exports, Keys):
    """What a State has besides; the methods take the body of an event, its time and now, in milliseconds.

    A proposal is {"made","digest","entry","opened","stage","approved","complete"?,"vetoed_by"?,"unsettled"?}; a moment is (time, clock).
    """

    def __init__(self):
        Exports.__init__(self)
        Keys.__init__(self)
        self.changed, self.rule_version = False, 0
        self.proposals, self.agreed, self.tightenings, self.suspensions = {}, {}, {}, {}
        self.shortened = {}  # site -> days that were agreed on, moment of the latest shortening

    # Who counts, and under which rule.

    def _day(self, time):
        return format_day(max(time, self.public_latest))

    def _is_suspended(self, who, now):
        return any(whom == who and now < at + SUSPENSION_MS for whom, at in self.suspensions.values())

    def _counts(self, who, time, now):
        p = self.principals.get(who)
        return bool(p and p["role"] == "custodian" and p.get("until", "9999-12-31") >= self._day(time) and
                    not self._is_suspended(who, now))

    def _must_count(self, who, time, now):
        _must(self._counts(who, time, now), f"{who} is no custodian who counts now")

    def _only_stops(self, action):
        """It cancels erasures, or takes a retention that one person shortened back to what was agreed on, and sets nothing else."""
        if action["kind"] != "change-policy" or action["site"] not in self.shortened:
            return action["kind"] == "cancel-erasures"
        agreed, _ = self.shortened[action["site"]]
        site = self.sites[action["site"]]
        return (action.keys() == {"kind", "site", "access_log_days", "erase_daily"} and action["erase_daily"] <= site["erase_daily"] and
                action["access_log_days"] == agreed)

    def _agreed(self):
        return self._with_fallbacks({**self.current["rules"], **self.agreed})

    def rules(self):
        """In force, by class."""
        return self._with_fallbacks(self.current["rules"])

    @staticmethod
    def _with_fallbacks(rules):
        usual = {name: dict(rules[other]) for name, other in FALLBACK.items()}
        usual["cancel"]["delay_s"] = 0
        return {**usual, **rules}

    def rule_for(self, made, time, now):
        action, agreed = made["action"], self._agreed()
        name = "cancel" if self._only_stops(action) else KINDS[action["kind"]][0]
        rule = agreed[name] if name == "cancel" else self.rules()[name]
        if action["kind"] == "reshare" and action["rules"]:
            other = self.rules()["rule"]
            groups = {g: max(r["groups"].get(g, 0) for r in (rule, other)) for g in {*rule["groups"], *other["groups"]}}
            delay = max(rule["delay_s"], other["delay_s"])
            lifetime = max(min(rule["lifetime_s"], other["lifetime_s"]), 2 * delay)
            rule = {**rule, "groups": groups, "delay_s": delay, "lifetime_s": lifetime}
        if action["kind"] == "change-rules" and all(x in agreed and is_as_strict(r, agreed[x]) for x, r in action["rules"].items()):
            rule = agreed[name]
        if "overrides" not in made:
            return rule
        vetoer = self.proposals.get(made["overrides"], {}).get("vetoed_by")
        people = [who for who in self.principals if who != vetoer and self._counts(who, time, now)]
        groups = {group: max(n, min(n + 1, sum(group_of(p) == group for p in people))) for group, n in rule["groups"].items()}
        delay = max(rule["delay_s"], min(2 * rule["delay_s"], rule["lifetime_s"] // 2))
        return {**rule, "groups": groups, "delay_s": delay}

    def _is_over(self, p, time, now):
        """Its lifetime has passed on one of the clocks."""
        opened_time, opened_clock = p["opened"]
        life = 1000 * self.rule_for(p["made"], time, now)["lifetime_s"]
        return max(time, self.public_latest) >= opened_time + life or now >= opened_clock + life

    def _lapse_clock(self, p, time, now):
        """The log's clock when its lifetime is over on it."""
        return p["opened"][1] + 1000 * self.rule_for(p["made"], time, now)["lifetime_s"]

    def stage_at(self, p, time, now):
        if p["stage"] not in STAGES:
            return p["stage"]
        if self._is_over(p, time, now):
            return next_stage(p["stage"], "lapse")
        rule = self.rule_for(p["made"], time, now)
        delay = 1000 * rule["delay_s"]
        if p["stage"] != "approved" or not meets(rule, [who for who in p["approved"] if self._counts(who, time, now)]):
            return p["stage"]
        over = time >= p["complete"][0] + delay and now >= p["complete"][1] + delay
        return next_stage(p["stage"], "delay-over" if over else "delay-runs")

    def _may_hold(self, p, time, now):
        """It can hold erasures until its lifetime is over by the log's clock, expired or not."""
        alive = p["stage"] in STAGES or p["stage"] == "expired"
        return (alive and p["made"]["action"]["kind"] == "cancel-erasures" and
                now < p["opened"][1] + 1000 * self.rule_for(p["made"], time, now)["lifetime_s"])

    def _is_held(self, subject, time, now):
        """A proposal that was made before the erasure was due can still cancel it, by the log's clock."""
        due, clock = parse_time(subject["due"]), subject["clock"]
        for p in self.proposals.values():
            opened_time, opened_clock = p["opened"]
            in_time = subject["suspended"] < p["entry"] and (opened_time < due or opened_clock < clock + DELAY_MS)
            if in_time and self._may_hold(p, time, now) and p["made"]["action"]["site"] == subject["site"]:
                return True
        return False

    def _days_kept(self, site, time, now):
        """What was agreed on stays for 72 hours after one person's shortening."""
        days = self.sites[site]["access_log_days"]
        agreed, (at_time, at_clock) = self.shortened.get(site, (0, (0, 0)))
        return days if time >= at_time + DELAY_MS and now >= at_clock + DELAY_MS else max(days, agreed)

    def _live(self, proposal, time, now):
        p = self.proposals.get(proposal)
        _must(p, "there is no such proposal")
        stage = self.stage_at(p, time, now)
        _must(stage in STAGES, f"the proposal is {stage} already")
        return p, stage

    # Events of a proposal.

    def _proposal(self, body, time, now):
        by = body["by"]
        self._must_count(by, time, now)
        live = [p for p in self.proposals.values()
                if p["made"]["by"] == by and (self.stage_at(p, time, now) in STAGES or self._may_hold(p, time, now))]
        _must(len(live) < MAX_OPEN, f"{by} has too many proposals open")
        _must(body["id"] not in self.proposals, "there is a proposal with this id already")
        if "overrides" in body:
            before = self.proposals.get(body["overrides"])
            _must(before and before["stage"] == "vetoed" and before["made"]["action"] == body["action"],
                  "an override of what was not vetoed")
        _must(not self._waits_for_cards(body["action"], DRAWS), "new cards are due first")
        if body["action"]["kind"] in CEREMONIES:
            others = [p for p in self.proposals.values() if p["made"]["action"]["kind"] in CEREMONIES and
                      not self._waits_for_cards(p["made"]["action"], DRAWS) and self.stage_at(p, time, now) in STAGES]
            _must(not others, "two ceremonies at once")
            ended = self.ended_ceremonies.get(by, -BETWEEN_CEREMONIES_MS)
            lapsed = [self._lapse_clock(p, time, now) for p in self.proposals.values() if p["made"]["by"] == by and
                      p["made"]["action"]["kind"] in CEREMONIES and self.stage_at(p, time, now) == "expired"]
            _must(all(now >= e + BETWEEN_CEREMONIES_MS for e in (ended, *lapsed)), f"a ceremony by {by} ended undecided within a day")
        self._check_not_retired(body["action"])
        apply_action(self.current, body["action"], self._day(time))
        self._settle_ended(time, now)
        self.proposals[body["id"]] = {"made": body, "digest": digest_of(body, self.genesis["vault"]), "entry": self.size,
                                      "opened": (max(time, self.public_latest), now), "stage": "draft", "approved": set()}

    def _settle_ended(self, time, now):
        for p in self.proposals.values():
            if p["stage"] != "expired" and self.stage_at(p, time, now) == "expired":
                if p["made"]["action"]["kind"] in CEREMONIES:
                    self.ended_ceremonies[p["made"]["by"]] = self._lapse_clock(p, time, now)
                p["stage"] = "expired"
        kept = {key for key, p in self.proposals.items() if self._is_served(key, p, time, now) or self._may_hold(p, time, now)}
        self._settle_exports(time, now)
        for by in {p["made"]["by"] for p in self.proposals.values()}:
            ended = sorted((p["entry"], key) for key, p in self.proposals.items()
                           if p["made"]["by"] == by and p["stage"] not in STAGES and key not in kept)
            for _, key in ended[:-MAX_ENDED]:
                del self.proposals[key]

    def _vote(self, body, verb, time, now):
        by = body["by"]
        self._must_count(by, time, now)
        p, _ = self._live(body["proposal"], time, now)
        _must(body["rule"] == self.rule_version, "a vote under other rules than those in force")
        _must(max(p["entry"], p.get("unsettled", 0)) < body["size"] <= self.size, "a vote over a log that is not this one, or before what made it stale")
        message = statement(body, verb, p["digest"], self.genesis["vault"])
        return p, lambda: sshsig.verify(body["signature"], self.principals[by]["approval_key"], "facekeep-approval", message)

    def _approval(self, body, time, now):
        p, verify = self._vote(body, "approve", time, now)
        _must(body["by"] not in p["approved"], f"{body['by']} has signed already")
        verify()
        p["approved"].add(body["by"])
        enough = "complete" not in p and meets(self.rule_for(p["made"], time, now), p["approved"])
        if enough:
            p["complete"] = time, now
        p["stage"] = next_stage(p["stage"], "complete" if enough else "sign")

    def _veto(self, body, time, now):
        p, verify = self._vote(body, "veto", time, now)
        _must("overrides" not in p["made"], "a veto of a proposal that overrides one")
        action = p["made"]["action"]
        _must(not self._only_stops(action), "a veto of what only stops a destruction")
        _must(action["kind"] != "change-custodian" or action["custodian"]["id"] != body["by"], "a veto of what binds the own person")
        verify()
        p["stage"], p["vetoed_by"] = next_stage(p["stage"], "veto"), body["by"]
        self._note_end(p, now)

    def _proposal_withdrawn(self, body, time, now):
        self._must_count(body["by"], time, now)
        p, _ = self._live(body["proposal"], time, now)
        _must(p["made"]["by"] == body["by"], "a withdrawal by another person than the proposer")
        _must(not self._only_stops(p["made"]["action"]) or p["approved"] <= {body["by"]}, "a withdrawal of what others signed to stop a destruction")
        p["stage"] = next_stage(p["stage"], "withdraw")
        self._note_end(p, now)

    def _proposal_done(self, body, time, now):
        p, stage = self._live(body["proposal"], time, now)
        done, action = next_stage(stage, "carry-out"), p["made"]["action"]
        self._check_not_retired(action)
        draws, alone = action["kind"] in DRAWS, self._renews_cards_alone(action)
        _must(not self._waits_for_cards(action, DRAWS), "new cards are due first")
        _must(not draws or not self.rotation or alone, "it waits for the end of a rotation")
        _must(not draws or self.phase == "open", "keys are drawn while the vault is open")
        _must(("proof" in body) == (action["kind"] in WITH_PROOF), "a proof, for exactly what draws keys of sites")
        _must(("log_key" in body) == (action["kind"] == "rotate-log-key"), "a log key, for exactly its rotation")
        after = apply_action(self.current, action, self._day(time))
        _must(("check" in body) == (action["kind"] == "open-site"), "a check of a site's key, for exactly the sites opened")
        if "check" in body:
            new_check(after["sites"][-1], self.epoch(), body["check"])
            self.site_proofs[after["sites"][-1]["id"]] = body["proposal"], body["proof"]
        _must(("keys" in body) == (action["kind"] in NEW_KEYS and not alone), "new keys, for exactly a rotation or a re-share")
        if alone:
            self._take_cards((body["proposal"], body["proof"]))
        if "keys" in body:
            self._take_keys(after, body["keys"], (body["proposal"], body["proof"]))
        if "log_key" in body:
            self._check_new_log_key(body["log_key"], self.current["origin"])
            self._hand_over(after, body["log_key"])
        self._ticket_change(after, keys=action["kind"] in WITH_PROOF)
        p["stage"] = done
        if action["kind"] == "confirm-subjects":
            self._confirm(action["site"])
        if action["kind"] == "change-policy":
            self.shortened.pop(action["site"], None)
        self._change(after)
        self._note_schedule("keys" in body, time, now)
        if action["kind"] == "export":
            self._new_export(body["proposal"])["entry"] = self.size
        for name in action.get("rules", ()):
            self.agreed.pop(name, None)
        if action["kind"] == "cancel-erasures":
            for s in self.subjects.values():
                if s["due"] and s["site"] == action["site"] and s["suspended"] < p["entry"]:
                    s["due"] = None
        if action["kind"] in ("change-rules", "change-custodian", "reshare"):
            self.rule_version = self.size
            self._unsettle(lambda p: True)

    def _unsettle(self, wanted):
        for p in self.proposals.values():
            if p["stage"] in STAGES and wanted(p):
                p["stage"], p["approved"] = next_stage(p["stage"], "unsettle"), set()
                p["unsettled"] = self.size
                p.pop("complete", None)

    def _change(self, after):
        self.current, self.changed = after, True
        self._index()

    # One custodian's narrowing.

    def _revoked(self, body, time, now):
        self._must_count(body["by"], time, now)
        names = body["principals"]
        _must(names and names == sorted(set(names)), "a revocation of nobody, or out of order")
        for who in names:
            _must(who in self.principals and not self._has_role(who, "custodian"), f"a revocation of {who}")
        self._change({**self.current, "principals": [p for p in self.current["principals"] if p["id"] not in names]})
        self._unsettle(lambda p: principals_in(p["made"]["action"]) & set(names))

    def _tightened(self, body, time, now):
        by, action = body["by"], body["action"]
        self._must_count(by, time, now)
        check_tightening(self.current, action)
        after = apply_action(self.current, action, self._day(time))
        if action["kind"] == "change-rules":
            _must(now >= self.tightenings.get(by, -BETWEEN_MS) + BETWEEN_MS, f"{by} tightened rules within seven days")
            for name in action["rules"]:
                self.agreed.setdefault(name, self.current["rules"][name])
            self.tightenings[by] = now
        if action["kind"] == "change-policy":
            days = self.sites[action["site"]]["access_log_days"]
            if action["access_log_days"] < days:
                agreed, _ = self.shortened.get(action["site"], (days, None))
                self.shortened[action["site"]] = agreed, (max(time, self.public_latest), now)
        self._ticket_change(after)
        self._change(after)

    def _custodian_suspended(self, body, time, now):
        by, whom = body["by"], body["custodian"]
        self._must_count(by, time, now)
        _must(by != whom and self._has_role(whom, "custodian"), f"a suspension of {whom}")
        _must(all(who != whom or now >= at + BETWEEN_MS for who, at in self.suspensions.values()), f"{whom} was suspended within seven days")
        _must(now >= self.suspensions.get(by, ("", -BETWEEN_MS))[1] + BETWEEN_MS, f"{by} suspended somebody within seven days")
        left = {who for who in self.principals if who != whom and self._counts(who, time, now)}
        _must(all(meets(rule, left) for rule in self.current["rules"].values()), "a rule could not be met without the suspended")
        for group, g in self.groups.items():
            cards = sum(any(f"{group}/{h}" in left for h in share["holders"]) for share in g["shares"])
            _must(cards >= g["threshold"], "the vault could not be opened without the suspended")
        self.suspensions[by] = whom, now

    def _alarms_acknowledged(self, body, time, now):
        self._must_count(body["by"], time, now)
        _must(body["entry"] < self.size, "alarms acknowledged beyond the end of the log")

    # State digest.

    def _proposal_lines(self):
        if self.changed:
            yield f"rule-version {self.rule_version}"
            yield "current " + canonical(self.current).decode()
        for key in sorted(self.proposals):
            yield "proposal " + canonical(_as_json(self.proposals[key])).decode()
        yield from self._export_lines()
        for name in sorted(self.agreed):
            yield f"agreed-rule {name} " + canonical(self.agreed[name]).decode()
        for by, clock in sorted(self.tightenings.items()):
            yield f"tightening {by} {clock}"
        for site, (days, (at_time, at_clock)) in sorted(self.shortened.items()):
            yield f"shortened {site} {days} {format_time(at_time)} {at_clock}"
        for by, (whom, clock) in sorted(self.suspensions.items()):
            yield f"suspension {by} {whom} {clock}"
        yield from self._key_lines()


def _as_json(p):
    moments = {key: {"clock": p[key][1], "time": format_time(p[key][0])} for key in ("opened", "complete") if key in p}
    return {**p, **moments, "approved": sorted(p["approved"])}
