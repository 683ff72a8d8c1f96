#!/usr/bin/python3
"""What people type, at a terminal: a ceremony of the preset "small" (a card and a deputy in each group), given up half-way and held
to the end; then the cards typed at `facekeep unseal`, where nothing that is typed may be seen."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import termios
import time

from room import CLEAR, COPY, PROVE, SIGN, TURN, WORDS, Place, Screen, begin, typed_on, words_on
from vault import FACEKEEP, FACEKEEPD, SOURCE, Report

HOLDERS, DEPUTIES = ["property/1", "residents/1"], ["property/2", "residents/2"]
SHARE, PROGRAM = "Words of your share", "[y/N]"
report = Report()


def small(plan):
    plan["preset"] = "small"
    for group in plan["groups"]:
        group["custodians"] = group["custodians"][:2]
        group["custodians"][1]["deputy"] = True


def shown(screen):
    """How often each card's first words were on the screen: a card is shown once, and never again after it was cleared."""
    return [words_on(page) for page in screen.all.split(CLEAR) if words_on(page)]


def take_card(screen, who):
    screen.answer(TURN, "")
    screen.wait(COPY)
    card = words_on(screen.visible())
    report.check(f"{who}: one card of 33 words is shown", len(card) == 33 and f": {who}" in screen.visible(), len(card))
    screen.press("\n")
    screen.wait(PROVE)
    report.check(f"{who}: then the screen is cleared of it", words_on(screen.visible()) == [])
    report.check(f"{who}: the proof is typed without echo", not echoes(screen))
    return card


def echoes(screen):
    return bool(termios.tcgetattr(screen.fd)[3] & termios.ECHO)


def given_up(room):
    screen = begin(room)
    card = take_card(screen, HOLDERS[0])
    screen.press(" ".join(w for w, _ in card) + "\n")
    screen.wait(TURN)  # of the second holder
    screen.press("\x03")
    code = screen.end()
    report.check("^C between two custodians: an error, not a signal", code == 1 and "error:" in screen.all, screen.all.strip().splitlines()[-1])
    left = [p.name for p in (room.folder / "out").iterdir()] + (["data"] if (room.folder / "data").exists() else [])
    report.check("no vault and no card file is left", left == [], left)
    report.check("nor a key in the token", room.objects() == 0, room.objects())
    return card


def held(room, earlier):
    screen, cards = begin(room), {}
    for who in HOLDERS:
        cards[who] = take_card(screen, who)
        words = [w for w, _ in cards[who]]
        if who == "property/1":
            screen.answer(PROVE, " ".join(words[:6] + [WORDS[(WORDS.index(words[6]) + 1) % 1024]] + words[7:]))
            report.check("a mistyped word is said", "checksum" in screen.wait(PROVE), screen.all[screen.mark:].strip().splitlines()[0])
            screen.press(" ".join(w for w, _ in earlier) + "\n")
            report.check("the card of the ceremony that was given up is a wrong one", "not this one" in screen.wait(PROVE), screen.all[screen.mark:].strip().splitlines()[0])
            screen.press(" ".join(words) + "\n")
        else:
            screen.answer(PROVE, " ".join(w[:4] for w in words))
        screen.wait(TURN if who != HOLDERS[-1] else SIGN)
        report.check(f"{who}: nothing of the card is on the screen after the proof", words_on(screen.visible()) == [] and not typed_on(cards[who], screen.visible()))
    for who in sorted(HOLDERS + DEPUTIES):
        screen.answer(SIGN, room.key(who))
    code = screen.end()
    report.check("the vault is made", code == 0 and "It is sealed." in screen.all, screen.all[-400:] if code else "")
    report.check("each card was on the screen once", shown(screen) == [cards[w] for w in HOLDERS], len(shown(screen)))
    report.check("the deputies' copies are in the transcript",
                 all(f"to the deputy {d}" in (room.folder / "out/transcript.txt").read_text() for d in DEPUTIES))
    return cards


@contextlib.contextmanager
def running(room):
    """The daemon of the vault that was made, and the notice with its addresses."""
    folder = room.folder
    (folder / "token-pin").write_text(room.pin)
    for name in ("notice.json", "transcript.txt"):
        shutil.move(folder / "out" / name, folder / name)
    room.run(sys.executable, SOURCE / "deploy/quickstart.d/config.py", folder, "pkcs11:token=facekeep", room.module)
    with open(folder / "facekeepd.log", "wb") as log:
        daemon = subprocess.Popen([FACEKEEPD, "--config", folder / "facekeepd.toml", "--ready-file", folder / "ready"], env=room.env,
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        for _ in range(600):
            if (folder / "ready").exists() and (folder / "ready").stat().st_size:
                break
            if daemon.poll() is not None:
                raise RuntimeError((folder / "facekeepd.log").read_text()[-500:])
            time.sleep(0.05)
        room.run(sys.executable, SOURCE / "deploy/quickstart.d/addresses.py", folder, "pkcs11:token=facekeep")
        yield
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=60)


def unseal(room, who, typed):
    """The screen of one custodian, after the words were typed, letter by letter as a person does."""
    screen = Screen([FACEKEEP, "--vault", room.folder / "notice.json", "--key", room.key(who), "unseal"], room.env)
    screen.wait(SHARE)
    report.check(f"{who}: the terminal does not echo while the words are typed", not echoes(screen))
    screen.mark = len(screen.all)
    for at in range(0, len(typed), 16):
        os.write(screen.fd, typed[at:at + 16].encode())
        time.sleep(0.01)
    os.write(screen.fd, b"\n")
    return screen


def opened(room, cards):
    words = [w for w, _ in cards["property/1"]]
    wrong = unseal(room, "property/1", " ".join(words[:9] + [WORDS[(WORDS.index(words[9]) + 1) % 1024]] + words[10:]))
    code = wrong.end()
    report.check("a mistyped word is said before anything is sent", code == 1 and "checksum" in wrong.all, wrong.all.strip().splitlines()[-2:])
    report.check("no word of it is on the screen", not typed_on(cards["property/1"], wrong.all))
    # The holder of one group by words; of the other, the deputy with the sealed copy, by numbers.
    for who, holder, form in (("property/1", "property/1", " ".join(words)), ("residents/2", "residents/1", " ".join(str(n) for _, n in cards["residents/1"]))):
        screen = unseal(room, who, form)
        screen.wait(PROGRAM)
        report.check(f"{who}: the program is shown, and asked about, before the card is sent", re.search(r"[0-9a-f]{64}", screen.all) is not None)
        report.check(f"{who}: asking goes with echo again", echoes(screen))
        screen.press("y\n")
        code = screen.end()
        report.check(f"{who}: the card is taken", code == 0, screen.all.strip().splitlines()[-1])
        report.check(f"{who}: nothing of what was typed was echoed", not typed_on(cards[holder], screen.all) and form[:12] not in screen.all)
    status = subprocess.run([FACEKEEP, "--vault", room.folder / "notice.json", "status"], env=room.env, capture_output=True, text=True, check=True).stdout
    report.check("the vault is open", "open" in status, status.splitlines()[1:2])
    stop = Screen([FACEKEEP, "--vault", room.folder / "notice.json", "--key", room.key("residents/1"), "unseal"], room.env)
    report.check("an open vault asks for no card", stop.end() == 2 and SHARE not in stop.all, stop.all.strip().splitlines()[-2])


if not FACEKEEPD.exists():
    raise SystemExit("the programs are not built")
place = Place(small)
try:
    first = given_up(place)
    both = held(place, first)
    with running(place):
        opened(place, both)
finally:
    shutil.rmtree(place.folder, ignore_errors=True)
report.end()
