#!/usr/bin/python3
"""P7, match-only is not an oracle: known attacks against the running vault, by a client that has a door's key.

Each attack first runs with the defences off (the largest budgets that a policy can have) and must work; then with the default
budgets for people on, where it must do no better than with as many answers as these allow. Victims and photos (cosine .65) are made
up, of 64 dimensions: few questions then show what 512 dimensions show with thousands. Both are printed.

Last, one custodian has signed probes required. There P7 is claimed: a door's key alone gets no answer, nor does a probe that was recorded,
altered, or signed by a key that is no camera's. With optional ones budgets slow an attack: the rows say by how much. What remains
is in deploy/THREAT_MODEL.md.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent / "interop")]
import p7_attacks as attacks  # noqa: E402
import p7_collusion as collusion  # noqa: E402
from replayer.budgets import DEFAULTS, Budgets  # noqa: E402
from replayer.replay import Replay as SecondReplay  # noqa: E402
from vault import AMPLE, FACEKEEP_AUDIT, Report, Vault, base64_of  # noqa: E402

DIMENSION, THRESHOLD, IDENTIFY = 64, 0.35, 0.7
ATTACKERS, VICTIMS = 7, 1  # seeds: an attacker whose random numbers are the victim's needs no oracle
WORKS = 0.9        # what an attack reaches without defences
SLACK = 0.12       # of a best guess, by chance
LIMIT = 900        # questions of one attack
DOORS = (("door/1", "north-gate"), ("door/1", "south-gate"), ("door/2", "lobby"))
CAMERA = "plan['principals'].append({'role': 'camera', 'name': 'camera in the lobby', 'certificate': new_key('camera-1'), 'sites': ['main']})"
AT_ONE_DOOR, AT_ALL = 16, 32  # calls that the default budgets let through at once (vault/ledger/budget.h)
ATTACKS = (("walk along the border, random start", attacks.from_a_random_start, 1),
           ("walk along the border, from a photo", attacks.from_a_photo, 1),
           ("fixed list, not adaptive, from a photo", attacks.fixed_list, 1),
           ("hill climbing with yes and no, from a photo", attacks.hill_climbing, 1),
           ("walk from a photo, many doors together", attacks.from_a_photo, 3),
           ("walk from the most similar stranger", attacks.from_a_photo, 1))
STRANGERS = 20_000  # among whom the most similar one is found


class Client:
    """Asks as the doors do, one connection a key."""

    def __init__(self, vault):
        self.vault = vault
        self.connections = {who: vault.connect(who) for who, _ in DOORS}
        self.asked = 0

    def ask(self, victim, door, probe):
        """`probe`: base64, or the text that a camera signed."""
        who, name = DOORS[door]
        body = {"door": name, "model": "face", "subject": victim, "probe": probe}
        return self.vault.ask(who, "POST", "/v1/sites/main/verify", body, connection=self.connections[who])

    def verify(self, victim, door, probe):
        answer = self.ask(victim, door, base64_of(probe))
        if answer.status != 200:
            raise RuntimeError(f"verify: {answer}")
        return answer.json["decision"]

    def oracle(self, victim, doors):
        """By turns at so many doors."""
        def ask(probe):
            self.asked += 1
            decision = self.verify(victim, self.asked % doors, probe)
            return None if decision == "refer" else decision == "match"
        return ask


def enrol(vault, name, template):
    subject = f"/v1/sites/main/subjects/{name}"
    made = vault.ask("operator/1", "PUT", subject, vault.consent())
    added = vault.ask("operator/1", "POST", subject + "/templates", {"model": "face", "template": base64_of(template)})
    if made.status not in (200, 201) or added.status not in (200, 201):
        raise RuntimeError(f"{made} {added}")


def best(run, template):
    """(questions, the best of all guesses): more than an attacker has, who does not know which that is."""
    guesses = []
    asked = attacks.Asked(run["oracle"], run.get("limit", LIMIT))
    try:
        run["attack"](asked, DIMENSION, numpy.random.default_rng(ATTACKERS), THRESHOLD, guesses.append, photo=run["photo"])
    except attacks.Ended:
        pass
    return asked.count, max((float(g @ template) for g in guesses), default=0.0)


def tighten(vault, *changes):
    done = vault.cli("residents-1", "tighten", "policy", "main", "--access-log-days", "90", "--erase-daily", "50", *changes)
    if done.returncode:
        raise RuntimeError(done.stderr)


def budget_file(folder, budgets):
    path = pathlib.Path(folder) / "budgets.json"
    path.write_text(json.dumps(budgets))
    return path


def known(row):
    """The cosine to the template of what the attacker begins with."""
    return 0.0 if row["attack"] is attacks.from_a_random_start else float(row["photo"] @ row["template"])


def photo_for(name, template, random):
    """What an attacker has to begin with: a photo of the victim, or the most similar of many other people's."""
    if "stranger" not in name:
        return attacks.at_cosine(random, template, 0.65)
    others = random.standard_normal((STRANGERS, DIMENSION))
    others /= numpy.linalg.norm(others, axis=1, keepdims=True)
    return others[numpy.argmax(others @ template)]


