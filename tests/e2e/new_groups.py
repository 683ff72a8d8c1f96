#!/usr/bin/python3
"""A re-share that changes who holds what: a third group comes, and another's threshold rises. The vault then opens with the new numbers of
cards alone, and decides by the new rules; the cards and the quorum of before do neither."""
import json

from parties import at_once, audit, daemon, fetch, known_people, matches, new_cards, propose, sign, stage, unseal, wait
from vault import Report, Vault

report = Report()
NEW = {"residents/4": "Zhao Min", "owners/1": "Ma Li", "owners/2": "Xu Jing", "owners/3": "Tang Wei"}
OPENERS = ("property-1", "property-2", "residents-1", "residents-2", "residents-4", "owners-1", "owners-3")


def plan():
    """Residents rise from two of three to three of four; owners, two of three, come."""
    def person(who):
        file = f"keys/{who.replace('/', '-')}"
        return {"id": who, **({"name": NEW[who], "certificate": f"{file}.crt", "approval_key": f"{file}.pub"} if who in NEW else {})}
    return [{"id": group, "threshold": threshold, "custodians": [person(f"{group}/{n}") for n in range(1, cards + 1)]}
            for group, threshold, cards in (("property", 2, 3), ("residents", 3, 4), ("owners", 2, 3))]


def rules(v):
    """One of every group for everything, at once, where it was one of each of two."""
    return {name: {**rule, "groups": {"property": 1, "residents": 1, "owners": 1}} for name, rule in v.entries()[0]["body"]["rules"].items()}


def hand_in(v, people, cards="new-cards"):
    v.cli("residents-1", "seal")
    return unseal(v, cards, people)


def refused_plan(v):
    try:
        new_cards(v, "property-1", [group for group in plan() if group["id"] != "residents"])
        report.check("a plan without a group that rules name is refused", False, "it was taken")
    except RuntimeError as e:
        report.check("a plan without a group that rules name is refused", "residents" in str(e), str(e).strip())


def agreed(v):
    made = new_cards(v, "property-1", plan(), rules=rules(v))
    read = v.cli("residents-1", "approve", made)
    shown = read.stdout + read.stderr
    report.check("who reads the proposal sees who comes", all(name in shown for name in NEW.values()), shown)
    proposal = v.ask("property/1", "GET", f"/v1/proposals/{made}").json
    sign(v, proposal)
    report.check("the groups of before decide on it", wait(lambda: stage(v, proposal) == "done", 30), stage(v, proposal))


def opens_by_new_numbers(v, known):
    for who, what in (("residents-4", "two residents, who were enough, are not"), ("property-2", "nor is one of the property")):
        said = hand_in(v, [w for w in OPENERS if w != who])
        report.check(what, v.state() == "unsealing", said[-1])
    said = hand_in(v, [w for w in OPENERS if not w.startswith("owners")])
    report.check("nor are the two groups of before without the third", v.state() == "unsealing", said[-1])
    said = hand_in(v, OPENERS)
    report.check("two of three, three of four and two of three open it", wait(lambda: v.state() == "open", 20), said[-1])
    report.check("the old keys end", wait(lambda: "rotation" not in v.ask(None, "GET", "/v1/seal-status").json), v.log()[-300:])
    report.check("cards of before open nothing more", "earlier set" in hand_in(v, ("property-1",), "cards")[0] and v.state() == "sealed", v.state())
    hand_in(v, OPENERS)
    v.wait_loaded()
    missed = [name for name, face in known if not matches(v, name, face)]
    report.check("everybody matches", known and not missed, missed or f"{len(known)} people")


def decides_by_new_rules(v):
    made = propose(v, {"kind": "rotate-keys"}, "yearly-rotation").json["proposal"]
    sign(v, made)
    report.check("the two groups of before can't decide alone any more", stage(v, made) == "open", stage(v, made))
    sign(v, made, ("owners/2",))
    report.check("with one of the third they can", wait(lambda: stage(v, made) == "done", 30), stage(v, made))


def is_whole(v):
    mirror = v.folder / "mirror"
    fetched, replayed = fetch(v, mirror), audit(v, "replay", mirror, "--json")
    report.check("an auditor replays it", fetched.returncode == 0 and replayed.returncode == 0, fetched.stderr or replayed.stdout[-300:])
    v.stop()
    checked = daemon(v, "check", "--json")
    report.check("`facekeepd check` finds nothing", checked.returncode == 0 and not json.loads(checked.stdout)["faults"], checked.stdout[-300:] + checked.stderr)


with Vault("--small", adjust=at_once("rotate", "reshare", "rule")) as vault:
    people = known_people(vault)
    for one in NEW:
        vault.new_key(one.replace("/", "-"))
    vault.read_demo()
    refused_plan(vault)
    agreed(vault)
    opens_by_new_numbers(vault, people)
    decides_by_new_rules(vault)
    is_whole(vault)
report.end()
