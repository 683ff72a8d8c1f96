"""What is measured on a whole running vault. Each function takes the sheet, the sizes and the vault. A library."""
import csv
import json
import os
import shutil
import signal
import ssl
import subprocess
import threading
import time
import urllib.parse
from http.client import HTTPSConnection

import demo_vault
from demo_vault import BUILD
from nginx_yardstick import Nginx

SEALED_TEMPLATE_OVERHEAD = 28  # nonce and tag


def checked(run, what, decisions=True):
    """A measurement in which something failed is none."""
    if run["errors"] or set(run["statuses"]) != {"200"} or (decisions and "refer" in run["fields"]):
        raise RuntimeError(f"{what}: errors {run['errors']}, statuses {run['statuses']}, decisions {run['fields']}")
    return run


def verify_rate(sheet, sizes, vault):
    """A and B in turn: the vault, nginx, the vault, ... Answers leave on a tick, so that few connections say little of the vault."""
    with Nginx(vault.doors()) as nginx:
        for connections in (64, 512):
            options = {"connections": connections, "warm_up": sizes.warm_up, "duration": sizes.seconds}
            ours, theirs = [], []
            for _ in range(sizes.rounds):
                ours.append(checked(vault.match(**options), "verify")["per_second"])
                theirs.append(checked(nginx.load(**options), "nginx")["per_second"])
            sheet.add(f"verify, {connections} connections of keep-alive mutual TLS, durably logged", ours, "requests/s",
                      "nginx's static 200 over the same mutual TLS, 1 worker, same cores, same load generator", theirs)


def durable_by_callers(sheet, sizes, vault):
    one = None
    for callers in (1, 8, 64):
        runs = [checked(vault.match(connections=callers, warm_up=sizes.warm_up, duration=sizes.seconds), "verify")["per_second"]
                for _ in range(sizes.rounds)]
        name = f"durably logged verify answers, {callers} caller{'s' if callers > 1 else ''} over HTTPS"
        one = one or runs
        sheet.add(name, runs, "answers/s", *(("the same with 1 caller", one) if callers > 1 else ()))


def add_waits(sheet, name, runs, yardstick="", beside=()):
    for quantile in ("p50", "p99"):
        pick = lambda run, q=quantile: run["latency_us"][q] / 1e3
        yard = (f"{yardstick}, {quantile}", [pick(r) for r in beside]) if yardstick else ()
        sheet.add(f"{name}, {quantile}", [pick(r) for r in runs], "ms", *yard, lower_is_better=True)


def waits_at_doors(sheet, sizes, vault, templates, doors):
    """200 requests a second on a fixed schedule, of as many doors in turn."""
    options = {"connections": doors, "rate": 200, "warm_up": 1 + sizes.warm_up, "duration": sizes.wait_seconds}
    ours, theirs = [], []
    with Nginx(vault.doors()) as nginx:
        for _ in range(sizes.rounds):
            ours.append(checked(vault.match(**options), f"{doors} doors"))
            theirs.append(checked(nginx.load(**options), "nginx"))
    of = f"{templates} x {vault.demo['dimension']} in the vault"
    add_waits(sheet, f"verify at {doors} doors, 200 requests/s, {of}", ours, "nginx's static 200 on the same schedule", theirs)
    slow = options | {"rate": 20}
    runs = [checked(vault.match("identify", **slow), "identify") for _ in range(sizes.rounds)]
    add_waits(sheet, f"identify at {doors} doors, 20 requests/s, {of}", runs)


class Beside:
    """What run() does goes on beside a measurement, until the end of the `with` sets `ends`; `failed` says what went wrong."""

    def __init__(self, vault):
        self.vault, self.ends, self.failed = vault, False, None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        raise NotImplementedError

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends = True
        self.thread.join()


