#!/usr/bin/python3
"""A data folder that is kept (tests/golden/*.tar.xz: database, key slots, software token, cards of a rehearsal) opens: people match, are enrolled
and erased, and the log goes on. The first was written shortly before 0.1.0, so that each later version has one of an earlier. What a newer version wrote is refused with one sentence that names both versions, and nothing is changed.

`tests/e2e/upgrade.py --make NAME` writes such a folder with the programs of this build; it is done once a version, and never again.
"""
import hashlib
import io
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

import numpy

from vault import BUILD, FACEKEEP, FACEKEEP_AUDIT, FACEKEEPD, SOURCE, Report, Vault, base64_of

GOLDEN = SOURCE / "tests/golden"
PLACE, PROGRAMS = b"@FOLDER@", b"@BUILD@"
PARTS = ("data", "tokens", "keys", "cards", "facekeepd.toml", "softhsm2.conf", "token-pin", "notice.json", "demo.json", "plan.json", "consent.json")
TEXTS = {"facekeepd.toml", "softhsm2.conf", "notice.json", "demo.json", "plan.json"}
WITHOUT = re.compile(r"\.html$|/(ballast|LOG|LOG\.old\.\d+|LOCK|slots\.lock)$")
report = Report()


def face(n):
    values = numpy.random.default_rng(1000 + n).standard_normal(512).astype("<f4")
    return base64_of(values / numpy.linalg.norm(values))


def enrol(vault, n):
    path = f"/v1/sites/main/subjects/kept-{n}"
    first = vault.ask("operator/1", "PUT", path, vault.consent())
    added = vault.ask("operator/1", "POST", path + "/templates", {"model": "face", "template": face(n)})
    return first.status in (200, 201) and added.status in (200, 201)


def match(vault, n):
    answer = vault.ask("door/1", "POST", "/v1/sites/main/identify", {"door": "north-gate", "model": "face", "probe": face(n)})
    return answer.json.get("subject", answer.json.get("decision"))


def make(name):
    with Vault("--small") as vault:
        assert all(enrol(vault, n) for n in range(4))
        assert vault.cli("operator-1", "erase", "--site", "main", "--subject", "kept-3").returncode == 0
        assert match(vault, 0) == "kept-0"
        vault.stop()
        with tarfile.open(GOLDEN / f"{name}.tar.xz", "x:xz") as out:
            for part in PARTS:
                for path in sorted([vault.folder / part, *(vault.folder / part).rglob("*")]):
                    if path.is_dir() or WITHOUT.search(str(path)):
                        continue
                    data = path.read_bytes()
                    if path.name in TEXTS:
                        data = data.replace(str(vault.folder).encode(), PLACE).replace(str(BUILD).encode(), PROGRAMS)
                    assert str(vault.folder).encode() not in data or path.suffix in (".log",), path
                    info = tarfile.TarInfo(str(path.relative_to(vault.folder)))
                    info.size, info.mode = len(data), path.stat().st_mode & 0o777
                    out.addfile(info, io.BytesIO(data))


