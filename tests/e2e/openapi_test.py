#!/usr/bin/python3 -I
"""Exercises every operation of api/openapi.yaml on a running vault, and checks requests and answers against it.

The vault is the one whose demo.json FACEKEEP_DEMO names, or one that deploy/quickstart makes for this test. It must be
open. Ends with code 77 if there is neither. Needs python3-jsonschema, python3-yaml and python3-cryptography.
"""

import base64
import copy
import hashlib
import time
import json
import os
import pathlib
import random
import ssl
import struct
import subprocess
import sys
import tempfile
import urllib.parse
from http.client import HTTPSConnection

import jsonschema
from cryptography import x509
from cryptography.hazmat.primitives import serialization
import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import openapi_share
import openapi_votes

SRC = pathlib.Path(os.environ.get("FACEKEEP_SRC", pathlib.Path(__file__).resolve().parents[2]))
SPEC = yaml.safe_load((SRC / "api/openapi.yaml").read_text())

# Operations without a successful answer here, each with its reason.
SKIPPED = {}


def json_schema(node):
    """OpenAPI 3.0's dialect as JSON Schema: `nullable` is a type of its own there."""
    if isinstance(node, list):
        return [json_schema(v) for v in node]
    if not isinstance(node, dict):
        return node
    out = {k: json_schema(v) for k, v in node.items() if k not in ("nullable", "format")}
    if node.get("nullable"):
        out["type"] = [node["type"], "null"]
    return out


ROOT = json_schema(SPEC)


def validate(value, schema):
    resolver = jsonschema.RefResolver("", ROOT)
    jsonschema.Draft7Validator(json_schema(schema), resolver=resolver).validate(value)


def resolve(node):
    while "$ref" in node:
        at = SPEC
        for part in node["$ref"].lstrip("#/").split("/"):
            at = at[part]
        node = at
    return node


OPERATIONS = {op["operationId"]: (method.upper(), path, op)
              for path, item in SPEC["paths"].items()
              for method, op in item.items() if method != "parameters"}


class Vault:
    def __init__(self, demo):
        self.demo = demo
        self.exercised = {}
        self.failures = []
        self.checks = 0

    def principal(self, role, ident=None):
        for p in self.demo["principals"]:
            if p["role"] == role and (ident is None or p["id"] == ident):
                return p
        raise SystemExit(f"demo.json has no {role} {ident or ''}")

    def connect(self, who):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # other suites check the server's pin; this one the documents
        if who:
            context.load_cert_chain(who["certificate"], who["key"])
        url = urllib.parse.urlsplit(self.demo["api" if who else "public"])
        return HTTPSConnection(url.hostname, url.port, context=context, timeout=60)

    def request(self, who, method, path, body=None, headers=None):
        connection = self.connect(who)
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, answer.headers, data

    def call(self, operation, who=None, body=None, good=True, want=None, headers=None, query="", raw=None, **path):
        """One request. `good`: its body must fit the schema. `want`: the problem's name, or None for success."""
        method, pattern, op = OPERATIONS[operation]
        for name, value in path.items():
            quoted = value if name == "path" else urllib.parse.quote(value, safe="")
            pattern = pattern.replace("{" + name + "}", quoted)
        content = None
        if raw is not None:
            content = raw
        elif body is not None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self.checks += 1
            if good and content is not None:
                self.check_request(op, content)
            status, answer_headers, data = self.request(who, method, pattern + query, content, headers)
            parsed = self.check_answer(op, status, answer_headers, data)
            problem = parsed["type"].rsplit(":", 1)[1] if status >= 400 else None
            if problem != want:
                raise AssertionError(f"answered {status} {problem or 'ok'}, not {want or 'ok'}: {data[:300]!r}")
            if want is None:
                self.exercised[operation] = True
            return parsed
        except (AssertionError, jsonschema.ValidationError, OSError) as e:
            self.failures.append(f"{operation} ({want or 'ok'}): {str(e)[:700]}")
            print("FAILED", self.failures[-1])
            return None

    def check_request(self, op, content):
        (kind, media), = op["requestBody"]["content"].items()
        rows = content.splitlines() if kind == "application/x-ndjson" else [content]
        for row in rows:
            validate(json.loads(row), media["schema"])

    def check_answer(self, op, status, headers, data):
        documented = op["responses"].get(str(status), op["responses"]["default"])
        media = resolve(documented)["content"]
        kind = headers["Content-Type"].split(";")[0]
        assert kind in media, f"{status} has the content type {kind}, documented are {list(media)}"
        schema = media[kind]["schema"]
        if kind == "application/x-ndjson":
            rows = [json.loads(line) for line in data.splitlines()]
            for row in rows:
                validate(row, schema)
            return rows
        if not kind.endswith("json"):
            return data
        value = json.loads(data)
        validate(value, schema)
        if status >= 400:
            name = value["type"].rsplit(":", 1)[1]
            assert f"`{name}`" in SPEC["components"]["schemas"]["Problem"]["description"], f"{name} is not documented"
            assert value["status"] == status
            assert status != 503 or headers["Retry-After"], "a 503 without Retry-After"
        return value


