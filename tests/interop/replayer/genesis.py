"""FORMAT.md section 5: the genesis body, what it must satisfy, and its signatures."""
import ipaddress
import re

from . import sshsig, tickets
from .canonical import Bad, Fields, canonical, is_int, is_slug
from .tree import Witness, sha256

ROLES = ("custodian", "operator", "door", "camera", "auditor")
ACTIONS = {"export", "principal", "rule", "custodian", "threshold", "policy", "site", "model", "reveal", "witness", "cancel", "rotate", "reshare", "restore",
           "ticket"}
# Whose rule it is where a vault has none of the class.
FALLBACK = {"cancel": "policy", "rotate": "custodian", "reshare": "custodian", "restore": "custodian", "ticket": "custodian"}
PLACES = ("entrance", "gate", "lobby", "corridor", "lift", "office", "machine-room", "parking", "warehouse")


def read_each(f, key, limit, reader):
    for item in f.list(key, limit):
        sub = Fields(item, f"{key} of {f.what}")
        reader(sub)
        sub.end()


def read_sub(f, key, reader):
    sub = Fields(f.object(key), key)
    reader(sub)
    sub.end()


def _share(f):
    f.int("number", 1, 16), f.hex("commitment", 32)
    if not all(is_int(h) and 1 <= h <= 64 for h in f.list("holders", 8)):
        f.refuse("holders", "is no list of numbers from 1 to 64")


def read_group(f):
    f.slug("id"), f.int("threshold", 1, 16), read_each(f, "shares", 16, _share)


def _slugs(f, key, limit):
    if f.has(key) and not (f.list(key, limit) and all(is_slug(v) for v in f.value[key])):
        f.refuse(key, "is no list of slugs with something in it")


def read_principal(f):
    f.principal("id"), f.hex("key", 32), f.hex("name", 32)
    if f.one_of("role", ROLES) == "custodian":
        f.text("approval_key", 1024), f.bool("deputy")
        if f.has("approval_held"):
            f.text("approval_held", 16)
        if f.has("approval_evidence"):
            f.hex("approval_evidence", 32)
    _slugs(f, "sites", 64), _slugs(f, "doors", 1000)
    if f.has("until"):
        f.day("until")
    if f.has("signing_key") and not f.text("signing_key", 1024):
        f.refuse("signing_key", "is empty")


def _rule(f):
    f.int("delay_s", 0, 7_776_000), f.int("lifetime_s", 1, 31_622_400)
    if f.has("uses"):
        f.int("uses", 2, 1000)
    for group, count in f.object("groups").items():
        if not is_slug(group) or not is_int(count) or not 1 <= count <= 64:
            f.refuse("groups", "is no list of group and number")


def read_rules(f):
    for action, rule in f.object("rules").items():
        sub = Fields(rule, f"the rule {action}")
        _rule(sub), sub.end()


def read_door(f):
    f.slug("id"), f.one_of("class", PLACES)


def _budget(f):
    if f.int("burst", 1, 1_000_000) * f.int("refill_ms", 1, 86_400_000) > 86_400_000:
        f.refuse("burst", "takes longer than a day to fill")


def read_budgets(f):
    for key in ("camera", "door", "subject", "subject_door"):
        read_sub(f, key, _budget)
    f.int("unsigned_cost", 1, 1000), f.int("repeat_cost", 1, 1000)


def read_site(f, opened=True):
    """`opened` False: of an action, before the site has a key."""
    if opened:
        f.int("epoch", 1, 1_000_000), f.hex("check", 32)
    f.slug("id"), f.slug("purpose"), f.slug("alternative")
    f.int("access_log_days", 1, 3660), f.int("erase_daily", 0, 100_000), f.bool("hide_subject")
    if f.has("signed_probes"):
        f.one_of("signed_probes", ("required",))
    if f.has("min_pad"):
        f.int("min_pad", 1, 3)
    read_sub(f, "assessment", lambda a: (a.day("date"), a.hex("digest", 32)))
    read_each(f, "doors", 1000, read_door)
    if f.has("budgets"):
        read_sub(f, "budgets", read_budgets)


def read_model(f):
    f.slug("id"), f.int("version", 1, 1_000_000), f.int("dimension", 64, 1024)
    f.int("verify_threshold", -1_000_000, 1_000_000), f.int("identify_threshold", -1_000_000, 1_000_000)


def read_evidence(f):
    f.text("mechanism", 32)
    flags = {key: f.bool(key) for key in ("local", "sensitive", "always_sensitive", "extractable", "never_extractable")}
    if [k for k, v in flags.items() if v == (k == "extractable")]:
        raise Bad("a token key was not made inside the token, or could leave it")


def _token(f):
    for key in ("manufacturer", "model", "serial", "firmware"):
        f.text(key, 64)
    f.one_of("class", ("software", "hardware"))
    read_sub(f, "root", read_evidence), read_sub(f, "log_sign", read_evidence)


