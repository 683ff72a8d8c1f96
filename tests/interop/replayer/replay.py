"""Replays a mirror of a log (FORMAT.md section 9, "Mirror") and lists what is wrong with it."""
import json
import pathlib

from .budgets import BudgetCheck
from .canonical import Bad, format_time, parse_time, unbase64
from .events import open_entry, read_entry
from .state import State
from .tree import Checkpoint, Tiles, Vkey, leaf_hash, parse_path, split_bundle, tile_path

MAX_FINDINGS = 100


class Report:
    """What a replay found. `digest` is None if the state could not be re-derived."""

    def __init__(self):
        self.size, self.root, self.digest, self.findings = 0, None, None, []
        self.budgets = None
        self.accesses_opened = self.custody_opened = 0

    def add(self, entry, text, severity="error"):
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append({"severity": severity, "entry": entry, "text": text})

    def bad(self):
        """Severities are those of an auditor: error (the log can't be right), warning (a person must look), note."""
        return [f for f in self.findings if f["severity"] == "error"]

    def as_dict(self):
        return {"ok": not self.bad(), "size": self.size, "root": self.root and self.root.hex(),
                "digest": self.digest and self.digest.hex(), "budgets": self.budgets and self.budgets.hex(), "custody_opened": self.custody_opened,
                "accesses_opened": self.accesses_opened, "findings": self.findings}


