#!/usr/bin/python3
"""deploy/rehearse: each ceremony runs through on a throw-away vault of its own, and the log has what its people did; each has its page."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from vault import BUILD, SOURCE, Report, Vault

REHEARSE = SOURCE / "deploy/rehearse"
report = Report()


def rehearse(*args, timeout=600):
    env = dict(os.environ, FACEKEEP_BUILD=str(BUILD), LC_ALL="C.UTF-8", PATH="/usr/bin:" + os.environ.get("PATH", ""))
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:  # not a pipe: a daemon that is kept would hold it
        done = subprocess.run([REHEARSE, *args], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=timeout, check=False)
        out.seek(0)
        return done.returncode, out.read()


class Rehearsed(Vault):
    """The vault that a rehearsal left running; what its people did is read from its log, not from what the rehearsal says."""

    def __init__(self, name):
        self.folder, self.collect = pathlib.Path(tempfile.mkdtemp(prefix="facekeep-e2e-")) / "vault", None
        self.env = dict(os.environ, SOFTHSM2_CONF=str(self.folder / "softhsm2.conf"), XDG_STATE_HOME=str(self.folder / "state"),
                        FACEKEEP_VAULT=str(self.folder / "notice.json"))
        self.code, self.output = rehearse(name, "--dir", str(self.folder), "--keep")
        if self.code == 0:
            self.read_demo()

    def close(self):
        super().close()
        shutil.rmtree(self.folder.parent, ignore_errors=True)


def last(log, kind, /, **fields):
    """Number of the last entry of this type with these fields; -1 if there is none."""
    return max((n for n, e in enumerate(log) if e.get("type") == kind and all(e["body"].get(k) == v for k, v in fields.items())), default=-1)


def carried_out(log, action):
    """Number of the entry that carried out the proposal of this kind, after both groups signed it; -1 if it was not."""
    made = [e["body"] for e in log if e.get("type") == "proposal" and e["body"]["action"]["kind"] == action]
    if len(made) != 1:
        return -1
    signers = {e["body"]["by"].split("/")[0] for e in log if e.get("type") == "approval" and e["body"]["proposal"] == made[0]["id"]}
    return last(log, "proposal-done", proposal=made[0]["id"]) if signers == {"property", "residents"} else -1


def cards_in(log, since):
    return {(e["body"]["by"], e["body"]["group"], e["body"]["share"]) for e in log[since:] if e.get("type") == "unseal-share"}


def looks_of_key_ceremony(log):
    yield "everybody signed the first entry", len(log[0]["body"]["signatures"]) == 6 and log[0]["type"] == "genesis"
    yield "and it was opened", last(log, "unsealed") > last(log, "start") > 0


def looks_of_unseal(log):
    sealed = last(log, "sealed", by="residents/1")
    yield "it was sealed by one, and opened by two of each", sealed > 0 and {c[1:] for c in cards_in(log, sealed)} == {
        ("property", 1), ("property", 2), ("residents", 1), ("residents", 2)}
    yield "the third card of a group was not taken", not [c for c in cards_in(log, 0) if c[0] == "property/3"]
    yield "it is open", last(log, "unsealed") > sealed


def looks_of_rotate(log):
    done = carried_out(log, "rotate-keys")
    yield "both groups signed the rotation, and it was carried out", done > 0
    yield "people's keys were moved, then the old keys went", done < last(log, "rewrapped") < last(log, "keys-retired", epoch=1)
    yield "and a backup was taken", last(log, "backup-made") > last(log, "keys-retired")


def looks_of_log_key(log):
    done = carried_out(log, "rotate-log-key")
    yield "both groups signed a new log key, and the log names it", done > 0 and log[done]["body"]["log_key"] != log[0]["body"]["log_key"]
    yield "the vault was opened under it", last(log, "unsealed") > done


def looks_of_handover(log):
    done = carried_out(log, "change-custodian")
    yield "both groups signed the last day, and it was registered", done > 0
    yield "who left did nothing after it", not [e for e in log[done + 1:] if e.get("type") and "residents/3" in e["body"].get("by", "")]
    yield "the others opened the vault", last(log, "unsealed") > done and len(cards_in(log, done)) == 4


def looks_of_replace_custodian(log):
    done = carried_out(log, "reshare")
    opened = next((n for n, e in enumerate(log) if n > done and e.get("type") == "unsealed"), -1)
    yield "both groups signed the new cards, and they came into force", done > 0
    yield "the newcomer's card opened the vault", opened > done and "residents/4" in {c[0] for c in cards_in(log, done)}
    yield "no card of who left, or of before, went in", "residents/3" not in {c[0] for c in cards_in(log, done)} and len(cards_in(log, done)) == 4
    yield "the old keys went only after that", last(log, "keys-retired", epoch=1) > opened


def looks_of_lost_card(log):
    suspended = last(log, "custodian-suspended", custodian="residents/3")
    yield "the loser was suspended", suspended > 0
    yield "the vault was opened without the lost card", last(log, "unsealed") > suspended and "residents/3" not in {
        c[0] for c in cards_in(log, suspended)}


def looks_of_backup_restore(log):
    restored = last(log, "restored")
    yield "a backup was restored", restored > 0 and [n for n, e in enumerate(log) if e.get("type") == "backup-made"][0] < restored
    yield "another was taken once it was open again", last(log, "backup-made") > last(log, "unsealed") > restored


def looks_of_lost_token(log):
    recovered = last(log, "recovered", kind="stolen")
    yield "two of each group signed for the new token", recovered > 0 and len(log[recovered]["body"]["signatures"]) == 4
    done = carried_out(log, "reshare")
    yield "new cards followed, and opened the vault", recovered < done < last(log, "unsealed")
    yield "the old keys ended as lost ones", last(log, "keys-retired", lost=True) > last(log, "unsealed")


def looks_of_power_cut(log):
    start = last(log, "start", after_crash=True)
    yield "it started as after a crash", start > 0
    yield "and people opened it with four cards", last(log, "unsealed") > start and len(cards_in(log, start)) == 4


def looks_of_restart_ticket(log):
    done, used = carried_out(log, "restart-ticket"), last(log, "ticket-used", by="residents/1", number=1)
    yield "both groups signed the policy, and an opening by cards made a ticket", 0 < done < last(log, "ticket-made", number=1)
    before = max((n for n, e in enumerate(log[:used]) if e.get("type") == "start"), default=-1)
    yield "one person of the box's group confirmed a start, without a card", before > done and not cards_in(log[:used], before)
    ended = [e["body"]["reason"] for e in log if e.get("type") == "ticket-ended"]
    yield "a seal ended the first ticket, and one person all of them", ended == ["seal", "withdrawn"] and last(log, "ticket-made", number=2) > used


def looks_of_accepted_loss(log):
    recovered = last(log, "recovered", kind="restored")
    body = log[recovered]["body"] if recovered > 0 else {"signatures": [], "loss": {"newest": {"size": 0}, "origin": ""}}
    yield "two of each group signed for what is lost", len(body["signatures"]) == 4 and body["loss"]["newest"]["size"] > recovered
    yield "the log has another name", body["loss"]["origin"] not in ("", log[0]["body"]["origin"])
    revoked = last(log, "revoked")
    yield "what the lost entries revoked was revoked anew", revoked > recovered
    yield "then both groups confirmed the people", carried_out(log, "confirm-subjects") > revoked


# What a page's log has only if it came to that.
MAY_BE = {"unseal": {"unseal-ended"}, "power-cut": {"ticket-used"}}


def told_by(page):
    """The types of entry that it says its ceremony leaves."""
    kinds = set(re.findall(r"^\*\*([a-z-]+)\*\*", (SOURCE / "vault/log/FORMAT.md").read_text(encoding="utf-8"), re.M))
    text = (SOURCE / f"deploy/pages/{page}.md").read_text(encoding="utf-8")
    return kinds & set(re.findall("`([^`]+)`", re.search(r"^\*\*The log shows\*\*.*", text, re.M)[0])) - MAY_BE.get(page, set())


def look(name, vault):
    report.check(f"{name}: runs through", vault.code == 0, vault.output[-1500:] if vault.code else "")
    if vault.code:
        return None
    log = vault.entries()
    report.check(f"{name}: the vault is marked as a rehearsal's", log[0]["body"]["rehearsal"] is True)
    for what, good in globals()["looks_of_" + name.replace("-", "_")](log):
        report.check(f"{name}: {what}", good)
    missing = told_by(name) - {e.get("type") for e in log}
    report.check(f"{name}: the log has what the page says that it shows", not missing, missing)
    report.check(f"{name}: the vault is open at the end", vault.state() == "open")
    return log[0]["body"]["vault"]


def refusals(folder):
    (folder / "full").mkdir()
    (folder / "full/file").write_text("")
    for what, args, says in (("a folder that is not empty", ("unseal", "--dir", str(folder / "full")), "not empty"),
                             ("a file for a folder", ("unseal", "--dir", str(folder / "full/file")), "not empty"),
                             ("an unknown ceremony", ("uns", ), "there is no ceremony"), ("no ceremony", (), "no ceremony is named"),
                             ("two in one folder", ("unseal", "rotate", "--dir", str(folder / "new")), "of its own")):
        code, said = rehearse(*args)
        report.check(f"{what} is refused", code == 1 and "error:" in said and "hint:" in said and says in said, said.strip().replace("\n", " "))
    report.check("and nothing was made", [p.name for p in folder.iterdir()] == ["full"])


code, listed = rehearse("--list")
names = [line.split()[0] for line in listed.splitlines()]
pages = {p.name.split(".")[0] for p in (SOURCE / "deploy/pages").glob("*.md")}
report.check("each ceremony that can be rehearsed has a page, and each page a rehearsal", code == 0 and set(names) == pages,
             sorted(set(names) ^ pages))
with tempfile.TemporaryDirectory(prefix="facekeep-e2e-") as work:
    refusals(pathlib.Path(work))
vaults = []
for ceremony in sys.argv[1:] or os.environ.get("FACEKEEP_REHEARSALS", "").split() or names:
    with Rehearsed(ceremony) as rehearsed:
        vaults.append(look(ceremony, rehearsed))
report.check("each had a vault of its own", None not in vaults and len(set(vaults)) == len(vaults))
report.end()
