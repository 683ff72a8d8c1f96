#!/usr/bin/python3
"""P2 with a "lost" token that wasn't: a rogue administrator with every key of the group `property`, the disk of now and of before, the main token
with its PIN, an empty token, the spare while it is in the host, and the host's clock, says that the main token is lost, to put a log key of his own
in its place, to undo a veto, or to go on with the old token beside the new one.

One line an attempt, as in p2_rogue_administrator.py. What is left to him is in deploy/THREAT_MODEL.md, "A new log key, a new token".
"""
import json
import os
import re
import signal
import subprocess
import sys

import numpy

from p2_adversary import PROPERTY, Rogue, private_key
from p2_host import FAKETIME, LOADER
from p2_years import Deceived, unseal_with
from parties import QUORUM, audit, daemon, fetch, new_cards, unseal, wait
from vault import FACEKEEPD, Vault, digest
import openapi_votes

PLAN = """
both = {"property": 1, "residents": 1}
for name in ("principal", "reshare", "rotate"):
    plan["rules"][name] = {"groups": both, "delay_s": 0, "lifetime_s": 86400}
"""
TWO_OF_EACH = ("property/1", "property/2", "residents/1", "residents/2")
DAY = 86400


class Host:
    """The stopped vault's machine: tokens, configuration, `facekeepd recover`."""

    def __init__(self, r):
        self.r, self.vault = r, r.vault
        self.folder, self.toml = r.vault.folder, r.vault.folder / "facekeepd.toml"
        self.main_pin = (self.folder / "token-pin").read_text()
        self.made = 0

    def new_token(self, label):
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "90217345", "--pin", self.main_pin.strip()],
                       env=self.vault.env, check=True, capture_output=True)

    def take(self, label):
        """The configuration names this token as the main one."""
        self.toml.write_text(re.sub(r"(?m)^uri = .*$", f'uri = "pkcs11:token={label}"', self.toml.read_text(), count=1))
        (self.folder / "token-pin").write_text((self.folder / "spare-pin").read_text() if label == "facekeep-spare" else self.main_pin)

    def put_in_spare(self):
        self.vault.edit_config('uri = "pkcs11:token=facekeep-new"',
                               f'uri = "pkcs11:token=facekeep-new"\nspare = "pkcs11:token=facekeep-spare"\nspare_pin_file = "{self.folder}/spare-pin"')

    def take_out_spare(self):
        self.toml.write_text(re.sub(r"(?m)^spare.*\n", "", self.toml.read_text()))

    def recover(self, *args, shifted=0):
        """`shifted`: seconds by which the host's clock is off."""
        if not shifted:
            return daemon(self.vault, "recover", *args)
        command = [*(LOADER, "--preload", FAKETIME), FACEKEEPD, "recover", "--config", self.toml, *map(str, args)]
        return subprocess.run(command, env=dict(self.vault.env, FAKETIME=f"{shifted:+d}"), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=300, check=False)

    def statement(self, *args, **more):
        """The text that custodians are to sign; it must be made."""
        self.made += 1
        path = self.folder / f"statement-{self.made}"
        done = self.recover("--statement-out", path, *args, **more)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return path.read_text().rstrip("\n")

    def signature(self, who, text, namespace=b"facekeep-recovery"):
        """Armored, by that person's approval key, or by a key's path."""
        path = self.vault.principals[who]["key"] if who in self.vault.principals else who
        return openapi_votes.sshsig(private_key(path), text.encode(), namespace)

    def signed(self, text, people):
        return [self.signature(who, text) for who in people]

    def with_signatures(self, text, signatures, **more):
        args = ["--statement", self.folder / "offered"]
        (self.folder / "offered").write_text(text + "\n")
        for n, one in enumerate(signatures):
            (self.folder / f"offered-{n}.sig").write_text(one)
            args += ["--signature", self.folder / f"offered-{n}.sig"]
        return self.recover(*args, **more)


