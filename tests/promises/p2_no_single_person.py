#!/usr/bin/python3
"""P2, the ceremony, the cards and sealing: nobody can make a vault that one person can open, and one card opens nothing.

Shown: the ceremony refuses every plan that one person (or, in a vault of two groups, one group) could satisfy, with the reason and
before anything is made; an insider with one card, every file, the token and its PIN gets no template; sealing takes one custodian.
The route table has no call by which one person widens anything afterwards. Proposals and votes: p2_rogue_administrator.py.
"""
import copy
import json
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from vault import FACEKEEP, SOURCE, Report, Vault  # noqa: E402

report = Report()


def rule(**groups):
    return {"groups": groups, "delay_s": 0, "lifetime_s": 86400}


def plans(plan, folder):
    """(what, a plan that must be refused, what the reason must say, options)"""
    def changed(what, says, change, *options):
        p = copy.deepcopy(plan)
        change(p)
        return what, p, says, options

    def small_of_one(p):
        p["preset"] = "small"
        p["groups"] = p["groups"][:1]
        p["groups"][0]["custodians"] = p["groups"][0]["custodians"][:1]

    def one_group(p):
        p["preset"] = "one-group"
        p["groups"] = p["groups"][:1]

    def one_group_of_one(p):
        one_group(p)
        p["groups"][0]["custodians"] = p["groups"][0]["custodians"][:1]

    def same_key(p):
        p["groups"][1]["custodians"][0]["certificate"] = p["groups"][0]["custodians"][0]["certificate"]

    def same_key_in_machine(p):
        p["principals"][0]["certificate"] = p["groups"][0]["custodians"][0]["certificate"]

    def same_name(p):
        p["groups"][1]["custodians"][0]["name"] = p["groups"][0]["custodians"][0]["name"]

    def same_approval_key(p):
        """The same key with another comment: one person who would count as two."""
        line = (folder / "keys/property-1.pub").read_text().split()
        (folder / "keys/copied.pub").write_text(" ".join(line[:2]) + " somebody else\n")
        p["groups"][1]["custodians"][0]["approval_key"] = "keys/copied.pub"

    def rules(**r):
        return lambda p: p.update(rules=r)

    def room(p):
        p["sites"][0]["doors"][0]["class"] = "private-room"

    def only(n):
        return lambda p: p["groups"][0].update(custodians=p["groups"][0]["custodians"][:n])

    def two_same_groups(p):
        p["groups"][1]["id"] = "property"

    actions = [a for a in json.loads((folder / "genesis-rules.json").read_text())]
    yield changed("one person, one card", "fewer than two groups|one share", small_of_one)
    yield changed("one group without the flag", "one organisation alone can open the vault", one_group)
    yield changed("one group of one person, with the flag", "takes 2 to 16", one_group_of_one, "--allow-one-group")
    yield changed("preset standard with one group", "fewer than two groups", lambda p: p.update(groups=p["groups"][:1]))
    yield changed("preset standard with one person in a group", "takes 3 to 16", only(1))
    yield changed("preset standard with two people in a group", "takes 3 to 16", only(2))
    yield changed("the same person in both groups", "twice as a custodian", same_name)
    yield changed("the same key for two people", "same key", same_key)
    yield changed("a custodian's key for a machine", "same key", same_key_in_machine)
    yield changed("the same approval key with another comment", "same approval key", same_approval_key)
    yield changed("two groups of one name", "called|twice", two_same_groups)
    yield changed("a door in a private room", "private|class", room)
    for action in actions:
        yield changed(f"{action} by one person", "one person can satisfy", rules(**{action: rule(property=1)}))
    action = actions[0]
    yield changed(f"{action} by nobody", "one person can satisfy|no one|groups", rules(**{action: rule()}))
    yield changed(f"{action} by nobody of a group", "no one of the group|counts from 1", rules(**{action: rule(property=2, residents=0)}))
    yield changed(f"{action} by two people of one group", "one group alone", rules(**{action: rule(property=2)}))
    yield changed(f"{action} by more people than there are", "which has 3", rules(**{action: rule(property=4, residents=1)}))
    yield changed(f"{action} by a group that is not there", "does not have", rules(**{action: rule(property=1, police=1)}))
    yield changed(f"{action} by minus one", "no one of|number|malformed|groups|one person", rules(**{action: rule(property=-1, residents=3)}))
    yield changed("a rule for an action that is not there", "unknown action", rules(coffee=rule(property=1, residents=1)))


