"""Nobody widens access alone: a custodian tries, both groups decide, one person vetoes: together.py FACEKEEP DIR.

The rehearsal's delay for thresholds is a few seconds (plan.py); the default is a day.
"""
import json
import re
import subprocess
import sys
import time

facekeep, folder = sys.argv[1:3]


def run(who, *args):
    """What it printed as JSON, or the error as a sentence."""
    done = subprocess.run([facekeep, "--json", "--key", f"{folder}/keys/{who}.key", *args], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.split("\n")[0]


def propose(who, *args):
    """The proposal's number and digest."""
    made = run(who, "propose", *args)
    if isinstance(made, str):
        sys.exit(made)
    return made["id"], made["digest"]


def sign(who, proposal, verb="approve"):
    """The digest is what the people read to each other by telephone; without it the program asks at the terminal."""
    done = run(who, verb, proposal[0], "--yes-to", proposal[1])
    if isinstance(done, str):
        return done.replace("error:", "refused:")
    return f"signed; the proposal is {done['stage']}" if verb == "approve" else f"vetoed; the proposal is {done['stage']}"


def stage(proposal):
    return next(p["stage"] for p in run("property-1", "proposals")["proposals"] if p["id"] == proposal[0])


def say(who, what):
    print(f"  {who}: {what}")
    return what


def expect(said, wanted):
    if not re.search(wanted, said):
        sys.exit(f"error: expected {wanted!r}, and it was {said!r}")


subprocess.run([facekeep, "key", "new", f"{folder}/keys/west", "--no-passphrase", "--name", "west"], check=True, capture_output=True)
door = propose("property-1", "principal", "door/3", "--role", "door", "--cert", f"{folder}/keys/west.crt", "--name", "West gate", "--name-out",
               f"{folder}/west.name.json", "--site", "main", "--door", "north-gate", "--purpose", "new-door")
print("property-1 proposes a door of the own making")
for who in ("property-1", "property-2", "property-3"):
    expect(say(who, sign(who, door)), "is open")
expect(say("property-1", sign("property-1", door)), "one person counts once")
print("a resident looks, and signs too")
expect(say("residents-1", sign("residents-1", door)), "is done")

looser = ("threshold", "face", "--verify", "300000", "--identify", "400000", "--purpose", "fewer-refusals")
for verdict in ("vetoed", "done"):
    proposal = propose("property-2", *looser)
    print("property-2 proposes a looser threshold; both groups sign, and a delay runs in which any custodian may veto")
    say("property-2", sign("property-2", proposal))
    expect(say("residents-1", sign("residents-1", proposal)), "is waiting")
    if verdict == "vetoed":
        expect(say("residents-3", sign("residents-3", proposal, "veto")), "is vetoed")
    else:
        for _ in range(30):
            if stage(proposal) == verdict:
                break
            time.sleep(0.5)
        expect(say("nobody vetoes", f"the proposal is {stage(proposal)}"), "is done")
