"""A made-up log that satisfies FORMAT.md, with its keys, so that tests can alter it and sign it again."""
import base64
import copy
import hashlib
import json
import pathlib

from . import curves, sshsig
from .canonical import DAY_MS, canonical, format_time
from .events import TYPES
from .tree import Tiles, leaf_hash, sha256, tile_path

ORIGIN = "example.org/made-up-vault"
BEGIN = 1_795_000_000_000  # wall clock of entry 0: 2026-11-18
SMALL, LARGE = 300, 512    # checkpoints that the auditor saw earlier


def seed(name):
    return hashlib.sha256(b"facekeep test key " + name.encode()).digest()


def some_hex(name, size=32):
    return hashlib.sha256(name.encode()).hexdigest()[:2 * size]


def vkey(key="log", origin=ORIGIN):
    raw = b"\1" + curves.ed25519_public(seed(key))
    return f"{origin}+{key_id(raw, origin).hex()}+{base64.b64encode(raw).decode()}"


def key_id(raw, origin=ORIGIN):
    return sha256(origin.encode(), b"\n", raw)[:4]


def signed_note(text, *keys):
    """By each of these keys, of the origin that the text begins with."""
    origin, lines = text.split("\n")[0], ""
    for key in keys or ("log",):
        head = key_id(b"\1" + curves.ed25519_public(seed(key)), origin)
        lines += f"\u2014 {origin} {base64.b64encode(head + curves.ed25519_sign(seed(key), text.encode())).decode()}\n"
    return f"{text}\n{lines}".encode()


def witness(name):
    raw = b"\4" + curves.ed25519_public(seed(name))
    key = f"{name}.example/w+{sha256(f'{name}.example/w'.encode(), bytes([10]), raw)[:4].hex()}+{base64.b64encode(raw).decode()}"
    return {"vkey": key, "url": f"https://192.0.2.{sha256(name.encode())[0]}/witness", "key": some_hex("tls " + name)}


def approval_key(who):
    return "ssh-ed25519 " + base64.b64encode(sshsig.string(sshsig.ED25519) + sshsig.string(curves.ed25519_public(seed(who)))).decode()


def sign_genesis(body, key_of=lambda who: who):
    """The body with every custodian's signature; `key_of` says whose key signs for whom."""
    body = {k: v for k, v in body.items() if k != "signatures"}
    statement = canonical({"digest": sha256(canonical(body)).hex(), "v": 1, "vault": body["vault"], "verb": "genesis"})
    people = [p["id"] for p in body["principals"] if p["role"] == "custodian"]
    body["signatures"] = [{"by": who, "signature": sshsig.sign_ed25519(seed(key_of(who)), "facekeep-ceremony", statement)}
                          for who in people]
    return body


def principal(who, role, **more):
    return {"id": who, "role": role, "key": some_hex("tls " + who), "name": some_hex("name " + who), **more}


INSIDE = {"mechanism": "AES", "local": True, "sensitive": True, "always_sensitive": True, "extractable": False, "never_extractable": True}


def genesis(log_key="log"):
    groups, principals = [], []
    for group in ("property", "residents"):
        shares = [{"number": n, "commitment": some_hex(f"card {group} {n}"), "holders": [n]} for n in (1, 2, 3)]
        groups.append({"id": group, "threshold": 2, "shares": shares})
        principals += [principal(f"{group}/{n}", "custodian", approval_key=approval_key(f"{group}/{n}"), deputy=False)
                       for n in (1, 2, 3)]
    principals += [principal("operator/1", "operator", sites=["main"]), principal("operator/2", "operator", sites=["annex"]),
                   principal("door/1", "door", sites=["main"], doors=["north"]), principal("auditor/1", "auditor")]
    rule = {"delay_s": 86400, "groups": {"property": 1, "residents": 1}, "lifetime_s": 604800}
    actions = ("export", "principal", "rule", "custodian", "threshold", "policy", "site", "model", "reveal", "witness", "cancel")
    sites = [{"id": s, "epoch": 1, "check": some_hex("check " + s), "purpose": "entry-control", "alternative": "key-card",
              "assessment": {"date": "2026-01-31", "digest": some_hex("assessment")}, "access_log_days": 30, "erase_daily": 2,
              "hide_subject": False, "doors": [{"id": d, "class": "gate"}]} for s, d in (("main", "north"), ("annex", "side"))]
    return sign_genesis({
        "format": 1, "suite": 1, "vault": some_hex("vault", 16), "origin": ORIGIN, "rehearsal": True, "preset": "standard",
        "share_set": 7, "groups": groups, "principals": principals, "rules": {a: {**rule, "delay_s": 0 if a == "cancel" else 86400} for a in actions}, "sites": sites,
        "models": [{"id": "face", "version": 1, "dimension": 512, "verify_threshold": 350000, "identify_threshold": 450000}],
        "unseal_key": some_hex("unseal"), "register": {"check": some_hex("register"), "epoch": 1},
        "token": {"manufacturer": "test", "model": "test", "serial": "1", "firmware": "1", "class": "software", "root": INSIDE,
                  "log_sign": INSIDE},
        "witnesses": {"quorum": 1, "on_missing": "open", "list": [witness("committee"), witness("insurer")]},
        "log_key": vkey(log_key), "server_key": some_hex("server"), "transcript": some_hex("transcript"),
        "program": some_hex("program")})


