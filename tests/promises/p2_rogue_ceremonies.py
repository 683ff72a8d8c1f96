#!/usr/bin/python3
"""P2 on the ways of the years: a rogue administrator with every key of the group `property`, the disk, the token with its PIN, copies of both
from every moment, and backups, tries rotations, new cards, backups and restores to come to a key, to shut the others out, or to undo a decision.

One line an attempt, as in p2_rogue_administrator.py.
"""
import copy
import datetime
import hashlib
import json
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

import numpy
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from p2_adversary import PROPERTY, RESIDENTS, Rogue, private_key, spki_digest
from p2_host import Files
from p2_years import Deceived, mirror, set_memory, unseal_with
from parties import new_cards, wait
from vault import FACEKEEPD, Vault
import openapi_votes

FORGED_DELAY = 6
PLAN = f"""
both = {{"property": 1, "residents": 1}}
for name in ("principal", "custodian", "reshare", "site"):
    plan["rules"][name] = {{"groups": both, "delay_s": 0, "lifetime_s": 86400}}
plan["rules"]["rotate"] = {{"groups": both, "delay_s": {FORGED_DELAY}, "lifetime_s": 86400}}
"""
ROTATE = {"kind": "rotate-keys"}


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def rotation(r):
    return r.vault.ask(None, "GET", "/v1/seal-status").json.get("rotation")


# ---- what people agree to

def signed(r, action, who):
    """The action with its signatures replaced by those that these people can make."""
    action = copy.deepcopy(action)
    action.pop("signatures", None)
    says = {"digest": openapi_votes.sha256_of(action), "v": 1, "vault": r.id, "verb": "reshare"}
    made = [{"by": p, "signature": openapi_votes.sshsig(private_key(r.vault.principals[p]["key"]), openapi_votes.canonical(says), b"facekeep-ceremony")}
            for p in who]
    return {**action, "signatures": made}


def cards(r):
    """Cards of the adversary's choice."""
    honest = new_cards(r.vault, "residents-1")
    action = json.loads(r.shown(honest)["proposal"])["action"]
    r.withdraw("residents/1", honest)

    def refused(what, says, signers=(*PROPERTY, *RESIDENTS), raw=False, **changed):
        bent = {**copy.deepcopy(action), **changed}
        r.attempt(what, r.propose("property/1", bent if raw else signed(r, bent, signers)), "bad-action", "bad-request", says=says)

    def groups(change):
        out = copy.deepcopy(action["groups"])
        change(out)
        return out

    def custodians(change):
        out = copy.deepcopy(action["custodians"])
        change(out)
        return out

    now = r.vault.entries()[0]["body"]
    residents = next(i for i, g in enumerate(action["groups"]) if g["id"] == "residents")
    refused("new cards that no resident signed", "sign", PROPERTY)
    refused("new cards with residents' signatures under others", "sign", raw=True, share_set=(action["share_set"] + 1) % 32768)
    refused("new cards with one card exchanged after everybody signed", "sign", raw=True,
            groups=groups(lambda g: g[residents]["shares"][0].update(commitment="ab" * 32)))
    refused("new cards for the own group alone", "two groups", PROPERTY, groups=[g for g in action["groups"] if g["id"] == "property"],
            custodians=[p for p in action["custodians"] if p["id"].startswith("property/")])
    refused("new cards of which one resident's opens for all", "1 of several", groups=groups(
        lambda g: g[residents].update(threshold=1)))
    refused("new cards with a threshold of nobody", "threshold|from", groups=groups(lambda g: g[residents].update(threshold=0)))
    refused("new cards with more needed than there are", "threshold|cards", groups=groups(lambda g: g[residents].update(threshold=4)))
    own = spki_digest(r.spare[0])
    refused("new cards with an own key as a resident's", "another key", custodians=custodians(
        lambda people: next(p for p in people if p["id"] == "residents/1").update(key=own)))
    refused("new cards with an own approval key as a resident's", "another key|approval key", custodians=custodians(
        lambda people: next(p for p in people if p["id"] == "residents/1").update(
            approval_key=openapi_votes.public_text(ed25519.Ed25519PrivateKey.generate()))))
    refused("new cards with an operator among the custodians", "another role", custodians=custodians(
        lambda people: people.append(next(p for p in now["principals"] if p["id"] == "operator/1"))))
    refused("the present unseal key under new cards", "present one", unseal_key=now["unseal_key"])
    refused("the present cards as new ones", "present cards", groups=groups(
        lambda g: g[residents].update(shares=next(x for x in now["groups"] if x["id"] == "residents")["shares"])))
    own_group = next(i for i, g in enumerate(action["groups"]) if g["id"] == "property")
    refused("new cards with one of the own among the residents'", "are the same", groups=groups(
        lambda g: g[residents]["shares"][0].update(commitment=g[own_group]["shares"][0]["commitment"])))
    refused("a spare key that anybody can factor", "2048", spare=public_pem(rsa.generate_private_key(65537, 1024)))
    refused("a spare key that is no key for wrapping", "RSA", spare=public_pem(ed25519.Ed25519PrivateKey.generate()))
    return action


