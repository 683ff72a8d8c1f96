#!/usr/bin/python3
"""A restore that accepts a loss, by the runbook's own commands: the disk is gone, and nobody mirrored what came behind the backup. The
custodians sign for what is given up; the log goes on under another name, and nobody matches until both groups have confirmed them."""
import json
import re
import shutil
import signal

from parties import (QUORUM, SUBJECTS, People, at_once, audit, behind_the_backup, daemon, decision, does_not_start, fetch, known_people, matches, sign, stage,
                     unseal, wait)
from runbook_room import Room, one, runbook
from vault import Report, Vault, digest

report = Report()
DOUBT = re.compile(rb"^facekeep_subjects_in_doubt (\d+)$", re.M)


def origin(v):
    return v.ask(None, "GET", "/checkpoint").body.decode().split("\n")[0]


def in_doubt(v):
    found = DOUBT.search(v.ask(None, "GET", "/metrics").body)
    return int(found[1]) if found else 0


def seen_behind_the_backup(v, erased, people, room):
    """What the log loses; what this machine and an outsider see last."""
    behind_the_backup(v, report, erased, people)
    for _ in range(5):
        decision(v, *erased)
    wait(lambda size=v.log_size(): v.log_size() > size, 10)
    done = v.cli("property-1", "status")
    report.check("a custodian's machine has seen the log behind it", done.returncode == 0, done.stderr)
    note = v.ask(None, "GET", "/checkpoint").body
    (room.folder / "checkpoint").write_bytes(note)
    return note.decode()


def lose_disk(v):
    v.stop(signal.SIGKILL)
    for name in ("db", "keys", "exports"):
        shutil.rmtree(v.folder / "data" / name, ignore_errors=True)


def restored(v, room, commands):
    refused = room.run(one(commands, "facekeepd restore").replace(" --accept-loss", ""))
    report.check("nothing is restored without the log's end", refused.returncode != 0 and "--accept-loss" in refused.stderr, refused.stderr)
    done = room.run(one(commands, "facekeepd restore"))
    report.check("with --accept-loss the backup is restored", done.returncode == 0 and "recover --kind restored" in done.stdout, done.stderr)
    does_not_start(v, report, "the daemon does not start with that", "rolled back")


def signed(v, room, commands):
    """The statement that counts, and what it says."""
    # The token's anchor lags behind what people saw.
    early = daemon(v, "recover", "--kind", "restored", "--statement-out", room.folder / "early")
    report.check("a statement can be made by the token alone", early.returncode == 0, early.stderr)
    done = v.cli("property-1", "sign-recovery", room.folder / "early", "--out", room.folder / "early.sig", "--yes-to",
                 digest((room.folder / "early").read_text()))
    report.check("who has seen more entries than are given up does not sign", done.returncode != 0 and not (room.folder / "early.sig").exists(),
                 done.stderr)
    done = room.run(one(commands, "--kind restored"))
    report.check("with the newest checkpoint the statement names all that is lost", done.returncode == 0 and "lost " in done.stdout, done.stderr)
    statement = (room.folder / "statement").read_text()
    for who in QUORUM:
        command = one(runbook("22g"), "sign-recovery").replace("residents-1", who)
        done = room.run(f"{command} --yes-to {digest(statement)}")
        report.check(f"{who} reads what is given up, and signs", done.returncode == 0 and origin_of(statement) in done.stdout, done.stderr)
    return json.loads(statement)


def origin_of(statement):
    return json.loads(statement)["loss"]["origin"]


def put_in_place(v, room):
    command = one(runbook("22g"), "recover", "--signature")
    few = room.run(command.replace(" --signature residents-2.sig", ""))
    report.check("one signature too few leaves the log as it is", few.returncode != 0 and "residents" in few.stderr, few.stderr)
    for what in ("the quorum's signatures are taken", "a second time says that it is done"):
        done = room.run(command)
        report.check(what, done.returncode == 0 and "recovered" in done.stdout and "Nobody matches" in done.stdout, done.stdout + done.stderr)
    v.start()
    said = unseal(v)
    report.check("the same cards open the vault", wait(lambda: v.state() == "open", 20), said[-1])
    v.wait_loaded()


def confirmed(v, room, commands):
    done = room.run(one(commands, "propose"))
    report.check("the runbook's command proposes that they match again", done.returncode == 0, done.stderr)
    made = [p for p in v.ask("property/1", "GET", "/v1/proposals").json["proposals"] if p["stage"] in ("draft", "open")]
    report.check("it is the one that waits", len(made) == 1 and json.loads(made[0]["proposal"])["action"] == {"kind": "confirm-subjects", "site": "main"},
                 made)
    before = in_doubt(v)
    sign(v, made[0])
    report.check("carried out with both groups' signatures", before > 0 and wait(lambda: stage(v, made[0]) == "done", 30), stage(v, made[0]))
    report.check("nobody is in doubt any more", wait(lambda: in_doubt(v) == 0, 30), in_doubt(v))


