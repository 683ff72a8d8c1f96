"""A made-up log whose key changes hands in every way: handed over, put in place by the custodians after the token was lost, and
again after a restore that lost entries. Written as a golden log by tests/golden/make."""
import pathlib
import sys

from . import keys, recovery, sshsig
from .council import BOTH, DAY, MINUTE, SPARE, Council, _rewrap, new_cards, new_custodian, new_keys, signed_reshare, thresholds
from .replay import Replay
from .synthetic import INSIDE, ORIGIN, Log, format_time, genesis, seed, some_hex, start_daemon, unseal, vkey

PEOPLE = [f"{group}/{n}" for group in ("property", "residents") for n in (1, 2, 3)]
QUORUM = "property/1", "property/2", "residents/1", "residents/2"
SITES = "annex", "main"
NEW_ORIGIN = "example.org/made-up-vault-2"


def sign_recovery(body, vault, people=QUORUM, key_of=lambda who: who):
    text = recovery.statement(body, vault)
    signatures = [{"by": by, "signature": sshsig.sign_ed25519(seed(key_of(by)), recovery.NAMESPACE, text)} for by in people]
    return {**body, "signatures": signatures}


def recovered(c, kind, key, loss=None):
    """The body of a recovery behind the log as it stands, not signed."""
    body = {"at": {"root": c.root(), "size": len(c.log.items)}, "kind": kind, "made": format_time(c.log.wall),
            "log_key": vkey(key, loss["origin"] if loss else c.log.key_at(len(c.log.items))[1]),
            "token": {"manufacturer": "test", "model": "test", "serial": some_hex(key)[:8], "firmware": "1", "class": "software", "log_sign": INSIDE}}
    if loss:
        body["loss"] = loss
    if kind != "restored":
        body["spare"] = keys.spare_digest(SPARE)
    return body


def hand_over(c, key, by="property/1"):
    """The key in force signs the next one in."""
    origin = c.log.key_at(len(c.log.items))[1]
    c.decide(by, {"kind": "rotate-log-key"}, *BOTH, log_key=vkey(key, origin))
    c.log.handovers.append((len(c.log.items) - 1, key, origin, False))


def recover(c, kind, key, loss=None, **more):
    """While no daemon runs."""
    body = sign_recovery(recovered(c, kind, key, loss), c.vault, **more)
    c.log.wall, c.log.uptime = c.log.wall + DAY, 0
    entry = c.log.add("recovered", body, 0)
    c.log.handovers.append((entry, key, body["log_key"].split("+")[0], True))
    if loss:
        c.rule = entry
    return entry


def reshare(c, by, name, share_set, epoch, key_of=lambda who: who):
    """New cards for the same people, all keys anew, and the old ones gone with the lost token."""
    action = new_cards(name, [new_custodian(who, key_of(who)) for who in PEOPLE], share_set)
    c.decide(by, signed_reshare(c.vault, action, key_of), *BOTH, keys=new_keys(epoch, SITES))
    _rewrap(c, epoch, "80" * 16)
    c.log.add("sealed", {"by": "residents/3", "reason": "request"}, MINUTE)
    start_daemon(c.log, same_daemon=True)
    unseal(c.log)
    _rewrap(c, epoch, keys.LAST_REF)
    c.log.add("keys-retired", {"epoch": epoch - 1, "lost": True}, MINUTE)


def _people(log):
    for n, site in enumerate(("main", "main", "annex")):
        log.add("enrolled", {"by": "operator/2" if site == "annex" else "operator/1", "consent": some_hex(f"consent {n}"), "record": some_hex(f"record {n}"),
                             "ref": some_hex(f"ref {n}", 16), "site": site, "slot": 10 + n, "until": "2030-12-31"})


def _shut_down(log):
    log.add("sealed", {"by": "daemon", "reason": "shutdown"}, MINUTE)


def change_hands(log_key="log"):
    log = Log(log_key)
    log.add("genesis", genesis(log_key))
    start_daemon(log)
    unseal(log)
    c = Council(log)
    _people(log)
    c.decide("property/1", {"kind": "rotate-keys", "spare": SPARE}, *BOTH, keys=new_keys(2, SITES))
    _rewrap(c, 2, keys.LAST_REF)
    log.add("keys-retired", {"epoch": 1}, MINUTE)
    hand_over(c, "log 2")
    _shut_down(log)
    recover(c, "lost", "log 3")
    # Broken at once, before anybody has opened the vault with it.
    recover(c, "broken", "log 4")
    start_daemon(log)
    unseal(log)
    log.add("erased", {"by": "operator/1", "reason": "operator", "ref": some_hex("ref 0", 16), "site": "main"})
    reshare(c, "residents/1", "second", 8, 3)
    hand_over(c, "log 5", "residents/2")
    # A crash: the log just ends. Two hundred entries behind the backup are lost, and a vote among them.
    open_still = c.propose("residents/2", thresholds(340000, 440000))
    c.approve(open_still, "residents/2")
    lost = {"origin": NEW_ORIGIN, "newest": {"root": some_hex("a tree that is lost"), "size": len(log.items) + 200}}
    recover(c, "restored", "log 6", lost)
    start_daemon(log)
    unseal(log)
    c.approve(open_still, "residents/2")
    log.add("suspended", {"by": "operator/2", "due": format_time(log.wall + 4 * DAY), "reason": "over-allowance", "ref": some_hex("ref 2", 16), "site": "annex"})
    c.decide("property/2", {"kind": "confirm-subjects", "site": "main"}, *BOTH)
    hand_over(c, "log 7")
    _shut_down(log)
    return log


def main(folder):
    """Writes that log as a mirror, with the digest after each entry."""
    log = change_hands()
    log.write(folder)
    digests = []
    Replay(folder, each=lambda n, state: digests.append(f"{n + 1} {state.digest().hex()}\n")).run()
    pathlib.Path(folder, "digests").write_text("".join(digests))


if __name__ == "__main__":
    main(sys.argv[1])
