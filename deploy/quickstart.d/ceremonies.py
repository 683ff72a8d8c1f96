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

from box import Box
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
    take_backup(v, "rotated")
    v.door_asks()


def take_backup(v, name, who="property-1"):
    made = v.people.must(who, "backup", "--out", v.folder / f"{name}.facekeep-backup")
    print(f"  a backup of {made['size']} log entries; its digest is in log entry {made['entry']}")
    v.run(v.facekeep, "backup", "verify", v.folder / f"{name}.facekeep-backup")
    return v.folder / f"{name}.facekeep-backup"


def log_key(v):
    v.fetch()
    before = v.status()["vkey"]
    say("everybody reads aloud", f"log key {before}")
    proposal = v.people.propose("property-1", "log-key", "--purpose", "log-key")
    v.read(proposal)
    v.both_sign(proposal)
    v.door_asks()  # both keys sign the handover; what comes behind it has the new key's signature alone
    now = v.wait_for_status("the log has no new key", lambda status: status["vkey"] if status["vkey"] != before else None)
    for who in ("property-1", "residents-1"):
        expect(say(f"{who}, from the own machine", f"log key {v.people.must(who, 'status')['vkey']}"), re.escape(now))
    told = [line for line in v.fetch().splitlines() if "handover" in line]
    expect(say("the auditor, who has the first key alone", told[-1] if told else "is told of no handover"), re.escape(now))
    left = v.token_keys("log-sign")
    say("the administrator, with the token's own tool", f"lists {' and '.join(left)}")
    if len(left) != 1:
        sys.exit("error: the token has not one key that signs the log")
    v.seal()
    v.unseal()
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
    v.lose_power()
    expect(say("the vault", v.status()["state"]), "^sealed")
    v.unseal()
    if v.named() != before:
        sys.exit("error: people are missing after the power cut")
    print(f"  nobody is missing: {len(before)} listed on the first page, as before")
    v.door_asks()


def restart_ticket(v):
    """The residents keep the box, since the property company runs the vault's machine."""
    with Box(v, "residents") as box:
        proposal = v.people.propose("property-1", "restart-ticket", "--hours", "1", "--box", box.file, "--purpose", "power-cuts")
        v.read(proposal)
        v.both_sign(proposal)
        v.daemon.stop()
        v.keep_ports()
        v.daemon.start()
        box.start()
        v.unseal(OPENERS, v.program())  # its ports are the configuration's now: everybody was told the digest
        see_ticket(v)
        use_ticket(v, box)
        end_ticket(v, box)
    print("  the box's folder is wiped")
    v.door_asks()


def see_ticket(v):
    """Made behind an opening by cards."""
    ticket = v.wait_for_status("the box has no half of a ticket", lambda status: (t := status.get("ticket")) and t["delivered"] and t)
    say("everybody reads", f"restart ticket {ticket['number']}, until {ticket['expires']}; the box \"{ticket['box']}\" of {ticket['group']} has its half")


def use_ticket(v, box):
    v.lose_power()
    v.door_waits()
    start = box.waits()
    say("residents-1, at the box", f"start {start} waits")
    expect(say("property-1, who is not of the box's group", box.confirm("property-1", start)), "^refused")
    expect(say("residents-1, told of another start by telephone", box.confirm("residents-1", start - 1)), "^refused")
    expect(say("residents-1, who went and looked", box.confirm("residents-1", start)), "^confirmed")
    v.wait_for_status("the ticket does not open the vault", lambda status: status["state"] == "open")
    v.door_asks()


def end_ticket(v, box):
    """First this one, by a seal; then the policy, by one person."""
    v.lose_power()
    start = box.waits()
    v.people.must("property-2", "seal")
    say("property-2", "did not hear why, and seals: the ticket ends")
    box.forgets()
    expect(say("residents-1, at the box", box.confirm("residents-1", start)), "^refused")
    v.door_waits()
    v.unseal()
    see_ticket(v)
    v.people.must("residents-2", "tighten", "restart-ticket", "--none")
    say("residents-2", "ends restart tickets, alone and at once")
    box.forgets()


def sign_statement(v, statement):
    """By two of each group; the options that hand their signatures in."""
    digest = hashlib.sha256(statement.read_bytes()).hexdigest()  # what they read to each other
    signers = [who["id"].replace("/", "-") for custodians in present(v).values() for who in custodians[:2]]
    options = []
    for who in signers:
        signature = statement.with_name(f"{statement.name}.{who}.sig")
        read = v.run(v.facekeep, "--key", v.folder / f"keys/{who}.key", "sign-recovery", statement, "--out", signature, "--yes-to", digest)
        if who == signers[0]:
            print(f"  everybody reads, each on the own machine:\n{read.rsplit(chr(10), 2)[0]}")
        say(who, "signs the statement whose digest everybody read aloud")
        options += ["--signature", signature]
    return signers, options


