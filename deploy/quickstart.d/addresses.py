"""Puts the addresses that the daemon got into notice.json, and writes demo.json: addresses.py DIR TOKEN_URI."""
import json
import sys

folder, token_uri = sys.argv[1:3]
with open(f"{folder}/ready", encoding="utf-8") as f:
    ready = json.loads(f.read())
with open(f"{folder}/notice.json", encoding="utf-8") as f:
    notice = json.load(f)
with open(f"{folder}/plan.json", encoding="utf-8") as f:
    plan = json.load(f)
notice["api"] = ready["main"]
notice["public"] = ready["public"]
with open(f"{folder}/notice.json", "w", encoding="utf-8") as f:
    json.dump(notice, f, indent=1)


def principal(ident, role, name, groups):
    return {"id": ident, "role": role, "groups": groups,
            "certificate": f"{folder}/keys/{name}.crt", "key": f"{folder}/keys/{name}.key"}


principals = [principal(f"{g['id']}/{i}", "custodian", f"{g['id']}-{i}", [g["id"]])
              for g in plan["groups"] for i in range(1, len(g["custodians"]) + 1)]
principals += [principal("operator/1", "operator", "operator-1", []), principal("door/1", "door", "door-1", []),
               principal("door/2", "door", "door-2", []), principal("auditor/1", "auditor", "auditor-1", [])]
shares = [{"holder": f"{g['id']}/{i}", "file": f"{folder}/cards/{g['id']}-{i}.share"}
          for g in plan["groups"] for i in range(1, len(g["custodians"]) + 1)]
demo = {"api": notice["api"], "public": notice["public"], "vkey": notice["vkey"], "server_key": notice["server_key"],
        "site": "main", "model": "face", "door": "north-gate", "dimension": plan["models"][0]["dimension"],
        "vault": notice["vault"], "notice": f"{folder}/notice.json", "consent": f"{folder}/consent.json",
        "data": f"{folder}/data", "config": f"{folder}/facekeepd.toml", "log": f"{folder}/facekeepd.log",
        "principals": principals, "shares": shares, "token": {"uri": token_uri, "pin_file": f"{folder}/token-pin"}}
with open(f"{folder}/demo.json", "w", encoding="utf-8") as f:
    json.dump(demo, f, indent=1)
