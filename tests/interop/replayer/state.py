"""FORMAT.md section 7: the state, the fold, and the state digest."""
from .canonical import DAY_MS, Bad, canonical, format_day, format_time, parse_day, parse_time
from .events import TYPES
from .genesis import check_genesis, may_sign
from .proposals import DELAY_MS, Proposals
from .tickets import Tickets
from .tree import sha256

INPUTS = ("genesis", "start", "unseal-share", "unsealed", "unseal-ended", "sealed", "sums", "narrowing", "widening", "access", "recovered", "ticket-used")
_ROWS = {
    "new": "stopped - - - - - - - - - - -",
    "stopped": "- sealed - - - - - - - - stopped -",
    "sealed": "- sealed unsealing - - sealed sealed sealed - - stopped open",
    "unsealing": "- sealed unsealing open sealed sealed unsealing unsealing - - stopped open",
    "open": "- sealed - - - sealed open open open open stopped -",
}
PHASES = {phase: dict(zip(INPUTS, row.split())) for phase, row in _ROWS.items()}


def _must(good, why):
    if not good:
        raise Bad(why)


class State(Proposals, Tickets):
    """apply() and apply_access() raise Bad; the state is then not to be used any more."""

    def __init__(self):
        Proposals.__init__(self)
        Tickets.__init__(self)
        self.size, self.phase, self.base, self.latest, self.clock = 0, "new", 0, 0, 0
        self.public_latest, self.public_clock = 0, 0  # by governance events alone
        self.genesis, self.start, self.shares, self.shares_before, self.sites = None, 0, {}, {}, {}
        self.subjects, self.period_keys, self.slots, self.wraps, self.erased = {}, {}, set(), {}, {}
        self.backups = set()  # entries in each

    def _index(self):
        self.principals = {p["id"]: p for p in self.current["principals"]}
        self.sites = {s["id"]: s for s in self.current["sites"]}
        self.models = {m["id"]: m for m in self.current["models"]}
        self.groups = {g["id"]: g for g in self.current["groups"]}

    def _has_role(self, who, role):
        return who in self.principals and self.principals[who]["role"] == role

    def _operator(self, body):
        by = body["by"]
        _must(self._has_role(by, "operator"), f"{by} is no operator")
        _must(body["site"] in self.principals[by]["sites"], f"{by} acts outside the own scope")

    def _subject(self, body):
        subject = self.subjects.get(body["ref"])
        _must(subject, "the subject is not enrolled")
        _must(subject["site"] == body["site"], "the subject is enrolled at another site")
        return subject

    # The fold.

    def _next(self, kind):
        phase = PHASES[self.phase][kind]
        _must(phase != "-", f"{kind} while the vault is {self.phase}")
        return phase

    def apply_access(self):
        self._next("access")
        self.size += 1

    def apply(self, event):
        kind, body = event["type"], event["body"]
        phase = self._next(TYPES[kind][2])
        base = self.public_clock - event["uptime_ms"] if kind in ("genesis", "start", "recovered") else self.base
        time, now = parse_time(event["time"]), base + event["uptime_ms"]
        now = now if 0 <= now < 2**63 else 0
        getattr(self, "_" + kind.replace("-", "_"))(body, time, now)
        self.phase, self.base = phase, base
        self.clock, self.latest = max(self.clock, now), max(self.latest, time)
        if event["class"] == "governance":
            self.public_clock, self.public_latest = max(self.public_clock, now), max(self.public_latest, time)
        self.size += 1

    def _genesis(self, body, time, now):
        check_genesis(body)
        _must("ticket" not in body, "a restart ticket without a proposal")
        self.genesis = self.current = body
        self._index()
        self._note_schedule(True, time, now)

    def _start(self, body, *_):
        self._ticket_start(body)
        self.start = self.size
        self._clear_shares()

    def _clear_shares(self):
        self.shares, self.shares_before = {}, {}

    def _unseal_share(self, body, time, now):
        by, group, card, before = body["by"], body["group"], body["share"], "before" in body
        self._must_count(by, time, now)
        groups, shares = self._card_groups(before), self.shares_before if before else self.shares
        _must(group in groups and card <= len(groups[group]["shares"]), "there is no such card")
        holders = [f"{group}/{h}" for h in groups[group]["shares"][card - 1]["holders"]]
        left = before and not any(h in self.principals for h in holders) and by.startswith(f"{group}/")
        _must(by in holders or left, f"{by} does not hold the card")
        _must(card not in shares.get(group, ()), "the card is in already")
        shares.setdefault(group, set()).add(card)

    def _unsealed(self, body, time, now):
        before = "before" in body
        groups, shares = self._card_groups(before), self.shares_before if before else self.shares
        _must(all(len(shares.get(g, ())) >= x["threshold"] for g, x in groups.items()), "an unseal without its quorum")
        cards = sorted(f"{g}/{n}".encode() for g, numbers in shares.items() for n in numbers)
        _must([c.encode() for c in body["by"]] == cards, "an unseal that names other cards than those handed in")
        self._clear_shares()
        if self.rotation and not before:
            self.rotation["untried"] = False
        self._ticket_unsealed(time, now)

    def _unseal_ended(self, *_):
        self._clear_shares()

    def _sealed(self, body, time, now):
        _must(body["by"] == "daemon" or self._counts(body["by"], time, now), f"sealed by {body['by']}, who is no custodian who counts")
        self._ticket_sealed(body)
        self._clear_shares()

    def _sums(self, *_):
        pass

    def _openings_read(self, body, *_):
        _must(self._has_role(body["by"], "auditor"), f"openings read by {body['by']}, who is no auditor")
        if body["what"] == "register":
            _must(self.phase == "open", "the register read while the vault was not open")
        else:
            _must(body["bundle"] * 256 < self.size, "openings read beyond the end of the log")

    def _enrolled(self, body, *_):
        self._operator(body)
        _must(body["ref"] not in self.subjects, "a subject enrolled twice")
        _must(body["slot"] not in self.slots, "a key slot with two owners")
        self.subjects[body["ref"]] = {**body, "entry": self.size, "due": None, "templates": []}
        self._own(body)

    def _own(self, body):
        self.slots.add(body["slot"])
        self.wraps[body["site"]] = self.wraps.get(body["site"], 0) + 1

    def _template(self, body, *_):
        self._operator(body)
        subject = self._subject(body)
        _must(subject["due"] is None, "a template of a suspended subject")
        model = self.models.get(body["model"])
        _must(model and model["version"] == body["model_version"], "a template of an unknown model")
        _must(len(subject["templates"]) < 8, "a ninth template")
        _must(body["template"] not in [t["template"] for t in subject["templates"]], "a template id twice")
        self._check_camera(body)
        subject["templates"].append({**body, "entry": self.size})

    def _erased(self, body, time, now):
        subject = self._subject(body)
        if body["reason"] == "delay-over":
            _must(body["by"] == "daemon" and subject["due"], "an erasure after a delay that nobody started")
            over = time >= parse_time(subject["due"]) and now >= subject["clock"] + DELAY_MS
            _must(over, "an erasure before its delay was over")
            _must(not self._is_held(subject, time, now), "an erasure while people decide to cancel it")
        else:
            self._operator(body)
            day = format_day(max(time, self.latest))
            known, count = self.erased.get(body["by"], (day, 0))
            count = count if known == day else 0
            _must(count < self.sites[body["site"]]["erase_daily"], "an erasure beyond the day's allowance")
            self.erased[body["by"]] = (day, count + 1)
        if "horizon" in body:
            _must(body["horizon"] == self._horizon(body["ref"]), "an erasure with another horizon")
        self.slots.remove(subject["slot"])
        del self.subjects[body["ref"]]

    def _suspended(self, body, time, now):
        self._operator(body)
        subject = self._subject(body)
        _must(subject["due"] is None, "the subject is suspended already")
        _must(parse_time(body["due"]) >= time + DELAY_MS, "a suspension with too short a delay")
        subject["due"], subject["clock"], subject["suspended"] = body["due"], now, self.size

    def _period_key(self, body, time, now):
        key = body["purpose"], body["site"], body["period"]
        _must(body["site"] in self.sites, "a period key of a site that does not exist")
        _must(key not in self.period_keys, "a period key twice")
        _must(body["slot"] not in self.slots, "a key slot with two owners")
        self.period_keys[key] = body["slot"], self.size, now
        self._own(body)

    def _period_key_destroyed(self, body, time, now):
        key = purpose, site, period = body["purpose"], body["site"], body["period"]
        _must(key in self.period_keys, "the end of a period key that is not there")
        slot, _, made = self.period_keys[key]
        if purpose == "access":
            kept, over = self._days_kept(site, time, now) * DAY_MS, parse_day(period + "-01") + 31 * DAY_MS
        else:
            kept, over = 30 * DAY_MS, parse_day(period) + DAY_MS
        _must(time >= over + kept and now >= made + kept, "the end of a period key before its time")
        self.slots.remove(slot)
        del self.period_keys[key]

    def _backup_made(self, body, time, now):
        self._must_count(body["by"], time, now)
        _must(body["since"] < body["size"] <= self.size, "a backup of other entries than there are")
        self.backups.add(body["size"])

    def _restored(self, body, *_):
        size = body["size"]
        _must(self.start + 1 == self.size, "a restore that is not right behind a start")
        _must(size <= self.start and body["entries"] == self.start - size, "a restore of other entries than those before the start")
        _must(size in self.backups, "a restore from a backup that the log does not have")
        lost = [ref for ref, s in self.subjects.items() if s["entry"] >= size]
        _must(len(lost) == body["subjects"], "a restore that lost others than those enrolled behind its backup")
        self._end_ticket("keys")
        for ref in lost:
            self.slots.remove(self.subjects.pop(ref)["slot"])
        for subject in self.subjects.values():
            subject["templates"] = [t for t in subject["templates"] if t["entry"] < size]
        for key in [key for key, (_, entry, _) in self.period_keys.items() if entry >= size]:
            self.slots.remove(self.period_keys.pop(key)[0])

    # Access events that were opened: checks alone.

    def check_access(self, event):
        body = event["body"]
        p = self.principals.get(body["by"])
        if event["type"] == "metadata-read" and body["what"] == "export":
            good = p and p["role"] == "custodian" and body["site"] in self.sites
            _must(good, "the people of an export read by a wrong role, or of no site")
            return
        _must(p and body["site"] in p.get("sites", ()), f"{body['by']} acts outside the own scope")
        if event["type"] == "match":
            _must(p["role"] == "door" and body["door"] in p["doors"], "a match outside the door's scope")
            _must(body["model"] in self.models, "a match with an unknown model")
            self._check_camera(body, body["door"], body["decision"] == "refer")
            over = body.get("over")
            _must(over is None or body["decision"] == ("no_match" if over == "subject" else "refer"),
                  "a match over a budget that decides otherwise")
            _must(over not in ("subject", "camera") or over in body, f"a match over the budget of no {over}")
        else:
            good = p["role"] == "operator" or (p["role"] == "door" and body["what"] == "changes")
            _must(good, "metadata read by a wrong role")

    def _check_camera(self, body, door=None, low=False):
        """`low`: a level below the site's is as it must be."""
        site = self.sites[body["site"]]
        if "camera" in body:
            _must(may_sign(self.principals.get(body["camera"], {}), body["site"], door), "a probe that no camera of the place signed")
        else:
            _must(site.get("signed_probes") != "required", "a probe without a signature")
        _must(low or body.get("pad", 0) >= site.get("min_pad", 0), "below the site's PAD level")

    # State digest.

    def digest(self):
        lines = ["facekeep/state/v1", f"size {self.size}", f"phase {self.phase}"]
        if self.genesis is None:
            return sha256(_lines(lines))
        lines += [f"genesis {sha256(canonical(self.genesis)).hex()}", f"start {self.start}", f"clock {self.clock}"]
        lines += [f"share {g} {n}" for g in sorted(self.shares) for n in sorted(self.shares[g])]
        lines += [f"share-before {g} {n}" for g in sorted(self.shares_before) for n in sorted(self.shares_before[g])]
        lines += [" ".join(["period-key", *k, *map(str, self.period_keys[k])]) for k in sorted(self.period_keys)]
        lines += [f"wraps {s} {n}" for s, n in sorted(self.wraps.items())]
        lines += [f"erased {by} {day} {n}" for by, (day, n) in sorted(self.erased.items())]
        lines += self._proposal_lines()
        lines += [f"backup {size}" for size in sorted(self.backups)]
        lines += [f"rotation-since {format_time(self.scheduled[0])} {self.scheduled[1]}"] if self.scheduled else []
        lines += self._ticket_lines()
        acc = sha256(_lines(lines))
        for ref in sorted(self.subjects):
            acc = sha256(acc, _lines(_subject_lines(ref, self.subjects[ref])))
        return acc


def _subject_lines(ref, s):
    end = (f"{s['due']} {s['clock']}" if s["due"] else "-") + (" in-doubt" if s.get("in_doubt") else "")
    yield f"subject {ref} {s['site']} {s['slot']} {s['consent']} {s['record']} {s['until']} {s['entry']} {end}"
    for t in s["templates"]:
        yield f"template {t['template']} {t['model']} {t['model_version']} {t['blob']} {t['entry']}"


def _lines(lines):
    return "".join(line + "\n" for line in lines).encode()
