#!/usr/bin/python3
"""Server and main token are lost together, by the runbook's own commands: a backup, an auditor's mirror, the spare token and the cards
bring the vault back beside a new token, and what came behind the backup is not undone."""
import json
import os
import shutil
import signal
import ssl

from parties import (QUORUM, People, at_once, audit, behind_the_backup, daemon, does_not_start, empty_token, fetch, known_people, matches, new_main_token,
                     take_main_token, unseal, wait)
from runbook_room import Room, one, runbook
from vault import Report, Vault, digest

report = Report()
if os.environ.get("FACEKEEP_TEST_TOKEN", "softhsm") != "softhsm":
    report.skip("tokens are taken away and added: SoftHSM alone")
    report.end()


def burn(v):
    """What is left: the server's key and the configuration, which were kept with the backup, and the spare token."""
    v.stop(signal.SIGKILL)
    for name in ("db", "keys", "exports", "backups"):
        shutil.rmtree(v.folder / "data" / name, ignore_errors=True)
    take_main_token(v, v.folder / "burnt")
    empty_token(v, "facekeep-new")
    v.edit_config('uri = "pkcs11:token=facekeep"', new_main_token(v))


def restored(v, room):
    command = one(runbook("19c"), "facekeepd restore")
    refused = room.run(command.replace(" --token-lost", ""))
    report.check("a restore beside another token is refused", refused.returncode != 0 and not (v.folder / "data/db").exists(), refused.stderr)
    refused = room.run(command.replace(" --mirror mirror", ""))
    report.check("a mirror is not left out by mistake", refused.returncode != 0 and "--accept-loss" in refused.stderr, refused.stderr)
    done = room.run(command)
    report.check("with --token-lost the backup is restored", done.returncode == 0 and "facekeepd recover" in done.stdout, done.stdout + done.stderr)
    does_not_start(v, report, "the daemon does not start with that", "is not the vault's")
    checked = daemon(v, "check", "--json")
    report.check("`facekeepd check` finds nothing", checked.returncode == 0 and not json.loads(checked.stdout)["faults"], checked.stdout + checked.stderr)


def signed_for(v, room):
    commands = runbook("22g")
    refused = room.run(one(commands, "--statement-out") + " --accept-loss")
    report.check("a loss is not given up behind a restore that has the log's end", refused.returncode != 0 and "restore once more" in refused.stderr and
                 not (room.folder / "statement").exists(), refused.stderr)
    done = room.run(one(commands, "--statement-out"))
    report.check("a statement is made over what was restored", done.returncode == 0, done.stderr)
    statement = (room.folder / "statement").read_text()
    for who in QUORUM:
        command = one(commands, "sign-recovery").replace("residents-1", who)
        done = room.run(f"{command} --yes-to {digest(statement)}")
        report.check(f"{who} reads what happened, and signs", done.returncode == 0 and "stolen" in done.stdout, done.stdout + done.stderr)
    done = room.run(one(commands, "recover", "--signature"))
    report.check("the quorum's signatures are taken", done.returncode == 0 and "recovered" in done.stdout, done.stdout + done.stderr)


def is_let_in(v, who):
    try:
        return v.ask(who, "GET", "/v1/seal-status").status == 200
    except ssl.SSLError:
        return False


def in_the_log(v):
    kinds = [e.get("type") for e in v.entries()]
    report.check("the log has the recovery, then the start, then the restore", kinds[kinds.index("recovered"):][:3] == ["recovered", "start", "restored"],
                 kinds[kinds.index("recovered"):][:5])


with Vault("--small", "--spare", adjust=at_once("restore")) as v:
    room, people = Room(v), People(v)
    known = known_people(v)[:6]
    gone, present = known[0], known[1:]
    mirror = room.folder / "mirror"
    made = v.cli("property-1", "backup", "--out", room.folder / "vault.facekeep-backup")
    report.check("a backup is taken", made.returncode == 0, made.stderr)
    behind_the_backup(v, report, gone, people)
    v.stop()  # the mirror is the newest that there can be
    v.start()
    report.check("an auditor mirrors the log with its openings", fetch(v, mirror).returncode == 0)
    shutil.copy(mirror / "checkpoint", room.folder)
    burn(v)

    restored(v, room)
    signed_for(v, room)
    v.start()
    said = unseal(v)
    report.check("the same cards and the spare open the vault", wait(lambda: v.state() == "open", 20), said[-1])
    v.wait_loaded()
    report.check("everybody who is left matches", present and all(wait(lambda m=m: matches(v, *m), 10) for m in present), f"{len(present)} people")
    report.check("who was erased does not", not matches(v, *gone))
    report.check("nor does who was enrolled behind the backup", people.identified("late") == "no_match")
    report.check("who was revoked stays so", not is_let_in(v, "door/2"))
    people.enrol("late")
    report.check("who is enrolled anew", people.identified("late") == "late")
    report.check("new cards are due", v.ask(None, "GET", "/v1/seal-status").json.get("recovered", {}).get("kind") == "stolen")
    in_the_log(v)
    fetched, replayed = fetch(v, mirror), audit(v, "replay", mirror)
    report.check("the auditor follows the custodians' key", fetched.returncode == 0, fetched.stderr)
    report.check("and replays the whole", replayed.returncode == 0, (replayed.stdout + replayed.stderr)[-300:])
    v.stop()
    checked = daemon(v, "check", "--json")
    report.check("`facekeepd check` finds nothing behind it", checked.returncode == 0 and not json.loads(checked.stdout)["faults"],
                 checked.stdout[-300:] + checked.stderr)
report.end()
