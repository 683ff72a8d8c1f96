"""Logs in which somebody made up, moved or repeated what people decide together. A library of p4_anyone_can_replay.py: whoever wrote them
holds the log key, so that the hashes are whole and only the people's own signatures, or the rules, show it."""
import base64

from replayer.canonical import DAY_MS
from replayer.council import BOTH, Council, new_custodian, new_site, policy, registration, rule, signed_vote, thresholds
from replayer.synthetic import Item, Log, genesis, some_hex, start_daemon

CASES = []  # as in p4_log_changes.py


def base():
    """Entry 2 to 5: a door, decided and carried out. 6 to 8: a proposal, signed once, vetoed. 9 to 10: put again. 11: open. Then one
    person's acts."""
    log = Log()
    log.add("genesis", genesis())
    start_daemon(log)
    c = Council(log)
    c.decide("property/1", registration(), *BOTH)
    vetoed = c.propose("property/1", thresholds(300000, 400000))
    c.approve(vetoed, "property/1")
    c.veto("residents/2", vetoed)
    c.approve(c.propose("property/1", thresholds(300000, 400000), overrides=vetoed), "property/1")
    c.propose("residents/1", policy(40, 3))
    c.revoke("residents/1", "operator/2")
    c.tighten("residents/1", policy(20, 1))
    c.tighten("residents/1", {"kind": "change-rules", "rules": {"export": rule(2)}})
    c.suspend("property/1", "residents/3")
    return log, c


DOOR, BY_PROPERTY, BY_RESIDENTS, DONE, VETOED, SIGNED, VETO, AGAIN, AGAIN_SIGNED, OPEN, REVOKED, TIGHTENED, RULES, SUSPENDED = range(2, 16)


def case(name, entries):
    def add(change):
        def changed(_):
            log, c = base()
            change(log, c)
            return log
        CASES.append((name, changed, entries, "error", False))
        return change
    return add


def body_case(name, at, change, entries=None):
    """One event's body altered; no vote behind it knows."""
    case(name, entries or {at})(lambda log, c: change(log.items[at].event["body"]))


def added_case(name, add):
    """At the end, by people who do not fit there."""
    case(name, {SUSPENDED + 1})(add)


def cut_behind(log, at):
    """Roots in later votes would show an inserted entry by themselves."""
    del log.items[at + 1:]


def again_case(name, at, change=lambda body: None):
    """The same event a second time, right behind it, and nothing more."""
    @case(name, {at + 1})
    def _(log, c):
        event = log.items[at].event
        cut_behind(log, at)
        log.items.append(Item({**event, "body": dict(event["body"])}))
        change(log.items[-1].event["body"])


def signed_anew(at, verb="approve", key_of=None, vault=None, digest=None, **fields):
    """The vote at `at` with other fields, signed as its signer (or `key_of`) would."""
    def change(log, c):
        body = log.items[at].event["body"]
        vote = {k: v for k, v in {**body, **fields}.items() if k != "signature"}
        log.items[at].event["body"] = signed_vote(vault or c.vault, c.made[vote["proposal"]], vote, verb, key_of, digest)
    return change


def without_armour(body, change):
    lines = body["signature"].rstrip("\n").split("\n")
    data = change(bytearray(base64.b64decode("".join(lines[1:-1]))))
    text = base64.b64encode(data).decode()
    body["signature"] = "\n".join([lines[0], *(text[i:i + 70] for i in range(0, len(text), 70)), lines[-1], ""])


def flip_last(data):
    data[-1] ^= 1
    return data


# ---- forged, truncated