def read_witnesses(f):
    f.int("quorum", 1, 16), f.one_of("on_missing", ("open", "closed"))
    read_each(f, "list", 16, lambda w: (w.text("vkey", 512), w.text("url", 256), w.hex("key", 32)))


def read_signature(f):
    f.principal("by"), f.text("signature", 4096)


def read_genesis(f):
    f.int("format", 1, 1), f.int("suite", 1, 1), f.hex("vault", 16)
    if not re.fullmatch(r"[\x21-\x2a\x2c-\x7e]+", f.text("origin", 120)):
        f.refuse("origin", "is not printable ASCII without space and plus")
    f.bool("rehearsal"), f.one_of("preset", ("small", "standard", "one-group")), f.int("share_set", 0, 32767)
    for key in ("unseal_key", "server_key", "transcript", "program"):
        f.hex(key, 32)
    f.text("log_key", 512)
    if f.has("spare_key"):
        f.hex("spare_key", 32)
    if f.has("rotate_days"):
        f.int("rotate_days", 1, 3650)
    if f.has("witnesses"):
        read_sub(f, "witnesses", read_witnesses)
    if f.has("ticket"):
        read_sub(f, "ticket", tickets.read_policy)
    read_sub(f, "register", lambda r: (r.hex("check", 32), r.int("epoch", 1, 1_000_000)))
    read_each(f, "groups", 8, read_group), read_each(f, "principals", 1000, read_principal)
    read_each(f, "sites", 64, read_site), read_each(f, "models", 200, read_model), read_sub(f, "token", _token)
    read_rules(f)
    read_each(f, "signatures", 128, read_signature)


def _must(good, why):
    if not good:
        raise Bad("genesis: " + why)


def _different(values, why):
    values = list(values)
    _must(len(set(values)) == len(values), why)


def _check_groups(g):
    groups = g["groups"]
    _different((x["id"] for x in groups), "two groups of one name")
    _different((s["commitment"] for x in groups for s in x["shares"]), "two cards are the same")
    for x in groups:
        shares, threshold = x["shares"], x["threshold"]
        _must(x["id"] not in ROLES and x["id"] != "daemon", "a group is called after a role")
        _must([s["number"] for s in shares] == list(range(1, len(shares) + 1)), "cards are not numbered in order")
        _must(all(s["holders"] for s in shares), "a card has no holder")
        _different((h for s in shares for h in s["holders"]), "one person holds two cards of a group")
        _must(threshold <= len(shares), "a threshold that the cards can't meet")
        _must(threshold > 1 or len(shares) == 1, "a threshold of one with several cards")
    thresholds, sizes = [x["threshold"] for x in groups], [len(x["shares"]) for x in groups]
    _must(sum(thresholds) >= 2, "one card would open the vault")
    if g["preset"] == "one-group":
        _must(len(groups) == 1 and thresholds[0] >= 2, "preset one-group is one group, threshold at least 2")
        return
    _must(len(groups) >= 2, "fewer than two groups")
    _must(g["preset"] != "small" or set(sizes) == {1}, "preset small has one card in each group")
    _must(g["preset"] != "standard" or (min(thresholds) >= 2 and all(n > t for n, t in zip(sizes, thresholds))),
          "preset standard takes two cards or more of each group, and has more")


def _check_custodian(g, p, group, number):
    holders = {h for x in g["groups"] if x["id"] == group for s in x["shares"] for h in s["holders"]}
    _must(number in holders, "a custodian holds no card of an own group")
    _must("sites" not in p and "doors" not in p, "a custodian has a scope")
    key, held = sshsig.Key.from_text(p["approval_key"]), p.get("approval_held")
    _must(held in (None, "file", "token", "fido2"), "an approval key lies somewhere unknown")
    _must(held is not None or "approval_evidence" not in p, "evidence of no holder")
    _must(held is None or (held == "fido2") == key.type.startswith(b"sk-"), "an approval key is not of the type of its holder")
    return key.spki


def _check_scope(g, p, prefix):
    sites, doors, role = p.get("sites", []), p.get("doors", []), p["role"]
    _must(prefix == role, "a principal is not called after its role")
    known = {s["id"]: {d["id"] for d in s["doors"]} for s in g["sites"]}
    _must(set(sites) <= set(known), "a scope names a site that does not exist")
    _must(set(doors) <= set().union(*(known[s] for s in sites)), "a scope names a door that does not exist")
    _must(role != "operator" or (sites and not doors), "an operator needs sites and no doors")
    _must(role != "door" or (len(sites) == 1 and doors), "a door key needs one site and doors")
    _must(role != "auditor" or not (sites or doors), "an auditor has a scope")


def _check_signing_key(p):
    if "signing_key" in p:
        _must(p["role"] in ("camera", "door"), "a signing key of neither camera nor door")
        key = sshsig.Key.from_text(p["signing_key"])
        _must(not key.type.startswith(b"sk-") and sha256(key.spki).hex() == p["key"], "a signing key is not the registered key")


