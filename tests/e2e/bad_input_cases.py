"""Requests that must be refused while the vault is open, as data: (what, who, method, path, body, headers, status, problem).
Subjects, doors and keys are those of the quickstart, adjusted by bad_input.py. A library, not a suite.
"""
import json

import numpy

from vault import base64_of

VERIFY, IDENTIFY = "/v1/sites/main/verify", "/v1/sites/main/identify"
SUBJECTS, ENROLMENTS = "/v1/sites/main/subjects", "/v1/sites/main/enrolments"
JSON = {"Content-Type": "application/json"}


def probe_cases(face):
    """Each way to write a vector wrong, to a door's identify and to an operator's addTemplate."""
    dimension = len(face)
    with_value = lambda v: base64_of(numpy.concatenate([[v], face[1:]]))
    values = ",".join(repr(float(v)) for v in face)
    vectors = [
        ("wrong base64", '"!not*base64!"', "bad-base64"),
        ("base64 without its padding", json.dumps(base64_of(face).rstrip("=")), "bad-base64"),
        ("base64 in the URL alphabet", '"' + "_-_-" * (dimension * 4 // 3 + 1) + '"', "bad-base64"),
        ("base64 of three and a half values", '"AAAAAAAAAAAAAAAAAAA="', "wrong-dimension"),
        ("one value too few", json.dumps(base64_of(face[1:])), "wrong-dimension"),
        ("one value too many", json.dumps(base64_of(numpy.append(face, 1))), "wrong-dimension"),
        ("an empty array", "[]", "wrong-dimension"),
        ("an empty text", '""', None),
        ("an array one too short", "[" + values.rsplit(",", 1)[0] + "]", "wrong-dimension"),
        ("NaN", json.dumps(with_value(numpy.nan)), "not-a-number"),
        ("negative NaN", json.dumps(base64_of(numpy.full(dimension, -numpy.nan))), "not-a-number"),
        ("infinity", json.dumps(with_value(numpy.inf)), "infinite"),
        ("minus infinity", json.dumps(with_value(-numpy.inf)), "infinite"),
        ("a number beyond float32", "[1e39," + values.split(",", 1)[1] + "]", "infinite"),
        ("a number beyond double", "[1e999," + values.split(",", 1)[1] + "]", "infinite"),
        ("a bare NaN in the array", "[NaN," + values.split(",", 1)[1] + "]", "not-json"),
        ("null in the array", "[null," + values.split(",", 1)[1] + "]", None),
        ("a text in the array", '["0.5",' + values.split(",", 1)[1] + "]", None),
        ("a zero vector", json.dumps(base64_of(numpy.zeros(dimension))), "zero-vector"),
        ("a vector of minus zeros", json.dumps(base64_of(-numpy.zeros(dimension))), "zero-vector"),
        ("a length that overflows", json.dumps(base64_of(numpy.full(dimension, 3e38))), "norm-out-of-range"),
        ("a length that underflows", json.dumps(base64_of(numpy.full(dimension, 1e-40))), "norm-out-of-range"),
        ("a number for a vector", "17", "wrong-type"),
        ("an object for a vector (a JWS, but not the compact one)", "{}", "bad-jws"),
        ("three parts that are no JWS", '"a.b.c"', "bad-jws"),
    ]
    for what, text, problem in vectors:
        yield what, "door/1", "POST", IDENTIFY, f'{{"door":"north-gate","model":"face","probe":{text}}}', JSON, 400, problem
        yield (what + ", as a template", "operator/1", "POST", SUBJECTS + "/generated-000003/templates",
               f'{{"model":"face","template":{text}}}', JSON, 400, problem)


def body_cases(face):
    good = {"door": "north-gate", "model": "face", "subject": "generated-000003", "probe": base64_of(face)}
    without = lambda key: {k: v for k, v in good.items() if k != key}
    text = json.dumps(good)
    cases = [
        ("not JSON", "door=north-gate", 400, "not-json"),
        ("no body", b"", 400, "not-json"),
        ("half an object", text[:-2], 400, "not-json"),
        ("something behind the object", text + "{}", 400, "not-json"),
        ("a byte order mark", b"\xef\xbb\xbf" + text.encode(), 400, "not-json"),
        ("not UTF-8", text.encode().replace(b"north-gate", b"north-\xff"), 400, "not-json"),
        ("a lone surrogate", text.replace("generated-000003", "\\ud800"), 400, None),
        ("an array", "[" + text + "]", 400, "wrong-type"),
        ("an unknown field", {**good, "threshold": 0.1}, 400, "unknown-field"),
        ("an unknown field that looks like a known one", {**without("probe"), "Probe": good["probe"]}, 400, None),
        *[(f"no {key}", without(key), 400, "missing-field") for key in good],
        ("a number for a door", {**good, "door": 7}, 400, "wrong-type"),
        ("null for a model", {**good, "model": None}, 400, "wrong-type"),
        ("the same key twice", text[:-1] + ',"door":"lobby"}', 400, "duplicate-key"),
        ("the same key twice, one escaped", text[:-1] + ',"d\\u006for":"lobby"}', 400, "duplicate-key"),
        ("17 levels", text[:-1] + ',"x":' + "[" * 17 + "]" * 17 + "}", 400, "json-too-deep"),
        ("30,000 levels", "[" * 30000 + "]" * 30000, 400, "json-too-deep"),
        ("30,000 open brackets", "[" * 30000, 400, None),
        ("a body over the limit, declared", " " * 65537, 413, "body-too-large"),
        ("an unknown door", {**good, "door": "garage"}, 403, "unknown-door"),
        ("another controller's door", {**good, "door": "lobby"}, 403, "unknown-door"),
        ("a door that is no name", {**good, "door": "North Gate\n"}, None, None),
        ("an unknown model", {**good, "model": "iris"}, 404, "unknown-model"),
        ("a subject id of 129 bytes", {**good, "subject": "a" * 129}, 400, None),
        ("an empty subject id", {**good, "subject": ""}, 400, "bad-subject-id"),
        ("a subject id with a line break", {**good, "subject": "a\nb"}, 400, "bad-subject-id"),
    ]
    for what, body, status, problem in cases:
        yield what, "door/1", "POST", VERIFY, body, JSON, status, problem
    yield "a Request-Id with a space", "door/1", "POST", VERIFY, good, {"Request-Id": "a b"}, 400, "bad-request-id"
    yield "an unknown site", "door/1", "POST", "/v1/sites/nowhere/verify", good, JSON, 403, "other-site"
    yield "another site", "door/1", "POST", "/v1/sites/annex/verify", good, JSON, 403, "other-site"
    yield "a site that is no name", "door/1", "POST", "/v1/sites/MAIN%2f..%2f/verify", good, JSON, None, None


def caller_cases(face, consent):
    good = {"door": "north-gate", "model": "face", "probe": base64_of(face)}
    row = {"subject": "nobody-8", "consent": consent, "templates": []}
    cases = [
        ("an operator identifies", "operator/1", "POST", IDENTIFY, good, 403, "wrong-role"),
        ("a custodian identifies", "property/1", "POST", IDENTIFY, good, 403, "wrong-role"),
        ("an auditor identifies", "auditor/1", "POST", IDENTIFY, good, 403, "wrong-role"),
        ("a door enrols", "door/1", "PUT", SUBJECTS + "/nobody-8", consent, 403, "wrong-role"),
        ("a door enrols many", "door/1", "POST", ENROLMENTS, row, 403, "wrong-role"),
        ("a door erases", "door/1", "DELETE", SUBJECTS + "/generated-000003", None, 403, "wrong-role"),
        ("a door lists the subjects", "door/1", "GET", SUBJECTS, None, 403, "wrong-role"),
        ("a door seals", "door/1", "POST", "/v1/seal", {}, 403, "wrong-role"),
        ("an operator seals", "operator/1", "POST", "/v1/seal", {}, 403, "wrong-role"),
        ("an operator unseals", "operator/1", "POST", "/v1/unseal", {"share": "AAAA"}, 403, "wrong-role"),
        ("a custodian reads a subject", "property/1", "GET", SUBJECTS + "/generated-000003", None, 403, "wrong-role"),
        ("a custodian erases", "property/1", "DELETE", SUBJECTS + "/generated-000003", None, 403, "wrong-role"),
        ("another site's operator enrols", "operator/2", "PUT", SUBJECTS + "/nobody-8", consent, 403, "other-site"),
        ("another site's operator erases", "operator/2", "DELETE", SUBJECTS + "/generated-000003", None, 403, "other-site"),
        ("another site's operator reads", "operator/2", "GET", SUBJECTS, None, 403, "other-site"),
        ("another site's operator asks for changes", "operator/2", "GET", "/v1/sites/main/changes", None, 403, "other-site"),
        ("a share into an open vault", "property/1", "POST", "/v1/unseal", {"share": "AAAA"}, 409, "already-open"),
        ("no such call", "operator/1", "GET", "/v1/export", None, 404, "unknown-call"),
        ("a wrong method", "operator/1", "PATCH", SUBJECTS, {}, 405, "method-not-allowed"),
        ("an unknown query parameter", "operator/1", "GET", SUBJECTS + "?all=1", None, 400, "unknown-parameter"),
        ("a limit over the limit", "operator/1", "GET", SUBJECTS + "?limit=201", None, 400, "bad-parameter"),
        ("a made-up cursor", "operator/1", "GET", SUBJECTS + "?cursor=zzzz", None, 400, "bad-cursor"),
        ("a position that is no number", "door/1", "GET", "/v1/sites/main/changes?after=-1", None, 400, "bad-parameter"),
        ("a body where none belongs", "operator/1", "GET", SUBJECTS, {"a": 1}, 413, "body-too-large"),
    ]
    for what, who, method, path, body, status, problem in cases:
        yield what, who, method, path, body, JSON if body is not None else {}, status, problem


def enrolment_cases(face, consent):
    template = {"model": "face", "template": base64_of(face)}
    put = lambda **changes: {k: v for k, v in {**consent, **changes}.items() if v is not None}
    cases = [
        ("no consent at all", "PUT", SUBJECTS + "/nobody-7", b"", 400, "no-consent"),
        ("an empty consent", "PUT", SUBJECTS + "/nobody-7", {}, 400, "no-consent"),
        ("a consent without an end", "PUT", SUBJECTS + "/nobody-7", put(until=None), 400, "bad-consent"),
        ("a consent that ended", "PUT", SUBJECTS + "/nobody-7", put(until="2020-01-01"), None, None),
        ("a minor without a guardian", "PUT", SUBJECTS + "/nobody-7", put(minor=True), 400, "bad-consent"),
        ("a consent to something else", "PUT", SUBJECTS + "/nobody-7", put(scopes=["marketing"]), 400, "bad-consent"),
        ("a digest that is none", "PUT", SUBJECTS + "/nobody-7", put(evidence="abc"), 400, "bad-consent"),
        ("another consent for an enrolled subject", "PUT", SUBJECTS + "/generated-000003", put(purpose="advertising"), 409, "already-enrolled"),
        ("a template for nobody", "POST", SUBJECTS + "/nobody-7/templates", template, 404, "not-found"),
        ("a template of an unknown model", "POST", SUBJECTS + "/generated-000003/templates", {**template, "model": "iris"}, 404, "unknown-model"),
        ("a 9th template", "POST", SUBJECTS + "/full-house/templates", template, 409, "too-many-templates"),
        ("a subject id of 129 bytes", "PUT", SUBJECTS + "/" + "a" * 129, consent, 400, "bad-subject-id"),
        ("a subject id of 43 three-byte characters", "PUT", SUBJECTS + "/" + "%E7%8E%8B" * 43, consent, 400, "bad-subject-id"),
        ("a subject id that is not UTF-8", "PUT", SUBJECTS + "/%ff%fe", consent, 400, None),
        ("a subject id with an overlong encoding", "PUT", SUBJECTS + "/%c0%af", consent, 400, None),
        ("a subject id with a control character", "PUT", SUBJECTS + "/a%00b", consent, 400, None),
        ("a subject that is not there", "GET", SUBJECTS + "/nobody-7", None, 404, "not-found"),
        ("erasing nobody", "DELETE", SUBJECTS + "/nobody-7", None, 404, "not-found"),
    ]
    for what, method, path, body, status, problem in cases:
        yield what, "operator/1", method, path, body, JSON if body is not None else {}, status, problem


def bulk_rows(face, consent):
    """Lines of one bulk enrolment, all refused: (what, line, problem)."""
    row = lambda **changes: json.dumps({k: v for k, v in {"subject": "nobody-9", "consent": consent, **changes}.items() if v is not None})
    template = {"model": "face", "template": base64_of(face)}
    return [
        ("a row that is not JSON", "subject,consent", "not-json"),
        ("a row without a consent", row(consent=None), "no-consent"),
        ("a row without a subject", row(subject=None), "missing-field"),
        ("a row with an unknown field", row(name="Anna"), "unknown-field"),
        ("a row with 9 templates", row(templates=[template] * 9), "too-many-templates"),
        ("a row with a zero vector", row(templates=[{**template, "template": base64_of(numpy.zeros(len(face)))}]), "zero-vector"),
        ("a row with NaN in the last of three", row(templates=[template, template, {**template, "template": base64_of(face * numpy.nan)}]), "not-a-number"),
        ("a row with an unknown model", row(templates=[{**template, "model": "iris"}]), "unknown-model"),
        ("a row with a long subject id", row(subject="a" * 129), None),
    ]
