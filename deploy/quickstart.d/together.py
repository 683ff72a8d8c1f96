"""Nobody widens access alone: a custodian tries, both groups decide, one person vetoes: together.py FACEKEEP DIR.

The rehearsal's delay for thresholds and exports is a few seconds (plan.py); the default is a day.
"""
import json
import pathlib
import re
import subprocess
import sys
import time

from people import People, expect, say

facekeep, folder = sys.argv[1:3]
people = People(facekeep, folder)
run, propose, sign, stage, wait_for = people.run, people.propose, people.sign, people.stage, people.wait_for

subprocess.run([facekeep, "key", "new", f"{folder}/keys/west", "--no-passphrase", "--name", "west"], check=True, capture_output=True)
door = propose("property-1", "principal", "door/3", "--role", "door", "--cert", f"{folder}/keys/west.crt", "--name", "West gate",
               "--site", "main", "--door", "north-gate", "--purpose", "new-door")
print("property-1 proposes a door of the own making")
for who in ("property-1", "property-2", "property-3"):
    expect(say(who, sign(who, door)), "is open")
expect(say("property-1", sign("property-1", door)), "one person counts once")
print("a resident looks, and signs too")
expect(say("residents-1", sign("residents-1", door)), "is done")

model = json.loads(pathlib.Path(folder, "plan.json").read_text())["models"][0]


def thresholds(lower):
    return model["id"], "--verify", str(model["verify_threshold"] - lower), "--identify", str(model["identify_threshold"] - lower)


looser = ("threshold", *thresholds(50000), "--purpose", "fewer-refusals")
for verdict in ("vetoed", "done"):
    proposal = propose("property-2", *looser)
    print("property-2 proposes a looser threshold; both groups sign, and a delay runs in which any custodian may veto")
    say("property-2", sign("property-2", proposal))
    expect(say("residents-1", sign("residents-1", proposal)), "is waiting")
    if verdict == "vetoed":
        expect(say("residents-3", sign("residents-3", proposal, "veto")), "is vetoed")
    else:
        wait_for(proposal, verdict)
        expect(say("nobody vetoes", f"the proposal is {stage(proposal)}"), "is done")

back = run("residents-3", "tighten", "threshold", *thresholds(0))
expect(say("residents-3", back if isinstance(back, str) else "tightens it again, alone and at once"), "^tightens")

print("property-3 proposes an export of two people on a court's order; both groups see the order's digest and the recipient's key")
pathlib.Path(folder, "order.txt").write_text("A made-up order of a made-up court.\n")
subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-keyout", f"{folder}/keys/court.key", "-out",
                f"{folder}/court.crt", "-subj", "/CN=The court", "-days", "30"], check=True, capture_output=True)
named = [s["subject"] for s in run("operator-1", "subject", "list", "--site", "main")["subjects"]][:2]
export = propose("property-3", "export", "--site", "main", "--basis", "legal-order", "--order",
                 f"{folder}/order.txt", "--to", f"{folder}/court.crt", "--purpose",
                 "court-order", *(part for person in named for part in ("--subject", person)))
early = run("property-1", "result", export[0], "--out", f"{folder}/export").replace("error:", "refused:")
expect(say("property-1", "fetches it before anybody signed: " + early), "not at this stage")
expect(say("property-3", sign("property-3", export)), "is open")
expect(say("residents-2", sign("residents-2", export)), "is (waiting|done)")
wait_for(export, "done")
for _ in range(60):
    done = run("residents-2", "result", export[0], "--out", f"{folder}/export")
    if not isinstance(done, str):
        break
    time.sleep(0.5)
else:
    sys.exit(done)
print(f"  residents-2: fetched; the digests are those of log entry {done['sealed_entry']}")
opened = subprocess.run(["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", f"{folder}/export/part-0001.cms", "-inkey",
                         f"{folder}/keys/court.key", "-recip", f"{folder}/court.crt"], check=True, capture_output=True)
given = sorted(json.loads(row)["subject"] for row in opened.stdout.splitlines())
expect(say("the court", f"openssl cms opens it: {', '.join(given)}"), re.escape(", ".join(sorted(named))))
