#!/usr/bin/python3
"""Backups of a vault that goes on, and what comes back from them: taken under load, one on top of another, checked without a secret, restored
after the daemon was stopped and its disk lost. Who was erased or revoked behind them stays so."""
import json
import pathlib
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
from parties import People  # noqa: E402
from replayer import synthetic  # noqa: E402
from vault import FACEKEEP, FACEKEEP_AUDIT, FACEKEEPD, Report, Vault  # noqa: E402

report = Report()


class Doors(threading.Thread):
    """One door that asks as fast as it is answered."""

    def __init__(self, people, who):
        super().__init__(daemon=True)
        self.people, self.who, self.waits, self.wrong, self.ends = people, who, [], [], threading.Event()

    def run(self):
        connection = self.people.vault.connect("door/1")
        while not self.ends.is_set():
            began = time.monotonic()
            try:
                said = self.people.identified(self.who, connection)
            except (AssertionError, OSError) as error:
                self.wrong.append(str(error))
                return
            self.waits.append(time.monotonic() - began)
            if said != self.who:
                self.wrong.append(said)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.join()


def mirror(vault, into):
    """As an auditor has it, up to the last entry."""
    time.sleep(1.3)
    folder = vault.folder / into
    done = subprocess.run([FACEKEEP_AUDIT, "fetch", "--url", vault.demo["public"], "--vkey", vault.demo["vkey"], "--out", folder,
                           "--api", vault.demo["api"], "--key", vault.folder / "keys/auditor-1.key"],
                          env=vault.env, capture_output=True, text=True, timeout=300, check=False)
    report.check(f"an auditor fetches {into}", done.returncode == 0, done.stderr[-300:])
    return folder


def restore(vault, mirror_dir, *backups):
    command = [FACEKEEPD, "restore", "--config", vault.folder / "facekeepd.toml", "--json"]
    if mirror_dir:
        command += ["--mirror", mirror_dir]
    for path in backups:
        command += ["--backup", path]
    return subprocess.run(command, env=vault.env, capture_output=True, text=True, timeout=600, check=False)


def verify(*args):
    return subprocess.run([FACEKEEP, "--json", "backup", "verify", *args], capture_output=True, text=True, timeout=300, check=False)


def made_up_key(vault, newest, *backups):
    """A mirror whose folder names a further log key, by which its checkpoint is signed: no entry of the log brought it."""
    folder = vault.folder / "made-up"
    shutil.copytree(newest, folder)
    text = (folder / "checkpoint").read_bytes().partition(b"\n\n")[0].decode() + "\n"
    origin, size = text.split("\n")[:2]
    first = (folder / "vkey").read_text().strip()
    (folder / "checkpoint").write_bytes(synthetic.signed_note(text, "own"))
    (folder / "log-keys").write_text(f"0 {int(size) - 1} 0 signed {first}\n{size} - 0 recovered {synthetic.vkey('own', origin)}\n")
    bad = verify(*backups, "--mirror", folder)
    report.check("verify: a mirror that names a key of its own vouches for nothing", bad.returncode == 2 and "not of one log" in bad.stderr, bad.stderr[-300:])


def take(vault, out, *args, by="property-1"):
    done = vault.cli(by, "--json", "backup", "--out", vault.folder / out, *args)
    report.check(f"{out} is taken", done.returncode == 0, done.stderr[-300:])
    return vault.folder / out, json.loads(done.stdout or "{}")


def lose(vault):
    """The database and the key slots; the server's key is kept apart, as the runbook says."""
    for name in ("db", "keys", "exports"):
        shutil.rmtree(vault.folder / "data" / name, ignore_errors=True)


def altered(path, change):
    other = path.with_name("copy.facekeep-backup")
    data = bytearray(path.read_bytes())
    change(data)
    other.write_bytes(data)
    return other


