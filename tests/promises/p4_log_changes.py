"""Logs that whoever holds the log key wrote and signed: what only the rules, or an earlier checkpoint, show. A library of
p4_anyone_can_replay.py."""
from replayer.canonical import canonical, format_time, parse_time
from replayer.events import TYPES
from replayer.synthetic import Item, build, sign_genesis

CASES = []  # (name, change(log) -> log or None, entries that may be named first, severity, are checkpoints remembered?)


def case(name, entries, severity="error", remembered=False):
    def add(change):
        CASES.append((name, change, entries, severity, remembered))
        return change
    return add


def history(name, entries):
    return case(name, entries, remembered=True)


# ---- histories. The auditor remembers the checkpoints at 300 and 512 entries.

history("the tail cut off behind what was seen", {400})(lambda log: setattr(log, "items", log.items[:400]))
history("an old mirror put back", {300})(lambda log: setattr(log, "items", log.items[:300]))
history("the log emptied to its genesis", {1})(lambda log: setattr(log, "items", log.items[:1]))
history("a second history from before the first memory", range(0, 300))(lambda log: log.items.pop(250))
history("a second history between the memories", range(300, 512))(lambda log: log.items.pop(450))
history("two entries exchanged and all signed again", range(300, 512))(
    lambda log: log.items.__setitem__(slice(450, 452), log.items[451:449:-1]))
history("another vault's whole log with a key of its own", None)(lambda log: build("stranger"))


# ---- the text of an event

def text_case(name, at, change, entries=None):
    @case(name, entries or {at})
    def _(log):
        item = log.items[at]
        item.text = change(canonical(item.event))


START, SHARE, UNSEALED, ENROLLED, TEMPLATE, MATCH, SUMS = 1, 2, 6, 9, 10, 11, 99
text_case("a field more in the envelope", START, lambda t: t.replace(b',"v":1}', b',"v":1,"w":1}'))
text_case("a field more in a body", ENROLLED, lambda t: t.replace(b'{"by"', b'{"age":40,"by"'))
text_case("a score in a match", MATCH, lambda t: t.replace(b'"site":"main",', b'"score":1,"site":"main",'))
text_case("a field missing", ENROLLED, lambda t: t.replace(b',"slot":10', b""))
text_case("a space", START, lambda t: t.replace(b",", b", ", 1))
text_case("a space in a custody event", ENROLLED, lambda t: t.replace(b",", b", ", 1))
text_case("a newline behind an event", START, lambda t: t + b"\n")
text_case("fields in another order", START, lambda t: t.replace(b',"v":1}', b"}").replace(b'{"body"', b'{"v":1,"body"'))
text_case("a field twice", START, lambda t: t.replace(b',"v":1}', b',"v":1,"v":1}'))
text_case("a fraction", START, lambda t: t.replace(b'"v":1}', b'"v":1.0}'))
text_case("an exponent", START, lambda t: t.replace(b'"v":1}', b'"v":1e0}'))
text_case("a number too large", START, lambda t: t.replace(b'"uptime_ms":10,', b'"uptime_ms":9007199254740992,'))
text_case("an escape that is not needed", START, lambda t: t.replace(b"1.0", b"1\\u002e0"))
text_case("a surrogate alone", START, lambda t: t.replace(b'"1.0"', b'"\\ud800"'))
text_case("bytes that are not UTF-8", START, lambda t: t.replace(b'"1.0"', b'"\xff\xfe"'))
text_case("upper-case hexadecimal", ENROLLED, lambda t: t.replace(t[t.index(b'"ref":"') + 7:][:32], b"AB" * 16))
text_case("an unknown version", START, lambda t: t.replace(b'"v":1}', b'"v":2}'))
text_case("an unknown type", SUMS, lambda t: t.replace(b'"type":"sums"', b'"type":"sum"'))
text_case("an unknown kind of sum", SUMS, lambda t: t.replace(b'"overload"', b'"overloads"'))
text_case("another class", MATCH, lambda t: t.replace(b'"class":"access"', b'"class":"custody"'))
text_case("a time that is none", START, lambda t: t.replace(b"T", b" ", 1))
text_case("a day that does not exist", ENROLLED, lambda t: t.replace(b"2030-12-31", b"2030-02-30"))
text_case("no JSON at all", START, lambda t: b"hello")
text_case("an empty entry", SHARE, lambda t: b"")


@case("a private event in clear", {ENROLLED})
def _(log):
    log.items[ENROLLED].raw = canonical(log.items[ENROLLED].event)


@case("a private entry with a space", {MATCH})
def _(log):
    log.items[MATCH].raw = log.items[MATCH].parts(MATCH)[0].replace(b",", b", ", 1)


@case("a custody event behind an access entry", {ENROLLED})
def _(log):
    log.items[ENROLLED].raw = log.items[ENROLLED].parts(ENROLLED)[0].replace(b"custody", b"access")


# ---- the rules

def rule_case(name, kind, change, nth=0):
    at = BASE.find(kind, nth)

    @case(name, {at})
    def _(log):
        change(log.items[at].event["body"])


def insert_case(name, at, kind, body):
    @case(name, {at})
    def _(log):
        old = log.items[at - 1].event
        log.items.insert(at, Item({**old, "class": TYPES[kind][0], "type": kind, "body": body}))


BASE = build()
body_of = {kind: BASE.items[BASE.find(kind)].event["body"]
           for kind in ("genesis", "start", "unseal-share", "unsealed", "enrolled", "template", "erased", "match", "period-key", "sealed",
                        "openings-read")}
