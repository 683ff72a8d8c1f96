"""Writes the rehearsal's plan.json, script.json and consent.json: plan.py DIR DIMENSION VERIFY,IDENTIFY [MODELS]."""
import hashlib
import json
import os
import sys

folder, dimension, thresholds = sys.argv[1], int(sys.argv[2]), sys.argv[3]
verify, identify = (int(t) for t in thresholds.split(","))
names = {"property": ["Wang Fang", "Li Na", "Zhao Lei"], "residents": ["Chen Jie", "Sun Mei", "He Ping"]}


def key(name):
    return {"certificate": f"keys/{name}.crt"}


groups = [
    {"id": group, "custodians": [
        {"name": name, "approval_key": f"keys/{group}-{i}.pub", **key(f"{group}-{i}")} for i, name in enumerate(people, 1)]}
    for group, people in names.items()
]
models = [{"id": "face", "dimension": dimension, "verify_threshold": verify, "identify_threshold": identify}]
if len(sys.argv) > 4 and sys.argv[4]:
    with open(sys.argv[4], encoding="utf-8") as f:
        models += json.load(f)
plan = {
    "name": "Garden Compound (rehearsal)",
    "api": "https://127.0.0.1:8443",
    "public": "https://127.0.0.1:8444",
    "preset": "standard",
    "groups": groups,
    "principals": [
        {"name": "Enrolment desk", "role": "operator", "sites": ["main"], **key("operator-1")},
        {"name": "Gate controller", "role": "door", "sites": ["main"], "doors": ["north-gate", "south-gate"], **key("door-1")},
        {"name": "Lobby controller", "role": "door", "sites": ["main"], "doors": ["lobby"], **key("door-2")},
        {"name": "Auditor", "role": "auditor", **key("auditor-1")},
    ],
    "sites": [{
        "id": "main", "purpose": "entry-control", "alternative": "key-card",
        "assessment": {"digest": hashlib.sha256(b"impact assessment of the rehearsal").hexdigest(), "date": "2026-01-15"},
        "erase_daily": 50,
        "doors": [{"id": "north-gate", "class": "gate"}, {"id": "south-gate", "class": "gate"}, {"id": "lobby", "class": "lobby"}],
    }],
    "models": models,
    # A veto's delay that a rehearsal can wait for; the default is a day.
    "rules": {"threshold": {"groups": {"property": 1, "residents": 1}, "delay_s": 5, "lifetime_s": 604800},
              "export": {"groups": {"property": 1, "residents": 1}, "delay_s": 5, "lifetime_s": 604800, "uses": 10},
              "custodian": {"groups": {"property": 1, "residents": 1}, "delay_s": 5, "lifetime_s": 604800},
              "rotate": {"groups": {"property": 1, "residents": 1}, "delay_s": 5, "lifetime_s": 604800},
              "reshare": {"groups": {"property": 1, "residents": 1}, "delay_s": 5, "lifetime_s": 604800},
              "restore": {"groups": {"property": 1, "residents": 1}, "delay_s": 5, "lifetime_s": 604800},
              "ticket": {"groups": {"property": 1, "residents": 1}, "delay_s": 5, "lifetime_s": 604800}},
}
if os.path.exists(f"{folder}/spare.pem"):
    plan["spare_key"] = "spare.pem"
script = {"signers": {f"{g}/{i}": f"keys/{g}-{i}.key" for g in names for i in (1, 2, 3)}}
consent = {
    "controller": "Garden Compound residents' committee", "purpose": "entry to the compound",
    "scopes": ["verify", "identify", "off_device_storage"],
    "notice": {"digest": hashlib.sha256(b"notice of the rehearsal").hexdigest(), "version": "1"},
    "given_at": "2026-01-20T09:00:00Z", "means": "signed form",
    "evidence": hashlib.sha256(b"form of the rehearsal").hexdigest(), "until": "2035-12-31", "minor": False,
}
for name, value in {"plan": plan, "script": script, "consent": consent}.items():
    with open(f"{folder}/{name}.json", "w", encoding="utf-8") as f:
        json.dump(value, f, indent=1)
