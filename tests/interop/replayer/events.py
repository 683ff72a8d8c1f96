"""FORMAT.md sections 3, 4 and 6: events, entries and openings, read strictly."""
import re

from . import exports, tickets
from .actions import read_action
from .canonical import Bad, Fields, parse, parse_day
from .genesis import read_each, read_genesis, read_sub
from .keys import read_keys, read_retired, read_rewrapped
from .recovery import read_recovered
from .tree import sha256

SUMS = {"handshake-unknown-key", "handshake-no-certificate", "handshake-tls", "handshake-timeout", "bad-request",
        "refused-role", "refused-scope", "refused-sealed", "overload", "bad-share",
        "refused-governance", "bad-probe", "over-budget"}
MAX_EVENT = 65535


def _start(f):
    f.text("version", 32)
    for key in ("program", "config", "unseal_to"):
        f.hex(key, 32)
    f.bool("after_crash")
    if f.has("budgets") and f.bool("budgets") is not True:
        f.refuse("budgets", "is there and not true")


def _before(f):
    if f.has("before") and f.bool("before") is not True:
        f.refuse("before", "is there and not true")


def _unseal_share(f):
    f.principal("by"), f.slug("group"), f.int("share", 1, 16), _before(f)


def _unsealed(f):
    for v in f.list("by", 128):
        if not isinstance(v, str) or len(v.encode()) > 72:
            f.refuse("by", "is no list of cards")
    _before(f)


def _unseal_ended(f):
    f.one_of("reason", ("timeout", "wrong-secret", "seal"))


def _sealed(f):
    f.principal("by"), f.one_of("reason", ("request", "shutdown", "token-gone"))


def _sums(f):
    f.time("since")
    counts = Fields(f.object("counts"), "counts")
    for kind in set(counts.value) & SUMS:
        counts.int(kind, 0, 2**53 - 1)
    counts.end()


