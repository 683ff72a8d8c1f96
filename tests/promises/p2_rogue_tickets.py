#!/usr/bin/python3
"""P2 with restart tickets: a rogue administrator with every key of the group `property`, the disk, the token with its PIN, copies of the database
and of the residents' box from every moment, and the host's clock, tries to get a ticket by himself, to open a restart that no resident
confirmed, and to bring back a ticket that is over.

One line an attempt, as in p2_rogue_administrator.py. What is left to him is in deploy/THREAT_MODEL.md, "A restart ticket"; here are its bounds.
"""
import base64
import copy
import datetime
import http.client
import json
import shutil
import signal
import ssl
import sys
import time

import numpy

from p2_adversary import PROPERTY, Rogue, private_key, recipient
from p2_host import FAKETIME, LOADER, Files
from p2_years import set_memory
from parties import wait
from ticket_box import Box, delivered, ended, events, keep_ports, power_cut, start_other_program, ticket, ticket_keys
from vault import Vault
import openapi_votes

PLAN = """
both = {"property": 1, "residents": 1}
for name in ("principal", "ticket", "rotate"):
    plan["rules"][name] = {"groups": both, "delay_s": 0, "lifetime_s": 86400}
"""
QUIET = 5  # seconds in which nothing may open
HOUR = 3600


def policy(keeper, **changed):
    return {"kind": "restart-ticket", "ticket": {"box": json.loads(keeper.file.read_text()), "hours": 1, **changed}}


def open_by_cards(r):
    """A ticket is made behind it, and the box has its half."""
    r.vault.unseal()
    if not delivered(r.vault):
        raise RuntimeError(r.vault.log()[-500:])


def opened_at_the_box(r, lodge):
    """What honest people do; without it a refusal would say nothing."""
    return confirmed_at(lodge) and wait(r.door_is_served, 60)


def confirmed_at(lodge):
    """A resident confirms the start that waits; not yet, while the one before is shown."""
    def confirmed():
        start = lodge.waiting()
        return start and lodge.confirm("residents-1", start).returncode == 0

    return wait(confirmed, 40)


def put_folder(lodge, kept):
    """Of the stopped box."""
    shutil.rmtree(lodge.folder)
    shutil.copytree(kept, lodge.folder)


def stays_sealed(r):
    time.sleep(QUIET)
    return f"{r.vault.state()}, keys {ticket_keys(r.vault)}"


# ---- a policy of his own

def policies(r, lodge, own):
    v = r.vault
    agreed = r.proposed("residents/1", policy(lodge))
    mine, other = r.proposed("property/1", policy(own)), r.proposed("property/2", policy(own, unattended=True))
    resident = r.ballot("residents/1", agreed)
    for who in PROPERTY:
        last = r.vote(who, mine)
    r.attempt("restart tickets approved by all three of one group", r.stage(mine), "open", f"entry {last.json['entry']}")
    r.attempt("a resident's signature put under a policy with another box", r.send("property/3", other, resident), "bad-signature")
    long = policy(lodge, hours=169)
    r.attempt("a ticket for more than 168 hours", r.propose("property/1", long), "bad-action", "bad-request", says="168")
    stranger = json.loads(own.file.read_text())
    r.attempt("a box of a group that there is not", r.propose("property/1", policy(own, box={**stranger, "group": "lodgers"})), "bad-action", "bad-request",
              says="does not have")
    r.attempt("restart tickets proposed by an operator", r.propose("operator/1", policy(own)), "wrong-role", "refused-role")

    def tightened(what, action):
        r.attempt(what, v.ask("property/1", "POST", "/v1/tightenings", {"action": action}), "bad-tightening")

    tightened("restart tickets as a tightening by one person", policy(own))
    for proposal in (mine, other):
        r.vote("residents/1", proposal, "veto")
    r.send("residents/1", agreed, resident)
    r.vote("property/3", agreed)
    r.report.check("a policy with the residents' box is agreed on", r.stage(agreed) == "done", r.stage(agreed))
    tightened("the hours made more by one person", policy(lodge, hours=168))
    tightened("nobody to be asked any more, by one person", policy(lodge, unattended=True))
    tightened("the own box in the place of the residents', by one person", policy(own))


# ---- at the box

def confirmation(r, lodge, who, **changed):
    """As that person's program makes it; `changed`: of what is signed."""
    waits = lodge.status()["restart"]
    at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    says = {**{k: waits[k] for k in ("number", "program", "start", "unseal_to")}, "time": at, "v": 1, "vault": r.id, "verb": "restart", **changed}
    signature = openapi_votes.sshsig(private_key(r.vault.principals[who]["key"]), openapi_votes.canonical(says), b"facekeep-restart")
    return {"number": waits["number"], "signature": signature, "start": waits["start"], "time": at}


