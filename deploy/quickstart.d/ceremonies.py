"""The ceremonies of deploy/pages, held by a rehearsal's people on its open vault: ceremonies.py BUILD DIR NAME... | all; ceremonies.py --list.

Each leaves the vault open, with the present cards in DIR/cards, named by their holders, so that they can follow each other in the order of --list.
"""
import datetime
import hashlib
import json
import pathlib
import signal
import sys
from typing import Callable, NamedTuple

from people import expect, say
from rehearsal import OPENERS, Rehearsal


class Ceremony(NamedTuple):
    what: str
    hold: Callable
    entries: tuple  # types that it leaves in the log
    begins: bool = False  # the log begins with it


def key_ceremony(v):
    """Held when the vault was made. Everybody looks at what it left."""
    v.fetch()
    genesis = v.entries()[0][1]["body"]
    transcript = (v.folder / "transcript.txt").read_text()
    if hashlib.sha256(transcript.encode()).hexdigest() != genesis["transcript"]:
        sys.exit("error: the transcript is not the one that the vault's first entry names")
    say("everybody reads aloud", f"vault {genesis['vault']}")
    say("everybody reads aloud", f"log key {v.status()['vkey']}")
    say("one of each group, from the device", next(line.split(" ", 1)[1] for line in transcript.splitlines() if " token " in line))
    for who in sorted(path.stem for path in (v.folder / "cards").glob("*.share")):
        checked = v.people.with_card(who, "share", "check")
        expect(say(f"{who}, of the own card", checked if isinstance(checked, str) else f"good, {checked['group']}"), "^good")
    v.door_asks()


def unseal(v):
    v.seal()
    expect(say("property-1, told another program's digest by telephone", v.people.hand_in("property-1", program="0" * 64)), "^refused")
    v.unseal(OPENERS[:2])
    expect(say("property-3, a third card of one group", v.people.hand_in("property-3")), "^refused: .*complete")
    expect(say("one group alone", v.status()["state"]), "unsealing")
    v.unseal(OPENERS[2:])
    v.door_asks()


def rotate(v):
    v.both_sign(v.people.propose("property-1", "rotate", "--purpose", "yearly-rotation"))
    v.until_retired()
    v.door_asks()


def replace_custodian(v):
    """residents-3 leaves, residents-4 comes."""
    v.new_key("residents-4")
    groups = [{"id": group, "custodians": [{"id": f"{group}/{n}"} for n in numbers]} for group, numbers in
              {"property": (1, 2, 3), "residents": (1, 2)}.items()]
    groups[1]["custodians"].append({"id": "residents/4", "name": "Ma Li", "certificate": "keys/residents-4.crt", "approval_key": "keys/residents-4.pub"})
    signers = {who["id"]: f"keys/{who['id'].replace('/', '-')}.key" for group in groups for who in group["custodians"]}
    (v.folder / "reshare-plan.json").write_text(json.dumps({"groups": groups}))
    (v.folder / "reshare-script.json").write_text(json.dumps({"signers": signers}))
    for name in ("minutes", "new-cards"):
        (v.folder / name).mkdir()
    made = v.people.must("property-1", "reshare", "--plan", v.folder / "reshare-plan.json", "--script", v.folder / "reshare-script.json", "--purpose",
                         "resident-left", "--out", v.folder / "minutes", "--cards", v.folder / "new-cards")
    print("  six new cards, each proven by its holder, and everybody signed")
    v.both_sign((made["id"], made["digest"]))
    take_new_cards(v)
    v.seal()
    expect(say("residents-3, with the old card", v.people.hand_in("residents-3", "old-cards/residents-3.share")), "^refused")
    expect(say("property-1, with the old card", v.people.hand_in("property-1", "old-cards/property-1.share")), "^refused: .*of an earlier set")
    v.unseal(("property-1", "property-2", "residents-1", "residents-4"))
    v.until_retired()
    for card in (v.folder / "old-cards").iterdir():
        card.unlink()
    print("  the log has keys-retired: the old cards are destroyed before both groups")
    v.door_asks()


def take_new_cards(v):
    """A file has its card's number; from here on it has its holder's."""
    action = json.loads((v.folder / "minutes/reshare.json").read_text())
    (v.folder / "cards").rename(v.folder / "old-cards")
    (v.folder / "cards").mkdir()
    for group in action["groups"]:
        for share in group["shares"]:
            card = v.folder / f"new-cards/{group['id']}-{share['number']}.share"
            card.rename(v.folder / f"cards/{group['id']}-{share['holders'][0]}.share")


