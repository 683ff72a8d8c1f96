"""The runbook's own commands, run as they stand in a folder that has the files which they name. A library, not a suite."""
import re
import shlex
import shutil
import subprocess

from parties import QUORUM
from vault import BUILD, SOURCE

SERVICE = "/var/lib/facekeep"
CONFIG = "/etc/facekeep/facekeepd.toml"


def runbook(section):
    """The commands of its console blocks, in their order."""
    text = (SOURCE / "deploy/RUNBOOK.md").read_text(encoding="utf-8")
    text = re.search(rf"^## {section}\. .*?(?=^## )", text, re.M | re.S)[0]
    return re.findall(r"^ *\$ (.*)$", "\n".join(re.findall(r"```console\n(.*?)```", text, re.S)), re.M)


def one(commands, *words):
    """The one command that has all of these."""
    found = [c for c in commands if all(w in c for w in words)]
    assert len(found) == 1, (words, found)
    return found[0]


class Room:
    def __init__(self, v):
        self.v, self.folder = v, v.folder / "room"
        self.folder.mkdir()
        for path in (v.folder / f"keys/{who}.{kind}" for who in QUORUM for kind in ("key", "crt")):
            shutil.copy(path, self.folder)

    def run(self, command):
        shutil.copy(self.v.folder / "notice.json", self.folder)  # each start has ports of its own
        said = command.removeprefix("sudo -u facekeep ").replace(CONFIG, str(self.v.folder / "facekeepd.toml")).replace(SERVICE, str(self.folder))
        program, *args = shlex.split(said)
        return subprocess.run([BUILD / "tools" / program, *args], cwd=self.folder, env=self.v.env, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=300, check=False)
