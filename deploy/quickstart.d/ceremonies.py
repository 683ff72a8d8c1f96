"""The ceremonies of the years after the first: ceremonies.py FACEKEEP AUDIT DIR ACT.

Acts, in order: rotate, reshare, backup, (the machine is killed, its disk lost, and `facekeepd restore` run) open.
"""
import json
import pathlib
import re
import subprocess
import sys
import time

from people import People, expect, say

facekeep, audit, folder, act = sys.argv[1:5]
people = People(facekeep, folder)
demo = json.loads(pathlib.Path(folder, "demo.json").read_text())
mirror = f"{folder}/years"


def fetch():
    time.sleep(1.5)  # a checkpoint over the last entry
    subprocess.run([audit, "fetch", "--url", demo["public"], "--vkey", demo["vkey"], "--out", mirror, "--api", demo["api"], "--key",
                    f"{folder}/keys/auditor-1.key"], check=True, capture_output=True)


def entries():
    """Number and type of the mirror's governance entries."""
    tiles = sorted((p for p in pathlib.Path(mirror, "tile/entries").rglob("*") if p.is_file()),
                   key=lambda p: [int(n) for n in re.findall(r"\d+", str(p.relative_to(mirror)))])
    widest = {str(p.relative_to(mirror)).split(".p/")[0]: p for p in tiles}
    number = 0
    for tile in widest.values():
        data, at = tile.read_bytes(), 0
        while at < len(data):
            length = int.from_bytes(data[at:at + 2], "big")
            entry = json.loads(data[at + 2:at + 2 + length])
            at += 2 + length
            if "type" in entry:
                yield number, entry["type"]
            number += 1


def show_entries(*types):
    """The log's last entry of each of these types."""
    fetch()
    last = {kind: number for number, kind in entries()}
    for kind in types:
        if kind not in last:
            sys.exit(f"error: the log has no {kind}")
        print(f"  in the log: entry {last[kind]}, {kind}")


def rotation():
    return people.must("property-1", "status").get("rotation")


def both_sign(proposal):
    for who in ("property-1", "residents-1"):
        say(who, people.sign(who, proposal))
    people.wait_for(proposal, "done")


def until_retired():
    print("  everybody's key is moved under the new ones; the old are destroyed a minute later", flush=True)
    for _ in range(240):
        if rotation() is None:
            return
        time.sleep(0.5)
    sys.exit("error: the rotation does not end")


def rotate():
    both_sign(people.propose("property-1", "rotate", "--purpose", "yearly-rotation"))
    until_retired()
    show_entries("proposal-done", "rewrapped", "keys-retired")


def reshare():
    """residents-3 leaves, residents-4 comes."""
    subprocess.run([facekeep, "key", "new", f"{folder}/keys/residents-4", "--no-passphrase", "--name", "residents-4"], check=True, capture_output=True)
    stay = {"property": (1, 2, 3), "residents": (1, 2)}
    groups = [{"id": group, "custodians": [{"id": f"{group}/{n}"} for n in numbers]} for group, numbers in stay.items()]
    groups[1]["custodians"].append({"id": "residents/4", "name": "Ma Li", "certificate": "keys/residents-4.crt", "approval_key": "keys/residents-4.pub"})
    script = {"signers": {who["id"]: f"keys/{who['id'].replace('/', '-')}.key" for group in groups for who in group["custodians"]}}
    pathlib.Path(folder, "reshare-plan.json").write_text(json.dumps({"groups": groups}))
    pathlib.Path(folder, "reshare-script.json").write_text(json.dumps(script))
    for name in ("minutes", "new-cards"):
        pathlib.Path(folder, name).mkdir()
    made = people.must("property-1", "reshare", "--plan", f"{folder}/reshare-plan.json", "--script", f"{folder}/reshare-script.json", "--purpose",
                       "resident-left", "--out", f"{folder}/minutes", "--cards", f"{folder}/new-cards")
    print("  six new cards, each proven by its holder, and everybody signed")
    both_sign((made["id"], made["digest"]))
    people.must("residents-1", "seal")
    expect(say("residents-3, with the old card", people.hand_in("residents-3", "cards")), "refused")
    with_new_cards()
    until_retired()
    show_entries("unsealed", "keys-retired")
    # From here on the new cards alone open it.
    people.must("residents-1", "seal")
    expect(say("property-1, with the old card", people.hand_in("property-1", "cards")), "refused: .*before the shares were renewed")
    with_new_cards()


def with_new_cards():
    for who in ("property-1", "property-2", "residents-1", "residents-4"):
        expect(say(f"{who}, with the new card", people.hand_in(who, "new-cards")), "taken")


def named():
    return [s["subject"] for s in people.must("operator-1", "subject", "list", "--site", "main")["subjects"]]


def backup():
    made = people.must("property-1", "backup", "--out", f"{folder}/vault.facekeep-backup")
    print(f"  a backup of {made['size']} log entries; its digest is in log entry {made['entry']}")
    erased = named()[0]
    people.must("operator-1", "erase", "--site", "main", "--subject", erased)
    pathlib.Path(folder, "erased").write_text(erased)
    say("operator-1", f"erases {erased} behind it")
    fetch()
    print("  an auditor has the log up to here, with the openings")


def open_again():
    for who in ("property-1", "property-2", "residents-1", "residents-4"):
        expect(say(who, people.hand_in(who, "new-cards")), "taken")
    erased = pathlib.Path(folder, "erased").read_text()
    if erased in named():
        sys.exit(f"error: the restore brought {erased} back")
    print(f"  {erased} was erased behind the backup, and stays erased; {len(named())} of the others listed on the first page")
    show_entries("restored")


{"rotate": rotate, "reshare": reshare, "backup": backup, "open": open_again}[act]()