class Imports(Beside):
    """One bulk import after another, of other people each time, until the end of the `with`."""

    made = 0  # of all of them

    def __init__(self, vault, count):
        super().__init__(vault)
        self.faces, self.job = vault.generate(count, "during"), None
        self.text = self.faces[1].read_text()

    def run(self):
        while not self.ends and not self.failed:
            Imports.made += 1
            self.faces[1].write_text(self.text.replace("during-", f"during{Imports.made}-"))
            with open(self.vault.dir / "import.log", "wb") as log:
                self.job = subprocess.Popen(self.vault.import_command(*self.faces), env=self.vault.env, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
            if self.job.wait() != 0 and not self.ends:
                self.failed = (self.vault.dir / "import.log").read_text()[-300:]

    def __exit__(self, *_):
        self.ends = True
        self.job.terminate()
        super().__exit__()


class Erasures(Beside):
    """Persons who were enrolled for it, erased one after another by one operator, until the end of the `with`."""

    made = 0

    def __init__(self, vault, count):
        super().__init__(vault)
        Erasures.made += 1
        faces, labels = vault.generate(count, f"leaving{Erasures.made}")
        vault.import_faces(faces, labels)
        self.done = 0
        with open(labels, encoding="utf-8", newline="") as f:
            self.subjects = [row["subject"] for row in csv.DictReader(f)]

    def run(self):
        operator = next(p for p in self.vault.demo["principals"] if p["role"] == "operator")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(operator["certificate"], operator["key"])
        api = urllib.parse.urlsplit(self.vault.demo["api"])
        connection = HTTPSConnection(api.hostname, api.port, context=context, timeout=60)
        for subject in self.subjects:
            if self.ends:
                return
            connection.request("DELETE", f"/v1/sites/main/subjects/{subject}")
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200 or json.loads(body)["state"] != "erased":
                self.failed = body[:300]
                return
            self.done += 1
        self.failed = "everybody was erased before the measurement ended"


def waits_during_erasure(sheet, sizes, vault, templates, doors):
    with Erasures(vault, sizes.erased) as erasures:
        before, start = erasures.done, time.monotonic()
        run = checked(vault.match(connections=doors, rate=200, warm_up=sizes.warm_up, duration=sizes.import_seconds), "during erasures")
        rate = (erasures.done - before) / (time.monotonic() - start)
    if erasures.failed or rate == 0:
        raise RuntimeError(f"the erasures failed: {erasures.failed}")
    add_waits(sheet, f"verify at {doors} doors, 200 requests/s, {templates} x {vault.demo['dimension']} in the vault, during erasures", [run])
    sheet.add(f"erasures beside {doors} doors, one operator, one connection, durable", [rate], "erasures/s")


def waits_during_import(sheet, sizes, vault, templates, doors):
    with Imports(vault, sizes.imported) as imports:
        enrolled = lambda: vault.metric("facekeep_templates")
        none_yet = enrolled()
        while enrolled() == none_yet and not imports.failed:
            time.sleep(0.05)
        before, start = enrolled(), time.monotonic()
        run = checked(vault.match(connections=doors, rate=200, warm_up=sizes.warm_up, duration=sizes.import_seconds), "during import")
        rate = (enrolled() - before) / (time.monotonic() - start)
    if imports.failed or rate == 0:
        raise RuntimeError(f"the import failed: {imports.failed}")
    name = f"verify at {doors} doors, 200 requests/s, {templates} x {vault.demo['dimension']} in the vault, during a bulk import"
    add_waits(sheet, name, [run])
    sheet.add(f"bulk import beside {doors} doors, over HTTPS, durable", [rate], "templates/s")


def fill(sheet, sizes, vault):
    faces = vault.generate(sizes.templates, "bench")
    start = time.monotonic()
    vault.import_faces(*faces)
    sheet.add(f"bulk import of {sizes.templates}, over HTTPS, durable", [sizes.templates / (time.monotonic() - start)],
              "templates/s")


def opening(sheet, sizes, vault):
    """From the last card to the last template in the gallery, beside reading and opening as many bytes."""
    times, yard, grown = [], [], []
    for _ in range(sizes.rounds):
        vault.seal()
        before = vault.resident_bytes()
        began = []
        vault.unseal(lambda: began.append(time.monotonic()))
        status = vault.wait_until_ready(sizes.templates + 1)
        times.append(time.monotonic() - began[0])
        if status["templates"]["refused"]:
            raise RuntimeError(f"templates were refused: {status['templates']}")
        count = status["templates"]["total"]
        grown.append((vault.resident_bytes() - before) / count)
        command = [BUILD / "tests/bench/open_yardstick", vault.dir / "yardstick", "--records", str(count),
                   "--bytes", str(vault.demo["dimension"] * 4)]
        yard.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["seconds"])
    dimension = vault.demo["dimension"]
    of = f"{count} x {dimension}"
    sheet.add(f"open a vault of {of}, from the last card to the last template", times, "s",
              f"reading {count} x {dimension * 4 + SEALED_TEMPLATE_OVERHEAD} bytes from a file and AES-256-GCM-opening them, "
              "one key, as many threads", yard, lower_is_better=True)
    sheet.add(f"memory a template while open, {of}, growth of the process when it opens", grown, "bytes",
              "its float32 values alone", [dimension * 4], lower_is_better=True)
    arena = vault.metric("facekeep_template_bytes") / vault.metric("facekeep_templates")
    sheet.add(f"memory a template while open, {of}, the locked arena", [arena], "bytes", "its float32 values alone",
              [dimension * 4], lower_is_better=True)


