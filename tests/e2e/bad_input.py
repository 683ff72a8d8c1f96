#!/usr/bin/python3
"""Bad input over HTTPS: each has its own problem type and a clear sentence, and changes nothing.

"Nothing changed" is read from outside: the operator's list of subjects is the same, the state is the same, and the public log has
grown by sums (counts of refusals), the reads of this script and the answers that it was given, and by nothing else.
"""
import concurrent.futures
import contextlib
import http.client
import json
import resource
import socket
import ssl
import time
import warnings

import numpy

import bad_input_cases as cases
from vault import Report, Vault, base64_of

# A second site with its operator, and keys whose time is over.
ADJUST = """
import copy
annex = copy.deepcopy(plan["sites"][0])
annex["id"], annex["doors"] = "annex", [{"id": "garage", "class": "gate"}]
plan["sites"].append(annex)
plan["principals"] += [
    {"name": "Annex desk", "role": "operator", "sites": ["annex"], "certificate": new_key("operator-2")},
    {"name": "Last year's desk", "role": "operator", "sites": ["main"], "until": "2025-12-31", "certificate": new_key("operator-3")}]
"""
warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.1 is asked for on purpose
report = Report()


def sentence_of(answer):
    """Title, detail and hint as a person reads them; empty if this is no problem document."""
    if "problem+json" not in answer.headers.get("Content-Type", ""):
        return ""
    p = answer.json
    return " | ".join(p[k] for k in ("title", "detail", "hint") if p.get(k))


def refuse(vault, what, who, method, path, body, headers, status, problem):
    try:
        answer = vault.ask(who, method, path, body, headers)
    except (http.client.HTTPException, OSError) as error:
        report.check(what, False, f"no answer: {error!r} (wanted {status} {problem})")
        return
    said = sentence_of(answer)
    good = said != "" and len(said.split()) >= 4 and answer.json["status"] == answer.status
    good = good and (status is None and 400 <= answer.status < 500 or answer.status == status)
    good = good and (problem is None or answer.problem == problem)
    want = "" if good else f" (wanted {status} {problem})"
    report.check(what, good, f"{answer.status} {answer.problem}: {said or answer.body[:200]}{want}")


def subjects(vault):
    out, cursor = [], ""
    while True:
        page = vault.ask("operator/1", "GET", cases.SUBJECTS + (f"?cursor={cursor}" if cursor else "")).json
        out += page["subjects"]
        cursor = page.get("next")
        if not cursor:
            return out


class Unchanged:
    """Within: only `custody` and `access` private entries may be added, exactly as many as the block counts."""

    def __init__(self, vault, what):
        self.vault, self.what, self.custody, self.access = vault, what, 0, 0

    def __enter__(self):
        self.subjects, self.before = subjects(self.vault), self.vault.entries()
        return self

    def __exit__(self, kind, *_):
        if kind:
            return
        after = self.vault.entries()
        report.check(f"{self.what}: the log continues", after[:len(self.before)] == self.before)
        new = after[len(self.before):]
        count = lambda name: sum(e.get("class") == name for e in new)
        clear = sorted({e.get("type", "?") for e in new if "class" not in e})
        report.check(f"{self.what}: no change is logged", count("custody") == self.custody and clear in ([], ["sums"]),
                     f"{count('custody')} custody entries, {self.custody} expected; in clear: {clear}")
        report.check(f"{self.what}: only answers are logged", count("access") == self.access,
                     f"{count('access')} access entries, {self.access} expected")
        report.check(f"{self.what}: the subjects are the same", subjects(self.vault) == self.subjects)


def open_vault(vault, faces):
    consent = vault.consent()
    full = [{"model": "face", "template": base64_of(f)} for f in faces[:8]]
    vault.ask("operator/1", "PUT", cases.SUBJECTS + "/full-house", consent)
    for template in full:
        assert vault.ask("operator/1", "POST", cases.SUBJECTS + "/full-house/templates", template).status == 201
    with Unchanged(vault, "refusals") as same:
        for group in (cases.probe_cases(faces[0]), cases.body_cases(faces[0]), cases.caller_cases(faces[0], consent),
                      cases.enrolment_cases(faces[0], consent)):
            for case in group:
                refuse(vault, *case)
        bulk(vault, faces[0], consent)
        accepted(vault, faces, same)
        chunked(vault)


def bulk(vault, face, consent):
    rows = cases.bulk_rows(face, consent)
    answer = vault.ask("operator/1", "POST", cases.ENROLMENTS, "\n".join(line for _, line, _ in rows),
                       {"Content-Type": "application/x-ndjson"})
    results = [json.loads(line) for line in answer.body.splitlines()]
    report.check("a bulk enrolment's last line is the checkpoint", list(results.pop()) == ["checkpoint"])
    report.check("a bulk enrolment of bad rows has one answer a row", answer.status == 200 and len(results) == len(rows), len(results))
    for (what, _, problem), result in zip(rows, results):
        kind = result.get("type", "").split(":")[-1]
        report.check(what, result["status"] == "refused" and problem in (None, kind), f"{kind}: {result.get('title')} | {result.get('detail')}")
    many = "\n".join(["{}"] * 1001)
    refuse(vault, "1,001 rows", "operator/1", "POST", cases.ENROLMENTS, many, {"Content-Type": "application/x-ndjson"}, 413, "too-many-rows")
    refuse(vault, "17 MB of rows", "operator/1", "POST", cases.ENROLMENTS, b" " * (17 << 20), {"Content-Type": "application/x-ndjson"}, 413,
           "body-too-large")