def face(dimension, seed):
    r = random.Random(seed)
    return [r.gauss(0, 1) for _ in range(dimension)]


def as_base64(values):
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


CONSENT = {
    "controller": "Example Estates", "purpose": "entry", "scopes": ["verify", "identify"],
    "notice": {"digest": "a" * 64, "version": "1"}, "given_at": "2026-01-02T03:04:05+08:00", "means": "paper",
    "evidence": "b" * 64, "until": "2099-12-31", "minor": False,
}


def subjects(v, site, operator, model):
    """Enrols through every call; the model's dimension is found by asking."""
    at = {"site": site, "subject": "openapi é/1"}
    v.call("putSubject", operator, {}, good=False, want="no-consent", **at)
    v.call("putSubject", operator, {**CONSENT, "until": "soon"}, good=False, want="bad-consent", **at)
    v.call("putSubject", operator, CONSENT, **at)
    v.call("putSubject", operator, CONSENT, **at)  # again: exists
    v.call("putSubject", operator, {**CONSENT, "means": "app"}, want="already-enrolled", **at)
    v.call("putSubject", operator, CONSENT, good=False, want="bad-subject-id", site=site, subject="x" * 129)
    v.call("putSubject", operator, CONSENT, want="other-site", site="nowhere", subject="x")
    dimension = None
    for n in (512, 128, 256, 384, 768, 1024, 64):
        body = json.dumps({"model": model, "template": as_base64(face(n, 1))}).encode()
        status, _, _ = v.request(operator, "POST",
                                 f"/v1/sites/{site}/subjects/{urllib.parse.quote(at['subject'], safe='')}/templates", body)
        if status == 201:
            dimension = n
            break
    if dimension is None:
        raise SystemExit("no dimension of the model was accepted")
    wrong = {"model": model, "template": face(dimension + 1 if dimension < 1024 else 512, 2)}
    v.call("addTemplate", operator, {"model": model, "template": face(dimension, 2)}, **at)
    v.call("addTemplate", operator, wrong, want="wrong-dimension", **at)
    v.call("addTemplate", operator, {"model": "no-such", "template": face(dimension, 2)}, want="unknown-model", **at)
    v.call("addTemplate", operator, {"model": model, "template": [0] * dimension}, want="zero-vector", **at)
    v.call("addTemplate", operator, {"model": model, "template": "%%%"}, want="bad-base64", **at)
    v.call("addTemplate", operator, {"model": model, "template": as_base64([float("nan")] * dimension)},
           want="not-a-number", **at)
    v.call("addTemplate", operator, {"model": model, "template": as_base64([float("inf")] * dimension)},
           want="infinite", **at)
    v.call("addTemplate", operator, {"model": model, "template": "a.b.c"}, want="bad-jws", **at)
    v.call("addTemplate", operator, {"model": model, "template": face(dimension, 2)}, want="not-found",
           site=site, subject="nobody")
    rows = [{"subject": f"openapi-{i}", "consent": CONSENT,
             "templates": [{"model": model, "template": face(dimension, 10 + i)}]} for i in range(3)]
    bulk = b"\n".join(json.dumps(r).encode() for r in rows) + b"\n"
    v.call("enrol", operator, bulk, site=site)
    bad = bulk + b"not json\n" + json.dumps({"subject": "x"}).encode() + b"\n"
    answer = v.call("enrol", operator, bad, good=False, site=site)
    if answer and [r.get("status") for r in answer] != ["exists"] * 3 + ["refused"] * 2 + [None]:
        v.failures.append(f"enrol: rows answered {answer}")
    v.call("enrol", operator, raw=b"{}\n" * 1001, good=False, want="too-many-rows", site=site)
    v.call("listSubjects", operator, site=site)
    v.call("listSubjects", operator, site=site, query="?limit=2")
    v.call("listSubjects", operator, site=site, query="?limit=0", want="bad-parameter")
    v.call("listSubjects", operator, site=site, query="?color=red", want="unknown-parameter")
    v.call("getSubject", operator, **at)
    v.call("getSubject", operator, want="not-found", site=site, subject="nobody")
    return dimension


