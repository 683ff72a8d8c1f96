"""Logs in which somebody made up, moved or repeated a step of a rotation or a re-share. A library of p4_anyone_can_replay.py."""
from p4_decisions import new_custodian
from replayer import handover, keys
from replayer.council import BOTH, Council, new_cards, new_keys, new_site, rule, signed_reshare
from replayer.synthetic import Log, genesis, some_hex, start_daemon, unseal

CASES = []  # as in p4_log_changes.py
SITES = ("annex", "main")
PEOPLE = ("property/1", "property/2", "property/3", "residents/1", "residents/2", "residents/4")


def council():
    """An open vault with three people."""
    log = Log()
    log.add("genesis", genesis())
    start_daemon(log)
    unseal(log)
    for n, first in enumerate(("20", "60", "a0")):
        log.add("enrolled", {"by": "operator/1", "consent": some_hex("consent"), "record": some_hex("record"), "ref": first * 16,
                             "site": "main", "slot": n, "until": "2030-12-31"})
    return Council(log)


def cards(c, name="second", **more):
    """residents/4 comes for residents/3."""
    return new_cards(name, [new_custodian(who, who) for who in PEOPLE], 8, **more)


def rewrap(c, upto, epoch=2):
    c.log.add("rewrapped", {"epoch": epoch, "root": some_hex("batch"), "upto": upto})


def rotated(c, **more):
    c.decide("property/1", {"kind": "rotate-keys"}, *BOTH, keys=new_keys(2, SITES) | more)
    return c


def reshared(c, action=None):
    c.decide("property/1", action or signed_reshare(c.vault, cards(c)), *BOTH, keys=new_keys(2, SITES))
    return c


def case(name):
    """The last entry that `wrong` adds is the wrong one."""
    def add(wrong):
        def changed(_):
            c = council()
            wrong(c)
            return c.log
        CASES.append((f"keys: {name}", changed, {len(changed(None).items) - 1}, "error", False))
        return wrong
    return add


for what, changes in {
        "no new key of a site": {"checks": {"main": some_hex("check")}}, "an epoch left out": {"epoch": 3},
        "the register's key not drawn anew": {"register_check": some_hex("register")},
        "a site's key not drawn anew": {"checks": {s: some_hex("check " + s) for s in SITES}}}.items():
    case(what)(lambda c, changes=changes: rotated(c, **changes))

for what, steps in {
        "a batch out of order": [lambda c: rewrap(c, "80" * 16), lambda c: rewrap(c, "40" * 16)],
        "a batch twice": [lambda c: rewrap(c, "80" * 16), lambda c: rewrap(c, "80" * 16)],
        "a batch that ends at somebody": [lambda c: rewrap(c, "60" * 16)],
        "a batch of another epoch": [lambda c: rewrap(c, "80" * 16, 3)],
        "old keys gone that somebody needs": [lambda c: rewrap(c, "80" * 16), lambda c: c.log.add("keys-retired", {"epoch": 1})],
        "the new keys gone": [lambda c: rewrap(c, keys.LAST_REF), lambda c: c.log.add("keys-retired", {"epoch": 2})],
        "a batch of a sealed vault": [lambda c: c.log.add("sealed", {"by": "daemon", "reason": "shutdown"}), lambda c: rewrap(c, "80" * 16)],
        "a second rotation meanwhile": [lambda c: c.decide("property/1", {"kind": "rotate-keys"}, *BOTH, keys=new_keys(3, SITES))],
        "a site opened meanwhile": [lambda c: c.decide("property/1", {"kind": "open-site", "site": new_site("tower")}, *BOTH, check=some_hex("c"))],
        }.items():
    case(what)(lambda c, steps=steps: [step(rotated(c) if i == 0 else c) for i, step in enumerate(steps)])


@case("a batch without a rotation")
def _(c):
    rewrap(c, "80" * 16)


@case("a rotation carried out without new keys")
def _(c):
    c.decide("property/1", {"kind": "rotate-keys"}, *BOTH)


@case("new keys for which nobody vouches")
def _(c):
    c.decide("property/1", {"kind": "rotate-keys"}, *BOTH, keys=new_keys(2, SITES))
    del c.log.items[-1].event["body"]["proof"]


@case("a site for which nobody vouches")
def _(c):
    c.decide("property/1", {"kind": "open-site", "site": new_site("tower")}, *BOTH, check=some_hex("check tower"))
    del c.log.items[-1].event["body"]["proof"]


@case("a site opened in a sealed vault")
def _(c):
    made = c.propose("property/1", {"kind": "open-site", "site": new_site("tower")})
    c.approve(made, *BOTH)
    c.log.add("sealed", {"by": "residents/2", "reason": "request"})
    start_daemon(c.log, same_daemon=True)
    c.done(made, check=some_hex("check tower"))


@case("the old keys gone before the new cards opened the vault")
def _(c):
    reshared(c)
    rewrap(c, keys.LAST_REF)
    c.log.add("keys-retired", {"epoch": 1})


