#!/usr/bin/python3
"""`facekeep-audit watch --cosign` as the one witness of a vault that answers doors only while it is there: killed, restarted, and shown a
vault that was rolled back.
"""
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

from vault import FACEKEEP_AUDIT, Report, Vault

report = Report()
NAME = "witness.example/e2e"
CONFIG = "\n[witnesses]\ninterval_ms = 1000\nmax_age_ms = 10000\n"
# Runs behind the quickstart's addresses.py, when the daemon is there and before anybody opens the vault.
START = """
import subprocess
subprocess.run([%r, %r, "start", folder], check=True)
"""


def watch_command(folder, more=()):
    demo = json.loads((pathlib.Path(folder) / "demo.json").read_text(encoding="utf-8"))
    keys = json.loads(os.environ["WATCH"])
    return [FACEKEEP_AUDIT, "watch", "--json", "--url", demo["public"], "--vkey", demo["vkey"], "--out", f"{folder}/watch", "--interval", "1",
            "--cosign", keys["key"], "--listen", f"127.0.0.1:{keys['port']}", *more]


def start_watch(folder, *more):
    with open(f"{folder}/watch.log", "ab") as log:
        done = subprocess.Popen(watch_command(folder, more), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    pathlib.Path(f"{folder}/watch.pid").write_text(str(done.pid), encoding="utf-8")
    return done


def eventually(check, seconds=40):
    for _ in range(seconds * 10):
        value = check()
        if value:
            return value
        time.sleep(0.1)
    return check()


def fetch(url):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, context=context, timeout=10) as answer:
            return answer.read()
    except OSError:
        return b""


def cosigned(vault):
    answer = vault.ask(None, "GET", "/v1/log/cosigned")
    return int(answer.body.split(b"\n")[1]) if answer.status == 200 and NAME.encode() in answer.body else 0


def events(vault, kind):
    out = []
    for line in (vault.folder / "watch.log").read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if event.get("event") == kind:
                out.append(event)
    return out


def stop_watch(vault, how=signal.SIGTERM):
    pid = int((vault.folder / "watch.pid").read_text(encoding="utf-8"))
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)
    for _ in range(200):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise RuntimeError("the watch did not end within 10 s")


def ask_door(vault):
    return vault.cli("door-1", "identify", "--site", "main", "--door", "north-gate", "--model", "face", "--probe", vault.folder / "probes.npy",
                     "--row", "2")


def ended(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def check_doors(v):
    report.check("a door is answered, since the watch cosigns", "match" in v.output, v.output[-300:])
    size = v.log_size()
    report.check("the cosigned checkpoint follows the log", eventually(lambda: cosigned(v) >= size), size)
    second = subprocess.run(watch_command(v.folder), capture_output=True, text=True, timeout=30, check=False)
    report.check("a second watch in the folder is refused", second.returncode == 2 and "another process works in" in second.stderr, second.stderr)
    stop_watch(v, signal.SIGKILL)
    refused = eventually(lambda: "witnesses" in ask_door(v).stderr)
    report.check("without the watch doors are refused", refused, ask_door(v).stderr)
    start_watch(v.folder, "--keep-going")
    report.check("with it they are answered again", eventually(lambda: ask_door(v).returncode == 0), ask_door(v).stderr)


def check_kills(v):
    for _ in range(6):
        ask_door(v)
        time.sleep(random.random())
        stop_watch(v, signal.SIGKILL)
        start_watch(v.folder, "--keep-going")
    size = v.log_size()
    report.check("killed six times, it goes on from what it remembered", eventually(lambda: cosigned(v) >= size), (cosigned(v), size))
    report.check("and never saw anything wrong", not events(v, "alarm"), events(v, "alarm"))


def check_words(v):
    v.cli("residents-1", "seal")
    v.unseal()
    said = eventually(lambda: [e for e in events(v, "act") if e["type"] == "unsealed"][1:])
    report.check("the watch tells who opened the vault", bool(said) and set(said[0]["people"]) ==
                 {"property/1", "property/2", "residents/1", "residents/2"}, said)
    sealed = [e["text"] for e in events(v, "act") if e["type"] == "sealed"]
    report.check("and who sealed it, in words", any("vault sealed (residents/1" in text for text in sealed), sealed)


def check_rollback(v):
    v.stop()
    for part in ("data", "tokens"):
        shutil.copytree(v.folder / part, v.folder / f"{part}-copy")
    v.start()
    v.unseal()
    for _ in range(5):
        v.ask("operator/1", "GET", "/v1/sites/main/subjects")
    size = v.log_size()
    report.check("the witness has seen the newest entries", eventually(lambda: cosigned(v) >= size), (cosigned(v), size))
    v.stop()
    for part in ("data", "tokens"):
        shutil.rmtree(v.folder / part)
        shutil.move(v.folder / f"{part}-copy", v.folder / part)
    v.start()
    report.check("a rolled back copy with its token's copy is not cosigned: the daemon ends", eventually(lambda: ended(v.pid())), v.log()[-300:])
    report.check("the journal names the witness", f"the witness {NAME} has seen" in v.log(), v.log()[-300:])


def follow_port(v):
    """The public listener keeps its port from here on, so that the watch finds the copy where the vault was."""
    text = (v.folder / "facekeepd.toml").read_text(encoding="utf-8")
    head, tail = text.split("[listen.public]", 1)
    (v.folder / "facekeepd.toml").write_text(head + "[listen.public]" + tail.replace("port = 0", f"port = {v.public.port}", 1), encoding="utf-8")


if sys.argv[1:2] == ["start"]:
    start_watch(sys.argv[2])
    public = json.loads((pathlib.Path(sys.argv[2]) / "demo.json").read_text(encoding="utf-8"))["public"]
    there = eventually(lambda: NAME.encode() in fetch(public + "/v1/log/cosigned"))
    sys.exit(0 if there else "error: nothing was cosigned within 40 s")

with tempfile.TemporaryDirectory(prefix="facekeep-watch-") as scratch:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    made = subprocess.run([FACEKEEP_AUDIT, "witness-key", "new", f"{scratch}/w", "--name", NAME, "--url", f"https://127.0.0.1:{port}", "--json"],
                          capture_output=True, text=True, check=True)
    witness = json.loads(made.stdout)
    os.environ["WATCH"] = json.dumps({"key": f"{scratch}/w.key", "port": port})
    named = {"quorum": 1, "on_missing": "closed", "list": [{k: witness[k] for k in ("vkey", "url", "key")}]}
    adjust = f"""
import pathlib
plan["witnesses"] = {named!r}
here = pathlib.Path(sys.argv[0]).parent
# Without the insider: it runs the vault's files a second time, and the witness would see that fork first.
(here / "insider.py").write_text("")
with open(here / "addresses.py", "a") as f:
    f.write({(START % (sys.executable, os.path.abspath(__file__)))!r})
with open(here / "config.py", "a") as f:
    f.write("\\nwith open(folder + '/facekeepd.toml', 'a') as f:\\n    f.write(" + repr({CONFIG!r}) + ")\\n")
"""
    with Vault("--small", adjust=adjust) as v:
        try:
            follow_port(v)
            check_doors(v)
            check_kills(v)
            check_words(v)
            check_rollback(v)
            report.check("and the watch alarms", eventually(lambda: [e for e in events(v, "alarm") if e["problem"] in ("rolled-back", "forked")]),
                         events(v, "alarm"))
        finally:
            stop_watch(v)
report.end()
