#!/usr/bin/python3
"""What the programs say about themselves, in both languages, is what was reviewed: tests/snapshots/help.{en,zh}.txt.

A change shows as a difference here; `tests/e2e/help_text.py --update` writes the new text, to be read before it is committed.
"""
import difflib
import os
import re
import subprocess
import sys

from vault import FACEKEEP, FACEKEEP_AUDIT, FACEKEEPD, SOURCE, Report

COMMANDS = ["", "ceremony", "key", "key new", "key show", "door-kit", "unseal", "seal", "propose", "propose principal",
            "propose principals", "propose custodian", "propose site", "propose policy", "propose reveal", "propose cancel-erasures",
            "propose threshold", "propose model", "propose rule", "propose witnesses", "propose export", "propose rotation-policy", "propose log-key", "propose confirm-subjects", "propose restart-ticket",
            "propose action", "propose again",
            "tighten", "tighten threshold", "tighten reveal", "tighten policy", "tighten rule", "tighten restart-ticket", "proposals", "approve", "veto", "result", "withdraw", "revoke", "suspend", "acknowledge", "reshare", "backup", "backup verify", "status", "share", "share check", "share handover", "enrol", "template",
            "template add", "import", "subject", "subject show", "subject list", "erase", "verify", "identify", "calibrate", "changes", "camera", "camera sign",
            "doctor", "sign-recovery", "box", "box new", "box serve", "box status", "box confirm", "generate-faces"]
AUDIT_COMMANDS = ["", "fetch", "replay", "proof", "proof make", "proof check", "report", "watch", "witness-key", "witness-key new"]
report = Report()


def run(program, *args):
    env = dict(os.environ, LC_ALL="C.UTF-8", COLUMNS="120")
    done = subprocess.run([program, *args], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout + done.stderr


def text(lang):
    out = []
    for program, name, commands in ((FACEKEEP, "facekeep", COMMANDS), (FACEKEEP_AUDIT, "facekeep-audit", AUDIT_COMMANDS)):
        for command in commands:
            code, said = run(program, "--lang", lang, *command.split(), "--help")
            report.check(f"{lang}: {name} {command} --help", code == 0 and said.strip(), code)
            out.append(f"$ {name} {command}".rstrip() + f" --help\n{said.strip()}\n")
    if lang == "en":
        out.append("$ facekeepd --help\n" + run(FACEKEEPD, "--help")[1].strip() + "\n")
    # Only the file's own name, wherever it was built.
    return "\n".join(line.rstrip() for line in "\n".join(out)
                     .replace(str(FACEKEEP_AUDIT), "facekeep-audit").replace(str(FACEKEEP), "facekeep")
                     .replace(str(FACEKEEPD), "facekeepd").splitlines()) + "\n"


def listed(program):
    """The commands that the program itself lists: none may be missing above."""
    said = run(program, "--lang", "en", "--help")[1]
    return set(re.findall(r"^  ([a-z][a-z-]+) {2,}", said[said.lower().find("subcommands"):], re.MULTILINE))


for language in ("en", "zh"):
    path = SOURCE / f"tests/snapshots/help.{language}.txt"
    now = text(language)
    if "--update" in sys.argv[1:]:
        path.write_text(now, encoding="utf-8")
    before = path.read_text(encoding="utf-8")
    difference = "\n".join(difflib.unified_diff(before.splitlines(), now.splitlines(), str(path), "now", lineterm="", n=1))
    report.check(f"{language}: the help is what was reviewed", now == before, difference[:4000])
for program, commands in ((FACEKEEP, COMMANDS), (FACEKEEP_AUDIT, AUDIT_COMMANDS)):
    known = {c.split(" ")[0] for c in commands} - {""}
    report.check(f"every command of {program.name} is in the snapshot", listed(program) == known, sorted(listed(program) ^ known))
chinese = (SOURCE / "tests/snapshots/help.zh.txt").read_text(encoding="utf-8")
report.check("the Chinese help is Chinese", len(re.findall("[\u4e00-\u9fff]", chinese)) > 500)
report.end()