def doors(v, site, door, model, dimension):
    mine = v.call("getMe", door)
    name = mine["doors"][0]
    probe = {"door": name, "model": model, "probe": face(dimension, 10)}
    claim = {**probe, "subject": "openapi-0"}

    def decided(answer, decision):
        if answer and answer["decision"] != decision:
            v.failures.append(f"decision {answer['decision']}, not {decision}")

    decided(v.call("identify", door, probe, site=site, headers={"Request-Id": "openapi-1"}), "match")
    decided(v.call("verify", door, claim, site=site), "match")
    decided(v.call("verify", door, {**claim, "probe": as_base64(face(dimension, 10))}, site=site), "match")
    decided(v.call("verify", door, {**claim, "subject": "nobody"}, site=site), "no_match")
    decided(v.call("identify", door, {**probe, "probe": face(dimension, 999)}, site=site), "no_match")
    v.call("identify", door, probe, site=site, headers={"Request-Id": "a b"}, want="bad-request-id")
    v.call("identify", door, {**probe, "probe": face(dimension, 11)}, site=site,
           headers={"Request-Id": "openapi-1"}, want="request-id-reused")
    v.call("identify", door, {**probe, "door": "other-door"}, site=site, want="unknown-door")
    v.call("identify", door, probe, site="nowhere", want="other-site")
    v.call("identify", door, {**probe, "model": "no-such"}, site=site, want="unknown-model")
    v.call("identify", door, {**probe, "probe": {"payload": ""}}, good=False, site=site, want="bad-jws")
    challenge = v.call("challenge", door, site=site)
    if challenge and len(challenge["nonce"]) != 22:
        v.failures.append("a challenge is not 16 bytes")
    v.call("challenge", door, site="nowhere", want="other-site")
    v.call("identify", door, {"door": name, "model": model}, good=False, site=site, want="missing-field")
    v.call("identify", door, {**probe, "subject": "x"}, good=False, site=site, want="unknown-field")
    v.call("identify", door, raw=b"{", good=False, site=site, want="not-json")
    v.call("identify", door, raw=b"[" * 1000, good=False, site=site, want="json-too-deep")
    v.call("identify", door, raw=b'{"door":"a","door":"b"}', good=False, site=site, want="duplicate-key")
    v.call("identify", door, raw=b" " * 100000, good=False, site=site, want="body-too-large")
    v.call("identify", v.principal("operator"), probe, site=site, want="wrong-role")
    v.call("getChanges", door, site=site)
    v.call("getChanges", door, site=site, query="?after=x", want="bad-parameter")


