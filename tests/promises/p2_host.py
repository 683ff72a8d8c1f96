"""The stopped host and its clock in an adversary's hands: parts of p2_rogue_administrator.py. A library, not a suite."""
import json
import pathlib
import re
import subprocess
import time

from vault import FACEKEEPD

LOADER = next(pathlib.Path("/lib64").glob("ld-linux-*.so.2"), pathlib.Path("/lib/ld-linux-aarch64.so.1"))
FAKETIME = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


class Files:
    """The daemon is stopped; the adversary writes what the next start reads."""

    def __init__(self, r):
        self.r, self.vault = r, r.vault
        self.data, self.tokens = self.vault.folder / "data", self.vault.folder / "tokens"

    def ldb(self, *args):
        return subprocess.run(["ldb", f"--db={self.data}/db", "--hex", *args], capture_output=True, text=True, check=True).stdout.strip()

    def entry_key(self, number):
        return "0x" + (b"e" + number.to_bytes(8, "big")).hex().upper()

    def entry(self, number):
        return bytes.fromhex(self.ldb("get", self.entry_key(number)).removeprefix("0x"))

    def put(self, number, text):
        self.ldb("put", self.entry_key(number), "0x" + text.hex().upper())

    def head(self, size):
        """The store's own count of entries."""
        self.ldb("put", "0x" + (b"m" + self.head_name).hex().upper(), "0x" + size.to_bytes(8, "big").hex().upper())

    head_name = b"h"

    def refused(self, what, says, serves=False):
        """The next start must end, and say why; then everything is put back."""
        before = len(self.vault.log())
        try:
            self.vault.start()
            said = "it started"
            self.vault.stop()
        except RuntimeError:
            said = self.vault.log()[before:]
            self.vault.stop()
        found = re.search(says, said)
        self.r.attempt(what, "the daemon does not start" if found else said[-400:], "the daemon does not start",
                       f"no entry: {found[0] if found else ''}", serves)
        self.vault.put_back("new", "data", "tokens")

    def forged(self, at, like, **body):
        """An entry at the log's end, written without the daemon: the form of an entry of that type with another body."""
        entry = json.loads(like)
        entry["body"].update(body)
        self.put(at, json.dumps(entry, sort_keys=True, separators=(",", ":")).encode())
        self.head(at + 1)


def files(r):
    f, v = Files(r), r.vault
    # An open proposal that the adversary signed; a vetoed one; both in the log.
    v.stop()
    f.vault.copy("old")
    v.start()
    vetoed = r.proposed("property/1", r.new_door())
    r.vote("property/1", vetoed)
    veto = r.vote("residents/2", vetoed, "veto").json["entry"]
    wanted = r.proposed("property/1", r.new_door())
    made = r.shown(wanted)["entry"]
    r.vote("property/1", wanted)
    entries = v.entries()
    approval = max(n for n, e in enumerate(entries) if e.get("type") == "approval")
    done = max(n for n, e in enumerate(entries) if e.get("type") == "proposal-done")
    v.cli("residents-2", "status")  # the resident's machine saw the log
    seen = v.log_size()
    v.stop()
    f.vault.copy("new")
    size = int(re.search(r'"entries":\s*([0-9]+)', subprocess.run(
        [FACEKEEPD, "check", "--config", v.folder / "facekeepd.toml", "--json"], env=v.env, capture_output=True, text=True, check=True).stdout)[1])
    texts = {n: f.entry(n) for n in (made, approval, done, veto)}
    own = json.loads(texts[approval])["body"]

    f.forged(size, texts[done], proposal=wanted)
    f.refused("an act written into the database without its approvals", r"entry \d+.*not ready")
    f.forged(size, texts[approval], **{**own, "by": "residents/2"})
    f.refused("an approval in a resident's name written into the database", r"entry \d+.*signature")
    f.put(made, texts[made].replace(b'"lobby"', b'"north-gate"'))
    f.refused("the proposal altered in the database after the first signature", rf"entry {made}\b|anchor|root|integrity")
    f.put(veto, texts[veto].replace(b'"veto"', b'"approval"'))
    f.refused("a veto turned into an approval in the database", rf"entry {veto}\b|root|integrity")
    f.head(veto)
    f.refused("the log's end cut off in the database, before a veto", r"integrity|anchor|shorter|rolled back|beyond|behind|head")
    f.vault.put_back("old", "data")
    f.refused("an older database, from before a veto", r"anchor|rolled back|behind|older")
    text = (v.folder / "facekeepd.toml").read_text()
    (v.folder / "facekeepd.toml").write_text(text + "\n[rules.principal]\nproperty = 1\n")
    f.refused("a rule in the configuration", r"rules")
    (v.folder / "facekeepd.toml").write_text(text + "\n[sequencer]\nanchor_ms = 59000\n")
    v.start()
    start = max(n for n, e in enumerate(v.entries()) if e.get("type") == "start")
    configs = [e["body"]["config"] for e in v.entries() if e.get("type") == "start"]
    r.attempt("a configuration changed in silence", "another digest" if configs[-1] != configs[-2] else "the same", "another digest",
              f"entry {start}", serves=False)
    v.stop()
    (v.folder / "facekeepd.toml").write_text(text)

    f.vault.put_back("old", "data", "tokens")
    v.start()
    r.report.check("a token of files lets itself be copied back", v.log_size() < seen, (v.log_size(), seen))
    again = r.proposed("property/1", r.new_door())
    refused = v.cli("residents-2", "approve", again, "--yes-to", r.shown(again)["digest"])
    behind = re.search(r"error: .*", refused.stderr)
    r.attempt("database and token from before a veto, against custodians who remember", f"exit {refused.returncode}", "exit 2",
              f"no entry: the resident's machine says {behind and behind[0]!r}", serves=False)
    r.expect("nobody signed it", r.shown(again)["approved"], [])
    v.stop()
    f.vault.put_back("new", "data", "tokens")
    v.start()
    shown = r.shown(wanted)
    other = v.cli("residents-2", "approve", wanted, "--yes-to", "0" * 64)
    r.attempt("a digest read out to a resident that is another proposal's", f"exit {other.returncode}", "exit 2",
              f"no entry: the resident's machine says {other.stderr.splitlines()[0]!r}", serves=False)
    r.expect("the newest folders start again, with every signature", shown["approved"], ["property/1"])


