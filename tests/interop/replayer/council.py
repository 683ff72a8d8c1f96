"""Custodians who decide together in a made-up log: proposals, votes signed with their own keys, and what one person may do."""
import base64
import pathlib
import sys

from . import keys, sshsig, tickets
from .canonical import DAY_MS, canonical
from .genesis import group_of
from .proposals import digest_of, statement
from .replay import Replay
from .state import State
from .synthetic import INSIDE, Log, approval_key, format_time, genesis, principal, seed, some_hex, start_daemon, unseal, witness
from .tree import Tiles, leaf_hash, sha256

DAY, MINUTE = DAY_MS, 60_000


def signed_vote(vault, made, vote, verb="approve", key_of=None, proposal_digest=None):
    """`vote` with its signature: of `key_of`'s key, over the digest of `made` or another one."""
    message = statement(vote, verb, proposal_digest or digest_of(made, vault), vault)
    return {**vote, "signature": sshsig.sign_ed25519(seed(key_of or vote["by"]), "facekeep-approval", message)}


class Council:
    """Writes into a Log, and keeps what a custodian's machine needs: the tree and the rule version."""

    def __init__(self, log):
        self.log, self.tiles, self.rule, self.made = log, Tiles(), 0, {}
        self.vault = log.items[0].event["body"]["vault"]

    def root(self):
        for n in range(self.tiles.size(), len(self.log.items)):
            self.tiles.append(leaf_hash(self.log.items[n].parts(n)[0]))
        return self.tiles.root().hex()

    def propose(self, by, action, overrides=None, purpose="by-agreement", after_ms=MINUTE):
        made = {"action": action, "by": by, "id": some_hex(f"proposal {len(self.made)}", 16), "purpose": purpose}
        if overrides:
            made["overrides"] = overrides
        self.made[made["id"]] = made
        self.log.add("proposal", made, after_ms)
        return made["id"]

    def ballot(self, by, proposal, verb="approve", **more):
        """The body of a vote over the log as it stands."""
        vote = {"by": by, "proposal": proposal, "root": self.root(), "rule": self.rule, "size": len(self.log.items)}
        return signed_vote(self.vault, self.made[proposal], vote, verb, **more)

    def approve(self, proposal, *people, **more):
        for by in people:
            self.log.add("approval", self.ballot(by, proposal, **more), MINUTE)

    def veto(self, by, proposal):
        self.log.add("veto", self.ballot(by, proposal, "veto"), MINUTE)

    def withdraw(self, proposal):
        self.log.add("proposal-withdrawn", {"by": self.made[proposal]["by"], "proposal": proposal}, MINUTE)

    def done(self, proposal, after_ms=DAY, **more):
        if self.made[proposal]["action"]["kind"] in keys.WITH_PROOF:
            more["proof"] = some_hex(f"proof {proposal}")
        at = self.log.add("proposal-done", {"proposal": proposal, **more}, after_ms)
        if self.made[proposal]["action"]["kind"] in ("change-rules", "change-custodian", "reshare"):
            self.rule = at

    def decide(self, by, action, *people, **more):
        proposal = self.propose(by, action)
        self.approve(proposal, *people)
        self.done(proposal, **more)
        return proposal

    def tighten(self, by, action):
        self.log.add("tightened", {"action": action, "by": by}, MINUTE)

    def suspend(self, by, custodian):
        self.log.add("custodian-suspended", {"by": by, "custodian": custodian}, MINUTE)

    def revoke(self, by, *principals, reason="left"):
        self.log.add("revoked", {"by": by, "principals": sorted(principals), "reason": reason}, MINUTE)


def registration(who="door/2", doors=("north",), new_doors=(), **more):
    return {"kind": "register-principals", "doors": [{"class": "gate", "id": d, "site": "main"} for d in new_doors],
            "principals": [principal(who, "door", sites=["main"], doors=list(doors), **more)]}


def rule(n=1, delay_s=86400, **more):
    return {"delay_s": delay_s, "groups": {"property": n, "residents": n}, "lifetime_s": 604800, **more}