def log(v):
    note = v.call("getCheckpoint").decode()
    size = int(note.splitlines()[1])
    full, rest = divmod(size, 256)
    name = f"{full:03d}.p/{rest}" if full < 1000 else None
    if rest and name:
        v.call("getTile", path="0/" + name)
        v.call("getEntries", path=name)
    if full:
        v.call("getTile", path="0/000")
        v.call("getEntries", path="000")
    v.call("getTile", path="0/999", want="not-found")
    v.call("getTile", path="0/../0/000", want="bad-request")
    v.call("getEntries", path="x001/000.p/0", want="not-found")
    v.call("getInclusionProof", query=f"?index=0&size={size}")
    v.call("getInclusionProof", query=f"?index={size}&size={size}", want="invalid-argument")
    v.call("getInclusionProof", query=f"?index=0&size={size + 10**9}", want="bad-parameter")
    v.call("getInclusionProof", query="?index=0", want="missing-parameter")
    v.call("getConsistencyProof", query=f"?from=1&to={size}")
    v.call("getConsistencyProof", query=f"?from={size}&to=1", want="invalid-argument")
    v.call("getConsistencyProof", v.principal("operator"), query=f"?from=1&to={size}")
    proof = v.call("getEntryProof", entry="0").decode()
    if not proof.startswith("c2sp.org/tlog-proof@v1\nindex 0\n"):
        v.failures.append(f"getEntryProof: {proof[:60]!r}")
    v.call("getEntryProof", entry=str(size + 10**9), want="not-found")
    v.call("getEntryProof", good=False, entry="007", want="not-found")
    v.call("getCosignedCheckpoint", want="not-found")
    v.call("getHandover", n="1", want="not-found")
    SKIPPED["getHandover"] = "the log of this test has the key of its genesis"
    SKIPPED["getCosignedCheckpoint"] = "the vault of this test has no witnesses"
    auditor = v.principal("auditor")
    page = v.call("getOpenings", auditor, bundle="0")
    if page and not page["openings"]:
        v.failures.append("getOpenings: the log's first bundle has no opening")
    v.call("getOpenings", auditor, bundle=str(size), want="not-found")
    v.call("getOpenings", v.principal("operator"), bundle="0", want="wrong-role")
    people = v.call("getRegister", auditor)
    if people and set(people["people"]) < {p["id"] for p in v.demo["principals"]}:
        v.failures.append("getRegister: a principal has no name")
    v.call("getRegister", v.principal("door"), want="wrong-role")
    for path in ("/checkpoint", "/tile/0/000.p/1"):
        v.checks += 1
        status, _, data = v.request(None, "HEAD", path)
        if status != 200 or data:
            v.failures.append(f"HEAD {path}: {status}, {len(data)} bytes")


def vault_state(v):
    v.call("getHealth")
    v.call("getHealth", v.principal("operator"))
    v.call("getSealStatus")
    v.call("getOpenApi")
    for role in {p["role"] for p in v.demo["principals"]}:
        v.call("getMe", v.principal(role))
    status, headers, data = v.request(v.principal("operator"), "PATCH", "/v1/me")
    v.checks += 1
    if status != 405 or headers["Allow"] != "GET, HEAD":
        v.failures.append(f"PATCH /v1/me: {status}, Allow {headers['Allow']}")
    status, _, data = v.request(None, "GET", "/metrics")
    if status == 404:
        SKIPPED["getMetrics"] = "the vault's configuration serves no metrics on the public listener"
    else:
        v.call("getMetrics")


def seal_and_unseal(v, site, door, model, dimension):
    custodian = v.principal("custodian")
    v.call("unseal", custodian, {"share": base64.b64encode(b"x" * 114).decode()}, want="already-open")
    v.call("unseal", custodian, {"share": "%"}, good=False, want="bad-base64")
    v.call("seal", door, want="wrong-role")
    shares = openapi_share.read_shares(v.demo)
    if not shares:
        SKIPPED["seal"] = SKIPPED["unseal"] = "demo.json has no shares that this test can read"
        return
    v.call("seal", custodian)
    v.call("identify", door, {"door": "x", "model": model, "probe": face(dimension, 1)}, site=site, want="sealed")
    v.call("unseal", custodian, {"share": base64.b64encode(b"x" * 114).decode()}, want="bad-share")
    given = False
    for share in shares:
        status = v.call("getSealStatus")
        if status["state"] == "open":
            break
        group = next(g for g in status["groups"] if g["id"] == share.group)
        if group["in"] >= group["threshold"]:
            continue
        sealed = openapi_share.seal(SRC, share.words, status)
        v.call("unseal", v.principal("custodian", share.holder), {"share": sealed})
        if not given:
            v.call("unseal", v.principal("custodian", share.holder), {"share": sealed}, want="duplicate-share")
            given = True
    if v.call("getSealStatus")["state"] != "open":
        v.failures.append("the vault is not open after its shares were handed in")


