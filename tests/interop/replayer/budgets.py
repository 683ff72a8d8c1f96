"""FORMAT.md section 7a: budgets, the part of the state that access events feed."""
from .tree import sha256

MEMORY_MS = 86_400_000
DEFAULTS = {"door": {"burst": 960, "refill_ms": 500}, "camera": {"burst": 240, "refill_ms": 2000},
            "subject_door": {"burst": 64, "refill_ms": 675_000}, "subject": {"burst": 128, "refill_ms": 337_500},
            "unsigned_cost": 4, "repeat_cost": 4}
BUCKETS = ("door", "camera", "subject", "subject_door")


def of_site(site):
    return site.get("budgets", DEFAULTS)


def as_strict(budgets, base):
    return (all(budgets[k]["burst"] <= base[k]["burst"] and budgets[k]["refill_ms"] >= base[k]["refill_ms"] for k in BUCKETS)
            and all(budgets[k] >= base[k] for k in ("unsigned_cost", "repeat_cost")))


class Budgets:
    """One fold. `empty`: buckets were empty at its clock 0, not full."""

    def __init__(self, uptime=None, empty=False):
        self.clock, self.uptime, self.empty, self.full_at = 0, uptime, empty, {}

    def start(self, uptime):
        self.uptime = uptime

    def run_to(self, uptime):
        if self.uptime is not None:
            self.clock += max(0, uptime - self.uptime)
        self.uptime = max(uptime, self.uptime or 0)

    @staticmethod
    def _buckets(policy, match):
        """(whose budget, its line in the digest, its policy), in the order in which they are asked."""
        site, door, who = match["site"], match["door"], match.get("subject")
        yield "door", f"door {site} {door}", policy["door"]
        if "camera" in match:
            yield "camera", f"camera {site} {match['camera']}", policy["camera"]
        if who:
            yield "subject", f"subject {site} {who}", policy["subject"]
            yield "subject", f"subject-door {site} {who} {door}", policy["subject_door"]

    @staticmethod
    def _cost(policy, match):
        return (1 if "camera" in match else policy["unsigned_cost"]) * (policy["repeat_cost"] if "repeat" in match else 1)

    def _owed(self, key, bucket):
        return max(0, self.full_at.get(key, bucket["burst"] * bucket["refill_ms"] if self.empty else 0) - self.clock)

    def over(self, policy, match):
        """The first budget that the call is over, or None."""
        return next(iter(self.over_all(policy, match)), None)

    def over_all(self, policy, match):
        """Every budget that the call is over, in their order."""
        return [whose for whose, key, bucket in self._buckets(policy, match)
                if self._owed(key, bucket) + min(self._cost(policy, match), bucket["burst"]) * bucket["refill_ms"]
                > bucket["burst"] * bucket["refill_ms"]]

    def charge(self, policy, match):
        for _, key, bucket in self._buckets(policy, match):
            before, tokens = self._owed(key, bucket), min(self._cost(policy, match), bucket["burst"])
            most = max(before, bucket["burst"] * bucket["refill_ms"])
            self.full_at[key] = self.clock + min(before + tokens * bucket["refill_ms"], most)

    def digest(self):
        lines = sorted((k, until - self.clock) for k, until in self.full_at.items() if until > self.clock)
        return sha256(b"facekeep/budgets/v1\n", "".join(f"{k} {owed}\n" for k, owed in lines).encode())


class BudgetCheck:
    """What an auditor repeats. Where accesses can't be read there are two folds, until they agree."""

    def __init__(self):
        self.budgets, self.emptied, self.lost, self.in_force, self.compare_at = Budgets(), None, False, False, 0
        self.last_access = -1  # that was read

    def unknown(self):
        self.lost = True

    def event(self, n, event, sites):
        """Yields what is wrong: (severity, text)."""
        kind, body, uptime = event["type"], event["body"], event["uptime_ms"]
        if self.lost:
            self.lost, self.budgets, self.emptied, self.compare_at = False, Budgets(uptime), Budgets(uptime, True), MEMORY_MS
        if event["class"] == "access":
            self.last_access = n
        folds = [f for f in (self.budgets, self.emptied) if f]
        if kind in ("genesis", "start"):
            if kind == "start":
                if self.in_force and "budgets" not in body:
                    yield "warning", "the daemon keeps no budgets, which the one before it did"
                self.in_force = "budgets" in body
            for fold in folds:
                fold.start(uptime)
            return
        for fold in folds:
            fold.run_to(uptime)
        if self.emptied and self.emptied.clock >= self.compare_at:
            self.compare_at = self.emptied.clock + MEMORY_MS // 24
            if self.emptied.digest() == self.budgets.digest():
                self.emptied, folds = None, folds[:1]
        if kind == "restored" and self.last_access >= body["size"]:  # the daemon can't read what this reader could
            self.emptied, self.compare_at = Budgets(uptime, True), MEMORY_MS
        if kind != "match":
            return
        policy, said = of_site(sites[body["site"]]), body.get("over")
        found, order = self.budgets.over(policy, body), ("door", "camera", "subject", None)
        if self.in_force and said is None and found and body["decision"] != "refer":
            yield "error", f"it was answered, though the budget of the {found} was used up"
        may_be = said == found or (self.emptied and said in self.emptied.over_all(policy, body) and order.index(said) <= order.index(found))
        if self.in_force and said and not may_be:
            yield "error", f"it was turned down for the budget of the {said}, which was not used up"
        if not said:
            for fold in folds:
                fold.charge(policy, body)

    def digest(self):
        return None if self.lost or self.emptied else self.budgets.digest()
