"""A token for a suite: SoftHSM, or what FACEKEEP_TEST_TOKEN names (tests/support/test_token.h). A library, not a suite."""
import dataclasses
import os
import pathlib
import subprocess
import sys

SETUPS = pathlib.Path(__file__).resolve().parents[1] / "support/tokens"
PIN, SO_PIN = "648219", "90217345"


@dataclasses.dataclass
class Made:
    module: str
    env: dict


def setup_program():
    name = os.environ.get("FACEKEEP_TEST_TOKEN") or "softhsm"
    return name if "/" in name else str(SETUPS / name)


def new_token(folder, label, pin, so_pin=SO_PIN):
    """An empty token in the folder. Ends the suite as skipped where this machine can't make one."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run([setup_program(), str(folder), label, pin, so_pin], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 77:
        print(done.stderr.strip())
        sys.exit(77)
    if done.returncode:
        sys.exit(f"{setup_program()}: {done.stdout}{done.stderr}")
    said = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return Made(said.pop("module"), said)
