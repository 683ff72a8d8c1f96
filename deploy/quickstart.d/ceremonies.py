"""The ceremonies of deploy/pages, held by a rehearsal's people on its open vault: ceremonies.py BUILD DIR NAME... | all; ceremonies.py --list.

Each leaves the vault open, with the present cards in DIR/cards, named by their holders, so that they can follow each other in the order of --list.
"""
import datetime
import hashlib
import json
import pathlib
import re
import secrets
import shutil
import signal
import sys
from typing import Callable, NamedTuple

from people import expect, say
from rehearsal import OPENERS, Rehearsal

NEW_TOKEN = "pkcs11:token=facekeep-new"


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


def present(v):
    """Who has a card, by group."""
    out = {}
    for card in sorted((v.folder / "cards").glob("*.share")):
        group, _, number = card.stem.rpartition("-")
        out.setdefault(group, []).append({"id": f"{group}/{number}"})
    return out


def new_cards(v, people, purpose):
    """A re-share to these people, by group; then the vault is sealed, and the cards of before are in old-cards."""
    groups = [{"id": group, "custodians": custodians} for group, custodians in people.items()]
    signers = {who["id"]: f"keys/{who['id'].replace('/', '-')}.key" for group in groups for who in group["custodians"]}
    (v.folder / "reshare-plan.json").write_text(json.dumps({"groups": groups}))
    (v.folder / "reshare-script.json").write_text(json.dumps({"signers": signers}))
    minutes = v.folder / f"minutes-{purpose}"
    for folder in (minutes, v.folder / "new-cards"):
        folder.mkdir()
    made = v.people.must("property-1", "reshare", "--plan", v.folder / "reshare-plan.json", "--script", v.folder / "reshare-script.json", "--purpose",
                         purpose, "--out", minutes, "--cards", v.folder / "new-cards")
    print("  six new cards, each proven by its holder, and everybody signed")
    v.both_sign((made["id"], made["digest"]))
    take_new_cards(v, json.loads((minutes / "reshare.json").read_text()))
    v.seal()


def take_new_cards(v, action):
    """A file has its card's number; from here on it has its holder's."""
    (v.folder / "cards").rename(v.folder / "old-cards")
    (v.folder / "cards").mkdir()
    for group in action["groups"]:
        for share in group["shares"]:
            card = v.folder / f"new-cards/{group['id']}-{share['number']}.share"
            card.rename(v.folder / f"cards/{group['id']}-{share['holders'][0]}.share")
    shutil.rmtree(v.folder / "new-cards")  # what was for printing


def destroy_old_cards(v):
    v.until_retired()
    shutil.rmtree(v.folder / "old-cards")
    print("  the log has keys-retired: the old cards are destroyed before both groups")


def replace_custodian(v):
    """residents-3 leaves, residents-4 comes."""
    v.new_key("residents-4")
    people = present(v)
    people["residents"] = people["residents"][:2]
    people["residents"].append({"id": "residents/4", "name": "Ma Li", "certificate": "keys/residents-4.crt", "approval_key": "keys/residents-4.pub"})
    new_cards(v, people, "resident-left")
    expect(say("residents-3, with the old card", v.people.hand_in("residents-3", "old-cards/residents-3.share")), "^refused")
    openers = ("property-1", "property-2", "residents-1", "residents-4")
    v.unseal(openers)
    v.until_retired()
    v.seal()
    expect(say("property-1, with the old card", v.people.hand_in("property-1", "old-cards/property-1.share")), "^refused: .*of an earlier set")
    v.unseal(openers)
    destroy_old_cards(v)
    v.door_asks()


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


def lost_token(v):
    """The main token is stolen: the spare and the custodians put a new one in its place, and new cards end what the thief has."""
    if not (v.folder / "spare-pin").exists():
        sys.exit("error: this rehearsal has no spare token\nhint: ./deploy/quickstart --spare makes one")
    before = v.named()
    v.fetch()
    v.daemon.stop(signal.SIGKILL)
    (v.folder / "stolen").mkdir()
    for token in (v.folder / "tokens").iterdir():
        if token.is_dir() and any(b"log-sign" in p.read_bytes() for p in token.iterdir() if p.is_file()):
            token.rename(v.folder / "stolen" / token.name)
    print("  the main token is gone; the spare comes out of its safe", flush=True)
    v.run("softhsm2-util", "--init-token", "--free", "--label", "facekeep-new", "--so-pin", secrets.token_hex(12), "--pin",
          (v.folder / "token-pin").read_text())
    config = v.folder / "facekeepd.toml"
    config.write_text(re.sub(r'(?m)^uri = .*$', f'uri = "{NEW_TOKEN}"\nspare = "pkcs11:token=facekeep-spare"\nspare_pin_file = "{v.folder}/spare-pin"',
                             config.read_text()))
    statement = v.folder / "statement"
    print(v.run(v.facekeepd, "recover", "--config", config, "--kind", "stolen", "--newest", v.mirror / "checkpoint", "--statement-out", statement), end="")
    digest = hashlib.sha256(statement.read_bytes()).hexdigest()  # what they read to each other
    signers = [who["id"].replace("/", "-") for custodians in present(v).values() for who in custodians[:2]]
    signatures = []
    for who in signers:
        v.run(v.facekeep, "--key", v.folder / f"keys/{who}.key", "sign-recovery", statement, "--out", v.folder / f"{who}.sig", "--yes-to", digest)
        say(who, "signs the statement whose digest everybody read aloud")
        signatures += ["--signature", v.folder / f"{who}.sig"]
    print(v.run(v.facekeepd, "recover", "--config", config, "--statement", statement, *signatures), end="")
    v.daemon.start(NEW_TOKEN)
    v.unseal(signers, v.program())  # the configuration names another token: everybody was told the digest
    if v.named() != before:
        sys.exit("error: people are missing after the recovery")
    print(f"  the spare token opened the vault: {len(before)} people on the first page, as before")
    expect(say("property-1, proposes a rotation", str(v.people.run("property-1", "propose", "rotate", "--purpose", "yearly-rotation"))), "new cards are due")
    new_cards(v, present(v), "token-stolen")
    v.unseal(signers)
    destroy_old_cards(v)
    v.door_asks()
    print("  the spare token goes back into its safe")


CEREMONIES = {
    "key-ceremony": Ceremony("what the key ceremony left, checked by everybody", key_ceremony, ("genesis", "start", "unsealed"), True),
    "unseal": Ceremony("one group alone can't, two of each can", unseal, ("sealed", "unseal-share", "unsealed")),
    "rotate": Ceremony("all keys are drawn anew, while doors are served", rotate, ("approval", "proposal-done", "rewrapped", "keys-retired")),
    "handover": Ceremony("a custodian's last day", handover, ("approval", "proposal-done", "unsealed")),
    "replace-custodian": Ceremony("new cards for everybody", replace_custodian, ("approval", "proposal-done", "unsealed", "keys-retired")),
    "lost-card": Ceremony("a card is lost, perhaps with its holder's key", lost_card, ("custodian-suspended", "unsealed")),
    "power-cut": Ceremony("the power is cut while the vault is open", power_cut, ("start", "unsealed")),
    "lost-token": Ceremony("the main token is stolen", lost_token, ("recovered", "unsealed", "proposal-done", "keys-retired")),
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
