"""A whole vault for measurements and for the suites of P8: deploy/quickstart in a folder of its own. A library."""
import base64
import contextlib
import csv
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
from http.client import HTTPSConnection

import numpy

SRC = pathlib.Path(os.environ.get("FACEKEEP_SRC") or pathlib.Path(__file__).resolve().parents[2])
BUILD = pathlib.Path(os.environ.get("FACEKEEP_BUILD") or SRC / ".build/gcc")
sys.path.append(str(SRC / "tests/e2e"))
from vault import WITH_AMPLE, adjusted_quickstart  # noqa: E402

FACEKEEP, FACEKEEPD = BUILD / "tools/facekeep", BUILD / "tools/facekeepd"
HTTP_LOAD = BUILD / "tests/bench/http_load"
CARDS = ("property-1", "property-2", "residents-1", "residents-2")
# Doors in a measurement ask more than people do, erasures go on, and one door's key has so many connections at most.
ADJUST = f"""{WITH_AMPLE}
for site in plan['sites']: site['erase_daily'] = 100_000
for n in range(3, 12):  # door/3 is what the quickstart revokes
    plan["principals"].append({{"name": f"Door {{n}}", "role": "door", "sites": ["main"], "doors": ["lobby"], "certificate": new_key(f"crowd-{{n}}")}})
"""


def missing():
    """The first program that is not built, or None."""
    return next((str(p) for p in (FACEKEEP, FACEKEEPD, HTTP_LOAD) if not os.access(p, os.X_OK)), None)


def load_command(url, identities, trust, options):
    command = [HTTP_LOAD, "--url", url, *trust]
    for identity in identities:
        command += ["--identity", ":".join(str(part) for part in identity)]
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    return command


def read_answer(what, process):
    out, err = process.communicate(timeout=600)
    if process.returncode != 0:
        raise RuntimeError(f"{what} failed: {err.strip()[-500:]}")
    return json.loads(out)


def run_load(url, identities, trust, **options):
    """http_load's answer."""
    command = load_command(url, identities, trust, options)
    return read_answer("http_load", subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))


