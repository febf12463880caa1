"""The two sides of a comparison: repeats of one situation, and what they came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.compare.candidate import named
from analysis.compare.runs import Prepared
from analysis.model.comparison import Candidate, Difference, Outcome
from analysis.model.diagnosis import Status
from analysis.model.message import joined, plural, say, some

_RANK = {
    Status.INSUFFICIENT: 0,
    Status.OK: 1,
    Status.IMPAIRED: 2,
    Status.BLOCKED: 3,
    Status.DOWN: 3,
}
_WORDS = {
    Status.OK: say("works"),
    Status.IMPAIRED: say("is impaired"),
    Status.BLOCKED: say("is blocked"),
    Status.DOWN: say("meets a service that is down"),
    Status.INSUFFICIENT: say("carries no verdict"),
}


@dataclass(frozen=True, slots=True)
class Side:
    """Runs with one label."""

    label: str
    runs: tuple[Prepared, ...]

    @property
    def statuses(self) -> list[Status]:
        return [run.run.diagnosis.verdict.status for run in self.runs]

    @property
    def rank(self) -> float:
        """How badly off the user is, on average over the runs."""
        return sum(_RANK[status] for status in self.statuses) / len(self.runs)

    @property
    def unclear(self) -> bool:
        """No run of it carries a verdict."""
        return all(status is Status.INSUFFICIENT for status in self.statuses)

    @property
    def primary(self) -> list[str]:
        """What its verdicts name."""
        names = [run.run.diagnosis.verdict.primary for run in self.runs]
        return list(dict.fromkeys(name for name in names if name))

    @property
    def confidences(self) -> dict[str, float]:
        """Confidence of each finding, the lowest over its runs."""
        found: dict[str, float] = {}
        for run in self.runs:
            for item in run.run.diagnosis.findings:
                found[item.id] = min(found.get(item.id, 1.0), item.confidence)
        return found

    @property
    def state(self) -> str:
        """``works``, or ``works in 2 of 3 runs`` where the runs do not agree."""
        distinct = list(dict.fromkeys(self.statuses))
        if len(distinct) == 1:
            return _WORDS[distinct[0]]
        return some(
            [
                plural(
                    "{state} in {count} of {n} run",
                    "{state} in {count} of {n} runs",
                    len(self.runs),
                    state=_WORDS[status],
                    count=self.statuses.count(status),
                )
                for status in distinct
            ],
            len(distinct),
        )


def sides_of(runs: Sequence[Prepared]) -> list[Side]:
    """Sides by label, in the order in which the labels come."""
    found: dict[str, list[Prepared]] = {}
    for run in runs:
        found.setdefault(run.run.label, []).append(run)
    return [Side(label, tuple(items)) for label, items in found.items()]


def different_sites(baseline: Side, suspect: Side) -> str | None:
    """Why the two cannot be paired, or None: they have no host of ChatGPT in common."""
    one = sorted({name for run in baseline.runs for name in run.hosts})
    other = sorted({name for run in suspect.runs for name in run.hosts})
    if set(one) & set(other):
        return None
    if not one and not other:
        return say("Nothing can be paired: neither capture asks for a host of ChatGPT.")
    ours, theirs = (some(names) or say("none") for names in (one, other))
    return say(
        "Nothing can be paired: the captures have no host of ChatGPT in common (baseline: "
        "{baseline}; suspect: {suspect}).",
        baseline=ours,
        suspect=theirs,
    )


def headline(
    outcome: Outcome,
    baseline: Side,
    suspect: Side,
    differences: Sequence[Difference],
    chosen: Candidate | None,
) -> str:
    """The comparison in one sentence or two."""
    if outcome is Outcome.INSUFFICIENT:
        unclear = [side.label for side in (baseline, suspect) if side.unclear]
        return say(
            "No difference in outcome was seen, but {sides} carries no verdict, so there may "
            "be one.",
            sides=some(unclear),
        )
    if chosen is None:
        same = say("No difference in outcome: {states}.", states=_both(baseline, suspect))
        also = plural(
            "{n} difference beside it changed nothing.",
            "{n} differences beside it changed nothing.",
            len(differences),
        )
        return joined([same, also if differences else ""])
    states = (
        _both(baseline, suspect)
        if baseline.state != suspect.state
        else say(
            "{baseline} and {suspect}: each {state}, but not alike",
            baseline=baseline.label,
            suspect=suspect.label,
            state=baseline.state,
        )
    )
    return say(
        "{states}. Candidate factor: {factor}.", states=states, factor=named(chosen.difference)
    )


def _both(baseline: Side, suspect: Side) -> str:
    if baseline.state == suspect.state:
        return say("each {state}", state=baseline.state)
    return say(
        "{baseline} {state}, {suspect} {other}",
        baseline=baseline.label,
        state=baseline.state,
        suspect=suspect.label,
        other=suspect.state,
    )