def rotations(r):
    mine = r.proposed("property/1", ROTATE)
    for who in PROPERTY:
        last = r.vote(who, mine)
    r.attempt("a rotation approved by all three of one group", r.stage(mine), "open", f"entry {last.json['entry']}")
    r.attempt("a second ceremony beside the one that is proposed", r.propose("property/2", ROTATE), "ceremony-running")
    r.vote("residents/1", mine, "veto")
    r.attempt("the vetoed rotation again by the same person", r.propose("property/1", ROTATE), "ceremony-running")
    r.attempt("a rotation proposed by an operator", r.propose("operator/1", ROTATE), "wrong-role", "refused-role")
    r.attempt("a rotation as a tightening of one person", r.vault.ask("property/1", "POST", "/v1/tightenings", {"action": ROTATE}), "bad-tightening")
    r.attempt("a backup taken by an operator", r.vault.ask("operator/1", "POST", "/v1/backups", {}), "wrong-role", "refused-role")


# ---- the stopped host

def ends(f, says):
    """The daemon's next start ends and says so."""
    before = len(f.vault.log())
    try:
        f.vault.start()
        said = "it started"
    except RuntimeError:
        said = f.vault.log()[before:]
    f.vault.stop()
    return "the daemon does not start" if re.search(says, said) else said[-400:]


def unseal_fails(r, folder="cards"):
    """What the custodians, deceived into handing in their cards, get to read."""
    for who in ("property-1", "property-2", "residents-1", "residents-2"):
        done = r.vault.hand_in(who, (r.vault.folder / folder / f"{who}.share").read_text())
        if done.returncode:
            return done.stderr
    return "it opened"


