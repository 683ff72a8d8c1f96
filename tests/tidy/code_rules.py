"""Rules about what the C++ says."""

import os
import re

from source_tree import PROGRAM, matches, strip_comments, strip_literals

# Which folders a folder may include from. The longest prefix counts.
MAY_INCLUDE = {
    "vault/base/": ("vault/base/",),
    "vault/ledger/": ("vault/base/", "vault/ledger/"),
    "vault/log/": ("vault/base/", "vault/ledger/", "vault/log/"),
    "vault/log/sequencer/": ("vault/",),
    "vault/audit/": ("vault/base/", "vault/ledger/", "vault/log/", "vault/audit/"),
    "vault/seal/": ("vault/base/", "vault/seal/"),
    "vault/store/": ("vault/base/", "vault/store/"),
    "vault/match/": ("vault/base/", "vault/match/"),
    "vault/subject/": ("vault/base/", "vault/ledger/", "vault/seal/", "vault/subject/"),
    "vault/": ("vault/",),
    "hsm/": ("vault/base/", "vault/seal/", "hsm/"),
    "api/http/": ("vault/base/", "api/http/"),
    "api/": ("vault/", "api/"),
    "tools/facekeep-audit/": ("vault/base/", "vault/ledger/", "vault/log/", "vault/audit/", "api/http/", "tools/common/",
                              "tools/facekeep-audit/"),
    "tools/common/": ("vault/", "hsm/", "api/", "tools/common/"),
    "tools/": ("vault/", "hsm/", "api/", "tools/"),
}
# Which folders may know a library.
LIBRARY_HOME = {
    "p11-kit/": ("hsm/", "tests/"),
    "rocksdb/": ("vault/store/", "tests/"),
    "hwy/": ("vault/match/", "tests/"),
    "httplib.h": ("api/http/",),
    "seccomp.h": ("tools/facekeepd/",),
    "catch2/": ("tests/support/",),
}
# Environment variables that carry no secret and that a program may read.
HARMLESS_ENVIRONMENT = re.compile(
    r"^(LANG|LANGUAGE|LC_[A-Z]+|HOME|XDG_[A-Z]+_(HOME|DIR)|COLUMNS|TERM|NO_COLOR|SSH_AUTH_SOCK|NOTIFY_SOCKET|"
    r"CREDENTIALS_DIRECTORY|STATE_DIRECTORY|RUNTIME_DIRECTORY)$")
# Hand getenv on as a function that their tests replace: LC_ALL, LC_MESSAGES, LANG; XDG_STATE_HOME, HOME; LD_PRELOAD and its kin.
ENVIRONMENT_BY_CALL = ("tools/common/catalogue.cc", "tools/common/client_memory.cc", "tools/facekeepd/loaded.cc")
SECRET_WORDS = {"pin", "pins", "share", "shares", "secret", "secrets", "passphrase", "passphrases", "password", "mnemonic",
                "mnemonics"}
# "pin_file" names a file, not a PIN.
HARMLESS_ENDINGS = {"path", "file", "name", "uri", "label", "id", "index", "count", "digest", "commitment", "commitments",
                    "credential", "hint", "prompt", "message", "source", "dir", "help", "error", "text_name"}
SNAPSHOT = "tests/tidy/plain_template_access.txt"


def includes(tree):
    """includes run one way: vault/base <- hsm, vault/ledger <- vault <- api <- tools"""
    for path, text in tree.cxx():
        home = max((prefix for prefix in MAY_INCLUDE if path.startswith(prefix)), key=len, default=None)
        for line, match in matches(r'^ *# *include *"([^"]+)"', strip_comments(text)):
            if "/" not in match[1]:
                yield f"{path}:{line}: include by full path, not \"{match[1]}\""
            elif home and not match[1].startswith(MAY_INCLUDE[home]):
                yield f"{path}:{line}: {home} may not include {match[1]}"
        for line, match in matches(r"^ *# *include *<([^>]+)>", strip_comments(text)):
            for library, homes in LIBRARY_HOME.items():
                if match[1].startswith(library) and not path.startswith(homes):
                    yield f"{path}:{line}: only {', '.join(homes)} may include <{match[1]}>"


def one_httplib(tree):
    """exactly one file includes httplib.h"""
    found = [path for path, text in tree.cxx() if re.search(r"# *include *[<\"]httplib\.h", strip_comments(text))]
    if len(found) != 1:
        yield f"{len(found)} files include httplib.h: {', '.join(found)}"


