#!/usr/bin/python3
"""The log's key and the main token of the quickstart's vault, over the years: the log is handed over to a new key while a door asks
and an auditor follows; then the token is stolen, the custodians and the spare put a new one in its place, and new cards end the old."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from parties import (QUORUM, Door, at_once, audit, daemon, does_not_start, empty_token, fetch, known_people, matches, new_cards, new_main_token, propose,
                     sign, stage, take_main_token, unseal, wait)
from vault import FACEKEEPD, Report, Vault

report = Report()
if os.environ.get("FACEKEEP_TEST_TOKEN", "softhsm") != "softhsm":
    report.skip("tokens are taken away and added: SoftHSM alone")
    report.end()
MODULE = next(str(p) for p in pathlib.Path("/usr/lib").rglob("libsofthsm2.so"))


def pkcs11_tool(v, *args):
    return subprocess.run(["pkcs11-tool", "--module", MODULE, *args], env=v.env, capture_output=True, text=True, check=False)


def slot_of(v, token):
    """pkcs11-tool itself takes any token whose label begins so, and the spare's does."""
    slots = re.findall(r"^Slot \d+ \((0x[0-9a-f]+)\).*?$(.*?)(?=^Slot |\Z)", pkcs11_tool(v, "--list-slots").stdout, re.M | re.S)
    return next(slot for slot, text in slots if re.search(rf"token label +: {re.escape(token)} *$", text, re.M))


def labels(v, token="facekeep"):
    """Of every object of a token, as a process shows them that has just opened it."""
    pin = (v.folder / "token-pin").read_text().strip()
    for _ in range(50):
        listed = pkcs11_tool(v, "--slot", slot_of(v, token), "--login", "--pin", pin, "--list-objects")
        found = sorted(set(re.findall(r"label: +'?facekeep/[0-9a-f]{32}/([a-z0-9-]+)", listed.stdout)))
        if listed.returncode == 0 and found:
            return found
        time.sleep(0.2)  # SoftHSM stumbles over an object whose file somebody else is writing
    return [f"pkcs11-tool: exit {listed.returncode}, {listed.stdout[-200:]} {listed.stderr[-200:]}"]


def recover(v, *args):
    return daemon(v, "recover", *args)


def hand_over(v, mirror):
    before = v.ask(None, "GET", "/checkpoint").body
    report.check("before: no handover", v.ask(None, "GET", "/log/handover/1").problem == "not-found")
    report.check("before: an auditor follows", fetch(v, mirror).returncode == 0)
    answer = propose(v, {"kind": "rotate-log-key"})
    report.check("a new log key can be proposed", answer.status == 201, answer)
    made = answer.json["proposal"]
    sign(v, made)
    report.check("carried out with the last signature", wait(lambda: stage(v, made) == "done", 30), stage(v, made))
    note = v.ask(None, "GET", "/log/handover/1")
    lines = [line for line in note.body.decode().split("\n") if line.startswith("\u2014 ")]
    report.check("both keys signed the handover", note.status == 200 and len(lines) == 2, note)
    done = [i for i, e in enumerate(v.entries()) if e.get("type") == "proposal-done"][-1]
    report.check("its checkpoint ends with the entry that names the key", int(note.body.split(b"\n")[1]) == done + 1)
    wait(lambda: v.log_size() > done + 1, 20)
    now = v.ask(None, "GET", "/checkpoint").body
    report.check("later checkpoints have the new signature alone",
                 now.count(b"\n\xe2\x80\x94 ") == 1 and now.split(b"\n")[4].split()[2][:6] != before.split(b"\n")[4].split()[2][:6], now)
    report.check("the token has the new log key alone", [x for x in labels(v) if x.startswith("log-sign")] == ["log-sign-2"], labels(v))
    v.restart(signal.SIGKILL)
    unseal(v)
    report.check("killed and started again, it is open under the new key", v.state() == "open", v.state())
    fetched, replayed = fetch(v, mirror), audit(v, "replay", mirror)
    report.check("the auditor follows with the key of the notice", fetched.returncode == 0, fetched.stderr)
    report.check("and replays it", replayed.returncode == 0, (replayed.stdout + replayed.stderr)[-300:])
    said = v.cli("property-1", "status")
    report.check("`facekeep status` follows too", said.returncode == 0, said.stderr)


