"""What a random walk (fold_walk_test.py) does to cards, keys, tickets and tokens."""
from replayer import council, handover, keys
from replayer.canonical import DAY_MS, format_time
from replayer.synthetic import INSIDE, some_hex, vkey

PEOPLE = [f"{group}/{n}" for group in ("property", "residents") for n in (1, 2, 3)]
CLASSES = ("export", "rule", "custodian", "principal", "policy", "reveal", "cancel", "rotate", "reshare", "restore", "ticket")
REFS = [some_hex(f"ref {n}", 16) for n in range(12)]


class Ceremonies:
    """Of a Walk, which has `random`, `state`, `keys`, `genesis` and the rest of the walk."""

    def hand_in(self):
        """As many cards of each group as open the vault; now and then of the set before, which does while a re-share's are untried."""
        rotation = self.state.rotation or {}
        before = {"before": True} if self.random.random() < (0.5 if rotation.get("untried") else 0.02) else {}
        groups, cards = rotation.get("before") if before else self.state.groups.values(), []
        for g in groups or ():
            holders = [(f"{g['id']}/{card['holders'][0]}", n) for n, card in enumerate(g["shares"], 1)]
            there = [x for x in holders if before or self.state._counts(x[0], self.wall, self.state.base + self.uptime)]
            cards += [(by, g["id"], n) for by, n in there[:g["threshold"]]]
        for by, group, n in cards:
            self.offer("unseal-share", {"by": by, "group": group, "share": n, **before})
        self.offer("unsealed", {"by": sorted(f"{group}/{n}" for _, group, n in cards), **before})

    def make_ticket(self):
        odd = self.random.choice(({}, {}, {}, {}, {"number": self.state.tickets + 2}, {"program": some_hex("q")}, {"unsealed": self.state.size},
                                  {"expires": format_time(self.wall + DAY_MS)}, {"expires_clock": 1}))
        self.offer("ticket-made", {**council.ticket_made(self.state), **odd})

    def use_ticket(self):
        """By a person of the box's group, or not; by the box; for this start, or another."""
        pick, ticket = self.random.choice, self.state.ticket
        group = ticket["policy"]["box"]["group"]
        by = pick([who for who in PEOPLE if who.startswith(group)] * 3 + PEOPLE + ["box"] * 3)
        key = "box" if by == "box" else self.key_of(by) if by in self.state.principals else by
        odd = pick(({}, {}, {}, {}, {}, {"start": self.state.start - 1}, {"unseal_to": some_hex("mine")}, {"verb": "approve"}))
        number = ticket["made"]["number"] - (self.random.random() < 0.05 and ticket["made"]["number"] > 1)
        time = self.wall if self.random.random() < 0.95 else self.wall + 200 * 3_600_000
        self.offer("ticket-used", council.ticket_used(self.state, by, time, number, key if self.random.random() < 0.95 else "box", **odd))

    def end_ticket(self):
        ticket = self.state.ticket
        number = ticket["made"]["number"] if ticket else max(1, self.state.tickets)
        why = ticket and self.state._why_over(self.wall, self.state.base + self.uptime)
        reason = why if why and self.random.random() < 0.9 else self.random.choice(("expired", "seal", "program", "withdrawn", "keys", "renewed"))
        self.offer("ticket-ended", {"number": number, "reason": reason})

    def ticket(self):
        odd = self.random.random() < 0.1
        more = {"unattended": True} if self.random.random() < 0.4 else {}
        out = council.ticket_policy(self.random.choice((1, 24, 168, 168, 168)), "nobody" if odd else self.random.choice(("property", "residents")), **more)
        return {} if self.random.random() < 0.1 else {"ticket": out}

    def key_of(self, who):
        """The name of the approval key that is registered for the custodian."""
        registered = self.state.principals[who]["approval_key"]
        return next(k for k in self.keys[who] if council.approval_key(k) == registered)

    def reshare(self):
        """Mostly new cards for the same people; now and then something that is not new, or that somebody did not sign."""
        current, odd = self.state.current, self.random.randrange(14)
        people = [p for p in current["principals"] if p["role"] == "custodian"]
        if odd == 11:
            people[0] = {**people[0], self.random.choice(("key", "name")): some_hex("another")}
        if odd == 12:
            people = [{**p, "until": "2026-11-01"} if p["id"].startswith("residents") else p for p in people]
        a = council.new_cards(f"walk {len(self.lines)}", people[:-1] if odd == 0 else people, (current["share_set"] + 1) % 32768)
        if odd == 1:
            a["unseal_key"] = self.random.choice([self.genesis["unseal_key"], current["unseal_key"]])
        if odd == 2:
            a["groups"][0]["shares"][0]["commitment"] = self.random.choice([self.genesis, current])["groups"][1]["shares"][1]["commitment"]
        if odd == 3:
            a["groups"] = a["groups"][:1]
        if odd == 4:
            a["share_set"] = current["share_set"]
        if odd == 5:
            a["groups"][1]["threshold"] = self.random.choice((1, 3))
        if odd in (6, 7):
            a["rules"] = {name: self.rule() for name in self.random.sample(CLASSES, 2)}
        if odd == 8:
            a["spare"] = council.SPARE
        a = council.signed_reshare(self.genesis["vault"], a, self.key_of)
        if odd == 9:
            a["signatures"][2:3] = self.random.choice(([], a["signatures"][:1]))
        if odd == 10:
            a["transcript"] = some_hex("another")
        return a

    def rewrap(self):
        """What follows new keys, and what must not."""
        pick, r = self.random.choice, self.state.rotation
        epoch, upto = self.state.epoch() - (self.random.random() < 0.1), r["upto"] if r else "00" * 16
        if self.random.random() < 0.3:
            epoch = (r["from"] if r else 1) + (self.random.random() < 0.1)
            lost = {"lost": True} if (epoch in self.state.lost_roots) != (self.random.random() < 0.1) else {}
            return self.offer("keys-retired", {"epoch": epoch, **lost})
        further = pick((f"{min(255, int(upto[:2], 16) + self.random.randrange(90)):02x}" * 16, upto, pick(REFS), keys.LAST_REF))
        return self.offer("rewrapped", {"epoch": max(2, epoch), "root": some_hex("batch"), "upto": further})

    def new_keys(self, wanted):
        """Mostly there exactly where they must be, and right."""
        if wanted == (self.random.random() < 0.05):
            return {}
        out = council.new_keys(self.state.epoch() + 1 + (self.random.random() < 0.05), self.state.sites)
        odd = self.random.randrange(40)
        if odd == 0:
            out["checks"].pop("main")
        if odd == 1:
            out["checks"]["main"] = self.state.sites["main"]["check"]
        if odd == 2:
            out["register_check"] = self.state.current["register"]["check"]
        return {"keys": out}

    def log_key(self, wanted):
        """Mostly there exactly where it must be, of the origin in force, and new."""
        if wanted == (self.random.random() < 0.05):
            return {}
        key, origin = f"log {len(self.lines)}", self.state.current["origin"]
        return {"log_key": self.random.choice([vkey(key, origin)] * 8 + [vkey(key, "elsewhere.example"), self.genesis["log_key"]])}

    def recover(self):
        """The token is gone, or entries are; now and then something about it is wrong."""
        pick, odd, state = self.random.choice, self.random.randrange(24), self.state
        kind, key = pick(("lost", "stolen", "broken", "restored")), f"log {len(self.lines)}"
        loss = {"loss": {"origin": f"vault.example/{len(self.lines)}", "newest": {"root": some_hex("newest"), "size": state.size + pick((1, 50, 0))}}}
        loss = loss if kind == "restored" or self.random.random() < 0.2 else {}
        origin = loss["loss"]["origin"] if loss else state.current["origin"]
        body = {"at": {"root": some_hex("root"), "size": state.size - (odd == 0)}, "kind": kind, "log_key": vkey(key, origin), **loss,
                "made": format_time(self.wall - pick((0, 60_000, 7 * DAY_MS, 7 * DAY_MS + 1))),
                "token": {"manufacturer": "test", "model": "test", "serial": "2", "firmware": "1", "class": "paper" if odd == 1 else "software", "log_sign": INSIDE}}
        if (kind != "restored") != (odd == 2):
            body["spare"] = some_hex("another") if odd == 3 else state.current.get("spare_key", some_hex("spare"))
        if odd == 4:
            body["log_key"] = self.genesis["log_key"]
        now = state.clock
        counting = [who for who in sorted(state.principals) if state._counts(who, self.wall, now)]
        people = [who for who in PEOPLE if who in counting or odd == 5]
        if odd == 6:
            people = people[:3]
        signed = handover.sign_recovery(body, self.genesis["vault"], people, self.key_of)
        if odd == 7:
            signed["token"] = {**signed["token"], "serial": "3"}
        self.uptime = 0 if odd != 8 else self.uptime
        if self.offer("recovered", signed):
            self.start()

    def proof(self, kind):
        return {"proof": some_hex("proof")} if (kind in keys.WITH_PROOF) != (self.random.random() < 0.03) else {}