def forged_keys(r):
    """C1: an agreed rotation is due; the administrator writes the entry that puts keys of his own in force."""
    f, v = Files(r), r.vault
    done = next(n for n, e in enumerate(v.entries()) if e.get("type") == "proposal-done" and "keys" in e["body"])
    agreed = r.proposed("residents/2", ROTATE)
    for who in ("residents/2", "property/2"):
        last = r.vote(who, agreed)
    if r.stage(agreed) != "waiting":
        raise RuntimeError(r.stage(agreed))
    v.stop(signal.SIGKILL)
    v.copy("due")
    size = int(re.search(r'"entries":\s*([0-9]+)', subprocess.run(
        [FACEKEEPD, "check", "--config", v.folder / "facekeepd.toml", "--json"], env=v.env, capture_output=True, text=True, check=True).stdout)[1])
    like = json.loads(f.entry(done))
    end = json.loads(f.entry(size - 1))
    keys = {**like["body"]["keys"], "epoch": like["body"]["keys"]["epoch"] + 1, "register_check": "13" * 32,
            "checks": {site: "37" * 32 for site in like["body"]["keys"]["checks"]}}
    due = datetime.datetime.fromisoformat(end["time"].replace("Z", "+00:00")) + datetime.timedelta(seconds=FORGED_DELAY + 1)
    entry = {**like, "time": due.strftime("%Y-%m-%dT%H:%M:%S.") + f"{due.microsecond // 1000:03}Z", "body": {**like["body"], "proposal": agreed, "keys": keys}}
    if "uptime_ms" in end:
        entry["uptime_ms"] = end["uptime_ms"] + FORGED_DELAY * 1000 + 1000
    f.put(size, json.dumps(entry, sort_keys=True, separators=(",", ":")).encode())
    f.head(size + 1)
    for copy_of in "ab":
        shutil.copy(f.data / f"keys/slots-{keys['epoch'] - 1}.{copy_of}", f.data / f"keys/slots-{keys['epoch']}.{copy_of}")
    before = len(v.log())
    try:
        v.start()
        said = unseal_fails(Deceived(r, "elsewhere-0"))
        said += v.log()[before:]
        v.stop()
    except RuntimeError:
        said = v.log()[before:]
        v.stop()
    refused = re.search(r"the vault's own key does not vouch", said)
    r.attempt("keys of the adversary's own put in force by a forged entry", "nothing opened" if refused else said[-400:], "nothing opened",
              f"no entry: {refused and refused[0]}", serves=False)
    v.put_back("due", "data", "tokens")
    v.start()
    v.unseal()
    return last


EARLIER = r"earlier set|before the shares were renewed"


def other_set(r, what, machine, who, folder, says):
    """A card of another set than that of the keys, handed in at somebody's machine."""
    done = machine.vault.hand_in(who, (r.vault.folder / folder / f"{who}.share").read_text())
    refused = re.search(says, done.stderr)
    r.attempt(what, "refused" if done.returncode and refused else done.stderr, "refused", f"no entry: {refused and refused[0]}", serves=False)


def halves(r):
    """The own group's new cards and the residents' old ones, which were to be destroyed."""
    r.vault.restart()
    for who in ("property-1", "property-2"):
        done = r.vault.hand_in(who, (r.vault.folder / f"new-cards/{who}.share").read_text())
        r.report.check(f"a new card of {who}", done.returncode == 0, done.stderr)
    for who in ("residents-1", "residents-2"):
        other_set(r, f"half of the new cards, and the old one of {who}", r, who, "cards", EARLIER)
    r.expect("half of two sets opens nothing", r.vault.state(), "unsealing")
    r.vault.restart()


