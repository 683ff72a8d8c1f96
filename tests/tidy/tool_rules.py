"""Rules that other programs check: clang-format, shellcheck, clang-tidy."""

import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile

from source_tree import PROGRAM


def _tool(name):
    """Debian's versioned name first: layouts differ between versions."""
    return shutil.which(name + "-14") or shutil.which(name)


def _on_disk(tree, paths):
    """A folder that holds the files: the checkout, or a temporary one with a sample's."""
    if tree.root:
        return None, tree.root
    folder = tempfile.TemporaryDirectory()
    for path in paths:
        full = os.path.join(folder.name, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8", newline="") as target:
            target.write(tree.files[path])
    return folder, folder.name


def _repository():
    return os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def layout(tree):
    """clang-format finds nothing to change"""
    program = _tool("clang-format")
    if not program:
        yield "clang-format is not installed"
        return
    paths = [path for path, _ in tree.cxx()]
    holder, root = _on_disk(tree, paths)
    style = "--style=file:" + os.path.join(_repository(), ".clang-format")
    for start in range(0, len(paths), 50):
        done = subprocess.run([program, style, "--dry-run", *paths[start:start + 50]], cwd=root, capture_output=True,
                              text=True)
        seen = set()
        for match in re.finditer(r"^(\S+?):(\d+):\d+: warning: code should be clang-formatted", done.stderr, re.M):
            if match[1] not in seen:
                seen.add(match[1])
                yield f"{match[1]}:{match[2]}: run clang-format -i"
        if done.returncode != 0:
            yield done.stderr.strip() or "clang-format failed"
    del holder


def shell(tree):
    """shellcheck is content with every shell script"""
    program = shutil.which("shellcheck")
    if not program:
        yield "shellcheck is not installed"
        return
    paths = [path for path, text in tree.texts() if re.match(r"#! ?/(usr/)?bin/(env )?(ba|da)?sh\b", text)]
    if not paths:
        return
    holder, root = _on_disk(tree, paths)
    done = subprocess.run([program, "--external-sources", "--format=gcc", *paths], cwd=root, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        yield line
    if done.returncode > 1:
        yield done.stderr.strip()
    del holder


def _project_headers(tree, path, seen):
    """The headers of the project that a file reads, through others too."""
    for name in re.findall(r'^ *# *include *"([^"]+)"', tree.files.get(path) or "", re.M):
        if name not in seen and name in tree.files:
            seen.add(name)
            _project_headers(tree, name, seen)
    return seen


def _check_one(program, database, root, path, mark):
    """Findings of one file. A clean file leaves a mark, so that it is not looked at again until it changes."""
    if mark and os.path.exists(mark):
        return []
    config = os.path.join(_repository(), ".clang-tidy")
    done = subprocess.run([program, "--quiet", "--config-file=" + config, "-p", database, path], cwd=root,
                          capture_output=True, text=True)
    found = [line.replace(root + "/", "") for line in done.stdout.splitlines() if re.search(r": (warning|error): ", line)]
    if done.returncode != 0 and not found:
        found = [f"{path}:1: clang-tidy failed: {done.stderr.strip()[-300:]}"]
    if not found and mark:
        with open(mark, "w", encoding="utf-8"):
            pass
    return found


def clang_tidy(tree):
    """clang-tidy finds no defect in the programs' sources, and every source is built by something"""
    program = _tool("clang-tidy")
    if not program:
        yield "clang-tidy is not installed"
        return
    sources = [path for path, _ in tree.texts(".cc", under=PROGRAM)]
    holder, root = _on_disk(tree, tree.files)
    if tree.root:
        database = os.environ.get("FACEKEEP_BUILD") or os.path.join(root, ".build", "gcc")
    else:
        database = root
        with open(os.path.join(root, "compile_commands.json"), "w", encoding="utf-8") as commands:
            json.dump([{"directory": root, "file": os.path.join(root, path), "command": f"c++ -std=c++20 -I. -c {path}"}
                       for path in sources], commands)
    try:
        with open(os.path.join(database, "compile_commands.json"), encoding="utf-8") as commands:
            entries = {os.path.relpath(os.path.realpath(e["file"]), root): e["command"] for e in json.load(commands)}
    except OSError:
        yield f"no compile commands in {database}: configure first, or run ./tests/run tidy"
        return
    for path in [*sources, *(p for p, _ in tree.texts(".cc", under=("tests/unit/",)))]:
        if path not in entries:
            yield f"{path}:1: no target builds this file"
    marks = os.path.join(database, "tidy-clean") if tree.root else None
    if marks:
        os.makedirs(marks, exist_ok=True)
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    with open(os.path.join(_repository(), ".clang-tidy"), encoding="utf-8") as config:
        common = version + config.read()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        runs = []
        for path in (p for p in sources if p in entries):
            key = hashlib.sha256((common + entries[path]).encode())
            for name in [path, *sorted(_project_headers(tree, path, set()))]:
                key.update(f"\0{name}\0{tree.files[name]}".encode())
            mark = os.path.join(marks, key.hexdigest()) if marks else None
            runs.append(pool.submit(_check_one, program, database, root, path, mark))
        found = {line for run in runs for line in run.result()}
    yield from sorted(found)
    del holder


RULES = {
    "layout": layout,
    "shell": shell,
    "clang-tidy": clang_tidy,
}
