"""How long each leg of the way takes on both sides, and when a difference is more than noise.

A difference is claimed only with enough measurements of each side, medians far apart in
milliseconds and in proportion, and nearly every measurement of one side above nearly
every one of the other (the share of pairs, as in the Mann-Whitney test).  The first part of a
streamed answer is given and never claimed: it is the model's own time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from statistics import median

import pandas as pd

from analysis.detect.delay import budgets
from analysis.detect.path_answers import fronted
from analysis.detect.support import of_service, percentile, where
from analysis.knowledge import threshold
from analysis.knowledge.factors import factors
from analysis.model.comparison import DelayPair, Spread
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import say

LEGS = ("delay.lookup", "delay.near", "delay.far", "delay.answer", "delay.first")
MAX_MEASURED = 2000
_API = ("/backend-api/", "/api/", "/public-api/", "/v1/")
_LEAST_MS = {
    "delay.lookup": "dns_slow_ms",
    "delay.near": "compare_delay_ms",
    "delay.far": "compare_delay_ms",
    "delay.answer": "compare_answer_ms",
}


def measured(tables: Tables) -> dict[str, list[float]]:
    """Milliseconds of each leg, at most `MAX_MEASURED` of each."""
    found: dict[str, list[float]] = {name: [] for name in LEGS}
    dns = where(tables["dns"], "qname", of_service)
    if len(dns):
        found["delay.lookup"] = _floats(dns["latency_ms"])
    for budget in budgets(tables):
        found["delay.near"] += [leg.near_ms for leg in budget.legs]
        found["delay.far"] += [leg.far_ms for leg in budget.legs]
    http = where(tables["http"], "host", fronted)
    if len(http):
        calls = http[http["path"].fillna("").str.startswith(_API) & http["upgrade"].isna()]
        calls = calls[(calls["content_type"] != "text/event-stream").fillna(True)]
        calls = calls[calls["status"].between(200, 299).fillna(False)]
        found["delay.answer"] = _floats(calls["ttfb_ms"])
    sse = where(tables["sse"], "host", of_service)
    if len(sse):
        found["delay.first"] = [round(value, -1) for value in _floats(sse["ttft_ms"])]
    return {name: values[:MAX_MEASURED] for name, values in found.items()}


def _floats(column: pd.Series) -> list[float]:
    values = [float(value) for value in column.dropna()]
    return [value for value in values if 0 <= value < float("inf")]


def compare_delays(
    baseline: Sequence[dict[str, list[float]]], suspect: Sequence[dict[str, list[float]]]
) -> list[DelayPair]:
    """Each leg that one side measured. With repeats every run must agree, not only the sum."""
    pairs = []
    for leg in LEGS:
        ours = [run[leg] for run in baseline]
        theirs = [run[leg] for run in suspect]
        one, other = [v for run in ours for v in run], [v for run in theirs for v in run]
        if not one and not other:
            continue
        claimed, note = _judge(leg, one, other)
        if claimed and not _steady([run for run in ours if run], [run for run in theirs if run]):
            claimed, note = False, say("the runs of one side do not agree")
        pairs.append(
            DelayPair(leg, factors()[leg].what, _spread(one), _spread(other), claimed, note)
        )
    return pairs


def _judge(leg: str, one: list[float], other: list[float]) -> tuple[bool, str]:
    if not one or not other:
        if other:
            return False, say("measured in the suspect only")
        return False, say("measured in the baseline only")
    least = threshold("leg_connections")
    if min(len(one), len(other)) < least:
        return False, say("fewer than {n} measurements: cannot be told from chance", n=round(least))
    if leg not in _LEAST_MS:
        return False, say("the model's own time: never claimed")
    low, high = sorted((median(one), median(other)))
    if high - low < threshold(_LEAST_MS[leg]) or high < threshold("compare_delay_ratio") * low:
        return False, say("within the noise")
    share = _share_above(one, other)
    if max(share, 1 - share) < threshold("compare_delay_share"):
        return False, say("the measurements of both sides overlap")
    apart = Number(high - low)
    if median(other) > median(one):
        return True, say("the suspect is slower by {ms} ms", ms=apart)
    return True, say("the suspect is faster by {ms} ms", ms=apart)


def _share_above(one: list[float], other: list[float]) -> float:
    """Share of all pairs in which `other` is greater; ties count half."""
    ordered = sorted(one)
    above = sum(bisect_left(ordered, value) + bisect_right(ordered, value) for value in other)
    return above / (2 * len(one) * len(other))


def _steady(ours: list[list[float]], theirs: list[list[float]]) -> bool:
    one, other = [median(run) for run in ours], [median(run) for run in theirs]
    return max(one) < min(other) or max(other) < min(one)


def _spread(values: list[float]) -> Spread | None:
    if not values:
        return None
    return Spread(
        median(values),
        percentile(values, 0.25),
        percentile(values, 0.75),
        percentile(values, 0.95),
        len(values),
    )