def old_copies(r, then):
    """A whole re-share went by; copies of everything from before it."""
    f, v = Files(r), r.vault
    v.put_back("before", "data", "tokens")
    v.start()
    refused = v.hand_in("residents-2", v.card("residents-2"))
    r.attempt("database and token from before the new cards, against a custodian who remembers", f"exit {refused.returncode}", "exit 2",
              f"no entry: {refused.stderr.splitlines()[0]!r}", serves=False)
    other_set(r, "a new card on the database and token of before", Deceived(r, "elsewhere-1"), "property-1", "new-cards", "not one of this vault's cards")
    v.stop()
    v.put_back("after", "data", "tokens")
    v.put_back("before", "data")
    r.attempt("the database from before the new cards, with the token of now", ends(f, r"the token has seen"), "the daemon does not start",
              "no entry", serves=False)
    set_memory(r, then)
    before = len(v.log())
    try:
        v.start()
        said = unseal_fails(Deceived(r))
    except RuntimeError:
        said = v.log()[before:]
    v.stop()
    refused = re.search(r"the token has no key \S*root-\d", said)
    r.attempt("the same with the token's memory forged, and old cards of a quorum", "nothing opened" if refused else said[-400:],
              "nothing opened", f"no entry: {refused and refused[0]}", serves=False)
    v.put_back("after", "data", "tokens")
    v.put_back("before", "tokens")
    before = len(v.log())
    try:
        v.start()
        said = unseal_fails(Deceived(r, "elsewhere-2"), "new-cards")
    except RuntimeError:
        said = v.log()[before:]
    v.stop()
    refused = re.search(r"the token has no key \S*root-\d", said)
    r.attempt("the database of now with the token from before", "nothing opened" if refused else said[-400:], "nothing opened",
              f"no entry: {refused and refused[0]}", serves=False)
    v.put_back("after", "data", "tokens")
    # Rows of the old site keys put beside those of now.
    v.put_back("before", "data")
    rows = f.ldb("scan", "--from=0x" + b"s".hex().upper(), "--to=0x" + b"t".hex().upper()).splitlines()
    v.put_back("after", "data")
    for row in rows:
        key, value = (x.strip() for x in row.split(" : ", 1)) if " : " in row else (x.strip() for x in row.split("==>", 1))
        f.ldb("put", key, value)
    v.start()
    other_set(r, "rows of old keys put back, and an old card handed in", Deceived(r, "elsewhere-3"), "property-1", "cards", EARLIER)
    v.stop()
    v.put_back("after", "data", "tokens")


# ---- backups

def records(data):
    """Of a backup (vault/backup/FORMAT.md section 1): [kind, key or slot, value]."""
    out, at = [], 110
    while data[at:at + 1] != b"Z":
        if data[at:at + 1] == b"R":
            k, v = struct.unpack_from(">HI", data, at + 1)
            out.append([b"R", data[at + 7:at + 7 + k], data[at + 7 + k:at + 7 + k + v]])
            at += 7 + k + v
        else:
            out.append([b"S", data[at + 1:at + 5], data[at + 6:at + 6 + data[at + 5]]])
            at += 6 + data[at + 5]
    return out


def well_formed(header, items):
    """The file of these records, counted and digested anew."""
    out = bytes(header)
    for kind, key, value in items:
        out += kind + (struct.pack(">HI", len(key), len(value)) + key if kind == b"R" else key + bytes([len(value)])) + value
    rows = sum(kind == b"R" for kind, *_ in items)
    out += b"Z" + struct.pack(">QQ", rows, len(items) - rows)
    return out + hashlib.sha256(out).digest()


def with_somebody_more(items):
    """The sealed record of one person once more, as another's, with its key in a slot that nobody has."""
    first = next(i for i, (kind, key, _) in enumerate(items) if kind == b"R" and key[:1] == b"r")
    _, key, value = items[first]
    another = key[:-1] + bytes([key[-1] ^ 1])
    items.insert(first + (another > key), [b"R", another, value])
    slot = next(x for x in items if x[0] == b"S")
    items.append([b"S", struct.pack(">I", 1000), slot[2]])


def behind_an_erasure(r):
    """A backup that a colleague takes when somebody was erased."""
    listed = r.vault.ask("operator/1", "GET", "/v1/sites/main/subjects?limit=100").json["subjects"]
    somebody = next(s["subject"] for s in listed if s["subject"] != "generated-000003")  # whom the door asks for
    erased = r.vault.ask("operator/1", "DELETE", f"/v1/sites/main/subjects/{somebody}")
    backup = r.vault.folder / "without.facekeep-backup"
    taken = r.vault.cli("property-2", "backup", "--out", backup)
    r.report.check("a backup is taken behind an erasure", erased.json["state"] == "erased" and taken.returncode == 0, taken.stderr[-300:])
    return backup


def with_rows_of(items, older):
    """The rows of people and the key slots that the older backup has besides, each in its place."""
    have = {(kind, key) for kind, key, _ in items}
    for row in older:
        kind, key, _ = row
        if (kind, key) in have or kind == b"R" and key[:1] not in (b"r", b"p", b"x"):
            continue
        before = [i for i, (k, other, _) in enumerate(items) if k == kind and (kind == b"S" or other[:1] == key[:1] and other < key)]
        items.insert(before[-1] + 1 if before else next(i for i, x in enumerate(items) if x[1][:1] == key[:1]), row)