def accepted_loss(v):
    """The auditor was away since the backup: behind it there are only checkpoints, in a mirror without openings."""
    v.fetch()
    backup = take_backup(v, "old")
    erased = next(who for who in reversed(v.named()) if who != v.asked_for)
    erase_and_revoke(v, erased, "behind it")
    committee = v.folder / "committee"
    v.mirror_log(committee)
    v.lose_disk()
    restore_and_sign(v, backup, committee)
    expect(say("property-1, of what the own machine saw before", v.people.must("property-1", "status")["consistent"]), "^lost")
    v.unseal(OPENERS, v.program())
    if erased not in v.named():
        sys.exit(f"error: {erased}, whom the lost entries erased, is not there again")
    print(f"  {erased}, who had been erased, is there again")
    v.door_asks("no_match", ": nobody matches until both groups have confirmed them")
    erase_and_revoke(v, erased, "anew, from the papers")
    proposal = v.people.propose("property-1", "confirm-subjects", "main", "--purpose", "restored")
    v.read(proposal)
    v.both_sign(proposal)
    v.door_asks()
    told = [line for line in v.mirror_log(committee).splitlines() if "lost" in line]
    expect(say("whoever mirrored the log before", told[-1] if told else "is told of no loss"), "are lost")
    take_backup(v, "renewed", "property-2")  # one a minute from each


def erase_and_revoke(v, erased, when):
    v.people.must("operator-1", "erase", "--site", "main", "--subject", erased)
    say("operator-1", f"erases {erased} {when}")
    v.people.must("residents-1", "revoke", "door/2", "--reason", "lost")
    say("residents-1", f"revokes door/2 {when}")


def restore_and_sign(v, backup, committee):
    """The log up to the backup, under another name, as the custodians sign for; the vault is sealed."""
    config = ("--config", v.folder / "facekeepd.toml")
    print(v.run(v.facekeepd, "restore", *config, "--backup", backup, "--mirror", committee, "--accept-loss"), end="")
    statement, seen = v.folder / "loss", v.folder / f"state/facekeep/{v.demo('vault')}.checkpoint"  # what the custodians' machines remember
    print(v.run(v.facekeepd, "recover", *config, "--kind", "restored", "--newest", committee / "checkpoint", "--newest", seen, "--statement-out",
                statement), end="")
    _, signatures = sign_statement(v, statement)
    print(v.run(v.facekeepd, "recover", *config, "--statement", statement, *signatures), end="")
    v.daemon.start()


def backup_restore(v):
    backup = take_backup(v, "before")
    erased = next(who for who in reversed(v.named()) if who != v.asked_for)
    v.people.must("operator-1", "erase", "--site", "main", "--subject", erased)
    say("operator-1", f"erases {erased} behind it")
    v.fetch()
    print("  an auditor has the log up to here, with the openings")
    v.lose_disk()
    print(v.run(v.facekeepd, "restore", "--config", v.folder / "facekeepd.toml", "--backup", backup, "--mirror", v.mirror), end="")
    v.daemon.start()
    v.unseal()
    if erased in v.named():
        sys.exit(f"error: the restore brought {erased} back")
    print(f"  {erased} was erased behind the backup, and stays erased; {len(v.named())} of the others listed on the first page")
    take_backup(v, "after")
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
    signers, signatures = sign_statement(v, statement)
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
    "rotate": Ceremony("all keys are drawn anew, while doors are served", rotate, ("approval", "proposal-done", "rewrapped", "keys-retired", "backup-made")),
    "log-key": Ceremony("the log is handed over to a new key", log_key, ("approval", "proposal-done", "unsealed")),
    "handover": Ceremony("a custodian's last day", handover, ("approval", "proposal-done", "unsealed")),
    "replace-custodian": Ceremony("new cards for everybody", replace_custodian, ("approval", "proposal-done", "unsealed", "keys-retired")),
    "lost-card": Ceremony("a card is lost, perhaps with its holder's key", lost_card, ("custodian-suspended", "unsealed")),
    "power-cut": Ceremony("the power is cut while the vault is open", power_cut, ("start", "unsealed")),
    "restart-ticket": Ceremony("a restart without cards: made, tried, ended", restart_ticket, (
        "proposal-done", "ticket-made", "ticket-used", "ticket-ended", "unsealed")),
    "lost-token": Ceremony("the main token is stolen", lost_token, ("recovered", "unsealed", "proposal-done", "keys-retired")),
    "accepted-loss": Ceremony("the disk is lost, and the log behind the backup too", accepted_loss, ("recovered", "unsealed", "proposal-done", "backup-made")),
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