def lose_token(v, mirror):
    """The token is gone, with the daemon killed; the statement's path and what is signed over it."""
    report.check("the auditor has the newest checkpoint", fetch(v, mirror).returncode == 0)
    v.stop(signal.SIGKILL)
    newest, statement = mirror / "checkpoint", v.folder / "statement"
    done = recover(v, "--newest", newest, "--statement-out", statement)
    report.check("a token that is there is not lost", done.returncode == 1 and "not lost" in done.stderr, done.stderr)
    take_main_token(v, v.folder / "stolen")
    empty_token(v, "facekeep-new")
    v.edit_config('uri = "pkcs11:token=facekeep"', 'uri = "pkcs11:token=facekeep-spare"')
    shutil.copy(v.folder / "token-pin", v.folder / "main-pin")
    shutil.copy(v.folder / "spare-pin", v.folder / "token-pin")
    done = recover(v, "--newest", newest, "--statement-out", statement)
    report.check("the spare does not become the main token", done.returncode == 1 and "spare" in done.stderr, done.stderr)
    shutil.copy(v.folder / "main-pin", v.folder / "token-pin")
    v.edit_config('uri = "pkcs11:token=facekeep-spare"', 'uri = "pkcs11:token=facekeep-new"')
    done = recover(v, "--statement-out", statement)
    report.check("nobody is believed about the log's end without a word", done.returncode == 1 and "--newest" in done.stderr, done.stderr)
    for attempt in range(3):  # killed on the way, it is begun again
        p = subprocess.Popen([FACEKEEPD, "recover", "--config", v.folder / "facekeepd.toml", "--kind", "stolen", "--newest", newest, "--statement-out",
                              v.folder / f"killed-{attempt}"], env=v.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.1 * attempt)
        p.kill()
        p.wait()
    done = recover(v, "--kind", "stolen", "--newest", newest, "--statement-out", statement)
    report.check("a new, empty token gets a log key and the statement", done.returncode == 0 and statement.exists(), done.stderr)
    return statement


def sign_statement(v, statement):
    digest = subprocess.run(["sha256sum", statement], capture_output=True, text=True, check=True).stdout.split()[0]
    wrong = v.cli("property-1", "sign-recovery", statement, "--out", v.folder / "no.sig", "--yes-to", "0" * 64)
    report.check("nobody signs another statement than the agreed one", wrong.returncode != 0 and not (v.folder / "no.sig").exists(), wrong.stdout)
    for who in QUORUM:
        done = v.cli(who, "sign-recovery", statement, "--out", v.folder / f"{who}.sig", "--yes-to", digest)
        report.check(f"{who} reads what happened, and signs", done.returncode == 0 and "stolen" in done.stdout, done.stdout + done.stderr)
    return [x for who in QUORUM for x in ("--signature", v.folder / f"{who}.sig")]


def put_in_place(v, statement, signatures):
    few = recover(v, "--statement", statement, *signatures[:-2])
    report.check("one signature too few leaves the log as it is", few.returncode != 0 and "residents" in few.stderr, few.stderr)
    done = recover(v, "--statement", statement, *signatures)
    report.check("with the quorum's the log goes on", done.returncode == 0 and "recovered" in done.stdout, done.stderr)
    again = recover(v, "--statement", statement, *signatures)
    report.check("a second time says that it is done", again.returncode == 0 and "recovered" in again.stdout, again.stderr)
    v.start()
    said = unseal(v)
    report.check("without the spare token the last card is told why", "spare token" in said[-1] and v.state() != "open", said[-1])
    v.stop()
    v.edit_config('uri = "pkcs11:token=facekeep-new"', new_main_token(v))
    v.start()
    said = unseal(v)
    report.check("with it the same cards open the vault", wait(lambda: v.state() == "open", 20), said[-1])
    status = v.ask(None, "GET", "/v1/seal-status").json
    report.check("seal-status says that new cards are due", status.get("recovered", {}).get("kind") == "stolen", status.get("recovered"))
    report.check("and so do the metrics", b"facekeep_reshare_due 1" in v.ask(None, "GET", "/metrics").body)
    report.check("a rotation has to wait for them", propose(v, {"kind": "rotate-keys"}).problem == "reshare-due")


