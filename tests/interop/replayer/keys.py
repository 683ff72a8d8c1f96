"""FORMAT.md section 5a, "Rotation and re-share": the actions, the events, and what the state keeps meanwhile."""
import base64
import re

from .canonical import DAY_MS, Bad, canonical, format_day, is_slug, unbase64
from .genesis import check_signatures, read_each, read_evidence, read_group, read_principal, read_rules, read_signature, read_sub
from .recovery import LogKeys
from .tree import sha256

NEW_KEYS = ("rotate-keys", "reshare")
CEREMONIES = (*NEW_KEYS, "rotate-log-key")
WITH_PROOF = (*NEW_KEYS, "open-site")
DRAWS = (*CEREMONIES, "open-site")
BETWEEN_CEREMONIES_MS = DAY_MS
LAST_REF = "ff" * 16
_RSA = bytes.fromhex("300d06092a864886f70d0101010500")  # RFC 3279: rsaEncryption, NULL


def _must(good, why):
    if not good:
        raise Bad(why)


# Actions.

def read_spare(f):
    if f.has("spare"):
        f.text("spare", 2048)


def read_reshare(f):
    f.hex("unseal_key", 32), f.int("share_set", 0, 32767), f.hex("transcript", 32), read_spare(f)
    read_each(f, "groups", 8, read_group), read_each(f, "custodians", 128, read_principal)
    read_rules(f), read_each(f, "signatures", 128, read_signature)


def _der(data, tag):
    """The content of the one DER value of that tag in `data`, and what is behind it."""
    _must(len(data) > 1 and data[0] == tag, "a spare key is no DER")
    size, at = data[1], 2
    if size >= 0x80:
        at = 2 + size - 0x80
        size = int.from_bytes(data[2:at], "big")
        _must(at <= 4 and size >= (0x80 if at == 3 else 0x100), "a spare key has a length that is not DER")
    _must(len(data) >= at + size, "a spare key ends too early")
    return data[at:at + size], data[at + size:]


def _integer(data):
    content, rest = _der(data, 2)
    shortest = content and content[0] < 0x80 and (len(content) == 1 or content[0] or content[1] >= 0x80)
    _must(shortest, "a spare key has a number that is negative or not DER")
    return int.from_bytes(content, "big"), rest


def spare_digest(pem):
    """SHA-256 of the SubjectPublicKeyInfo; Bad unless it is exactly the PEM of a fit RSA key."""
    m = re.fullmatch(r"-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=\n]+)\n-----END PUBLIC KEY-----\n", pem)
    _must(m and len(pem) <= 2048, "a spare key is no PEM of a public key")
    der = unbase64(m[1].replace("\n", ""), "a spare key")
    text = base64.b64encode(der).decode()
    _must("\n".join(text[i:i + 64] for i in range(0, len(text), 64)) == m[1], "a spare key is not in the one form of its PEM")
    info, rest = _der(der, 0x30)
    _must(not rest and info.startswith(_RSA), "a spare key is no RSA key")
    bits, rest = _der(info[len(_RSA):], 3)
    _must(not rest and bits[:1] == b"\0", "a spare key is no RSA key")
    pair, rest = _der(bits[1:], 0x30)
    n, more = _integer(pair)
    e, end = _integer(more)
    _must(not rest and not end, "a spare key has something behind it")
    _must(2048 <= n.bit_length() <= 8192 and e % 2 and 17 <= e.bit_length() <= 64, "a spare key is not fit")
    return sha256(der).hex()


def change_spare(g, a):
    if "spare" in a:
        digest = spare_digest(a["spare"])
        _must(g.get("spare_key") != digest, "the spare key is the registered one")
        g["spare_key"] = digest


def cards_of(groups):
    return {s["commitment"] for x in groups for s in x["shares"]}


def statement(a, vault):
    unsigned = {k: v for k, v in a.items() if k != "signatures"}
    return canonical({"digest": sha256(canonical(unsigned)).hex(), "v": 1, "vault": vault, "verb": "reshare"})


