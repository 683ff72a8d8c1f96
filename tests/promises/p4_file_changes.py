"""Changes to the files of a mirror, made without the log's key. A library of p4_anyone_can_replay.py."""
import base64
import hashlib
import json
import pathlib

from replayer.synthetic import put, signed_note, vkey
from replayer.tree import fold, leaf_hash, split_bundle

FULL0, FULL1, PART = "tile/entries/000", "tile/entries/001", "tile/entries/002.p/88"
LEAVES0, LEAVES1, LEAVES2, ABOVE = "tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"
OPEN0, OPEN1 = "openings/000", "openings/001"
SOME = range(0, 256), range(256, 512), range(512, 600)

CASES = []  # (name, change(folder, log), entries that may be named first; None: no entry can be)


def case(name, entries=None):
    def add(change):
        CASES.append((name, change, entries))
        return change
    return add


def read(folder, path):
    return (pathlib.Path(folder) / path).read_bytes()


def flip(folder, path, at, bit=0):
    data = bytearray(read(folder, path))
    data[at] ^= 1 << bit
    put(folder, path, bytes(data))


def entries_of(folder, path, width=256):
    return split_bundle(read(folder, path), width)


def put_entries(folder, path, entries):
    put(folder, path, b"".join(len(e).to_bytes(2, "big") + e for e in entries))


def place(folder, path, n, width=256):
    """Where entry n of a bundle begins."""
    return sum(2 + len(e) for e in entries_of(folder, path, width)[:n]) + 2


def forge(folder, path, tile, changes, width=256):
    """Entries of a bundle replaced, and the leaf tile made to match."""
    entries = entries_of(folder, path, width)
    for n, entry in changes.items():
        entries[n] = entry
    put_entries(folder, path, entries)
    put(folder, tile, b"".join(map(leaf_hash, entries)))


def edit_openings(folder, path, change):
    body = json.loads(read(folder, path))
    change(body, {o["entry"]: o for o in body["openings"]})
    put(folder, path, json.dumps(body).encode())


# ---- bundles

for name, path, n, width, first in (("a governance entry", FULL0, 1, 256, 0), ("the genesis", FULL0, 0, 256, 0),
                                    ("an entry of the second bundle", FULL1, 100, 256, 256),
                                    ("an entry of the partial bundle", PART, 30, 88, 512), ("the last entry", PART, 87, 88, 512)):
    case(f"a bit flipped in {name}", {first + n})(
        lambda folder, log, path=path, n=n, width=width: flip(folder, path, place(folder, path, n, width) + 60))
case("a bit flipped in an entry's length", SOME[0])(lambda folder, log: flip(folder, FULL0, place(folder, FULL0, 9) - 1))
case("a bundle cut by a byte", {256, 511})(lambda folder, log: put(folder, FULL1, read(folder, FULL1)[:-1]))
case("a byte behind a bundle's end", SOME[1])(lambda folder, log: put(folder, FULL1, read(folder, FULL1) + b"\0"))
case("a full bundle missing", {256})(lambda folder, log: (folder / FULL1).unlink())
case("the partial bundle missing", {512})(lambda folder, log: (folder / PART).unlink())
case("the partial bundle empty", {512})(lambda folder, log: put(folder, PART, b""))


@case("two entries of a bundle swapped", {40})
def _(folder, log):
    entries = entries_of(folder, FULL0)
    entries[40], entries[50] = entries[50], entries[40]
    put_entries(folder, FULL0, entries)


@case("two entries of two bundles swapped", {140})
def _(folder, log):
    a, b = entries_of(folder, FULL0), entries_of(folder, FULL1)
    a[140], b[7] = b[7], a[140]
    put_entries(folder, FULL0, a), put_entries(folder, FULL1, b)


@case("an entry removed, its bundle's last doubled", {40})
def _(folder, log):
    entries = entries_of(folder, FULL0)
    put_entries(folder, FULL0, entries[:40] + entries[41:] + entries[-1:])


@case("an entry inserted, its bundle's last dropped", {40})
def _(folder, log):
    entries = entries_of(folder, FULL0)
    put_entries(folder, FULL0, entries[:40] + [entries[39]] + entries[40:-1])


@case("two bundles swapped", {0})
def _(folder, log):
    a, b = read(folder, FULL0), read(folder, FULL1)
    put(folder, FULL0, b), put(folder, FULL1, a)


# ---- tiles. The entries are as signed; a replayer may name any that lies under the tile, or none.

