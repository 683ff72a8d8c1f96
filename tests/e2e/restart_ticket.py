#!/usr/bin/python3
"""A restart ticket in the quickstart's vault: a power cut, a confirmation at the box, doors that answer again; and everything that must
not open the vault: no box, the wrong person, an older confirmation, a seal before it, another program, a ticket put back."""
import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy

from parties import at_once, propose, sign, stage, wait
from ticket_box import Box, delivered, ended, events, keep_ports, power_cut, start_other_program, ticket, ticket_keys
from vault import FACEKEEP_AUDIT, SOURCE, Report, Vault, base64_of

sys.path.insert(0, str(SOURCE / "tests/interop"))
from replayer.replay import Replay  # noqa: E402

report = Report()
QUIET = 6  # seconds in which nothing may happen


def decide(v, action):
    carried_out(v, propose(v, action, "power-cuts").json["proposal"])


def carried_out(v, made):
    sign(v, made)
    report.check("the policy is carried out", wait(lambda: stage(v, made) == "done", 20))


def match(v, subject, face):
    body = {"door": "north-gate", "model": "face", "subject": subject, "probe": base64_of(face)}
    answer = v.ask("door/1", "POST", "/v1/sites/main/verify", body)
    return answer.json["decision"] if answer.status == 200 else answer.problem


def somebody(v):
    with open(v.folder / "probes.csv", encoding="utf-8", newline="") as f:
        subjects = [row["subject"] for row in csv.DictReader(f)]
    return next((s, f) for s, f in zip(subjects, numpy.load(v.folder / "probes.npy")) if match(v, s, f) == "match")


def about_the_way_it_goes(v, box, person):
    """Policy, opening by cards, power cut, confirmation."""
    keep_ports(v)
    v.restart()
    made = v.cli("property-1", "--json", "propose", "restart-ticket", "--purpose", "power-cuts", "--hours", "1", "--box", box.file)
    report.check("a policy is proposed", made.returncode == 0, made.stderr)
    said = v.cli("property-1", "proposals").stdout
    report.check("in words that say who gives what up", "give up being asked" in said and "lodge" in said, said)
    carried_out(v, v.ask("property/1", "GET", f"/v1/proposals/{json.loads(made.stdout)['id']}").json)
    box.start()
    report.check("no ticket before an opening by cards", ticket(v) is None)
    v.unseal()
    report.check("one is made then, and the box has its half", delivered(v), v.log()[-300:] + box.said()[-300:])
    report.check("its key is in the token, its half at the box", ticket_keys(v) == [1] and len(box.half() or b"") == 32)
    half_mode = os.stat(box.folder / "half").st_mode & 0o777
    report.check("the half is its owner's alone", half_mode == 0o600, oct(half_mode))
    said = v.cli(None, "status").stdout
    report.check("`facekeep status` says so", "Restart ticket 1" in said and "lodge" in said, said)

    power_cut(v)
    report.check("after a power cut the start waits at the box", wait(box.waiting, 30), box.said()[-300:])
    report.check("doors are not answered before", match(v, *person) == "sealed")
    start = box.waiting()
    done = box.confirm("property-1", start)
    report.check("a person of another group confirms nothing", done.returncode == 2 and v.state() == "sealed", done.stderr)
    done = box.confirm("operator-1", start)
    report.check("nor does who is no custodian", done.returncode != 0 and v.state() == "sealed", done.stderr)
    time.sleep(QUIET)
    report.check("and nobody else opened it meanwhile", v.state() == "sealed")
    begin = time.monotonic()
    done = box.confirm("residents-1", start)
    report.check("a person of the box's group confirms", done.returncode == 0, done.stderr)
    good = wait(lambda: match(v, *person) == "match", 60)
    report.check("doors answer within a minute", good, f"{time.monotonic() - begin:.1f} s")
    used = [e for e in events(v) if e["type"] == "ticket-used"]
    report.check("the log says who", [e["body"]["by"] for e in used] == ["residents/1"])
    return used[0]["body"]


def about_a_stolen_machine(v, box, person, before):
    """Token and disk without the box; then what an older confirmation is worth."""
    box.stop()
    power_cut(v)
    time.sleep(QUIET)
    report.check("machine and token without the box stay sealed", v.state() == "sealed" and match(v, *person) == "sealed")
    box.start()
    report.check("a box that comes back still has the ticket", wait(box.waiting, 30), box.said()[-300:])
    start = box.waiting()
    body = {"number": before["number"], "signature": before["signature"], "start": start, "time": before["time"]}
    for who, what in (("residents/1", "the confirmation of the start before"), ("property/1", "the same from another person")):
        answer = box.ask(who, "POST", "/v1/confirmations", body)
        report.check(f"{what} is refused", answer.status == 403 and v.state() == "sealed", answer)
    vault = v.demo["vault"]
    for what, asked in (("a start that was", {"number": 1, "start": start - 1, "vault": vault}),
                        ("a ticket that was not", {"number": 2, "start": start, "vault": vault}),
                        ("another vault", {"number": 1, "start": start, "vault": "00" * 16})):
        answer = box.ask("residents/1", "POST", "/v1/restarts", asked)
        report.check(f"the box gives nothing to {what}", answer.status == 409 and b"half" not in answer.body, answer)
    done = box.confirm("residents-1", start)
    report.check("a fresh confirmation opens it", done.returncode == 0 and wait(lambda: v.state() == "open", 60), done.stderr)


