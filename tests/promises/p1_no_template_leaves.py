#!/usr/bin/python3
"""P1: no template leaves.

A vault goes through everything that it can do, by the command line and over HTTPS, with its log at level debug and a spy between it and
its token. Everything that came out is searched: each answer and line that was printed, the metrics, the journal, every file, and, once
sealed, all of the daemon's memory. Nothing of a template (8 float32 values or 16 int8 codes in a row), of a card (words, numbers or word
indices in a row), of the custodians' secret, and no score may be in it.

Site and subject keys, which nothing outside the daemon knows, are searched for by what they open: each 32 bytes of memory or of a file
that could be a key are tried as S (against genesis' check value), as S/wrap (on the key slots) and as a subject key (on the sealed records).

The search itself is tested: the same one finds the templates and S/wrap in the memory of the open vault, and needles planted in each kind
of place.
"""
import collections
import hashlib
import hmac
import json
import pathlib
import re
import sys
import time

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from key_search import Keys  # noqa: E402
from vault import BUILD, SOURCE, Report, Vault, base64_of  # noqa: E402

WORDS = re.findall(r'"([a-z]+)"', (SOURCE / "vault/seal/slip39_words.inc").read_text())
report = Report()


class Needles:
    """kind -> byte strings, of which none may be anywhere. Looked up by their first 8 bytes, at every position."""

    def __init__(self):
        self.by_head = collections.defaultdict(list)

    def add(self, kind, needle):
        assert len(needle) >= 8, kind
        self.by_head[needle[:8]].append((kind, needle))

    def count(self):
        return sum(len(v) for v in self.by_head.values())

    @staticmethod
    def mark(words):
        return (words * numpy.uint64(0x9E3779B97F4A7C15)) >> numpy.uint64(42)

    def find(self, haystack):
        """The kinds that were found, with how often."""
        found = collections.Counter()
        heads = numpy.sort(numpy.frombuffer(b"".join(self.by_head), "<u8"))
        here = numpy.zeros(1 << 22, bool)  # which heads may be there: most positions are dropped by one look
        here[self.mark(heads)] = True
        for start in range(0, len(haystack), 1 << 22):
            part = haystack[start:start + (1 << 22) + 4096]
            if not any(part[:1]) and part.count(0) == len(part):
                continue
            for shift in range(8):
                size = (len(part) - shift) // 8 * 8
                if size <= 0:
                    continue
                words = numpy.frombuffer(part, "<u8", size // 8, shift)
                may = numpy.nonzero(here[self.mark(words)])[0]
                for i in may[numpy.isin(words[may], heads)]:
                    at = shift + 8 * int(i)
                    for kind, needle in self.by_head[part[at:at + 8]]:
                        found[kind] += part[at:at + len(needle)] == needle
        return found


def add_faces(needles, kind, faces):
    """Each face as it was sent and as the vault normalises it: every run of 8 values that begins at a multiple of 4, and the int8
    codes, each run of 16 that begins at a multiple of 16. Whoever writes 11 values, or 31 codes, in a row is found."""
    unit = (faces.astype("<f4") / numpy.linalg.norm(faces.astype("<f4"), axis=1, keepdims=True)).astype("<f4")
    for form in (faces.astype("<f4"), unit):
        for face in form:
            for i in range(0, len(face) - 8, 4):
                needles.add(kind, face[i:i + 8].tobytes())
    for face in unit:
        peak = numpy.abs(face).max()
        for scale in (127.0, 127.0 / peak):
            codes = numpy.rint(face * scale).clip(-127, 127).astype("i1")
            for i in range(0, len(codes) - 16, 16):
                if numpy.count_nonzero(codes[i:i + 16]) > 8:  # runs of zeros say nothing
                    needles.add(f"int8 code of {kind}", codes[i:i + 16].tobytes())


def add_texts(needles, kind, faces):
    """As they travel: base64 and the middle of a number list."""
    for face in faces:
        text = base64_of(face)
        for i in range(0, len(text) - 32, 32):
            needles.add(f"base64 of {kind}", text[i:i + 32].encode())


def add_cards(needles, vault):
    for path in sorted((vault.folder / "cards").glob("*.share")):
        words = path.read_text().split()
        indices = [WORDS.index(w) for w in words]
        # The first four words are the same on cards of a vault (identifier and group), and no secret.
        for i in range(4, len(words) - 4, 2):
            needles.add("words of a card", " ".join(words[i:i + 4]).encode())
            needles.add("prefixes of a card", " ".join(w[:4] for w in words[i:i + 4]).encode())
            needles.add("numbers of a card", " ".join(f"{n + 1:04d}" for n in indices[i:i + 4]).encode())
            needles.add("indices of a card", numpy.array(indices[i:i + 6], "<u2").tobytes())
            needles.add("indices of a card", numpy.array(indices[i:i + 6], ">u2").tobytes())


def add_secret(needles, vault):
    """The custodians' secret, recovered from the cards by other people's software."""
    try:
        from electrum import slip39
    except ImportError:
        return report.skip("python3-electrum is not there: the custodians' secret is not searched for")
    cards = [(vault.folder / f"cards/{who}.share").read_text().strip() for who in ("property-1", "property-2", "residents-1", "residents-2")]
    secret = bytes(slip39.recover_ems(cards).decrypt(""))
    report.check("the custodians' secret is known to the search", len(secret) >= 16, f"{len(secret)} bytes")
    needles.add("the custodians' secret", secret)
    needles.add("the custodians' secret", secret.hex().encode())


def memory(pid):
    """Every readable byte of a process, mapping by mapping. What can't be read is counted."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            span, rights, _, _, _, *name = line.split(maxsplit=5)
            if "r" not in rights or name and name[0].startswith(("[vvar", "[vsyscall")):
                continue
            first, last = (int(x, 16) for x in span.split("-"))
            try:
                mem.seek(first)
                part = b""
                while len(part) < last - first and (more := mem.read(last - first - len(part))):
                    part += more
                yield line.strip(), part
            except OSError:
                yield line.strip(), None


def search_keys(keys, pid):
    """In what the daemon wrote: code and constants of files are no place for a key."""
    return keys.find(part for line, part in memory(pid) if part and "w" in line.split()[1])


def plant_keys(keys):
    """The search finds a made-up site key, and its kin."""
    site, wrap, subject = (hashlib.sha256(what).digest() for what in (b"site", b"wrap", b"subject"))
    own = Keys.__new__(Keys)
    derived = hmac.digest(hmac.digest(bytes(32), site, "sha256"), b"facekeep/site/v1/check\x01", "sha256")
    nonce = bytes(range(12))
    stream = Keys.ecb(subject, nonce + b"\0\0\0\2")
    own.checks, own.records = {derived}, [nonce + bytes(a ^ b for a, b in zip(stream, Keys.RECORD))]
    own.prepare()
    stream = Keys.ecb(wrap, b"".join(nonce + n.to_bytes(4, "big") for n in (2, 3)))
    own.slots = [bytes(8) + nonce + bytes(a ^ b for a, b in zip(stream, subject))]
    found, _ = own.find([bytes(64) + site + bytes(8) + wrap + subject + bytes(64)])
    report.check("planted keys are found", found == {"a site key": 1, "a subject key": 1, "the key that wraps subject keys": 1}, dict(found))
    report.check("there are slots and records to try keys on", len(keys.slots) > 2 and len(keys.records) > 2,
                 f"{len(keys.slots)} slots, {len(keys.records)} records")


def search_memory(needles, pid):
    found, looked, unread = collections.Counter(), 0, 0
    for _, part in memory(pid):
        unread += part is None
        if part:
            looked += len(part)
            found += needles.find(part)
    return found, looked, unread


def session(vault, faces):
    """A little of everything. What comes back is collected by the vault."""
    operator, door = "operator/1", "door/1"
    sites, face = "/v1/sites/main", "face"
    for path in ("/v1/health", "/v1/seal-status", "/v1/openapi.yaml", "/metrics", "/checkpoint", "/nothing", "/v1/log/proofs/inclusion?index=0&size=1"):
        vault.ask(None, "GET", path)
    for who in ("property/1", operator, door, "auditor/1"):
        vault.ask(who, "GET", "/v1/me")
        vault.ask(who, "GET", sites + "/changes")
        vault.ask(who, "GET", sites + "/subjects")
    vault.cli("operator-1", "import", vault.folder / "gallery.npy", "--labels", vault.folder / "gallery.csv", "--site", "main", "--model", face,
              "--consent", vault.folder / "consent.json")
    for n, template in enumerate(faces):
        body = {"door": "north-gate", "model": face, "probe": [float(v) for v in template] if n % 2 else base64_of(template)}
        vault.ask(door, "POST", sites + "/identify", body)
        vault.ask(door, "POST", sites + "/verify", {**body, "subject": f"generated-{n:06d}"})
        vault.ask(door, "POST", sites + "/verify", {**body, "subject": f"generated-{n + 1:06d}"}, {"Request-Id": f"r{n}"})
        vault.ask(door, "POST", sites + "/identify", {**body, "model": "iris"})
        vault.ask(door, "POST", sites + "/identify", {**body, "extra": 1})
        vault.ask(door, "POST", sites + "/identify", json.dumps(body)[:-1])
        vault.ask(operator, "POST", sites + f"/subjects/generated-{n:06d}/templates", {"model": face, "template": body["probe"]})
        vault.ask(operator, "POST", sites + f"/subjects/generated-{n:06d}/templates", {"model": face, "template": base64_of(template[:-1])})
        vault.ask(operator, "GET", sites + f"/subjects/generated-{n:06d}")
    for n in range(3):
        vault.ask(operator, "DELETE", sites + f"/subjects/generated-{n:06d}")
    vault.cli("operator-1", "subject", "list", "--site", "main")
    vault.cli("door-1", "identify", "--site", "main", "--door", "north-gate", "--model", face, "--probe", vault.folder / "probes.npy", "--row", "9")
    vault.ask(None, "GET", "/metrics")
    for path in ("/v1/log/openings/0", "/v1/log/openings/1", "/v1/log/register", "/v1/log/proofs/1"):
        vault.ask("auditor/1", "GET", path)
    vault.entries()


def scores_in(chunks, faces, gallery):
    """Any fraction in an answer, and the true scores' digits."""
    scores = (faces @ gallery.T).ravel()
    digits = {f"{s:.4f}"[1:] for s in scores if s > 0.2}
    fractions = set()
    for chunk in chunks:
        body = chunk[chunk.find(b"}{") + 1:] if b"}{" in chunk else chunk
        if b"openapi:" in chunk or b"# TYPE" in chunk:
            continue
        fractions |= {m.decode() for m in re.findall(rb'[:,\[ ](-?\d*\.\d{2,})(?=[,}\] \n])', body)}
    return {f for f in fractions if not re.fullmatch(r"\d+\.\d+\.\d+.*", f) and (float(f) <= 1 or f[f.find("."):][:5] in digits)}


def files(vault):
    for root in ("data", "tokens", "state"):
        for path in sorted((vault.folder / root).rglob("*")):
            if path.is_file():
                yield path
    yield from (vault.folder / name for name in ("facekeepd.log", "notice.json", "transcript.txt", "quickstart.log", "demo.json", "facekeepd.toml"))


def spy_on_the_token(vault):
    lines = (vault.folder / "spy.log").read_text().splitlines()
    calls = collections.Counter(line.split(" ")[0] for line in lines)
    report.check("the spy saw the daemon work", calls["C_Login"] > 0 and calls["C_Sign"] > 0 and (calls["C_Decrypt"] > 0 or calls["C_DecryptInit"] > 0), dict(calls))
    asked = [line for line in lines if line.startswith("C_GetAttributeValue") and re.search(r"class=0x[34]\b", line)]
    values = [line for line in asked if re.search(r"types=[^ ]*\b0x11\b", line)]
    report.check("the value of no secret or private key was ever asked for", asked and not values, f"{len(asked)} questions; {values[:2]}")
    report.check("no key was ever wrapped", calls["C_WrapKey"] == 0, calls["C_WrapKey"])


def plant(needles, faces):
    """The search finds what it should, in each form, at every alignment."""
    head = lambda needle: needles.find(b"\x00" * 3 + needle + b"\x00" * 64)
    unit = faces[0] / numpy.linalg.norm(faces[0])
    forms = {"a face": faces[0][:11].astype("<f4").tobytes(), "normalised": unit[1:12].astype("<f4").tobytes(),
             "int8": numpy.rint(unit * 127 / numpy.abs(unit).max()).astype("i1")[5:5 + 31].tobytes(), "base64": base64_of(faces[0])[32:64].encode()}
    for what, planted in forms.items():
        report.check(f"a planted needle is found: {what}", sum(head(planted).values()) > 0)


collected = []
with Vault("--small", collect=collected) as running:
    module = re.search(r'module = "(.*)"', (running.folder / "facekeepd.toml").read_text())[1]
    shim = next(BUILD.rglob("libfacekeep_pkcs11_shim.so"))
    running.edit_config(f'module = "{module}"', f'module = "{shim}"')
    with open(running.folder / "facekeepd.toml", "a", encoding="utf-8") as config:
        config.write('\n[log]\nlevel = "debug"\n')
    running.restart(env={"FACEKEEP_SHIM_MODULE": module, "FACEKEEP_SHIM_LOG": str(running.folder / "spy.log"),
                         "FACEKEEP_SHIM_CONTROL": str(running.folder / "spy.control")})
    running.hand_in("property-1", running.card("property-1").replace(" ", " x", 1))
    running.unseal()
    gallery, probes = (numpy.load(running.folder / f"{name}.npy").astype("<f4") for name in ("gallery", "probes"))
    session(running, probes[:12])

    templates, everything = Needles(), Needles()
    for needle in (templates, everything):
        add_faces(needle, "a template", gallery)
    add_faces(everything, "a probe", probes[:12])
    add_texts(everything, "a template", gallery)
    add_texts(everything, "a probe", probes[:12])
    add_cards(everything, running)
    add_secret(everything, running)
    print(f"  {everything.count()} needles")
    plant(everything, gallery)

    keys = Keys(running, running.entries())
    plant_keys(keys)

    found, tried = search_keys(keys, running.pid())
    report.check("while open, the search finds the key that wraps subject keys", found["the key that wraps subject keys"] > 0, f"{dict(found)} of {tried} tried")
    found, looked, _ = search_memory(templates, running.pid())
    report.check("while open, the search finds the templates in memory", found["a template"] > len(gallery), f"{dict(found)} in {looked >> 20} MiB")
    done = running.cli("residents-1", "seal")
    report.check("sealed", done.returncode == 0 and running.state() == "sealed", done.stderr)
    time.sleep(0.5)
    found, looked, unread = search_memory(everything, running.pid())
    report.check("after seal, nothing is in memory", not +found, f"{dict(+found)} in {looked >> 20} MiB, {unread} mappings not readable")
    found, tried = search_keys(keys, running.pid())
    report.check("after seal, no site or subject key is in memory", not found, f"{dict(found)} of {tried} tried")
    gallery_unit = gallery / numpy.linalg.norm(gallery, axis=1, keepdims=True)
    report.check("no score in any answer", not scores_in(collected, probes[:12] / numpy.linalg.norm(probes[:12], axis=1, keepdims=True), gallery_unit),
                 scores_in(collected, probes[:12], gallery_unit))
    said = b"\n".join(collected)
    report.check("nothing in any answer or printed line", not +everything.find(said), f"{dict(+everything.find(said))} in {len(collected)} answers, {len(said) >> 10} KiB")
    spy_on_the_token(running)
    running.stop()
    looked = 0
    bad = {}
    for path in files(running):
        content = path.read_bytes()
        looked += len(content)
        if hits := +everything.find(content):
            bad[str(path.relative_to(running.folder))] = dict(hits)
    found, tried = keys.find(path.read_bytes() for path in files(running) if path.stat().st_size < 1 << 22)
    report.check("no site or subject key in any file", not found, f"{dict(found)} of {tried} tried")
    report.check("nothing in any file", not bad, f"{bad} in {looked >> 20} MiB")
    log = running.log()
    report.check("the journal, at level debug, has no vector and no score", "vault-started" in log and not re.search(r"[^\d.]-?0?\.\d{3,}", log), f"{len(log)} bytes")
report.end()