case("a bit flipped in a leaf tile", SOME[1])(lambda folder, log: flip(folder, LEAVES1, 32 * 7 + 5))
case("a bit flipped in the partial leaf tile")(lambda folder, log: flip(folder, LEAVES2, 32 * 87))
case("a bit flipped in the tile above")(lambda folder, log: flip(folder, ABOVE, 33))
case("a leaf tile cut", SOME[1])(lambda folder, log: put(folder, LEAVES1, read(folder, LEAVES1)[:-32]))
case("stray: a leaf tile longer than its name says", SOME[2])(lambda folder, log: put(folder, LEAVES2, read(folder, LEAVES2) + bytes(32)))
case("a leaf tile missing", {0})(lambda folder, log: (folder / LEAVES0).unlink())
case("the tile above missing", {0})(lambda folder, log: (folder / ABOVE).unlink())
case("stray: a tile beyond the checkpoint")(lambda folder, log: put(folder, "tile/0/003.p/1", bytes(32)))
case("stray: a bundle beyond the checkpoint")(lambda folder, log: put(folder, "tile/entries/003.p/1", b"\0\0"))


@case("two hashes of a leaf tile swapped", SOME[0])
def _(folder, log):
    data = read(folder, LEAVES0)
    put(folder, LEAVES0, data[:320] + data[352:384] + data[320:352] + data[384:])


@case("stray: an older partial tile that is of another log", {512 + 11})
def _(folder, log):
    put(folder, "tile/0/002.p/40", read(folder, LEAVES2)[:1280])
    flip(folder, "tile/0/002.p/40", 32 * 11)


@case("stray: an older partial bundle that is of another log", {512 + 3})
def _(folder, log):
    put_entries(folder, "tile/entries/002.p/40", entries_of(folder, PART, 88)[:40])
    flip(folder, "tile/entries/002.p/40", place(folder, "tile/entries/002.p/40", 3, 40) + 50)


# ---- bundles with tiles that match

OTHER = b'{"class":"access","commitment":"' + b"ab" * 32 + b'","v":1}'


@case("a forged access entry with a matching leaf tile", range(256, 512))
def _(folder, log):
    forge(folder, FULL1, LEAVES1, {30: OTHER})


@case("a forged access entry with matching tiles on both levels", range(300, 512))
def _(folder, log):
    forge(folder, FULL1, LEAVES1, {60: OTHER})
    hashes = read(folder, LEAVES1)
    put(folder, ABOVE, read(folder, ABOVE)[:32] + fold([hashes[i:i + 32] for i in range(0, 8192, 32)]))


@case("a forged custody entry with a matching leaf tile", {11})
def _(folder, log):
    forge(folder, FULL0, LEAVES0, {11: OTHER.replace(b"access", b"custody")})


@case("a forged custody entry with a matching leaf tile and opening", range(0, 256))
def _(folder, log):
    changed = log.copy()
    changed.items[12].event["body"]["by"] = "operator/2"
    entry, opening = changed.items[12].parts(12)
    forge(folder, FULL0, LEAVES0, {12: entry})
    edit_openings(folder, OPEN0, lambda body, by: by[12].update(opening=base64.b64encode(opening).decode()))


@case("an entry of the partial bundle forged with a matching leaf tile", range(512, 600))
def _(folder, log):
    entry = entries_of(folder, PART, 88)[86]
    forge(folder, PART, LEAVES2, {86: entry.replace(b"shutdown", b"request")}, 88)


@case("two entries swapped in bundle, tile and openings", range(0, 256))
def _(folder, log):
    a, b = entries_of(folder, FULL0)[12:14]
    forge(folder, FULL0, LEAVES0, {12: b, 13: a})

    def swap(body, by):
        by[12]["opening"], by[13]["opening"] = by[13]["opening"], by[12]["opening"]
    edit_openings(folder, OPEN0, swap)


# ---- openings

def opening_case(name, change, entries, path=OPEN0):
    case(name, entries)(lambda folder, log: edit_openings(folder, path, change))


def flip_opening(n, at):
    def change(body, by):
        data = bytearray(base64.b64decode(by[n]["opening"]))
        data[at] ^= 1
        by[n]["opening"] = base64.b64encode(data).decode()
    return change


def give(n, m):
    def change(body, by):
        by[n]["opening"] = by[m]["opening"]
    return change


def drop(n, reason=None):
    def change(body, by):
        body["openings"].remove(by[n])
        if reason:
            body["missing"].append({"entry": n, "reason": reason})
    return change