def bent(text, **changed):
    """The statement with other fields, canonical again."""
    return openapi_votes.canonical({**json.loads(text), **changed}).decode()


def refused(r, what, done, says):
    """What `facekeepd recover` must have refused, in these words."""
    found = re.search(says, done.stderr)
    r.attempt(what, "not recovered" if done.returncode and found else (done.stdout + done.stderr)[-400:], "not recovered",
              f"no entry: {found and found[0]!r}", serves=False)


def machine_refuses(r, what, done, says):
    """Somebody's own program, which remembers."""
    found = re.search(says, done.stderr + done.stdout)
    r.attempt(what, f"exit {done.returncode}" if found else (done.stderr + done.stdout)[-300:], "exit 2",
              f"no entry: that machine says {found and found[0]!r}", serves=False)


# ---- the token is not lost

def token_is_there(r, host, newest):
    host.take("facekeep")
    for kind in ("lost", "stolen", "broken"):
        refused(r, f"the main token called {kind} while it is in its place",
                host.recover("--kind", kind, "--newest", newest, "--statement-out", host.folder / "no"), "this token is not lost")
    refused(r, "a loss of entries that are all there", host.recover("--kind", "restored", "--newest", newest, "--statement-out", host.folder / "no"),
            "nothing is known to be missing")
    host.take("facekeep-spare")
    refused(r, "the spare as the new main token", host.recover("--kind", "lost", "--newest", newest, "--statement-out", host.folder / "no"),
            "is the vault's spare")
    does_not_start(r, "the daemon started with the spare in the main token's place")
    host.take("facekeep-new")
    does_not_start(r, "the daemon started with an empty token")
    refused(r, "an empty token, and no word about the log's end", host.recover("--kind", "lost", "--statement-out", host.folder / "no"), "--newest")


def does_not_start(r, what, says=r"the token has no|is not the vault's|not the vault's"):
    before = len(r.vault.log())
    try:
        r.vault.start()
        said = "it started"
    except RuntimeError:
        said = r.vault.log()[before:]
    r.vault.stop()
    found = re.search(says, said)
    r.attempt(what, "the daemon does not start" if found else said[-400:], "the daemon does not start", f"no entry: {found and found[0]!r}", serves=False)


# ---- an older disk

def older_disk(r, host, newest):
    """From before a veto and a revocation, which a resident's machine and an auditor have seen."""
    v = r.vault
    v.put_back("older", "data")
    refused(r, "an older disk, with the auditor's checkpoint", host.recover("--kind", "lost", "--newest", newest, "--statement-out", host.folder / "no"),
            "the database is an older one")
    text = host.statement("--kind", "lost", "--no-newest")
    (host.folder / "older-statement").write_text(text)
    done = v.cli("residents-2", "sign-recovery", host.folder / "older-statement", "--out", host.folder / "no.sig", "--yes-to",
                 digest(text))
    machine_refuses(r, "an older disk and --no-newest, against a resident whose machine saw more", done, "it was rolled back")
    r.report.check("nothing is signed", not (host.folder / "no.sig").exists())
    refused(r, "the same with what the own group signs", host.with_signatures(text, host.signed(text, PROPERTY)), '0 of the group "residents"')
    v.put_back("now", "data", "tokens")