class Mirror:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def read(self, path):
        """None if it is not there."""
        try:
            return (self.folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def files(self, name):
        root = self.folder / name
        return sorted(str(p.relative_to(self.folder)) for p in root.rglob("*") if p.is_file())

    def has_openings(self):
        return (self.folder / "openings").is_dir()


class Replay:
    """One run. `vkey`: the text that the auditor trusts, else the mirror's own. `remembered`: signed notes of
    checkpoints seen earlier, beside those that the mirror keeps. `each(n, state)`: called after each entry while the state can be re-derived."""

    def __init__(self, folder, vkey=None, remembered=(), each=None):
        self.mirror, self.report, self.each = Mirror(folder), Report(), each
        self.trusted, self.remembered = vkey, remembered
        self.state, self.folding, self.tiles = State(), True, Tiles()
        self.first_key, self.handed, self.due = None, [], None  # genesis' vkey, what came behind it; the recovery that new cards are due since
        self.uptime, self.time, self.destroyed, self.lost = 0, 0, set(), []
        self.budgets = BudgetCheck()

    def run(self):
        try:
            self.read_heads()
        except Bad as e:
            self.report.add(None, str(e))
            return self.report
        self.public = not self.mirror.has_openings()
        if self.public:
            self.report.add(None, "the mirror has no openings: only what is public is checked", "note")
        for n in range((self.checkpoint.size + 255) // 256):
            width = min(256, self.checkpoint.size - 256 * n)
            if not self.bundle(n, width):
                break
        self.end()
        return self.report

    def read_heads(self):
        key = self.mirror.read("vkey")
        if key is None:
            raise Bad("the mirror has no vkey")
        self.vkey = Vkey(key.decode("utf-8", "replace"))
        if self.trusted and Vkey(self.trusted).text != self.vkey.text:
            raise Bad("the mirror's vkey is not the trusted one")
        note = self.mirror.read("checkpoint")
        if note is None:
            raise Bad("the mirror has no checkpoint")
        # By which key it must be signed the fold tells; at first any of those that sign will do.
        self.checkpoint = Checkpoint(note)
        self.report.size, self.report.root = self.checkpoint.size, self.checkpoint.root

    # Entries.

    def bundle(self, n, width):
        first, path = 256 * n, tile_path("entries", n, width)
        data = self.mirror.read(path)
        # What was read of a bundle that grew since: an entry that needs an opening and has none is found by itself.
        narrower = (tile_path("entries", n, w).replace("tile/entries", "openings", 1) for w in range(width - 1, 0, -1))
        data = data if data is not None else next((found for found in map(self.mirror.read, narrower) if found is not None), None)
        if data is None:
            self.report.add(first, f"{path} is missing")
            return False
        try:
            entries = split_bundle(data, width)
        except Bad as e:
            self.report.add(first, f"{path}: {e}")
            return False
        tile_name = tile_path(0, n, width)
        tile = self.mirror.read(tile_name)
        if tile is None or len(tile) != 32 * width:
            self.report.add(first, f"{tile_name} is missing" if tile is None else f"{tile_name} has a wrong length")
            tile = None
        private = any(b'"commitment":' in entry for entry in entries)  # a bundle of public entries alone needs none
        openings = {} if self.public or not private else self.openings(n, width)
        for i, entry in enumerate(entries):
            leaf = leaf_hash(entry)
            self.tiles.append(leaf)
            if tile is not None and tile[32 * i:32 * i + 32] != leaf:
                self.report.add(first + i, f"the entry is not that of {tile_name}")
            self.entry(first + i, entry, openings.get(first + i))
        return True

    def openings(self, n, width):
        """entry -> opening, or the reason why there is none."""
        path = tile_path("entries", n, width).replace("tile/entries", "openings", 1)
        first, out = 256 * n, {}
        data = self.mirror.read(path)
        if data is None:
            self.report.add(first, f"{path} is missing")
            return out
        try:
            body = json.loads(data)
            if set(body) != {"bundle", "openings", "missing"} or body["bundle"] != n:
                raise Bad("it has other fields, or those of another bundle")
            for key, field in (("openings", "opening"), ("missing", "reason")):
                for item in body[key]:
                    at, value = item["entry"], item[field]
                    if set(item) != {"entry", field} or at in out or at not in range(first, first + width):
                        raise Bad(f"it names entry {at!r} twice, or one of another bundle")
                    out[at] = value if key == "missing" else unbase64(value, f"the opening of entry {at}")
                    if key == "missing" and value not in ("sealed", "destroyed", "lost"):
                        raise Bad(f"the reason {value!r} is unknown")
        except (Bad, ValueError, KeyError, TypeError) as e:
            self.report.add(first, f"{path}: {e if isinstance(e, Bad) else 'it is malformed'}")
        return out

    def entry(self, n, data, opening):
        try:
            kind, value = read_entry(data)
            if kind == "governance":
                if opening is not None:
                    self.report.add(n, "a governance entry has an opening")
                self.times(n, value)
                self.root_of_vote(n, value)
                self.governance(n, value)
            elif kind == "custody":
                self.custody(n, value, opening)
            else:
                self.access(n, value, opening)
        except Bad as e:
            self.report.add(n, str(e))
            self.folding = False
        if self.each and self.folding:
            self.each(n, self.state)

    def governance(self, n, event):
        self.note_key(n, event["type"], event["body"])
        if event["type"] == "restored":
            size = event["body"]["size"]
            gone = [at for at in self.lost if at >= size]
            if gone:
                self.report.add(gone[0], f"{len(gone)} accesses to entry {gone[-1]} can't be opened: restored from a backup of {size} entries", "warning")
            self.lost = [at for at in self.lost if at < size]
        if self.folding:
            self.keep_budgets(n, event)
            self.state.apply(event)

    def note_key(self, n, kind, body):
        if kind == "genesis" and n == 0:
            self.first_key = body["log_key"]
        if kind == "proposal-done" and "log_key" in body:
            self.handed.append((n, body["log_key"], False, None))
        if kind != "recovered":
            return
        self.handed.append((n, body["log_key"], True, body.get("loss")))
        if body["at"]["root"] != self.tiles.root(n).hex():
            self.report.add(n, "the recovery is about another log than the one before it")
        if "loss" in body:
            self.report.add(n, f"entries {n} to {body['loss']['newest']['size'] - 1} of the log before are lost", "warning")
        if self.public:
            self.report.add(n, "a recovery: who signed it takes the openings to judge", "warning")

    def keep_budgets(self, n, event):
        """`state` is that before the event."""
        for severity, text in self.budgets.event(n, event, self.state.sites):
            self.report.add(n, text, severity)

    def root_of_vote(self, n, event):
        """What the fold can't know: the tree that the signer's machine had checked. The entry itself is in the tree already."""
        body = event["body"]
        if event["type"] not in ("approval", "veto") or not 1 <= body["size"] <= n or self.tiles.size() != n + 1:
            return
        if self.tiles.root(body["size"]).hex() != body["root"]:
            self.report.add(n, f"the {event['type']} of {body['by']} names a root at {body['size']} entries that is not this log's")

    def custody(self, n, commitment, opening):
        if self.public:
            self.folding = False
            return
        if not isinstance(opening, bytes):
            raise Bad("its opening is missing" + (f" ({opening}); a custody event has one always" if opening else ""))
        event = open_entry("custody", commitment, opening)
        self.times(n, event)
        self.report.custody_opened += 1
        if event["type"] == "period-key-destroyed" and event["body"]["purpose"] == "access":
            self.destroyed.add(event["body"]["site"])
        if self.folding:
            self.keep_budgets(n, event)
            self.state.apply(event)

    def access(self, n, commitment, opening):
        event = None
        if isinstance(opening, bytes):
            event = open_entry("access", commitment, opening)
            self.times(n, event)
            self.report.accesses_opened += 1
        elif not self.public and opening is None:
            self.report.add(n, "its opening is missing, and nothing says why")
        elif opening == "destroyed":
            self.claims_destroyed = getattr(self, "claims_destroyed", n)
        elif opening == "lost":
            self.lost.append(n)
        if self.folding:
            if event:
                self.state.check_access(event)
                self.keep_budgets(n, event)
            else:
                self.budgets.unknown()
            self.state.apply_access()

    def times(self, n, event):
        """What the fold does not check: an auditor wants to know."""
        time, uptime = parse_time(event["time"]), event["uptime_ms"]
        if event["type"] not in ("genesis", "start", "recovered") and uptime < self.uptime:
            self.report.add(n, "the daemon's uptime runs backwards")
        if time < self.time:
            self.report.add(n, f"the wall clock runs backwards, from {format_time(self.time)} to {event['time']}", "warning")
        self.uptime, self.time = uptime, time

    # The whole.

    def end(self):
        size, report = self.checkpoint.size, self.report
        self.keys = self.read_keys()
        self.check_signers("checkpoint", self.checkpoint)
        self.handover_notes()
        good = self.compare_remembered()
        self.anchor()
        if self.tiles.size() == size and self.tiles.root() != self.checkpoint.root:
            first = self.first_bad(good)
            report.add(first, f"the entries do not add up to the checkpoint's root: one of {first} to {size - 1} was changed")
        self.stored_tiles()
        if hasattr(self, "claims_destroyed") and not self.destroyed:
            report.add(self.claims_destroyed, "its opening is called destroyed, but no key was ever destroyed")
        for n in self.lost[:1]:
            report.add(n, "its opening is called lost, but the log has no restore from a backup before it")
        if self.folding and self.tiles.size() == size:
            report.digest, report.budgets = self.state.digest(), self.budgets.digest()

    def read_keys(self):
        """Of the log: vkey, first and last size, and up to where larger ones are lost."""
        keys = [[self.first_key, 0, None, 0]] if self.first_key else []
        for entry, vkey, recovered, loss in self.handed:
            if keys:
                keys[-1][2:] = entry if recovered else entry + 1, loss["newest"]["size"] if loss else 0
            keys.append([vkey, entry + 1, None, 0])
        if self.folding and self.state.recovery:
            self.report.add(self.state.recovery["entry"], "new cards are due: the main token was replaced", "warning")
        if self.vkey.text in [vkey for vkey, *_ in keys]:
            return keys
        self.report.add(0, "genesis names another log key than the mirror's vkey")
        return [[self.vkey.text, 0, None, 0]]

    def check_signers(self, name, seen):
        """True if a key signed it that may sign its size; trees that are known to be lost are left aside in silence."""
        ended = lost = False
        for vkey, first, last, lost_upto in self.keys:
            try:
                if not seen.signed_by(Vkey(vkey)):
                    continue
            except Bad as e:
                self.report.add(None, f"{name}: {e}")
                return False
            if first <= seen.size and (last is None or seen.size <= last):
                return True
            ended, lost = ended or last is not None and seen.size > last, lost or seen.size <= lost_upto
        if ended and not lost:
            self.report.add(None, f"{name}: of {seen.size} entries, by a key that had ended: a lost token that wasn't, or a thief's log")
        elif not lost:
            self.report.add(None, f"{name}: the checkpoint is not signed by the log's key")
        return False

    def handover_notes(self):
        before = self.first_key
        for k, (entry, after, recovered, _) in enumerate(self.handed, 1):
            note = self.mirror.read(f"handover/{k}")
            try:
                seen = Checkpoint(note if note is not None else b"")
                # Where the token did not live to sign, the recovery behind it did.
                instead = self.handed[k][1] if k < len(self.handed) and self.handed[k][2] and not recovered else None
                allowed = [[after] if recovered else [before, after]] + ([[instead]] if instead else [])
                good = any(all(seen.signed_by(Vkey(vkey)) for vkey in needed) for needed in allowed) and seen.size == entry + 1
                good = good and (self.tiles.size() < seen.size or self.tiles.root(seen.size) == seen.root)
            except Bad:
                good = False
            if not good:
                self.report.add(entry, f"handover/{k} is missing, or no note of this handover")
            before = after

    def goes_on_from(self, folder, trusted):
        """Of a log with lost entries, kept beside this one: what both share is the same, by a checkpoint of a trusted key."""
        lost, tiles = Mirror(folder), Tiles()
        try:
            seen = Checkpoint(lost.read("checkpoint") or b"")
            for n in range((seen.size + 255) // 256):
                width = min(256, seen.size - 256 * n)
                for entry in split_bundle(lost.read(tile_path("entries", n, width)) or b"", width):
                    tiles.append(leaf_hash(entry))
        except Bad:
            return False
        return tiles.root() == seen.root and any(
            seen.signed_by(Vkey(vkey)) and last is not None and last <= seen.size and self.tiles.root(last) == tiles.root(last) for vkey, _, last in trusted)

    def anchor(self):
        """A log says itself who its custodians are: behind a recovery something that the trusted key signed, or one that it handed over to, must show that the log is its own."""
        trusted, seen_first, names = [], False, [vkey for vkey, *_ in self.keys]
        recovered = [False] + [placed for _, _, placed, _ in self.handed]
        for (vkey, first, last, _), placed in zip(self.keys, recovered):
            seen_first = seen_first or vkey == self.vkey.text
            if seen_first and placed and trusted:
                break
            if seen_first:
                trusted.append((vkey, first, last))
        if not trusted or len(names) == names.index(trusted[-1][0]) + 1:
            return
        files = self.mirror.files("checkpoints") + self.mirror.files("handover")
        for note in [self.mirror.read(name) for name in ["checkpoint"] + files] + list(self.remembered):
            try:
                seen = Checkpoint(note)
                signed = any(seen.signed_by(Vkey(vkey)) and first <= seen.size and (last is None or seen.size <= last) for vkey, first, last in trusted)
                if signed and 0 < seen.size <= self.tiles.size() and self.tiles.root(seen.size) == seen.root:
                    return
            except Bad:
                continue
        if any(self.goes_on_from(folder, trusted) for folder in self.mirror.folder.glob("lost-*")):
            return
        self.report.add(0, "a recovery, and no checkpoint by the trusted key that shows that this is its log: it could be made up; put the notice's into checkpoints/")

    def first_bad(self, good):
        """The first entry that is known to be bad, else the first that is not known to be good."""
        return min((f["entry"] for f in self.report.bad() if f["entry"] is not None), default=good)

    def compare_remembered(self):
        """The size up to which the entries are those of a checkpoint seen earlier."""
        kept = [(name, self.mirror.read(name)) for name in self.mirror.files("checkpoints")]
        notes, good = [], 0
        for name, note in kept + [("a remembered checkpoint", note) for note in self.remembered]:
            try:
                seen = Checkpoint(note)
                if self.check_signers(name, seen):
                    notes.append(seen)
            except Bad as e:
                self.report.add(None, f"{name}: {e}")
        for seen in sorted(notes, key=lambda c: c.size):
            if seen.size > self.checkpoint.size:
                self.report.add(self.checkpoint.size, f"the log had {seen.size} entries before, and has {self.checkpoint.size}: "
                                "it was cut or rolled back")
            elif self.tiles.size() < seen.size:
                break
            elif self.tiles.root(seen.size) != seen.root:
                first = self.first_bad(good)
                self.report.add(first, f"a second history: one of the entries {first} to {seen.size - 1} is not what was seen before")
                break
            else:
                good = seen.size
        return good

    def stored_tiles(self):
        """Every file must be what this tree has there, older partial ones included."""
        whole = self.tiles.size() == self.checkpoint.size
        present = set(self.mirror.files("tile"))
        for level, hashes in enumerate(self.tiles.levels):
            for index in range((len(hashes) + 255) // 256):
                data = self.tiles.tile(level, index)
                name = tile_path(level, index, len(data) // 32)
                if whole and name not in present and level > 0:
                    self.report.add((index << 8 * (level + 1)), f"{name} is missing")
        for name in sorted(present):
            self.stored_tile(name)
        if not self.public:
            for name in self.mirror.files("openings"):
                parsed = parse_path(name, "openings")
                if not parsed or 256 * parsed[1] + parsed[2] > ((self.checkpoint.size + 255) // 256) * 256:
                    self.report.add(None, f"{name} does not belong to this log")

    def stored_tile(self, name):
        parsed = parse_path(name)
        if not parsed:
            self.report.add(None, f"{name} is no tile of a log")
            return
        kind, index, width = parsed
        data = self.mirror.read(name)
        level = 0 if kind == "entries" else kind
        have = self.tiles.tile(level, index)[:32 * width]
        first = (256 * index) << 8 * level
        if len(have) < 32 * width:
            if self.tiles.size() == self.checkpoint.size:
                self.report.add(None, f"{name} is beyond the checkpoint")
        elif kind == "entries":
            try:
                wrong = [i for i, e in enumerate(split_bundle(data, width)) if leaf_hash(e) != have[32 * i:32 * i + 32]]
            except Bad as e:
                self.report.add(first, f"{name}: {e}")
                return
            if wrong:
                self.report.add(first + wrong[0], f"{name} has another entry there")
        elif data != have:
            wrong = next((i for i in range(width) if data[32 * i:32 * i + 32] != have[32 * i:32 * i + 32]), 0)
            start = first + (wrong << 8 * level)
            known = [f["entry"] for f in self.report.bad() if f["entry"] in range(start, start + (1 << 8 * level))]
            self.report.add(min(known, default=start), f"{name} does not follow from the entries")
