#!/usr/bin/python3
"""facekeep doctor: what a token can do is said in plain words, in a table and as JSON; whatever happens, the token is as it was."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from vault import BUILD, FACEKEEP, Report
from tokens import PIN, new_token

SHIM = BUILD / "tests/support/libfacekeep_pkcs11_shim.so"
report = Report()


class Bench:
    """A token on a workbench, and what somebody plants in it or takes from it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="facekeep-doctor-"))
        made = new_token(self.folder, "bench", PIN)
        self.module, self.env = made.module, dict(os.environ, LC_ALL="C.UTF-8", **made.env)

    def command(self, *more, lang="en", module=None):
        (self.folder / "pin").write_text(PIN)
        return [FACEKEEP, "--lang", lang, *(["--json"] if "--json" in more else []), "doctor", "--token", "pkcs11:token=bench", "--module",
                module or self.module, "--pin-file", self.folder / "pin", *[m for m in more if m != "--json"]]

    def doctor(self, *more, env=None, **kwargs):
        return subprocess.run([str(c) for c in self.command(*more, **kwargs)], env=dict(self.env, **(env or {})), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False)

    def objects(self):
        said = subprocess.run(["pkcs11-tool", "--module", self.module, "--token-label", "bench", "--login", "--pin", PIN, "-O"], env=self.env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
        return sorted(re.findall(r"label: +'?([^'\n]+)", said))

    def plant(self, label):
        """A data object, as a vault's anchor is one."""
        (self.folder / "value").write_text("x")
        subprocess.run(["pkcs11-tool", "--module", self.module, "--token-label", "bench", "--login", "--pin", PIN, "--write-object",
                        self.folder / "value", "--type", "data", "--label", label, "--private"], env=self.env, check=True, capture_output=True)

    def shim(self, faults):
        """The environment of a run in which the token behaves so."""
        (self.folder / "faults").write_text(faults + "\n")
        return {"FACEKEEP_SHIM_MODULE": self.module, "FACEKEEP_SHIM_CONTROL": str(self.folder / "faults")}


def usable(bench):
    done = bench.doctor()
    report.check("a usable token: exit 0 and the verdict", done.returncode == 0 and "verdict: usable as a vault's token" in done.stdout, done.stdout[-1200:] + done.stderr)
    report.check("a token of files is called one", "the token is software" in done.stderr, done.stderr.strip())
    report.check("every line of the table says what works", len(re.findall(r"^(works|fallback) +\w", done.stdout, re.M)) == 14, done.stdout)
    report.check("speeds are said", len(re.findall(r"^  .+ [0-9.]+$", done.stdout, re.M)) >= 5, "")
    report.check("nothing is left in it", bench.objects() == [], bench.objects())
    answer = json.loads(bench.doctor("--json").stdout)
    report.check("JSON says the same", answer["usable"] is True and len(answer["steps"]) == 14 and answer["per_second"]["wrap"] > 0
                 and answer["evidence"]["root"]["never_extractable"] is True, answer.get("token"))
    chinese = bench.doctor(lang="zh")
    report.check("and Chinese", chinese.returncode == 0 and "结论：可用作保管库的密钥令牌" in chinese.stdout and "可用" in chinese.stdout, chinese.stdout[:80])


def lacking(bench):
    """By the shim: what a token of another maker lacks."""
    def found(faults, *more):
        done = bench.doctor("--json", *more, module=SHIM, env=bench.shim(faults))
        answer = json.loads(done.stdout)
        report.check(f"{faults!r}: nothing is left", bench.objects() == [], bench.objects())
        return done, answer, {s["step"]: s["finding"] for s in answer.get("steps", [])}

    done, answer, steps = found("hide 0x1087\nhide 0x1057")  # CKM_AES_GCM, CKM_EDDSA
    report.check("no AES-GCM, no Ed25519: usable with both fallbacks", done.returncode == 0 and answer["usable"] and steps["root"] == steps["log-key"] == "fallback", steps)
    said = bench.doctor(module=SHIM, env=bench.shim("hide 0x1087\nhide 0x1057"))
    report.check("and they are named", "the vault wraps with RSA-OAEP" in said.stdout and "signed with ECDSA P-256" in said.stdout
                 and "with the fallbacks that are named above" in said.stdout, said.stdout[-300:])
    done, answer, steps = found("hide 0x1087\nhide 0x9")
    report.check("no way to wrap: exit 2, and why", done.returncode == 2 and not answer["usable"] and steps["root"] == "refused" and steps["wrap"] == "not-tried"
                 and "neither AES-GCM nor RSA-OAEP" in done.stderr and "hint:" in done.stderr, done.stderr.strip())
    done, answer, steps = found("C_CreateObject 0x13")
    report.check("no data objects: refused for its anchor", done.returncode == 2 and steps["anchor"] == "refused" and steps["sign"] == "works", done.stderr.strip())
    done, answer, steps = found("C_Sign 0x6 skip 3")
    report.check("a signature that fails the fourth time is found while speeds are taken", done.returncode == 2 and steps["repeat"] == "refused", done.stderr.strip())
    done = bench.doctor(module=SHIM, env=bench.shim("C_Login 0xa0"))
    report.check("a wrong PIN is one sentence and exit 2", done.returncode == 2 and "error:" in done.stderr and "PIN" in done.stderr and "works" not in done.stdout, done.stderr.strip())


def inhabited(bench):
    label = "facekeep/" + "ab" * 16 + "/anchor-a"
    bench.plant(label)
    done = bench.doctor()
    report.check("a token with a vault in it is left alone", done.returncode == 2 and "ab" * 16 in done.stderr and "--beside" in done.stderr, done.stderr.strip())
    report.check("nothing was made in it", bench.objects() == [label], bench.objects())
    done = bench.doctor("--beside")
    report.check("beside it, when that is meant", done.returncode == 0, done.stderr.strip())
    fast = bench.doctor("--beside", "--json").stdout
    report.check("its speed of writing anchors is not taken there", '"sign"' in fast and '"anchor-write"' not in fast, fast[-300:])
    report.check("the vault's object is still there, and alone", bench.objects() == [label], bench.objects())


def named(objects):
    """SoftHSM makes an object's file before it writes the attributes: one without a label is half made, and nobody's."""
    return [o for o in objects if o.strip()]


def stopped(bench):
    before = bench.objects()
    for how in (signal.SIGTERM, signal.SIGINT):
        # Somewhere in the middle: as soon as it made something.
        going = subprocess.Popen([str(c) for c in bench.command("--beside")], env=bench.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(0.4)
        going.send_signal(how)
        said, error = going.communicate(timeout=120)
        report.check(f"{how.name}: no verdict, exit 2", going.returncode == 2 and "interrupted" in error and "verdict" not in said, error.strip())
        report.check(f"{how.name}: nothing is left", bench.objects() == before, bench.objects())
    going = subprocess.Popen([str(c) for c in bench.command("--beside")], env=bench.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 30
    while bench.objects() == before and going.poll() is None and time.monotonic() < end:
        pass
    going.kill()
    going.communicate()
    left = named(o for o in bench.objects() if o not in before)
    if not left:
        report.skip("it was over before it could be killed")
        return
    report.check("after kill -9, what is left says whose it is", all(o.startswith("facekeep/666b2d747269616c") for o in left), left[:1])
    done = bench.doctor("--beside")
    report.check("and the next one removes it", done.returncode == 0 and f"removed {len(left)} objects that an earlier trial left" in done.stdout, done.stdout[:200])
    report.check("nothing is left then", named(bench.objects()) == named(before), bench.objects())


workbench = Bench()
try:
    usable(workbench)
    lacking(workbench)
    inhabited(workbench)
    stopped(workbench)
finally:
    shutil.rmtree(workbench.folder, ignore_errors=True)
report.end()