def arranged_loss(r, host, newest):
    """The genuine token, an older disk, and a loss to be signed for."""
    v = r.vault
    host.take("facekeep")
    v.put_back("older", "data")
    does_not_start(r, "the older disk under the genuine token", "the token has seen")
    for name, args in (("with the auditor's checkpoint", ("--newest", newest)), ("with what the token alone knows", ())):
        text = host.statement("--kind", "restored", *args)
        refused(r, f"a veto given up as lost by the own group, {name}", host.with_signatures(text, host.signed(text, PROPERTY)),
                '0 of the group "residents"')
    honest = json.loads(host.statement("--kind", "restored", "--newest", newest))
    less = bent(json.dumps(honest), loss={**honest["loss"], "newest": {**honest["loss"]["newest"], "size": honest["at"]["size"] + 1}})
    (host.folder / "less").write_text(less)
    done = v.cli("residents-2", "sign-recovery", host.folder / "less", "--out", host.folder / "no.sig", "--yes-to", digest(less))
    machine_refuses(r, "a loss that is said to be smaller than a resident's machine knows", done, "it was rolled back")
    r.report.check("nothing is signed", not (host.folder / "no.sig").exists())
    refused(r, "the same, signed by residents who have no machine that remembers", host.with_signatures(less, host.signed(less, TWO_OF_EACH)),
            "the token has seen")
    v.put_back("now", "data", "tokens")
    host.take("facekeep-new")


# ---- the statement and its signatures

def signatures(r, host, newest):
    text = host.statement("--kind", "lost", "--newest", newest)

    def offered(what, says, signed, statement=text):
        refused(r, what, host.with_signatures(statement, signed), says)

    nobody = "no custodian's over this statement"
    two = host.signed(text, TWO_OF_EACH)
    offered("signatures of the own group alone", '0 of the group "residents"', host.signed(text, PROPERTY))
    offered("one resident's signature beside them", '1 of the group "residents"', host.signed(text, (*PROPERTY, "residents/1")))
    offered("one resident's signature twice", 'signed twice by "residents/1"', host.signed(text, ("property/1", "property/2", "residents/1", "residents/1")))
    offered("no signature at all", "0 of the group|give|signature", [])
    stolen = host.statement("--kind", "stolen", "--newest", newest)
    offered("residents' signatures over another kind of loss", nobody, host.signed(text, PROPERTY[:2]) + host.signed(stolen, TWO_OF_EACH[2:]))
    offered("the kind altered behind the signatures", nobody, two, bent(text, kind="broken"))
    offered("the new token's serial number altered behind them", nobody, two, bent(text, token={**json.loads(text)["token"], "serial": "0"}))
    offered("the log's length altered behind them", nobody, two, bent(text, at={**json.loads(text)["at"], "size": 5}))
    offered("a signature by a key that nobody registered", nobody, [*two[:3], host.signature(r.spare[1], text)])
    offered("an operator's signature", nobody, [*two[:3], host.signature("operator/1", text)])
    offered("what residents signed for a ceremony", nobody,
            [*two[:2], *(host.signature(who, text, b"facekeep-ceremony") for who in TWO_OF_EACH[2:])])
    other = bent(text, vault="ab" * 16)
    offered("a statement about another vault", "another vault", host.signed(other, TWO_OF_EACH), other)
    deceived(r, host, text)
    suspended(r, host, newest)


def deceived(r, host, text):
    """What even a quorum that signs everything does not bring about."""
    def offered(what, says, **changed):
        other = bent(text, **changed)
        refused(r, what, host.with_signatures(other, host.signed(other, TWO_OF_EACH)), says)

    said = json.loads(text)
    offered("the spare key of the adversary's own, signed by a deceived quorum", "not the registered one", spare="ab" * 32)
    loose = {**said["token"]["log_sign"], "extractable": True, "never_extractable": False}
    offered("a log key that can leave its token, signed by them", "could leave it", token={**said["token"], "log_sign": loose})
    offered("the log's first key once more, signed by them", "had this key before", log_key=r.vault.demo["vkey"])
    offered("another log's root, signed by them", "another log than this one", at={**said["at"], "root": "ab" * 32})


def stale(r, host, newest):
    for what, shifted in (("a statement of eight days ago, which a quorum signed then", -8 * DAY),
                          ("a statement of next week, which a quorum signed", 8 * DAY)):
        text = host.statement("--kind", "lost", "--newest", newest, shifted=shifted)
        refused(r, what, host.with_signatures(text, host.signed(text, TWO_OF_EACH)), "from the future, or older than seven days")


