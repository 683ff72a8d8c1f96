"""Who has to do with a quickstart's vault while its keys change: a door that asks, custodians who decide, an auditor who follows.
A library, not a suite."""
import csv
import json
import shutil
import subprocess
import threading
import time

import numpy

import openapi_votes
from vault import FACEKEEP_AUDIT, FACEKEEPD, base64_of

SUBJECTS = "/v1/sites/main/subjects"
# Two cards of each group open the vault.
QUORUM = ("property-1", "property-2", "residents-1", "residents-2")


def at_once(*classes):
    """For Vault(adjust=...): one of each group decides these, without a delay."""
    return f"""
for name in {classes!r}:
    plan["rules"][name] = {{"groups": {{"property": 1, "residents": 1}}, "delay_s": 0, "lifetime_s": 604800}}
"""


def wait(what, seconds=240):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.1)
    return False


def does_not_start(v, report, what, reason):
    try:
        v.start()
        report.check(what, False, "it started")
        v.stop()
    except RuntimeError as e:
        report.check(what, reason in str(e), str(e)[-300:])


# Doors.


def question(subject, face):
    return {"door": "north-gate", "model": "face", "subject": subject, "probe": base64_of(face)}


def decision(v, subject, face):
    answer = v.ask("door/1", "POST", "/v1/sites/main/verify", question(subject, face))
    return answer.json["decision"] if answer.status == 200 else repr(answer)


def matches(v, subject, face):
    return decision(v, subject, face) == "match"


def known_people(v):
    """(subject, face) of everybody whose face the quickstart's probes show."""
    with open(v.folder / "probes.csv", encoding="utf-8", newline="") as f:
        subjects = [row["subject"] for row in csv.DictReader(f)]
    return [(s, face) for s, face in zip(subjects, numpy.load(v.folder / "probes.npy")) if matches(v, s, face)]


class People:
    """Made-up people, enrolled over HTTPS."""

    def __init__(self, vault):
        self.vault, self.random, self.faces = vault, numpy.random.default_rng(5), {}

    def enrol(self, who):
        face = self.random.standard_normal(self.vault.demo["dimension"]).astype("<f4")
        self.faces[who] = face / numpy.linalg.norm(face)
        first = self.vault.ask("operator/1", "PUT", f"{SUBJECTS}/{who}", self.vault.consent())
        assert first.status in (200, 201), first
        added = self.vault.ask("operator/1", "POST", f"{SUBJECTS}/{who}/templates", {"model": "face", "template": base64_of(self.faces[who])})
        assert added.status in (200, 201), added

    def erase(self, who):
        return self.vault.ask("operator/1", "DELETE", f"{SUBJECTS}/{who}")

    def identified(self, who, connection=None):
        body = {"door": "north-gate", "model": "face", "probe": base64_of(self.faces[who])}
        answer = self.vault.ask("door/1", "POST", "/v1/sites/main/identify", body, connection=connection)
        assert answer.status == 200, answer
        return answer.json.get("subject") if answer.json["decision"] == "match" else answer.json["decision"]


def behind_the_backup(v, report, erased, people):
    """What a restore must not undo, or gives up: an erasure of (subject, face), a revocation, an enrolment."""
    done = v.ask("operator/1", "DELETE", f"{SUBJECTS}/{erased[0]}")
    report.check("one person is erased behind the backup", done.status == 200 and not matches(v, *erased), done.status)
    done = v.cli("residents-1", "revoke", "door/2", "--reason", "lost")
    report.check("a door is revoked behind it", done.returncode == 0, done.stderr)
    people.enrol("late")
    report.check("somebody is enrolled behind it", people.identified("late") == "late")


class Door(threading.Thread):
    """Asks for one person again and again. While the vault is down or sealed it may get no answer; it never gets a wrong one."""

    def __init__(self, v, subject, face):
        super().__init__(daemon=True)
        self.v, self.body = v, question(subject, face)
        self.said, self.wrong, self.stop = 0, [], False

    def run(self):
        while not self.stop:
            try:
                answer = self.v.ask("door/1", "POST", "/v1/sites/main/verify", self.body)
            except (OSError, ValueError, KeyError):
                time.sleep(0.05)
                continue
            if answer.status == 200 and answer.json["decision"] == "match":
                self.said += 1
            elif answer.status not in (200, 503) or answer.status == 200 and answer.json["decision"] == "no_match":
                self.wrong.append(answer)
            time.sleep(0.01)