def half_for(r, lodge, who, **changed):
    """What the box answers to whoever asks for its half as the vault does: a problem, or its state."""
    waits = lodge.status()["restart"]
    r.vault.context(who)  # it can be read
    try:
        answer = lodge.ask(who, "POST", "/v1/restarts", {"number": waits["number"], "start": waits["start"], "vault": r.id, **changed})
    except (OSError, http.client.HTTPException):
        return "handshake refused"
    return answer.problem or answer.json["state"] + (", with a half" if "half" in answer.json else "")


def server_identity(v):
    """The vault's own TLS key, which lies on its disk, and a certificate over it: the box looks at the key alone."""
    key, certificate = v.folder / "data/tls/server.key", v.folder / "server.crt"
    certificate.write_text(ssl.DER_cert_to_PEM_cert(base64.b64decode(recipient(private_key(key))["certificate"])))
    return certificate, key


def at_the_box(r, lodge):
    v = r.vault
    power_cut(v)
    r.report.check("a start waits at the box", wait(lodge.waiting, 30), lodge.said()[-300:])
    start = lodge.waiting()

    def at_box(what, said, wanted, where="the box's answer"):
        r.attempt(what, said, wanted, f"no entry: {where}", serves=False)

    def confirms(what, who, body, wanted):
        at_box(what, lodge.ask(who, "POST", "/v1/confirmations", body), wanted)

    done = lodge.confirm("property-1", start)
    at_box("the own key at the box's command line", f"exit {done.returncode}", "exit 2", repr(done.stderr.splitlines()[0]))
    own = confirmation(r, lodge, "property/1")
    confirms("a restart confirmed with a key of the own group", "property/1", own, "not-of-the-box")
    confirms("the same in a resident's name", "property/1", {**own, "by": "residents/1"}, "unknown-field")
    confirms("the same in the box's name", "property/1", {**own, "by": "box"}, "unknown-field")
    confirms("a resident's signature over another start", "residents/1", confirmation(r, lodge, "residents/1", start=start - 1), "bad-signature")
    confirms("a resident's signature over a key of the adversary's own", "residents/1", confirmation(r, lodge, "residents/1", unseal_to="ab" * 32),
             "bad-signature")
    confirms("a resident's signature over another program", "residents/1", confirmation(r, lodge, "residents/1", program="ab" * 32), "bad-signature")
    server = server_identity(v)
    at_box("the box asked by a machine with a key of its own", half_for(r, lodge, r.spare), "handshake refused", "its TLS")
    at_box("the box asked with an operator's key", half_for(r, lodge, "operator/1"), "handshake refused", "its TLS")
    at_box("the box asked from another machine, with the vault's own key", half_for(r, lodge, server), "waiting")
    at_box("the same for the start before", half_for(r, lodge, server, start=start - 1), "other-start")
    at_box("the same for a ticket that is not made yet", half_for(r, lodge, server, number=ticket(v)["number"] + 1), "no-ticket")
    answer = lodge.ask(server, "POST", "/v1/endings", {"number": ticket(v)["number"], "vault": r.id})
    at_box("the box told that the ticket is over", answer.json["state"], "kept")
    kept = lodge.half()
    made = next(n for n, e in reversed(list(enumerate(v.entries()))) if e.get("type") == "ticket-made")
    answer = lodge.ask(server, "POST", "/v1/tickets", {"entry": made, "half": base64.b64encode(bytes(80)).decode(),
                                                       "number": ticket(v)["number"], "vault": r.id})
    at_box("a half of the adversary's own brought to the box", "kept" if answer.status != 200 and lodge.half() == kept else repr(answer), "kept",
           answer.json.get("title"))
    r.expect("nothing of this opened it", stays_sealed(r), f"sealed, keys {[ticket(v)['number']]}")
    r.report.check("a resident confirms, and it opens", opened_at_the_box(r, lodge), lodge.said()[-300:])
    body = {"number": ticket(v)["number"], "start": start, "vault": r.id}
    at_box("the half asked for behind the honest opening", lodge.ask(server, "POST", "/v1/restarts", body), "other-start")
    return next(e["body"] for e in reversed(events(v)) if e["type"] == "ticket-used")


