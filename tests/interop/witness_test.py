#!/usr/bin/python3
"""`facekeep-audit watch --cosign` as a C2SP witness, asked by a log that shares no code with it, and killed while it answers.

The log is Python's standard library with python3-cryptography, written from C2SP tlog-witness, tlog-cosignature and RFC 6962.
"""
import base64
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import random
import signal
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

SOURCE = pathlib.Path(os.environ.get("FACEKEEP_SRC") or pathlib.Path(__file__).resolve().parents[2])
BUILD = pathlib.Path(os.environ.get("FACEKEEP_BUILD") or SOURCE / ".build/gcc")
AUDIT = BUILD / "tools/facekeep-audit"
ORIGIN, NAME = "log.example/interop", "witness.example/w1"
passed = failed = 0


def check(what, good, said=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"  {'ok  ' if good else 'FAIL'} {what}" + (f": {said}" if said != "" and not good else ""), flush=True)


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Log:
    """A log of numbers; two with another `salt` have no entry from `shared` on in common."""

    def __init__(self, key, salt="", shared=0, origin=ORIGIN):
        self.key, self.origin, self.shared, self.salt = key, origin, shared, salt
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.id = hashlib.sha256(origin.encode() + b"\n\x01" + raw).digest()[:4]
        self.vkey = "+".join((origin, self.id.hex(), base64.b64encode(b"\x01" + raw).decode()))

    def leaf(self, i):
        return hashlib.sha256(b"\x00" + f"{i} {self.salt if i >= self.shared else ''}".encode()).digest()

    def root(self, first, end):
        if first == end:
            return hashlib.sha256(b"").digest()
        if end - first == 1:
            return self.leaf(first)
        k = 1 << (end - first - 1).bit_length() - 1
        return node(self.root(first, first + k), self.root(first + k, end))

    def proof(self, m, n):
        """RFC 6962, section 2.1.2."""
        def sub(m, first, end, whole):
            if m == end - first:
                return [] if whole else [self.root(first, end)]
            k = 1 << (end - first - 1).bit_length() - 1
            if m <= k:
                return sub(m, first, first + k, whole) + [self.root(first + k, end)]
            return sub(m - k, first + k, end, False) + [self.root(first, first + k)]
        return sub(m, 0, n, True) if 0 < m < n else []

    def text(self, size):
        return f"{self.origin}\n{size}\n{base64.b64encode(self.root(0, size)).decode()}\n"

    def request(self, old, size, proof=None):
        text = self.text(size)
        signature = base64.b64encode(self.id + self.key.sign(text.encode())).decode()
        lines = [f"old {old}"] + [base64.b64encode(h).decode() for h in (self.proof(old, size) if proof is None else proof)]
        return ("\n".join(lines) + "\n\n" + text + f"\n— {self.origin} {signature}\n").encode()


class Process:
    def __init__(self, folder, vkey, keys):
        self.command = [AUDIT, "watch", "--json", "--url", "https://127.0.0.1:1", "--vkey", vkey, "--out", f"{folder}/out", "--interval", "1",
                        "--keep-going", "--stale", "0", "--cosign", f"{folder}/w.key", "--listen", "127.0.0.1:0"]
        self.keys, self.folder = keys, folder
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.serving = json.loads(self.process.stdout.readline())
        self.port = int(self.serving["url"].rsplit(":", 1)[1])
        self.connection = None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, body, method="POST", path="/add-checkpoint", chunked=False):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if self.connection is None:
            self.connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=20)
        try:
            self.connection.request(method, path, iter([body[:9], body[9:]]) if chunked else body, encode_chunked=chunked,
                                    headers={"Transfer-Encoding": "chunked"} if chunked else {})
            r = self.connection.getresponse()
            answer = r.status, r.getheader("Content-Type"), r.read()
        except Exception:
            self.connection.close()
            self.connection = None
            raise
        if answer[0] >= 400:
            self.connection.close()
            self.connection = None
        return answer


def cosigned(keys, text, line):
    """True if the line is a good cosignature of `text` by the witness."""
    dash, name, value = line.decode().rstrip("\n").split(" ")
    raw = base64.b64decode(value)
    public = base64.b64decode(keys["vkey"].split("+", 2)[2])[1:]
    key_id = hashlib.sha256(NAME.encode() + b"\n\x04" + public).digest()[:4]
    stamp, = struct.unpack(">Q", raw[4:12])
    ed25519.Ed25519PublicKey.from_public_bytes(public).verify(raw[12:], f"cosignature/v1\ntime {stamp}\n{text}".encode())
    return dash == "—" and name == NAME and raw[:4] == key_id and abs(stamp - time.time()) < 60