# Custodians.


def unseal(v, cards="cards", people=QUORUM):
    """What is said of each card."""
    out = []
    for who in people:
        done = v.cli(who, "unseal", "--program", v.program(), share=(v.folder / f"{cards}/{who}.share").read_text())
        out.append(done.stdout if done.returncode == 0 else done.stderr)
    return out


def propose(v, action, purpose="key-rotation"):
    return v.ask("property/1", "POST", "/v1/proposals", {"purpose": purpose, "action": action})


def stage(v, made):
    return v.ask("property/1", "GET", f"/v1/proposals/{made['id']}").json["stage"]


def sign(v, made, people=("property/1", "residents/1")):
    for who in people:
        checkpoint = v.ask(None, "GET", "/checkpoint").body
        body = openapi_votes.vote(v.principals[who], made, v.demo["vault"], checkpoint, "approve")
        answer = v.ask(who, "POST", f"/v1/proposals/{made['id']}/approvals", body)
        if answer.status != 200:
            raise RuntimeError(answer)


SAME_PEOPLE = [{"id": group, "custodians": [{"id": f"{group}/{n}"} for n in (1, 2, 3)]} for group in ("property", "residents")]


def new_cards(v, by, groups=SAME_PEOPLE, **plan):
    """An honest re-share to these groups, as `facekeep reshare` proposes it: its id. The cards are in new-cards."""
    signers = {who["id"]: f"keys/{who['id'].replace('/', '-')}.key" for group in groups for who in group["custodians"]}
    (v.folder / "reshare-plan.json").write_text(json.dumps({"groups": groups, **plan}))
    (v.folder / "reshare-script.json").write_text(json.dumps({"signers": signers}))
    for name in ("minutes", "new-cards"):
        shutil.rmtree(v.folder / name, ignore_errors=True)
        (v.folder / name).mkdir()
    made = v.cli(by, "--json", "reshare", "--plan", v.folder / "reshare-plan.json", "--script", v.folder / "reshare-script.json", "--purpose", "suite",
                 "--out", v.folder / "minutes", "--cards", v.folder / "new-cards")
    if made.returncode:
        raise RuntimeError(made.stderr)
    return json.loads(made.stdout)["id"]


def propose_and_sign(v, action):
    answer = propose(v, action)
    if answer.status != 201:
        raise RuntimeError(answer)
    sign(v, answer.json["proposal"])
    return answer.json["proposal"]


# The administrator, at the stopped vault's machine.


def daemon(v, command, *args):
    return subprocess.run([FACEKEEPD, command, "--config", v.folder / "facekeepd.toml", *map(str, args)], env=v.env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=600, check=False)


def take_main_token(v, into):
    """The one that has the log key, out of SoftHSM's folder."""
    into.mkdir()
    for token in (v.folder / "tokens").iterdir():
        if any(b"log-sign" in f.read_bytes() for f in token.iterdir()):
            shutil.move(token, into / token.name)


def empty_token(v, label):
    pin = (v.folder / "token-pin").read_text().strip()
    subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "90217345", "--pin", pin], env=v.env, check=True,
                   capture_output=True)


def new_main_token(v):
    """What the configuration says of it and of the spare beside it."""
    return f'uri = "pkcs11:token=facekeep-new"\nspare = "pkcs11:token=facekeep-spare"\nspare_pin_file = "{v.folder}/spare-pin"'


# The auditor.


def audit(v, *args):
    return subprocess.run([FACEKEEP_AUDIT, *map(str, args)], env=v.env, capture_output=True, text=True, timeout=300, check=False)


def fetch(v, mirror):
    return audit(v, "fetch", "--url", v.demo["public"], "--vkey", v.demo["vkey"], "--out", mirror, "--api", v.demo["api"],
                 "--key", v.folder / "keys/auditor-1.key", "--rate", "1000")
