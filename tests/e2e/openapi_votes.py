"""Approvals and vetoes as a custodian's own program would make them, written from vault/log/FORMAT.md and OpenSSH's
PROTOCOL.sshsig alone. A library, not a suite.
"""
import base64
import hashlib
import json
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

NAMESPACE = b"facekeep-approval"


def string(b):
    return struct.pack(">I", len(b)) + b


def mpint(n):
    return string(n.to_bytes(n.bit_length() // 8 + 1, "big"))


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def raw_public(key):
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(point)
    return string(b"ssh-ed25519") + string(
        key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))


def sshsig(key, message, namespace=NAMESPACE):
    to_sign = b"SSHSIG" + string(namespace) + string(b"") + string(b"sha512") + string(hashlib.sha512(message).digest())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(to_sign, ec.ECDSA(hashes.SHA256())))
        signature = string(b"ecdsa-sha2-nistp256") + string(mpint(r) + mpint(s))
    else:
        signature = string(b"ssh-ed25519") + string(key.sign(to_sign))
    blob = (b"SSHSIG" + struct.pack(">I", 1) + string(raw_public(key)) + string(namespace) + string(b"") +
            string(b"sha512") + string(signature))
    text = base64.b64encode(blob).decode()
    lines = [text[i:i + 70] for i in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def public_text(key):
    """As authorized_keys has it, without a comment."""
    raw = raw_public(key)
    kind = raw[4:4 + int.from_bytes(raw[:4], "big")].decode()
    return f"{kind} {base64.b64encode(raw).decode()}"


def sha256_of(value):
    """Of its canonical JSON, hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def digest(proposal, vault):
    """Of the text that the vault shows, computed here: the vault's own word is not taken for it."""
    return sha256_of({**json.loads(proposal["proposal"]), "v": 1, "vault": vault})


def vote(who, proposal, vault, checkpoint, verb):
    """The body of the call. `who` has the path of a key; `checkpoint` is the published note."""
    _, size, root = checkpoint.decode().splitlines()[:3]
    with open(who["key"], "rb") as f:
        key = serialization.load_pem_private_key(f.read(), None)
    signed = {"rule": proposal["rule_version"], "size": int(size), "root": base64.b64decode(root).hex()}
    statement = canonical({**signed, "proposal": digest(proposal, vault), "v": 1, "vault": vault, "verb": verb})
    return {**signed, "signature": sshsig(key, statement)}
