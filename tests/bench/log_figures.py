"""What is measured of the log: writing it, replaying it, mirroring it, starting on it. A library."""
import http.client
import json
import pathlib
import ssl
import subprocess
import tempfile
import time

from demo_vault import BUILD
from nginx_yardstick import Nginx

LOG_BENCH, AUDIT = BUILD / "tests/bench/log_bench", BUILD / "tools/facekeep-audit"


def ask(*command):
    """The one JSON object that a program prints."""
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()[-500:] or done.stdout[-500:]}")
    return json.loads(done.stdout)


MIXES = {"access": "accesses", "enrolment": "a subject, its template, an access by turns"}


def hash_rates(sizes, mix):
    """The yardstick of all that reads the log: SHA-256 of the same entries and openings, one digest each, in memory."""
    runs = [ask(LOG_BENCH, "hash", sizes.entries, mix) for _ in range(sizes.rounds)]
    return [run["entries"] / run["seconds"] for run in runs]


HASHES = "SHA-256 of the same entries and openings in memory, one thread"


def commits(sheet, sizes):
    one = None
    for callers in (1, 8, 64):
        runs = []
        for _ in range(sizes.rounds):
            with tempfile.TemporaryDirectory(prefix="facekeep-bench-") as folder:
                pathlib.Path(folder, "keys").mkdir()
                runs.append(ask(LOG_BENCH, "commit", folder, callers, max(1, int(sizes.seconds)))["per_second"])
        one = one or runs
        name = f"durable log entries, {callers} caller{'s' if callers > 1 else ''}, in the process"
        sheet.add(name, runs, "entries/s", *(("the same with 1 caller", one) if callers > 1 else ()))


def replays(sheet, sizes, mirror, mix, hashes):
    for level, flags in (("with all openings", ()), ("public", ("--public",))):
        runs = []
        for _ in range(sizes.rounds):
            said = ask(AUDIT, "replay", mirror, "--json", *flags)
            if said["errors"] or said["size"] != sizes.entries or (not flags and not said["state_digest"]):
                raise RuntimeError(f"the replay found something: {said['findings'][:3]}")
            runs.append(sizes.entries / max(1e-3, said["milliseconds"] / 1e3))
        sheet.add(f"facekeep-audit replay, {level}, {sizes.entries} entries ({MIXES[mix]}), one core", runs, "entries/s", HASHES, hashes)


def read_all(server, mirror):
    """Seconds in which the same files come over one connection, one after the other."""
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=60)
    start = time.monotonic()
    for path in sorted(mirror.rglob("tile/**/*")):
        if path.is_file():
            connection.request("GET", "/" + str(path.relative_to(mirror)))
            if len(connection.getresponse().read()) != path.stat().st_size:
                raise RuntimeError(f"{path} came in another size")
    return time.monotonic() - start


def mirrors(sheet, sizes, mirror):
    ours, theirs = [], []
    vkey = (mirror / "vkey").read_text().strip()
    with Nginx(files=mirror) as server, tempfile.TemporaryDirectory(prefix="facekeep-bench-") as folder:
        for n in range(sizes.rounds):
            start = time.monotonic()
            ask(AUDIT, "fetch", "--url", f"https://127.0.0.1:{server.port}", "--vkey", vkey, "--out", f"{folder}/{n}",
                "--rate", 100000, "--json")
            ours.append(sizes.entries / (time.monotonic() - start))
            theirs.append(sizes.entries / read_all(server, mirror))
    sheet.add(f"facekeep-audit fetch, {sizes.entries} entries from a server of files, every hash checked, synced to disk", ours,
              "entries/s", "the same files read over one TLS connection, nothing checked or written", theirs)


def restarts(sheet, sizes, hashes):
    runs = []
    for _ in range(sizes.rounds):
        with tempfile.TemporaryDirectory(prefix="facekeep-bench-") as folder:
            runs.append(ask(LOG_BENCH, "restart", pathlib.Path(folder) / "db", sizes.entries)["seconds"])
    sheet.add(f"restart with {sizes.entries} entries: read, check and fold them from the database", runs, "s", HASHES,
              [sizes.entries / rate for rate in hashes], lower_is_better=True)


def all_of_them(sheet, sizes):
    commits(sheet, sizes)
    for mix in MIXES:
        hashes = hash_rates(sizes, mix)
        with tempfile.TemporaryDirectory(prefix="facekeep-bench-") as folder:
            mirror = pathlib.Path(folder) / "mirror"
            ask(LOG_BENCH, "mirror", mirror, sizes.entries, mix)
            replays(sheet, sizes, mirror, mix, hashes)
            if mix == "access":
                mirrors(sheet, sizes, mirror)
                restarts(sheet, sizes, hashes)
