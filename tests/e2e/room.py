"""The room of a key ceremony: a token, everybody's keys, a plan, and a terminal with the person before it. A library, not a suite."""
import contextlib
import json
import os
import pathlib
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

from tokens import new_token
from vault import FACEKEEP, SOURCE

GROUPS = {"property": (1, 2, 3), "residents": (1, 2, 3)}
PEOPLE = [f"{g}/{n}" for g, numbers in GROUPS.items() for n in numbers]
CLEAR = "\x1b[H\x1b[2J\x1b[3J"
# On the prompts of facekeep: how a person knows what to do.
GO, PIN, TURN, COPY, PROVE, SIGN = "[y/N]", "PIN:", "Press Enter to go on", "then press Enter", "now type the words", "path of your private key"
WORDS = re.findall(r'"([a-z]+)"', (SOURCE / "vault/seal/slip39_words.inc").read_text())


class Place:
    """The room: a token, everybody's keys, the plan that they agreed on."""

    def __init__(self, adjust=None):
        """`adjust`: a function that changes the plan."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="facekeep-ceremony-"))
        for name in ("keys", "out"):
            (self.folder / name).mkdir()
        self.pin = "pin-of-the-token"
        token = new_token(self.folder, "facekeep", self.pin, "security-officer")
        self.module = token.module
        self.env = dict(os.environ, XDG_STATE_HOME=str(self.folder / "state"), LC_ALL="C.UTF-8", TERM="xterm", **token.env)
        for who in [p.replace("/", "-") for p in PEOPLE] + ["operator-1", "door-1", "door-2", "auditor-1"]:
            self.run(FACEKEEP, "key", "new", self.folder / "keys" / who, "--no-passphrase", "--name", who)
        self.run(sys.executable, SOURCE / "deploy/quickstart.d/plan.py", self.folder, "512", "400000,411000")
        if adjust:
            plan = json.loads((self.folder / "plan.json").read_text())
            adjust(plan)
            (self.folder / "plan.json").write_text(json.dumps(plan))

    def run(self, *command):
        subprocess.run([str(c) for c in command], env=self.env, check=True, capture_output=True, stdin=subprocess.DEVNULL)

    def objects(self):
        said = subprocess.run(["pkcs11-tool", "--module", self.module, "--token-label", "facekeep", "--login", "--pin", self.pin, "-O"],
                              env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
        return said.count("label:")

    def hold(self, *more):
        return Screen([FACEKEEP, "ceremony", "--plan", self.folder / "plan.json", "--dir", self.folder / "data", "--token-uri",
                       "pkcs11:token=facekeep", "--module", self.module, "--out", self.folder / "out", *more], self.env)

    def key(self, who):
        return str(self.folder / f"keys/{who.replace('/', '-')}.key")


class Screen:
    """The program on a terminal of its own, and the person before it."""

    def __init__(self, command, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(str(command[0]), [str(c) for c in command], env)
        self.all = ""   # ever written
        self.mark = 0   # what was there when a key was last pressed

    def read(self, seconds):
        """False at the end of the program."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        with contextlib.suppress(OSError):  # EIO: the other side is closed
            more = os.read(self.fd, 65536)
            self.all += more.decode("utf-8", "replace")
            return bool(more)
        return False

    def wait(self, text, seconds=60):
        """What came since the last key press, up to a prompt with this text."""
        end = time.monotonic() + seconds
        while not re.search(re.escape(text) + r"[^\n]*\n? ?$", self.all[self.mark:]):
            if not self.read(0.2) or time.monotonic() > end:
                raise RuntimeError(f"no \"{text}\" came, but: {self.all[-600:]}")
        return self.all[self.mark:]

    def visible(self):
        """What a person who looks at the screen now, and scrolls back, can see."""
        return self.all.rsplit(CLEAR, 1)[-1]

    def press(self, keys):
        self.mark = len(self.all)
        os.write(self.fd, keys.encode())

    def answer(self, prompt, keys):
        seen = self.wait(prompt)
        self.press(keys + "\n")
        return seen

    def end(self, seconds=60):
        """The exit code; a negative one: ended by that signal."""
        end = time.monotonic() + seconds
        while self.read(0.2) and time.monotonic() < end:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def hang_up(self):
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def words_on(text):
    """A card's words and their numbers, by place; more than one card shows as more words than a card has."""
    found = {(int(place), word, int(number)) for place, word, number in re.findall(r"(\d+)\. ([a-z]{4,8}) +(\d{4})", text)}
    return [(word, number) for _, word, number in sorted(found)]


def typed_on(card, text):
    """True if three words or numbers of a card follow each other in the text, as they are typed."""
    said = re.findall(r"[a-z0-9]+", text.lower())
    forms = [[w for w, _ in card], [w[:4] for w, _ in card], [str(n) for _, n in card]]
    threes = {tuple(form[i:i + 3]) for form in forms for i in range(len(form) - 2)}
    return any(tuple(said[i:i + 3]) in threes for i in range(len(said) - 2))


def begin(place, *more):
    screen = place.hold(*more)
    screen.answer(GO, "y")
    screen.answer(PIN, place.pin)
    return screen
