"""Custodians of a rehearsal at work with `facekeep`: what they propose and sign, and what it said. A library."""
import json
import os
import re
import subprocess
import sys
import time


class People:
    def __init__(self, facekeep, folder):
        self.facekeep, self.folder = facekeep, folder

    def run(self, who, *args, **options):
        """What it printed as JSON, or the error as a sentence."""
        done = subprocess.run([self.facekeep, "--json", "--key", f"{self.folder}/keys/{who}.key", *args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False, **options)
        if done.returncode == 0:
            return json.loads(done.stdout)
        lines = done.stderr.split("\n")
        return next((line for line in lines if line.startswith("error:")), lines[0])  # warnings stand before it

    def must(self, who, *args, **options):
        done = self.run(who, *args, **options)
        if isinstance(done, str):
            sys.exit(done)
        return done

    def propose(self, who, *args):
        """The proposal's number and digest."""
        made = self.must(who, "propose", *args)
        return made["id"], made["digest"]

    def sign(self, who, proposal, verb="approve"):
        """The digest is what the people read to each other by telephone; without it the program asks at the terminal."""
        done = self.run(who, verb, proposal[0], "--yes-to", proposal[1])
        if isinstance(done, str):
            return done.replace("error:", "refused:")
        return f"signed; the proposal is {done['stage']}" if verb == "approve" else f"vetoed; the proposal is {done['stage']}"

    def stage(self, proposal):
        return next(p["stage"] for p in self.run("property-1", "proposals")["proposals"] if p["id"] == proposal[0])

    def wait_for(self, proposal, wanted):
        for _ in range(60):
            if self.stage(proposal) == wanted:
                return
            time.sleep(0.5)
        sys.exit(f"error: the proposal is {self.stage(proposal)} and not {wanted}")

    def with_card(self, who, *args, card=None):
        """A command that reads a card, `who`'s own or that of another: what it said."""
        descriptor = os.open(f"{self.folder}/{card or f'cards/{who}.share'}", os.O_RDONLY)
        try:
            return self.run(who, *args, "--share-fd", str(descriptor), pass_fds=[descriptor])
        finally:
            os.close(descriptor)

    def hand_in(self, who, card=None, program=None):
        """A card goes in: what is said of it."""
        done = self.with_card(who, "unseal", *(("--program", program) if program else ("--yes",)), card=card)
        return done.replace("error:", "refused:") if isinstance(done, str) else "taken"


def say(who, what):
    print(f"  {who}: {what}", flush=True)
    return what


def expect(said, wanted):
    if not re.search(wanted, said):
        sys.exit(f"error: expected {wanted!r}, and it was {said!r}")