def without_the_box(r, lodge, used):
    """Disk, token and database alone; then his own box at the address of theirs."""
    v = r.vault
    lodge.stop()
    power_cut(v)
    number = ticket(v)["number"]
    r.attempt("disk, token and database without the box", stays_sealed(r), f"sealed, keys [{number}]", "no entry: nobody answers at its address", serves=False)
    impostor = Box(v, "residents", "impostor", lodge.port)
    shutil.copy(lodge.folder / "ticket.json", impostor.folder / "ticket.json")
    (impostor.folder / "half").write_bytes(bytes(32))
    before = len(v.log())
    impostor.start()
    try:
        told = wait(lambda: "ticket-box-trouble" in v.log()[before:], 30)
        r.attempt("a box of the adversary's own at the address of theirs", stays_sealed(r) if told else "nobody asked it", f"sealed, keys [{number}]",
                  "no entry: ticket-box-trouble in the journal", serves=False)
    finally:
        impostor.stop()
    lodge.start()
    r.report.check("the residents' box is there again", wait(lodge.waiting, 40), lodge.said()[-300:])
    body = {"number": number, "signature": used["signature"], "start": lodge.waiting(), "time": used["time"]}
    for who, wanted in (("property/1", "not-of-the-box"), ("residents/1", "bad-signature")):
        r.attempt(f"the confirmation of the start before, brought by {who}", lodge.ask(who, "POST", "/v1/confirmations", body), wanted,
                  "no entry: the box's answer", serves=False)
    in_the_database(r, used)
    r.report.check("a fresh confirmation opens it", opened_at_the_box(r, lodge), lodge.said()[-300:])


def in_the_database(r, used):
    """Entries that nobody confirmed, written into the database of a start that waits."""
    f, v = Files(r), r.vault
    entries = v.entries()
    v.stop(signal.SIGKILL)
    v.copy("new")
    last = {kind: max(n for n, e in enumerate(entries) if e.get("type") == kind) for kind in ("ticket-used", "ticket-made", "start")}
    texts = {kind: f.entry(n) for kind, n in last.items()}
    size = int.from_bytes(bytes.fromhex(f.ldb("get", "0x" + (b"m" + f.head_name).hex().upper()).removeprefix("0x")), "big")
    start = json.loads(texts["start"])
    like = {**json.loads(texts["ticket-used"]), **{k: start[k] for k in ("time", "uptime_ms") if k in start}}
    f.forged(size, json.dumps(like).encode(), by=used["by"])
    f.refused("an opening by a ticket written into the database, with an older confirmation", rf"entry {size}.*confirmation does not verify")
    f.forged(size, json.dumps(like).encode(), by="box")
    f.refused("the same as the box's own, of a ticket that needs a person", rf"entry {size}.*needs a person")
    late = json.loads(texts["ticket-made"])
    late["body"]["expires"] = "2099" + late["body"]["expires"][4:]
    f.put(last["ticket-made"], json.dumps(late, sort_keys=True, separators=(",", ":")).encode())
    f.refused("a later end of the ticket written into the database", rf"entry {last['ticket-made']}\b|root|integrity")
    v.start()


# ---- a ticket that is over

class Stolen:
    """Copies from while the ticket was good: database and token, the ticket's row, the box's folder. The box has seen no later log."""

    def __init__(self, r, lodge, name, **started):
        """`started`: how the vault is."""
        self.r, self.lodge, self.files, self.started = r, lodge, Files(r), started
        self.box = r.vault.folder / "copies" / name / "box"
        lodge.stop()
        r.vault.stop(signal.SIGKILL)
        r.vault.copy(name)
        shutil.copytree(lodge.folder, self.box)
        rows = self.files.ldb("scan", "--from=0x" + b"k".hex().upper(), "--to=0x" + b"l".hex().upper()).splitlines()
        self.key, self.value = (x.strip() for x in rows[0].replace(" : ", " ==> ").split("==>", 1))
        r.vault.start(**started)
        lodge.start()

    def back(self):
        """Everything, under the log and the token of now; the box with what it remembered then. A deceived resident confirms whatever waits."""
        v, lodge = self.r.vault, self.lodge
        v.stop()
        lodge.stop()
        self.files.ldb("put", self.key, self.value)
        put_folder(lodge, self.box)
        v.start(**self.started)
        lodge.start()
        wait(lambda: lodge.half() is None, 20)
        if lodge.waiting():
            lodge.confirm("residents-1", lodge.waiting())
        return stays_sealed(self.r) + (", and the box forgot it" if lodge.half() is None else ", and the box has it")

    def attempt(self, what, reason):
        """The ticket is over, and the log says why."""
        r = self.r
        r.report.check(f"the ticket is over: {reason}", wait(lambda: ended(r.vault)[-1:] == [reason], 30), ended(r.vault))
        r.attempt(what, self.back(), "sealed, keys [], and the box forgot it", f"entry {r.last_entry('ticket-ended')}", serves=False)