def handover(v):
    """residents-3 leaves: the last day is over, and the new cards (replace-custodian) are not made yet."""
    yesterday = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)).strftime("%Y-%m-%d")
    checked = v.people.with_card("residents-3", "share", "check")
    expect(say("residents-3, of the own card", checked if isinstance(checked, str) else f"good, {checked['group']}"), "^good")
    v.both_sign(v.people.propose("property-1", "custodian", "residents/3", "--until", yesterday, "--purpose", "custodian-left"))
    left = v.people.run("residents-3", "proposals")
    expect(say("residents-3, with a key whose last day is over", left if isinstance(left, str) else "is answered"), "^error")
    v.seal()
    v.unseal(OPENERS[:2])
    expect(say("residents-3, with the card", v.people.hand_in("residents-3")), "^refused")
    v.unseal(OPENERS[2:])
    v.door_asks()
    print("  residents has no card to spare until new ones are made (replace-custodian)")


def lost_card(v):
    loser = max(path.stem for path in (v.folder / "cards").glob("residents-*.share"))
    expect(say("everybody else's card", "good" if all(
        isinstance(v.people.with_card(who, "share", "check"), dict) for who in OPENERS) else "not all are good"), "^good")
    v.people.must("property-1", "suspend", loser.replace("-", "/"))
    say("property-1", f"suspends {loser}: the key may be where the card is")
    v.seal()
    expect(say(f"whoever found card and key of {loser}", v.people.hand_in(loser)), "^refused")
    v.unseal()
    v.door_asks()
    print(f"  {loser}'s group has no card to spare until new ones are made (replace-custodian)")


def power_cut(v):
    before = v.named()
    v.daemon.stop(signal.SIGKILL)
    print("  the power is cut, and comes back", flush=True)
    v.daemon.start()
    expect(say("the vault", v.status()["state"]), "^sealed")
    v.unseal()
    if v.named() != before:
        sys.exit("error: people are missing after the power cut")
    print(f"  nobody is missing: {len(before)} listed on the first page, as before")
    v.door_asks()


def backup_restore(v):
    def take(name):
        made = v.people.must("property-1", "backup", "--out", v.folder / f"{name}.facekeep-backup")
        print(f"  a backup of {made['size']} log entries; its digest is in log entry {made['entry']}")
        v.run(v.facekeep, "backup", "verify", v.folder / f"{name}.facekeep-backup")

    take("before")
    erased = next(who for who in reversed(v.named()) if who != v.asked_for)
    v.people.must("operator-1", "erase", "--site", "main", "--subject", erased)
    say("operator-1", f"erases {erased} behind it")
    v.fetch()
    print("  an auditor has the log up to here, with the openings")
    v.daemon.stop(signal.SIGKILL)
    for part in ("db", "keys"):
        (v.folder / "data" / part).rename(v.folder / f"lost-{part}")
    print("  the disk is lost", flush=True)
    print(v.run(v.facekeepd, "restore", "--config", v.folder / "facekeepd.toml", "--backup", v.folder / "before.facekeep-backup", "--mirror", v.mirror), end="")
    v.daemon.start()
    v.unseal()
    if erased in v.named():
        sys.exit(f"error: the restore brought {erased} back")
    print(f"  {erased} was erased behind the backup, and stays erased; {len(v.named())} of the others listed on the first page")
    take("after")
    v.door_asks("no_match", ": budgets begin as used up, since what doors asked behind the backup is not known; they fill within the hour")


CEREMONIES = {
    "key-ceremony": Ceremony("what the key ceremony left, checked by everybody", key_ceremony, ("genesis", "start", "unsealed"), True),
    "unseal": Ceremony("one group alone can't, two of each can", unseal, ("sealed", "unseal-share", "unsealed")),
    "rotate": Ceremony("all keys are drawn anew, while doors are served", rotate, ("approval", "proposal-done", "rewrapped", "keys-retired")),
    "handover": Ceremony("a custodian's last day", handover, ("approval", "proposal-done", "unsealed")),
    "replace-custodian": Ceremony("new cards for everybody", replace_custodian, ("approval", "proposal-done", "unsealed", "keys-retired")),
    "lost-card": Ceremony("a card is lost, perhaps with its holder's key", lost_card, ("custodian-suspended", "unsealed")),
    "power-cut": Ceremony("the power is cut while the vault is open", power_cut, ("start", "unsealed")),
    "backup-restore": Ceremony("a backup, and then the disk is lost", backup_restore, ("start", "restored", "unsealed", "backup-made")),
}


def main():
    if sys.argv[1:] == ["--list"]:
        for name, ceremony in CEREMONIES.items():
            print(f"{name:<20}{ceremony.what}")
        return
    build, folder, *names = sys.argv[1:]
    names = list(CEREMONIES) if names == ["all"] else names
    if unknown := [name for name in names if name not in CEREMONIES]:
        sys.exit(f"error: there is no ceremony {unknown[0]}\nhint: --list shows them")
    v = Rehearsal(build, pathlib.Path(folder))
    for name in names:
        ceremony = CEREMONIES[name]
        print(f"\n\033[1m== {name}: {ceremony.what}\033[0m", flush=True)
        since = 0 if ceremony.begins else v.log_size()
        ceremony.hold(v)
        v.show_entries(since, ceremony.entries)


main()
