"""Attacks on a yes/no oracle: what somebody who may only ask "match?" learns of a template. A library, not a suite.

An oracle is a function probe -> True (match), False (no match) or None (no answer of use: refer). Each attack returns its best
guess, a unit vector. What it has found when the oracle ends it is what counts.
"""
import math

import numpy


def unit(v):
    return v / numpy.linalg.norm(v)


def stranger(random, dimension):
    return unit(random.standard_normal(dimension))


def at_cosine(random, v, cosine):
    """A unit vector of that cosine to v: a photo of the person, say."""
    other = stranger(random, len(v))
    return cosine * v + math.sqrt(1 - cosine * cosine) * unit(other - (other @ v) * v)


class Ended(Exception):
    pass


class Asked:
    """Counts; ends the attack at `limit` questions or at the first that is not answered."""

    def __init__(self, oracle, limit):
        self.oracle, self.limit, self.count, self.matches = oracle, limit, 0, 0

    def __call__(self, probe):
        if self.count >= self.limit:
            raise Ended
        self.count += 1
        said = self.oracle(probe)
        if said is None:
            raise Ended
        self.matches += said
        return said


def simulated(template, threshold, answers=None):
    """The vault as an oracle, without it. `answers`: so many are true, the later ones are no matches."""
    left = [math.inf if answers is None else answers]

    def ask(probe):
        left[0] -= 1
        return bool(left[0] >= 0 and probe @ template >= threshold)
    return ask


def walk(ask, start, random, threshold, found):
    """From a point inside: to the border of yes and no, then along the circle in each direction to where the border comes again. On a
    border point b, cos(t) along b cos(x) + u sin(x) is threshold * cos(x) + a sin(x), so that place gives a, the template's part along u.
    """
    dimension = len(start)
    outside = unit(stranger(random, dimension) - start)
    b = border(ask, start, outside, 12)
    found(b)
    basis, _ = numpy.linalg.qr(numpy.column_stack([b, random.standard_normal((dimension, dimension - 1))]))
    estimate = threshold * b
    for u in basis.T[1:]:
        u = u - (u @ b) * b
        low, high = 0.0, math.pi / 2
        if not ask(math.cos(0.05) * b + math.sin(0.05) * u):
            u = -u
        for _ in range(6):
            middle = (low + high) / 2
            if ask(math.cos(middle) * b + math.sin(middle) * u):
                low = middle
            else:
                high = middle
        estimate = estimate + threshold * math.tan((low + high) / 4) * u
        found(unit(estimate))


def border(ask, inside, outside, steps):
    low, high = 0.0, 1.0
    for _ in range(steps):
        middle = (low + high) / 2
        if ask(unit((1 - middle) * inside + middle * outside)):
            low = middle
        else:
            high = middle
    return unit((1 - low) * inside + low * outside)


def from_a_random_start(ask, dimension, random, threshold, found, photo=None):
    for _ in range(100_000):
        start = stranger(random, dimension)
        if ask(start):
            found(start)
            return walk(ask, start, random, threshold, found)
    return None


def from_a_photo(ask, dimension, random, threshold, found, photo=None):
    found(photo)
    walk(ask, photo, random, threshold, found)


def hill_climbing(ask, dimension, random, threshold, found, photo=None, batches=12, batch=50):
    """In batches: mixtures of the best guess and noise at the border, and a step towards those that matched."""
    best = photo
    found(best)
    mix, towards = 0.5, numpy.zeros(dimension)
    for _ in range(batches):
        for _ in range(batch):
            noise = stranger(random, dimension)
            noise = unit(noise - (noise @ best) * best)
            yes = ask(unit(mix * best + math.sqrt(1 - mix * mix) * noise))
            towards = towards + (1 if yes else -1) * noise
            # Half of the mixtures match at the border: there each answer says most.
            mix = min(0.98, max(0.05, mix + (-0.02 if yes else 0.02)))
        step = towards - (towards @ best) * best
        best = unit(best + 0.22 * step / math.sqrt(batch) / 1.6)
        towards = towards * 0.6
        found(best)


def fixed_list(ask, dimension, random, threshold, found, photo=None, probes=600):
    """Not adaptive: the photo mixed with noise; noise of the mixtures that matched leads to the template."""
    found(photo)
    mix, along = threshold / 0.65, numpy.zeros(dimension)
    for _ in range(probes):
        noise = stranger(random, dimension)
        noise = unit(noise - (noise @ photo) * photo)
        along = along + (1 if ask(mix * photo + math.sqrt(1 - mix * mix) * noise) else -1) * noise
        found(unit(0.65 * photo + math.sqrt(1 - 0.65 ** 2) * unit(along)))


def run(attack, oracle, template, seed, threshold, limit, photo=None):
    """(questions, cosine of the last guess to the template, Asked)."""
    asked, guesses = Asked(oracle, limit), []
    try:
        attack(asked, len(template), numpy.random.default_rng(seed), threshold, guesses.append, photo=photo)
    except Ended:
        pass
    return asked.count, float(guesses[-1] @ template) if guesses else 0.0, asked
