"""What an administrator can try who has every file, the token, its PIN and one custodian's card: insider.py DIR MODULE.

Each attempt prints one line. Exits 1 if one of them gets anywhere.
"""
import ctypes
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy

folder, module = pathlib.Path(sys.argv[1]), sys.argv[2]
build = pathlib.Path(os.environ.get("FACEKEEP_BUILD") or pathlib.Path(__file__).resolve().parents[2] / ".build/quickstart")
demo = json.loads((folder / "demo.json").read_text())
failures = 0


def attempt(what, got, result):
    global failures
    failures += bool(got)
    print(f"  {'GOT THROUGH' if got else 'refused'}: {what}: {result}")


def every_file():
    for part in ("data", "tokens", "state"):
        for path in sorted((folder / part).rglob("*")):
            if path.is_file():
                yield path
    yield folder / "facekeepd.log"


def search_for_templates():
    gallery = folder / "gallery.npy"
    if not gallery.exists():
        return
    faces = numpy.load(gallery).astype("<f4")
    faces /= numpy.linalg.norm(faces, axis=1, keepdims=True)
    needles = [row[:8].astype("<f4").tobytes() for row in faces[:200]]
    hits = looked = 0
    for path in every_file():
        content = path.read_bytes()
        looked += len(content)
        hits += sum(needle in content for needle in needles)
    attempt(f"search {looked / 1e6:.0f} MB of files for 200 known templates", hits, f"{hits} found; they are sealed")


def search_for_token_blobs():
    hits = sum(b"FKW1" in path.read_bytes() for path in every_file())
    attempt("find a key that the token alone could open", hits, "none; the custodians' layer is outside the token's")


class Token:
    """PKCS#11 by hand: what the module itself says to somebody who is logged in."""

    def __init__(self):
        lib = ctypes.CDLL(module)
        self.lib, ulong = lib, ctypes.c_ulong
        lib.C_Initialize(None)
        count = ulong(16)
        slots = (ulong * 16)()
        lib.C_GetSlotList(1, slots, ctypes.byref(count))
        self.session = ulong()
        pin = pathlib.Path(demo["token"]["pin_file"]).read_bytes()
        for slot in list(slots)[: count.value]:
            if lib.C_OpenSession(ulong(slot), ulong(4 | 2), None, None, ctypes.byref(self.session)):
                continue
            if lib.C_Login(self.session, ulong(1), pin, ulong(len(pin))) == 0:
                return
        sys.exit("error: the PIN does not log in")

    def keys(self, key_class):
        """Of each key, what the token answers to whoever asks for its value (of RSA keys, the private exponent)."""
        class Attribute(ctypes.Structure):
            _fields_ = [("type", ctypes.c_ulong), ("value", ctypes.c_void_p), ("size", ctypes.c_ulong)]

        value = ctypes.c_ulong(key_class)
        template = Attribute(0, ctypes.cast(ctypes.byref(value), ctypes.c_void_p), ctypes.sizeof(value))
        self.lib.C_FindObjectsInit(self.session, ctypes.byref(template), ctypes.c_ulong(1))
        handles = (ctypes.c_ulong * 16)()
        count = ctypes.c_ulong()
        self.lib.C_FindObjects(self.session, handles, ctypes.c_ulong(16), ctypes.byref(count))
        self.lib.C_FindObjectsFinal(self.session)
        for handle in list(handles)[: count.value]:
            for secret in (0x11, 0x123):  # CKA_VALUE, CKA_PRIVATE_EXPONENT
                buffer = ctypes.create_string_buffer(4096)
                asked = Attribute(secret, ctypes.cast(buffer, ctypes.c_void_p), 4096)
                yield self.lib.C_GetAttributeValue(self.session, ctypes.c_ulong(handle), ctypes.byref(asked), ctypes.c_ulong(1))


def ask_the_token():
    token = Token()
    root = 4 if list(token.keys(4)) else 3  # CKO_SECRET_KEY; in a token without AES-GCM, CKO_PRIVATE_KEY
    for name, key_class in (("root key", root), ("log-signing key", 3)):
        answers = list(token.keys(key_class))
        out = [a for a in answers if a == 0]
        attempt(f"log in with the PIN and read the {name}", out or not answers,
                f"CKR 0x{answers[0]:x}, the token does not give it" if answers else "no such key")


