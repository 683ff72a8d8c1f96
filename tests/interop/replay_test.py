#!/usr/bin/python3
"""Two replayers, one state: a vault that lived, its log exported by `facekeepd check`, re-derived by tests/interop/replay.py."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
from replayer.replay import Replay  # noqa: E402
from vault import FACEKEEPD, Report, Vault  # noqa: E402

ADJUST = "plan['sites'][0]['erase_daily'] = 2"


def live(vault):
    """Of everything a little: refused and accepted calls, erasures beyond the allowance, two openings."""
    subjects = "/v1/sites/main/subjects"
    listed = vault.ask("operator/1", "GET", subjects + "?limit=10").json["subjects"]
    for item in listed[:4]:
        vault.ask("operator/1", "DELETE", f"{subjects}/{item['subject']}")
    vault.ask("door/1", "GET", "/v1/sites/main/changes?after=0")
    vault.ask("door/1", "GET", subjects)
    vault.cli("residents-1", "seal")
    vault.hand_in("property-1")
    vault.cli("property-2", "seal")
    vault.unseal()
    vault.ask("operator/1", "GET", f"{subjects}/{listed[5]['subject']}")


def check(vault, export):
    done = subprocess.run([FACEKEEPD, "check", "--config", vault.folder / "facekeepd.toml", "--json", "--export", export],
                          env=vault.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return json.loads(done.stdout)


def main():
    report = Report()
    with tempfile.TemporaryDirectory() as folder, Vault("--small", adjust=ADJUST) as vault:
        live(vault)
        vault.cli("residents-2", "seal")  # a stop by itself signs nothing
        vault.stop()
        export = pathlib.Path(os.environ.get("FACEKEEP_KEEP_EXPORT") or folder) / "mirror"
        said = check(vault, export)
        report.check("the checkpoint is over the whole log", said["checkpoint"] == said["entries"], said["entries"])
        kinds = set()
        found = Replay(export, each=lambda n, state: kinds.add(state.phase)).run()
        report.check("the replay finds nothing", found.findings == [], found.findings)
        report.check("all custody events were opened", found.custody_opened > 80, found.custody_opened)
        report.check("the log was stopped, sealed, unsealing and open", kinds >= {"stopped", "sealed", "unsealing", "open"}, kinds)
        report.check("the same size", found.size == said["entries"], found.size)
        report.check("the same state digest", found.digest is not None and found.digest.hex() == said["digest"], said["digest"])
    report.end()


if __name__ == "__main__":
    main()
