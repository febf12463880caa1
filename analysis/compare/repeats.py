"""How sure the runs can be: a permutation test over whole runs.

Runs, not requests, are what can be exchanged: requests of one run share its cause.  The
figure is the share of all ways of dealing the runs out to the two sides, in which their
outcomes are at least as far apart (Fisher's exact test, two-sided).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

from analysis.knowledge import threshold
from analysis.model.comparison import Certainty
from analysis.model.figures import Percent
from analysis.model.message import say


def certainty(baseline: Sequence[bool], suspect: Sequence[bool]) -> Certainty:
    """`baseline` and `suspect` tell for each run whether it has the outcome in question."""
    ours, theirs = len(baseline), len(suspect)
    if ours == theirs == 1:
        return Certainty(
            1,
            1,
            None,
            say(
                "One pair: whatever else changed between the two runs may be the cause. "
                "Repeat with "
                "that factor alone switched back; two agreeing changes of one factor confirm it."
            ),
        )
    p = _fisher(sum(baseline), ours, sum(suspect), theirs)
    if p <= threshold("compare_chance"):
        sentence = say(
            "{ours} and {theirs} runs: chance alone would part them like this in {p} of all cases.",
            ours=ours,
            theirs=theirs,
            p=Percent(p, 1),
        )
    else:
        sentence = say(
            "{ours} and {theirs} runs: chance alone would part them like this in {p} of all cases, "
            "which is too often to exclude it. Record more of each side.",
            ours=ours,
            theirs=theirs,
            p=Percent(p),
        )
    return Certainty(ours, theirs, p, sentence)


def _fisher(one: int, ours: int, other: int, theirs: int) -> float:
    """Two-sided p of `one` of `ours` runs against `other` of `theirs`."""
    having, runs = one + other, ours + theirs
    ways = {
        count: comb(ours, count) * comb(theirs, having - count)
        for count in range(max(0, having - theirs), min(ours, having) + 1)
    }
    seen = ways[one]
    return sum(way for way in ways.values() if way <= seen) / comb(runs, having)
