"""FORMAT.md section 5a, "Exports": what the action asks for, and the fold of an export, as a part of the state."""
import base64

from .canonical import Bad, canonical
from .tree import sha256

REASONS = ("over-limit", "nobody", "bad-recipient", "too-large")


def _must(good, why):
    if not good:
        raise Bad(why)


def _refs(f):
    refs = f.list("refs", 1000)
    good = all(isinstance(r, str) and len(r) == 32 and set(r) <= set("0123456789abcdef") for r in refs)
    if not good or refs != sorted(set(refs)):
        f.refuse("refs", "is not a sorted list of refs")


def read_recipient(f):
    f.hex("spki", 32)
    text = f.text("certificate", (4096 + 2) // 3 * 4)
    try:
        der = base64.b64decode(text, validate=True)
    except ValueError:
        der = b""
    if not 1 <= len(der) <= 4096 or base64.b64encode(der).decode() != text:
        f.refuse("certificate", "is not base64 of a certificate")


def check_export(g, action):
    _must(any(s["id"] == action["site"] for s in g["sites"]), "the site does not exist")
    keys = [r["spki"] for r in action["recipients"]]
    _must(keys and len(set(keys)) == len(keys), "an export to nobody, or twice to one key")


def read_subjects(f):
    f.hex("proposal", 16), f.hex("salt", 32), _refs(f)


def read_exported(f):
    f.hex("proposal", 16), f.slug("site"), _refs(f)


def read_sealed(f, read_each):
    f.hex("proposal", 16), f.hex("manifest", 32), f.int("subjects", 1, 100_000), f.int("templates", 0, 800_000)
    f.int("damaged", 0, 2**53 - 1)
    read_each(f, "parts", 400, lambda p: (p.int("bytes", 1, 2**28), p.hex("digest", 32)))


def read_ended(f):
    f.hex("proposal", 16), f.one_of("reason", REASONS)


def read_given(f):
    f.hex("proposal", 16), f.principal("by")


class Exports:
    """What a State has besides. An export is {"refs","recorded","last"?,"given","entry"?,"sealed"?,"sealed_entry"?,"ended"?}."""

    def __init__(self):
        self.exports = {}

    def _export(self, proposal):
        """The action of a proposed export."""
        p = self.proposals.get(proposal)
        _must(p and p["made"]["action"]["kind"] == "export", "there is no such proposal of an export")
        return p["made"]["action"]

    def _new_export(self, proposal):
        return self.exports.setdefault(proposal, {"refs": [], "recorded": 0, "given": {}})

    def _pending(self, proposal):
        e = self.exports.get(proposal)
        _must(e and "entry" in e and "sealed" not in e and "ended" not in e, "the export is not pending")
        return e

    def _export_subjects(self, body, *_):
        action, refs = self._export(body["proposal"]), body["refs"]
        ended = self.proposals[body["proposal"]]["stage"] in ("done", "vetoed", "withdrawn", "expired")
        _must(body["proposal"] not in self.exports and not ended, "the export has its list of people already")
        digest = sha256(b"facekeep/export-subjects/v1\0", bytes.fromhex(body["salt"]), bytes.fromhex("".join(refs)))
        _must(refs and len(refs) == action["max_subjects"] and digest.hex() == action.get("subjects"),
              "this is not the list of people that the proposal commits to")
        self._new_export(body["proposal"])["refs"] = refs

    def _exported(self, body, *_):
        e, action, refs = self._pending(body["proposal"]), self._export(body["proposal"]), body["refs"]
        _must(refs and body["site"] == action["site"], "people of another site, or none")
        _must(e.get("last", "") < refs[0], "people out of order, or recorded already")
        for ref in refs:
            s = self.subjects.get(ref)
            _must(s and s["site"] == action["site"] and s["entry"] < e["entry"] and not s["due"] and not s.get("in_doubt"), f"{ref} can't be in the export")
            _must("subjects" not in action or ref in e["refs"], f"{ref} is not in the list of the export")
        e["recorded"] += len(refs)
        e["last"] = refs[-1]

    def _export_sealed(self, body, *_):
        e = self._pending(body["proposal"])
        _must(body["subjects"] <= self._export(body["proposal"])["max_subjects"], "more people than were approved")
        _must(body["parts"] and body["subjects"] == e["recorded"], "recorded for another number of people than it has")
        e.update(sealed=body, sealed_entry=self.size, refs=[])
        e.pop("last", None)

    def _export_ended(self, body, *_):
        e = self._pending(body["proposal"])
        e.update(ended=body["reason"], refs=[])
        e.pop("last", None)

    def _export_given(self, body, time, now):
        self._must_count(body["by"], time, now)
        self._export(body["proposal"])
        e, p = self.exports.get(body["proposal"]), self.proposals[body["proposal"]]
        _must(e and "sealed" in e, "nothing was exported, or not yet")
        _must(not self._is_over(p, time, now), "the proposal's lifetime is over")
        uses = self.rule_for(p["made"], time, now).get("uses", 1)
        _must(e["given"].get(body["by"], 0) < uses, f"it was given to {body['by']} as often as its rule allows")
        e["given"][body["by"]] = e["given"].get(body["by"], 0) + 1

    def _is_served(self, key, p, time, now):
        return p["stage"] == "done" and key in self.exports and not self._is_over(p, time, now)

    def _settle_exports(self, time, now):
        for key in list(self.exports):
            p = self.proposals.get(key)
            if not p or self._is_over(p, time, now) or p["stage"] in ("vetoed", "withdrawn", "expired"):
                del self.exports[key]

    def _export_lines(self):
        for key in sorted(self.exports):
            yield f"export {key} " + canonical(self.exports[key]).decode()
