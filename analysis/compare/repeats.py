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


def certainty(baseline: Sequence[bool], suspect: Sequence[bool]) -> Certainty:
    """`baseline` and `suspect` tell for each run whether it has the outcome in question."""
    ours, theirs = len(baseline), len(suspect)
    if ours == theirs == 1:
        return Certainty(
            1,
            1,
            None,
            "One pair: whatever else changed between the two runs may be the cause. Repeat with "
            "that factor alone switched back; two agreeing changes of one factor confirm it.",
        )
    p = _fisher(sum(baseline), ours, sum(suspect), theirs)
    runs = f"{ours} and {theirs} runs"
    if p <= threshold("compare_chance"):
        sentence = f"{runs}: chance alone would part them like this in {p:.1%} of all cases."
    else:
        sentence = (
            f"{runs}: chance alone would part them like this in {p:.0%} of all cases, which is too "
            "often to exclude it. Record more of each side."
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