def start_a_copy_alone():
    if not (folder / "softhsm2.conf").exists():
        attempt("copy the token", False, "it is not made of files, and a second start with it would disturb the vault")
        return
    with tempfile.TemporaryDirectory(prefix="facekeep-insider-") as copy:
        shutil.copytree(folder / "data", f"{copy}/data")
        shutil.rmtree(f"{copy}/data/db/ballast", ignore_errors=True)
        (pathlib.Path(copy) / "data/db/LOCK").unlink(missing_ok=True)
        config = (folder / "facekeepd.toml").read_text().replace(f'data_dir = "{folder}/data"', f'data_dir = "{copy}/data"')
        pathlib.Path(copy, "facekeepd.toml").write_text(config)
        # A copy of the token too: the vault that runs must not notice.
        shutil.copytree(folder / "tokens", f"{copy}/tokens")
        conf = (folder / "softhsm2.conf").read_text().replace(f"{folder}/tokens", f"{copy}/tokens")
        pathlib.Path(copy, "softhsm2.conf").write_text(conf)
        env = dict(os.environ, SOFTHSM2_CONF=f"{copy}/softhsm2.conf", XDG_STATE_HOME=f"{copy}/state")
        with open(f"{copy}/log", "wb") as log:
            daemon = subprocess.Popen([build / "tools/facekeepd", "--config", f"{copy}/facekeepd.toml", "--ready-file", f"{copy}/ready"],
                                      env=env, stderr=log)
        try:
            try_the_copy(copy, daemon, env)
        finally:
            daemon.terminate()
            daemon.wait(timeout=30)


def try_the_copy(copy, daemon, env):
    for _ in range(300):
        if os.path.exists(f"{copy}/ready") and os.path.getsize(f"{copy}/ready"):
            break
        if daemon.poll() is not None:
            attempt("start a copy of the vault", False, "it does not start: " + pathlib.Path(copy, "log").read_text()[-300:].strip())
            return
        time.sleep(0.1)
    ready = json.loads(pathlib.Path(copy, "ready").read_text())
    notice = json.loads((folder / "notice.json").read_text())
    notice["api"], notice["public"] = ready["main"], ready["public"]
    pathlib.Path(copy, "notice.json").write_text(json.dumps(notice))

    def facekeep(who, *args, **kwargs):
        return subprocess.run([build / "tools/facekeep", "--vault", f"{copy}/notice.json", "--key", folder / f"keys/{who}.key", *args],
                              env=env, capture_output=True, text=True, check=False, **kwargs)

    said = subprocess.run([build / "tools/facekeepd", "digest", "--config", f"{copy}/facekeepd.toml"], capture_output=True, text=True, check=True)
    program = said.stdout.split("\nprogram ")[1].split()[0]
    with open(folder / "cards/property-3.share", "rb") as card:
        facekeep("property-3", "unseal", "--program", program, "--share-fd", str(card.fileno()), pass_fds=[card.fileno()])
    with open(folder / "cards/property-3.share", "rb") as card:
        again = facekeep("property-1", "unseal", "--program", program, "--share-fd", str(card.fileno()), pass_fds=[card.fileno()])
    attempt("hand in the own card a second time, as a colleague", again.returncode == 0, again.stderr.strip().splitlines()[0])
    status = json.loads(facekeep("property-3", "--json", "status").stdout)
    attempt("open a copy of the vault with one card", status["state"] == "open",
            ", ".join(f"{g['id']} {g['in']} of {g['threshold']}" for g in status["groups"]))


def ask_the_interface():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    operator = next(p for p in demo["principals"] if p["role"] == "operator")
    context.load_cert_chain(operator["certificate"], operator["key"])
    for path in ("/v1/sites/main/subjects/generated-000003/templates", "/v1/sites/main/export", "/v1/sites/main/subjects/generated-000003"):
        try:
            with urllib.request.urlopen(demo["api"] + path, context=context, timeout=10) as answer:
                body = answer.read().decode()
            got = any(word in body for word in ("values", "vector", "embedding", "score"))
            attempt(f"GET {path} with the operator's key", got, "metadata only")
        except urllib.error.HTTPError as refusal:
            attempt(f"GET {path} with the operator's key", False, f"{refusal.code}, there is no such call")


search_for_templates()
search_for_token_blobs()
ask_the_token()
start_a_copy_alone()
ask_the_interface()
sys.exit(1 if failures else 0)
