"""The box of a rehearsal's restart tickets: `facekeep box serve` in a folder of its own, and the people at it. A library of ceremonies.py."""
import shutil
import socket
import subprocess
import sys
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Box:
    """Made with the folder; it serves from start() on. Leaving the block ends it, and wipes the folder."""

    def __init__(self, v, group):
        self.v, self.folder, self.process = v, v.folder / "box", None
        self.at = f"127.0.0.1:{free_port()}"
        self.file = self.folder / "box.json"
        v.run(v.facekeep, "box", "new", self.folder, "--name", "lodge", "--group", group, "--url", f"https://{self.at}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait(20)
        shutil.rmtree(self.folder)

    def start(self):
        with open(self.v.folder / "box.log", "ab") as log:
            self.process = subprocess.Popen([self.v.facekeep, "box", "serve", self.folder, "--listen", self.at, "--interval", "1"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def waits(self):
        """Log entry of the start that waits at the box."""
        for _ in range(60):
            seen = self.v.people.run("residents-1", "box", "status", self.file)
            if isinstance(seen, dict) and seen.get("restart"):
                return seen["restart"]["start"]
            time.sleep(0.5)
        sys.exit(f"error: no start waits at the box\nhint: {self.v.folder}/box.log says why")

    def confirm(self, who, start):
        """What is said to somebody who confirms this start."""
        done = self.v.people.run(who, "box", "confirm", self.file, "--yes-to", str(start))
        return done.replace("error:", "refused:") if isinstance(done, str) else f"confirmed, by {done['by']}"

    def forgets(self):
        """Until its half is wiped."""
        for _ in range(60):
            if not (self.folder / "half").exists():
                return
            time.sleep(0.5)
        sys.exit("error: the box keeps its half of a ticket that has ended")