body_case("decisions: a vote in another custodian's name", BY_RESIDENTS, lambda b: b.update(by="residents/2"))
body_case("decisions: a vote in an operator's name", BY_RESIDENTS, lambda b: b.update(by="operator/1"))
body_case("decisions: a vote in nobody's name", BY_RESIDENTS, lambda b: b.update(by="residents/9"))
case("decisions: a vote signed with the key of a person of the other group", {BY_RESIDENTS})(signed_anew(BY_RESIDENTS, key_of="property/2"))
case("decisions: a vote signed with a key of nobody's", {BY_RESIDENTS})(signed_anew(BY_RESIDENTS, key_of="somebody else"))
body_case("decisions: a signature with one bit changed", BY_RESIDENTS, lambda b: without_armour(b, flip_last))
body_case("decisions: a signature cut short", BY_RESIDENTS, lambda b: without_armour(b, lambda d: d[:-1]))
body_case("decisions: a signature with something behind it", BY_RESIDENTS, lambda b: without_armour(b, lambda d: d + b"\0"))
body_case("decisions: no signature at all", BY_RESIDENTS, lambda b: b.update(signature=""))
case("decisions: a vote at another size than was signed", {BY_RESIDENTS})(
    lambda log, c: log.items[BY_RESIDENTS].event["body"].update(size=3, root=log.tiles(3).root().hex()))
case("decisions: a vote for another vault", {BY_RESIDENTS})(signed_anew(BY_RESIDENTS, vault=some_hex("other vault", 16)))
case("decisions: a veto taken for an approval", {BY_RESIDENTS})(signed_anew(BY_RESIDENTS, verb="veto"))
case("decisions: an approval taken for a veto", {VETO})(signed_anew(VETO, verb="approve"))
case("decisions: a vote over another history's root", {BY_RESIDENTS})(signed_anew(BY_RESIDENTS, root=some_hex("another history")))
case("decisions: a veto over another history's root", {VETO})(signed_anew(VETO, "veto", root=some_hex("another history")))
case("decisions: a vote from before the proposal", {BY_RESIDENTS})(
    lambda log, c: signed_anew(BY_RESIDENTS, size=DOOR, root=log.tiles(DOOR).root().hex())(log, c))
case("decisions: a vote over a log that is not there yet", {BY_RESIDENTS})(signed_anew(BY_RESIDENTS, size=BY_RESIDENTS + 1))
case("decisions: a vote under rules that were not in force", {BY_RESIDENTS})(signed_anew(BY_RESIDENTS, rule=1))
body_case("decisions: the proposal altered behind its signatures", DOOR, lambda b: b["action"]["principals"][0].update(doors=[]) or
          b["action"]["principals"][0].update(role="camera", id="camera/1") or b["action"]["principals"][0].pop("doors"), {BY_PROPERTY})
body_case("decisions: another purpose behind the signatures", DOOR, lambda b: b.update(purpose="something-else"), {BY_PROPERTY})

# ---- replayed, re-ordered, moved

again_case("decisions: one person's vote twice", BY_PROPERTY)
again_case("decisions: a decision carried out twice", DONE)
again_case("decisions: a proposal twice", DOOR)


@case("decisions: a vote before its proposal", {DOOR})
def _(log, c):
    log.items[DOOR:BY_RESIDENTS] = [log.items[BY_PROPERTY], log.items[DOOR]]


@case("decisions: carried out before the last vote", {BY_RESIDENTS})
def _(log, c):
    log.items[BY_RESIDENTS:DONE + 1] = [log.items[DONE], log.items[BY_RESIDENTS]]


@case("decisions: a vote for a proposal that has ended", {DONE + 1})
def _(log, c):
    log.items[DONE + 1] = Item({**log.items[DONE + 1].event, "type": "approval", "body": c.ballot("property/2", next(iter(c.made)))})
    signed_anew(DONE + 1, size=DONE + 1, root=log.tiles(DONE + 1).root().hex())(log, c)
    cut_behind(log, DONE + 1)


@case("decisions: the last vote left out", {BY_RESIDENTS})
def _(log, c):
    log.items.pop(BY_RESIDENTS)


@case("decisions: the proposer counted without signing", {BY_RESIDENTS})
def _(log, c):
    log.items.pop(BY_PROPERTY)
    signed_anew(BY_PROPERTY, size=3, root=log.tiles(3).root().hex())(log, c)