def one_cryptoki(tree):
    """exactly one file calls the token's C_ functions"""
    calls = r"(?:->|\.)\s*C_[A-Z]\w+\s*\("
    found = [path for path, text in tree.cxx(PROGRAM) if re.search(calls, strip_literals(text))]
    if len(found) != 1 or not found[0].startswith("hsm/"):
        yield f"{len(found)} files call C_ functions: {', '.join(found)}"


def comparisons(tree):
    """no memcmp and no strcmp: secrets are compared in constant time, the rest with =="""
    for path, text in tree.cxx(PROGRAM):
        for line, match in matches(r"\b(memcmp|bcmp|strn?cmp)\s*\(", strip_literals(text)):
            yield f"{path}:{line}: {match[1]}: use constant_time_equal or =="


def environment(tree):
    """programs read only harmless environment variables, by name"""
    for path, text in tree.cxx(PROGRAM):
        if path in ENVIRONMENT_BY_CALL:
            continue
        for line, match in matches(r"\b(?:secure_)?getenv\s*\(\s*([^)]*)\)", strip_comments(text)):
            name = match[1].strip().strip('"')
            if not match[1].strip().startswith('"') or not HARMLESS_ENVIRONMENT.match(name):
                yield f"{path}:{line}: getenv({match[1]}): not on the list of harmless variables"


def secret_strings(tree):
    """nothing named pin, share, secret or passphrase is a string: SecretBytes"""
    pattern = r"\b(?:std::(?:w?string(?:_view)?|ostringstream|stringstream)|char)\b[\s&*]*\b([a-z][a-z0-9_]*)\s*[;={),\[]"
    for path, text in tree.cxx(PROGRAM):
        for line, match in matches(pattern, strip_literals(text)):
            words = match[1].strip("_").split("_")
            if SECRET_WORDS & set(words) and words[-1] not in HARMLESS_ENDINGS:
                yield f"{path}:{line}: '{match[1]}' is a string: secrets live in SecretBytes"


def _plain_template_access(tree):
    lines = []
    for path, text in tree.cxx(PROGRAM):
        code = strip_literals(text)
        if "PlainTemplateAccess" not in code:
            continue
        lines.append(f"names it: {path}")
        body = re.search(r"class PlainTemplateAccess\b[^;{]*\{(.*?)^\};", code, re.S | re.M)
        for friend in re.findall(r"\bfriend\b([^;]*);", body[1]) if body else ():
            lines.append(f"may make it: {' '.join(friend.split())}")
    return "".join(line + "\n" for line in lines)


def plain_access(tree):
    """who may touch a plain template is as in the snapshot that was reviewed"""
    now, reviewed = _plain_template_access(tree), tree.files.get(SNAPSHOT, "")
    for line in sorted(set(now.splitlines()) ^ set(reviewed.splitlines())):
        change = "new" if line in now.splitlines() else "gone"
        yield f"{SNAPSHOT}:1: {change}: {line} (review, then tests/tidy/run --update-snapshots)"


def write_snapshot(tree):
    with open(os.path.join(tree.root, SNAPSHOT), "w", encoding="utf-8") as snapshot:
        snapshot.write(_plain_template_access(tree))


def header_contract(tree):
    """every header begins with a comment that says what it is, and has #pragma once"""
    for path, text in tree.texts(".h"):
        if not text.startswith("//"):
            yield f"{path}:1: a header begins with a comment"
        if not re.search(r"^#pragma once$", text, re.M):
            yield f"{path}:1: no #pragma once"


def random_sources(tree):
    """randomness comes from vault/base/digest.h alone"""
    for path, text in tree.cxx(PROGRAM):
        for line, match in matches(r"\b(s?rand|rand_r|drand48|random_device|mt19937(?:_64)?)\b\s*[({;]|\bstd::(random_device|mt19937)",
                                   strip_literals(text)):
            yield f"{path}:{line}: {match[0].strip(' ({;')}: use fill_random"


RULES = {
    "includes": includes,
    "one-httplib": one_httplib,
    "one-cryptoki": one_cryptoki,
    "comparisons": comparisons,
    "environment": environment,
    "secret-strings": secret_strings,
    "plain-access": plain_access,
    "header-contract": header_contract,
    "random-sources": random_sources,
}
