#!/usr/bin/python3
"""The golden logs of every version, replayed by the second replayer: the digests of their time, entry by entry.

And that replayer knows every type of event and kind of sum that the daemon's own reader knows (tests/snapshots/event_types.txt).
"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
from replayer.actions import KINDS  # noqa: E402
from replayer.events import SUMS, TYPES  # noqa: E402
from replayer.proposals import STAGES  # noqa: E402
from replayer.replay import Replay  # noqa: E402
from vault import Report  # noqa: E402



class Seen:
    """The digests of one log, and what its proposals went through."""

    kinds, stages = set(), set()  # of all logs

    def __init__(self):
        self.digests = {}

    def __call__(self, n, state):
        self.digests[n + 1] = state.digest().hex()
        for p in state.proposals.values():
            Seen.kinds.add(p["made"]["action"]["kind"])
            Seen.stages |= {p["stage"], state.stage_at(p, state.latest, state.clock)}


report = Report()
logs = sorted(p for p in (HERE.parent / "golden").iterdir() if p.is_dir())
report.check("there are golden logs", logs, len(logs))
for folder in logs:
    seen = Seen()
    found = Replay(folder, each=seen).run()
    # Only v4 has what a person must look at: the entries that its log has lost.
    expected = ["warning"] if folder.name == "v4" else []
    report.check(f"{folder.name}: nothing found", [f["severity"] for f in found.findings] == expected, found.findings[:3] or "")
    expected = dict(line.split() for line in (folder / "digests").read_text().splitlines())
    report.check(f"{folder.name}: a digest for each entry", len(expected) == found.size, found.size)
    wrong = [n for n in range(1, found.size + 1) if seen.digests.get(n) != expected.get(str(n))]
    report.check(f"{folder.name}: the same digests", not wrong, f"first at {wrong[0]}" if wrong else "")
report.check("every kind of action is in a golden log", Seen.kinds == set(KINDS), sorted(set(KINDS) - Seen.kinds) or "")
stages = {*STAGES, "done", "vetoed", "withdrawn", "expired"}
report.check("every stage of a proposal is in a golden log", Seen.stages == stages, sorted(stages - Seen.stages) or "")
theirs = set((HERE.parent / "snapshots/event_types.txt").read_text().splitlines())
ours = {f"{row[0]} {kind}" for kind, row in TYPES.items()} | {f"sum {kind}" for kind in SUMS}
report.check("both replayers know the same events", ours == theirs, sorted(ours ^ theirs) or "")
report.end()