def accepted(vault, faces, same):
    """What looks bad and is not."""
    ask = lambda path, **body: vault.ask("door/1", "POST", path, {"door": "north-gate", "model": "face", **body})
    answer = ask(cases.VERIFY, subject="nobody-at-all", probe=base64_of(faces[3]))
    report.check("a door's unknown subject is no_match", answer.status == 200 and answer.json["decision"] == "no_match", answer)
    plain = ask(cases.VERIFY, subject="generated-000003", probe=base64_of(faces[3]))
    for what, scale in (("a thousand times too long", 1000), ("a thousand times too short", 0.001)):
        scaled = ask(cases.VERIFY, subject="generated-000003", probe=base64_of(faces[3] * scale))
        report.check(f"a vector {what} is normalised", scaled.status == 200 and scaled.json["decision"] == plain.json["decision"] == "match", scaled)
    same.access += 5  # these four, and the look for a subject that is not there


def send_raw(vault, who, text, wait=30, then=None):
    """Bytes over TLS, and what comes back until the server closes: (bytes, seconds)."""
    began = time.monotonic()
    with socket.create_connection((vault.api.hostname, vault.api.port), timeout=wait) as raw:
        with vault.context(who).wrap_socket(raw) as tls:
            out = b""
            with contextlib.suppress(OSError, ssl.SSLError):
                tls.sendall(text)
                while then and time.monotonic() - began < wait:
                    tls.sendall(then)
                    tls.settimeout(1)
                    with contextlib.suppress(TimeoutError, socket.timeout):
                        if got := tls.recv(65536):
                            out += got
                        break
                tls.settimeout(wait)
                while got := tls.recv(65536):
                    out += got
            return out, time.monotonic() - began