def erased_again(r, backup, without, newest):
    """Somebody who was erased, put into a backup of afterwards."""
    data = without.read_bytes()
    items = records(data)
    size = len(items)
    with_rows_of(items, records(backup.read_bytes()))
    r.report.check("rows and key of one person came back", len(items) >= size + 4, (size, len(items)))
    path = r.vault.folder / "again.facekeep-backup"
    path.write_bytes(well_formed(data[:110], items))
    refused_restore(r, "a backup with somebody erased in it again, counted and digested anew", "nothing in it owns", "--backup", path, "--mirror", newest)


def refused_restore(r, what, says, *args):
    v = r.vault
    for name in ("db", "keys"):
        shutil.rmtree(v.folder / "data" / name, ignore_errors=True)
    done = subprocess.run([FACEKEEPD, "restore", "--config", v.folder / "facekeepd.toml", *args], env=v.env, capture_output=True, text=True,
                          timeout=300, check=False)
    found = re.search(says, done.stderr)
    r.attempt(what, "not restored" if done.returncode and found else done.stderr[-300:] or "restored", "not restored",
              f"no entry: {found and found[0]}", serves=False)


def restores(r, backup, older, newest):
    v = r.vault

    def refused(what, says, *args):
        refused_restore(r, what, says, *args)

    def bent(name, change):
        path = v.folder / name
        data = bytearray(backup.read_bytes())
        change(data)
        path.write_bytes(data)
        return path

    refused("a restore to before a veto and a revocation", "the token has seen", "--backup", backup, "--mirror", older)
    refused("a restore without the log behind the backup", "mirror|quorum accepts", "--backup", backup)
    refused("a backup with a row of the adversary's in it", "altered|cut", "--backup",
            bent("bent.facekeep-backup", lambda data: data.__setitem__(slice(200, 204), b"mine")), "--mirror", newest)
    refused("a backup that ends where it suits", "altered|cut", "--backup",
            bent("cut.facekeep-backup", lambda data: data.__delitem__(slice(len(data) // 2, None))), "--mirror", newest)
    refused("a backup with its header's size lowered", "altered|cut|vouch", "--backup",
            bent("less.facekeep-backup", lambda data: data.__setitem__(31, data[31] ^ 1)), "--mirror", newest)
    data = backup.read_bytes()
    assert well_formed(data[:110], records(data)) == data
    items = records(data)
    with_somebody_more(items)
    path = v.folder / "more.facekeep-backup"
    path.write_bytes(well_formed(data[:110], items))
    refused("a backup with somebody more in it, counted and digested anew", "nothing in it owns", "--backup", path, "--mirror", newest)
    items = [x for x in records(data) if x[0] == b"S" or x[1][:1] != b"n"]
    path = v.folder / "nameless.facekeep-backup"
    path.write_bytes(well_formed(data[:110], items))
    refused("a backup without the rows of names, counted and digested anew", "does not vouch", "--backup", path, "--mirror", newest)
    set_memory(r, (older / "checkpoint").read_bytes())
    for name in ("db", "keys"):
        shutil.rmtree(v.folder / "data" / name, ignore_errors=True)
    done = subprocess.run([FACEKEEPD, "restore", "--config", v.folder / "facekeepd.toml", "--backup", backup, "--mirror", older], env=v.env,
                          capture_output=True, text=True, timeout=300, check=False)
    said = done.stderr
    if done.returncode == 0:
        try:
            v.start()
            said = v.hand_in("residents-2", (v.folder / "new-cards/residents-2.share").read_text()).stderr
        except RuntimeError as error:
            said = str(error)
        v.stop()
    found = re.search(r"this machine saw \d+ before: it was rolled back", said)
    r.attempt("the same restore with the token's memory forged", "nobody opens it" if found else said[-300:], "nobody opens it",
              f"no entry: {found and found[0]}", serves=False)


def main():
    if not shutil.which("ldb"):
        print("rocksdb-tools is not installed")
        sys.exit(77)
    with Vault("--small", adjust=PLAN) as vault:
        vault.restart()
        vault.unseal()
        r = Rogue(vault, numpy.load(vault.folder / "probes.npy")[3])
        if "quick" not in sys.argv:
            cards(r)
            r.quorum_acts("cards")
            rotations(r)
            r.quorum_acts("rotations")
        # An honest rotation, up to its end: its entry is what a forger goes by.
        r.report.check("both groups agree on a rotation", r.decide(ROTATE, ("property/2", "residents/2")) == "waiting")
        r.report.check("it runs", wait(lambda: rotation(r) is not None))
        r.attempt("an operator's site while keys are moved", r.propose("operator/1", {"kind": "open-site", "site": {}}), "wrong-role", "refused-role")
        on_top = r.proposed("property/3", ROTATE)
        for who in ("property/3", "residents/3"):
            last = r.vote(who, on_top)
        time.sleep(FORGED_DELAY + 2)
        stage = r.stage(on_top)
        r.attempt("a rotation on top of the one that runs", "it waits" if rotation(r) and stage in ("waiting", "ready") else stage, "it waits",
                  f"entry {last.json['entry']}")
        r.vote("residents/3", on_top, "veto")
        r.report.check("it ends", wait(lambda: rotation(r) is None))
        vault.restart()
        r.settle()
        vault.unseal()
        forged_keys(r)
        r.report.check("what was agreed on runs", wait(lambda: rotation(r) is not None) and wait(lambda: rotation(r) is None))

        time.sleep(1.3)
        then = vault.ask(None, "GET", "/checkpoint").body
        vault.stop()
        vault.copy("before")
        vault.start()
        vault.unseal()
        agreed = new_cards(r.vault, "residents-3")
        for who in ("residents/3", "property/2"):
            r.vote(who, agreed)
        r.report.check("both groups agree on new cards", wait(lambda: r.stage(agreed) == "done", 30))
        vault.restart()
        unseal_with(r, "new-cards")
        r.report.check("the old keys end", wait(lambda: rotation(r) is None))
        vault.stop()
        vault.copy("after")
        old_copies(r, then)
        vault.start()
        halves(r)
        unseal_with(r, "new-cards")
        r.report.check("the door is served by the newest folders", r.door_is_served())

        backup = vault.folder / "then.facekeep-backup"
        taken = vault.cli("property-1", "backup", "--out", backup)
        r.report.check("a backup is taken", taken.returncode == 0, taken.stderr[-300:])
        r.attempt("a backup a second later", vault.ask("property/1", "POST", "/v1/backups", {}), "too-many-backups")
        older = mirror(r, "older")
        without = behind_an_erasure(r)
        unwanted = r.proposed("property/1", r.new_door())
        r.vote("property/1", unwanted)
        r.vote("residents/2", unwanted, "veto")
        r.revoke("residents/2", "door/2")
        newest = mirror(r, "newest")
        vault.cli("residents-2", "status")
        vault.stop(signal.SIGKILL)
        vault.copy("veto")
        restores(r, backup, older, newest)
        erased_again(r, backup, without, newest)
        vault.put_back("veto", "data", "tokens")
        vault.start()
        unseal_with(r, "new-cards")
        r.report.check("the door is served at the end", r.door_is_served())
        r.quorum_acts("all of it")
        print(f"{len(r.attempts)} attempts")
        r.report.check("at least 42 attempts", "quick" in sys.argv or len(r.attempts) >= 42, len(r.attempts))
    r.report.end()


if __name__ == "__main__":
    main()
