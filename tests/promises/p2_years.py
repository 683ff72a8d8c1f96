"""What the suites of the years share: the auditor's mirror, a machine without a memory, and the token's memory forged.
A library, not a suite."""
import base64
import copy
import hashlib
import pathlib
import re
import subprocess
import time

from vault import FACEKEEP_AUDIT


def unseal_with(r, folder):
    for who in ("property-1", "property-2", "residents-1", "residents-2"):
        done = r.vault.hand_in(who, (r.vault.folder / folder / f"{who}.share").read_text())
        if done.returncode:
            raise RuntimeError(done.stderr)
    r.vault.wait_loaded()


def mirror(r, into):
    v = r.vault
    time.sleep(1.3)
    subprocess.run([FACEKEEP_AUDIT, "fetch", "--url", v.demo["public"], "--vkey", v.demo["vkey"], "--out", v.folder / into, "--api", v.demo["api"],
                    "--key", v.folder / "keys/auditor-1.key"], env=v.env, capture_output=True, text=True, timeout=300, check=True)
    return v.folder / into


class Deceived:
    """Custodians without a memory: what a new machine of theirs would say."""

    def __init__(self, r, state="elsewhere"):
        self.vault = copy.copy(r.vault)
        self.vault.env = dict(r.vault.env, XDG_STATE_HOME=str(r.vault.folder / state))


def set_memory(r, note):
    """The token's anchor, replaced by one over an older checkpoint by somebody with the PIN (the form is in hsm/anchor.h)."""
    pin = pathlib.Path(r.vault.demo["token"]["pin_file"]).read_text().strip()
    module = next(str(p) for p in pathlib.Path("/usr/lib").rglob("libsofthsm2.so"))

    def tool(*args):
        return subprocess.run(["pkcs11-tool", "--module", module, "--login", "--pin", pin, "--type", "data", *args], env=r.vault.env,
                              capture_output=True, text=True, check=True).stdout

    _, size, root = note.decode().splitlines()[:3]
    value = b"FKA1" + int(size).to_bytes(8, "big") + base64.b64decode(root) + (10**12).to_bytes(8, "big")
    value += hashlib.sha256(bytes.fromhex(r.id) + value).digest()
    for label in re.findall(r"label:\s+'([^']*anchor[^']*)'", tool("--list-objects")):
        tool("--delete-object", "--label", label)
    made = r.vault.folder / "anchor"
    made.write_bytes(value)
    tool("--write-object", made, "--private", "--application-label", "facekeep", "--label", f"facekeep/{r.id}/anchor-a")
