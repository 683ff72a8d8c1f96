#!/usr/bin/python3
"""Real embeddings through the whole vault: identify answers as an exact float32 search does, for every probe of the 1:N protocol, and
the verification accuracy over the standard pairs is the published one. Everything through HTTPS, decisions only.

Reads the embeddings from FACEKEEP_SHARED_DIR/data (its README has the protocol and the expected figures) and copies nothing of them
beyond the vaults' own folders, which are removed.
"""
import collections
import concurrent.futures
import csv
import json
import sys
import tempfile
import threading
import time

import numpy

from vault import SHARED, Report, Vault, base64_of

DATA = SHARED / "data"
THREADS = 8
NEAR = 1e-6  # float32 sums differ by less; what is nearer to a threshold or a rival is reported, and may go either way
report = Report()


def load(dimension):
    return numpy.fromfile(DATA / f"faces-{dimension}.f32", "<f4").reshape(-1, dimension)


def protocol():
    """Rows: gallery (one of each person with two or more images), and probes with their person's gallery position, or -1."""
    with open(DATA / "faces.labels.csv", encoding="utf-8", newline="") as f:
        header, *rows = csv.reader(f)
    assert header == ["row", "person", "image"], header
    people = {}
    for row, person, image in rows:
        people.setdefault(person, []).append((int(image), int(row)))
    gallery, mated, strangers = [], [], []
    for images in people.values():
        images.sort()
        if len(images) > 1:
            mated += [(row, len(gallery)) for _, row in images[1:]]
            gallery.append(images[0][1])
        else:
            strangers.append((images[0][1], -1))
    return gallery, mated, strangers


class Doors:
    """Keep-alive connections, one a thread."""

    def __init__(self, vault):
        self.vault, self.local = vault, threading.local()

    def ask(self, path, body):
        if not hasattr(self.local, "connection"):
            self.local.connection = self.vault.connect("door/1")
        answer = self.vault.ask("door/1", "POST", path, body, connection=self.local.connection)
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer}")
        return answer.json

    def map(self, function, items):
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(function, items))


def identification(dimension, threshold):
    faces = load(dimension)
    gallery, mated, strangers = protocol()
    report.check(f"{dimension}: the protocol is the published one", (len(gallery), len(mated), len(strangers)) == (1680, 7484, 4069),
                 (len(gallery), len(mated), len(strangers)))
    with tempfile.TemporaryDirectory(prefix="facekeep-e2e-") as folder:
        numpy.save(f"{folder}/gallery.npy", faces[gallery])
        with open(f"{folder}/gallery.csv", "w", encoding="utf-8") as f:
            f.write("row,subject,image\n" + "".join(f"{i},person-{i:05d},1\n" for i in range(len(gallery))))
        began = time.monotonic()
        with Vault("--dimension", str(dimension), "--thresholds", f"350000,{threshold}", "--templates", f"{folder}/gallery.npy",
                   "--labels", f"{folder}/gallery.csv") as vault:
            report.check(f"{dimension}: the gallery is enrolled over HTTPS", "1680 rows: 1680 enrolled" in vault.output,
                         f"{time.monotonic() - began:.0f} s with the ceremony")
            compare(vault, faces, gallery, mated + strangers, threshold / 1e6, dimension)


def compare(vault, faces, gallery, probes, threshold, dimension):
    doors, began = Doors(vault), time.monotonic()
    identify = lambda p: doors.ask("/v1/sites/main/identify", {"door": "north-gate", "model": "face", "probe": base64_of(faces[p[0]])})
    answers = doors.map(identify, probes)
    took = time.monotonic() - began
    scores = faces[[row for row, _ in probes]] @ faces[gallery].T  # float32, rows of unit length
    # Equal scores (byte-identical crops): the one that was enrolled first, which argmax gives too.
    best = scores.argmax(axis=1)
    near, wrong, rank1 = [], [], 0
    for i, (answer, (row, person)) in enumerate(zip(answers, probes)):
        top = scores[i, best[i]]
        want = f"person-{best[i]:05d}" if top >= numpy.float32(threshold) else None
        got = answer.get("subject") if answer["decision"] == "match" else None
        rank1 += person >= 0 and best[i] == person
        rivals = numpy.sort(numpy.delete(scores[i], best[i]))[-1]
        close = abs(float(top) - threshold) < NEAR or (want and 0 < top - rivals < NEAR)
        if close:
            near.append((row, float(top), want, got))
        if got != want and not close or answer["decision"] not in ("match", "no_match"):
            wrong.append((row, float(top), want, got))
    for row, top, want, got in near:
        print(f"    near: row {row}, cosine {top:.7f}, exact search {want}, vault {got}")
    matches = sum(a["decision"] == "match" for a in answers)
    report.check(f"{dimension}: every decision is that of the exact search", not wrong and len(answers) == len(probes) and 0 < matches < len(probes),
                 f"{len(answers)} probes, {matches} matches, {len(wrong)} wrong {wrong[:3]}, {len(near)} near, {len(probes) / took:.0f} a second")
    expected = {128: 0.97956, 512: 0.98263}[dimension]
    report.check(f"{dimension}: rank-1 of the exact search is the published one", abs(rank1 / 7484 - expected) < 2e-5, f"{rank1 / 7484:.5f}")