def all_new_cards(v):
    made = new_cards(v, "property-1")
    proposal = v.ask("property/1", "GET", f"/v1/proposals/{made}").json
    sign(v, proposal)
    wait(lambda: v.ask(None, "GET", "/v1/seal-status").json.get("rotation"), 30)
    v.cli("residents-1", "seal")
    report.check("the old cards are of no more use", "earlier set" in unseal(v)[0] and v.state() == "sealed")
    unseal(v, "new-cards")
    report.check("the new ones open it", wait(lambda: v.state() == "open", 20), v.state())
    report.check("the old keys end", wait(lambda: "rotation" not in v.ask(None, "GET", "/v1/seal-status").json), v.log()[-300:])
    report.check("and with them what was due", "recovered" not in v.ask(None, "GET", "/v1/seal-status").json)
    retired = [e for e in v.entries() if e.get("type") == "keys-retired"]
    report.check("the log says that the old root was lost", [e["body"].get("lost") for e in retired] == [True], retired)


def old_token(v):
    """The thief's token in its place: not the vault's any more."""
    v.stop()
    kept = v.folder / "tokens-kept"
    shutil.copytree(v.folder / "tokens", kept)
    for one in (v.folder / "stolen").iterdir():
        shutil.copytree(one, v.folder / "tokens" / one.name)
    v.edit_config('uri = "pkcs11:token=facekeep-new"', 'uri = "pkcs11:token=facekeep"')
    does_not_start(v, report, "the old token does not start the vault", "not the vault's")
    shutil.rmtree(v.folder / "tokens")
    shutil.move(kept, v.folder / "tokens")
    v.edit_config('uri = "pkcs11:token=facekeep"', 'uri = "pkcs11:token=facekeep-new"')
    v.edit_config('\nspare = "pkcs11:token=facekeep-spare"', "")
    v.edit_config(f'\nspare_pin_file = "{v.folder}/spare-pin"', "")
    v.start()
    unseal(v, "new-cards")
    report.check("the spare is in its safe, and the vault opens", wait(lambda: v.state() == "open", 20), v.state())


with Vault("--small", "--spare", adjust=at_once("rotate", "reshare")) as v:
    known = known_people(v)[:5]
    mirror = v.folder / "mirror"
    door = Door(v, *known[0])
    door.start()
    hand_over(v, mirror)
    statement = lose_token(v, mirror)
    put_in_place(v, statement, sign_statement(v, statement))
    report.check("everybody matches", known and all(wait(lambda m=m: matches(v, *m), 10) for m in known), f"{len(known)} people")
    all_new_cards(v)
    old_token(v)
    report.check("and everybody still does", all(wait(lambda m=m: matches(v, *m), 10) for m in known))
    door.stop = True
    door.join()
    report.check("the door was never told that its person is somebody else", door.said > 50 and not door.wrong, f"{door.said} matches, {door.wrong[:2]}")
    fetched, replayed = fetch(v, mirror), audit(v, "replay", mirror)
    report.check("the auditor follows the custodians' key", fetched.returncode == 0, fetched.stderr)
    report.check("and replays the whole", replayed.returncode == 0, (replayed.stdout + replayed.stderr)[-300:])
    v.stop()
    checked = daemon(v, "check", "--json")
    report.check("`facekeepd check` finds nothing", checked.returncode == 0 and not json.loads(checked.stdout)["faults"], checked.stdout[-300:] + checked.stderr)
report.end()