def suspended(r, host, newest):
    """A colleague whom a resident suspended signs all the same."""
    v = r.vault
    host.take("facekeep")
    v.start()
    r.expect("a resident suspends one of the group", r.suspend("residents/2", "property/2").status, 200)
    v.stop()
    host.take("facekeep-new")
    text = host.statement("--kind", "lost", "--newest", newest)
    refused(r, "the signature of somebody who is suspended", host.with_signatures(text, host.signed(text, TWO_OF_EACH)),
            'signed by "property/2", who is no custodian or is suspended')
    v.put_back("now", "data", "tokens")


# ---- behind an honest recovery

def recovered(r, host, newest):
    """The custodians believe it and sign; the old token is in somebody's drawer. The statement and its signatures."""
    v = r.vault
    text = host.statement("--kind", "lost", "--newest", newest)
    (host.folder / "statement").write_text(text)
    signed = []
    for who in QUORUM:
        done = v.cli(who, "sign-recovery", host.folder / "statement", "--out", host.folder / f"{who}.sig", "--yes-to", digest(text))
        r.report.check(f"{who} signs", done.returncode == 0, done.stderr)
        signed.append((host.folder / f"{who}.sig").read_text())
    done = host.with_signatures(text, signed)
    r.report.check("a quorum's signatures put the new token in the old one's place", done.returncode == 0, done.stderr)
    host.put_in_spare()
    v.start()
    said = unseal(v)
    r.report.check("cards and spare open the vault", wait(lambda: v.state() == "open", 20), said[-1])
    v.wait_loaded()
    r.settled = v.log_size()
    return text, signed


def before_new_cards(r):
    entry = next(n for n, e in enumerate(r.vault.entries()) if e.get("type") == "recovered")
    r.attempt("a rotation before the new cards", r.propose("property/1", {"kind": "rotate-keys"}), "reshare-due")
    r.attempt("a log key of before the new cards", r.propose("property/1", {"kind": "rotate-log-key"}), "reshare-due")
    return entry


def renewed(r, host):
    """New cards, the end of the old keys, the spare in its safe again."""
    v = r.vault
    agreed = new_cards(r.vault, "residents-1")
    for who in ("residents/1", "property/2"):
        r.vote(who, agreed)
    r.report.check("both groups agree on new cards", wait(lambda: r.stage(agreed) == "done", 30))
    v.restart()
    r.settle()
    unseal_with(r, "new-cards")
    r.report.check("the old keys end", wait(lambda: "rotation" not in v.ask(None, "GET", "/v1/seal-status").json))
    r.report.check("and an auditor follows", fetch(v, v.folder / "mirror").returncode == 0)
    v.cli("residents-2", "status")
    v.stop()
    host.take_out_spare()
    v.copy("recovered")


def signatures_again(r, host, text, signed):
    """What the quorum signed once, used for another token, on the disk of then."""
    r.vault.put_back("now", "data", "tokens")
    host.take("facekeep-other")
    refused(r, "the quorum's signatures once more, for another token", host.with_signatures(text, signed), "does not have the statement's log key")
    later = host.statement("--kind", "lost", "--no-newest")
    refused(r, "the quorum's signatures under another token's statement", host.with_signatures(later, signed), "no custodian's over this statement")
    r.vault.put_back("recovered", "data", "tokens")
    host.take("facekeep-new")


def the_old_token(r, host, newest):
    """It was in a drawer. Its folder is put among the tokens of now."""
    host.take("facekeep")
    does_not_start(r, "the token that was called lost, in its place again", "not the vault's")
    refused(r, "the token that was called lost, as the next new one", host.recover("--kind", "lost", "--newest", newest, "--statement-out", host.folder / "no"),
            "this token is not lost")
    host.take("facekeep-new")


