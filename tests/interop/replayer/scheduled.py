"""A made-up log with a schedule of rotations, and erasures whose receipts are dated by it: `python3 -m replayer.scheduled FOLDER`."""
import sys

from . import keys
from .council import BOTH, DAY, MINUTE, SPARE, Council, new_keys, write_with_digests
from .state import State
from .synthetic import Log, genesis, some_hex, start_daemon, unseal


def policy(days):
    return {"kind": "rotation-policy", "days": days}


class Vault:
    """The log, and the state behind it, which says what a receipt has to promise."""

    def __init__(self):
        self.log = Log()
        self.log.add("genesis", genesis())
        start_daemon(self.log)
        unseal(self.log)
        self.council = Council(self.log)

    def enrol(self, *numbers):
        for n in numbers:
            self.log.add("enrolled", {"by": "operator/1", "consent": some_hex(f"consent {n}"), "record": some_hex(f"record {n}"),
                                      "ref": some_hex(f"ref {n}", 16), "site": "main", "slot": 10 + n, "until": "2030-12-31"})

    def erase(self, n, horizon, after_ms=DAY):
        body = {"by": "operator/1", "reason": "operator", "ref": some_hex(f"ref {n}", 16), "site": "main"}
        self.log.add("erased", {**body, **({"horizon": horizon} if horizon else {})}, after_ms)

    def promised(self, n):
        """What the state says of this person now, by the fold of FORMAT.md."""
        state = State()
        for item in self.log.items:
            state.apply(item.event)
        return state._horizon(some_hex(f"ref {n}", 16))

    def rotate(self, epoch, **spare):
        self.council.decide("property/1", {"kind": "rotate-keys", **spare}, *BOTH, keys=new_keys(epoch, ("annex", "main")))


def live():
    v = Vault()
    v.enrol(*range(8))
    v.erase(0, None)  # as programs did that wrote no horizon
    v.erase(1, v.promised(1))
    v.council.decide("property/1", policy(365), *BOTH)
    v.erase(2, v.promised(2))
    v.council.decide("residents/2", policy(90), *BOTH)
    v.erase(3, v.promised(3))
    v.rotate(2, spare=SPARE)
    v.erase(4, v.promised(4))  # still under the old keys
    v.log.add("rewrapped", {"epoch": 2, "root": some_hex("batch"), "upto": keys.LAST_REF}, MINUTE)
    v.erase(5, v.promised(5))
    v.log.add("keys-retired", {"epoch": 1}, MINUTE)
    v.council.decide("residents/1", policy(0), *BOTH)
    v.erase(6, v.promised(6))
    v.council.decide("property/2", policy(3650), *BOTH)
    v.log.add("sealed", {"by": "residents/2", "reason": "request"})
    start_daemon(v.log, same_daemon=True)
    return v.log


if __name__ == "__main__":
    write_with_digests(live(), sys.argv[1])