def log_names_the_old(v, mirror, statement, newest):
    """`newest`: the checkpoint that an outsider kept of the old log."""
    entries = v.entries()
    recovered = [e["body"] for e in entries if e.get("type") == "recovered"]
    _, size, _ = newest.split("\n")[:3]
    report.check("the log has one entry about it, signed by the quorum", len(recovered) == 1 and len(recovered[0]["signatures"]) == len(QUORUM), recovered)
    report.check("which names the old log's newest tree", recovered[0]["loss"] == statement["loss"] and
                 recovered[0]["loss"]["newest"]["size"] >= int(size), recovered[0]["loss"])
    fetched, replayed = fetch(v, mirror), audit(v, "replay", mirror)
    kept = [p.name for p in mirror.iterdir() if p.name.startswith("lost-")]
    report.check("the auditor follows with the key of the notice, and is told", fetched.returncode == 0 and "lost" in fetched.stderr + fetched.stdout,
                 fetched.stdout + fetched.stderr)
    report.check("and keeps the mirror of the old log", len(kept) == 1 and (mirror / kept[0] / "checkpoint").exists(), kept)
    report.check("it replays", replayed.returncode == 0, (replayed.stdout + replayed.stderr)[-300:])
    watched = audit(v, "watch", "--url", v.demo["public"], "--vkey", v.demo["vkey"], "--out", v.folder / "watch", "--once")
    report.check("a committee that watched before follows, too", watched.returncode == 0, watched.stdout[-300:] + watched.stderr)


with Vault("--small", adjust=at_once("restore")) as v:
    room, commands, people = Room(v), runbook("19b"), People(v)
    known = known_people(v)[:6]
    gone, present = known[0], known[1:]
    mirror, old = v.folder / "mirror", origin(v)
    made = v.cli("property-1", "backup", "--out", room.folder / "vault.facekeep-backup")
    report.check("a backup is taken", made.returncode == 0, made.stderr)
    newest = seen_behind_the_backup(v, gone, people, room)
    report.check("an auditor mirrors without openings: nothing to restore from", audit(v, "fetch", "--url", v.demo["public"], "--vkey", v.demo["vkey"], "--out",
                                                                                      mirror).returncode == 0)
    watched = audit(v, "watch", "--url", v.demo["public"], "--vkey", v.demo["vkey"], "--out", v.folder / "watch", "--once")
    report.check("a committee watches", watched.returncode == 0, watched.stderr)
    lose_disk(v)

    restored(v, room, commands)
    statement = signed(v, room, commands)
    put_in_place(v, room)
    report.check("the log goes on under the name that was signed", origin(v) == statement["loss"]["origin"] != old, origin(v))
    report.check("nobody matches, whoever was erased neither", {decision(v, *m) for m in known} == {"no_match"}, [decision(v, *m) for m in known])
    report.check("and the metrics count them", in_doubt(v) >= len(known), in_doubt(v))
    v.restart(signal.SIGKILL)
    unseal(v)
    v.wait_loaded()
    report.check("nor after another start", not any(matches(v, *m) for m in known))
    erased = v.ask("operator/1", "DELETE", f"{SUBJECTS}/{gone[0]}")
    report.check("who was erased in the lost entries is erased again", erased.status == 200, erased.status)
    again = v.cli("residents-1", "revoke", "door/2", "--reason", "lost")
    report.check("and who was revoked is there again, and revoked again", again.returncode == 0, again.stderr)
    confirmed(v, room, commands)
    report.check("everybody else matches again", present and all(wait(lambda m=m: matches(v, *m), 10) for m in present), f"{len(present)} people")
    report.check("who was erased does not", not matches(v, *gone))
    report.check("nor does who was enrolled behind the backup", people.identified("late") == "no_match")
    people.enrol("late")
    report.check("who is enrolled anew", people.identified("late") == "late")
    log_names_the_old(v, mirror, statement, newest)
    whole = v.cli("property-1", "backup", "--out", room.folder / "whole.facekeep-backup")
    report.check("a whole backup is taken of the new log", whole.returncode == 0, whole.stderr)
    v.stop()
    checked = daemon(v, "check", "--json")
    report.check("`facekeepd check` finds nothing", checked.returncode == 0 and not json.loads(checked.stdout)["faults"], checked.stdout[-300:] + checked.stderr)
report.end()
