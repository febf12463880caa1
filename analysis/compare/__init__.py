"""The difference of captures: which factor explains that one works and the other does not.

Runs are paired by step (who is asked for what), never by time.  The outcome is
what each diagnosis and each needed step says; the facts that differ are ranked by
layer, those explained by another are marked so, and the lowest that explains the
outcome is the candidate. Source: detection notes 17.
"""

from __future__ import annotations

from collections.abc import Sequence

from analysis.compare.browser import browser_findings
from analysis.compare.candidate import candidate, target_of
from analysis.compare.causes import explain
from analysis.compare.delays import compare_delays
from analysis.compare.differences import Compared, compare_facts
from analysis.compare.repeats import certainty
from analysis.compare.runs import Prepared, prepare
from analysis.compare.sides import Side, different_sites, headline, sides_of
from analysis.knowledge.factors import factors
from analysis.model.comparison import Comparison, DelayPair, Difference, Outcome, Pair, Spread
from analysis.model.diagnosis import Finding
from analysis.model.figures import Number
from analysis.model.message import Message, say

__all__ = ["Prepared", "compare", "prepare"]


def compare(runs: Sequence[Prepared]) -> Comparison:
    """Each side against the first; runs with one label are repeats of one side.

    Raises ValueError for fewer than two sides.
    """
    first, *others = sides_of(runs)
    if not others:
        raise ValueError("a comparison needs two sides")
    diagnosis = runs[0].run.diagnosis
    return Comparison(
        tool_version=diagnosis.tool_version,
        rules_version=diagnosis.rules_version,
        runs=tuple(item.run for item in runs),
        pairs=tuple(_pair(first, other) for other in others),
    )


def _pair(baseline: Side, suspect: Side) -> Pair:
    problem = different_sites(baseline, suspect)
    if problem:
        sure = certainty([False] * len(baseline.runs), [True] * len(suspect.runs))
        return Pair(baseline.label, suspect.label, Outcome.INSUFFICIENT, problem, sure)
    compared = compare_facts(
        [run.facts for run in baseline.runs], [run.facts for run in suspect.runs]
    )
    delays = compare_delays(
        [run.delays for run in baseline.runs], [run.delays for run in suspect.runs]
    )
    compared.differences += [_slower(item) for item in delays if item.claimed]
    compared.differences = explain(compared.differences, compared.kinds)
    return _judged(baseline, suspect, compared, delays)


def _judged(baseline: Side, suspect: Side, compared: Compared, delays: list[DelayPair]) -> Pair:
    turned = (baseline.rank, -compared.balance) > (suspect.rank, 0)
    worse, better = (baseline, suspect) if turned else (suspect, baseline)
    target = target_of(compared.differences, (*worse.primary, *better.primary))
    sure = certainty(*_having(target, baseline, suspect))
    chosen = None
    findings: tuple[Finding, ...] = ()
    if target is not None:
        confidences = {**better.confidences, **worse.confidences}
        chosen = candidate(
            target, compared.differences, compared.kinds, sure, (worse.label, confidences)
        )
        findings = tuple(
            browser_findings(
                compared, frozenset(confidences), suspect_worse=worse.label == suspect.label
            )
        )
    outcome = _outcome(baseline, suspect, target)
    return Pair(
        baseline=baseline.label,
        suspect=suspect.label,
        outcome=outcome,
        headline=headline(outcome, baseline, suspect, compared.differences, chosen),
        certainty=sure,
        candidate=chosen,
        differences=tuple(compared.differences),
        delays=tuple(delays),
        equal=tuple(compared.equal),
        not_compared=tuple(compared.not_compared),
        findings=findings,
    )


def _outcome(baseline: Side, suspect: Side, target: Difference | None) -> Outcome:
    if target is not None:
        return Outcome.DIFFERENT
    if baseline.unclear or suspect.unclear:
        return Outcome.INSUFFICIENT
    return Outcome.SAME


def _having(
    target: Difference | None, baseline: Side, suspect: Side
) -> tuple[list[bool], list[bool]]:
    """For each run of both sides, whether it has the suspect's value of the target."""
    if target is None or target.area == "latency":
        # a delay is claimed only where every run of one side is above every one of the other
        return [False] * len(baseline.runs), [target is not None] * len(suspect.runs)
    key = (target.factor, target.subject)

    def value(run: Prepared) -> str | None:
        return run.facts[key].value if key in run.facts else None

    values = {value(run) for run in suspect.runs}

    def has(run: Prepared) -> bool:
        return value(run) in values

    return [has(run) for run in baseline.runs], [has(run) for run in suspect.runs]


def _median(of: Spread) -> Message:
    return say("{ms} ms (median of {n})", ms=Number(of.median_ms), n=of.n)


def _slower(item: DelayPair) -> Difference:
    one, other = item.baseline, item.suspect
    return Difference(
        factor=item.leg,
        area=factors()[item.leg].area,
        subject="",
        what=item.name,
        baseline=(_median(one),) if one else (),
        suspect=(_median(other),) if other else (),
        outcome=True,
    )
