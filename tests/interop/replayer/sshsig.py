"""OpenSSH public keys and SSHSIG signatures (PROTOCOL.sshsig, PROTOCOL.u2f, RFC 4253 section 6.6, RFC 5656)."""
import base64
import hashlib

from . import curves
from .canonical import Bad, unbase64

ED25519, P256 = b"ssh-ed25519", b"ecdsa-sha2-nistp256"
SK_ED25519, SK_P256 = b"sk-ssh-ed25519@openssh.com", b"sk-ecdsa-sha2-nistp256@openssh.com"
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


class Wire:
    def __init__(self, data):
        self.data = data

    def take(self, n):
        if len(self.data) < n:
            raise Bad("SSH data end too early")
        out, self.data = self.data[:n], self.data[n:]
        return out

    def string(self):
        return self.take(int.from_bytes(self.take(4), "big"))

    def end(self):
        if self.data:
            raise Bad("SSH data have something behind their end")


def string(data):
    return len(data).to_bytes(4, "big") + data


class Key:
    """`blob`: the wire form. Has type, point, application (security keys) and spki."""

    def __init__(self, blob):
        wire = Wire(blob)
        self.blob, self.type, self.application = blob, wire.string(), b""
        if self.type not in (ED25519, P256, SK_ED25519, SK_P256):
            raise Bad("an approval key is of a type that is not allowed")
        self.ecdsa = self.type in (P256, SK_P256)
        if self.ecdsa and wire.string() != b"nistp256":
            raise Bad("an approval key is on another curve")
        self.point = wire.string()
        if self.type in (SK_ED25519, SK_P256):
            self.application = wire.string()
        wire.end()
        good = curves.p256_point(self.point) is not None if self.ecdsa else curves.ed25519_point_is_good(self.point)
        if not good:
            raise Bad("an approval key is no point of its curve, or of small order")
        self.spki = (curves.SPKI_P256 if self.ecdsa else curves.SPKI_ED25519) + self.point

    @classmethod
    def from_text(cls, text):
        """Exactly `type base64`."""
        kind, _, data = text.partition(" ")
        key = cls(unbase64(data, "an approval key"))
        if kind.encode() != key.type:
            raise Bad("an approval key is not written as type and base64 alone")
        return key


def _raw(key, data):
    wire = Wire(data)
    if wire.string() != key.type:
        raise Bad("a signature is of another type than its key")
    signature, suffix = wire.string(), b""
    if key.application:
        suffix = wire.take(5)  # flags, counter
        if not suffix[0] & 1:
            raise Bad("a security key signed with nobody present")
    wire.end()
    return signature, suffix


def verify(armored, key_text, namespace, message):
    """Bad, unless `armored` is a signature of that key over `message` in that namespace."""
    key = Key.from_text(key_text)
    lines = armored.rstrip("\n").split("\n")
    if len(lines) < 3 or lines[0] != BEGIN or lines[-1] != END:
        raise Bad("a signature has no SSH armour")
    wire = Wire(unbase64("".join(lines[1:-1]), "a signature"))
    if wire.take(6) != b"SSHSIG" or wire.take(4) != b"\0\0\0\1":
        raise Bad("a signature is no SSHSIG of version 1")
    if wire.string() != key.blob:
        raise Bad("a signature is of another key")
    if (wire.string(), wire.string(), wire.string()) != (namespace.encode(), b"", b"sha512"):
        raise Bad("a signature is for another purpose")
    signature, suffix = _raw(key, wire.string())
    wire.end()
    signed = signed_bytes(namespace, message)
    if key.application:
        signed = hashlib.sha256(key.application).digest() + suffix + hashlib.sha256(signed).digest()
    if key.ecdsa:
        pair = Wire(signature)
        r, s = int.from_bytes(pair.string(), "big"), int.from_bytes(pair.string(), "big")
        good = not pair.data and curves.p256_verify(key.point, signed, r, s)
    else:
        good = curves.ed25519_verify(key.point, signed, signature)
    if not good:
        raise Bad("a signature does not verify")


def signed_bytes(namespace, message):
    return (b"SSHSIG" + string(namespace.encode()) + string(b"") + string(b"sha512") +
            string(hashlib.sha512(message).digest()))


def sign_ed25519(seed, namespace, message):
    """For the tests' own custodians: the armoured signature."""
    blob = string(ED25519) + string(curves.ed25519_public(seed))
    raw = string(ED25519) + string(curves.ed25519_sign(seed, signed_bytes(namespace, message)))
    data = (b"SSHSIG\0\0\0\1" + string(blob) + string(namespace.encode()) + string(b"") + string(b"sha512") + string(raw))
    text = base64.b64encode(data).decode()
    return "\n".join([BEGIN, *(text[i:i + 70] for i in range(0, len(text), 70)), END, ""])
