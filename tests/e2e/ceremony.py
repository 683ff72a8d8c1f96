#!/usr/bin/python3
"""The key ceremony as it is held: on a pseudo-terminal, six custodians at it in turn. Each sees the own card alone; whoever
mistypes, signs with another's key, presses ^C or pulls the plug is told so, or leaves nothing behind."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from room import CLEAR, COPY, GO, PEOPLE, PIN, PROVE, SIGN, TURN, WORDS, Place, begin, typed_on, words_on
from vault import FACEKEEP, FACEKEEPD, Report

report = Report()


def nothing_made(place, what):
    report.check(f"{what}: the token has its keys no more", place.objects() == 0, place.objects())
    left = [p.name for p in (place.folder / "out").iterdir()] + (["data"] if (place.folder / "data").exists() else [])
    report.check(f"{what}: no file is left", left == [], left)


def take_card(screen, who, before):
    """One custodian's turn up to the cleared screen; gives the card's words."""
    turn = screen.answer(TURN, "")
    report.check(f"{who}: is called by number and name, and the others are asked to turn away", f"{who} (" in turn and "turn away" in turn)
    screen.wait(COPY)
    words = words_on(screen.visible())
    report.check(f"{who}: the screen has one whole card, and no other", len(words) == 33 and f": {who}" in screen.visible(), f"{len(words)} words")
    report.check(f"{who}: each word stands beside its number", all(WORDS[n - 1] == w for w, n in words))
    report.check(f"{who}: the card is no one else's", words not in before)
    screen.press("\n")
    screen.wait(PROVE)
    report.check(f"{who}: then the screen is empty of it", words_on(screen.visible()) == [] and CLEAR in screen.all[screen.mark:])
    return words


def prove(screen, who, cards):
    words = [w for w, _ in cards[who]]
    if who == "property/2":
        screen.answer(PROVE, " ".join(words[:4] + [WORDS[(WORDS.index(words[4]) + 1) % 1024]] + words[5:]))
        report.check("a mistyped word is noticed by its checksum", "checksum" in screen.wait(PROVE), screen.all[screen.mark:].strip().splitlines()[:1])
        screen.press(" ".join(w for w, _ in cards["property/1"]) + "\n")
        report.check("a colleague's card does not prove the own one", "not this one" in screen.wait(PROVE), screen.all[screen.mark:].strip().splitlines()[:1])
        screen.press(" ".join(str(n) for _, n in cards[who]) + "\n")  # the numbers
    elif who == "residents/1":
        screen.answer(PROVE, " ".join(w[:4].upper() for w in words))
    else:
        screen.answer(PROVE, " ".join(words))
    said = screen.wait(TURN if who != PEOPLE[-1] else SIGN)
    report.check(f"{who}: the card is proven", f"{who} (" in said and "is proven" in said)
    report.check(f"{who}: what was typed is not on the screen", not typed_on(cards[who], screen.all[screen.mark:]))


def sign(place, screen, who):
    if who == "property/1":
        screen.answer(SIGN, place.key("property/2"))
        report.check("another's key does not sign for one", "property/1" in screen.wait(SIGN), screen.all[screen.mark:].strip().splitlines()[:1])
        screen.press("/nonexistent\n")
        report.check("a file that is not there is asked for again", "property/1" in screen.wait(SIGN), screen.all[screen.mark:].strip().splitlines()[:1])
        screen.press(place.key(who) + "\n")
    elif who == "residents/2":  # on the own machine, with OpenSSH
        statement = re.search(r'\{"digest":"[^\n\r]+\}', screen.wait(SIGN)).group(0)
        (place.folder / "statement").write_text(statement)
        own = place.folder / "own"
        shutil.copy(place.key(who), own)
        own.chmod(0o600)
        shutil.copy(place.folder / "keys/residents-2.pub", place.folder / "own.pub")
        made = subprocess.run(["ssh-keygen", "-Y", "sign", "-n", "facekeep-ceremony", "-f", own, place.folder / "statement"],
                              capture_output=True, text=True, check=False)
        if not report.check("ssh-keygen signs the statement that is shown", made.returncode == 0, made.stderr.strip()):
            screen.press(place.key(who) + "\n")
            return
        screen.press(str(place.folder / "statement.sig") + "\n")
    else:
        screen.answer(SIGN, place.key(who))


def whole(place):
    screen, cards = begin(place), {}
    report.check("the warning comes before anything is drawn", "nobody can open it again" in screen.all)
    for who in PEOPLE:
        cards[who] = take_card(screen, who, list(cards.values()))
        prove(screen, who, cards)
    for who in PEOPLE:
        sign(place, screen, who)
    code = screen.end()
    report.check("the vault is made", code == 0 and "It is sealed." in screen.all, screen.all[-500:] if code else "")
    report.check("the PIN was never shown", place.pin not in screen.all)
    notice = json.loads((place.folder / "out/notice.json").read_text())
    transcript = (place.folder / "out/transcript.txt").read_text()
    report.check("it is no rehearsal", notice["rehearsal"] is False and "REHEARSAL" not in transcript)
    report.check("the transcript names each card and no word of it",
                 all(f"handed to {who} and proven" in transcript for who in PEOPLE) and not any(typed_on(c, transcript) for c in cards.values()))
    checked = subprocess.run([FACEKEEP, "--vault", place.folder / "out/notice.json", "share", "check", "--share-fd", "0"], env=place.env,
                             input=" ".join(w for w, _ in cards["residents/3"]), capture_output=True, text=True, check=False)
    report.check("a card that was copied by hand is the vault's", checked.returncode == 0 and "residents" in checked.stdout, checked.stdout.strip()[-80:] + checked.stderr)
    again = place.hold()
    again.answer(GO, "y")
    report.check("a folder that holds a vault is refused before anybody is asked for the PIN", again.end() == 1 and "holds a vault already" in again.all)


def interrupted(place):
    """^C at each kind of prompt, and a terminal that goes away."""
    def at_turn(s): s.wait(TURN)
    def at_card(s): s.answer(TURN, ""); s.wait(COPY)
    def at_proof(s): at_card(s); s.press("\n"); s.wait(PROVE)

    for what, until in (("at a custodian's turn", at_turn), ("while a card is shown", at_card), ("at the proof", at_proof)):
        for keys in ("\x03", "\x1c"):
            screen = begin(place)
            until(screen)
            screen.press(keys)
            code = screen.end()
            what_keys = f"{'^C' if keys == chr(3) else '^' + chr(92)} {what}"
            report.check(f"{what_keys}: it ends with an error, not by a signal", code == 1 and "error:" in screen.all, f"exit {code}: " + screen.all.strip().splitlines()[-1])
            report.check(f"{what_keys}: no card is on the screen", words_on(screen.visible()) == [])
            nothing_made(place, what_keys)

    screen = place.hold()
    screen.answer(GO, "n")
    report.check("\"no\" at the first question ends it", screen.end() in (1, 2) and "error:" in screen.all, screen.all.strip().splitlines()[-1])
    screen = place.hold()
    screen.answer(GO, "y")
    screen.wait(PIN)
    screen.press("\x03")
    report.check("^C at the PIN ends it", screen.end() in (1, 2) and "PIN was not entered" in screen.all, screen.all.strip().splitlines()[-1])
    nothing_made(place, "^C at the PIN")

    screen = begin(place)
    at_proof(screen)
    for _ in range(3):
        screen.answer(PROVE, "these are not the words")
    report.check("three wrong proofs end it", screen.end() == 1 and "could not be proven; nothing was made" in screen.all and "destroy them" in screen.all)
    nothing_made(place, "three wrong proofs")


def printed(place):
    """Cards for a printer lie on a memory disk for as long as their holder needs, and on no other."""
    screen = place.hold("--cards", place.folder / "out")
    refused = screen.end()
    on_disk = "on a disk" in screen.all
    if not on_disk:
        report.skip("this folder is on a memory disk itself")
    else:
        report.check("cards on a disk are refused", refused in (1, 2), screen.all.strip().splitlines()[0])
    memory = pathlib.Path(tempfile.mkdtemp(prefix="facekeep-cards-", dir="/dev/shm"))
    try:
        for how in ("hang up", "^C", "SIGINT", "SIGTERM"):
            screen = begin(place, "--cards", memory)
            screen.answer(TURN, "")
            screen.wait(COPY)
            report.check(f"{how}: one card can be printed", [p.name for p in memory.iterdir()] == ["property-1.html"], [p.name for p in memory.iterdir()])
            if how == "hang up":
                code = screen.hang_up()
            else:
                if how != "^C":  # from elsewhere: it ends nothing, the person does
                    os.kill(screen.pid, signal.Signals[how])
                    time.sleep(0.3)
                screen.press("\x03")
                code = screen.end()
            report.check(f"{how}: the printed card is gone", code in (1, 2) and list(memory.iterdir()) == [], f"exit {code}")
            nothing_made(place, how)
    finally:
        shutil.rmtree(memory)


def rehearsed(place):
    """From a script: cards are files, which stay only where a vault comes of them. A signal ends it no earlier."""
    def hold(name, signers):
        (place.folder / name / "cards").mkdir(parents=True)
        (place.folder / name / "script.json").write_text(json.dumps({"signers": {who: place.key(who) for who in signers}}))
        (place.folder / "pin").write_text(place.pin)
        command = [FACEKEEP, "ceremony", "--plan", place.folder / "plan.json", "--dir", place.folder / name / "data", "--token-uri", "pkcs11:token=facekeep",
                   "--module", place.module, "--out", place.folder / name, "--cards", place.folder / name / "cards",
                   "--script", place.folder / name / "script.json", "--pin-file", place.folder / "pin"]
        return subprocess.Popen([str(c) for c in command], env=place.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    before = place.objects()
    aborted = hold("aborted", PEOPLE[:-1])
    said = aborted.communicate()[0]
    left = [p.name for p in (place.folder / "aborted/cards").iterdir()]
    report.check("a rehearsal that one person does not sign ends with an error", aborted.returncode == 1 and PEOPLE[-1] in said, said.strip()[-100:])
    report.check("its cards are gone", left == [], left)
    report.check("its keys are gone from the token", place.objects() == before, place.objects() - before)

    going = hold("going", PEOPLE)
    cards = place.folder / "going/cards"
    end = time.monotonic() + 60
    while not any(cards.iterdir()) and going.poll() is None and time.monotonic() < end:
        time.sleep(0.001)
    going.send_signal(signal.SIGTERM)
    said = going.communicate()[0]
    report.check("SIGTERM in the middle of a rehearsal does not leave half a vault", going.returncode == 0 and (place.folder / "going/notice.json").exists(), said.strip()[-100:])
    report.check("the cards of the vault that was made stay", len(list(cards.glob("*.share"))) == len(PEOPLE))


if not FACEKEEPD.exists():
    raise SystemExit("the programs are not built")
room = Place()
try:
    interrupted(room)
    printed(room)
    whole(room)
    rehearsed(room)
finally:
    shutil.rmtree(room.folder, ignore_errors=True)
report.end()
