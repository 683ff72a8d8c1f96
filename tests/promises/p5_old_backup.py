#!/usr/bin/python3
"""P5, erased means erased, for backups: an older one does not bring back who was erased since, whoever restores it and however.

With token and quorum the backup's own bytes can still be opened until a rotation has destroyed its root key: p5_erasure_horizon.sh.
"""
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from vault import FACEKEEP_AUDIT, FACEKEEPD, Report, Vault, base64_of  # noqa: E402

import numpy  # noqa: E402

report = Report()
WHO = "/v1/sites/main/subjects/victim"


def mirror(vault, into):
    time.sleep(1.3)
    command = [FACEKEEP_AUDIT, "fetch", "--url", vault.demo["public"], "--vkey", vault.demo["vkey"], "--out", vault.folder / into,
               "--api", vault.demo["api"], "--key", vault.folder / "keys/auditor-1.key"]
    subprocess.run(command, env=vault.env, capture_output=True, text=True, timeout=300, check=True)
    return vault.folder / into


def restore(vault, backup, from_mirror):
    done = subprocess.run([FACEKEEPD, "restore", "--config", vault.folder / "facekeepd.toml", "--backup", backup, "--mirror", from_mirror],
                          env=vault.env, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode == 0, done.stderr.strip().splitlines()[:1]


def lose(vault):
    for name in ("db", "keys"):
        shutil.rmtree(vault.folder / "data" / name, ignore_errors=True)


def main():
    with Vault("--small") as vault:
        face = numpy.random.default_rng(3).standard_normal(vault.demo["dimension"])
        face /= numpy.linalg.norm(face)

        def found():
            answer = vault.ask("door/1", "POST", "/v1/sites/main/identify", {"door": "north-gate", "model": "face", "probe": base64_of(face)})
            return answer.json.get("subject") or answer.json["decision"]

        vault.ask("operator/1", "PUT", WHO, vault.consent())
        vault.ask("operator/1", "POST", WHO + "/templates", {"model": "face", "template": base64_of(face)})
        report.check("the victim is enrolled, and opens a door", found() == "victim")
        backup = vault.folder / "old.facekeep-backup"
        done = vault.cli("property-1", "backup", "--out", backup)
        report.check("a backup is taken, with the victim in it", done.returncode == 0, done.stderr[-200:])
        before = mirror(vault, "before")
        erased = vault.ask("operator/1", "DELETE", WHO)
        report.check("the victim is erased at once", erased.status == 200 and erased.json["state"] == "erased", erased)
        after = mirror(vault, "after")
        vault.stop(signal.SIGKILL)  # a seal would be an entry that no mirror has
        vault.copy("stopped")
        lose(vault)

        good, said = restore(vault, backup, before)
        report.check("a restore to before the erasure: refused by the token's anchor", not good and "the token has seen" in str(said), said)
        cut = vault.folder / "cut"
        shutil.copytree(after, cut)
        for name in cut.glob("openings/**/*"):
            if name.is_file():
                name.write_text(json.dumps({"bundle": int(json.loads(name.read_text())["bundle"]), "openings": [], "missing": []}))
        good, said = restore(vault, backup, cut)
        report.check("a mirror without the erasure's opening: refused, the entry named", not good and "lacks the custody opening" in str(said), said)
        shutil.rmtree(cut)
        shutil.copytree(after, cut)
        shutil.copy(before / "checkpoint", cut / "checkpoint")
        good, said = restore(vault, backup, cut)
        report.check("a mirror whose end was cut off: refused", not good, said)

        good, said = restore(vault, backup, after)
        report.check("with the whole log behind it, it is restored", good, said)
        # The victim's was overwritten in the vault that was lost; the key of that day's erased ids is behind the backup.
        left, right = slots(vault), slots(vault, "copies/stopped/data") - 1
        report.check("no key of the victim is written", left == right, (left, right))
        vault.start()
        vault.unseal()
        report.check("the victim does not match", found() == "no_match", found())
        report.check("nor is there such a subject", vault.ask("operator/1", "GET", WHO).problem == "not-found")

        # The rows and slots of the backup, put over those of the restored vault by somebody with the disk.
        vault.stop()
        lose(vault)
        good, _ = restore(vault, backup, after)
        report.check("restored once more, over entries that the first one wrote: refused", not good)
    report.end()


def slots(vault, folder="data"):
    data = (vault.folder / folder / "keys/slots.a").read_bytes()
    return sum(any(data[at:at + 128]) for at in range(128, len(data), 128))


if __name__ == "__main__":
    main()