def reshare(g, a):
    """All but the rules."""
    _must(a["unseal_key"] != g["unseal_key"] and a["share_set"] != g["share_set"], "the unseal key or the share set is the present one")
    _must(len(g["groups"]) == 1 or len(a["groups"]) > 1, "a vault of two groups stays one of two")
    _must(not cards_of(a["groups"]) & cards_of(g["groups"]), "a card is one of the present cards")
    _must(all(p["role"] == "custodian" for p in a["custodians"]), "somebody among the custodians has another role")
    registered = {p["id"]: p for p in g["principals"]}
    for p in a["custodians"]:
        now = registered.get(p["id"], p)
        _must(all(p.get(x) == now.get(x) for x in ("key", "approval_key", "name")), f"{p['id']} would get another key, approval key or name")
    change_spare(g, a)
    single = all(x["threshold"] == 1 and len(x["shares"]) == 1 for x in a["groups"])
    g["preset"] = "one-group" if len(a["groups"]) == 1 else "small" if single else "standard"
    g.update(groups=a["groups"], unseal_key=a["unseal_key"], share_set=a["share_set"])
    g["principals"] = a["custodians"] + [p for p in g["principals"] if p["role"] != "custodian"]
    _must(len(g["principals"]) <= 1000, "the vault would have too many principals")
    check_signatures(g["principals"], a["signatures"], statement(a, g["vault"]))


# Events.

def read_keys(f):
    f.int("epoch", 2, 1_000_000), f.hex("register_check", 32), read_sub(f, "root", read_evidence)
    checks = f.object("checks")
    good = all(is_slug(k) and isinstance(v, str) and re.fullmatch("[0-9a-f]{64}", v) for k, v in checks.items())
    if not good or len(checks) > 64:
        f.refuse("checks", "is no list of sites with 32 bytes each")


def read_rewrapped(f):
    f.int("epoch", 2, 1_000_000), f.hex("upto", 16), f.hex("root", 32)


def read_retired(f):
    f.int("epoch", 1, 1_000_000)
    if f.has("lost") and f.bool("lost") is not True:
        f.refuse("lost", "is there and not true")


def new_check(site, epoch, check):
    site["epoch"], site["check"] = epoch, check


