#!/usr/bin/python3
"""P7: the time of an answer does not tell near misses from far ones, nor a person over the budget from a stranger.

Three pairs of questions, 300 answers a kind, asked in turns over one connection so that whatever the machine does meets both kinds alike.
Compared by rank (Mann-Whitney): of the 90,000 pairs of answers, the share in which the one kind came later. It is 1/2 if time says
nothing; its standard deviation is then 0.024 with 300 answers a kind. The bound is 0.5 +- 0.12, five of these. A machine on which
two kinds of the very same question differ by more than that is too noisy, and the suite is skipped. The test can fail: an
answer that waits one tick longer is told apart by it.
"""
import pathlib
import sys
import time

import numpy

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
import p7_attacks as attacks  # noqa: E402
from p7_no_oracle import enrol  # noqa: E402
from vault import AMPLE, Report, Vault, base64_of  # noqa: E402

DIMENSION, THRESHOLD, SAMPLE, BOUND, TICK_S = 64, 0.35, 300, 0.12, 0.008
# A person who has no answers left after one; doors that have all.
PLAN = f"plan['sites'][0]['budgets'] = {{**{AMPLE!r}, 'subject': {{'burst': 1, 'refill_ms': 86400000}}}}"


def share_later(a, b):
    """Of all pairs, how many have the one of `a` later; ties count half."""
    order = numpy.argsort(numpy.concatenate([a, b]), kind="stable")
    rank = numpy.empty(len(order))
    rank[order] = numpy.arange(1, len(order) + 1)
    return (rank[:len(a)].sum() - len(a) * (len(a) + 1) / 2) / (len(a) * len(b))


class Timed:
    def __init__(self, vault):
        self.vault, self.connection = vault, vault.connect("door/1")

    def __call__(self, question):
        call, body = question()
        began = time.perf_counter()
        answer = self.vault.ask("door/1", "POST", f"/v1/sites/main/{call}", body, connection=self.connection)
        took = time.perf_counter() - began
        if answer.status != 200 or answer.json["decision"] != "no_match":
            raise RuntimeError(f"not the answer that is timed: {answer}")
        return took, len(answer.body) - len(str(answer.json["entry"]))

    def pair(self, one, other):
        """(share, sizes of the answers): both kinds in turns, the first of a turn drawn."""
        random, times, sizes = numpy.random.default_rng(3), ([], []), set()
        for _ in range(SAMPLE):
            for kind in random.permutation(2):
                took, size = self((one, other)[kind])
                times[kind].append(took)
                sizes.add(size)
        return share_later(*map(numpy.array, times)), sizes


def verify(who, probe):
    return lambda: ("verify", {"door": "north-gate", "model": "face", "subject": who, "probe": base64_of(probe())})


def identify(probe):
    return lambda: ("identify", {"door": "north-gate", "model": "face", "probe": base64_of(probe())})


def main():
    report, random = Report(), numpy.random.default_rng(11)
    late = share_later(numpy.full(SAMPLE, 2 * TICK_S), random.normal(TICK_S, TICK_S / 8, SAMPLE))
    report.check("the test tells one tick more apart", abs(late - 0.5) > BOUND, f"{late:.3f}")
    with Vault("--small", "--dimension", str(DIMENSION), "--thresholds", f"{int(THRESHOLD * 1e6)},600000", adjust=PLAN) as vault:
        template = attacks.stranger(random, DIMENSION)
        face = attacks.stranger(random, DIMENSION)
        enrol(vault, "used-up", template)
        enrol(vault, "searched", face)
        timed = Timed(vault)
        vault.ask("door/1", "POST", "/v1/sites/main/verify", verify("used-up", lambda: template)()[1])  # the one answer that there is
        near = lambda: attacks.at_cosine(random, face, 0.55)
        far = lambda: attacks.at_cosine(random, face, -0.3)
        own = lambda: attacks.at_cosine(random, template, 0.9)
        same, _ = timed.pair(identify(far), identify(far))
        if abs(same - 0.5) > BOUND:
            report.skip(f"the same question asked twice differs by {same:.3f}: the machine is too noisy to time anything")
            report.end()
        for what, one, other in (("a near miss and a far one, identify", identify(near), identify(far)),
                                 ("a person over the budget and a stranger, verify", verify("used-up", own), verify("nobody", own)),
                                 ("a person over the budget and a stranger, identify", identify(own), identify(far))):
            share, sizes = timed.pair(one, other)
            report.check(f"{what}: the same time", abs(share - 0.5) <= BOUND, f"{share:.3f}")
            report.check(f"{what}: the same size", len(sizes) == 1, sorted(sizes))
    report.end()


if __name__ == "__main__":
    main()
