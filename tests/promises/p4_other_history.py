#!/usr/bin/python3
"""P4: folders of a stopped vault replaced by older copies, with and without those of the token.

The database alone: the daemon refuses, with both positions. With a token made of files both can be put back; then the daemon
can't know, and whoever saw a later checkpoint does: a custodian's program refuses to hand in a card, and an auditor's to go on
with the mirror, with both positions. Neither is fooled once the second history has outgrown the first.
"""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from vault import FACEKEEP_AUDIT, FACEKEEPD, Report, Vault  # noqa: E402

SUBJECTS = "/v1/sites/main/subjects"
MODULE = "/usr/lib/softhsm/libsofthsm2.so"


class Suite:
    def __init__(self, vault):
        self.vault, self.report = vault, Report()
        self.mirror = vault.folder / "mirror"

    def size(self):
        """Of the stopped vault's log."""
        said = subprocess.run([FACEKEEPD, "check", "--config", self.vault.folder / "facekeepd.toml", "--json"], env=self.vault.env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=True).stdout
        return int(re.search(r'"entries":\s*([0-9]+)', said)[1])

    def fetch(self):
        url = f"https://{self.vault.public.hostname}:{self.vault.public.port}"
        return subprocess.run([FACEKEEP_AUDIT, "fetch", "--url", url, "--vkey", self.vault.demo["vkey"], "--out", self.mirror,
                               "--rate", "1000"], env=self.vault.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, check=False)

    def refused_start(self, what, *numbers):
        before = len(self.vault.log())
        try:
            self.vault.start()
            said = "it started"
        except RuntimeError:
            said = self.vault.log()[before:]
        self.vault.stop()
        named = all(re.search(rf"\b{n}\b", said) for n in numbers)
        self.report.check(what, said != "it started" and named, said[-300:] if not named else "")

    def refused(self, what, done, *numbers):
        said = done.stdout + done.stderr
        good = done.returncode != 0 and all(re.search(rf"\b{n}\b", said) for n in numbers)
        self.report.check(what, good, "" if good else (done.returncode, numbers, said[-400:]))

    def erase_one(self):
        listed = self.vault.ask("operator/1", "GET", SUBJECTS + "?limit=1").json["subjects"]
        self.vault.ask("operator/1", "DELETE", f"{SUBJECTS}/{listed[0]['subject']}")

    def live(self):
        """The first history: old and new copies; auditor and custodian have seen the new end."""
        v = self.vault
        v.stop()
        self.vault.copy("old")
        self.old = self.size()
        v.start()
        v.unseal()
        self.erase_one()
        v.cli("residents-1", "seal")
        self.report.check("an auditor mirrors the log", self.fetch().returncode == 0)
        v.cli("property-1", "status")
        self.seen = v.log_size()
        v.stop()
        self.vault.copy("new")
        self.new = self.size()

    def older_database(self):
        self.vault.put_back("old", "data")
        self.refused_start("an older database under the newest token is refused, with both positions", self.old, self.new)

    def lost_anchor(self):
        self.vault.put_back("new", "data", "tokens")
        pin = pathlib.Path(self.vault.demo["token"]["pin_file"]).read_text().strip()
        vault_id = self.vault.demo["vault"]
        gone = [subprocess.run(["pkcs11-tool", "--module", MODULE, "--login", "--pin", pin, "--delete-object", "--type", "data",
                                "--label", f"facekeep/{vault_id}/anchor-{x}"], env=self.vault.env, stdin=subprocess.DEVNULL,
                               capture_output=True, check=False).returncode == 0 for x in "ab"]
        self.report.check("the anchor can be taken out of the token by who has its PIN", any(gone))
        self.refused_start("a token whose anchor was removed is refused", "anchor")

    def older_everything(self):
        v = self.vault
        self.vault.put_back("old", "data", "tokens")
        v.start()  # a token of files holds against copies of the database alone
        size = v.log_size()
        self.report.check("the old folders are behind what was seen", size < self.seen, (size, self.seen))
        self.refused("an auditor's mirror refuses a log that was rolled back, with both positions", self.fetch(), size, self.seen)
        self.refused("a custodian's program hands in no card to it", v.hand_in("property-1"), size, self.seen)
        self.report.check("no card came in", v.state() == "sealed", v.state())

    def second_history(self):
        v = self.vault
        while v.log_size() <= self.seen + 1:
            v.restart()
        size = v.log_size()
        self.refused("an auditor's mirror refuses a second history that is longer", self.fetch(), self.seen, size)
        self.refused("a custodian's program hands in no card to it either", v.hand_in("property-1"), self.seen)
        self.report.check("no card came in to the second history", v.state() == "sealed", v.state())
        found = subprocess.run([FACEKEEP_AUDIT, "replay", self.mirror, "--json"], env=v.env, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, timeout=120, check=False)
        self.report.check("the auditor keeps both checkpoints as evidence", found.returncode == 2, found.stdout[-300:])
        v.stop()

    def first_again(self):
        self.vault.put_back("new", "data", "tokens")
        self.vault.start()
        self.report.check("the newest folders put back start again", self.vault.state() == "sealed", self.vault.state())
        done = self.vault.hand_in("property-1")
        self.report.check("and a card is taken", done.returncode == 0, done.stderr[-300:])


def main():
    with Vault("--small") as vault:
        suite = Suite(vault)
        suite.live()
        suite.older_database()
        suite.lost_anchor()
        suite.older_everything()
        suite.second_history()
        suite.first_again()
    suite.report.end()


if __name__ == "__main__":
    main()
