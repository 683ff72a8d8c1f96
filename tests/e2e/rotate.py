#!/usr/bin/python3
"""A rotation of all keys in the quickstart's vault: proposed, signed by both groups, carried out while a door asks; the daemon is
killed at random moments, and whatever it was doing is finished by the next one. At the end the old root is gone from the token."""
import json
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

from parties import Door, at_once, audit, daemon, fetch, known_people, matches, propose, propose_and_sign, stage, wait
from vault import Report, Vault

report = Report()
seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 32)
moments = random.Random(seed)
print(f"  seed {seed}")


def roots(v):
    """Epochs of the root keys that the token shows to a process that has just opened it."""
    module = next(str(p) for p in pathlib.Path("/usr/lib").rglob("libsofthsm2.so"))
    pin = pathlib.Path(v.demo["token"]["pin_file"]).read_text().strip()
    said = subprocess.run(["pkcs11-tool", "--module", module, "--login", "--pin", pin, "--list-objects",
                           "--type", "secrkey"], env=v.env, capture_output=True, text=True, check=True).stdout
    return sorted(int(epoch) for epoch in re.findall(r"/root-(\d+)", said))


def slot_files(v):
    return sorted(p.name for p in (v.folder / "data/keys").iterdir() if p.suffix in (".a", ".b"))


def rotation(v):
    return v.ask(None, "GET", "/v1/seal-status").json.get("rotation")


def kinds(v):
    return [e["type"] for e in v.entries() if "type" in e]


with Vault("--small", adjust=at_once("rotate", "reshare")) as v:
    known = known_people(v)
    door = Door(v, *known[0])
    door.start()
    report.check("before: one root, one pair of slot files", roots(v) == [1] and slot_files(v) == ["slots.a", "slots.b"])
    made = propose_and_sign(v, {"kind": "rotate-keys"})
    report.check("carried out with the last signature", wait(lambda: stage(v, made) == "done", 30), stage(v, made))
    shown = rotation(v) or {}
    report.check("seal-status shows from which root to which, and how far it is", shown.get("from") == 1 and shown.get("to") == 2 and
                 0 <= shown.get("done", -1) <= shown.get("total", -1), shown)
    said = v.cli(None, "status")
    report.check("and so does `facekeep status`", "keys are being rotated" in said.stdout, said.stdout or said.stderr)
    report.check("the metrics say so too", b"facekeep_rotation_running 1" in v.ask(None, "GET", "/metrics").body)
    answer = propose(v, {"kind": "rotate-keys"}, "again")
    second = answer.json.get("proposal", {}).get("id")
    report.check("another rotation is proposed meanwhile, and waits", answer.status == 201 and stage(v, answer.json["proposal"]) == "draft", answer)
    withdrawn = v.ask("property/1", "POST", f"/v1/proposals/{second}/withdrawal")
    report.check("and is withdrawn", withdrawn.status == 200, withdrawn)
    for kill in range(4):
        time.sleep(moments.uniform(0, 1.5))
        v.restart(signal.SIGKILL)
        v.unseal()
    over = moments.uniform(59.5, 63)
    time.sleep(over)
    v.restart(signal.SIGKILL)
    report.check(f"killed {over:.1f} s after the last unseal, around the end of the old keys: the daemon starts", v.state() == "sealed")
    v.unseal()
    report.check("the rotation ends by itself", wait(lambda: rotation(v) is None), rotation(v))
    report.check("the token has the new root alone", roots(v) == [2], roots(v))
    report.check("the slot files of the old one are gone", slot_files(v) == ["slots-2.a", "slots-2.b"], slot_files(v))
    entries = kinds(v)
    report.check("the log has new keys, batches and the end, each once in its place",
                 entries.count("keys-retired") == 1 and entries.count("rewrapped") >= 1 and
                 entries.index("rewrapped") < entries.index("keys-retired"), [e for e in entries if e in ("rewrapped", "keys-retired")])
    v.restart(signal.SIGKILL)
    v.unseal()
    missed = [name for name, face in known if not matches(v, name, face)]
    report.check("everybody matches under the new keys", known and not missed, missed or f"{len(known)} people")
    door.stop = True
    door.join()
    report.check("the door was never told that its person is somebody else", door.said > 50 and not door.wrong, f"{door.said} matches, {door.wrong[:2]}")
    status = v.ask(None, "GET", "/v1/seal-status").json["templates"]
    report.check("no template was refused", status["refused"] == 0, status)
    mirror = v.folder / "mirror"
    fetched, replayed = fetch(v, mirror), audit(v, "replay", mirror, "--json")
    report.check("an auditor replays it", fetched.returncode == 0 and replayed.returncode == 0, fetched.stderr or replayed.stdout[-300:])
    v.stop()
    checked = daemon(v, "check", "--json")
    report.check("`facekeepd check` finds nothing", checked.returncode == 0 and not json.loads(checked.stdout)["faults"], checked.stdout[-300:] + checked.stderr)
report.end()