def dual_control(v, site):
    """A door comes by two groups, goes by one person; a veto, a withdrawal; one custodian is suspended."""
    one, other = v.principal("custodian", "property/1"), v.principal("custodian", "residents/1")
    auditor = {"id": "auditor/77", "role": "auditor", "key": "ab" * 32, "name": "cd" * 32}
    action = {"kind": "register-principals", "doors": [], "principals": [auditor]}
    ask = {"purpose": "new-auditor", "action": action}

    def signed(who, proposal, verb):
        return openapi_votes.vote(who, proposal, v.call("listProposals", one)["vault"], v.call("getCheckpoint"), verb)

    v.call("propose", v.principal("operator"), ask, want="wrong-role")
    v.call("propose", one, {**ask, "action": {"kind": "no-such-kind"}}, good=False, want="bad-action")
    alone = {"delay_s": 0, "lifetime_s": 60, "groups": {"property": 2}}
    v.call("propose", one, {**ask, "action": {"kind": "change-rules", "rules": {"principal": alone}}}, want="bad-action")
    made = v.call("propose", one, ask)["proposal"]
    if v.call("getProposal", other, id=made["id"]) != made:
        v.failures.append("a proposal reads otherwise a moment later")
    v.call("getProposal", other, id="0" * 32, want="unknown-proposal")
    v.call("approve", one, signed(one, made, "approve"), id=made["id"])
    v.call("approve", one, signed(one, made, "approve"), id=made["id"], want="signed-already")
    v.call("approve", other, signed(one, made, "approve"), id=made["id"], want="bad-signature")
    done = v.call("approve", other, signed(other, made, "approve"), id=made["id"])
    if done and done["proposal"]["stage"] != "done":
        v.failures.append(f"signed by both groups, and {done['proposal']['stage']}")
    v.call("withdraw", one, id=made["id"], want="proposal-ended")
    v.call("revoke", other, {"principals": ["auditor/77"], "reason": "left"})
    v.call("revoke", other, {"principals": ["auditor/77"], "reason": "left"}, want="bad-revocation")
    made = v.call("propose", one, ask)["proposal"]
    v.call("veto", other, signed(other, made, "veto"), id=made["id"])
    made = v.call("propose", one, ask)["proposal"]
    v.call("withdraw", other, id=made["id"], want="not-yours")
    v.call("withdraw", one, id=made["id"])
    named = {**ask, "names": {"auditor/77": {"name": "Wang Wei", "salt": "ef" * 32}}}
    v.call("propose", one, named, want="bad-names")
    v.call("listPrincipals", one)
    v.call("getWitnesses")
    reveal = {"kind": "change-reveal", "site": "no-such-site", "hide_subject": False}
    v.call("tighten", one, {"action": reveal}, want="bad-tightening")
    v.call("tighten", one, {"action": {**reveal, "site": site, "hide_subject": True}})
    export(v, site, one, other, signed)
    v.call("acknowledgeAlarms", other, {"entry": 0})
    v.call("acknowledgeAlarms", other, {"entry": 9007199254740991}, want="not-in-log")
    backups(v, one, other)
    v.call("suspendCustodian", other, {"custodian": "residents/1"}, want="bad-suspension")
    v.call("suspendCustodian", other, {"custodian": "property/1"})
    v.call("listProposals", one, want="suspended-custodian")


def backups(v, one, other):
    v.call("beginBackup", one, {"since": {"size": 9007199254740991, "digest": "ab" * 32}}, want="bad-backup")
    job = v.call("beginBackup", one, {})["id"]
    v.call("getBackup", other, id=job, want="not-found")
    for _ in range(120):
        done = v.call("getBackup", one, id=job)
        if done["state"] != "running":
            break
        time.sleep(0.25)
    if done["state"] != "done":
        v.failures.append(f"a backup ended as {done}")
    v.call("getBackupPiece", one, id=job, query="?from=0")
    v.call("getBackupPiece", other, id=job, want="not-found")