def accuracy(count=8, first=0.20, step=0.02):
    """One model a threshold. A decision falls with the threshold, so each pair is searched by halves. A subject has at most 8 templates,
    so 8 thresholds around the best one (over .05 to .65 in steps of .015 the exact search finds the same accuracy)."""
    faces, thresholds = load(128), [round(first + i * step, 6) for i in range(count)]
    with open(DATA / "pairs.csv", encoding="utf-8", newline="") as f:
        header, *pairs = csv.reader(f)
    assert header == ["fold", "same", "row1", "row2"], header
    pairs = [tuple(int(v) for v in p) for p in pairs]
    # Which of the two is enrolled makes no difference to a cosine: the one that is in more pairs.
    uses = collections.Counter(row for p in pairs for row in p[2:])
    pairs = [p if (uses[p[2]], p[2]) >= (uses[p[3]], p[3]) else (p[0], p[1], p[3], p[2]) for p in pairs]
    rows = sorted({p[2] for p in pairs})
    with tempfile.NamedTemporaryFile("w", suffix=".json", prefix="facekeep-e2e-") as models:
        json.dump([{"id": f"t{i}", "dimension": 128, "verify_threshold": round(t * 1e6), "identify_threshold": round(t * 1e6)}
                   for i, t in enumerate(thresholds)], models)
        models.flush()
        with Vault("--small", "--dimension", "128", "--extra-models", models.name) as vault:
            enrol_for_pairs(vault, faces, rows, count)
            decide_pairs(vault, faces, pairs, thresholds)


def subject_of(row, model):
    return f"row-{row}-{model // 8}"  # a subject has at most 8 templates


def enrol_for_pairs(vault, faces, rows, count):
    consent, began = vault.consent(), time.monotonic()
    lines = [json.dumps({"subject": subject_of(row, first), "consent": consent,
                         "templates": [{"model": f"t{m}", "template": base64_of(faces[row])} for m in range(first, min(first + 8, count))]})
             for row in rows for first in range(0, count, 8)]

    def send(chunk):
        answer = vault.ask("operator/1", "POST", "/v1/sites/main/enrolments", "\n".join(chunk), {"Content-Type": "application/x-ndjson"})
        return [line for line in answer.body.splitlines()[:-1] if json.loads(line)["status"] != "created"] if answer.status == 200 else [answer]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        bad = sum(pool.map(send, [lines[i:i + 50] for i in range(0, len(lines), 50)]), [])
    report.check("pairs: one image of each is enrolled for every threshold", not bad, f"{len(rows)} rows, {len(lines)} subjects in {time.monotonic() - began:.0f} s {bad[:1]}")


def decide_pairs(vault, faces, pairs, thresholds):
    doors, began = Doors(vault), time.monotonic()
    asked = [0]

    def matches(pair, model):
        asked[0] += 1
        return doors.ask("/v1/sites/main/verify", {"door": "north-gate", "model": f"t{model}", "subject": subject_of(pair[2], model),
                                                   "probe": base64_of(faces[pair[3]])})["decision"] == "match"

    def passed(pair):
        """The number of thresholds that the pair passes."""
        low, high = 0, len(thresholds)
        while low < high:
            middle = (low + high) // 2
            if matches(pair, middle):
                low = middle + 1
            else:
                high = middle
        return low

    passes = numpy.array(doors.map(passed, pairs))
    took = time.monotonic() - began
    swept = doors.map(lambda i: [matches(pairs[i], m) for m in range(len(thresholds))] == [m < passes[i] for m in range(len(thresholds))],
                      range(0, len(pairs), 60))
    report.check("pairs: decisions fall with the threshold (one pair in 60, every threshold)", all(swept), f"{len(swept)} pairs")
    folds, same = (numpy.array([p[i] for p in pairs]) for i in (0, 1))
    right = numpy.array([(passes > m) == (same == 1) for m in range(len(thresholds))])  # threshold x pair
    results, chosen = [], []
    for fold in numpy.unique(folds):
        best = right[:, folds != fold].mean(axis=1).argmax()
        chosen.append(thresholds[best])
        results.append(right[best, folds == fold].mean())
    mean, deviation = float(numpy.mean(results)), float(numpy.std(results))
    report.check("pairs: the best thresholds are inside the sweep", thresholds[0] < min(chosen) and max(chosen) < thresholds[-1], sorted(set(chosen)))
    report.check("pairs: verification accuracy over 10 folds is the published one", abs(mean - 0.9918) <= 0.002,
                 f"{mean:.4f} +- {deviation:.4f} (published .9918 +- .0063), {asked[0]} decisions, {asked[0] / took:.0f} a second")


if not (DATA / "faces-128.f32").exists():
    print(f"skipped: there are no real embeddings in {DATA}; FACEKEEP_SHARED_DIR names their folder")
    sys.exit(77)
wanted = sys.argv[1:] or ["128", "512", "pairs"]
for part in wanted:
    if part == "pairs":
        accuracy()
    else:
        identification(int(part), 411000)
report.end()