def hold(vault, name, plan, *options):
    folder = vault.folder
    (folder / "plan-p2.json").write_text(json.dumps(plan))
    ids = [f"{g['id']}/{i}" for g in plan["groups"] for i in range(1, len(g["custodians"]) + 1)]
    (folder / "script-p2.json").write_text(json.dumps({"signers": {i: f"keys/{i.replace('/', '-')}.key" for i in ids}}))
    for part in ("data", "cards", "out"):
        shutil.rmtree(folder / f"{name}-{part}", ignore_errors=True)
        (folder / f"{name}-{part}").mkdir(mode=0o700)
    module = re.search(r'module = "(.*)"', (folder / "facekeepd.toml").read_text())[1]
    return subprocess.run([FACEKEEP, "ceremony", "--plan", folder / "plan-p2.json", "--script", folder / "script-p2.json",
                           "--dir", folder / f"{name}-data", "--cards", folder / f"{name}-cards", "--out", folder / f"{name}-out",
                           "--token-uri", "pkcs11:token=p2", "--module", module, "--pin-file", folder / "token-pin", *options],
                          env=vault.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)


def ceremonies(vault):
    folder = vault.folder
    subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "p2", "--so-pin", "12345678", "--pin",
                    (folder / "token-pin").read_text().strip()], env=vault.env, check=True, capture_output=True)
    plan = json.loads((folder / "plan.json").read_text())
    genesis = vault.entries()[0]
    (folder / "genesis-rules.json").write_text(json.dumps(sorted(genesis["body"]["rules"])))
    for what, bad, says, options in plans(plan, folder):
        done = hold(vault, "bad", bad, *options)
        said = done.stderr.strip().replace("\n", " ")
        report.check(f"refused: {what}", done.returncode in (1, 2) and "error:" in said and re.search(says, said), said)
        report.check(f"{what}: nothing was made", not (folder / "bad-data/db").exists() and not list((folder / "bad-out").iterdir()))
    # The search can succeed: the plan that was changed is accepted.
    done = hold(vault, "good", plan)
    report.check("the plan itself is accepted", done.returncode == 0, done.stderr.strip().splitlines()[:1])


def one_card(vault):
    vault.restart()
    for who in ("property-1", "residents-1"):
        vault.restart()
        done = vault.hand_in(who)
        report.check(f"the card of {who} alone opens nothing", done.returncode == 0 and vault.state() == "unsealing", vault.state())
    vault.restart()
    for who in ("residents-1", "residents-2", "residents-3"):
        vault.hand_in(who)
    report.check("all cards of one group open nothing", vault.state() == "unsealing", vault.state())
    vault.restart()
    vault.unseal()
    report.check("two of each group open it", vault.state() == "open", vault.state())


def insider(vault):
    module = re.search(r'module = "(.*)"', (vault.folder / "facekeepd.toml").read_text())[1]
    done = subprocess.run(["/usr/bin/python3", SOURCE / "deploy/quickstart.d/insider.py", vault.folder, module], env=vault.env,
                          capture_output=True, text=True, timeout=120, check=False)
    print(done.stdout + done.stderr, end="")
    report.check("the insider gets nothing", done.returncode == 0 and "GOT THROUGH" not in done.stdout and done.stdout.count("refused:") >= 6,
                 f"exit {done.returncode}")


def narrowing(vault):
    for who in ("property-2", "residents-3"):
        done = vault.cli(who, "seal")
        report.check(f"{who} alone seals", done.returncode == 0 and vault.state() == "sealed", done.stdout.strip() + done.stderr.strip())
        vault.unseal()
    for role in ("operator-1", "door-1", "auditor-1"):
        done = vault.cli(role, "seal")
        report.check(f"{role} can't seal", done.returncode == 2 and vault.state() == "open", done.stderr.strip().replace("\n", " "))


def no_call_widens():
    """Every call that changes anything: what widens is a proposal and its votes; the others narrow, or are a machine's daily work."""
    routes = (SOURCE / "tests/snapshots/routes.txt").read_text().splitlines()[1:]
    changing = {r.split(" | ")[0] for r in routes if r.split(" ")[0] not in ("GET", "HEAD")}
    together = {"POST /v1/proposals", "POST /v1/proposals/{id}/approvals", "POST /v1/unseal"}
    narrowing = {"POST /v1/seal", "POST /v1/proposals/{id}/veto", "POST /v1/proposals/{id}/withdrawal", "POST /v1/revocations",
                 "POST /v1/suspensions", "POST /v1/tightenings", "POST /v1/acknowledgements", "DELETE /v1/sites/{site}/subjects/{subject}"}
    daily = {"POST /v1/sites/{site}/verify", "POST /v1/sites/{site}/identify", "POST /v1/sites/{site}/challenge", "PUT /v1/sites/{site}/subjects/{subject}",
             "POST /v1/sites/{site}/subjects/{subject}/templates", "POST /v1/sites/{site}/enrolments",
             "POST /v1/backups"}  # sealed as the disk is: it opens to nobody who could not open the vault
    other = changing - together - narrowing - daily
    report.check("no other call changes anything", not other, sorted(other))


no_call_widens()
with Vault("--small") as running:
    ceremonies(running)
    insider(running)
    one_card(running)
    narrowing(running)
report.end()
