"""The files that the rules look at: those of the checkout, or a sample's."""

import functools
import os
import re
import subprocess

PROGRAM = ("vault/", "hsm/", "api/", "tools/")
_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^()\s\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-zA-Z_])\'(?:\\.|[^\'\\\n])+\'',
    re.S)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


@functools.lru_cache(maxsize=None)
def strip_comments(text):
    """C++ without its comments, lines kept."""
    return _TOKEN.sub(lambda m: _blank(m[0]) if m[0].startswith("/") else m[0], text)


@functools.lru_cache(maxsize=None)
def strip_literals(text):
    """C++ without comments and without what is inside of literals, lines and columns kept. Include names stay."""
    return re.sub(r'^( *#include *) +$', r"\1", _TOKEN.sub(lambda m: _blank(m[0]), text), flags=re.M)


class SourceTree:
    def __init__(self, files, root=None):
        self.files = files  # path -> text; None for what is not UTF-8
        self.root = root  # None for a sample

    @classmethod
    def of(cls, files):
        return cls(dict(files))

    @classmethod
    def of_checkout(cls, root):
        root = os.path.realpath(root)
        files = {}
        for path in cls._paths(root):
            full = os.path.join(root, path)
            if os.path.islink(full) or not os.path.isfile(full):
                continue
            try:
                with open(full, encoding="utf-8", newline="") as source:
                    files[path] = source.read()
            except UnicodeDecodeError:
                files[path] = None
        return cls(files, root)

    @staticmethod
    def _paths(root):
        try:
            out = subprocess.run(["git", "-C", root, "ls-files", "-coz", "--exclude-standard"], check=True,
                                 capture_output=True, text=True).stdout
            return sorted(set(path for path in out.split("\0") if path))
        except (OSError, subprocess.CalledProcessError):
            # An unpacked archive, or a checkout of another owner.
            found = []
            for folder, names, files in os.walk(root):
                names[:] = [n for n in names if n not in (".git", ".build") and not n.startswith("build")]
                found += [os.path.relpath(os.path.join(folder, name), root) for name in files]
            return sorted(found)

    def texts(self, *suffixes, under=("",)):
        for path, text in sorted(self.files.items()):
            if text is not None and path.endswith(suffixes or ("",)) and path.startswith(tuple(under)):
                yield path, text

    def cxx(self, under=("",)):
        return self.texts(".h", ".cc", under=under)

    def without_waived(self, rule, findings):
        """Findings start with "path:line: "; a waiver on that line, with a reason, takes one away."""
        kept = []
        for finding in findings:
            match = re.match(r"([^:]+):(\d+): ", finding)
            line = ""
            if match and self.files.get(match[1]):
                lines = self.files[match[1]].splitlines()
                line = lines[int(match[2]) - 1] if int(match[2]) <= len(lines) else ""
            if not re.search(rf"tidy: allow {re.escape(rule)}, \w", line):
                kept.append(finding)
        return kept


def matches(pattern, text):
    """(line number, match) of each match."""
    for match in re.finditer(pattern, text, re.M):
        yield text.count("\n", 0, match.start()) + 1, match
