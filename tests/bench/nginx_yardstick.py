"""nginx's static 200 over mutual TLS 1.3, the yardstick of the HTTPS front; and nginx as a server of files. A library."""
import getpass
import hashlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from demo_vault import run_load

CONFIG = """{user}
worker_processes 1;
daemon off;
pid {dir}/pid;
error_log {dir}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_buffer_size 64k;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {dir}/server.crt;
    ssl_certificate_key {dir}/server.key;
    {verify}
    ssl_protocols TLSv1.3;
    ssl_session_cache off;
    ssl_session_tickets off;
    default_type application/json;
    location / {{ {location} }}
  }}
}}
"""


def run(*command):
    return subprocess.run(command, check=True, capture_output=True).stdout


class Nginx:
    """Takes the identities of the doors, so that both servers do the same handshake and get the same bodies. With `files`, a
    folder, it serves that to anyone."""

    def __init__(self, identities=(), files=None):
        self.identities, self.files = identities, files
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="facekeep-nginx-"))
        self.process = None

    def __enter__(self):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", "/CN=localhost", "-keyout", self.dir / "server.key", "-out", self.dir / "server.crt")
        public = run("openssl", "x509", "-in", self.dir / "server.crt", "-pubkey", "-noout")
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public, check=True, capture_output=True)
        self.pin = hashlib.sha256(der.stdout).hexdigest()
        verify, location = "", f"root {self.files};"
        if not self.files:
            (self.dir / "clients.crt").write_text("".join(pathlib.Path(i[0]).read_text() for i in self.identities))
            verify = f"ssl_client_certificate {self.dir}/clients.crt; ssl_verify_client on;"
            location = """return 200 '{"decision":"no_match","entry":123456}';"""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (self.dir / "nginx.conf").write_text(CONFIG.format(dir=self.dir, port=self.port, verify=verify, location=location,
                                                             user=f"user {getpass.getuser()};" if os.geteuid() == 0 else ""))
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([binary, "-c", self.dir / "nginx.conf", "-p", self.dir], stderr=subprocess.PIPE,
                                        text=True)
        for _ in range(200):
            if self.process.poll() is not None:
                raise RuntimeError("nginx ended: " + self.process.stderr.read()[-500:])
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise RuntimeError("nginx does not answer")

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=30)
        shutil.rmtree(self.dir, ignore_errors=True)

    def load(self, **options):
        options = {"method": "POST", "path": "/v1/sites/main/verify", "count": "decision"} | options
        return run_load(f"https://127.0.0.1:{self.port}", self.identities, ["--pin", self.pin], **options)