class Kept(Vault):
    """The vault of such a folder, stopped."""

    def __init__(self, archive):
        self.folder, self.collect = pathlib.Path(tempfile.mkdtemp(prefix="facekeep-e2e-")), None
        with tarfile.open(archive) as tar:
            tar.extractall(self.folder)
        for name in TEXTS:
            path = self.folder / name
            path.write_bytes(path.read_bytes().replace(PLACE, str(self.folder).encode()).replace(PROGRAMS, str(BUILD).encode()))
        self.env = dict(os.environ, LC_ALL="C.UTF-8", SOFTHSM2_CONF=str(self.folder / "softhsm2.conf"), XDG_STATE_HOME=str(self.folder / "state"),
                        FACEKEEP_VAULT=str(self.folder / "notice.json"))
        self.read_demo()

    def run_daemon(self):
        """Of a start that has to fail: its exit code, and what it says."""
        done = subprocess.run([FACEKEEPD, "--config", self.folder / "facekeepd.toml"], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr


def opens(name, vault):
    check = subprocess.run([FACEKEEPD, "check", "--config", vault.folder / "facekeepd.toml"], env=vault.env, stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=120, check=False)
    report.check(f"{name}: facekeepd check finds nothing", check.returncode == 0, check.stdout[-200:] + check.stderr[-200:])
    vault.start()
    vault.unseal()
    report.check(f"{name}: who was enrolled matches", [match(vault, n) for n in range(3)] == ["kept-0", "kept-1", "kept-2"])
    report.check(f"{name}: who was erased does not", match(vault, 3) == "no_match")
    report.check(f"{name}: people are enrolled behind it", enrol(vault, 5) and match(vault, 5) == "kept-5")
    gone = vault.cli("operator-1", "erase", "--site", "main", "--subject", "kept-1")
    report.check(f"{name}: and erased, with what old backups still open", gone.returncode == 0 and "No date is promised" in gone.stdout and match(vault, 1) == "no_match",
                 gone.stdout.strip().replace("\n", " ") + gone.stderr)
    said = vault.cli("property-1", "status").stdout
    report.check(f"{name}: status", "open" in said, said)
    mirror = vault.folder / "mirror"
    fetched = subprocess.run([FACEKEEP_AUDIT, "fetch", "--url", vault.demo["public"], "--vkey", vault.demo["vkey"], "--out", mirror, "--api", vault.demo["api"],
                              "--key", vault.folder / "keys/auditor-1.key", "--rate", "1000"],
                             env=vault.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    replayed = subprocess.run([FACEKEEP_AUDIT, "replay", mirror], env=vault.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    report.check(f"{name}: an auditor replays the log of both versions", fetched.returncode == 0 and replayed.returncode == 0,
                 (fetched.stderr + replayed.stdout + replayed.stderr)[-300:])


def digests(folder):
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file() and p.name.startswith("slots.")}


def newer_slots(name, vault):
    keys = next(p.parent for p in vault.folder.joinpath("data").rglob("slots.a"))
    for copy in ("slots.a", "slots.b"):
        path = keys / copy
        whole = bytearray(path.read_bytes())
        whole[9] = 2
        whole[96:128] = hashlib.sha256(bytes(whole[:96])).digest()
        path.write_bytes(whole)
    before = digests(keys)
    code, said = vault.run_daemon()
    report.check(f"{name}: key slots of a newer version stop the start", code not in (0, None) and "format 2, which a newer facekeep wrote; this one, " in said, said[-300:])
    report.check(f"{name}: and are not written over", {p: d for p, d in digests(keys).items() if p.name != "slots.lock"} ==
                 {p: d for p, d in before.items() if p.name != "slots.lock"})


def newer_memory(name, vault):
    """Of the running vault: what a newer facekeep remembers on a person's machine."""
    memory = vault.folder / "state/facekeep"
    path = next(memory.glob("*.checkpoint"))
    kept = path.read_bytes()
    path.write_text("facekeep/memory/v2\nwhatever that has\n")
    done = vault.cli("property-1", "status")
    report.check(f"{name}: a newer version's memory is refused as that", done.returncode == 2 and "has format 2, which a newer facekeep wrote" in done.stderr, done.stderr)
    report.check(f"{name}: and stays", path.read_text().startswith("facekeep/memory/v2"))
    path.write_bytes(kept)
    # The state that a client keeps is work saved: of another version it is made anew.
    states = list(memory.glob("*.state"))
    for state in states:
        state.write_text(state.read_text().replace("facekeep/snapshot/v1", "facekeep/snapshot/v2"))
    done = vault.cli("property-1", "share", "handover")
    report.check(f"{name}: a newer state is read anew from the log", states and done.returncode == 0 and "切勿移交" in done.stdout, done.stderr)


def newer_files(name, vault):
    """Backups and snapshots by their tools."""
    file = vault.folder / "b.fkb"
    taken = vault.cli("property-1", "backup", "--out", file)
    report.check(f"{name}: a backup is taken of it", taken.returncode == 0, taken.stderr)
    if taken.returncode == 0:
        whole = bytearray(file.read_bytes())
        whole[9] = 2
        file.with_suffix(".new").write_bytes(whole)
        done = subprocess.run([FACEKEEP, "backup", "verify", file.with_suffix(".new")], env=vault.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False)
        report.check(f"{name}: a backup of a newer version is refused as that", done.returncode != 0 and "the backup has format 2" in done.stderr, done.stderr)
    snapshot = vault.folder / "snapshot"
    saved = subprocess.run([FACEKEEP_AUDIT, "replay", vault.folder / "mirror", "--save-snapshot", snapshot], env=vault.env, stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=60, check=False)
    lines = snapshot.read_text().replace("facekeep/snapshot/v1", "facekeep/snapshot/v2") if saved.returncode == 0 else ""
    snapshot.write_text(lines)
    done = subprocess.run([FACEKEEP_AUDIT, "replay", vault.folder / "mirror", "--snapshot", snapshot], env=vault.env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)
    report.check(f"{name}: so is a snapshot", done.returncode != 0 and "the snapshot has format 2" in done.stdout + done.stderr, done.stdout + done.stderr)


def main():
    if sys.argv[1:2] == ["--make"]:
        make(sys.argv[2])
        return
    archives = sorted(GOLDEN.glob("*.tar.xz"))
    report.check("there are data folders of earlier versions", archives, len(archives))
    for archive in archives:
        with Kept(archive) as vault:
            name = archive.name.removesuffix(".tar.xz")
            opens(name, vault)
            newer_memory(name, vault)
            newer_files(name, vault)
            vault.stop()
            newer_slots(name, vault)
    report.end()


main()