rule_case("a card from somebody who does not hold it", "unseal-share", lambda b: b.update(by="property/2"))
rule_case("a card from an operator", "unseal-share", lambda b: b.update(by="operator/1"))
rule_case("a card of a group that does not exist", "unseal-share", lambda b: b.update(group="nobody"))
rule_case("a card that does not exist", "unseal-share", lambda b: b.update(share=4))
insert_case("a card twice", 3, "unseal-share", body_of["unseal-share"])
insert_case("an opening without its quorum", 4, "unsealed", {"by": ["property/1", "property/2"]})
rule_case("an opening that names another card", "unsealed", lambda b: b["by"].__setitem__(3, "residents/3"))
rule_case("an opening that names the cards out of order", "unsealed", lambda b: b["by"].reverse())
insert_case("an enrolment in a sealed vault", 2, "enrolled", body_of["enrolled"])
insert_case("a match in a sealed vault", 2, "match", body_of["match"])
insert_case("a second genesis", 5, "genesis", body_of["genesis"])
insert_case("an enrolment twice", 12, "enrolled", {**body_of["enrolled"], "slot": 99})
insert_case("a key slot with two owners", 12, "enrolled", {**body_of["enrolled"], "ref": "ab" * 16})
insert_case("a key of a period twice", 9, "period-key", {**body_of["period-key"], "slot": 99})
rule_case("an enrolment by a door", "enrolled", lambda b: b.update(by="door/1"))
rule_case("an enrolment by the other site's operator", "enrolled", lambda b: b.update(by="operator/2"))
rule_case("a template of nobody", "template", lambda b: b.update(ref="ab" * 16))
rule_case("a template of an unknown model", "template", lambda b: b.update(model="other"))
rule_case("a template of another version of the model", "template", lambda b: b.update(model_version=2))
insert_case("a template id twice", 11, "template", body_of["template"])
rule_case("an erasure of nobody", "erased", lambda b: b.update(ref="ab" * 16))
rule_case("an erasure before its delay was over", "erased", lambda b: b.update(by="daemon", reason="delay-over"))
insert_case("an erasure beyond the day's allowance", BASE.find("erased", 1) + 1, "erased",
            {**body_of["erased"], "ref": BASE.items[BASE.find("enrolled", 9)].event["body"]["ref"]})
rule_case("a suspension that ends too early", "suspended", lambda b: b.update(due=format_time(parse_time(b["due"]) - 60_000)))
rule_case("a sealing by an operator", "sealed", lambda b: b.update(by="operator/1"))
rule_case("a match outside the door's scope", "match", lambda b: b.update(door="side"))
rule_case("a match by an operator", "match", lambda b: b.update(by="operator/1"))
rule_case("a match with an unknown model", "match", lambda b: b.update(model="other"))
rule_case("metadata read by an auditor", "metadata-read", lambda b: b.update(by="auditor/1"))
rule_case("the people of an export read by an operator", "metadata-read", lambda b: b.update(what="export"))
rule_case("openings read by an operator", "openings-read", lambda b: b.update(by="operator/1"))
rule_case("openings read of a bundle beyond the log", "openings-read", lambda b: b.update(bundle=3))
rule_case("openings read of no bundle", "openings-read", lambda b: b.pop("bundle"))
rule_case("a register read with a bundle", "openings-read", lambda b: b.update(bundle=0), 1)
insert_case("openings read before the daemon started", 1, "openings-read", body_of["openings-read"])
insert_case("a key of a period destroyed early", 560, "period-key-destroyed", {"purpose": "changes", "site": "main", "period": "2026-11-18"})


# ---- genesis

def genesis_case(name, change, resign=False):
    @case(name, {0})
    def _(log):
        body = log.items[0].event["body"]
        change(body)
        if resign:
            log.items[0].event["body"] = sign_genesis(body)


genesis_case("genesis: a threshold loosened after the signatures", lambda b: b["models"][0].update(verify_threshold=1))
genesis_case("genesis: a signature missing", lambda b: b["signatures"].pop())
genesis_case("genesis: one custodian's signature for another", lambda b: b["signatures"][1].update(signature=b["signatures"][0]["signature"]))
genesis_case("genesis: a rule that one person can satisfy", lambda b: b["rules"]["export"].update(groups={"property": 1}), True)
genesis_case("genesis: a rule missing", lambda b: b["rules"].pop("reveal"), True)
genesis_case("genesis: one card opens a group of several", lambda b: b["groups"][0].update(threshold=1), True)
genesis_case("genesis: the same approval key twice",
             lambda b: b["principals"][1].update(approval_key=b["principals"][0]["approval_key"]), True)
genesis_case("genesis: a token key that can leave", lambda b: b["token"]["root"].update(extractable=True), True)
genesis_case("genesis: more witnesses needed than there are", lambda b: b["witnesses"].update(quorum=3), True)
genesis_case("genesis: one witness counted twice",
             lambda b: b["witnesses"]["list"][1].update(vkey=b["witnesses"]["list"][0]["vkey"]), True)
genesis_case("genesis: a witness without a key that fits", lambda b: b["witnesses"]["list"][0].update(vkey=b["log_key"]), True)
genesis_case("genesis: a witness reached without TLS", lambda b: b["witnesses"]["list"][0].update(url="http://committee.example"), True)
genesis_case("genesis: one person holds two cards", lambda b: b["groups"][0]["shares"][1].update(holders=[1]), True)


# ---- clocks

@case("the wall clock runs backwards", {580}, "warning")
def _(log):
    event = log.items[580].event
    event["time"] = format_time(parse_time(event["time"]) - 3_600_000)


@case("the daemon's uptime runs backwards", {580})
def _(log):
    log.items[580].event["uptime_ms"] = 5