@case("the old keys gone after the old cards opened the vault again")
def _(c):
    reshared(c)
    rewrap(c, keys.LAST_REF)
    c.log.add("sealed", {"by": "residents/2", "reason": "request"})
    start_daemon(c.log, same_daemon=True)
    people = ("property/1", "property/2", "residents/1", "residents/2")
    for who in people:
        c.log.add("unseal-share", {"by": who, "group": who.split("/")[0], "share": int(who[-1]), "before": True})
    c.log.add("unsealed", {"by": list(people), "before": True}, 0)
    c.log.add("keys-retired", {"epoch": 1})


@case("another ceremony by whose first one was vetoed")
def _(c):
    c.veto("residents/2", c.propose("property/1", {"kind": "rotate-keys"}))
    c.propose("property/1", {"kind": "rotate-keys"})


@case("new cards under another's key")
def _(c):
    action = cards(c)
    action["custodians"][1] = {**action["custodians"][1], "key": some_hex("a key of one's own")}
    c.propose("property/1", signed_reshare(c.vault, action))


@case("cards with people whose time is over")
def _(c):
    action = cards(c)
    for p in action["custodians"][1:3]:
        p["until"] = "2026-01-01"
    c.propose("property/1", signed_reshare(c.vault, action))


@case("a rule changed with new cards, under the rule of cards alone")
def _(c):
    c.tighten("residents/1", {"kind": "change-rules", "rules": {"rule": rule(2)}})
    reshared(c, signed_reshare(c.vault, cards(c, rules={"export": rule(2)})))


@case("a rotation by one group")
def _(c):
    c.decide("property/1", {"kind": "rotate-keys"}, "property/1", "property/2", keys=new_keys(2, SITES))


@case("two ceremonies at once")
def _(c):
    c.propose("property/1", {"kind": "rotate-keys"})
    c.propose("residents/1", {"kind": "rotate-keys"})


@case("cards that somebody did not sign for")
def _(c):
    action = signed_reshare(c.vault, cards(c))
    c.propose("property/1", {**action, "signatures": action["signatures"][:-1]})


@case("cards changed behind the signatures")
def _(c):
    c.propose("property/1", {**signed_reshare(c.vault, cards(c)), "unseal_key": some_hex("of one's own")})


@case("cards signed for another vault")
def _(c):
    c.propose("property/1", signed_reshare(some_hex("another vault", 16), cards(c)))


@case("the present cards again")
def _(c):
    action = cards(c)
    action["groups"][0]["shares"][0]["commitment"] = some_hex("card property 1")
    c.propose("property/1", signed_reshare(c.vault, action))


@case("the present unseal key again")
def _(c):
    c.propose("property/1", signed_reshare(c.vault, cards(c, unseal_key=some_hex("unseal"))))


@case("cards of one group alone")
def _(c):
    action = cards(c, rules={name: {**rule(), "groups": {"property": 2}} for name in genesis()["rules"]})
    c.propose("property/1", signed_reshare(c.vault, {**action, "groups": action["groups"][:1], "custodians": action["custodians"][:3]}))


@case("a rule of one person with new cards")
def _(c):
    c.propose("property/1", signed_reshare(c.vault, cards(c, rules={"export": {**rule(), "groups": {"property": 1}}})))


@case("an unseal key from two sets ago")
def _(c):
    reshared(c)
    rewrap(c, keys.LAST_REF)
    c.log.add("sealed", {"by": "residents/2", "reason": "request"})
    start_daemon(c.log, same_daemon=True)
    unseal(c.log)
    c.log.add("keys-retired", {"epoch": 1})
    c.propose("property/1", signed_reshare(c.vault, {**cards(c, "third"), "share_set": 9, "unseal_key": some_hex("unseal")}))


def only_named(_):
    """Genesis has the key that the auditor trusts, and people of somebody's own, who at once put a key of their own in its place: that key signed nothing."""
    c = council()
    c.decide("property/1", {"kind": "rotate-keys", "spare": handover.SPARE}, *BOTH, keys=new_keys(2, SITES))
    rewrap(c, keys.LAST_REF)
    c.log.add("keys-retired", {"epoch": 1})
    c.log.add("sealed", {"by": "daemon", "reason": "shutdown"})
    handover.recover(c, "lost", "a key of one's own")
    start_daemon(c.log)
    return c.log


CASES.append(("keys: a log that names the trusted key, which signed none of it", only_named, {0}, "error", False))


@case("a vote by who left")
def _(c):
    reshared(c)
    c.approve(c.propose("property/1", {"kind": "change-reveal", "site": "main", "hide_subject": True}), "residents/3")


@case("a vote from before the new cards")
def _(c):
    open_still = c.propose("residents/2", {"kind": "change-reveal", "site": "main", "hide_subject": True})
    before = c.ballot("property/2", open_still)
    reshared(c)
    c.log.add("approval", before)


@case("a card of who left")
def _(c):
    reshared(c)
    c.log.add("sealed", {"by": "residents/2", "reason": "request"})
    start_daemon(c.log, same_daemon=True)
    c.log.add("unseal-share", {"by": "residents/3", "group": "residents", "share": 3})