def second_history(r, host):
    """The old token and the old disk go on beside the new ones."""
    v = r.vault
    seen = int((v.folder / "mirror/checkpoint").read_text().split("\n")[1])
    v.put_back("now", "data", "tokens")
    host.take("facekeep")
    v.start()

    def against_those_who_know(when):
        watched = audit(v, "watch", "--once", "--url", v.demo["public"], "--vkey", v.demo["vkey"], "--out", v.folder / "mirror", "--rate", "1000")
        for whose, done in (("the auditor's", fetch(v, v.folder / "mirror")), ("a watching", watched),
                            ("a resident's", v.hand_in("residents-2", v.card("residents-2")))):
            machine_refuses(r, f"a second history under the old log key, {when}, against {whose} machine", done,
                            r"evidence of a second log: .* a key that ended at \d+: a lost token that wasn't")

    against_those_who_know("shorter than what they saw")
    while v.log_size() <= seen:
        r.withdraw("property/1", r.proposed("property/1", r.new_door()))
    against_those_who_know("longer than what they saw")
    r.report.check("nobody handed in a card", v.state() == "sealed", v.state())
    for who in ("property-1", "property-2", "property-3"):
        done = Deceived(r).vault.hand_in(who, v.card(who))
    r.attempt("the old disk and the old token with all cards of one group", v.state(), "unsealing", f"no entry: {done.stderr.splitlines()[:1]}", serves=False)
    v.stop()
    v.put_back("recovered", "data", "tokens")
    host.take("facekeep-new")


def old_cards(r):
    """On the newest folders."""
    v = r.vault
    v.start()
    done = v.hand_in("property-1", v.card("property-1"))
    found = re.search(r"earlier set|before the shares were renewed", done.stderr)
    r.attempt("an old card behind the recovery", "refused" if found else done.stderr, "refused", f"no entry: {found and found[0]!r}", serves=False)
    unseal_with(r, "new-cards")


def main():
    if os.environ.get("FACEKEEP_TEST_TOKEN", "softhsm") != "softhsm":
        print("tokens are taken away and added: SoftHSM alone")
        sys.exit(77)
    if not FAKETIME:
        print("faketime is not installed")
        sys.exit(77)
    with Vault("--small", "--spare", adjust=PLAN) as vault:
        vault.restart()
        vault.unseal()
        r = Rogue(vault, numpy.load(vault.folder / "probes.npy")[3])
        host, newest = Host(r), vault.folder / "mirror/checkpoint"
        vault.stop()
        for label in ("facekeep-new", "facekeep-other"):
            host.new_token(label)
        vault.copy("older")
        vault.start()
        vault.unseal()
        unwanted = r.proposed("property/1", r.new_door())
        r.vote("property/1", unwanted)
        r.vote("residents/2", unwanted, "veto")
        r.revoke("residents/2", "door/2")
        r.report.check("an auditor has seen the veto", fetch(vault, newest.parent).returncode == 0)
        vault.cli("residents-2", "status")
        vault.stop(signal.SIGKILL)
        vault.copy("now")

        token_is_there(r, host, newest)
        older_disk(r, host, newest)
        arranged_loss(r, host, newest)
        signatures(r, host, newest)
        stale(r, host, newest)
        text, signed = recovered(r, host, newest)
        before_new_cards(r)
        r.report.check("the door is served", r.door_is_served())
        renewed(r, host)
        signatures_again(r, host, text, signed)
        the_old_token(r, host, newest)
        second_history(r, host)
        old_cards(r)
        r.report.check("the door is served at the end", r.door_is_served())
        r.quorum_acts("all of it")
        replayed = audit(vault, "replay", newest.parent)
        r.report.check("the auditor replays what he has", replayed.returncode == 0, (replayed.stdout + replayed.stderr)[-300:])
        print(f"{len(r.attempts)} attempts")
        r.report.check("at least 49 attempts", len(r.attempts) >= 49, len(r.attempts))
    r.report.end()


if __name__ == "__main__":
    main()