class Item:
    """One entry: its event, or other bytes in its place (`text` of the event, `entry` of the leaf)."""

    def __init__(self, event, text=None, entry=None, opening=True):
        self.event, self.text, self.raw, self.opening = event, text, entry, opening

    def parts(self, n):
        """(entry, opening in clear or None)"""
        text = canonical(self.event) if self.text is None else self.text
        kind = self.event["class"]
        if kind == "governance":
            return self.raw or text, None
        salt = sha256(b"salt %d" % n)
        commitment = sha256(b"facekeep/commitment/v1\0", salt, text).hex()
        entry = self.raw or canonical({"class": kind, "commitment": commitment, "v": 1})
        return entry, (b"\1" + salt + text if self.opening else None)


class Log:
    def __init__(self, log_key="log"):
        self.items, self.log_key, self.wall, self.uptime = [], log_key, BEGIN, 0
        self.handovers = []  # (entry, key, origin, recovered): from its checkpoint on that key signs

    def add(self, kind, body, after_ms=1000):
        """`after_ms` 0: in the group commit of the entry before."""
        self.wall, self.uptime = self.wall + after_ms, self.uptime + after_ms
        self.items.append(Item({"body": body, "class": TYPES[kind][0], "time": format_time(self.wall), "type": kind,
                                "uptime_ms": self.uptime, "v": 1}))
        return len(self.items) - 1

    def find(self, kind, nth=0):
        return [n for n, item in enumerate(self.items) if item.event["type"] == kind][nth]

    def copy(self):
        return copy.deepcopy(self)

    def tiles(self, size=None):
        tiles = Tiles()
        for n, item in enumerate(self.items[:size]):
            tiles.append(leaf_hash(item.parts(n)[0]))
        return tiles

    def key_at(self, size):
        """(key, origin) in force for a tree of that size."""
        return next(((key, origin) for entry, key, origin, _ in reversed(self.handovers) if entry < size), (self.log_key, ORIGIN))

    def checkpoint(self, size=None, keys=()):
        """Signed by the key in force, and at a handover by the one before it too; or by `keys`."""
        tiles = self.tiles(size)
        key, origin = self.key_at(tiles.size())
        handed = [h for h in self.handovers if h[0] + 1 == tiles.size() and not h[3]]
        keys = keys or ([self.key_at(tiles.size() - 1)[0]] if handed else []) + [key]
        return signed_note(f"{origin}\n{tiles.size()}\n{base64.b64encode(tiles.root()).decode()}\n", *keys)

    def write(self, folder, size=None, remembered=()):
        """The mirror at `size`. `remembered`: size -> note, what the auditor kept."""
        folder, tiles = pathlib.Path(folder), self.tiles(size)
        size = tiles.size()
        for level, hashes in enumerate(tiles.levels):
            for index in range((len(hashes) + 255) // 256):
                data = tiles.tile(level, index)
                put(folder, tile_path(level, index, len(data) // 32), data)
        for index in range((size + 255) // 256):
            first, last = 256 * index, min(size, 256 * index + 256)
            parts = [self.items[n].parts(n) for n in range(first, last)]
            path = tile_path("entries", index, last - first)
            put(folder, path, b"".join(len(e).to_bytes(2, "big") + e for e, _ in parts))
            opened = {first + i: o for i, (_, o) in enumerate(parts) if o is not None}
            put(folder, path.replace("tile/entries", "openings"), openings(index, opened))
        put(folder, "vkey", vkey(self.log_key).encode() + b"\n")
        put(folder, "checkpoint", self.checkpoint(size))
        for k, (entry, *_) in enumerate((h for h in self.handovers if h[0] < size), 1):
            put(folder, f"handover/{k}", self.checkpoint(entry + 1))
        for at, note in dict(remembered).items():
            put(folder, f"checkpoints/{at}", note)


def openings(bundle, opened, missing=None):
    return json.dumps({"bundle": bundle, "openings": [{"entry": n, "opening": base64.b64encode(o).decode()} for n, o in opened.items()],
                       "missing": [{"entry": n, "reason": why} for n, why in (missing or {}).items()]}).encode() + b"\n"


def put(folder, path, data):
    path = pathlib.Path(folder) / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def unseal(log):
    for who in ("property/1", "property/2", "residents/1", "residents/2"):
        group, number = who.split("/")
        log.add("unseal-share", {"by": who, "group": group, "share": int(number)})
    log.add("unsealed", {"by": ["property/1", "property/2", "residents/1", "residents/2"]}, 0)


def start_daemon(log, same_daemon=False):
    """Of a new daemon, or of one that goes on after a sealing by request."""
    if not same_daemon:
        log.wall, log.uptime = log.wall + 5000, 10
    log.add("start", {"version": "1.0", "program": some_hex("program"), "config": some_hex("config"),
                      "unseal_to": some_hex(f"to {len(log.items)}"), "after_crash": False}, 0)


def _match(log, n):
    log.add("match", {"by": "door/1", "call": "verify", "decision": "no_match" if n % 3 else "match", "door": "north",
                      "model": "face", "site": "main", "subject": some_hex(f"pseudonym {n}", 16)})


def build(log_key="log"):
    """600 entries: two openings, 30 enrolments, erasures of both kinds, every type of event but destroyed access keys."""
    log = Log(log_key)
    log.add("genesis", genesis(log_key))
    start_daemon(log)
    unseal(log)
    log.add("period-key", {"purpose": "access", "site": "main", "period": "2026-11", "slot": 0})
    log.add("period-key", {"purpose": "changes", "site": "main", "period": "2026-11-18", "slot": 1})
    refs = [some_hex(f"ref {n}", 16) for n in range(30)]
    for n, ref in enumerate(refs):
        log.add("enrolled", {"by": "operator/1", "consent": some_hex(f"consent {n}"), "record": some_hex(f"record {n}"),
                             "ref": ref, "site": "main", "slot": 10 + n, "until": "2030-12-31"})
        log.add("template", {"by": "operator/1", "blob": some_hex(f"blob {n}"), "model": "face", "model_version": 1, "ref": ref,
                             "site": "main", "template": some_hex(f"template {n}", 16)})
        _match(log, n)
    log.add("sums", {"since": format_time(log.wall), "counts": {"bad-request": 3, "overload": 1}})
    for n in (3, 4):
        log.add("erased", {"by": "operator/1", "reason": "operator", "ref": refs[n], "site": "main"})
    log.add("suspended", {"by": "operator/1", "due": format_time(log.wall + 3 * DAY_MS + 10_000), "reason": "over-allowance",
                          "ref": refs[5], "site": "main"})
    log.add("metadata-read", {"by": "operator/1", "site": "main", "what": "list"})
    log.add("metadata-read", {"by": "property/1", "site": "main", "what": "export"})
    log.add("sealed", {"by": "residents/1", "reason": "request"})
    start_daemon(log, same_daemon=True)
    log.add("unseal-share", {"by": "property/3", "group": "property", "share": 3})
    log.add("unseal-ended", {"reason": "timeout"})
    unseal(log)
    while len(log.items) < 558:
        _match(log, len(log.items))
    log.add("openings-read", {"by": "auditor/1", "what": "bundle", "bundle": 1})
    log.add("openings-read", {"by": "auditor/1", "what": "register"})
    log.add("erased", {"by": "daemon", "reason": "delay-over", "ref": refs[5], "site": "main"}, 4 * DAY_MS)
    log.add("period-key-destroyed", {"purpose": "changes", "site": "main", "period": "2026-11-18"}, 31 * DAY_MS)
    while len(log.items) < 598:
        _match(log, len(log.items))
    log.add("sealed", {"by": "daemon", "reason": "shutdown"})
    start_daemon(log)
    return log
