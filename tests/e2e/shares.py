#!/usr/bin/python3
"""A wrong, duplicate, foreign or mistyped share, handed in by the command line: each is named, and the others' progress stays."""
import random
import re

from vault import Report, SOURCE, Vault

WORDS = re.findall(r'"([a-z]+)"', (SOURCE / "vault/seal/slip39_words.inc").read_text())
report = Report()


def progress(vault):
    answer = vault.ask(None, "GET", "/v1/seal-status").json
    return {g["id"]: g["in"] for g in answer["groups"]}


def refused(vault, what, who, share, names, code=None):
    """`names`: what the error must say; sent or not, the progress and the number of share entries stay."""
    before, entries = progress(vault), vault.entries()
    done = vault.hand_in(who, share)
    said = done.stderr.strip().replace("\n", " ")
    good = done.returncode in (1, 2) and "error:" in said and "hint:" in said and "{" not in said and re.search(names, said)
    report.check(what, good and (code is None or done.returncode == code), f"exit {done.returncode}: {said}")
    report.check(f"{what}: the progress stays", progress(vault) == before, progress(vault))
    new = [e.get("type") for e in vault.entries()[len(entries):] if e.get("type") != "sums"]
    report.check(f"{what}: nothing is logged as a share", new == [], new)
    report.check(f"{what}: no word of the card is repeated", not leaks(done.stdout + done.stderr, share))


def leaks(text, share):
    """Three words of the card in a row, as words or numbers."""
    tokens = re.findall(r"[a-z0-9]+", text.lower())
    given = re.findall(r"[a-z0-9]+", share.lower())
    return any(tokens[i:i + 3] == given[j:j + 3] for j in range(len(given) - 2) for i in range(len(tokens) - 2))


def taken(vault, what, who, share=None):
    done = vault.hand_in(who, share)
    return report.check(what, done.returncode == 0, (done.stdout.splitlines() or [""])[-1] + done.stderr.strip())


def as_words(card):
    numbers = re.findall(r"\d+", card)
    return [WORDS[int(n) - 1] for n in numbers] if len(numbers) > 15 and not re.search("[a-z]{4}", card) else re.findall("[a-z]+", card.lower())


def mistyped(vault):
    words = as_words(vault.card("property-1"))
    other = WORDS[(WORDS.index(words[9]) + 1) % 1024]
    checksum = "could not be read: .*checksum"
    refused(vault, "one word of another", "property-1", " ".join(words[:9] + [other] + words[10:]), checksum, 1)
    swapped = next(i for i in range(4, 20) if words[i] != words[i + 1])
    refused(vault, "two words swapped", "property-1", " ".join(words[:swapped] + [words[swapped + 1], words[swapped]] + words[swapped + 2:]), checksum, 1)
    refused(vault, "a word forgotten", "property-1", " ".join(words[:-1]), "could not be read: .*(words|checksum)", 1)
    refused(vault, "a word that is on no list", "property-1", " ".join(words[:3] + ["facekeep"] + words[4:]), "could not be read: word 4 is not", 1)
    refused(vault, "nothing at all", "property-1", "\n", "no words were given .*compare each word with the card", 1)
    refused(vault, "the token's PIN instead of a card", "property-1", (vault.folder / "token-pin").read_text(), "could not be read", 1)


def foreign(vault, other):
    card = other.card("property-1")
    refused(vault, "a card of another vault", "property-1", card, r"(?i)not one of this vault's cards", 1)
    # A program without the notice's commitments sends it: the vault itself must name it.
    notice = vault.folder / "notice.json"
    whole = notice.read_text()
    notice.write_text(re.sub(r'"shares":\s*\[.*?\]', '"shares": []', whole, flags=re.DOTALL))
    refused(vault, "a card of another vault, found by the vault", "property-1", card, "not one of this vault's cards; the progress stays", 1)
    notice.write_text(whole)


def session(vault, other):
    report.check("it starts sealed", vault.state() == "sealed", vault.state())
    mistyped(vault)
    words = as_words(vault.card("property-1"))
    taken(vault, "four letters of each word are taken", "property-1", " ".join(w[:4] for w in words))
    mistyped(vault)
    foreign(vault, other)
    refused(vault, "the same card again", "property-1", vault.card("property-1"), r"(?i)in already", 2)
    refused(vault, "a colleague's card", "property-2", vault.card("property-3"), r"another custodian|does not hold", 2)
    refused(vault, "the neighbours' card", "property-2", vault.card("residents-1"), r"another custodian|does not hold", 2)
    numbers = [f"{WORDS.index(w) + 1:04d}" for w in as_words(vault.card("property-2"))]
    taken(vault, "the words' numbers are taken", "property-2", " ".join(numbers))
    refused(vault, "a third card of a complete group", "property-3", vault.card("property-3"), r"(?i)group is complete", 2)
    report.check("one group alone has not opened it", vault.state() == "unsealing", vault.state())

    vault.restart()
    report.check("a restart forgets the shares", progress(vault) == {"property": 0, "residents": 0} and vault.state() == "sealed", progress(vault))
    mixed = as_words(vault.card("property-3"))
    mixed = [w.upper() if i % 2 else w for i, w in enumerate(mixed)]
    taken(vault, "capitals and line breaks are taken", "property-3", "\n".join(mixed))
    taken(vault, "the card's own file is taken", "property-1")
    taken(vault, "a card of the other group", "residents-3")
    done = vault.hand_in("residents-1")
    report.check("the last card opens it", done.returncode == 0 and vault.state() == "open", done.stdout.splitlines()[-1:])
    done = vault.hand_in("residents-2")
    report.check("an open vault wants no share", done.returncode == 2 and "open already" in done.stderr or done.returncode == 1 and "open already" in done.stderr,
                 done.stderr.strip().replace("\n", " "))


def checks(vault, other):
    """share check: nothing is sent, so it works for every card, at any time."""
    good = vault.cli(None, "share", "check", share=vault.card("residents-2"))
    report.check("share check: a good card", good.returncode == 0 and "residents" in good.stdout, good.stdout.strip().splitlines()[-1:])
    bad = vault.cli(None, "share", "check", share=other.card("residents-2"))
    report.check("share check: another vault's card", bad.returncode == 1 and "not one of this vault's cards" in bad.stderr, bad.stderr.strip().replace("\n", " "))
    words = as_words(vault.card("residents-2"))
    random.Random(7).shuffle(words)
    bad = vault.cli(None, "share", "check", "--offline", share=" ".join(words))
    report.check("share check: mixed words", bad.returncode == 1 and "could not be read" in bad.stderr, bad.stderr.strip().replace("\n", " "))


with Vault("--small") as running, Vault("--small") as stranger:
    running.restart()
    session(running, stranger)
    checks(running, stranger)
report.end()
