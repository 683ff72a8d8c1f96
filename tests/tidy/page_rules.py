"""Rules about the pages to print, deploy/pages: each is one sheet, and says the same in both languages."""

import re
import unicodedata

FOLDER = "deploy/pages/"
MAX_LINES, MAX_COLUMNS = 60, 116
PARTS = 9  # title, when, who, on the table, steps, what each looks at, half-way, the log, what is destroyed
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")


def columns(line):
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


def shape(text):
    """Of each part: its commands, boxes, rows and steps."""
    parts = re.split(r"^(?:## |\*\*)", text, flags=re.M)
    return [(sorted(re.sub(r"\s+", " ", code) for code in _CODE.findall(part)), part.count("☐"),
             len(re.findall(r"^\|", part, re.M)), len(re.findall(r"^\d+\. ", part, re.M))) for part in parts]


def _one_page(path, text):
    if text.count("\n") > MAX_LINES:
        yield f"{path}:1: {text.count(chr(10))} lines, {MAX_LINES} at most: it is one sheet"
    for number, line in enumerate(text.split("\n"), 1):
        if columns(line) > MAX_COLUMNS:
            yield f"{path}:{number}: {columns(line)} columns, {MAX_COLUMNS} at most"
    if len(shape(text)) < PARTS or "☐" not in text or "____" not in text:
        yield f"{path}:1: a page has its parts, boxes to tick and lines to sign"


def pages(tree):
    """each ceremony is one page to print, with the same commands and boxes in both languages, and the runbooks link it"""
    found = {path: text for path, text in tree.texts(".md", under=(FOLDER,))}
    for path, text in found.items():
        yield from _one_page(path, text)
        chinese = path.endswith(".zh.md")
        name = path.removeprefix(FOLDER)
        for runbook in ("deploy/RUNBOOK.md", "deploy/RUNBOOK.zh.md") if chinese else ("deploy/RUNBOOK.md",):
            if f"(pages/{name})" not in (tree.files.get(runbook) or ""):
                yield f"{path}:1: {runbook} does not link it"
        other = path.removesuffix(".zh.md" if chinese else ".md") + (".md" if chinese else ".zh.md")
        if other not in found:
            yield f"{path}:1: there is no {other}"
        elif chinese and shape(text) != shape(found[other]):
            yield f"{path}:1: commands, boxes, rows or steps are not those of {other}"


RULES = {"pages": pages}
