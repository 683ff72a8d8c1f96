"""FORMAT.md section 5a, "Actions": what a proposal asks for, read strictly, and what it makes of `current`."""
import copy

from .canonical import Bad, Fields
from .budgets import as_strict, of_site
from .exports import check_export, read_recipient
from .genesis import (ACTIONS, check_body, check_rules, read_budgets, read_door, read_each, read_model, read_principal, read_rules, read_site,
                      read_sub, read_witnesses)
from .keys import change_spare, read_reshare, read_spare, reshare
from .tickets import narrows as narrows_ticket, read_policy as read_ticket, set_ticket


def _must(good, why):
    if not good:
        raise Bad(why)


def _by_id(items, wanted, what):
    found = [i for i, item in enumerate(items) if item["id"] == wanted]
    _must(found, f"the {what} {wanted} does not exist")
    return found[0]


def _door_at(f):
    f.slug("site"), read_door(f)


def _read_registration(f):
    read_each(f, "doors", 1000, _door_at), read_each(f, "principals", 1000, read_principal)


def _register(g, a):
    _must(a["doors"] or a["principals"], "the action registers nothing")
    for door in a["doors"]:
        doors = g["sites"][_by_id(g["sites"], door["site"], "site")]["doors"]
        doors.append({"class": door["class"], "id": door["id"]})
        _must(len(doors) <= 1000, "a site would have too many doors")
    known = {p["id"]: i for i, p in enumerate(g["principals"])}
    for p in a["principals"]:
        _must(p["role"] != "custodian", "a custodian is changed by an action of its own")
        at = known.setdefault(p["id"], len(g["principals"]))
        if at == len(g["principals"]):
            g["principals"].append(p)
        else:
            _must(g["principals"][at]["role"] == p["role"], f"{p['id']} is registered in another role")
            g["principals"][at] = p
    _must(len(g["principals"]) <= 1000, "the vault would have too many principals")


def _change_custodian(g, a):
    at = _by_id(g["principals"], a["custodian"]["id"], "custodian")
    _must(g["principals"][at]["role"] == a["custodian"]["role"] == "custodian", "it is no custodian")
    g["principals"][at] = a["custodian"]


def _change_rules(g, a):
    _must(a["rules"], "the action changes no rule")
    _set_rules(g, a)


def _reshare(g, a):
    reshare(g, a)
    _set_rules(g, a)


def _set_rules(g, a):
    for name, rule in a["rules"].items():
        _must(name in ACTIONS, f"there is no class of actions called {name}")
        _must(rule["delay_s"] < rule["lifetime_s"], "a delay that the lifetime never lets pass")
        g["rules"][name] = rule


def _set(part, *fields):
    """The action's values of `fields`, set in the item of `part`s that it names."""
    def run(g, a):
        g[part + "s"][_by_id(g[part + "s"], a[part], part)].update({key: a[key] for key in fields})
    return run


def _read_policy(f):
    f.slug("site"), f.int("access_log_days", 1, 3660), f.int("erase_daily", 0, 100_000)
    if f.has("signed_probes"):
        f.one_of("signed_probes", ("required", "optional"))
    if f.has("min_pad"):
        f.int("min_pad", 0, 3)
    if f.has("budgets"):
        read_sub(f, "budgets", read_budgets)


def _change_policy(g, a):
    _set("site", *(key for key in ("access_log_days", "erase_daily", "budgets") if key in a))(g, a)
    site = g["sites"][_by_id(g["sites"], a["site"], "site")]
    for key, usual in (("signed_probes", "optional"), ("min_pad", 0)):
        site[key] = a.get(key, site.get(key, usual))
        if site[key] == usual:
            del site[key]


def _asks_no_less(a, site):
    return (a.get("min_pad", 3) >= site.get("min_pad", 0) and
            not (a.get("signed_probes") == "optional" and site.get("signed_probes") == "required") and
            ("budgets" not in a or as_strict(a["budgets"], of_site(site))))


def _add(part, limit):
    def run(g, a):
        _must(len(g[part + "s"]) < limit, f"the vault would have too many {part}s")
        # A site has its key's check from `proposal-done`; until then any will do.
        g[part + "s"].append({**a[part], "epoch": 1, "check": "00" * 32} if part == "site" else a[part])
    return run


def _change_witnesses(g, a):
    g.pop("witnesses", None)
    if "witnesses" in a:
        g["witnesses"] = a["witnesses"]


def _set_rotation(g, a):
    _must(a["days"] != g.get("rotate_days", 0), "the schedule of rotations is so already")
    g.pop("rotate_days", None)
    if a["days"]:
        g["rotate_days"] = a["days"]


def _read_export(f):
    f.slug("site"), f.int("max_subjects", 1, 100_000)
    if f.has("subjects"):
        f.hex("subjects", 32)
    if f.one_of("basis", ("consent", "change-of-processor", "legal-order")) == "legal-order":
        f.hex("legal_order", 32)
    read_each(f, "recipients", 8, read_recipient)


