"""Ed25519 (RFC 8032) and ECDSA over P-256 with SHA-256 (FIPS 186-5), on Python's integers.

Slow and not constant in time: for checking public signatures, and for signing with the tests' own keys.
"""
import functools
import hashlib

# ---- Ed25519, in extended coordinates (RFC 8032 section 5.1.4)

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
ZERO = (0, 1, 1, 0)


def _add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    x, y, z, t = f - e, h - g, h + g, f + e
    return x * y % P, z * t % P, y * z % P, x * t % P


def _times(n, point):
    out = ZERO
    while n:
        if n & 1:
            out = _add(out, point)
        point = _add(point, point)
        n >>= 1
    return out


def _decode(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * ROOT % P
    if (x * x - xx) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def _encode(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = _decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def _hash(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


def ed25519_point_is_good(key):
    """On the curve and not of small order."""
    point = _decode(key) if len(key) == 32 else None
    return point is not None and _encode(_times(8, point)) != _encode(ZERO)


@functools.lru_cache(maxsize=4096)
def ed25519_verify(key, message, signature):
    if len(key) != 32 or len(signature) != 64:
        return False
    a, r, s = _decode(key), _decode(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    right = _add(r, _times(_hash(signature[:32], key, message), a))
    return _encode(_times(s, BASE)) == _encode(right)


def _expand(seed):
    h = hashlib.sha512(seed).digest()
    return int.from_bytes(h[:32], "little") & (2**254 - 8) | 2**254, h[32:]


def ed25519_public(seed):
    return _encode(_times(_expand(seed)[0], BASE))


def ed25519_sign(seed, message):
    a, prefix = _expand(seed)
    r = _hash(prefix, message)
    big_r = _encode(_times(r, BASE))
    return big_r + ((r + _hash(big_r, ed25519_public(seed), message) * a) % L).to_bytes(32, "little")


# ---- P-256 (FIPS 186-5, SEC 1), affine coordinates; None is the point at infinity

Q = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
SPKI_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")  # RFC 5480; then 04 || x || y
SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")  # RFC 8410; then the 32 bytes


def _p256_add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % Q == 0:
            return None
        slope = 3 * (a[0] * a[0] - 1) * pow(2 * a[1], -1, Q)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, Q)
    x = (slope * slope - a[0] - b[0]) % Q
    return x, (slope * (a[0] - x) - a[1]) % Q


def _p256_times(n, point):
    out = None
    while n:
        if n & 1:
            out = _p256_add(out, point)
        point = _p256_add(point, point)
        n >>= 1
    return out


def p256_point(data):
    """04 || x || y, if it is on the curve, else None."""
    if len(data) != 65 or data[0] != 4:
        return None
    x, y = int.from_bytes(data[1:33], "big"), int.from_bytes(data[33:], "big")
    return (x, y) if x < Q and y < Q and (y * y - x * x * x + 3 * x - B) % Q == 0 else None


def der_pair(data):
    """r and s of an ECDSA-Sig-Value in DER, or None."""
    def integer(at):
        if data[at] != 2 or not 1 <= data[at + 1] <= 33 or data[at + 2] >= 0x80:
            raise IndexError
        end = at + 2 + data[at + 1]
        body = data[at + 2:end]
        if len(body) != data[at + 1] or (body[0] == 0 and len(body) > 1 and body[1] < 0x80):
            raise IndexError
        return int.from_bytes(body, "big"), end
    try:
        if data[0] != 0x30 or data[1] != len(data) - 2:
            return None
        r, at = integer(2)
        s, at = integer(at)
    except IndexError:
        return None
    return (r, s) if at == len(data) else None


def p256_verify(point, message, r, s):
    """`point`: 04 || x || y."""
    q = p256_point(point)
    if q is None or not 0 < r < N or not 0 < s < N:
        return False
    w = pow(s, -1, N)
    e = int.from_bytes(hashlib.sha256(message).digest(), "big")
    at = _p256_add(_p256_times(e * w % N, G), _p256_times(r * w % N, q))
    return at is not None and at[0] % N == r
