"""FORMAT.md section 9: the tree, tiles and their paths, notes and checkpoints."""
import hashlib
import re

from . import curves
from .canonical import Bad, unbase64


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_hash(entry):
    return sha256(b"\0", entry)


def node_hash(left, right):
    return sha256(b"\1", left, right)


class Tiles:
    """levels[l]: the hashes of the complete subtrees over 256^l entries, in order."""

    def __init__(self):
        self.levels = [[]]

    def append(self, leaf):
        hashes, level = leaf, 0
        while True:
            if level == len(self.levels):
                self.levels.append([])
            self.levels[level].append(hashes)
            if len(self.levels[level]) % 256:
                return
            hashes = fold(self.levels[level][-256:])
            level += 1

    def size(self):
        return len(self.levels[0])

    def subtree(self, start, size):
        """Root over entries [start, start + size), a range that the tree's shape has."""
        level, step = 0, 1
        while level + 1 < len(self.levels) and size % (step * 256) == 0 and start % (step * 256) == 0 and size:
            level, step = level + 1, step * 256
        return fold(self.levels[level][start // step:(start + size) // step])

    def root(self, size=None):
        size = self.size() if size is None else size
        if size == 0:
            return sha256()
        peaks, start = [], 0
        for bit in range(size.bit_length() - 1, -1, -1):
            if size >> bit & 1:
                peaks.append(self.subtree(start, 1 << bit))
                start += 1 << bit
        out = peaks.pop()
        while peaks:
            out = node_hash(peaks.pop(), out)
        return out

    def tile(self, level, index):
        """The hashes that this tree has at that place; empty if none."""
        if level >= len(self.levels):
            return b""
        return b"".join(self.levels[level][index * 256:index * 256 + 256])


def fold(hashes):
    """The root over a power of two of hashes."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def number_path(n):
    """1234067 is x001/x234/067."""
    parts = [f"{n % 1000:03d}"]
    while n >= 1000:
        n //= 1000
        parts.insert(0, f"x{n % 1000:03d}")
    return "/".join(parts)


def tile_path(kind, index, width=256):
    """`kind`: a level, or "entries"."""
    return f"tile/{kind}/{number_path(index)}" + (f".p/{width}" if width < 256 else "")


def parse_path(path, root="tile"):
    """(kind, index, width), or None for a path that a tree has not."""
    pattern = r"" if root == "openings" else r"/(entries|0|[1-9][0-9]?)"
    m = re.fullmatch(root + pattern + r"/((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", path)
    if not m:
        return None
    kind, above, last, width = m.groups() if root == "tile" else ("openings", *m.groups())
    index = int(above.replace("x", "").replace("/", "") + last)
    if number_path(index) != above + last or (width and int(width) > 255):
        return None
    return (kind if kind in ("entries", "openings") else int(kind)), index, int(width or 256)


def split_bundle(data, width):
    """The entries of a bundle; Bad names the position within it at which it breaks."""
    out, at = [], 0
    while len(out) < width:
        length = int.from_bytes(data[at:at + 2], "big")
        if at + 2 + length > len(data) or at + 2 > len(data):
            raise Bad(f"the bundle ends within its entry {len(out)}")
        out.append(data[at + 2:at + 2 + length])
        at += 2 + length
    if at != len(data):
        raise Bad("the bundle has something behind its last entry")
    return out


class Vkey:
    """C2SP signed-note verifier key: NAME+ID+BASE64(type || key)."""

    def __init__(self, text):
        self.text = text.strip("\n")
        if self.text.count("+") < 2:
            raise Bad("the verifier key is malformed")
        self.name, key_id, data = self.text.split("+", 2)
        raw = unbase64(data, "the verifier key")
        self.type, self.key = raw[:1], raw[1:]
        if self.type == b"\1" and len(self.key) == 32:
            self.id = sha256(self.name.encode(), b"\n", raw)[:4]
        elif self.type == b"\2" and self.key.startswith(curves.SPKI_P256) and len(self.key) == 91:
            self.id = sha256(self.key)[:4]
        else:
            raise Bad("the verifier key is of an unknown type")
        if self.id.hex() != key_id or not self.name:
            raise Bad("the verifier key's id is not that of its key")

    def verify(self, message, signature):
        if self.type == b"\1":
            return curves.ed25519_verify(self.key, message, signature)
        pair = curves.der_pair(signature)
        return pair is not None and curves.p256_verify(self.key[-65:], message, *pair)


class Witness:
    """C2SP tlog-cosignature verifier key, Ed25519: NAME+ID+BASE64(0x04 || key), in its one form."""

    def __init__(self, text):
        m = re.fullmatch(r"([\x21-\x2a\x2c-\x7e]{1,128})\+([0-9a-f]{8})\+(.*)", text)
        raw = unbase64(m[3], "a witness's key") if m else b""
        if len(raw) != 33 or raw[:1] != b"\4" or sha256(m[1].encode(), b"\n", raw)[:4].hex() != m[2]:
            raise Bad("a witness's verifier key is malformed")
        self.name, self.key = m[1], raw[1:]


class Checkpoint:
    """A checkpoint in its form; with a `vkey`, signed by it; Bad otherwise. Other keys' signatures are ignored."""

    def __init__(self, note, vkey=None):
        text, blank, lines = note.rpartition(b"\n\n")
        if not blank or not lines.endswith(b"\n"):
            raise Bad("the checkpoint is no signed note")
        text += b"\n"
        try:
            head = text.decode("utf-8")
            signatures = lines.decode("utf-8").split("\n")[:-1]
        except UnicodeDecodeError:
            raise Bad("the checkpoint is not UTF-8") from None
        self.note, self.text = note, text
        self.signatures = [self._signature(line) for line in signatures]
        if vkey and not self.signed_by(vkey):
            raise Bad("the checkpoint is not signed by the log's key")
        parts = head.split("\n")
        if len(parts) != 4 or parts[3] or (vkey and parts[0] != vkey.name) or not re.fullmatch(r"0|[1-9][0-9]{0,18}", parts[1]):
            raise Bad("the checkpoint's text is malformed or of another origin")
        self.origin, self.size = parts[0], int(parts[1])
        self.root = unbase64(parts[2], "the checkpoint's root")
        if len(self.root) != 32:
            raise Bad("the checkpoint's root is not 32 bytes")

    @staticmethod
    def _signature(line):
        m = re.fullmatch("\u2014 ([^ ]+) ([A-Za-z0-9+/=]+)", line)
        if not m:
            raise Bad("the checkpoint has a malformed signature line")
        return m[1], unbase64(m[2], "a signature of the checkpoint")

    def signed_by(self, vkey):
        """One good signature by the key, over a text of its origin, and none of it that is wrong."""
        own = [data[4:] for name, data in self.signatures if name == vkey.name and data[:4] == vkey.id]
        if not all(vkey.verify(self.text, signature) for signature in own):
            raise Bad("the log key's signature on the checkpoint is wrong")
        return bool(own) and self.text.startswith(vkey.name.encode() + b"\n")
