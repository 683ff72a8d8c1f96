#!/usr/bin/python3
"""Signed probes: a camera that Python plays (JWS by the `cryptography` package, from api/openapi.yaml and vault/probe/claims.h alone) and one that
`facekeep camera sign` plays; a site that takes no others; what a door without a camera, or with yesterday's recording, gets.
"""
import base64
import csv
import datetime
import json
import secrets

import numpy
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from vault import Report, Vault

report = Report()
ADJUST = """
plan["principals"].append({"name": "Gate camera", "role": "camera", "sites": ["main"], "doors": ["north-gate"], "certificate": new_key("camera-1")})
plan["principals"].append({"name": "Desk camera", "role": "camera", "sites": ["main"], "certificate": new_key("camera-2")})
"""


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Camera:
    def __init__(self, v, kid="camera/1", key="camera-1"):
        with open(v.folder / f"keys/{key}.key", "rb") as f:
            self.key = serialization.load_pem_private_key(f.read(), None)
        self.vault, self.kid = v.demo["vault"], kid
        self.alg = "ES256" if isinstance(self.key, ec.EllipticCurvePrivateKey) else "EdDSA"

    def claims(self, vector, use="verify", **changes):
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        out = {"door": "north-gate", "model": "face", "nonce": b64url(secrets.token_bytes(16)), "pad": 1,
               "probe": base64.b64encode(numpy.asarray(vector, "<f4").tobytes()).decode(), "site": "main", "time": now, "use": use,
               "vault": self.vault, **changes}
        return {k: value for k, value in out.items() if value is not None}

    def sign(self, claims, alg=None, kid=None):
        header = b64url(json.dumps({"alg": alg or self.alg, "kid": kid or self.kid}, sort_keys=True, separators=(",", ":")).encode())
        text = f"{header}.{b64url(json.dumps(claims, sort_keys=True, separators=(',', ':')).encode())}"
        if self.alg == "ES256":
            r, s = decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        else:
            signature = self.key.sign(text.encode())
        return f"{text}.{b64url(signature)}"


def verify(v, subject, probe, who="door/1", door="north-gate"):
    return v.ask(who, "POST", "/v1/sites/main/verify", {"door": door, "model": "face", "subject": subject, "probe": probe})


def refused(what, answer, problem):
    report.check(what, answer.status >= 400 and answer.problem == problem, answer)