def may_sign(p, site, door=None):
    """May this principal sign probes for the place? Without `door`: for enrolment."""
    return "signing_key" in p and site in p.get("sites", ()) and ("doors" not in p or door in p["doors"])


def _check_principals(g):
    people, approval = g["principals"], []
    for key in ("id", "key", "name"):
        _different((p[key] for p in people), f"two principals with the same {key}")
    for p in people:
        m = re.fullmatch(r"([a-z][a-z0-9-]{0,63})/([1-9][0-9]{0,3})", p["id"])
        _must(m, "a principal's id is not a slug and a number")
        if p["role"] == "custodian":
            approval.append(_check_custodian(g, p, m[1], int(m[2])))
        else:
            _check_scope(g, p, m[1])
        _check_signing_key(p)
    _different(approval, "two custodians with the same approval key")
    ids = {p["id"] for p in people}
    for x in g["groups"]:
        _must(all(f"{x['id']}/{h}" in ids for s in x["shares"] for h in s["holders"]), "a holder is no principal")


def group_of(custodian):
    return custodian.split("/")[0]


def check_rules(g, counts=lambda p: True):
    """Every rule can be met by the custodians (principals) for whom `counts`."""
    people = {x["id"]: 0 for x in g["groups"]}
    for p in g["principals"]:
        if p["role"] == "custodian" and counts(p):
            people[group_of(p["id"])] += 1
    _must({*g["rules"], *FALLBACK} == ACTIONS, "not exactly one rule for every action class")
    _must(not g["rules"].get("cancel", {}).get("delay_s"), "a rule to cancel that waits")
    for action, rule in g["rules"].items():
        _must(all(n <= people.get(x, 0) for x, n in rule["groups"].items()), "a rule that its groups can't meet")
        _must(sum(rule["groups"].values()) >= 2, "a rule that one person can satisfy")
        _must(len(people) < 2 or len(rule["groups"]) >= 2, "a rule that one group can satisfy")
        _must(action == "export" or "uses" not in rule, "a rule with uses of what happens once")


_PREFIX_URL = re.compile(r"https://(?!/)[^\x00-\x20\x7f-\U0010ffff?#@%\\\"]*[^\x00-\x20\x7f-\U0010ffff?#@%\\\"/]")


def _is_prefix_url(url):
    if not _PREFIX_URL.fullmatch(url):
        return False
    authority = re.fullmatch(r"(\[([^\]]*)\]|[^:\[\]]*)(:([1-9][0-9]{0,4}))?", url[len("https://"):].split("/")[0])
    if not authority or int(authority[4] or 1) > 65535:
        return False
    try:
        return bool(ipaddress.IPv6Address(authority[2]) if authority[2] is not None else ipaddress.IPv4Address(authority[1]))
    except ValueError:
        return False


def _check_witnesses(w):
    _must(1 <= w["quorum"] <= len(w["list"]), "the witnesses' quorum is not between 1 and their number")
    keys = [Witness(x["vkey"]) for x in w["list"]]
    _different((k.name for k in keys), "two witnesses of one name")
    _different((k.key for k in keys), "two witnesses with the same key")
    _different((x["url"] for x in w["list"]), "two witnesses at one URL")
    _different((x["key"] for x in w["list"]), "two witnesses with the same TLS key")
    _must(all(_is_prefix_url(x["url"]) for x in w["list"]), "a witness's URL is not https://address[:port][/path]")


def check_body(g):
    """Everything under "What a genesis must satisfy" but the signatures; Bad otherwise."""
    _check_groups(g)
    _must(g["sites"] and g["models"], "no site or no model")
    for key in ("sites", "models"):
        _different((x["id"] for x in g[key]), f"two {key} of one name")
    for s in g["sites"]:
        _different((d["id"] for d in s["doors"]), "two doors of one name")
    _check_principals(g)
    check_rules(g)
    if "witnesses" in g:
        _check_witnesses(g["witnesses"])
    if "ticket" in g:
        tickets.check_policy(g, _is_prefix_url)


def check_genesis(g):
    check_body(g)
    unsigned = {k: v for k, v in g.items() if k != "signatures"}
    statement = canonical({"digest": sha256(canonical(unsigned)).hex(), "v": 1, "vault": g["vault"], "verb": "genesis"})
    check_signatures(g["principals"], g["signatures"], statement)


def check_signatures(principals, signatures, statement):
    """Of a ceremony: every custodian, once, and nobody else."""
    keys = {p["id"]: p["approval_key"] for p in principals if p["role"] == "custodian"}
    _must(sorted(s["by"] for s in signatures) == sorted(keys), "not every custodian signed exactly once")
    for s in signatures:
        sshsig.verify(s["signature"], keys[s["by"]], "facekeep-ceremony", statement)