# ---- by people who do not count, and beyond the rules

def with_council(name, people):
    """A log of two entries, and what `people` do next: the last entry is the wrong one."""
    def changed(_):
        log = Log()
        log.add("genesis", genesis())
        start_daemon(log)
        people(Council(log))
        return log
    probe = changed(None)
    CASES.append((name, changed, {len(probe.items) - 1}, "error", False))


def moved(c):
    first, second = c.propose("property/1", registration()), c.propose("property/1", policy(50, 5))
    c.log.add("approval", {**c.ballot("property/1", first), "proposal": second})


def vetoed(c):
    first = c.propose("property/1", registration())
    c.approve(first, *BOTH)
    c.veto("residents/2", first)
    c.done(first)


def removed(c):
    gone = {**new_custodian("residents/3", "residents/3"), "until": "2026-11-17"}
    c.decide("property/1", {"kind": "change-custodian", "custodian": gone}, *BOTH)
    c.approve(c.propose("property/1", registration()), "residents/3")


def old_key(c):
    c.decide("property/1", {"kind": "change-custodian", "custodian": new_custodian("residents/3", "residents/3 anew")}, *BOTH)
    c.approve(c.propose("property/1", registration()), "residents/3")


def stale(c):
    signed = c.propose("property/1", registration())
    c.approve(signed, "property/1", "residents/1")
    c.decide("property/1", {"kind": "change-rules", "rules": {"export": rule(2)}}, *BOTH)
    c.done(signed)


def replayed_after_rules(c):
    signed = c.propose("property/1", registration())
    before = c.ballot("residents/1", signed)
    c.decide("property/1", {"kind": "change-rules", "rules": {"export": rule(2)}}, *BOTH)
    c.log.add("approval", before)


def suspended(c):
    c.suspend("property/1", "residents/3")
    c.approve(c.propose("property/1", registration()), "residents/3")


def suspended_and_counted(c):
    signed = c.propose("property/1", registration())
    c.approve(signed, "property/1", "residents/3")
    c.suspend("property/2", "residents/3")
    c.done(signed)


def too_early(c):
    signed = c.propose("property/1", registration())
    c.approve(signed, *BOTH)
    c.done(signed, DAY_MS - 1)


def clock_set_forward(c):
    signed = c.propose("property/1", registration())
    c.approve(signed, *BOTH)
    c.log.wall += DAY_MS
    c.done(signed, 1000)


def too_late(c):
    signed = c.propose("property/1", registration())
    c.approve(signed, *BOTH)
    c.done(signed, 7 * DAY_MS)


def under_the_override(c):
    loosen = thresholds(1, 1)
    first = c.propose("property/1", loosen)
    c.veto("residents/2", first)
    again = c.propose("property/1", loosen, overrides=first)
    c.approve(again, *BOTH)
    c.done(again)


def other_override(c):
    first = c.propose("property/1", thresholds(1, 1))
    c.veto("residents/2", first)
    c.propose("property/1", thresholds(1, 2), overrides=first)


def veto_of_override(c):
    first = c.propose("property/1", thresholds(1, 1))
    c.veto("residents/2", first)
    c.veto("residents/2", c.propose("property/1", thresholds(1, 1), overrides=first))


def own_removal(c):
    gone = {**new_custodian("residents/3", "residents/3"), "until": "2026-11-17"}
    c.veto("residents/3", c.propose("property/1", {"kind": "change-custodian", "custodian": gone}))


def tightened_in_force(c):
    """A proposal that was complete, and a rule that has come to ask for more."""
    signed = c.propose("property/1", policy(60, 3))
    c.approve(signed, *BOTH)
    c.tighten("residents/2", {"kind": "change-rules", "rules": {"policy": rule(2)}})
    c.done(signed)


def revoked_meanwhile(c):
    signed = c.propose("property/1", registration("door/1"))
    c.approve(signed, *BOTH)
    c.revoke("residents/2", "door/1", reason="lost")
    c.done(signed)