class DemoVault:
    """Use as a context: `with DemoVault() as vault`. Open, with a few generated people in it."""

    def __init__(self, *options):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="facekeep-bench-"))
        self.options = options or ("--small",)
        self.daemon = None  # once cut_power() started another
        self.script = adjusted_quickstart(self.dir / "source", ADJUST)

    def __enter__(self):
        try:
            self.quickstart("--keep", *self.options)
            self.demo = json.loads((self.dir / "demo.json").read_text())
            if self.metric("facekeep_templates") < 1:
                raise RuntimeError("nobody is enrolled")
            self.pid = int((self.dir / "facekeepd.pid").read_text())
            self.env = dict(os.environ, XDG_STATE_HOME=str(self.dir / "state"), LC_ALL="C.UTF-8",
                            FACEKEEP_VAULT=self.demo["notice"], SOFTHSM2_CONF=str(self.dir / "softhsm2.conf"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(RuntimeError):
            self.quickstart("--stop")
        shutil.rmtree(self.dir, ignore_errors=True)

    def quickstart(self, *options):
        env = dict(os.environ, FACEKEEP_BUILD=str(BUILD))
        # Into a file: the daemon that stays would keep a pipe open.
        said = self.dir / "quickstart.log"
        with open(said, "ab") as out:
            done = subprocess.run([self.script, "--dir", self.dir, *options], env=env, stdout=out,
                                  stderr=subprocess.STDOUT, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"the quickstart failed:\n{said.read_text()[-2000:]}")

    def facekeep(self, who, *args, **kwargs):
        command = [FACEKEEP, "--key", self.dir / f"keys/{who}.key", *args]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, **kwargs)
        if done.returncode != 0:
            raise RuntimeError(f"facekeep {args[0]} failed: {done.stdout[-500:]} {done.stderr[-500:]}")
        return done.stdout

    def seal(self):
        self.facekeep("residents-1", "seal")

    def cut_power(self):
        """The daemon is killed, and another is started, sealed: time.monotonic() of its start."""
        os.kill(self.pid, signal.SIGKILL)
        if self.daemon:
            self.daemon.wait()
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(self.pid, 0)
                time.sleep(0.01)
        ready, began = self.dir / "ready", time.monotonic()
        ready.unlink(missing_ok=True)
        with open(self.dir / "facekeepd.log", "ab") as log:
            self.daemon = subprocess.Popen([FACEKEEPD, "--config", self.dir / "facekeepd.toml", "--ready-file", ready], env=self.env,
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while not (ready.exists() and ready.stat().st_size):
            if self.daemon.poll() is not None:
                raise RuntimeError("the daemon ended: " + (self.dir / "facekeepd.log").read_text()[-500:])
            time.sleep(0.01)
        self.pid = self.daemon.pid
        (self.dir / "facekeepd.pid").write_text(str(self.pid))
        subprocess.run([sys.executable, SRC / "deploy/quickstart.d/addresses.py", self.dir, self.demo["token"]["uri"]], check=True)
        self.demo = json.loads((self.dir / "demo.json").read_text())
        return began

    def unseal(self, last_alone=lambda: None):
        """`last_alone` is called before the last card goes in."""
        for who in CARDS:
            if who == CARDS[-1]:
                last_alone()
            with open(self.dir / f"cards/{who}.share", "rb") as card:
                self.facekeep(who, "unseal", "--yes", "--share-fd", str(card.fileno()), pass_fds=[card.fileno()])

    def get(self, path):
        """From the public listener: the body of a 200."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        url = urllib.parse.urlsplit(self.demo["public"])
        connection = HTTPSConnection(url.hostname, url.port, context=context, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status} {body[:200]!r}")
        return body

    def status(self):
        return json.loads(self.get("/v1/seal-status"))

    def wait_until_ready(self, expected, patience=600):
        """Until all of `expected` templates are in the gallery: seal-status as of then."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            status = self.status()
            counts = status["templates"]
            if status["state"] == "open" and counts["loaded"] + counts["refused"] >= max(expected, counts["total"]):
                return status
            time.sleep(0.005)
        raise RuntimeError(f"the vault is not ready: {counts} of {expected} templates")

    def metric(self, name):
        for line in self.get("/metrics").decode().splitlines():
            if line.split("{")[0].split(" ")[0] == name:
                return float(line.rsplit(" ", 1)[1])
        raise RuntimeError(f"no metric {name}")

    def resident_bytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")

    def generate(self, count, prefix):
        """Faces of `count` people whom nobody else has: the files of vectors and labels."""
        faces, labels = self.dir / f"{prefix}.npy", self.dir / f"{prefix}.csv"
        self.facekeep("operator-1", "generate-faces", str(faces), str(labels), "--persons", str(count), "--images", "1",
                      "--seed", str(sum(prefix.encode())), "--dimension", str(self.demo["dimension"]))
        labels.write_text(labels.read_text().replace("generated-", prefix + "-"))
        return faces, labels

    def import_command(self, faces, labels):
        return [FACEKEEP, "--key", self.dir / "keys/operator-1.key", "import", faces, "--labels", labels, "--site", "main",
                "--model", "face", "--consent", self.demo["consent"]]

    def import_faces(self, faces, labels):
        done = subprocess.run(self.import_command(faces, labels), env=self.env, capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"import failed: {done.stderr[-500:]}")

    def doors(self, count=200, identify=False):
        """The doors' keys, each with a file of `count` requests about enrolled people and others."""
        probes = numpy.load(self.dir / "probes.npy").astype("<f4")
        with open(self.dir / "probes.csv", encoding="utf-8", newline="") as f:
            subjects = [row["subject"] for row in csv.DictReader(f)]
        out = []
        for name in ("door-1", "door-2", *(f"crowd-{n}" for n in range(4, 12))):
            certificate = self.dir / f"keys/{name}.crt"
            bodies = self.dir / f"bodies-{certificate.stem}-{'identify' if identify else 'verify'}"
            door = "north-gate" if name == "door-1" else "lobby"
            with open(bodies, "w", encoding="utf-8") as f:
                for i in range(count):
                    row = i % len(probes)
                    # Every fourth asks about somebody else's template.
                    subject = subjects[(row + (i % 4 == 3)) % len(subjects)]
                    body = {"door": door, "model": "face"} | ({} if identify else {"subject": subject})
                    body["probe"] = base64.b64encode(probes[row].tobytes()).decode()
                    f.write(json.dumps(body, separators=(",", ":")) + "\n")
            out.append((certificate, certificate.with_suffix(".key"), bodies))
        return out

    def match_command(self, what="verify", **options):
        options = {"method": "POST", "path": f"/v1/sites/main/{what}", "count": "decision"} | options
        return load_command(self.demo["api"], self.doors(identify=what == "identify"),
                            ["--pin", self.demo["server_key"]], options)

    def start_match(self, what="verify", **options):
        """http_load as a process of its own; read_answer() gives its answer."""
        return subprocess.Popen(self.match_command(what, **options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @contextlib.contextmanager
    def others(self, silent=0, drip=0, sources=1):
        """Connections that are silent or drip, from a process of their own; yields a dict that gets their counts at the end."""
        process = self.start_match(connections=0, duration=3600, silent=silent, drip=drip, sources=sources)
        counts = {}
        try:
            time.sleep(2)
            yield counts
        finally:
            process.terminate()
            counts |= read_answer("http_load", process)["beside"]

    def match(self, what="verify", **options):
        return read_answer("http_load", self.start_match(what, **options))