def sealed_by_one(r, lodge):
    v = r.vault
    time.sleep(1.3)  # a checkpoint is signed at most every second
    then = v.ask(None, "GET", "/checkpoint").body
    stolen = Stolen(r, lodge, "before the seal")
    r.report.check("the start waits", wait(lodge.waiting, 30))
    done = v.cli("residents-2", "seal")
    r.report.check("a resident seals", done.returncode == 0, done.stderr)
    stolen.attempt("row and half put back after a custodian's seal", "seal")
    before_the_seal(r, lodge, stolen, then)
    open_by_cards(r)
    two_halves(r, lodge, stolen)


def before_the_seal(r, lodge, stolen, then):
    """Older databases, with the token of now and with that of then."""
    v, remembers = r.vault, r.vault.folder / "copies/box that remembers"
    v.stop()
    lodge.stop()
    v.copy("after the seal")
    shutil.copytree(lodge.folder, remembers)
    v.put_back("before the seal", "data")
    before = len(v.log())
    try:
        v.start()
        said = "it started"
    except RuntimeError:
        said = v.log()[before:]
    v.stop()
    r.attempt("the database from before the seal, with the token of now", "the daemon does not start" if "the token has seen" in said else said[-400:],
              "the daemon does not start", "no entry: the token has seen more", serves=False)
    set_memory(r, then)
    put_folder(lodge, stolen.box)
    before = len(v.log())
    v.start()
    lodge.start()
    r.report.check("the resident is deceived, and the box gives its half", confirmed_at(lodge) and wait(lambda: "ticket-box-trouble" in v.log()[before:], 30))
    gone = "the token has no key" in v.log()[before:]
    r.attempt("the same with the token's memory forged, the box's folder of then, and a deceived resident", stays_sealed(r) if gone else v.log()[before:],
              "sealed, keys []", "no entry: the token has no key", serves=False)
    v.stop()
    lodge.stop()
    put_folder(lodge, remembers)
    v.put_back("before the seal", "data", "tokens")
    before = len(lodge.said())
    v.start()
    lodge.start()
    found = wait(lambda: "it was rolled back" in lodge.said()[before:] or "it was changed" in lodge.said()[before:], 20)
    waits, number = lodge.waiting(), ticket(v)["number"]
    r.attempt("database and token from before the seal, against the box that remembers", stays_sealed(r) if found and not waits else lodge.said()[before:],
              f"sealed, keys [{number}]", "no entry: the box says that the log was rolled back", serves=False)
    v.stop()
    v.put_back("after the seal", "data", "tokens")
    v.start()


def two_halves(r, lodge, stolen):
    """The box's of the ticket before, and the token's of this one."""
    v, number = r.vault, ticket(r.vault)["number"]
    power_cut(v)
    lodge.stop()
    own = lodge.half()
    (lodge.folder / "half").write_bytes((stolen.box / "half").read_bytes())
    before = len(v.log())
    lodge.start()
    said = confirmed_at(lodge) and wait(lambda: "another half than the one that the log names" in v.log()[before:], 30)
    r.attempt("the box's half of the ticket before under the token's of this one", stays_sealed(r) if said else v.log()[before:], f"sealed, keys [{number}]",
              "no entry: another half than the one that the log names", serves=False)
    lodge.stop()
    (lodge.folder / "half").write_bytes(own)
    lodge.start()
    r.report.check("its own half opens it", opened_at_the_box(r, lodge), lodge.said()[-300:])


def another_program(r, lodge):
    v = r.vault
    stolen = Stolen(r, lodge, "of the first program")
    v.stop(signal.SIGKILL)
    r.report.check("another program starts", start_other_program(v), v.log()[-300:])
    gone = wait(lambda: "program" in ended(v) and lodge.half() is None, 30)
    r.attempt("another program in the daemon's place", stays_sealed(r) if gone else "the ticket is there", "sealed, keys []",
              f"entry {r.last_entry('ticket-ended')}", serves=False)
    stolen.attempt("row and half put back under the first program", "program")
    open_by_cards(r)


def other_keys(r, lodge):
    v = r.vault
    stolen = Stolen(r, lodge, "before the rotation")
    r.report.check("a resident confirms", opened_at_the_box(r, lodge))
    r.decide({"kind": "rotate-keys"})
    r.report.check("keys are rotated", wait(lambda: "keys" in ended(v), 60) and wait(lambda: "rotation" not in v.ask(None, "GET", "/v1/seal-status").json))
    stolen.attempt("row and half of before put back behind a rotation", "keys")
    open_by_cards(r)