def about_a_seal(v, box):
    """A custodian's seal ends it, also of a vault that is sealed already; and nothing that is put back brings it back."""
    v.stop(signal.SIGKILL)
    v.copy("before the seal")
    v.start()
    report.check("the start waits", wait(box.waiting, 30))
    start = box.waiting()
    done = v.cli("property-2", "seal")
    report.check("any custodian seals what is sealed", done.returncode == 0, done.stderr)
    report.check("the ticket ends", wait(lambda: ended(v) == ["seal"], 20), ended(v))
    report.check("its key is gone from the token", ticket_keys(v) == [])
    report.check("the box forgot its half", wait(lambda: box.half() is None, 20), box.said()[-300:])
    done = box.confirm("residents-1", start)
    report.check("a confirmation opens nothing any more", done.returncode != 0 and v.state() == "sealed", done.stderr)
    # Token, row and log of before, all put back: with a token of files the machine can't tell. The box can.
    v.stop()
    v.copy("after the seal")
    v.put_back("before the seal", "data", "tokens")
    v.start()
    time.sleep(QUIET)
    report.check("everything put back to before the seal stays sealed", v.state() == "sealed")
    report.check("the box says why", wait(lambda: "can't be read" in box.said(), 20), box.said()[-400:])
    v.stop()
    v.put_back("after the seal", "data", "tokens")
    box.stop()
    v.start()
    v.unseal()
    box.start()
    report.check("another opening by cards makes another ticket", delivered(v) and ticket_keys(v) == [2], ticket(v))


def about_another_program(v, box):
    """One byte behind the daemon's own end is another program."""
    v.stop(signal.SIGKILL)
    report.check("another program starts", start_other_program(v), v.log()[-300:])
    report.check("and ends the ticket", wait(lambda: "program" in ended(v), 20), ended(v))
    report.check("the box forgot its half", wait(lambda: box.half() is None, 20), box.said()[-300:])
    report.check("it waits for nobody's confirmation", box.waiting() is None and v.state() == "sealed")
    v.restart(signal.SIGKILL)
    time.sleep(QUIET)
    report.check("the first program back again opens nothing either", v.state() == "sealed")


def about_nobody_asked(v, box, person):
    """The exception to P2, on every report; and one person ends it."""
    policy = {"box": json.loads(box.file.read_text()), "hours": 1, "unattended": True}
    decide(v, {"kind": "restart-ticket", "ticket": policy})
    v.unseal()
    report.check("a ticket by the new policy", delivered(v) and ticket(v)["unattended"], ticket(v))
    power_cut(v)
    report.check("unattended, doors answer again by themselves", wait(lambda: match(v, *person) == "match", 60), box.said()[-300:])
    mirror, page = v.folder / "mirror", v.folder / "report.html"
    for command in (("fetch", "--url", v.demo["public"], "--vkey", v.demo["vkey"], "--out", mirror, "--api", v.demo["api"],
                     "--key", v.folder / "keys/auditor-1.key"), ("report", mirror, "--out", page)):
        done = subprocess.run([FACEKEEP_AUDIT, *command], env=v.env, capture_output=True, text=True, check=False)
        report.check(f"facekeep-audit {command[0]}", done.returncode == 0, (done.stderr or done.stdout)[-400:])
    report.check("every report is stamped", "UNATTENDED RESTART" in page.read_text())
    found = Replay(mirror).run()
    done = subprocess.run([FACEKEEP_AUDIT, "replay", mirror, "--json"], env=v.env, capture_output=True, text=True, check=False)
    theirs = json.loads(done.stdout)
    report.check("both replayers reach the same state", found.digest and found.digest.hex() == theirs.get("state_digest") and not found.bad(),
                 (found.bad()[:2], theirs.get("state_digest")))
    done = v.cli("residents-2", "tighten", "restart-ticket", "--none")
    report.check("one person ends restart tickets", done.returncode == 0, done.stderr)
    report.check("with the one that there is", wait(lambda: ended(v)[-1:] == ["withdrawn"], 20) and ticket_keys(v) == [], ended(v))
    power_cut(v)
    time.sleep(QUIET)
    report.check("then a restart needs cards", v.state() == "sealed")


with Vault("--small", adjust=at_once("ticket")) as v:
    someone = somebody(v)
    lodge = Box(v)
    try:
        first = about_the_way_it_goes(v, lodge, someone)
        about_a_stolen_machine(v, lodge, someone, first)
        about_a_seal(v, lodge)
        about_another_program(v, lodge)
        about_nobody_asked(v, lodge, someone)
    finally:
        lodge.stop()
        if report.failed:
            print(lodge.said()[-3000:], v.log()[-3000:])
report.end()
