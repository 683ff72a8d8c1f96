#!/usr/bin/python3
"""The pages to print, deploy/pages, against the programs: each command and option is there, each type of entry is in the log's format, and
what a page quotes is what a program says. (That both languages say the same is a rule of tests/tidy.)"""
import os
import re
import subprocess

from vault import FACEKEEP, FACEKEEP_AUDIT, FACEKEEPD, SOURCE, Report

PROGRAMS = {program.name: program for program in (FACEKEEP, FACEKEEP_AUDIT, FACEKEEPD)}
AS_SERVICE = "sudo -u facekeep "
report = Report()
helps = {}


def help_of(words):
    """What `words --help` says; empty if there is no such command."""
    if words not in helps:
        done = subprocess.run([PROGRAMS[words[0]], *words[1:], "--help"], env=dict(os.environ, LC_ALL="C.UTF-8"), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30, check=False)
        helps[words] = done.stdout if done.returncode == 0 else ""
    return helps[words]


def has(text, name):
    return re.search(rf"^  (?:-\w,)?{re.escape(name)}[ ,\n(]", text, re.M) is not None


def check_command(page, code):
    words = code.removeprefix(AS_SERVICE).split()
    command, rest = (words[0],), words[1:]
    while rest and rest[0].startswith("--"):  # of the program itself
        report.check(f"{page}: {words[0]} {rest[0]}", has(help_of(command), rest[0]))
        rest = rest[2:]
    while rest and re.fullmatch("[a-z][a-z-]*", rest[0]) and has(help_of(command).partition("ubcommands:")[2], rest[0]):
        command, rest = (*command, rest[0]), rest[1:]
    whole = len(command) > 1 and not (rest and re.fullmatch("[a-z][a-z-]*", rest[0]) and "ubcommands:" in help_of(command))
    report.check(f"{page}: {' '.join(words[:3])}", whole)
    for option in re.findall(r"(?<!\S)--[a-z-]+", " ".join(rest)):
        report.check(f"{page}: {' '.join(command)} {option}", has(help_of(command), option))


def check_entries(page, text, format_text):
    told = re.search(r"^\*\*(?:The log shows|日志中可见)\*\*.*", text, re.M)[0]
    for word in re.findall("`([^`]+)`", told):
        known = f"**{word}**" in format_text or f"`{word}`" in format_text
        report.check(f"{page}: the log has {word}", known)


# A string, a character or a comment, whichever begins first.
TOKEN = re.compile(r'''("(?:[^"\\\n]|\\.)*")|'(?:[^'\\\n]|\\.)'|//[^\n]*''')


def spoken():
    """Every string of the programs: what they say. What only a comment has, nobody says."""
    sources = [p for part in ("tools", "vault", "hsm", "api") for p in (SOURCE / part).rglob("*") if p.suffix in (".def", ".cc", ".h")]
    code = "\n".join(TOKEN.sub(lambda token: token[1] or "", p.read_text(encoding="utf-8")) for p in sources)
    return "\n".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', re.sub(r'"\s*"', "", code)))


def check_quotes(page, text, said):
    text = re.sub("```.*?```|`[^`]*`", "", text, flags=re.S)
    for quote in re.findall(r'"([^"]{8,})"|“([^”]{4,})”', text):
        whole = re.sub(r"\s+", " ", "".join(quote))
        # Names and numbers stand for any.
        for part in re.split(r"\b[NMKA]\b|property|residents|/| \d+[/\d]*|(?<=[为第由]) ?\d* ?|[“”]", whole):
            part = part.strip(" ,:：，/0123456789个中有人组张")
            if len(part) > (3 if page.endswith(".zh.md") else 7):
                report.check(f"{page}: somebody says {part!r}", part in said)


format_text, said = (SOURCE / "vault/log/FORMAT.md").read_text(encoding="utf-8"), spoken()
for path in sorted((SOURCE / "deploy/pages").glob("*.md")):
    text = path.read_text(encoding="utf-8")
    commands = [code for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", text) if re.match(rf"({AS_SERVICE})?facekeep(d|-audit)? \S", code)]
    report.check(f"{path.name}: has commands", commands)
    for code in commands:
        check_command(path.name, code)
    check_entries(path.name, text, format_text)
    check_quotes(path.name, text, said)
report.end()