# ---- the hours

class Clock:
    """The wall clock of a program, `seconds` from the true one. Under the loader, which is as good as a clock that root has set."""

    under = (LOADER, "--preload", FAKETIME)

    def __init__(self, r):
        self.path = r.vault.folder / "clock"
        self.env = {"FAKETIME_TIMESTAMP_FILE": str(self.path), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DISABLE_SHM": "1"}
        self.shift(0)

    def shift(self, seconds):
        self.path.write_text(f"{seconds:+d}\n")


def as_it_runs(r):
    """The vault, for custodians who take the program for right that the last start names: the loader is part of it."""
    vault = copy.copy(r.vault)
    program = [e["body"]["program"] for e in events(vault) if e["type"] == "start"][-1]
    vault.program = lambda: program
    return vault


def the_box_alone(r, lodge, clock):
    """Kept from the network, it has nothing but its own clock."""
    kept = r.vault.folder / "copies/box kept"
    shutil.copytree(lodge.folder, kept)
    for what, seconds in (("the box kept from the vault until the hour is over", HOUR + 1), ("the clock of the box set back", -HOUR)):
        clock.shift(seconds)
        lodge.start(clock.env, clock.under)
        gone = wait(lambda: lodge.half() is None, 20)
        lodge.stop()
        r.attempt(what, "it forgot its half" if gone else lodge.said()[-300:], "it forgot its half", "no entry: the vault is not there", serves=False)
        put_folder(lodge, kept)
    clock.shift(0)


def hours(r, lodge):
    v, clock = r.vault, Clock(r)
    started = {"env": clock.env, "under": clock.under}
    power_cut(v, **started)
    as_it_runs(r).unseal()
    r.report.check("a ticket for an hour", delivered(v))
    stolen = Stolen(r, lodge, "within the hour", **started)
    r.report.check("within it a resident's confirmation opens", opened_at_the_box(r, lodge))
    v.stop(signal.SIGKILL)
    lodge.stop()
    the_box_alone(r, lodge, clock)
    lodge.start()
    clock.shift(HOUR + 60)
    v.start(**started)
    r.attempt("the ticket of an hour ago", stays_sealed(r), "sealed, keys []", f"entry {r.last_entry('ticket-ended')}", serves=False)
    clock.shift(0)
    stolen.attempt("row and half put back after the hour, and the clock set back", "expired")
    v.restart()
    open_by_cards(r)


def withdrawn(r, lodge):
    """One person ends restart tickets for good."""
    stolen = Stolen(r, lodge, "before the end")
    done = r.vault.cli("residents-2", "tighten", "restart-ticket", "--none")
    r.report.check("a resident ends restart tickets", done.returncode == 0, done.stderr)
    stolen.attempt("row and half put back when there are no tickets any more", "withdrawn")
    r.vault.unseal()
    r.attempt("a ticket by the policy of before", str(ticket(r.vault)), "None", "no entry: none is made")


OVER = (sealed_by_one, another_program, other_keys, hours, withdrawn)


def main(wanted):
    """`wanted`: names of parts of OVER; none means all."""
    for tool, path in (("rocksdb-tools", shutil.which("ldb")), ("opensc", shutil.which("pkcs11-tool")), ("faketime", FAKETIME)):
        if not path:
            print(f"{tool} is not installed")
            sys.exit(77)
    with Vault("--small", adjust=PLAN) as vault:
        keep_ports(vault)
        vault.restart()
        vault.unseal()
        r = Rogue(vault, numpy.load(vault.folder / "probes.npy")[3])
        lodge = Box(vault)
        try:
            policies(r, lodge, Box(vault, "property", "own-box"))
            r.quorum_acts("policies")
            vault.restart()
            r.settle()
            lodge.start()
            open_by_cards(r)
            without_the_box(r, lodge, at_the_box(r, lodge))
            for part in OVER:
                if not wanted or part.__name__ in wanted:
                    part(r, lodge)
                    r.quorum_acts(part.__name__)
        finally:
            lodge.stop()
            if r.report.failed:
                print(lodge.said()[-3000:], vault.log()[-3000:])
        print(f"{len(r.attempts)} attempts")
        r.report.check("at least 45 attempts", wanted or len(r.attempts) >= 45, len(r.attempts))
    r.report.end()


if __name__ == "__main__":
    main(sys.argv[1:])