def chunked(vault):
    head = b"POST /v1/sites/main/verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    for what, text, status in (
            ("a chunked body over the limit", b"Transfer-Encoding: chunked\r\n\r\n" + b"4000\r\n" + b" " * 0x4000 + b"\r\n" + (b"4000\r\n" + b" " * 0x4000 + b"\r\n") * 4, b"413"),
            ("a chunk of 2^64 bytes", b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", b"4"),
            ("a chunk size that is no number", b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", b"400"),
            ("a body of 10 GB, declared", b"Content-Length: 10000000000\r\n\r\n", b"413"),
            ("a negative length", b"Content-Length: -1\r\n\r\n", b"400"),
            ("two lengths", b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", b"400"),
            ("length and chunks", b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
            ("a head of 100 kB", b"X-Long: " + b"a" * 100000 + b"\r\n\r\n", b"431"),
            ("a line feed in a field", b"X-A: b\nX-C: d\r\n\r\n", b"4")):
        got, took = send_raw(vault, "door/1", head + text, wait=15)
        report.check(what, got.startswith(b"HTTP/1.1 " + status) and b"urn:facekeep:problem:" in got, f"{got.split(b'{')[-1][:300]!r} after {took:.1f} s")


def handshake_fails(vault, what, context, why=None):
    """TLS 1.3 tells a client of its refused certificate only after its own part of the handshake: ask, too."""
    try:
        with socket.create_connection((vault.api.hostname, vault.api.port), timeout=15) as raw:
            with context.wrap_socket(raw) as tls:
                tls.sendall(b"GET /v1/me HTTP/1.1\r\nHost: a\r\n\r\n")
                got = tls.recv(100)
                report.check(what, not got, f"{'closed' if not got else got!r}")
    except (ssl.SSLError, ConnectionError) as error:
        report.check(what, why is None or why in str(error), error)


def handshakes(vault):
    with Unchanged(vault, "handshakes"):
        handshake_fails(vault, "an unknown key", vault.context(vault.new_key("stranger")))
        handshake_fails(vault, "no certificate", vault.context())
        ended = (vault.folder / "keys/operator-3.crt", vault.folder / "keys/operator-3.key")
        handshake_fails(vault, "a principal whose time is over", vault.context(ended))
        for what, version in (("TLS 1.1", ssl.TLSVersion.TLSv1_1), ("TLS 1.2, which is not configured", ssl.TLSVersion.TLSv1_2)):
            context = vault.context("door/1")
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
            handshake_fails(vault, what, context, "alert protocol version")
        with socket.create_connection((vault.api.hostname, vault.api.port), timeout=15) as raw:
            raw.sendall(b"GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n")
            got = b""
            with contextlib.suppress(OSError):
                while more := raw.recv(65536):
                    got += more
            report.check("plain HTTP on the TLS port", got.startswith(b"HTTP/1.1 400 ") and b"problem:not-tls" in got, got.split(b"\r\n\r\n")[-1].decode())


def slow(vault, face):
    """Half requests are ended at their deadlines (5 s for the head, 20 s for the body; see facekeepd.toml.example), answered with 408."""
    half = b"POST /v1/sites/main/verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    jobs = {
        "half a head": (half, None, 10), "a head that drips": (half, b"X-A: b\r\n", 10),
        "half a body": (half + b"Content-Length: 2700\r\n\r\n{", None, 26), "a body that drips": (half + b"Content-Length: 2700\r\n\r\n{", b" ", 26),
    }
    with Unchanged(vault, "slow requests") as same:
        same.access += 1
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            running = {what: pool.submit(send_raw, vault, "door/1", text, 60, drip) for what, (text, drip, _) in jobs.items()}
            began = time.monotonic()
            answer = vault.ask("door/2", "POST", cases.IDENTIFY, {"door": "lobby", "model": "face", "probe": base64_of(face)})
            report.check("another door is answered meanwhile", answer.status == 200 and time.monotonic() - began < 2, f"{time.monotonic() - began:.2f} s")
            for what, (_, _, limit) in jobs.items():
                got, took = running[what].result()
                report.check(what, took < limit and (b"problem:request-timeout" in got or not got), f"{got.split(b'{')[-1][:200]!r} after {took:.1f} s")


def silent_crowd(vault, face):
    """A thousand connections that say nothing; each of four addresses holds 250."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    crowd = []
    with contextlib.ExitStack() as stack:
        for i in range(1000):
            s = socket.socket()
            stack.callback(s.close)
            s.bind((f"127.0.1.{1 + i % 4}", 0))
            s.connect((vault.api.hostname, vault.api.port))
            crowd.append(s)
        took = []
        for _ in range(5):
            began = time.monotonic()
            answer = vault.ask("door/1", "POST", cases.IDENTIFY, {"door": "north-gate", "model": "face", "probe": base64_of(face)})
            took.append(time.monotonic() - began)
            report.check("a door is answered beside a thousand silent connections", answer.status == 200 and took[-1] < 2, f"{took[-1]:.2f} s")
        time.sleep(8)
        ended = 0
        for s in crowd:
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                try:
                    ended += s.recv(1) == b""
                except ConnectionError:
                    ended += 1
        report.check("the silent connections are ended after the handshake's deadline", ended == 1000, f"{ended} of 1000")


def sealed(vault, face, consent):
    done = vault.cli("residents-1", "seal")
    report.check("one custodian seals", done.returncode == 0, done.stdout.strip() + done.stderr.strip())
    good = {"door": "north-gate", "model": "face", "probe": base64_of(face)}
    before = vault.entries()
    for what, who, method, path, body in (
            ("verify", "door/1", "POST", cases.VERIFY, {**good, "subject": "generated-000003"}), ("identify", "door/1", "POST", cases.IDENTIFY, good),
            ("changes", "door/1", "GET", "/v1/sites/main/changes", None), ("the list", "operator/1", "GET", cases.SUBJECTS, None),
            ("a subject", "operator/1", "GET", cases.SUBJECTS + "/generated-000003", None),
            ("an enrolment", "operator/1", "PUT", cases.SUBJECTS + "/nobody-7", consent),
            ("a bulk enrolment", "operator/1", "POST", cases.ENROLMENTS, {"subject": "nobody-7", "consent": consent}),
            ("an erasure", "operator/1", "DELETE", cases.SUBJECTS + "/generated-000003", None)):
        answer = vault.ask(who, method, path, body)
        report.check(f"{what} of a sealed vault", answer.status == 503 and answer.problem == "sealed" and answer.headers.get("Retry-After", "").isdigit(),
                     f"{answer.status} {answer.problem}: {sentence_of(answer)}")
    new = vault.entries()[len(before):]
    report.check("sealed: nothing but sums is logged", all(e.get("type") == "sums" for e in new), new)
    refuse(vault, "a share that is no base64", "property/1", "POST", "/v1/unseal", {"share": "!"}, None, 400, None)
    refuse(vault, "a share that is not sealed to this start", "property/1", "POST", "/v1/unseal", {"share": "A" * 200}, None, 400, "bad-share")
    report.check("sealed it stays", vault.state() == "sealed", vault.state())


with Vault("--small", adjust=ADJUST) as running:
    probes = numpy.load(running.folder / "probes.npy").astype("<f4")
    open_vault(running, probes)
    handshakes(running)
    slow(running, probes[0])
    silent_crowd(running, probes[0])
    sealed(running, probes[0], running.consent())
    report.check("no defect in the journal", not [line for line in running.log().splitlines() if "internal" in line or "assert" in line.lower()])
report.end()
