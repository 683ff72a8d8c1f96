"""FORMAT.md section 5a, "Restart tickets": the policy, the events, and what the state keeps of them."""
from . import sshsig
from .canonical import Bad, canonical, format_time, is_slug, parse_time
from .tree import sha256

HOUR_MS = 3600 * 1000
ENDS = ("expired", "seal", "program", "withdrawn", "keys", "renewed")


def _must(good, why):
    if not good:
        raise Bad(why)


# The policy.

def read_policy(f):
    f.int("hours", 1, 168)
    if f.has("unattended"):
        _must(f.bool("unattended"), "unattended is there and not true")
    box = type(f)(f.object("box"), "box")
    box.slug("group"), box.text("key", 2048), box.slug("name"), box.text("url", 256)
    box.end()


def check_policy(g, is_prefix_url):
    """`g["ticket"]` beside the rest of `g`."""
    policy = g["ticket"]
    box = policy["box"]
    _must(1 <= policy["hours"] <= 168 and is_slug(box["name"]), "a restart ticket of no hours, or of no box")
    _must(is_prefix_url(box["url"]), "the box has a URL that is not https://address[:port][/path]")
    key = sshsig.Key.from_text(box["key"])
    _must(not key.application, "the box has a security key")
    _must(len(g["groups"]) >= 2 and box["group"] in [x["id"] for x in g["groups"]], "the box is of no group, or of the only one")
    pin = sha256(key.spki).hex()
    _must(pin not in [g["server_key"], *(p["key"] for p in g["principals"])], "the box has somebody else's key")


def set_ticket(g, a):
    g.pop("ticket", None)
    if "ticket" in a:
        g["ticket"] = a["ticket"]


def narrows(current, a):
    now, then = current.get("ticket"), a.get("ticket")
    return bool(now) and (not then or (then["box"] == now["box"] and then["hours"] <= now["hours"] and
                                       then.get("unattended", False) <= now.get("unattended", False)))


# Events.

def read_made(f):
    f.time("expires"), f.int("expires_clock", 0, 2**53 - 1), f.hex("half", 32), f.int("number", 1, 2**32 - 1)
    f.hex("opens_to", 32), f.hex("program", 32), f.int("unsealed", 0, 2**53 - 1)


def read_used(f):
    f.principal("by"), f.int("number", 1, 2**32 - 1), f.text("signature", 4096), f.time("time")


def read_ended(f):
    f.int("number", 1, 2**32 - 1), f.one_of("reason", ENDS)


class Tickets:
    """The part of the state that is about restart tickets."""

    def __init__(self):
        self.opened, self.ticket, self.tickets, self.started = None, None, 0, None

    def _end_ticket(self, reason):
        self.opened = None
        if self.ticket:
            self.ticket.setdefault("over", reason)

    # What other events do to it.

    def _ticket_start(self, body):
        if self.ticket and self.ticket["made"]["program"] != body["program"]:
            self._end_ticket("program")
        self.opened, self.started = None, body

    def _ticket_unsealed(self, time, now):
        self._end_ticket("renewed")
        if "ticket" in self.current:
            self.opened = self.size, max(time, self.public_latest), now

    def _ticket_sealed(self, body):
        if body["by"] != "daemon" or body["reason"] != "shutdown":
            self._end_ticket("seal")
        self.opened = None

    def _ticket_change(self, after, keys=False):
        """`current` is still as before."""
        if after.get("ticket") != self.current.get("ticket"):
            self._end_ticket("withdrawn")
        if keys and self.ticket:
            self.ticket.setdefault("over", "keys")

    # Its own events.

    def _why_over(self, time, now):
        if "over" in self.ticket:
            return self.ticket["over"]
        made = self.ticket["made"]
        return "expired" if max(time, self.public_latest) >= parse_time(made["expires"]) or now >= made["expires_clock"] else None

    def _ticket_made(self, body, time, now):
        policy = self.current.get("ticket")
        _must(policy and self.opened and not self.ticket, "a restart ticket without a policy, an opening by cards, or the end of the one before")
        entry, at_time, at_clock = self.opened
        lasts = policy["hours"] * HOUR_MS
        want = {"number": self.tickets + 1, "unsealed": entry, "program": self.started["program"],
                "expires": format_time(at_time + lasts), "expires_clock": at_clock + lasts}
        _must(all(body[key] == value for key, value in want.items()), "a restart ticket of another number, opening, program or time")
        _must(max(time, self.public_latest) < at_time + lasts and now < at_clock + lasts, "a restart ticket whose time is over")
        self.ticket = {"entry": self.size, "made": body, "policy": policy, "uses": 0}
        self.tickets, self.opened = self.tickets + 1, None

    def _ticket_used(self, body, time, now):
        _must(self.ticket and not self._why_over(time, now), "the use of a restart ticket that is over, or was not made")
        made, policy = self.ticket["made"], self.ticket["policy"]
        _must(self.started["program"] == made["program"], "a restart ticket used by another program")
        _must(body["number"] == made["number"] and parse_time(body["time"]) < parse_time(made["expires"]), "a confirmation of another ticket, or too late")
        by, key = body["by"], policy["box"]["key"]
        if by == "box":
            _must(policy.get("unattended"), "a restart that nobody confirmed")
        else:
            self._must_count(by, time, now)
            _must(by.split("/")[0] == policy["box"]["group"], "a restart confirmed by somebody of another group than the box's")
            key = self.principals[by]["approval_key"]
        statement = canonical({"number": made["number"], "program": self.started["program"], "start": self.start, "time": body["time"],
                               "unseal_to": self.started["unseal_to"], "v": 1, "vault": self.genesis["vault"], "verb": "restart"})
        sshsig.verify(body["signature"], key, "facekeep-restart", statement)
        self.ticket["uses"] += 1
        self._clear_shares()

    def _ticket_ended(self, body, time, now):
        good = self.ticket and self.ticket["made"]["number"] == body["number"] and self._why_over(time, now) == body["reason"]
        _must(good, "the end of a restart ticket that is not there, or did not end so")
        self.ticket = None

    def _ticket_lines(self):
        if self.opened:
            entry, time, clock = self.opened
            yield f"opened-by-cards {entry} {format_time(time)} {clock}"
        if self.tickets:
            yield f"tickets {self.tickets}"
        if self.ticket:
            yield "ticket " + canonical(self.ticket).decode()