def clock(r):
    """The wall clock is the adversary's, while the daemon runs and while it is stopped."""
    v, offset = r.vault, r.vault.folder / "clock"
    fake = {"FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DISABLE_SHM": "1"}
    # The daemon refuses LD_PRELOAD, which is an attempt of its own; the loader's option is as good as a clock that root has set.
    under = (LOADER, "--preload", FAKETIME)

    def shift(seconds):
        offset.write_text(f"{seconds:+d}\n")

    shift(0)
    v.stop()
    before = len(v.log())
    try:
        v.start({**fake, "LD_PRELOAD": str(FAKETIME)})
        said = "it started"
    except RuntimeError:
        said = v.log()[before:]
    v.stop()
    r.attempt("a library that lies to the daemon about the time", "the daemon does not start" if "LD_PRELOAD" in said else said,
              "the daemon does not start", "no entry: LD_PRELOAD is set", serves=False)
    v.start(fake, under)
    ending = r.new_door(until=time.strftime("%Y-%m-%d", time.gmtime()))
    r.expect("a door until tonight", r.decide(ending, ("property/2", "residents/3")), "done")
    door = (f"{v.folder}/keys/door-{r.doors}.crt", f"{v.folder}/keys/door-{r.doors}.key")
    r.expect("it connects", r.connects(door), "answered")
    named = r.proposed("residents/2", {"kind": "change-reveal", "site": "main", "hide_subject": True})
    for who in ("residents/2", "property/1"):
        last = r.vote(who, named)
    short = r.proposed("property/1", {"kind": "add-model", "model": {"id": "other", "version": 1, "dimension": 64, "verify_threshold": 1,
                                                                    "identify_threshold": 1}})
    r.vote("property/1", short)
    began = time.monotonic()
    r.expect("the hour's delay runs", r.stage(named), "waiting")
    shift(48 * 3600)
    ahead = r.proposed("property/1", r.new_door())
    jumped = v.entries()[r.shown(ahead)["entry"]]["time"]
    r.report.check("the daemon's clock is two days ahead", jumped > time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() + 172000)), jumped)
    time.sleep(2)
    r.attempt("the clock set over a delay", r.stage(named), "waiting", f"entry {last.json['entry']}", serves=False)
    v.stop()
    shift(72 * 3600)
    v.start(fake, under)
    time.sleep(2)
    r.attempt("the clock set over a delay while the daemon was stopped", r.stage(named), "waiting", f"entry {last.json['entry']}", serves=False)
    shift(-86400)
    r.attempt("the clock set back to before a door's last day", r.connects(door), "handshake refused", "sum handshake-unknown-key", serves=False)
    time.sleep(max(0.0, began + 21 - time.monotonic()))
    r.attempt("the clock set back, so that a proposal lives on", r.vote("residents/2", short), "proposal-ended", serves=False)
    r.withdraw("residents/2", named)
    r.quorum_acts("the clock was set to and fro")
    v.stop()