def main():
    with Vault("--small", adjust=ADJUST) as v:
        probes = numpy.load(v.folder / "probes.npy")
        with open(v.folder / "probes.csv", encoding="utf-8", newline="") as f:
            subjects = [row["subject"] for row in csv.DictReader(f)]
        who, face = next((s, p) for s, p in zip(subjects, probes)
                         if verify(v, s, base64.b64encode(p.astype("<f4").tobytes()).decode()).json.get("decision") == "match")
        camera = Camera(v)

        first = camera.sign(camera.claims(face))
        answer = verify(v, who, first)
        report.check("a probe that another implementation signed is taken, and matches", answer.status == 200 and answer.json["decision"] == "match", answer)
        refused("the same probe again is no new question", verify(v, who, first), "nonce-reused")
        refused("at another door it is another question", verify(v, who, camera.sign(camera.claims(face, door="lobby"))), "other-probe")
        refused("for another use too", verify(v, who, camera.sign(camera.claims(face, use="identify"))), "other-probe")
        refused("and for another vault", verify(v, who, camera.sign(camera.claims(face, vault="00" * 16))), "other-probe")
        old = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        refused("a probe of five minutes ago is stale", verify(v, who, camera.sign(camera.claims(face, time=old))), "stale-probe")
        header, payload, signature = camera.sign(camera.claims(face)).split(".")
        other = b64url(json.dumps(camera.claims(probes[-1]), sort_keys=True, separators=(",", ":")).encode())
        refused("another face under the signature of this one", verify(v, who, f"{header}.{other}.{signature}"), "bad-probe-signature")
        refused("a signature of somebody who is no camera", verify(v, who, Camera(v, "camera/1", "door-1").sign(camera.claims(face))), "bad-probe-signature")
        refused("a camera that nobody registered", verify(v, who, camera.sign(camera.claims(face), kid="camera/9")), "unknown-camera")
        for alg in ("none", "HS256", "ES384"):
            refused(f"the algorithm {alg}", verify(v, who, camera.sign(camera.claims(face), alg=alg)), "bad-probe-signature")
        refused("a door's own claim of level 9", verify(v, who, camera.sign(camera.claims(face, pad=9))), "bad-jws")

        # `facekeep camera sign`, and a camera without a clock.
        numpy.save(v.folder / "face.npy", face.astype("<f4")[None])
        base = ["camera", "sign", v.folder / "face.npy", "--row", "1", "--use", "verify", "--site", "main", "--door", "north-gate", "--model", "face",
                "--camera-key", v.folder / "keys/camera-1.key", "--camera", "camera/1", "--pad", "2"]
        made = v.cli(None, *base)
        answer = verify(v, who, made.stdout.strip())
        report.check("what `facekeep camera sign` prints is taken", answer.status == 200 and answer.json["decision"] == "match", (made.stderr, answer))
        challenge = v.ask("door/1", "POST", "/v1/sites/main/challenge").json["nonce"]
        timeless = camera.sign(camera.claims(face, time=None, nonce=challenge))
        answer = verify(v, who, timeless)
        report.check("a challenge stands in for the time", answer.status == 200 and answer.json["decision"] == "match", answer)
        report.check("once", verify(v, who, timeless).status >= 400)
        refused("and only one that the vault gave", verify(v, who, camera.sign(camera.claims(face, time=None))), "stale-probe")

        # The recording does not outlive the daemon.
        kept = camera.sign(camera.claims(face))
        report.check("a last question before the restart", verify(v, who, kept).status == 200)
        v.restart()
        v.unseal()
        report.check("a restart forgets no nonce", verify(v, who, kept).status >= 400)

        # From here on the site takes signed probes of level 2 alone: one custodian's word.
        done = v.cli("residents-1", "tighten", "policy", "main", "--access-log-days", "30", "--erase-daily", "50", "--signed-probes", "required",
                     "--min-pad", "2")
        report.check("one custodian makes signatures the rule", done.returncode == 0, done.stderr)
        plain = base64.b64encode(face.astype("<f4").tobytes()).decode()
        refused("an unsigned probe is refused", verify(v, who, plain), "signed-probe-required")
        answer = verify(v, who, camera.sign(camera.claims(face, pad=1)))
        report.check("a level too low is for a person to look at", answer.status == 200 and answer.json["decision"] == "refer", answer)
        answer = verify(v, who, camera.sign(camera.claims(face, pad=2)))
        report.check("a level that is high enough decides", answer.status == 200 and answer.json["decision"] == "match", answer)
        refused("the way back takes the rule", v.ask("residents/1", "POST", "/v1/tightenings", {"action": {
            "kind": "change-policy", "site": "main", "access_log_days": 30, "erase_daily": 50, "signed_probes": "optional", "min_pad": 0}}), "bad-tightening")
        enrolled = v.ask("operator/1", "POST", f"/v1/sites/main/subjects/{who}/templates", {"model": "face", "template": plain})
        refused("an unsigned template is refused as well", enrolled, "signed-probe-required")
        enrol = {"use": "enrol", "door": None, "pad": 2}
        bound = v.ask("operator/1", "POST", f"/v1/sites/main/subjects/{who}/templates",
                      {"model": "face", "template": camera.sign(camera.claims(face, **enrol))})
        refused("one by a camera that is bound to a door, too", bound, "unknown-camera")
        desk = Camera(v, "camera/2", "camera-2")
        taken = v.ask("operator/1", "POST", f"/v1/sites/main/subjects/{who}/templates",
                      {"model": "face", "template": desk.sign(desk.claims(face, **enrol))})
        report.check("a signed one is enrolled", taken.status in (200, 201), taken)


main()
report.end()