custody, access, later = 9, 11, 300  # enrolled; match; match of the second bundle
opening_case("a bit flipped in an opening's salt", flip_opening(custody, 20), {custody})
opening_case("a bit flipped in an opened custody event", flip_opening(custody, 60), {custody})
opening_case("a bit flipped in an opened access event", flip_opening(later, 60), {later}, OPEN1)
opening_case("an opening of another form", flip_opening(custody, 0), {custody})
opening_case("an opening that fits another entry", give(custody, custody + 1), {custody})
opening_case("an access opening that fits another entry", give(later, later + 1), {later}, OPEN1)
opening_case("a custody opening missing", drop(custody), {custody})
opening_case("a custody opening called sealed", drop(custody, "sealed"), {custody})
opening_case("an access opening missing, and nothing says why", drop(access), {access})
opening_case("an access opening called destroyed though no key was", drop(later, "destroyed"), {later}, OPEN1)
opening_case("an access opening called lost though nothing was restored", drop(later, "lost"), {later}, OPEN1)
opening_case("an unknown reason for a missing opening", drop(access, "gone"), SOME[0])
opening_case("an opening twice", lambda body, by: body["openings"].append(by[custody]), SOME[0])
opening_case("an opening of a governance entry",
             lambda body, by: body["openings"].append({"entry": 1, "opening": by[custody]["opening"]}), {1})
opening_case("openings of another bundle", lambda body, by: body.update(bundle=1), SOME[0])
opening_case("an opening with a bit beyond its base64", lambda body, by: by[custody].update(opening=by[custody]["opening"] + "AAAA"),
             SOME[0])
case("a file of openings missing", SOME[1])(lambda folder, log: (folder / OPEN1).unlink())
case("a file of openings cut", SOME[1])(lambda folder, log: put(folder, OPEN1, read(folder, OPEN1)[:-40]))

# ---- checkpoint and key


def checkpoint_case(name, change):
    case(name)(lambda folder, log: put(folder, "checkpoint", change(read(folder, "checkpoint"))))


def flip_at(where):
    def change(note):
        at = where(note)
        return note[:at] + bytes([note[at] ^ 1]) + note[at + 1:]
    return change


checkpoint_case("a bit flipped in the origin", flip_at(lambda note: 3))
checkpoint_case("a bit flipped in the size", flip_at(lambda note: note.index(b"\n600\n") + 3))
checkpoint_case("a bit flipped in the root", flip_at(lambda note: note.index(b"\n600\n") + 12))
checkpoint_case("a bit flipped in the signature", flip_at(lambda note: len(note) - 30))
checkpoint_case("a bit flipped in the last character of the signature", flip_at(lambda note: len(note) - 3))
checkpoint_case("a bit flipped in the signer's name", flip_at(lambda note: note.rindex(b"example")))
checkpoint_case("a checkpoint without its signature", lambda note: note[:note.index(b"\n\n") + 2])
checkpoint_case("an extension line", lambda note: note.replace(b"\n\n", b"\nmore\n\n"))
checkpoint_case("a checkpoint of another key", lambda note: signed_note(note[:note.index(b"\n\n") + 1].decode(), "stranger"))
case("no checkpoint")(lambda folder, log: (folder / "checkpoint").unlink())
case("no vkey")(lambda folder, log: (folder / "vkey").unlink())
case("a bit flipped in the vkey")(lambda folder, log: flip(folder, "vkey", 60))
case("another vkey")(lambda folder, log: put(folder, "vkey", vkey("stranger").encode() + b"\n"))


@case("another log key: vkey and checkpoint replaced", {0})
def _(folder, log):
    note = read(folder, "checkpoint")
    put(folder, "vkey", vkey("stranger").encode() + b"\n")
    put(folder, "checkpoint", signed_note(note[:note.index(b"\n\n") + 1].decode(), "stranger"))


@case("a checkpoint of a longer log over this one's files")
def _(folder, log):
    longer = log.copy()
    longer.items.append(log.items[-1])
    put(folder, "checkpoint", longer.checkpoint())


# ---- a bit anywhere

def bit_of(path, n):
    """The same places in each run, spread over the file."""
    def change(folder, log):
        data = read(folder, path)
        at = int.from_bytes(hashlib.sha256(f"{path} {n}".encode()).digest()[:8], "big") % (8 * len(data))
        flip(folder, path, at // 8, at % 8)
    return change


for path in (FULL0, FULL1, PART, LEAVES0, LEAVES1, LEAVES2, ABOVE, OPEN0, OPEN1, "openings/002.p/88", "checkpoint", "vkey",
             "checkpoints/300", "checkpoints/512"):
    for n in range(4):
        case(f"a bit flipped anywhere in {path}, {n + 1}")(bit_of(path, n))
