"""Splits generated faces into a gallery (each person's first image) and probes (the second): split.py DIR."""
import csv
import sys

import numpy

folder = sys.argv[1]
faces = numpy.load(f"{folder}/faces.npy")
with open(f"{folder}/faces.csv", encoding="utf-8", newline="") as f:
    header, *rows = csv.reader(f)  # row, subject, image
for part, name in ((0, "gallery"), (1, "probes")):
    numpy.save(f"{folder}/{name}.npy", faces[part::2])
    with open(f"{folder}/{name}.csv", "w", encoding="utf-8", newline="") as f:
        csv.writer(f).writerows([header] + [[i] + row[1:] for i, row in enumerate(rows[part::2])])