# kind -> class of its rule, reader, effect
KINDS = {
    "register-principals": ("principal", _read_registration, _register),
    "change-custodian": ("custodian", lambda f: read_sub(f, "custodian", read_principal), _change_custodian),
    "change-rules": ("rule", read_rules, _change_rules),
    "change-thresholds": ("threshold", lambda f: (f.slug("model"), f.int("verify_threshold", -1_000_000, 1_000_000),
                                                  f.int("identify_threshold", -1_000_000, 1_000_000)),
                          _set("model", "verify_threshold", "identify_threshold")),
    "add-model": ("model", lambda f: read_sub(f, "model", read_model), _add("model", 200)),
    "change-reveal": ("reveal", lambda f: (f.slug("site"), f.bool("hide_subject")), _set("site", "hide_subject")),
    "open-site": ("site", lambda f: read_sub(f, "site", lambda s: read_site(s, False)), _add("site", 64)),
    "change-policy": ("policy", _read_policy, _change_policy),
    "change-witnesses": ("witness", lambda f: read_sub(f, "witnesses", read_witnesses) if f.has("witnesses") else None,
                         _change_witnesses),
    "export": ("export", _read_export, check_export),
    "rotate-keys": ("rotate", read_spare, change_spare),
    "reshare": ("reshare", read_reshare, _reshare),
    "rotation-policy": ("rotate", lambda f: f.int("days", 0, 3650), _set_rotation),
    "rotate-log-key": ("rotate", lambda f: None, lambda g, a: None),
    "confirm-subjects": ("restore", lambda f: f.slug("site"), lambda g, a: _by_id(g["sites"], a["site"], "site")),
    "restart-ticket": ("ticket", lambda f: read_sub(f, "ticket", read_ticket) if f.has("ticket") else None, set_ticket),
    "cancel-erasures": ("cancel", lambda f: f.slug("site"), lambda g, a: _by_id(g["sites"], a["site"], "site")),
}


def read_action(f):
    """The field `action` of a body."""
    action = Fields(f.object("action"), "action")
    kind = action.one_of("kind", KINDS)
    KINDS[kind][1](action)
    action.end()


def apply_action(current, action, day):
    """`current` after the action; Bad if it can't be."""
    out = copy.deepcopy(current)
    KINDS[action["kind"]][2](out, action)
    check_body(out)
    check_rules(out, lambda p: p.get("until", day) >= day)
    for group in out["groups"]:
        left = _cards_held(out, group, day)
        fewer = out["unseal_key"] != current["unseal_key"] or left < _cards_held(current, group, day)
        _must(left >= group["threshold"] or not fewer, f"too few cards of {group['id']} with somebody whose end date has not passed")
    return out


def _cards_held(g, group, day):
    people = {p["id"] for p in g["principals"] if p["role"] == "custodian" and p.get("until", day) >= day}
    return sum(any(f"{group['id']}/{h}" in people for h in card["holders"]) for card in group["shares"])


def is_as_strict(rule, base):
    return (all(rule["groups"].get(group, 0) >= n for group, n in base["groups"].items()) and rule["delay_s"] >= base["delay_s"] and
            rule["lifetime_s"] <= base["lifetime_s"] and rule.get("uses", 1) <= base.get("uses", 1))


def _narrows(current, a):
    if a["kind"] == "change-rules":
        for name, rule in a["rules"].items():
            base = current["rules"].get(name)
            if not base or name == "cancel" or not is_as_strict(rule, base) or rule["lifetime_s"] != base["lifetime_s"]:
                return False
            if rule["delay_s"] > max(base["delay_s"], base["lifetime_s"] // 2):
                return False
        return True
    if a["kind"] == "change-reveal":
        return a["hide_subject"]
    if a["kind"] == "restart-ticket":
        return narrows_ticket(current, a)
    fields = {"change-thresholds": ("model", -1, "verify_threshold", "identify_threshold"),
              "change-policy": ("site", 1, "access_log_days", "erase_daily")}.get(a["kind"])
    if not fields:
        return False
    part, sign, *keys = fields
    items = [item for item in current[part + "s"] if item["id"] == a[part]]
    return bool(items) and all(sign * a[key] <= sign * items[0][key] for key in keys) and (part != "site" or _asks_no_less(a, items[0]))


def check_tightening(current, action):
    _must(_narrows(current, action), "it narrows nothing, or widens something")
    out = copy.deepcopy(current)
    KINDS[action["kind"]][2](out, action)
    _must(out != current, "it changes nothing")


def principals_in(action):
    """The ids that it names: a revocation of one unsettles the proposal."""
    people = action.get("principals", []) + action.get("custodians", []) + ([action["custodian"]] if "custodian" in action else [])
    return {p["id"] for p in people}