def _openings_read(f):
    f.principal("by")
    if f.one_of("what", ("bundle", "register")) == "bundle":
        f.int("bundle", 0, (2**53 - 1) // 256)


def _proposal(f):
    f.principal("by"), f.hex("id", 16), f.slug("purpose"), read_action(f)
    if f.has("overrides"):
        f.hex("overrides", 16)


def _vote(f):
    f.principal("by"), f.hex("proposal", 16), f.hex("root", 32), f.int("rule", 0, 2**53 - 1)
    f.text("signature", 4096), f.int("size", 1, 2**53 - 1)


def _proposal_withdrawn(f):
    f.principal("by"), f.hex("proposal", 16)


def _proposal_done(f):
    f.hex("proposal", 16)
    if f.has("check"):
        f.hex("check", 32)
    if f.has("keys"):
        read_sub(f, "keys", read_keys)
    if f.has("proof"):
        f.hex("proof", 32)
    if f.has("log_key"):
        f.text("log_key", 512)


def _revoked(f):
    f.principal("by"), f.one_of("reason", ("lost", "left", "misuse", "other"))
    for v in f.list("principals", 1000):
        if not isinstance(v, str) or len(v.encode()) > 72:
            f.refuse("principals", "is no list of principals")


def _tightened(f):
    f.principal("by"), read_action(f)


def _custodian_suspended(f):
    f.principal("by"), f.principal("custodian")


def _alarms_acknowledged(f):
    f.principal("by"), f.int("entry", 0, 2**53 - 1)


def _backup_made(f):
    f.principal("by"), f.hex("digest", 32), f.hex("root", 32)
    f.int("since", 0, 2**53 - 1), f.int("size", 1, 2**53 - 1)


def _restored(f):
    f.int("entries", 0, 2**53 - 1), f.int("size", 1, 2**53 - 1), f.int("subjects", 0, 2**53 - 1)


def _enrolled(f):
    f.principal("by"), f.hex("consent", 32), f.hex("record", 32), f.hex("ref", 16), f.slug("site")
    f.int("slot", 0, 2**32 - 1), f.day("until")


def _camera(f):
    if f.has("camera"):
        f.principal("camera"), f.hex("nonce", 16), f.int("pad", 0, 3)


def _template(f):
    f.hex("blob", 32), f.principal("by"), f.slug("model"), f.int("model_version", 1, 1_000_000)
    f.hex("ref", 16), f.slug("site"), f.hex("template", 16), _camera(f)


def _erased(f):
    f.principal("by"), f.one_of("reason", ("operator", "delay-over")), f.hex("ref", 16), f.slug("site")
    if f.has("horizon"):
        read_sub(f, "horizon", _horizon)


def _horizon(f):
    f.int("epoch", 1, 1_000_000), f.bool("spare")
    if f.has("by"):
        f.day("by")


def _suspended(f):
    f.principal("by"), f.time("due"), f.one_of("reason", ("over-allowance",)), f.hex("ref", 16), f.slug("site")


def _period(f):
    month = f.one_of("purpose", ("access", "changes")) == "access"
    if parse_day(f.text("period", 10) + ("-01" if month else "")) is None:
        f.refuse("period", "is no month (access) or day (changes)")
    f.slug("site")


def _period_key(f):
    _period(f), f.int("slot", 0, 2**32 - 1)


def _match(f):
    f.principal("by"), f.one_of("call", ("verify", "identify")), f.one_of("decision", ("match", "no_match", "refer"))
    f.slug("door"), f.slug("model"), f.slug("site"), _camera(f)
    if f.has("request"):
        mark = Fields(f.object("request"), "request")
        mark.hex("body", 32), mark.hex("id", 32), mark.end()
    if f.has("over"):
        f.one_of("over", ("door", "camera", "subject"))
    if f.has("repeat"):
        f.one_of("repeat", ("exact", "near", "chain"))
    if f.has("subject"):
        f.hex("subject", 16)


def _metadata_read(f):
    f.principal("by"), f.slug("site"), f.one_of("what", ("list", "subject", "changes", "export"))
    if f.has("subject"):
        f.hex("subject", 16)


# type -> class, reader of the body, input of the phase table (section 7)
TYPES = {
    "genesis": ("governance", read_genesis, "genesis"),
    "start": ("governance", _start, "start"),
    "unseal-share": ("governance", _unseal_share, "unseal-share"),
    "unsealed": ("governance", _unsealed, "unsealed"),
    "unseal-ended": ("governance", _unseal_ended, "unseal-ended"),
    "sealed": ("governance", _sealed, "sealed"),
    "sums": ("governance", _sums, "sums"),
    "openings-read": ("governance", _openings_read, "sums"),
    "proposal": ("governance", _proposal, "sums"),
    "approval": ("governance", _vote, "sums"),
    "veto": ("governance", _vote, "sums"),
    "proposal-withdrawn": ("governance", _proposal_withdrawn, "sums"),
    "proposal-done": ("governance", _proposal_done, "sums"),
    "revoked": ("governance", _revoked, "sums"),
    "tightened": ("governance", _tightened, "sums"),
    "custodian-suspended": ("governance", _custodian_suspended, "sums"),
    "alarms-acknowledged": ("governance", _alarms_acknowledged, "sums"),
    "export-sealed": ("governance", lambda f: exports.read_sealed(f, read_each), "sums"),
    "export-ended": ("governance", exports.read_ended, "sums"),
    "export-given": ("governance", exports.read_given, "sums"),
    "rewrapped": ("governance", read_rewrapped, "widening"),
    "keys-retired": ("governance", read_retired, "narrowing"),
    "backup-made": ("governance", _backup_made, "sums"),
    "restored": ("governance", _restored, "sums"),
    "recovered": ("governance", read_recovered, "recovered"),
    "ticket-made": ("governance", tickets.read_made, "sums"),
    "ticket-used": ("governance", tickets.read_used, "ticket-used"),
    "ticket-ended": ("governance", tickets.read_ended, "sums"),
    "enrolled": ("custody", _enrolled, "widening"),
    "template": ("custody", _template, "widening"),
    "erased": ("custody", _erased, "narrowing"),
    "suspended": ("custody", _suspended, "narrowing"),
    "export-subjects": ("custody", exports.read_subjects, "widening"),
    "exported": ("custody", exports.read_exported, "widening"),
    "period-key": ("custody", _period_key, "widening"),
    "period-key-destroyed": ("custody", _period, "narrowing"),
    "match": ("access", _match, "access"),
    "metadata-read": ("access", _metadata_read, "access"),
}


def read_event(text):
    """The event of a canonical text: a dictionary with the fields of section 3."""
    if len(text) > MAX_EVENT:
        raise Bad("an event is longer than 65,535 bytes")
    f = Fields(parse(text), "event")
    f.int("v", 1, 1), f.time("time"), f.int("uptime_ms", 0, 2**53 - 1)
    kind = f.one_of("type", TYPES)
    if f.one_of("class", ("governance", "custody", "access")) != TYPES[kind][0]:
        f.refuse("class", "is not that of its type")
    body = Fields(f.object("body"), kind)
    f.end()
    TYPES[kind][1](body)
    body.end()
    return f.value


_PRIVATE = re.compile(rb'\{"class":"(custody|access)","commitment":"([0-9a-f]{64})","v":1\}')


def read_entry(data):
    """("governance", event) or (class, commitment)."""
    m = _PRIVATE.fullmatch(data)
    if m:
        return m[1].decode(), bytes.fromhex(m[2].decode())
    event = read_event(data)
    if event["class"] != "governance":
        raise Bad("a private event stands in the public log in clear")
    return "governance", event


def open_entry(entry_class, commitment, opening):
    """The event of an opening in clear (0x01 || salt || event), checked against its entry."""
    if len(opening) < 34 or opening[0] != 1:
        raise Bad("its opening has not the form of one in clear")
    if sha256(b"facekeep/commitment/v1\0", opening[1:33], opening[33:]) != commitment:
        raise Bad("its opening does not fit its commitment")
    event = read_event(opening[33:])
    if event["class"] != entry_class:
        raise Bad("its opening is of another class than its entry")
    return event
