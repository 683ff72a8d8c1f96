"""A rehearsal's vault, its people, its daemon and an auditor's mirror of its log. A library of ceremonies.py."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.parse

from daemon import Daemon
from people import People, expect, say

OPENERS = ("property-1", "property-2", "residents-1", "residents-2")


class Rehearsal:
    asked_for = "generated-000003"

    def __init__(self, build, folder):
        build, self.folder = pathlib.Path(build).resolve(), pathlib.Path(folder).resolve()
        self.facekeep, self.facekeepd, self.audit = (build / f"tools/{name}" for name in ("facekeep", "facekeepd", "facekeep-audit"))
        # What the people's machines remember, and the token, are this rehearsal's own.
        os.environ.update(FACEKEEP_VAULT=str(self.folder / "notice.json"), XDG_STATE_HOME=str(self.folder / "state"))
        if (self.folder / "softhsm2.conf").exists():
            os.environ["SOFTHSM2_CONF"] = str(self.folder / "softhsm2.conf")
        self.people, self.daemon = People(self.facekeep, self.folder), Daemon(build, self.folder)
        self.mirror = self.folder / "auditor/years"
        if not self.people.must("property-1", "status")["rehearsal"]:
            sys.exit("error: this vault is no rehearsal's\nhint: ceremonies of a real one are held by its people, with deploy/pages in their hands")

    # The vault.

    def status(self):
        return self.people.must("property-1", "status")

    def seal(self):
        self.people.must("residents-1", "seal")
        say("residents-1", "seals the vault")

    def unseal(self, openers=OPENERS, program=None):
        for who in openers:
            expect(say(who, self.people.hand_in(who, program=program)), "taken")

    def program(self):
        """Of the installed files, as whoever installed them tells the custodians."""
        return self.run(self.facekeepd, "digest", "--config", self.folder / "facekeepd.toml").split("\nprogram ")[1].split()[0]

    def lose_power(self):
        """And it comes back: the daemon runs, sealed."""
        self.daemon.stop(signal.SIGKILL)
        print("  the power is cut, and comes back", flush=True)
        self.daemon.start()

    def lose_disk(self):
        self.daemon.stop(signal.SIGKILL)
        lost = next(path for n in range(1, 100) if not (path := self.folder / f"lost-disk-{n}").exists())
        lost.mkdir()
        for part in ("db", "keys"):
            (self.folder / "data" / part).rename(lost / part)
        print("  the disk is lost", flush=True)

    def keep_ports(self):
        """From the next start on: a box looks where its notice says."""
        config = self.folder / "facekeepd.toml"
        text = config.read_text()
        for name in ("api", "public"):
            text = text.replace("port = 0", f"port = {urllib.parse.urlsplit(self.demo(name)).port}", 1)
        config.write_text(text)

    def wait_for_status(self, what, wanted):
        """What `wanted` makes of the status, as soon as it is something."""
        for _ in range(120):
            if found := wanted(self.status()):
                return found
            time.sleep(0.5)
        sys.exit(f"error: {what}")

    def token_keys(self, kind):
        """Those of the vault that the token's own tool lists, by the end of their labels."""
        config = (self.folder / "facekeepd.toml").read_text()
        label, module = (re.search(pattern, config, re.M)[1] for pattern in (r'^uri = ".*token=([^;"]+)', r'^module = "(.*)"'))
        tool = ["pkcs11-tool", "--module", module]
        slots = re.findall(r"^Slot \d+ \((0x[0-9a-f]+)\).*?$(.*?)(?=^Slot |\Z)", self.run(*tool, "--list-slots"), re.M | re.S)
        wanted = rf"token label +: {re.escape(urllib.parse.unquote(label))} *$"
        slot = next(number for number, text in slots if re.search(wanted, text, re.M))  # pkcs11-tool itself takes a label's beginning
        # A PIN in the environment: a rehearsal's, which lies in a file beside its token.
        os.environ["TOKEN_PIN"] = (self.folder / "token-pin").read_text().strip()
        said = self.run(*tool, "--slot", slot, "--login", "--pin", "env:TOKEN_PIN", "--list-objects")
        return sorted(set(re.findall(rf"label: +'?facekeep/[0-9a-f]{{32}}/({kind}[a-z0-9-]*)", said)))

    def ask_door(self):
        """What a door is told, or why it is told nothing; None with embeddings of somebody's own: what matches is not known here."""
        if not (self.folder / "probes.npy").exists():
            return None
        said = self.people.run("door-1", "verify", "--site", "main", "--door", "north-gate", "--model", "face", "--subject",
                               self.asked_for, "--probe", self.folder / "probes.npy", "--row", "4")
        return said["decision"] if isinstance(said, dict) else said

    def door_asks(self, wanted="match", means=""):
        """Until the galleries are loaded a door is told `refer`."""
        said = None
        for _ in range(60):
            said = self.ask_door()
            if said in (wanted, None):
                if said:
                    say("a door asks", wanted + means)
                return
            time.sleep(0.5)
        sys.exit(f"error: the door was told {said!r}")

    def door_waits(self):
        """Of a sealed vault."""
        if said := self.ask_door():
            expect(say("a door asks", said.replace("error:", "refused:")), "sealed")

    def named(self):
        return [s["subject"] for s in self.people.must("operator-1", "subject", "list", "--site", "main")["subjects"]]

    def run(self, *command, warnings=False):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{done.stdout}{done.stderr}\nerror: {' '.join(map(str, command))} ended with {done.returncode}")
        return done.stdout + (done.stderr if warnings else "")

    def demo(self, name):
        return json.loads((self.folder / "demo.json").read_text())[name]

    def new_key(self, name):
        self.run(self.facekeep, "key", "new", self.folder / f"keys/{name}", "--no-passphrase", "--name", name)

    # What several people decide.

    def read(self, proposal):
        """What it does, as everybody reads it before signing."""
        said = self.run(self.facekeep, "--key", self.folder / "keys/residents-1.key", "proposals").partition(proposal[0])[2]
        for line in said.splitlines()[2:]:
            if not line.startswith("  "):
                return
            say("everybody reads", line.strip())

    def both_sign(self, proposal):
        for who in ("property-1", "residents-1"):
            say(who, self.people.sign(who, proposal))
        self.people.wait_for(proposal, "done")

    def until_retired(self):
        print("  everybody's key is moved under the new ones; the old are destroyed a minute later", flush=True)
        for _ in range(240):
            if self.status().get("rotation") is None:
                return
            time.sleep(0.5)
        sys.exit("error: the rotation does not end")

    # The auditor.

    def fetch(self):
        """What the auditor is told."""
        return self.mirror_log(self.mirror, "--api", self.demo("api"), "--key", self.folder / "keys/auditor-1.key")

    def mirror_log(self, out, *options):
        """Without an auditor's key: what everybody may see."""
        time.sleep(1.5)  # a checkpoint over the last entry
        return self.run(self.audit, "fetch", "--url", self.demo("public"), "--vkey", self.demo("vkey"), "--out", out, *options, warnings=True)

    def entries(self):
        """Number and content of the mirror's public entries."""
        widest = {}  # of each bundle: the whole one, or the longest part of it
        for path in (p for p in (self.mirror / "tile/entries").rglob("*") if p.is_file()):
            name, _, width = str(path.relative_to(self.mirror)).partition(".p/")
            bundle = int("".join(re.findall(r"\d+", name)))
            widest[bundle] = max(widest.get(bundle, (0, path)), (int(width or 256), path))
        number, out = 0, []
        for _, (_, path) in sorted(widest.items()):
            data, at = path.read_bytes(), 0
            while at < len(data):
                length = int.from_bytes(data[at:at + 2], "big")
                entry = json.loads(data[at + 2:at + 2 + length])
                at += 2 + length
                if "type" in entry:
                    out.append((number, entry))
                number += 1
        return out

    def log_size(self):
        return self.status()["log_size"]

    def show_entries(self, since, types):
        """What stands in the log from entry `since` on: the last of each type. The auditor replays it."""
        self.fetch()
        last = {entry["type"]: number for number, entry in self.entries() if number >= since}
        for kind in types:
            if kind not in last:
                sys.exit(f"error: the log has no new {kind}")
            print(f"  in the log: entry {last[kind]}, {kind}")
        self.run(self.audit, "replay", self.mirror)
        print("  an auditor replays the log: no errors", flush=True)