def against_everyone(vault, folder, report, table):
    """Off, then on, each against a victim of its own: a budget that is used up is nobody else's."""
    client, random = Client(vault), numpy.random.default_rng(VICTIMS)
    rows = []
    for n, (name, attack, doors) in enumerate(ATTACKS):
        template = attacks.stranger(random, DIMENSION)
        rows.append({"name": name, "attack": attack, "doors": doors, "template": template,
                     "photo": photo_for(name, template, random), "victims": [f"victim-{n}-{defences}" for defences in ("off", "on", "signed")]})
        for victim in rows[-1]["victims"]:
            enrol(vault, victim, template)
    for row in rows:
        row["off"] = best({**row, "oracle": client.oracle(row["victims"][0], row["doors"])}, row["template"])
    # One custodian is enough to turn them on. Doors keep theirs: here it is people's that hold.
    tighten(vault, "--budgets", budget_file(folder, {**DEFAULTS, "door": AMPLE["door"]}))
    for row in rows:
        allowed = AT_ONE_DOOR if row["doors"] == 1 else AT_ALL
        row["on"] = best({**row, "oracle": client.oracle(row["victims"][1], row["doors"])}, row["template"])
        bound = max(best({**row, "limit": allowed, "oracle": attacks.simulated(row["template"], THRESHOLD)}, row["template"])[1],
                    known(row) or THRESHOLD)
        report.check(f"{row['name']}: works without defences", row["off"][1] > WORKS, f"{row['off'][1]:.3f} after {row['off'][0]}")
        report.check(f"{row['name']}: gains no more than {allowed} answers give", row["on"][1] <= bound + SLACK,
                     f"{row['on'][1]:.3f} after {row['on'][0]}; bound {bound:.3f}")
        table.append((row["name"], *row["off"], *row["on"]))
    return client, rows


def one_door_starves_nobody(client, rows, report):
    row = rows[1]
    report.check("a victim at the attacked door is no match any more", client.verify(row["victims"][1], 0, row["template"]) == "no_match")
    report.check("and passes at another door", client.verify(row["victims"][1], 2, row["template"]) == "match")


def operator_and_door(vault, report, table, names):
    """Not stopped by budgets: what is answered in place of a person over the budget is not the made-up face either."""
    random = numpy.random.default_rng(VICTIMS + 1)
    victim = attacks.stranger(random, DIMENSION)
    photo = attacks.at_cosine(random, victim, 0.85)
    enrol(vault, names, victim)

    def run():
        both = collusion.Accomplices(vault, "lobby")
        guess = collusion.attack(both, photo, numpy.random.default_rng(ATTACKERS), IDENTIFY)
        return both, float(guess @ victim)
    on, reached = run()
    report.check("an operator and a door in one hand read scores, budgets or not", reached > WORKS, f"{reached:.3f} after {on.asked}")

    def where_signed():
        off = collusion.Accomplices(vault, "lobby")
        guess = collusion.attack(off, photo, numpy.random.default_rng(ATTACKERS), IDENTIFY)
        report.check("and nothing where probes and enrolments have to be signed", off.refusal == "signed-probe-required" and
                     float(guess @ victim) <= 0.85 + 1e-9, off.refusal)
        table.append(("operator and door in one hand, signed", on.asked, reached, off.asked, float(guess @ victim)))
    table.append(("operator and door in one hand, from a photo", on.asked, reached, on.asked, reached))
    return where_signed


def doors_budget(vault, folder, client, report):
    tighten(vault, "--budgets", budget_file(folder, DEFAULTS))
    random, said = numpy.random.default_rng(1), []
    for _ in range(600):
        said.append(client.verify("nobody", 0, attacks.stranger(random, DIMENSION)))
        if said[-1] == "refer":
            break
    report.check("a door over its budget is told to refer", said[-1] == "refer" and len(said) > 200, len(said))
    report.check("another door is not", client.verify("nobody", 2, attacks.stranger(random, DIMENSION)) == "no_match")


def alarms(vault, report):
    def metric(name):
        lines = vault.ask(None, "GET", "/metrics").body.decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))
    report.check("there are alarms", metric("facekeep_budget_alarms_open") > 0, int(metric("facekeep_budget_alarms_open")))
    done = vault.cli("property-2", "acknowledge", str(int(metric("facekeep_budget_alarm_entry"))))
    report.check("one custodian acknowledges them", done.returncode == 0 and metric("facekeep_budget_alarms_open") == 0, done.stderr)
    report.check("the journal tells of them and of nobody", "budget-alarm" in vault.log() and "victim" not in vault.log())


