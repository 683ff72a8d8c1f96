"""One approval of the mirrored log, checked with OpenSSH alone: approval.py MIRROR WORK.

What was signed is put together from the public entries as vault/log/FORMAT.md says ("Proposals"); the signer's key is that of genesis.
"""
import hashlib
import json
import pathlib
import subprocess
import sys

mirror, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def entries():
    """The tiles in order; partial ones have a folder of their own."""
    full = sorted(p for p in (mirror / "tile/entries").rglob("*") if p.is_file() and ".p" not in p.parent.name)
    partial = sorted((p for p in (mirror / "tile/entries").rglob("*") if p.is_file() and p.parent.name.endswith(".p")),
                     key=lambda p: (p.parent, int(p.name)))
    for tile in full + partial[-1:]:
        data, at = tile.read_bytes(), 0
        while at < len(data):
            length = int.from_bytes(data[at:at + 2], "big")
            yield json.loads(data[at + 2:at + 2 + length])
            at += 2 + length


log = list(entries())
genesis = log[0]["body"]
number, vote = next((n, e["body"]) for n, e in enumerate(log) if e.get("type") == "approval")
proposal = next(e["body"] for e in log if e.get("type") == "proposal" and e["body"]["id"] == vote["proposal"])
digest = hashlib.sha256(canonical({**proposal, "v": 1, "vault": genesis["vault"]})).hexdigest()
statement = canonical({"proposal": digest, "root": vote["root"], "rule": vote["rule"], "size": vote["size"], "v": 1, "vault": genesis["vault"],
                       "verb": "approve"})
key = next(p["approval_key"] for p in genesis["principals"] if p["id"] == vote["by"])
work.mkdir(exist_ok=True)
(work / "approval.sig").write_text(vote["signature"])
(work / "allowed").write_text(f"{vote['by']} {key}\n")
print(f"entry {number}: {vote['by']} signed proposal {vote['proposal']}")
subprocess.run(["ssh-keygen", "-Y", "verify", "-f", work / "allowed", "-I", vote["by"], "-n", "facekeep-approval", "-s",
                work / "approval.sig"], input=statement, check=True)