def replayed_after_revocation(c):
    signed = c.propose("property/1", registration("door/1"))
    before = c.ballot("residents/1", signed)
    c.revoke("residents/2", "door/1", reason="misuse")
    c.log.add("approval", before)


CANCEL = {"kind": "cancel-erasures", "site": "main"}


def cancelling_vetoed(c):
    c.veto("residents/2", c.propose("property/1", CANCEL))


def cancelling_taken_back(c):
    cancel = c.propose("property/1", CANCEL)
    c.approve(cancel, "property/2")
    c.withdraw(cancel)


def undoing_vetoed(c):
    c.tighten("residents/2", policy(1, 1))
    c.veto("residents/2", c.propose("property/1", policy(30, 1)))


def cancel_rule_tightened(c):
    c.tighten("residents/2", {"kind": "change-rules", "rules": {"cancel": rule(2, 0)}})


def sealed_by_suspended(c):
    c.suspend("property/1", "residents/3")
    c.log.add("sealed", {"by": "residents/3", "reason": "request"})


def card_of_suspended(c):
    c.suspend("property/1", "residents/3")
    c.log.add("unseal-share", {"by": "residents/3", "group": "residents", "share": 3})


for what, wrong in {
        "a vote from before a revocation": replayed_after_revocation, "a cancelling vetoed": cancelling_vetoed,
        "a cancelling taken back that others signed": cancelling_taken_back, "the undoing of a shorter retention vetoed": undoing_vetoed,
        "the rule to cancel tightened by one person": cancel_rule_tightened, "sealed by a suspended custodian": sealed_by_suspended,
        "a suspended custodian's card": card_of_suspended, "a vote moved to another proposal": moved, "carried out over a veto": vetoed, "a vote by a removed custodian": removed, "a vote with the key from before": old_key,
        "carried out on votes from before a rule changed": stale, "a vote from before a rule changed": replayed_after_rules,
        "a vote by a suspended custodian": suspended, "a suspended custodian counted": suspended_and_counted,
        "carried out a moment early": too_early, "the wall clock set over the delay": clock_set_forward,
        "carried out after its lifetime": too_late, "an override carried out under the ordinary rule": under_the_override,
        "an override of another action": other_override, "an override vetoed": veto_of_override,
        "a veto of the own removal": own_removal, "carried out under a rule that was tightened since": tightened_in_force,
        "carried out after whom it names was revoked": revoked_meanwhile}.items():
    with_council("decisions: " + what, wrong)

added_case("decisions: a vote of a suspended custodian", lambda log, c: c.approve(list(c.made)[3], "residents/3"))
added_case("decisions: withdrawn by another", lambda log, c: log.add("proposal-withdrawn", {"by": "property/2", "proposal": list(c.made)[3]}))
added_case("decisions: a custodian revoked by one person", lambda log, c: c.revoke("property/2", "residents/1"))
added_case("decisions: a tightening that widens", lambda log, c: c.tighten("property/2", policy(40, 1)))
added_case("decisions: rules tightened twice in a week", lambda log, c: c.tighten(
    "residents/1", {"kind": "change-rules", "rules": {"reveal": rule(2)}}))
added_case("decisions: a rule of one person", lambda log, c: c.propose("property/1", {"kind": "change-rules", "rules": {
    "export": {**rule(), "groups": {"property": 1}}}}))
added_case("decisions: a rule of one group", lambda log, c: c.propose("property/1", {"kind": "change-rules", "rules": {
    "export": {**rule(), "groups": {"property": 3}}}}))
added_case("decisions: the last two who could meet a rule suspended", lambda log, c: c.suspend("property/2", "residents/2"))
body_case("decisions: more revoked than was said", REVOKED, lambda b: b.update(principals=["door/9", "operator/2"]))


@case("decisions: a site opened without the check of its key", {SUSPENDED + 4})
def _(log, c):
    c.decide("property/1", {"kind": "open-site", "site": new_site("tower")}, *BOTH)