class Keys(LogKeys):
    """What a State has besides. A rotation is {"from","to","upto","entry","register","sites","proof","untried","before"}: the checks are the old ones;
    before: the groups whose cards opened the vault before those that are untried.

    A proof is (proposal, hex); this fold has no key to check it with.
    """

    def __init__(self):
        LogKeys.__init__(self)
        self.rotation, self.retired = None, set()
        self.scheduled = None  # (time, clock) from which the days of the schedule run
        self.site_proofs, self.ended_ceremonies = {}, {}

    def epoch(self):
        return self.current["register"]["epoch"]

    def _check_not_retired(self, action):
        if action["kind"] == "reshare":
            _must(not self.retired & {action["unseal_key"], *cards_of(action["groups"])}, "a card or the unseal key is of an earlier set")

    def _take_keys(self, after, keys, proof):
        """`after` is current after the action."""
        before, epoch = self.current, self.epoch()
        untried = after["unseal_key"] != before["unseal_key"]
        _must(keys["epoch"] == epoch + 1, "new keys of another epoch than the next")
        _must(set(keys["checks"]) == set(self.sites), "not a new key for each site")
        _must(keys["register_check"] != before["register"]["check"], "the vault's own key was not drawn anew")
        old = {name: site["check"] for name, site in self.sites.items()}
        for site in after["sites"]:
            _must(keys["checks"][site["id"]] != site["check"], "a site's key was not drawn anew")
            new_check(site, keys["epoch"], keys["checks"][site["id"]])
        self.rotation = {"from": epoch, "to": keys["epoch"], "upto": "00" * 16, "entry": self.size,
                         "register": before["register"]["check"], "sites": old, "proof": proof, "untried": untried,
                         "before": before["groups"] if untried else None}
        self.site_proofs = {}
        if untried and self.recovery:
            self.recovery["renewed"] = epoch
        if untried:
            self._retire_cards()
        after["register"] = {"check": keys["register_check"], "epoch": keys["epoch"]}
        after["token"] = {**after["token"], "root": keys["root"]}
        for _, site, _ in self.period_keys:
            self.wraps[site] = self.wraps.get(site, 0) + 1

    def _note_schedule(self, new_keys, time, now):
        """Behind a change of current."""
        if not self.current.get("rotate_days"):
            self.scheduled = None
        elif new_keys or not self.scheduled:
            self.scheduled = max(time, self.public_latest), now

    def _key_epoch(self, ref):
        r = self.rotation
        return self.epoch() if not r or ref <= r["upto"] else r["from"]

    def _horizon(self, ref):
        """What the receipt of an erasure promises."""
        out = {"epoch": self._key_epoch(ref), "spare": "spare_key" in self.current}
        was_lost = any(not retired or self.subjects[ref]["entry"] < retired for retired in self.lost_roots.values())
        if self.scheduled and not was_lost:
            rules = self.current["rules"]
            delay_ms = rules.get("rotate", rules["custodian"])["delay_s"] * 1000
            out["by"] = format_day(self.scheduled[0] + (self.current["rotate_days"] + 1) * DAY_MS + delay_ms)
        return out

    def _retire_cards(self):
        self.retired |= {self.current["unseal_key"], *cards_of(self.current["groups"])}

    def _renews_cards_alone(self, action):
        r = self.rotation
        return bool(action["kind"] == "reshare" and "spare" not in action and r and r["untried"])

    def _take_cards(self, proof):
        """In place of the untried ones; the keys stay, and so do the cards before."""
        self.rotation["proof"] = proof
        self._retire_cards()

    def _card_groups(self, before):
        """Of the cards in force, or of those before while these are untried."""
        if not before:
            return self.groups
        r = self.rotation
        _must(r and r["untried"] and r["from"] not in self.lost_roots, "a set that opens nothing")
        return {g["id"]: g for g in r["before"]}

    def _rewrapped(self, body, *_):
        r = self.rotation
        _must(r and body["epoch"] == r["to"], "a rewrapping without a rotation, or under keys of another epoch")
        _must(body["upto"] > r["upto"] and body["upto"] not in self.subjects, "a rewrapping out of order, or up to a subject")
        for ref, s in self.subjects.items():
            if r["upto"] < ref <= body["upto"]:
                self.wraps[s["site"]] = self.wraps.get(s["site"], 0) + 1
        r["upto"] = body["upto"]

    def _keys_retired(self, body, *_):
        r = self.rotation
        _must(r and body["epoch"] == r["from"], "the end of keys that were not replaced")
        _must(r["upto"] == LAST_REF, "the end of keys that subjects still need")
        _must(not r["untried"], "the end of the old keys before the new cards opened the vault")
        _must(body.get("lost", False) == (body["epoch"] in self.lost_roots), "a lost root, for exactly one that a recovery lost")
        if body["epoch"] in self.lost_roots:
            self.lost_roots[body["epoch"]] = self.size
        self.rotation = None
        if self.recovery and self.recovery.get("renewed") == body["epoch"]:
            self.recovery = None

    def _note_end(self, p, now):
        """Of a proposal that was vetoed or withdrawn."""
        if p["made"]["action"]["kind"] in CEREMONIES:
            self.ended_ceremonies[p["made"]["by"]] = now

    def _key_lines(self):
        for who in sorted(self.ended_ceremonies):
            yield f"ceremony-ended {who} {self.ended_ceremonies[who]}"
        for site in sorted(self.site_proofs):
            yield " ".join(("site-proof", site, *self.site_proofs[site]))
        for digest in sorted(self.retired):
            yield f"retired {digest}"
        r = self.rotation
        if r:
            yield f"rotation {r['from']} {r['to']} {r['upto']} {r['entry']}"
            yield " ".join(("keys-proof", *r["proof"]))
            if r["untried"]:
                yield "cards untried"
            yield f"old-register-check {r['register']}"
            for site in sorted(r["sites"]):
                yield f"old-check {site} {r['sites'][site]}"
        yield from self._log_key_lines()
