#!/usr/bin/python3
"""Notices by webhook: a receiver that is down, refuses, or is somebody else's misses nothing and gets nothing forged; the daemon dies between."""
import hashlib
import hmac
import http.server
import json
import secrets
import signal
import ssl
import subprocess
import threading
import time

from vault import Report, Vault

report = Report()
SKEW = 300  # seconds between the signature's time and the receiver's clock


class Receiver:
    """An https server for notices with a certificate of its own. `refuse`: how many calls it answers with 503 first."""

    def __init__(self, folder, name, key, port=0, refuse=0):
        self.got, self.wrong, self.key, self.refuse = [], [], key, refuse
        pem = folder / f"{name}.pem"
        if not pem.exists():
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", pem,
                            "-out", pem, "-subj", "/CN=notices", "-days", "2"], check=True, capture_output=True)
        der = subprocess.run("openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER", shell=True, input=pem.read_bytes(),
                             stdout=subprocess.PIPE, check=True).stdout
        self.pin = hashlib.sha256(der).hexdigest()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.take(self, body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # a client that ends the handshake is what one of the checks is about

        self.server = Server(("127.0.0.1", port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, call, body):
        parts = dict(p.split("=", 1) for p in call.headers.get("Facekeep-Signature", "").split(","))
        right = hmac.new(self.key, parts.get("t", "").encode() + b"." + body, hashlib.sha256).hexdigest()
        if call.path != "/hook" or not hmac.compare_digest(right, parts.get("v1", "")) or abs(int(parts["t"]) - time.time()) > SKEW:
            self.wrong.append((call.path, dict(call.headers), body))
        status = 200
        if self.refuse > 0:
            self.refuse, status = self.refuse - 1, 503
        else:
            self.got.append(json.loads(body))
        call.send_response(status)
        call.send_header("Content-Length", "0")
        call.end_headers()

    def entries(self):
        return [n["entry"] for n in self.got]

    def wait(self, entry, seconds=60):
        for _ in range(seconds * 10):
            if entry in self.entries():
                return True
            time.sleep(0.1)
        return False

    def end(self):
        self.server.shutdown()
        self.server.server_close()


def proposed(v, name):
    v.new_key(name)
    made = v.cli("property-1", "--json", "propose", "principal", "door/7", "--role", "door", "--cert", v.folder / f"keys/{name}.crt",
                 "--name", "The gardener's gate", "--purpose", "new-gate", "--site", "main", "--door", "lobby")
    if made.returncode:
        raise RuntimeError(made.stderr)
    return json.loads(made.stdout)


def acts(v):
    """(entry, type) of every act of dual control in the public log."""
    told = ("proposal", "approval", "veto", "proposal-withdrawn", "proposal-done", "revoked", "tightened", "custodian-suspended")
    return [(n, e["type"]) for n, e in enumerate(v.entries()) if e.get("type") in told]


def main():
    with Vault() as v:
        key = secrets.token_hex(32).encode()
        (v.folder / "hook.key").write_bytes(key)
        stranger = Receiver(v.folder, "stranger", key)
        ours = Receiver(v.folder, "ours", key)
        port = ours.port
        ours.end()  # down at first
        config = v.folder / "facekeepd.toml"
        plain = config.read_text()
        start_of = v.log_size()

        def with_hook(at, pin):
            config.write_text(plain + f'\n[notices]\nurl = "https://127.0.0.1:{at}/hook"\nkey_file = "{v.folder}/hook.key"\npin = "{pin}"\n')

        with_hook(port, ours.pin)
        v.restart()
        v.unseal()
        made = proposed(v, "north")
        v.cli("residents-1", "approve", made["id"], "--yes-to", made["digest"])
        door = v.ask("door/1", "GET", "/v1/me")
        report.check("a receiver that is down holds nothing up", door.status == 200, door)

        ours = Receiver(v.folder, "ours", key, port, refuse=2)
        wanted = [e for e in acts(v) if e[0] >= start_of]
        report.check("there is something to tell", [t for _, t in wanted] == ["proposal", "approval"], wanted)
        report.check("it comes when the receiver is there, after two refusals", ours.wait(wanted[-1][0]), ours.got)
        report.check("in the log's order, each once, with its type", [(n["entry"], n["type"]) for n in ours.got] == wanted, ours.got)
        report.check("a proposal's notice says whose and how far", all(n["proposal"] == made["id"] and n["stage"] for n in ours.got), ours.got)
        text = json.dumps(ours.got)
        report.check("nobody is named", not any(w in text for w in ("property", "residents", "door/", "gardener", "north")), text)
        report.check("every call is signed with the shared key", not ours.wrong, ours.wrong)

        # The receiver's address in somebody else's hands: the pin refuses it, and nothing is lost for the right one.
        with_hook(stranger.port, ours.pin)
        v.restart(signal.SIGKILL)
        v.cli("property-1", "withdraw", made["id"])
        time.sleep(4)
        report.check("a server with another key gets nothing", not stranger.got and not stranger.wrong, stranger.got)
        with_hook(port, ours.pin)
        v.restart(signal.SIGKILL)
        last = acts(v)[-1]
        report.check("what happened meanwhile comes after two deaths", last[1] == "proposal-withdrawn" and ours.wait(last[0]), (last, ours.got))
        entries = ours.entries()
        report.check("nothing is missing, and what came twice is the same", sorted(set(entries)) == [n for n, _ in acts(v) if n >= start_of], entries)

        v.stop()
        config.write_text(plain)
        stranger.end()
        ours.end()


main()
report.end()
