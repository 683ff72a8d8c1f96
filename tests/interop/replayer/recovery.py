"""FORMAT.md sections 4, 7 and 9, "Log keys" and `recovered`: who signs the log, and what the state keeps of it."""
import re

from . import sshsig
from .canonical import DAY_MS, Bad, canonical, parse_time, unbase64
from .genesis import group_of, read_each, read_evidence, read_signature, read_sub

STATEMENT_LIFE_MS = 7 * DAY_MS
NAMESPACE = "facekeep-recovery"
KINDS = ("lost", "stolen", "broken", "restored")


def _must(good, why):
    if not good:
        raise Bad(why)


def _tree(f):
    f.hex("root", 32), f.int("size", 1, 2**53 - 1)


def _token(f):
    for key in ("manufacturer", "model", "serial", "firmware"):
        f.text(key, 64)
    f.text("class", 16), read_sub(f, "log_sign", read_evidence)


def _loss(f):
    f.text("origin", 120), read_sub(f, "newest", _tree)


def read_recovered(f):
    f.one_of("kind", KINDS), f.text("log_key", 512), f.time("made"), read_sub(f, "at", _tree), read_sub(f, "token", _token)
    if f.has("spare"):
        f.hex("spare", 32)
    if f.has("loss"):
        read_sub(f, "loss", _loss)
    read_each(f, "signatures", 128, read_signature)


def statement(body, vault):
    unsigned = {k: v for k, v in body.items() if k != "signatures"}
    return canonical({**unsigned, "v": 1, "vault": vault, "verb": "recovered"})


def check_log_key(text, name):
    """The form alone; who verifies with it reads it whole."""
    m = re.fullmatch(re.escape(name) + r"\+[0-9a-f]{8}\+(.+)", text, re.S)
    raw = unbase64(m[1], "a log key") if m else b""
    _must(len(raw) >= 33 and raw[0] in (1, 2) and len(text.encode()) <= 512, f"a log key is no vkey of {name}")


class LogKeys:
    """What a State has besides. A handover is (entry, vkey before, vkey behind, recovered, loss or None)."""

    def __init__(self):
        self.handovers, self.lost_roots, self.recovery = [], {}, None

    def log_keys(self):
        """In order: vkey, first and last size of the trees that it may sign, and the size up to which larger ones are lost."""
        out = [[self.genesis["log_key"], 0, None, 0]]
        for entry, _, vkey, recovered, loss in self.handovers:
            out[-1][2:] = entry if recovered else entry + 1, loss["newest"]["size"] if loss else 0
            out.append([vkey, entry + 1, None, 0])
        return out

    def _waits_for_cards(self, action, draws):
        return self.recovery is not None and action["kind"] in draws and action["kind"] != "reshare"

    def _check_new_log_key(self, vkey, name):
        check_log_key(vkey, name)
        had = [key.split("+", 2)[2] for key, *_ in self.log_keys()]
        _must(vkey.split("+", 2)[2] not in had, "the log had this key before")

    def _hand_over(self, after, vkey, recovered=False, loss=None):
        self.handovers.append((self.size, self.current["log_key"], vkey, recovered, loss))
        after["log_key"] = vkey

    def _check_loss(self, body):
        loss = body.get("loss")
        _must(loss or body["kind"] != "restored", "a restore without a loss needs no recovery")
        if not loss:
            return self.current["origin"]
        names = {self.genesis["origin"], *(key.split("+")[0] for key, *_ in self.log_keys())}
        _must(re.fullmatch(r"[\x21-\x2a\x2c-\x7e]+", loss["origin"]) and loss["origin"] not in names, "the new origin is none, or one that the log had")
        _must(loss["newest"]["size"] > body["at"]["size"], "nothing is lost")
        return loss["origin"]

    def _check_signers(self, body, time, now):
        text, who = statement(body, self.genesis["vault"]), set()
        for s in body["signatures"]:
            by = s["by"]
            _must(self._counts(by, time, now) and by not in who, f"signed by {by}, twice or without counting")
            sshsig.verify(s["signature"], self.principals[by]["approval_key"], NAMESPACE, text)
            who.add(by)
        for group, g in self.groups.items():
            _must(sum(group_of(by) == group for by in who) >= g["threshold"], f"too few of {group} have signed")

    def _recovered(self, body, time, now):
        made, token_gone = parse_time(body["made"]), body["kind"] != "restored"
        _must(body["at"]["size"] == self.size, "a recovery of another log than the one before it")
        _must(made <= time <= made + STATEMENT_LIFE_MS, "a statement from the future, or an old one")
        self._check_new_log_key(body["log_key"], self._check_loss(body))
        _must(("spare" in body) == token_gone, "a spare key, for exactly a token that is gone")
        _must(not token_gone or body["spare"] == self.current.get("spare_key"), "another spare key than the registered one")
        _must(body["token"]["class"] in ("software", "hardware"), "an unknown class of token")
        self._check_signers(body, time, now)
        loss = body.get("loss")
        after = {**self.current, "token": {**body["token"], "root": self.current["token"]["root"]}}
        if loss:
            after["origin"] = loss["origin"]
        self._hand_over(after, body["log_key"], True, loss)
        if token_gone:
            for epoch in (self.epoch(), *([self.rotation["from"]] if self.rotation else [])):
                self.lost_roots.setdefault(epoch, 0)
            self.recovery = {"entry": self.size, "kind": body["kind"]}
        self._change(after)
        self._clear_shares()
        self._end_ticket("keys")
        if loss:
            for s in self.subjects.values():
                s["in_doubt"] = True
            self.rule_version = self.size
            self._unsettle(lambda p: True)

    def _confirm(self, site):
        for s in self.subjects.values():
            s["in_doubt"] = s.get("in_doubt", False) and s["site"] != site

    def _log_key_lines(self):
        for entry, before, vkey, recovered, loss in self.handovers:
            end = f" {loss['newest']['size']} {loss['newest']['root']}" if loss else ""
            yield f"handover {entry} {before} {vkey}" + (" recovered" if recovered else "") + end
        for epoch, retired in sorted(self.lost_roots.items()):
            yield f"lost-root {epoch}" + (f" {retired}" if retired else "")
        if self.recovery:
            r = self.recovery
            yield f"recovery {r['entry']} {r['kind']}" + (f" {r['renewed']}" if "renewed" in r else "")
