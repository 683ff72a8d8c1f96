"""Runs the commands that README.md and the runbooks show, against a kept quickstart vault: run_documents.py SOURCE DIR.

A block counts that is fenced as `console` and has <!-- test --> on the line before it. Lines that begin with "$ " are commands (one
that ends with a backslash goes on), other lines must come in the output in this order, "..." stands for anything. In a block
without "$ " each line is a command. The programs are in the PATH, $DIR is the vault's folder, $PUBLIC its public address and $VKEY its log's verifier key;
$PROPOSAL and $DIGEST are those of the newest proposal that has not ended. <!-- test: ANSWER --> runs a block at a terminal where a person
types ANSWER whenever asked.
A library, not a suite: quickstart.sh runs it.
"""
import json
import os
import pathlib
import pty
import re
import subprocess
import sys

source, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
build = os.environ["FACEKEEP_BUILD"]
env = dict(os.environ, DIR=str(folder), PATH=f"{build}/tools:/usr/bin:" + os.environ["PATH"], FACEKEEP_VAULT=str(folder / "notice.json"),
           XDG_STATE_HOME=str(folder / "state"), SOFTHSM2_CONF=str(folder / "softhsm2.conf"))
demo = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
env.update(PUBLIC=demo["public"], VKEY=demo["vkey"])
passed = failed = 0


def steps(block):
    """[(command, [expected lines])]"""
    out, continued = [], False
    if not re.search(r"^\$ ", block, re.MULTILINE):
        return [(command, []) for command in block.replace("\\\n", " ").splitlines() if command.strip()]
    for line in block.splitlines():
        if continued:
            out[-1][0] += "\n" + line.removeprefix("> ")
        elif line.startswith("$ "):
            out.append([line[2:], []])
        elif out and line.strip():
            out[-1][1].append(line.strip())
        continued = (continued or line.startswith("$ ")) and line.endswith("\\")
    return out


def appears(expected, output):
    """Each expected line in the output, in order; "..." is anything."""
    pattern = ".*?".join(re.escape(line).replace(re.escape("..."), ".*?") for line in expected)
    return re.search(pattern, output, re.DOTALL) is not None


def newest_proposal():
    said = subprocess.run(["facekeep", "--json", "--key", folder / "keys/residents-2.key", "proposals"], env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False).stdout
    with_end = ("done", "vetoed", "withdrawn", "expired")
    alive = [p for p in json.loads(said or "{}").get("proposals", []) if p["stage"] not in with_end]
    return {"PROPOSAL": alive[-1]["id"], "DIGEST": alive[-1]["digest"]} if alive else {}


def run(command, answer):
    """(exit code, everything that it printed)"""
    used = {**env, **(newest_proposal() if "$PROPOSAL" in command else {})}
    if not answer:
        done = subprocess.run(["bash", "-c", command], cwd=source, env=used, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        return done.returncode, done.stdout
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(source)
        os.execvpe("bash", ["bash", "-c", command], used)
    said = b""
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # the last one at the terminal has gone
            break
        said += more
        if not more:
            break
        if re.search(rb"\[y/N[^\]]*\] $", said):  # the space, too: the answer's echo comes behind it
            os.write(terminal, answer.encode() + b"\n")
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode(errors="replace").replace("\r\n", "\n")


for document in ("README.md", "deploy/RUNBOOK.md", "deploy/RUNBOOK.zh.md"):
    path = source / document
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    blocks = re.findall(r"^<!-- test(?:: (\S+))? -->\n+```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    print(f"  {document}: {len(blocks)} blocks to run")
    for answer, block in blocks:
        for command, expected in steps(block):
            code, said = run(command, answer)
            good = code == 0 and appears(expected, said)
            passed, failed = passed + good, failed + (not good)
            print(f"  {'ok  ' if good else 'FAIL'} {document}: {command}")
            if not good:
                print(f"    exit {code}\n" + said[-1500:])
print(f"{passed} passed, {failed} failed")