def copied(path, into):
    """Seconds to copy a file, synced."""
    start = time.monotonic()
    with open(path, "rb") as source, open(into, "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        os.fsync(target.fileno())
    took = time.monotonic() - start
    into.unlink()
    return took


def backups(sheet, sizes, vault, templates):
    """A backup while the vault serves, and a restore of it, each beside copying the same bytes. The vault is gone after it."""
    taken, yard = [], []
    by = ("property-1", "property-2", "residents-1", "residents-2")  # one a minute and custodian
    for n in range(sizes.rounds):
        if n >= len(by):
            time.sleep(61)
        backup = vault.dir / f"{n}.facekeep-backup"
        start = time.monotonic()
        vault.facekeep(by[n % len(by)], "backup", "--out", backup)
        taken.append(time.monotonic() - start)
        yard.append(copied(backup, vault.dir / "copy"))
    size = backup.stat().st_size >> 20
    what = f"copying the same {size} MiB, synced"
    sheet.add(f"backup of {templates} templates, taken and fetched over HTTPS", taken, "s", what, yard, lower_is_better=True)
    time.sleep(1.3)
    mirror = vault.dir / "mirror"
    subprocess.run([BUILD / "tools/facekeep-audit", "fetch", "--url", vault.demo["public"], "--vkey", vault.demo["vkey"], "--out", mirror, "--api",
                    vault.demo["api"], "--key", vault.dir / "keys/auditor-1.key", "--rate", "1000"], env=vault.env, check=True, capture_output=True)
    os.kill(vault.pid, signal.SIGKILL)
    restored, config = [], vault.dir / "facekeepd.toml"
    for n in range(sizes.rounds):
        other = vault.dir / f"restored-{n}"
        text = config.read_text().replace(f'data_dir = "{vault.dir}/data"', f'data_dir = "{other}"')
        (vault.dir / "other.toml").write_text(text)
        start = time.monotonic()
        subprocess.run([BUILD / "tools/facekeepd", "restore", "--config", vault.dir / "other.toml", "--backup", backup, "--mirror", mirror],
                       env=vault.env, check=True, capture_output=True)
        restored.append(time.monotonic() - start)
    sheet.add(f"restore of {templates} templates", restored, "s", what, yard, lower_is_better=True)


class Backups(Beside):
    """One backup after another, by another custodian each time (each may take one a minute), until the end of the `with`."""

    def __init__(self, vault):
        super().__init__(vault)
        self.made = 0

    def run(self):
        try:
            for who in demo_vault.CARDS:
                if not self.ends:
                    self.vault.facekeep(who, "backup", "--out", self.vault.dir / f"beside-{who}.facekeep-backup")
                    self.made += 1
        except RuntimeError as error:
            self.failed = error


def waits_during_backup(sheet, sizes, vault, templates, doors):
    with Backups(vault) as taken:
        run = checked(vault.match(connections=doors, rate=200, duration=min(sizes.import_seconds, 5)), "during backups")
    if taken.failed or taken.made == 0:
        raise RuntimeError(f"the backups failed: {taken.failed}")
    add_waits(sheet, f"verify at {doors} doors, 200 requests/s, {templates} x {vault.demo['dimension']} in the vault, while backups are taken", [run])


def power_on(sheet, sizes, vault, templates):
    """The daemon is killed; from the start of the next one to a door's first decision, cards handed in by a program."""
    times = []
    for _ in range(sizes.rounds):
        began = vault.cut_power()
        vault.unseal()
        ask = ("--json", "identify", "--site", "main", "--door", "north-gate", "--model", "face", "--probe", vault.dir / "probes.npy", "--row", "1")
        while json.loads(vault.facekeep("door-1", *ask))["decision"] == "refer":
            time.sleep(0.01)
        times.append(time.monotonic() - began)
    sheet.add(f"from the daemon's start after kill -9 to a door's first decision, {templates} templates, four cards by a program", times, "s",
              lower_is_better=True)


def rewraps(sheet, vault):
    """From the first sight of a rotation to the last person's key under the new root, no door beside it."""
    action = vault.dir / "rotate.json"
    action.write_text('{"kind": "rotate-keys"}')
    made = json.loads(vault.facekeep("property-1", "--json", "propose", "action", str(action), "--purpose", "key-rotation"))
    for who in ("property-1", "residents-1"):
        vault.facekeep(who, "approve", made["id"], "--yes-to", made["digest"])
    began = None
    while True:
        rotation = vault.status().get("rotation")
        now = time.monotonic()
        if rotation and began is None:
            began, first = now, rotation["done"]
        if began and not rotation:
            raise RuntimeError("all keys were moved before anybody looked: more templates are needed")
        if rotation and rotation["done"] == rotation["total"]:
            break
        time.sleep(0.002)
    if now == began:
        raise RuntimeError("all keys were moved at the first look: more templates are needed")
    rate = (rotation["total"] - first) / (now - began)
    sheet.add(f"rewraps, of {rotation['total']} people's keys, durably logged in batches", [rate], "rewraps/s")


def all_of_them(sheet, sizes):
    with demo_vault.DemoVault() as vault:
        verify_rate(sheet, sizes, vault)
        durable_by_callers(sheet, sizes, vault)
        fill(sheet, sizes, vault)
        opening(sheet, sizes, vault)
        templates = vault.status()["templates"]["total"]
        for doors in (200, 2000):
            waits_at_doors(sheet, sizes, vault, templates, doors)
            waits_during_import(sheet, sizes, vault, templates, doors)
            waits_during_erasure(sheet, sizes, vault, templates, doors)
        power_on(sheet, sizes, vault, templates)
        waits_during_backup(sheet, sizes, vault, templates, 200)
        rewraps(sheet, vault)
        time.sleep(61)  # each custodian takes one backup a minute
        backups(sheet, sizes, vault, vault.status()["templates"]["total"])
