"""A vault with restart tickets, the box that keeps their other half, and a power cut. A library, not a suite."""
import http.client
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess

from parties import wait
from vault import FACEKEEP, FACEKEEPD, Answer


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Box:
    """`facekeep box serve` in a folder of its own. `port`: another box's, to stand in its place."""

    def __init__(self, v, group="residents", folder="box", port=None):
        self.v, self.folder, self.port, self.process = v, v.folder / folder, port or free_port(), None
        self.url = f"https://127.0.0.1:{self.port}"
        made = v.cli(None, "box", "new", self.folder, "--name", "lodge", "--group", group, "--url", self.url)
        if made.returncode:
            raise RuntimeError(made.stderr)
        self.file = self.folder / "box.json"
        self.journal = v.folder / f"{folder}.log"

    def start(self, env=None, under=()):
        with open(self.journal, "ab") as log:
            self.process = subprocess.Popen([*under, FACEKEEP, "box", "serve", self.folder, "--listen", f"127.0.0.1:{self.port}", "--interval", "1"],
                                            env=dict(self.v.env, **(env or {})), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def said(self):
        return self.journal.read_text(errors="replace") if self.journal.exists() else ""

    def status(self):
        done = self.v.cli("residents-1", "--json", "box", "status", self.file)
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def waiting(self):
        """The start that waits, or None."""
        return (self.status().get("restart") or {}).get("start")

    def confirm(self, who, start):
        return self.v.cli(who, "box", "confirm", self.file, "--yes-to", str(start))

    def half(self):
        path = self.folder / "half"
        return path.read_bytes() if path.exists() else None

    def ask(self, who, method, path, body=None):
        """One call by that key (Vault.context)."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.v.context(who), timeout=30)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()


def ticket(v):
    return v.ask(None, "GET", "/v1/seal-status").json.get("ticket")


def delivered(v):
    return wait(lambda: (ticket(v) or {}).get("delivered"), 30)


def events(v):
    return [e for e in v.entries() if e.get("class") == "governance" and "type" in e]


def ended(v):
    return [e["body"]["reason"] for e in events(v) if e["type"] == "ticket-ended"]


def ticket_keys(v):
    """Numbers of the tickets whose keys the token shows to a process that has just opened it."""
    module = next(str(p) for p in pathlib.Path("/usr/lib").rglob("libsofthsm2.so"))
    pin = pathlib.Path(v.demo["token"]["pin_file"]).read_text().strip()
    said = subprocess.run(["pkcs11-tool", "--module", module, "--login", "--pin", pin, "--list-objects", "--type", "secrkey"],
                          env=v.env, capture_output=True, text=True, check=True).stdout
    return sorted(int(number) for number in re.findall(r"/ticket-(\d+)", said))


def keep_ports(v):
    """A vault is found where its notice says, after a restart too."""
    path = v.folder / "facekeepd.toml"
    parts = re.split(r"(?m)^(port = \d+)$", path.read_text())
    assert len(parts) == 5, parts
    parts[1], parts[3] = f"port = {v.api.port}", f"port = {v.public.port}"
    path.write_text("".join(parts))


def power_cut(v, **more):
    v.stop(signal.SIGKILL)
    v.start(**more)


def start_other_program(v):
    """Of the stopped vault. One byte behind the daemon's own end is another program. True when it is there."""
    other = v.folder / "facekeepd-other"
    shutil.copy2(FACEKEEPD, other)
    with open(other, "ab") as f:
        f.write(b"\0")
    ready = v.folder / "ready"
    ready.unlink(missing_ok=True)
    with open(v.folder / "facekeepd.log", "ab") as log:
        daemon = subprocess.Popen([other, "--config", v.folder / "facekeepd.toml", "--ready-file", ready], env=v.env,
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    (v.folder / "facekeepd.pid").write_text(str(daemon.pid))
    return wait(lambda: ready.exists() and ready.stat().st_size, 30)
