"""Finds keys that nothing outside the daemon knows, by what they open. A library, not a suite."""
import collections
import hmac
import re

import numpy
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class Keys:
    """Finds keys by what they open. vault/seal/FORMAT.md: blobs, site key, key slots, subject record."""
    BLOB = b"FKBL\x01\x01"
    RECORD = b"FKSR\x01"

    def __init__(self, vault, entries):
        self.checks = {bytes.fromhex(s["check"]) for s in entries[0]["body"]["sites"]}
        slots = (vault.folder / "data/keys/slots.a").read_bytes()
        blobs = [slots[i + 2:i + 2 + slots[i + 1]] for i in range(128, len(slots), 128) if slots[i]]
        self.slots = [b for b in blobs if b.startswith(self.BLOB + b"\x04")]
        records = set()
        for path in sorted((vault.folder / "data/db").glob("*")):
            content = path.read_bytes() if path.is_file() and path.name != "ballast" else b""
            records |= {content[m.start() + 8:m.start() + 25] for m in re.finditer(re.escape(self.BLOB + b"\x06\0"), content)}
        self.records = sorted(r for r in records if len(r) == 17)
        self.prepare()

    def prepare(self):
        """Counter mode's input for each record, and what its first bytes must be for the record to begin as one."""
        self.counters = b"".join(r[:12] + b"\0\0\0\2" for r in self.records)
        self.expected = numpy.array([[c ^ m for c, m in zip(r[12:17], self.RECORD)] for r in self.records], "u1")

    @staticmethod
    def candidates(part):
        """Each 32 bytes at a multiple of 8 that could be random: no word like a pointer or a small number, not text, no floats."""
        found = set()
        words = numpy.frombuffer(part, "<u8", len(part) // 8)
        if len(words) < 4:
            return found
        big = (words >> numpy.uint64(48)) != 0
        may = numpy.nonzero(big[:-3] & big[1:-2] & big[2:-1] & big[3:])[0]
        raw = numpy.frombuffer(part, "u1")
        for first in range(0, len(may), 1 << 16):
            at = may[first:first + (1 << 16)]
            rows = raw[at[:, None] * 8 + numpy.arange(32)]
            text = (rows >= 0x80).sum(1) < 5
            exponents = rows[:, 3::4] & 0x7f
            floats = ((exponents >= 0x38) & (exponents <= 0x3f)).all(1)
            found |= {row.tobytes() for row in rows[~text & ~floats]}
        return found

    @staticmethod
    def ecb(key, blocks):
        return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(blocks)

    def opens_records(self, key):
        stream = numpy.frombuffer(self.ecb(key, self.counters), "u1").reshape(-1, 16)
        return bool(((stream[:, :5] == self.expected).all(1)).any())

    def opened_by(self, wrap, slot):
        """What a wrapping key makes of a slot: GCM's counter mode, whose first block is number 2."""
        stream = self.ecb(wrap, b"".join(slot[8:20] + n.to_bytes(4, "big") for n in (2, 3)))
        return bytes(a ^ b for a, b in zip(stream, slot[20:52]))

    def kinds(self, key):
        prk = hmac.digest(bytes(32), key, "sha256")
        if hmac.digest(prk, b"facekeep/site/v1/check\x01", "sha256") in self.checks:
            yield "a site key"
        if self.opens_records(key):
            yield "a subject key"
        # The newest slot: its subject is there.
        if any(self.opens_records(self.opened_by(key, slot)) for slot in self.slots[-1:]):
            yield "the key that wraps subject keys"

    def find(self, parts):
        keys = set()
        for part in parts:
            keys |= self.candidates(part)
        return collections.Counter(kind for key in keys for kind in self.kinds(key)), len(keys)
