#!/usr/bin/python3
"""Receipts that `facekeep --receipt` keeps, checked with Python's standard library and python3-cryptography alone.

Written from C2SP tlog-proof, tlog-checkpoint and vault/log/FORMAT.md, section 6.
"""
import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric import ed25519

from vault import Report, Vault

report = Report()


def inclusion_root(index, size, leaf, hashes):
    """RFC 9162, section 2.1.3.2 (the trees of RFC 6962)."""
    fn, sn, root = index, size - 1, leaf
    for sibling in hashes:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            root = hashlib.sha256(b"\x01" + sibling + root).digest()
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = hashlib.sha256(b"\x01" + root + sibling).digest()
        fn, sn = fn >> 1, sn >> 1
    return root if sn == 0 else None


def checked(text, vkey, entry=None):
    """The event that a receipt proves; `entry`: its bytes, where the receipt does not bring the opening."""
    head, _, note = text.partition("\n\n")
    header, *lines = head.split("\n")
    event = None
    assert header == "c2sp.org/tlog-proof@v1", header
    if lines[0].startswith("extra "):
        opening = base64.b64decode(lines.pop(0)[6:], validate=True)
        assert opening[0] == 1
        event = json.loads(opening[33:])
        commitment = hashlib.sha256(b"facekeep/commitment/v1\0" + opening[1:33] + opening[33:]).hexdigest()
        entry = f'{{"class":"{event["class"]}","commitment":"{commitment}","v":1}}'.encode()
    index = int(lines.pop(0).removeprefix("index "))
    body = note[:note.index("\n\n") + 1]
    origin, size, root = body.splitlines()
    leaf = hashlib.sha256(b"\0" + entry).digest()
    assert inclusion_root(index, int(size), leaf, [base64.b64decode(h) for h in lines]) == base64.b64decode(root), "not in the log"
    name, key_id, key = vkey.split("+", 2)
    key = base64.b64decode(key)
    assert key[0] == 1 and name == origin
    for line in note[len(body) + 1:].splitlines():
        _, signer, value = line.split(" ")
        raw = base64.b64decode(value)
        if signer == name and raw[:4].hex() == key_id:
            ed25519.Ed25519PublicKey.from_public_bytes(key[1:]).verify(raw[4:], body.encode())
            return event if b'"commitment"' in entry and event else json.loads(entry)
    raise AssertionError("the log did not sign")


def entry_bytes(entry):
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def try_to_check(what, vault, path, kind, **fields):
    try:
        text = path.read_text()
        number = int(text.split("\nindex ")[1].split("\n")[0])
        event = checked(text, vault.demo["vkey"], entry_bytes(vault.entries()[number]))
        good = event["type"] == kind and all(event["body"][k] == v for k, v in fields.items())
        report.check(what, good, event)
    except (AssertionError, OSError, ValueError, IndexError) as e:
        report.check(what, False, repr(e))


with Vault("--small") as v:
    kept = {name: v.folder / f"{name}.tlog-proof" for name in ("enrol", "erase", "seal")}
    done = v.cli("operator-1", "enrol", "--site", "main", "--subject", "late", "--consent", v.folder / "consent.json", "--receipt", kept["enrol"])
    report.check("enrol keeps a receipt", done.returncode == 0, done.stderr)
    done = v.cli("operator-1", "erase", "--site", "main", "--subject", "late", "--receipt", kept["erase"])
    report.check("erase keeps a receipt", done.returncode == 0, done.stderr)
    before = kept["erase"].read_text()
    done = v.cli("operator-1", "erase", "--site", "main", "--subject", "generated-000003", "--receipt", kept["erase"])
    report.check("a receipt's file is never overwritten, and then nobody is erased",
                 done.returncode == 1 and kept["erase"].read_text() == before
                 and v.cli("operator-1", "subject", "show", "--site", "main", "--subject", "generated-000003").returncode == 0, done.stderr)
    done = v.cli("property-1", "seal", "--receipt", kept["seal"])
    report.check("seal keeps a receipt", done.returncode == 0, done.stderr)
    try_to_check("the erasure's receipt proves the entry and opens it", v, kept["erase"], "erased", by="operator/1", site="main")
    try_to_check("the seal's receipt proves the entry", v, kept["seal"], "sealed", by="property/1", reason="request")
    proof = kept["enrol"].read_text()
    number = int(proof.split("\nindex ")[1].split("\n")[0])
    leaf = v.entries()[number]
    report.check("the enrolment's proof is of a custody entry", leaf.get("class") == "custody", leaf)
    checked(proof, v.demo["vkey"], entry_bytes(leaf))
report.end()