def backups_under_load(vault, people):
    for who in ("anna", "bela", "cora"):
        people.enrol(who)
    with Doors(people, "anna") as alone:
        time.sleep(3)
    with Doors(people, "anna") as beside:
        whole, said = take(vault, "whole.facekeep-backup", "--receipt", vault.folder / "whole.tlog-proof")
        time.sleep(0.5)
    p99 = [sorted(d.waits)[len(d.waits) * 99 // 100] * 1000 for d in (alone, beside)]
    report.check("every answer beside it was right", not beside.wrong and beside.waits, beside.wrong[:2])
    print(f"  a door's p99: {p99[0]:.1f} ms alone, {p99[1]:.1f} ms beside a backup")
    report.check("the file is for its owner alone", whole.stat().st_mode & 0o777 == 0o600)
    good = verify(whole, "--receipt", vault.folder / "whole.tlog-proof")
    report.check("verify: it is whole, and its receipt vouches for it", good.returncode == 0, good.stderr[-300:])
    files = json.loads(good.stdout or '{"files": [{}]}')["files"]
    report.check("verify names its manifest's entry", files[0].get("manifest") == said.get("entry"), files)
    return whole


def refused_calls(vault):
    for who in ("operator/1", "door/1", "auditor/1"):
        answer = vault.ask(who, "POST", "/v1/backups", {})
        report.check(f"{who} takes no backup", answer.problem == "wrong-role", answer)


def refused_restores(vault, whole, increment, newest, older):
    def refuses(what, part, *args):
        done = restore(vault, *args)
        report.check(f"not restored: {what}", done.returncode != 0 and part in done.stderr, done.stderr[:200])
        report.check("  and nothing is there", not (vault.folder / "data/db").exists())

    size = whole.stat().st_size

    def flip(data):
        data[size // 3] ^= 4

    refuses("a backup with one bit changed", "altered", newest, altered(whole, flip))
    refuses("a backup that is cut", "cut or altered", newest, altered(whole, lambda data: data.__delitem__(slice(size - 1, None))))
    refuses("one without the one that it builds on", "builds on one of", newest, increment)
    refuses("without a mirror", "a quorum accepts", None, whole)
    refuses("with a mirror that ends before what the token has seen", "but the token has seen", older, whole, increment)
    bad = verify(altered(whole, flip))
    report.check("verify finds the changed bit without a secret", bad.returncode != 0, bad.stdout)


def main():
    with Vault("--small") as vault:
        # The anchor follows the log as closely as it can: a mirror that is an entry short restores nothing.
        vault.stop()
        with open(vault.folder / "facekeepd.toml", "a", encoding="utf-8") as config:
            config.write("\n[sequencer]\nanchor_ms = 1000\n")
        vault.start()
        vault.unseal()
        people = People(vault)
        refused_calls(vault)
        whole = backups_under_load(vault, people)
        report.check("bela is erased", people.erase("bela").status == 200)
        people.enrol("dora")
        increment, _ = take(vault, "increment.facekeep-backup", "--since", whole, by="residents-1")  # one a minute and custodian
        report.check("it is smaller than the whole", increment.stat().st_size * 3 < whole.stat().st_size)
        older = mirror(vault, "older")
        report.check("cora is erased behind the last backup", people.erase("cora").status == 200)
        revoked = vault.cli("residents-1", "revoke", "door/2", "--reason", "lost")
        report.check("a door is revoked behind it", revoked.returncode == 0, revoked.stderr[-200:])
        people.enrol("edda")
        newest = mirror(vault, "newest")
        both = verify(whole, increment, "--mirror", newest)
        report.check("verify: the log vouches for both", both.returncode == 0, both.stderr[-300:])
        made_up_key(vault, newest, whole, increment)
        time.sleep(2)  # the entries of the fetch itself are anchored
        vault.stop()  # cleanly: what it writes then is in no mirror
        lose(vault)

        refused_restores(vault, whole, increment, newest, older)
        done = restore(vault, newest, whole, increment)
        report.check("both are restored, up to the mirror's end", done.returncode == 0, done.stderr[-300:])
        said = json.loads(done.stdout or "{}")
        report.check("one person is to be enrolled again", len(said.get("lost", [])) == 1, said.get("lost"))
        again = restore(vault, newest, whole, increment)
        report.check("not a second time over it", "there is a vault" in again.stderr, again.stderr[:200])
        checked = subprocess.run([FACEKEEPD, "check", "--config", vault.folder / "facekeepd.toml"], env=vault.env, capture_output=True, text=True,
                                 timeout=300, check=False)
        report.check("its files hold together", checked.returncode == 0, checked.stdout[-300:])
        report.check("check says what the mark excuses", f"from a backup of {said['size']} entries" in checked.stdout, checked.stdout[-300:])
        made_up_mark(vault, said["size"])
        vault.start()
        vault.unseal()
        report.check("anna opens the door", people.identified("anna") == "anna")
        report.check("dora, of the second backup, too", people.identified("dora") == "dora")
        for who in ("bela", "cora", "edda"):
            report.check(f"{who} does not", people.identified(who) == "no_match")
        report.check("the revoked door's key is refused", refused_by_key(vault, "door/2"))
        entries = vault.entries()
        at = next((n for n, e in enumerate(entries) if e.get("type") == "restored"), None)
        report.check("the log says so, right behind the start", at is not None and entries[at - 1]["type"] == "start", at)
        people.enrol("edda")
        report.check("edda is enrolled again, and opens it", people.identified("edda") == "edda")
        report.check("and can be erased", people.erase("edda").status == 200 and people.identified("edda") == "no_match")
        report.check("checked, all of it", check_running(vault))
        fresh = mirror(vault, "fresh")
        replayed = subprocess.run([FACEKEEP_AUDIT, "replay", fresh], capture_output=True, text=True, timeout=300, check=False)
        report.check("an auditor replays it without an error", replayed.returncode == 0, replayed.stdout[-400:])
    report.end()


def made_up_mark(vault, size):
    mark = vault.folder / "data/restored.json"
    good = mark.read_bytes()
    mark.write_text(f'{{"from":{size},"upto":{size + 1}}}')
    checked = subprocess.run([FACEKEEPD, "check", "--config", vault.folder / "facekeepd.toml"], env=vault.env, capture_output=True, text=True,
                             timeout=300, check=False)
    report.check("check: a mark that is not of this log is a fault", checked.returncode != 0 and "restored.json" in checked.stdout + checked.stderr,
                 checked.stdout[-300:])
    mark.write_bytes(good)


def refused_by_key(vault, who):
    try:
        return vault.ask(who, "GET", "/v1/me").status == 403
    except OSError:
        return True  # in the handshake


def check_running(vault):
    vault.stop()
    checked = subprocess.run([FACEKEEPD, "check", "--config", vault.folder / "facekeepd.toml"], env=vault.env, capture_output=True, text=True,
                             timeout=300, check=False)
    vault.start()
    vault.unseal()
    return checked.returncode == 0


if __name__ == "__main__":
    main()