def thresholds(verify, identify, model="face"):
    return {"kind": "change-thresholds", "model": model, "verify_threshold": verify, "identify_threshold": identify}


def policy(days, erasures, site="main", **probes):
    """`probes`: signed_probes and min_pad, where they change."""
    return {"kind": "change-policy", "site": site, "access_log_days": days, "erase_daily": erasures, **probes}


def new_site(name):
    return {"access_log_days": 30, "alternative": "key-card", "assessment": {"date": "2026-05-01", "digest": some_hex("assessment " + name)},
            "doors": [{"class": "lobby", "id": "front"}], "erase_daily": 5, "hide_subject": True, "id": name, "purpose": "entry-control"}


def new_custodian(who, key):
    return principal(who, "custodian", approval_key=approval_key(key), approval_held="file", deputy=False)


def new_keys(epoch, sites):
    return {"epoch": epoch, "root": INSIDE, "checks": {s: some_hex(f"check {s} {epoch}") for s in sites},
            "register_check": some_hex(f"register {epoch}")}


def signed_reshare(vault, action, key_of=lambda who: who):
    message = keys.statement(action, vault)
    signatures = [{"by": p["id"], "signature": sshsig.sign_ed25519(seed(key_of(p["id"])), "facekeep-ceremony", message)}
                  for p in action["custodians"]]
    return {**action, "signatures": signatures}


def new_cards(name, custodians, share_set, **more):
    """A re-share that nobody has signed: a card for each of these custodians, two of each group open the vault."""
    groups = []
    for group in sorted({group_of(p["id"]) for p in custodians}):
        numbers = [int(p["id"].split("/")[1]) for p in custodians if group_of(p["id"]) == group]
        shares = [{"number": i + 1, "commitment": some_hex(f"{name} card {group} {n}"), "holders": [n]} for i, n in enumerate(numbers)]
        groups.append({"id": group, "shares": shares, "threshold": 2})
    return {"kind": "reshare", "custodians": custodians, "groups": groups, "rules": {}, "share_set": share_set,
            "transcript": some_hex(name + " transcript"), "unseal_key": some_hex(name + " unseal key"), **more}


