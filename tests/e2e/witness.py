#!/usr/bin/python3
"""A vault with a witness that shares no code with it: add-checkpoint over pinned TLS, the cosigned checkpoint, a rollback.

The witness is Python's standard library with python3-cryptography, written from C2SP tlog-witness and tlog-cosignature.
"""
import base64
import datetime
import hashlib
import http.server
import pathlib
import ssl
import struct
import tempfile
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from vault import Report, Vault

report = Report()
NAME = "witness.example/e2e"


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def consistent(old, old_root, new, new_root, proof):
    """RFC 9162, section 2.1.4.2 (the trees of RFC 6962)."""
    if old == new:
        return not proof and old_root == new_root
    if old & (old - 1) == 0:
        proof = [old_root, *proof]
    if not proof:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for hash_ in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(hash_, fr), node(hash_, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, hash_)
        fn, sn = fn >> 1, sn >> 1
    return fr == old_root and sr == new_root and sn == 0


class Witness:
    def __init__(self, folder):
        self.key = ed25519.Ed25519PrivateKey.generate()
        self.public = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.id = hashlib.sha256(NAME.encode() + b"\n\x04" + self.public).digest()[:4]
        self.vkey = f"{NAME}+{self.id.hex()}+{base64.b64encode(bytes([4]) + self.public).decode()}"
        self.size, self.root, self.calls, self.wrong = 0, b"", 0, []
        tls = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "witness")])
        now = datetime.datetime.now(datetime.timezone.utc)
        cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(tls.public_key())
                .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(tls, hashes.SHA256()))
        spki = tls.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.pin = hashlib.sha256(spki).hexdigest()
        pem = folder / "witness.pem"
        pem.write_bytes(tls.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
                        + cert.public_bytes(serialization.Encoding.PEM))
        witness = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, kind, answer = (404, "text/plain", b"") if self.path != "/w/add-checkpoint" else witness.add(body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}/w"

    def add(self, body):
        self.calls += 1
        try:
            head, _, checkpoint = body.partition(b"\n\n")
            old, *lines = head.split(b"\n")
            assert old.startswith(b"old "), old
            old, proof = int(old[4:]), [base64.b64decode(line, validate=True) for line in lines]
            text = checkpoint[:checkpoint.rindex(b"\n\n") + 1]
            size, root = int(text.split(b"\n")[1]), base64.b64decode(text.split(b"\n")[2], validate=True)
        except (AssertionError, ValueError) as e:
            self.wrong.append(f"not an add-checkpoint: {e} {body[:100]!r}")
            return 400, "text/plain", b""
        if old != self.size:
            return 409, "text/x.tlog.size", f"{self.size}\n".encode()
        if (old == 0 and proof) or (old and not consistent(old, self.root, size, root, proof)):
            self.wrong.append(f"no proof from {old} to {size}")
            return 422, "text/plain", b""
        self.size, self.root = size, root
        now = int(time.time())
        signature = struct.pack(">Q", now) + self.key.sign(f"cosignature/v1\ntime {now}\n".encode() + text)
        return 200, "text/plain; charset=utf-8", f"— {NAME} {base64.b64encode(self.id + signature).decode()}\n".encode()

    def cosigned(self, note):
        """The size of a note that carries this witness's good cosignature, else None."""
        text = note[:note.rindex("\n\n") + 1]
        for line in note[len(text) + 1:].splitlines():
            _, name, value = line.split(" ")
            raw = base64.b64decode(value)
            if name != NAME or raw[:4] != self.id:
                continue
            stamp, = struct.unpack(">Q", raw[4:12])
            self.key.public_key().verify(raw[12:], f"cosignature/v1\ntime {stamp}\n".encode() + text.encode())
            return int(text.splitlines()[1])
        return None


def eventually(check, seconds=40):
    for _ in range(seconds * 10):
        value = check()
        if value:
            return value
        time.sleep(0.1)
    return check()


def newest(vault, witness, path):
    answer = vault.ask(None, "GET", path)
    return witness.cosigned(answer.body.decode()) if answer.status == 200 else None


with tempfile.TemporaryDirectory(prefix="facekeep-witness-") as scratch:
    w = Witness(pathlib.Path(scratch))
    named = {"quorum": 1, "on_missing": "closed", "list": [{"vkey": w.vkey, "url": w.url, "key": w.pin}]}
    # Without the quickstart's insider: it runs the vault's files a second time, and the witness would see that fork first.
    adjust = f"plan['witnesses'] = {named!r}; import pathlib; pathlib.Path(sys.argv[0]).with_name('insider.py').write_text('')"
    with Vault("--small", adjust=adjust) as v:
        report.check("a door is answered, since its vault has a fresh witness", "match" in v.output, v.output[-300:])
        first = eventually(lambda: newest(v, w, "/v1/log/cosigned"))
        report.check("the cosigned checkpoint carries a good cosignature", bool(first), first)
        size = int(v.ask(None, "GET", "/checkpoint").body.split(b"\n")[1])
        report.check("it follows the log", eventually(lambda: (newest(v, w, "/v1/log/cosigned") or 0) >= size), size)
        report.check("the published checkpoint has it too", eventually(lambda: newest(v, w, "/checkpoint")), "")
        v.restart()
        v.unseal()
        report.check("after a restart the daemon goes on from where the witness is",
                     eventually(lambda: (newest(v, w, "/v1/log/cosigned") or 0) > size), size)
        report.check("the witness was never sent a wrong request", not w.wrong, w.wrong[:1])
        w.size = 10 ** 6
        v.ask("operator/1", "GET", "/v1/sites/main/subjects")
        pid = v.pid()

        def ended():
            try:
                return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
            except OSError:
                return True
        report.check("a witness that has seen a longer log ends the daemon", eventually(ended), v.log()[-300:])
        report.check("the journal names both positions", "has seen 1000000 entries of this log, which has" in v.log(), v.log()[-500:])
report.end()