def table(w, keys, log):
    fork = Log(log.key, "fork", shared=5)
    stranger = Log(ed25519.Ed25519PrivateKey.generate())
    unknown = Log(ed25519.Ed25519PrivateKey.generate(), origin="log.example/unknown")
    status, kind, body = w.ask(log.request(0, 7))
    check("the first checkpoint is cosigned", status == 200 and cosigned(keys, log.text(7), body), (status, body))
    status, _, body = w.ask(log.request(7, 300), chunked=True)
    check("a longer one, in a chunked body", status == 200 and cosigned(keys, log.text(300), body), (status, body))
    status, kind, body = w.ask(log.request(7, 301))
    check("a log that lags is told the size", (status, kind, body) == (409, "text/x.tlog.size", b"300\n"), (status, kind, body))
    for what, request, expected in (
            ("the same again", log.request(300, 300), 200), ("an older one", log.request(7, 7), 409), ("a fork", fork.request(300, 301), 422),
            ("a fork of the same size", fork.request(300, 300), 409), ("no proof", log.request(300, 310, []), 422),
            ("another key under the log's name", stranger.request(300, 301), 403), ("an unknown log", unknown.request(0, 1), 404),
            ("an old size that is larger", log.request(302, 301, []), 400), ("nonsense", b"nonsense\n", 400), ("nothing", b"", 400),
            ("leading zeros", log.request(300, 301).replace(b"old 300", b"old 0300"), 400), ("too much", b"x" * 100_000, 413)):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
            status, _, body = w.ask(request)
            check(f"{what}: {expected}", status == expected, (status, body))
    check("GET is not allowed", w.ask(b"", method="GET")[0] == 405)
    check("there is nothing else", w.ask(log.request(300, 301), path="/")[0] == 404)
    status, _, body = w.ask(log.request(300, 301))
    check("and the log goes on", status == 200 and cosigned(keys, log.text(301), body), (status, body))


def kills(w, keys, log):
    """A log that grows while the witness is killed at random moments. What was once cosigned is never forgotten."""
    size, seen, answered, wrong = 301, 301, 0, []
    for _ in range(15):
        threading.Timer(random.uniform(0.05, 0.5), w.process.send_signal, [signal.SIGKILL]).start()
        while w.process.poll() is None:
            try:
                status, kind, body = w.ask(log.request(size, size + 1))
            except (OSError, http.client.HTTPException):
                continue
            if status == 200 and cosigned(keys, log.text(size + 1), body):
                size, seen, answered = size + 1, max(seen, size + 1), answered + 1
            else:
                wrong.append((status, body))
                break
        w.kill()
        w.start()
        status, _, body = w.ask(log.request(0, 1))
        told = int(body)
        # One may have been written whose answer was lost; none that was answered may be missing.
        if status != 409 or told not in (seen, seen + 1):
            wrong.append((status, told, seen))
        size = told
    check("killed 15 times, it forgot nothing that it had answered", not wrong, wrong[:3])
    check("it had answered before it was killed", answered > 15, answered)


if not AUDIT.exists():
    print(f"{AUDIT} is not built")
    sys.exit(77)
with tempfile.TemporaryDirectory(prefix="facekeep-witness-") as scratch:
    made = subprocess.run([AUDIT, "witness-key", "new", f"{scratch}/w", "--name", NAME, "--url", "https://127.0.0.1:8450", "--json"],
                          capture_output=True, text=True, check=True)
    witness_keys = json.loads(made.stdout)
    the_log = Log(ed25519.Ed25519PrivateKey.generate())
    witness = Process(scratch, the_log.vkey, witness_keys)
    try:
        check("it prints its keys as the plan needs them", all(witness.serving[k] == witness_keys[k] for k in ("vkey", "key")), witness.serving)
        table(witness, witness_keys, the_log)
        kills(witness, witness_keys, the_log)
        second = subprocess.run(witness.command, capture_output=True, text=True, timeout=30, check=False)
        check("a second process in the folder is refused", second.returncode == 2 and "another process" in second.stderr, second.stderr)
    finally:
        witness.kill()
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(1 if failed else 0)