def auditors_agree(vault, folder, report):
    """Every decision over a budget is taken again, by the auditor's program and by the second replayer."""
    mirror = pathlib.Path(folder) / "mirror"
    command = [FACEKEEP_AUDIT, "fetch", "--url", vault.demo["public"], "--vkey", vault.demo["vkey"], "--out", mirror, "--api",
               vault.demo["api"], "--key", vault.folder / "keys/auditor-1.key", "--rate", "1000"]
    done = subprocess.run([str(c) for c in command], env=vault.env, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        report.check("an auditor fetches the log", False, done.stderr)
        return
    done = subprocess.run([FACEKEEP_AUDIT, "replay", mirror, "--json"], env=vault.env, capture_output=True, text=True, timeout=300, check=False)
    theirs = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    found = SecondReplay(mirror).run()
    report.check("the auditor's replay finds no error", done.returncode == 0, done.stderr or done.stdout[-300:] if done.returncode else "")
    report.check("nor does the second replayer's", not found.bad(), found.bad()[:3] or "")
    report.check("both have the same budgets", found.budgets and theirs.get("budgets_digest") == found.budgets.hex(), theirs.get("budgets_digest"))


def slow_for_a_month(report, table):
    """A simulated month of patience, at all doors: how many answers the default budgets of one person give, and what they give away."""
    answers, budgets = 0, Budgets(0)
    for second in range(0, 30 * 86400, 300):
        budgets.run_to(second * 1000)
        for door in range(3):
            call = {"site": "main", "door": f"door-{door}", "subject": f"pseudonym of day {second // 86400}"}
            while budgets.over(DEFAULTS, call) is None:
                budgets.charge(DEFAULTS, call)
                answers += 1
    report.check("a month at all doors is less than 100 answers a day", answers <= 30 * 100, answers)
    random = numpy.random.default_rng(VICTIMS)
    template = attacks.stranger(random, DIMENSION)
    run = {"attack": attacks.from_a_photo, "photo": attacks.at_cosine(random, template, 0.65), "limit": answers}
    reached = best({**run, "oracle": attacks.simulated(template, THRESHOLD)}, template)
    table.append((f"a month's patience, {answers} answers (simulated)", *reached, *reached))


def signed_probes(vault, folder, client, rows, report, table):
    """P7's claim: with signed probes required, a door's key alone is told nothing about anybody."""
    tighten(vault, "--signed-probes", "required")
    _, own_key = vault.new_key("attacker")
    lobby = 2  # a door whose budget is not used up

    def signed(probe, key=vault.folder / "keys/camera-1.key", door="lobby"):
        path = pathlib.Path(folder) / "probe.f32"
        probe.astype("<f4").tofile(path)
        done = vault.cli(None, "camera", "sign", path, "--camera-key", key, "--camera", "camera/1", "--site", "main", "--door", door,
                         "--model", "face", "--use", "verify")
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def said(victim, probe):
        answer = client.ask(victim, lobby, probe)
        return answer.json["decision"] if answer.status == 200 else answer.problem

    for row in rows:
        victim, refusals = row["victims"][2], []

        def oracle(probe):
            refusals.append(said(victim, base64_of(probe)))
            return None
        asked, reached = best({**row, "oracle": oracle}, row["template"])
        report.check(f"{row['name']}: gets no answer where probes are signed", refusals == ["signed-probe-required"], refusals)
        report.check(f"{row['name']}: and knows what it knew", reached <= known(row) + 1e-9, f"{reached:.3f}")
        table.append((row["name"] + ", signed", *row["off"], asked, reached))
    victim, other = rows[0], rows[1]
    recorded = signed(victim["template"])
    report.check("what a camera signed is answered", said(victim["victims"][2], recorded) == "match")
    report.check("recorded and asked again it is not", said(victim["victims"][2], recorded) == "nonce-reused")
    report.check("nor about somebody else", said(other["victims"][2], recorded) == "nonce-reused")
    report.check("nor signed for another door", said(victim["victims"][2], signed(victim["template"], door="north-gate")) == "other-probe")
    head, _, signature = signed(victim["template"]).split(".")
    payload = signed(other["template"]).split(".")[1]
    report.check("nor with another vector put in", said(other["victims"][2], f"{head}.{payload}.{signature}") == "bad-probe-signature")
    report.check("nor signed by a key that is no camera's", said(victim["victims"][2], signed(victim["template"], own_key)) == "bad-probe-signature")


def main():
    report, table = Report(), []
    with tempfile.TemporaryDirectory() as folder, Vault("--small", "--dimension", str(DIMENSION),
                                                        "--thresholds", f"{int(THRESHOLD * 1e6)},{int(IDENTIFY * 1e6)}", adjust=CAMERA) as vault:
        client, rows = against_everyone(vault, folder, report, table)
        one_door_starves_nobody(client, rows, report)
        where_signed = operator_and_door(vault, report, table, "victim-of-two")
        doors_budget(vault, folder, client, report)
        alarms(vault, report)
        signed_probes(vault, folder, client, rows, report, table)
        where_signed()
        auditors_agree(vault, folder, report)
    slow_for_a_month(report, table)
    print(f"\n{'attack, ' + str(DIMENSION) + ' dimensions':58} {'off: questions':>15} {'cosine':>7} {'on: questions':>14} {'cosine':>7}")
    for name, asked_off, off, asked_on, on in table:
        print(f"{name:58} {asked_off:15} {off:7.3f} {asked_on:14} {on:7.3f}")
    report.end()


if __name__ == "__main__":
    main()
