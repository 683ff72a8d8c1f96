"""Rules about files as such."""

import re

from source_tree import matches

TOP_LEVEL = {"CMakeLists.txt", "vault", "hsm", "api", "tools", "tests", "deploy", "README.md", "LICENSE", "SECURITY.md",
             "CHANGELOG.md"}
MAX_LINES = 500
LINES_EXEMPT = {
    "api/openapi.yaml": "one document by its format",
    "LICENSE": "the licence's own text",
}
CODE = (".h", ".cc", ".def", ".py", ".sh", ".txt", ".cmake", ".yaml")


def _is_script(text):
    return text.startswith("#!")


def top_level(tree):
    """the top of the tree holds what design names and nothing else"""
    for entry in sorted({path.split("/")[0] for path in tree.files}):
        if entry not in TOP_LEVEL and not entry.startswith("."):
            yield f"{entry}: not at the top of the tree"


def file_length(tree):
    """no source file is longer than 500 lines"""
    for path, text in tree.texts():
        lines = text.count("\n")
        if lines > MAX_LINES and (path.endswith(CODE) or _is_script(text)) and path not in LINES_EXEMPT \
                and "/seeds/" not in path and "/snapshots/" not in path and "/vectors/" not in path:
            yield f"{path}:1: {lines} lines, {MAX_LINES} at most: one idea a file"


def open_ends(tree):
    """no to-do notes: an open end is an issue, not a comment"""
    for path, text in tree.texts():
        if path.startswith("tests/tidy/") or path == "LICENSE":
            continue
        for line, match in matches(r"\b(TODO|FIXME|XXX|HACK)\b", text):
            yield f"{path}:{line}: {match[1]}"


def build_paths(tree):
    """no path of somebody's own machine"""
    for path, text in tree.texts():
        if path.startswith("tests/tidy/"):
            continue
        for line, match in matches(r"(?<![\w.$}~-])/(?:home/\w+|Users/\w+|work|root|mnt)/[\w.]+", text):
            yield f"{path}:{line}: {match[0]}"


def no_downloads(tree):
    """the build takes everything from the distribution's packages"""
    for path, text in tree.texts("CMakeLists.txt", ".cmake"):
        for line, match in matches(r"\b(FetchContent\w*|ExternalProject\w*|file\s*\(\s*DOWNLOAD|CPMAddPackage)\b", text):
            yield f"{path}:{line}: {match[1]}"


def text_form(tree):
    """text is UTF-8 with a final line feed, no carriage returns, no trailing spaces"""
    for path, text in tree.texts():
        if "/seeds/" in path or "/snapshots/" in path or "/vectors/" in path or not text:
            continue
        if "\r" in text:
            yield f"{path}:1: carriage returns"
        if not text.endswith("\n"):
            yield f"{path}:{text.count(chr(10)) + 1}: no final line feed"
        if not path.endswith(".md"):
            for line, _ in matches(r"[ \t]+$", text):
                yield f"{path}:{line}: trailing spaces"


RULES = {
    "top-level": top_level,
    "file-length": file_length,
    "open-ends": open_ends,
    "build-paths": build_paths,
    "no-downloads": no_downloads,
    "text-form": text_form,
}