# Of a made-up spare token: an RSA public key.
SPARE = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA3NB/rRtpUslqEYJYsmNu
yuGw/vRXOaDiOd8xIVgT1ThhFb2mlg3x5ZhkVPxMe4rBT0qVsvPIdF87TrhzCb+X
JeaplixMeQOcs7niMG39+SGt5s73ycqj+N4QUarQQXcbrtalLcHXMqgHnI9q09Sz
VVGtBJjYavpKsjN8I8QXH19bG7gGUH07O+1nyZtQkza0tLv4QkSc/607weHO2slL
oSZyRbowFTg4cW8fNswAf4Uu5HU0nbqgpHe5jOH91KywXZ4enNy46beal1Om2pcx
mBtmGLuxvZN8IcYF7emqz6YxxegbDDWN8Ze0lKj6FOjxKzeal7TQgLTHvvn/5AJY
hwIDAQAB
-----END PUBLIC KEY-----
"""
EXPORTED = [some_hex("ref 3", 16)]
BOTH = "property/1", "residents/1"


def _people(log):
    log.add("period-key", {"purpose": "access", "site": "main", "period": "2026-11", "slot": 0})
    for n in range(4):
        log.add("enrolled", {"by": "operator/1", "consent": some_hex(f"consent {n}"), "record": some_hex(f"record {n}"),
                             "ref": some_hex(f"ref {n}", 16), "site": "main", "slot": 10 + n, "until": "2030-12-31"})
    for n in (0, 1):
        log.add("erased", {"by": "operator/1", "reason": "operator", "ref": some_hex(f"ref {n}", 16), "site": "main"})
    log.add("suspended", {"by": "operator/1", "due": format_time(log.wall + 4 * DAY), "reason": "over-allowance",
                          "ref": some_hex("ref 2", 16), "site": "main"})


def _match(log, door="door/1", resource="north"):
    log.add("match", {"by": door, "call": "identify", "decision": "no_match", "door": resource, "model": "face", "site": "main"})


def _vetoed_and_put_again(c):
    loosen = thresholds(300000, 400000)
    first = c.propose("property/1", loosen)
    c.approve(first, "property/1", "property/2")
    c.veto("residents/2", first)
    again = c.propose("property/1", loosen, overrides=first)
    c.approve(again, "property/1", "property/2", "residents/1", "residents/3")
    c.done(again, 2 * DAY)


def _tightened_and_undone(c):
    """One person makes two rules stricter; together they undo it, under the rules before. What was signed goes stale."""
    c.tighten("residents/1", {"kind": "change-rules", "rules": {"rule": rule(2, 172800), "export": rule(2)}})
    c.tighten("residents/2", policy(20, 1))
    c.tighten("property/2", thresholds(360000, 460000))
    c.tighten("property/3", {"kind": "change-reveal", "site": "annex", "hide_subject": True})
    signed = c.propose("residents/3", {"kind": "change-reveal", "site": "annex", "hide_subject": False})
    c.approve(signed, "residents/3")
    c.propose("property/3", policy(25, 2))  # a draft: nobody ever signs it, and it expires
    c.decide("property/1", {"kind": "change-rules", "rules": {"rule": rule(), "export": rule(2, 259200)}}, *BOTH)
    c.approve(signed, "residents/3", "property/1")
    c.done(signed)
    c.decide("property/1", {"kind": "change-rules", "rules": {"export": rule(2, uses=3)}}, *BOTH)


def _revoked_and_suspended(c):
    named = c.propose("property/2", registration(doors=("north", "south")))
    c.approve(named, "residents/1")
    c.revoke("residents/3", "door/2", "operator/2", reason="lost")
    c.withdraw(named)
    # Complete, but one who signed is suspended: approved until another person signs.
    held = c.propose("property/1", registration("door/3"))
    c.approve(held, "property/1", "residents/2")
    c.suspend("residents/1", "property/1")
    c.approve(held, "property/3")
    c.done(held)


def _open_the_rest(c):
    model = {"dimension": 512, "id": "face-2", "identify_threshold": 500000, "verify_threshold": 400000, "version": 1}
    c.decide("property/2", {"kind": "add-model", "model": model}, "property/2", "residents/2")
    c.decide("residents/3", {"kind": "open-site", "site": new_site("tower")}, "property/3", "residents/3", check=some_hex("check tower"))
    c.decide("property/3", policy(40, 3), "property/3", "residents/3")
    witnesses = {"quorum": 1, "on_missing": "open", "list": [witness("committee")]}
    c.decide("residents/1", {"kind": "change-witnesses", "witnesses": witnesses}, *BOTH)
    c.decide("residents/1", {"kind": "change-witnesses"}, *BOTH)


def _export(c, by, ending, **more):
    """An export that is decided, and then sealed and handed out, or ended."""
    action = {"kind": "export", "site": "main", "max_subjects": 1, "basis": "consent",
              "recipients": [{"certificate": base64.b64encode(b"a certificate").decode(), "spki": some_hex("recipient")}], **more}
    proposal = c.propose(by, action)
    if "subjects" in action:
        c.log.add("export-subjects", {"proposal": proposal, "refs": EXPORTED, "salt": some_hex("salt")}, 0)
    c.approve(proposal, "property/2", "property/3", "residents/1", "residents/2")
    c.done(proposal, 3 * DAY)
    if ending:
        c.log.add("export-ended", {"proposal": proposal, "reason": ending}, MINUTE)
        return
    c.log.add("exported", {"proposal": proposal, "refs": EXPORTED, "site": "main"}, MINUTE)
    c.log.add("export-sealed", {"damaged": 0, "manifest": some_hex("manifest"), "parts": [{"bytes": 1000, "digest": some_hex("part")}],
                                "proposal": proposal, "subjects": 1, "templates": 1}, 0)
    for by in ("residents/1", "residents/1", "property/2"):
        c.log.add("export-given", {"by": by, "proposal": proposal}, MINUTE)


def _exports(c):
    listed = sha256(b"facekeep/export-subjects/v1\0", bytes.fromhex(some_hex("salt")), bytes.fromhex("".join(EXPORTED))).hex()
    _export(c, "property/2", None, subjects=listed, basis="legal-order", legal_order=some_hex("order"))
    _export(c, "residents/2", "nobody")


def _kept_and_erased(c):
    """A retention shortened by one person and taken back; an erasure held as long as a proposal to cancel it can live."""
    c.tighten("property/1", policy(7, 3))
    c.decide("residents/1", policy(40, 3), "property/2", "residents/2", after_ms=MINUTE)
    c.tighten("property/1", policy(20, 0))  # and left so
    subject = {"ref": some_hex("ref 2", 16), "site": "main"}
    c.log.add("suspended", {**subject, "by": "operator/1", "due": format_time(c.log.wall + 3 * DAY + MINUTE), "reason": "over-allowance"})
    held = c.propose("residents/3", {"kind": "cancel-erasures", "site": "main"}, after_ms=2 * DAY)
    c.approve(held, "residents/3")
    c.log.add("erased", {**subject, "by": "daemon", "reason": "delay-over"}, 8 * DAY)


def _rewrap(c, epoch, *upto):
    for n, ref in enumerate(upto):
        c.log.add("rewrapped", {"epoch": epoch, "root": some_hex(f"batch {epoch} {n}"), "upto": ref}, 1000)


def _new_keys(c):
    """A rotation that the spare attends, to its end; then a re-share in which residents/4 comes for residents/3: people are being
    rewrapped when the log ends."""
    sites = ("annex", "main", "tower")
    c.decide("property/1", {"kind": "rotate-keys", "spare": SPARE}, *BOTH, keys=new_keys(2, sites))
    _rewrap(c, 2, "40" * 16, "c0" * 16, keys.LAST_REF)
    c.log.add("keys-retired", {"epoch": 1}, MINUTE)
    people = {who: who for who in ("property/1", "property/2", "property/3", "residents/1", "residents/2", "residents/4")}
    people["property/3"] = "property/3 anew"
    action = new_cards("second", [new_custodian(who, key) for who, key in people.items()], 8, rules={"export": rule(2, uses=2)})
    signed = signed_reshare(c.vault, action, people.get)
    # Whose proposal was vetoed waits a day before another ceremony: somebody else proposes it.
    c.veto("property/2", c.propose("property/1", signed))
    c.decide("residents/1", signed, *BOTH, keys=new_keys(3, sites))
    _rewrap(c, 3, "80" * 16)
    # The new cards open the vault: the old keys may go, once nobody is left under them.
    c.log.add("sealed", {"by": "residents/4", "reason": "request"}, MINUTE)
    start_daemon(c.log, same_daemon=True)
    unseal(c.log)
    _rewrap(c, 3, "c0" * 16)


def ticket_policy(hours=24, group="residents", **more):
    return {"box": {"group": group, "key": approval_key("box"), "name": "lodge", "url": "https://10.0.0.9:8450"}, "hours": hours, **more}


def ticket_made(state, **more):
    """The ticket that the rules allow behind the opening by cards of a State, without asking whether they do."""
    entry, at_time, at_clock = state.opened or (0, 0, 0)
    lasts = state.current.get("ticket", {"hours": 1})["hours"] * tickets.HOUR_MS
    return {"expires": format_time(at_time + lasts), "expires_clock": at_clock + lasts, "half": some_hex("half"), "number": state.tickets + 1,
            "opens_to": some_hex("opens to"), "program": state.started["program"], "unsealed": entry, **more}


def ticket_used(state, by, time, number, key=None, **more):
    statement = canonical({"number": number, "program": state.started["program"], "start": state.start, "time": format_time(time),
                           "unseal_to": state.started["unseal_to"], "v": 1, "vault": state.genesis["vault"], "verb": "restart", **more})
    return {"by": by, "number": number, "time": format_time(time),
            "signature": sshsig.sign_ed25519(seed(key or by), "facekeep-restart", statement)}


def _restart_tickets(c):
    """A ticket that opens two restarts and ends with a seal; one that nobody has to confirm, until its policy is tightened away."""
    state, seen = State(), 0

    def now():
        nonlocal seen
        for item in c.log.items[seen:]:
            state.apply(item.event) if item.event["class"] != "access" else state.apply_access()
        seen = len(c.log.items)
        return state

    def stopped_and_started():
        c.log.add("sealed", {"by": "daemon", "reason": "shutdown"}, MINUTE)
        start_daemon(c.log)

    def open_and_make():
        unseal(c.log)
        c.log.add("ticket-made", ticket_made(now()))

    def restart(by):
        stopped_and_started()
        c.log.add("ticket-used", ticket_used(now(), by, c.log.wall, state.tickets, "box" if by == "box" else None), MINUTE)

    def end(reason):
        c.log.add("ticket-ended", {"number": now().tickets, "reason": reason}, MINUTE)

    c.decide("property/1", {"kind": "restart-ticket", "ticket": ticket_policy()}, *BOTH)
    stopped_and_started()
    open_and_make()
    restart("residents/1")
    restart("residents/2")
    c.log.add("sealed", {"by": "property/2", "reason": "request"}, MINUTE)
    start_daemon(c.log, same_daemon=True)
    end("seal")
    c.decide("property/1", {"kind": "restart-ticket", "ticket": ticket_policy(2, unattended=True)}, *BOTH)
    open_and_make()
    restart("box")
    c.tighten("residents/2", {"kind": "restart-ticket"})
    end("withdrawn")


def decide_much(log_key="log"):
    """A log in which people decide together: every new type of event, every kind of action, every stage, over three starts."""
    log = Log(log_key)
    log.add("genesis", genesis(log_key))
    start_daemon(log)
    c = Council(log)
    # A sealed vault decides too; the delay goes on over a restart, without the time off.
    gate = c.propose("property/2", registration(doors=("north", "south"), new_doors=("south",)))
    c.approve(gate, "residents/1", "property/2")
    log.wall, log.uptime = log.wall + DAY // 2, log.uptime + DAY // 2
    log.add("sums", {"since": format_time(log.wall), "counts": {"refused-role": 1}})
    start_daemon(log)
    unseal(log)
    _people(log)
    cancel = c.propose("property/2", {"kind": "cancel-erasures", "site": "main"})
    c.approve(cancel, "property/1", "residents/1")
    c.done(cancel, MINUTE)
    c.done(gate, DAY // 2)
    _match(log, "door/2", "south")
    _vetoed_and_put_again(c)
    _tightened_and_undone(c)
    _revoked_and_suspended(c)
    _open_the_rest(c)
    _exports(c)
    _kept_and_erased(c)
    # A custodian's new key: what he signed before no longer counts, and he signs again with the new one.
    open_still = c.propose("residents/2", policy(30, 2))
    c.approve(open_still, "property/3")
    c.decide("residents/2", {"kind": "change-custodian", "custodian": new_custodian("property/3", "property/3 anew")},
             "property/2", "residents/2")
    c.approve(open_still, "property/3", key_of="property/3 anew")
    c.approve(open_still, "residents/2")
    c.done(open_still)
    _restart_tickets(c)
    _new_keys(c)
    log.add("sealed", {"by": "residents/2", "reason": "request"})
    start_daemon(log, same_daemon=True)
    # The state forgets all but 16 of each proposer that ended.
    for n in range(80):
        c.withdraw(c.propose(f"property/{1 + n % 3}", policy(50 + n, 2), after_ms=1000))
    # Ready at last, and the vault is shut down before it carries it out.
    late = c.propose("property/1", thresholds(200000, 300000))
    c.approve(late, *BOTH)
    log.add("sums", {"since": format_time(log.wall), "counts": {"bad-share": 1}}, DAY)
    log.add("sealed", {"by": "daemon", "reason": "shutdown"})
    return log


def write_with_digests(log, folder):
    """The log as a mirror, with the digest after each entry."""
    log.write(folder)
    digests = []
    Replay(folder, each=lambda n, state: digests.append(f"{n + 1} {state.digest().hex()}\n")).run()
    pathlib.Path(folder, "digests").write_text("".join(digests))


if __name__ == "__main__":
    write_with_digests(decide_much(), sys.argv[1])
