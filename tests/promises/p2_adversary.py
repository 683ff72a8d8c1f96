"""What the suites of P2 share: votes as a custodian's own program would make them, altered in any way, and a table of attempts.
A library, not a suite.

The adversary holds every key of the group `property`, every operator's and door's, the disk, the token with its PIN, and the clock. Of the
residents it holds nothing: what they sign is signed by `Rogue.vote` with their keys as honest people would.
"""
import base64
import datetime
import hashlib
import http.client
import pathlib
import re
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import openapi_votes  # noqa: E402
from vault import Report, base64_of  # noqa: E402

PROPERTY = ("property/1", "property/2", "property/3")
RESIDENTS = ("residents/1", "residents/2", "residents/3")
DOOR = {"door": "north-gate", "model": "face"}


def private_key(path):
    return serialization.load_pem_private_key(pathlib.Path(path).read_bytes(), None)


def rule(delay_s=0, lifetime_s=86400, **groups):
    return {"groups": groups, "delay_s": delay_s, "lifetime_s": lifetime_s}


class Rogue:
    """The calls, and the table. `probe`: a vector of an enrolled person, for the door that must go on being served."""

    def __init__(self, vault, probe=None):
        self.vault, self.report = vault, Report()
        self.probe = None if probe is None else base64_of(probe)
        self.attempts, self.doors, self.expected = [], 100, {}
        self.settled = self.vault.log_size()
        self.id = vault.demo["vault"]
        self.spare = vault.new_key("spare")

    # ---- calls

    def propose(self, who, action, purpose="suite", **more):
        return self.vault.ask(who, "POST", "/v1/proposals", {"purpose": purpose, "action": action, **more})

    def proposed(self, who, action, **more):
        """Its id; the proposal must be taken."""
        answer = self.propose(who, action, **more)
        if answer.status != 201:
            raise RuntimeError(f"a proposal was refused: {answer}")
        return answer.json["proposal"]["id"]

    def shown(self, proposal):
        for who in ("residents/2", "property/2"):
            answer = self.vault.ask(who, "GET", f"/v1/proposals/{proposal}")
            if answer.status == 200:
                break
        return answer.json

    def stage(self, proposal):
        return self.shown(proposal)["stage"]

    def ballot(self, key, shown, verb="approve", namespace=None, **changed):
        """The body of a vote. `changed` alters what is signed and sent alike: rule, size, root; or what is signed alone: vault,
        proposal (its digest), verb. The key of a principal, or a path."""
        view = self.shown(shown)
        _, size, root = self.vault.ask(None, "GET", "/checkpoint").body.decode().splitlines()[:3]
        sent = {"rule": view["rule_version"], "size": int(size), "root": base64.b64decode(root).hex()}
        sent.update({k: v for k, v in changed.items() if k in sent})
        says = {**sent, "proposal": openapi_votes.digest(view, self.id), "v": 1, "vault": self.id, "verb": verb}
        says.update({k: v for k, v in changed.items() if k in says})
        path = self.vault.principals[key]["key"] if key in self.vault.principals else key
        signature = openapi_votes.sshsig(private_key(path), openapi_votes.canonical(says), namespace or openapi_votes.NAMESPACE)
        return {**sent, "signature": signature}

    def send(self, who, proposal, ballot, verb="approve", connection=None):
        path = f"/v1/proposals/{proposal}/" + ("veto" if verb == "veto" else "approvals")
        return self.vault.ask(who, "POST", path, ballot, connection=connection)

    def vote(self, who, proposal, verb="approve"):
        return self.send(who, proposal, self.ballot(who, proposal, verb), verb)

    def withdraw(self, who, proposal):
        return self.vault.ask(who, "POST", f"/v1/proposals/{proposal}/withdrawal")

    def revoke(self, who, *principals):
        return self.vault.ask(who, "POST", "/v1/revocations", {"principals": list(principals), "reason": "misuse"})

    def suspend(self, who, custodian):
        return self.vault.ask(who, "POST", "/v1/suspensions", {"custodian": custodian})

    def decide(self, action, people=("property/2", "residents/3"), **more):
        """Both groups want it: its stage afterwards."""
        proposal = self.proposed(people[-1], action, **more)
        for who in people:
            answer = self.vote(who, proposal)
            if answer.status != 200:
                raise RuntimeError(f"{who} could not sign: {answer}")
        return self.stage(proposal)

    def connects(self, who):
        """How far a connection with that key comes; a refused one is expected in the sums."""
        try:
            return self.vault.ask(who, "GET", "/v1/me").problem or "answered"
        except (OSError, http.client.HTTPException):
            self.expected["handshake-unknown-key"] = self.expected.get("handshake-unknown-key", 0) + 1
            return "handshake refused"

    # ---- actions

    def new_door(self, **changed):
        """A door of the adversary, with a key of its own; the same key again is refused, so one of these is ever carried out."""
        self.doors += 1
        certificate, _ = self.vault.new_key(f"door-{self.doors}")
        return self.registration({"id": f"door/{self.doors}", "role": "door", "key": spki_digest(certificate), "name": hashlib.sha256(certificate.encode()).hexdigest(),
                                  "sites": ["main"], "doors": ["lobby"], **changed})

    @staticmethod
    def registration(*principals, doors=()):
        return {"kind": "register-principals", "doors": list(doors), "principals": list(principals)}

    @staticmethod
    def rules(**rules):
        return {"kind": "change-rules", "rules": rules}

    @staticmethod
    def custodian(record, **changed):
        return {"kind": "change-custodian", "custodian": {**record, **changed}}

    # ---- the table

    def last_entry(self, kind):
        """The number of the last entry of that type."""
        return max((n for n, e in enumerate(self.vault.entries()) if e.get("type") == kind), default=None)

    def attempt(self, what, answer, problem, where="refused-governance", serves=True, says=""):
        """One line. `answer`: of the call, or what stands for a problem's type. `where`: a kind of sum, "entry N", or why neither can
        be. `says`: what the sentence of a common type must have. The door must be served after it."""
        said = answer if isinstance(answer, str) else (answer.problem or f"status {answer.status}")
        good = said == problem and (not says or re.search(says, answer.json.get("detail", "")))
        if where.startswith("entry None"):
            good = False
        elif " " not in where:
            self.expected[where] = self.expected.get(where, 0) + 1
            where = "sum " + where
        if serves and not self.door_is_served():
            good, said = False, said + ", and the door is not served"
        self.attempts.append(what)
        self.report.passed += bool(good)
        self.report.failed += not good
        print(f"{'refused' if good else 'FAIL'}: {what} | {said} | {where}" +
              ("" if good else f" | expected {problem} ({says}): {answer!r}"), flush=True)

    def expect(self, what, said, wanted):
        self.report.check(what, said == wanted, "" if said == wanted else said)

    def door_is_served(self):
        try:
            return self.vault.ask("door/1", "POST", "/v1/sites/main/identify", {**DOOR, "probe": self.probe}).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def quorum_acts(self, when, people=("property/2", "residents/3")):
        """A person of each group still opens what no one could open alone."""
        self.report.check(f"after {when} a quorum can act", self.decide(self.new_door(), people) == "done")

    def settle(self):
        """The daemon has ended or was told to seal: what was summed since the last time is what was attempted."""
        size, found = self.vault.log_size(), {}
        for entry in self.vault.entries()[self.settled:]:
            if entry.get("type") == "sums":
                for kind, count in entry["body"]["counts"].items():
                    found[kind] = found.get(kind, 0) + count
        for kind, count in sorted(self.expected.items()):
            self.report.check(f"the log sums {count} as {kind}", found.get(kind, 0) == count, found.get(kind, 0))
        self.settled, self.expected = size, {}


def key_digest(public):
    return hashlib.sha256(public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def spki_digest(certificate):
    """SHA-256 of the public key, as principals are registered."""
    return key_digest(x509.load_pem_x509_certificate(pathlib.Path(certificate).read_bytes()).public_key())


def recipient(key, name="recipient"):
    """Of an export: a certificate over that private key, and the fingerprint that people compare."""
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder(named, named, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=30))
    by = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    der = made.sign(key, by).public_bytes(serialization.Encoding.DER)
    return {"certificate": base64.b64encode(der).decode(), "spki": key_digest(key.public_key())}
