"""A whole vault for the suites: made by deploy/quickstart, asked over HTTPS, driven by its programs. A library, not a suite.

    with Vault("--small") as vault:
        answer = vault.ask("door/1", "POST", "/v1/sites/main/identify", {...})
"""
import base64
import contextlib
import hashlib
import http.client
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

import tokens

SOURCE = pathlib.Path(os.environ.get("FACEKEEP_SRC") or pathlib.Path(__file__).resolve().parents[2])
BUILD = pathlib.Path(os.environ.get("FACEKEEP_BUILD") or SOURCE / ".build/gcc")
FACEKEEP, FACEKEEPD = BUILD / "tools/facekeep", BUILD / "tools/facekeepd"
FACEKEEP_AUDIT = BUILD / "tools/facekeep-audit"
SHARED = pathlib.Path(os.environ.get("FACEKEEP_SHARED_DIR") or SOURCE.parent / "shared")
PREFIX = "urn:facekeep:problem:"


# The largest budgets that a site can have, for suites that ask more than people do.
AMPLE = {"unsigned_cost": 1, "repeat_cost": 1, **{key: {"burst": 1_000_000, "refill_ms": 1}
                                                   for key in ("door", "camera", "subject", "subject_door")}}


def base64_of(vector):
    """A probe or template: base64 of little-endian float32."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


WITH_AMPLE = f"for site in plan['sites']: site.setdefault('budgets', {AMPLE!r})"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def problem(self):
        """The last part of a problem's type, or None."""
        kind = self.json.get("type", "") if "problem+json" in self.headers.get("Content-Type", "") else ""
        return kind.removeprefix(PREFIX) or None

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Vault:
    """One quickstart vault in a folder of its own, open when the constructor returns. `collect`: a list that takes every answer.
    `adjust`: Python over the rehearsal's `plan` before its ceremony; new_key(NAME) makes keys/NAME.*.
    Its sites have AMPLE budgets where `adjust` gives them none.
    """

    def __init__(self, *options, adjust=None, collect=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="facekeep-e2e-"))
        self.collect = collect
        quickstart = adjusted_quickstart(self.folder / "source", f"{adjust or ''}\n{WITH_AMPLE}")
        # Debian's own Python first: it has numpy.
        env = dict(os.environ, FACEKEEP_BUILD=str(BUILD), LC_ALL="C.UTF-8", PATH="/usr/bin:" + os.environ.get("PATH", ""))
        # Not a pipe: the daemon keeps it open.
        env, token = other_token(self.folder, env)
        with open(self.folder / "quickstart.log", "w+", encoding="utf-8") as out:
            made = subprocess.run([quickstart, "--dir", self.folder, "--keep", *token, *options], env=env, stdin=subprocess.DEVNULL,
                                  stdout=out, stderr=out, timeout=600, check=False)
            out.seek(0)
            self.output = out.read()
        if made.returncode:
            self.close()
            sys.exit(f"{self.output}\nerror: the quickstart ended with {made.returncode}")
        self.env = dict(env, SOFTHSM2_CONF=str(self.folder / "softhsm2.conf"), XDG_STATE_HOME=str(self.folder / "state"),
                        FACEKEEP_VAULT=str(self.folder / "notice.json"))
        self.read_demo()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read_demo(self):
        self.demo = json.loads((self.folder / "demo.json").read_text())
        self.principals = {p["id"]: p for p in self.demo["principals"]}
        for path in (self.folder / "keys").glob("*.crt"):  # those that a suite's `adjust` added
            who = "/".join(path.stem.rsplit("-", 1))
            self.principals.setdefault(who, {"certificate": str(path), "key": str(path.with_suffix(".key"))})
        self.api = urllib.parse.urlsplit(self.demo["api"])
        self.public = urllib.parse.urlsplit(self.demo["public"])

    def close(self):
        with contextlib.suppress(Exception):
            self.stop()
        if not os.environ.get("FACEKEEP_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    # The daemon.

    def pid(self):
        return int((self.folder / "facekeepd.pid").read_text())

    def stop(self, how=signal.SIGTERM):
        try:
            pid = self.pid()
            os.kill(pid, how)
        except (OSError, ValueError):
            return
        (self.folder / "facekeepd.pid").unlink()
        for _ in range(600):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            try:
                os.kill(pid, 0)
            except OSError:
                return
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        raise RuntimeError("the daemon did not end within 30 s")

    # Of the stopped daemon: what an adversary keeps of the database and of the software token, and puts back.

    def copy(self, name):
        for part in ("data", "tokens"):
            shutil.copytree(self.folder / part, self.folder / "copies" / name / part)

    def put_back(self, name, *parts):
        for part in parts:
            shutil.rmtree(self.folder / part)
            shutil.copytree(self.folder / "copies" / name / part, self.folder / part)

    def start(self, env=None, under=()):
        """Starts the daemon (sealed), by the command `under` if there is one, and reads the addresses that it got."""
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        with open(self.folder / "facekeepd.log", "ab") as log:
            daemon = subprocess.Popen([*under, FACEKEEPD, "--config", self.folder / "facekeepd.toml", "--ready-file", ready],
                                      env=dict(self.env, **(env or {})), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        (self.folder / "facekeepd.pid").write_text(str(daemon.pid))
        for _ in range(600):
            if ready.exists() and ready.stat().st_size:
                break
            if daemon.poll() is not None:
                raise RuntimeError("the daemon ended: " + self.log()[-500:])
            time.sleep(0.05)
        subprocess.run([sys.executable, SOURCE / "deploy/quickstart.d/addresses.py", self.folder, self.demo["token"]["uri"]], check=True)
        self.read_demo()

    def restart(self, how=signal.SIGTERM, env=None):
        self.stop(how)
        self.start(env)

    def log(self):
        return (self.folder / "facekeepd.log").read_text(errors="replace")

    def edit_config(self, old, new):
        path = self.folder / "facekeepd.toml"
        text = path.read_text()
        assert old in text, old
        path.write_text(text.replace(old, new))

    # HTTPS.

    def context(self, who=None):
        """`who`: a principal's id, a (certificate, key) pair, or None. The server is pinned by its key in demo.json."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if isinstance(who, str):
            who = (self.principals[who]["certificate"], self.principals[who]["key"])
        if who:
            context.load_cert_chain(*who)
        return context

    def connect(self, who=None, timeout=60):
        where = self.api if who else self.public
        return http.client.HTTPSConnection(where.hostname, where.port, context=self.context(who), timeout=timeout)

    def ask(self, who, method, path, body=None, headers=None, connection=None):
        """One call. `body`: bytes, str, or what becomes JSON. A `connection` is reused, else one is made and closed."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        c = connection or self.connect(who)
        try:
            # A server that refuses a body answers before it has all of it, and closes: the answer counts, not the broken pipe.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                c.request(method, path, body, {"Content-Type": "application/json", **(headers or {})} if body is not None else headers or {})
            r = c.getresponse()
            answer = Answer(r.status, dict(r.getheaders()), r.read())
        finally:
            if connection is None:
                c.close()
        if self.collect is not None:
            self.collect.append(f"{answer.status} {answer.headers}".encode() + answer.body)
        return answer

    def state(self):
        return self.ask(None, "GET", "/v1/seal-status").json["state"]

    def log_size(self):
        return int(self.ask(None, "GET", "/checkpoint").body.split(b"\n")[1])

    def entries(self):
        """Every entry of the public log, parsed; waits for a checkpoint over all that was written before the call."""
        time.sleep(1.3)  # a checkpoint is signed at most every second
        size, out = self.log_size(), []
        for n in range((size + 255) // 256):
            width = min(256, size - 256 * n)
            path = f"/tile/entries/{tile_number(n)}" + ("" if width == 256 else f".p/{width}")
            bundle, at = self.ask(None, "GET", path).body, 0
            for _ in range(width):
                length = int.from_bytes(bundle[at:at + 2], "big")
                out.append(json.loads(bundle[at + 2:at + 2 + length]))
                at += 2 + length
        return out

    # The command line.

    def cli(self, who, *args, share=None, key=None, **kwargs):
        """facekeep as `who` ("property-1", "operator-1" ...); `share`: text for --share-fd."""
        command = [FACEKEEP]
        if who or key:
            command += ["--key", key or self.folder / f"keys/{who}.key"]
        command += args
        fds = ()
        if share is not None:
            out, into = os.pipe()
            os.write(into, share.encode())
            os.close(into)
            command += ["--share-fd", str(out)]
            fds = (out,)
        done = subprocess.run([str(c) for c in command], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              pass_fds=fds, timeout=300, check=False, **kwargs)
        for fd in fds:
            os.close(fd)
        if self.collect is not None:
            self.collect.append((done.stdout + done.stderr).encode())
        return done

    def card(self, who):
        return (self.folder / f"cards/{who}.share").read_text()

    def program(self):
        """What the start event must say of the installed files."""
        said = subprocess.run([FACEKEEPD, "digest", "--config", self.folder / "facekeepd.toml"], env=self.env, capture_output=True,
                              text=True, check=True).stdout
        return said.split("\nprogram ")[1].split()[0]

    def hand_in(self, who, share=None):
        return self.cli(who, "unseal", "--program", self.program(), share=share if share is not None else self.card(who))

    def unseal(self):
        """Until every template is loaded."""
        for who in ("property-1", "property-2", "residents-1", "residents-2"):
            done = self.hand_in(who)
            if done.returncode:
                raise RuntimeError(done.stderr)
        self.wait_loaded()

    def wait_loaded(self):
        for _ in range(600):
            templates = self.ask(None, "GET", "/v1/seal-status").json["templates"]
            if templates["ready"] and templates["loaded"] + templates["refused"] == templates["total"]:
                return
            time.sleep(0.05)
        raise RuntimeError("the templates are not loaded within 30 s")

    def new_key(self, name):
        """A key pair of nobody: (certificate, key)."""
        out = self.folder / f"keys/{name}"
        subprocess.run([FACEKEEP, "key", "new", out, "--no-passphrase", "--name", name], env=self.env, check=True, capture_output=True)
        return f"{out}.crt", f"{out}.key"

    def consent(self, **changes):
        record = json.loads((self.folder / "consent.json").read_text())
        return {**record, **changes}


def other_token(folder, env):
    """Environment and options of the quickstart for the token that FACEKEEP_TEST_TOKEN names; without it, its own SoftHSM."""
    if os.environ.get("FACEKEEP_TEST_TOKEN", "softhsm") == "softhsm":
        return env, ()
    made = tokens.new_token(folder / "token", "facekeep", tokens.PIN)
    (folder / "pin").write_text(tokens.PIN)
    return dict(env, **made.env), ("--token", "pkcs11:token=facekeep", "--module", made.module, "--pin-file", folder / "pin")


def adjusted_quickstart(into, adjust):
    """A copy of the quickstart whose plan is changed by `adjust`."""
    shutil.copytree(SOURCE / "deploy", into / "deploy")
    plan = into / "deploy/quickstart.d/plan.py"
    plan.rename(plan.with_name("plan_before.py"))
    plan.write_text(f"""import json, runpy, subprocess, sys
runpy.run_path({str(plan.with_name("plan_before.py"))!r}, run_name="__main__")
folder = sys.argv[1]
def new_key(name):
    subprocess.run([{str(FACEKEEP)!r}, "key", "new", folder + "/keys/" + name, "--no-passphrase", "--name", name],
                   check=True, stdout=subprocess.DEVNULL)
    return "keys/" + name + ".crt"
with open(folder + "/plan.json", encoding="utf-8") as f:
    plan = json.load(f)
exec({adjust!r})
with open(folder + "/plan.json", "w", encoding="utf-8") as f:
    json.dump(plan, f, indent=1)
""")
    return into / "deploy/quickstart"


def tile_number(n):
    """C2SP tlog-tiles: 1234067 is x001/x234/067."""
    parts = [f"{n % 1000:03d}"]
    while n >= 1000:
        n //= 1000
        parts.insert(0, f"x{n % 1000:03d}")
    return "/".join(parts)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Report:
    """One line a check, and the count that tests/run reads."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, what, good, said=""):
        self.passed += bool(good)
        self.failed += not good
        print(f"  {'ok  ' if good else 'FAIL'} {what}" + (f": {said}" if said != "" else ""), flush=True)
        return bool(good)

    def skip(self, why):
        self.skipped += 1
        print(f"  skip {why}", flush=True)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        sys.exit(1 if self.failed else 0)
