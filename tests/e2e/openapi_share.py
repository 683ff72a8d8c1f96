"""A custodian's part of an unseal, written from vault/seal/FORMAT.md and RFC 9180 alone: HPKE base mode, DHKEM(X25519,
HKDF-SHA256), HKDF-SHA256, AES-256-GCM over the word numbers of a SLIP-0039 share. A library, not a suite.
"""

import base64
import collections
import hashlib
import hmac
import json
import pathlib
import re
import struct

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Share = collections.namedtuple("Share", "group holder words")


def read_shares(demo):
    """The shares of a demo.json: objects with the words ("words", or a file of them) and their holder."""
    out = []
    for entry in demo.get("shares", []):
        words = entry.get("words") or entry.get("share")
        if not words and entry.get("file"):
            words = pathlib.Path(entry["file"]).read_text()
        holder = entry.get("principal") or entry.get("custodian") or entry.get("holder")
        if words and holder:
            out.append(Share(holder.split("/")[0], holder, words.split()))
    return out


def extract(salt, label, ikm, suite):
    return hmac.new(salt or b"\0" * 32, b"HPKE-v1" + suite + label + ikm, hashlib.sha256).digest()


def expand(key, label, info, length, suite):
    info = struct.pack(">H", length) + b"HPKE-v1" + suite + label + info
    out, block = b"", b""
    while len(out) < length:
        block = hmac.new(key, block + info + bytes([len(out) // 32 + 1]), hashlib.sha256).digest()
        out += block
    return out[:length]


def hpke_seal(public_key, info, aad, plain):
    raw = lambda key: key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    ephemeral = X25519PrivateKey.generate()
    enc = raw(ephemeral.public_key())
    kem = b"KEM" + struct.pack(">H", 0x20)
    suite = b"HPKE" + struct.pack(">HHH", 0x20, 1, 2)
    dh = ephemeral.exchange(X25519PublicKey.from_public_bytes(public_key))
    shared = expand(extract(b"", b"eae_prk", dh, kem), b"shared_secret", enc + public_key, 32, kem)
    context = b"\0" + extract(b"", b"psk_id_hash", b"", suite) + extract(b"", b"info_hash", info, suite)
    secret = extract(shared, b"secret", b"", suite)
    key = expand(secret, b"key", context, 32, suite)
    nonce = expand(secret, b"base_nonce", context, 12, suite)
    return enc + AESGCM(key).encrypt(nonce, plain, aad)


def associated_data(vault):
    """FORMAT.md, "Associated data": fields behind their 16-bit lengths."""
    fields = [b"facekeep/aad/v1", b"\x01", vault, struct.pack(">I", 0), b"share", b"", b""]
    return b"".join(struct.pack(">H", len(f)) + f for f in fields)


def seal(source, words, status):
    """base64 for POST /v1/unseal."""
    table = re.findall(r'"([a-z]+)"', (source / "vault/seal/slip39_words.inc").read_text())
    assert len(table) == 1024, "the word list is not where it was"
    plain = b"".join(struct.pack(">H", table.index(w)) for w in words)
    start = json.loads(status["start"]["event"])["body"]
    sealed = hpke_seal(bytes.fromhex(start["unseal_to"]), b"share", associated_data(bytes.fromhex(status["vault"])), plain)
    return base64.b64encode(sealed).decode()