def export(v, site, one, other, signed):
    """On an order, to a certificate; the delay of the quickstart's rehearsal is some seconds."""
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", os.devnull,
                           "-subj", "/CN=court", "-days", "2", "-outform", "DER"], check=True, capture_output=True).stdout
    key = x509.load_der_x509_certificate(made).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    action = {"kind": "export", "site": site, "max_subjects": 100000, "basis": "legal-order", "legal_order": "ab" * 32,
              "recipients": [{"certificate": base64.b64encode(made).decode(), "spki": hashlib.sha256(spki).hexdigest()}]}
    v.call("propose", one, {"purpose": "court-order", "action": {**action, "recipients": []}}, good=False, want="bad-recipient")
    asked = v.call("propose", one, {"purpose": "court-order", "action": action})["proposal"]
    v.call("getResult", one, id=asked["id"], want="not-ready")
    named = {**action, "max_subjects": 1}
    v.call("propose", one, {"purpose": "court-order", "action": named, "subjects": ["nobody of that name"]}, want="unknown-subjects")
    v.call("getProposalSubjects", one, id=asked["id"], want="not-found")
    who = v.call("listSubjects", v.principal("operator"), site=site)["subjects"][0]["subject"]
    some = v.call("propose", one, {"purpose": "court-order", "action": named, "subjects": [who]})["proposal"]
    if some["named"] != 1 or v.call("getProposalSubjects", other, id=some["id"])["subjects"] != [who]:
        v.failures.append("an export of one named person names somebody else")
    v.call("withdraw", one, id=some["id"])
    v.call("getProposalSubjects", one, id=some["id"], want="proposal-ended")
    for who in (one, other):
        v.call("approve", who, signed(who, asked, "approve"), id=asked["id"])
    for _ in range(60):
        if v.call("getProposal", one, id=asked["id"])["stage"] == "done" and v.request(
                one, "GET", f"/v1/proposals/{asked['id']}/result", None, None)[0] == 200:
            break
        time.sleep(0.5)
    v.call("getResult", one, id=asked["id"])
    v.call("getResultPart", one, id=asked["id"], part="1", query="?from=0")
    v.call("getResultPart", one, id=asked["id"], part="2", want="not-found")


def erase(v, site, operator):
    for subject in ("openapi é/1", "openapi-0", "openapi-1", "openapi-2"):
        v.call("eraseSubject", operator, site=site, subject=subject)
    v.call("eraseSubject", operator, site=site, subject="openapi-0", want="not-found")
    v.call("getChanges", operator, site=site)


def exercise(demo):
    v = Vault(demo)
    site, model = demo["site"], demo["model"]
    operator, door = v.principal("operator"), v.principal("door")
    vault_state(v)
    dimension = subjects(v, site, operator, model)
    doors(v, site, door, model, dimension)
    log(v)
    seal_and_unseal(v, site, door, model, dimension)
    erase(v, site, operator)
    dual_control(v, site)
    for operation in OPERATIONS:
        if operation not in v.exercised and operation not in SKIPPED:
            v.failures.append(f"{operation}: no successful answer was seen")
            print("FAILED", v.failures[-1])
    for operation, reason in SKIPPED.items():
        print(f"SKIP {operation}: {reason}")
    print(f"{v.checks - len(v.failures)} passed, {len(v.failures)} failed, {len(SKIPPED)} skipped")
    return 1 if v.failures else 0


def main():
    if "FACEKEEP_DEMO" in os.environ:
        return exercise(json.loads(pathlib.Path(os.environ["FACEKEEP_DEMO"]).read_text()))
    quickstart = SRC / "deploy/quickstart"
    if not os.access(quickstart, os.X_OK):
        print("SKIP there is no deploy/quickstart, and FACEKEEP_DEMO names no vault")
        return 77
    with tempfile.TemporaryDirectory(prefix="facekeep-openapi-") as folder:
        subprocess.run([quickstart, "--dir", folder, "--keep"], check=True, stdout=subprocess.DEVNULL)
        try:
            return exercise(json.loads((pathlib.Path(folder) / "demo.json").read_text()))
        finally:
            subprocess.run([quickstart, "--dir", folder, "--stop"], check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
