"""rate.retry_storm: repeated tries make it worse.

One kind of request that mostly fails and is tried again without growing pauses,
or more than 30 times a minute.  A limit that came after the failures, or after requests
at that pace, is of the storm's making, one that was there before is its cause.  Only answers of the
service count: tries that reach nobody are a matter of the path.  Source:
detection notes 11; traffic notes 6.4.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from analysis.detect.error_answers import (
    Key,
    about,
    key_of,
    of_the_service,
    service_exchanges,
    storage,
    told,
)
from analysis.detect.once import once
from analysis.detect.support import (
    Record,
    earned,
    finding,
    flow_evidence,
    ranked,
    records,
)
from analysis.knowledge import hosts, threshold
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say

_COLUMNS = (
    "source",
    "flow",
    "started",
    "method",
    "host",
    "path",
    "status",
    "cf_ray",
    "request_id",
    "server",
    "via",
    "headers",
)


@dataclass(frozen=True, slots=True)
class Storm:
    """Tries of one kind of request that failed, in order of time.

    `began` is when they, or the requests before them at a storm's pace, began.
    """

    key: Key
    failed: tuple[Record, ...]
    began: float
    rate: int
    steady: bool


@once
def storms(tables: Tables) -> list[Storm]:
    http = service_exchanges(tables)
    if http.empty:
        return []
    # a browser's report of a policy or an error tells of something else, once for each
    timed = http[http["started"].notna() & (http["request_dest"] != "report").fillna(True)]
    bad = (timed["status"] >= 400).fillna(False)
    kinds = set(timed[bad]["path"].dropna().unique())
    groups: dict[Key, list[Record]] = {}
    for row in records(timed[timed["path"].isin(kinds).fillna(False)][list(_COLUMNS)]):
        # files of one storage look alike, as their ids are masked, and are not tries of one
        if not hosts().harmless(row["host"], row["path"]) and not storage(row["host"]):
            groups.setdefault(key_of(row), []).append(row)
    found = (_storm(key, rows) for key, rows in groups.items())
    return [storm for storm in found if storm]


def _storm(key: Key, rows: list[Record]) -> Storm | None:
    rows.sort(key=lambda row: row["started"])
    failed = [row for row in rows if (row["status"] or 0) >= 400 and of_the_service(row)]
    if len(failed) < threshold("storm_tries"):
        return None
    if len(failed) <= threshold("storm_failed") * len(rows):
        return None
    times = [row["started"] for row in failed]
    rate = max(bisect_right(times, moment + 60.0) - index for index, moment in enumerate(times))
    steady = _steady(times)
    if not steady and rate <= threshold("storm_rate"):
        return None
    before = [row["started"] for row in rows if times[0] - 60.0 <= row["started"] < times[0]]
    paced = len(before) > threshold("storm_rate")
    return Storm(key, tuple(failed), before[0] if paced else times[0], rate, steady)


def _steady(times: list[float]) -> bool:
    """As many tries as a storm takes in a row, whose pauses are short and don't grow."""
    run = 0
    gaps = [after - before for before, after in pairwise(times)]
    for index, gap in enumerate(gaps):
        grows = index > 0 and gap >= threshold("storm_growth") * max(gaps[index - 1], 0.05)
        run = run + 1 if gap <= threshold("storm_gap_s") and not grows else 0
        if run + 1 >= threshold("storm_tries"):
            return True
    return False


def self_made(tables: Tables) -> bool:
    """The tries came before the limit that they met, so that they drew it.

    The client's own loop over one broken conversation counts as well: it is
    known to draw the limit by itself.
    """
    found = storms(tables)
    if not found:
        return False
    limits = [item for item in about(tables, "rate.limited") if item.row["started"] is not None]
    looping = {storm.key for storm in found}
    loop = any(item.rule.rule == "poll_storm" and item.key in looping for item in limits)
    began = min(storm.began for storm in found)
    return loop or (bool(limits) and limits[0].row["started"] > began)


def drew_a_limit_after(tables: Tables, row: Record) -> bool:
    """Whether a storm at the host of an exchange that failed came after it, and drew a limit."""
    ended = row["ended"] or row["started"] or 0.0
    later = (
        storm.failed[0]["host"] == row["host"] and storm.failed[0]["started"] >= ended
        for storm in storms(tables)
    )
    return any(later) and self_made(tables)


def find_rate_retry_storm(tables: Tables) -> Iterator[Finding]:
    found = storms(tables)
    if not found:
        return
    failed = [row for storm in found for row in storm.failed]
    names = ranked(row["host"] for row in failed)
    own = self_made(tables)
    cause = None if own else _cause(tables, failed)
    rate = max(storm.rate for storm in found)
    steady = any(storm.steady for storm in found)
    tries = plural(
        "{failed} failed tries of {n} kind of request {how}, up to {rate} in a minute.",
        "{failed} failed tries of {n} kinds of request {how}, up to {rate} in a minute.",
        len(found),
        failed=len(failed),
        how=say("without growing pauses") if steady else say("in short time"),
        rate=rate,
    )
    order: str = ""
    if own:
        order = say("The limit came with these tries: they drew it.")
    elif cause == "rate.limited":
        order = say("The limit was there before: it is what fails.")
    yield finding(
        "rate.retry_storm",
        joined([tries, order]),
        confidence=earned(
            0.75, (rate > threshold("storm_rate"), 0.5), (own, 0.3), (len(failed) >= 10, 0.3)
        ),
        subjects=names,
        count=len(failed),
        times=[row["started"] for row in failed],
        evidence=flow_evidence(failed, say("tried again")),
        explained_by=cause,
        in_short=say("up to {rate} tries in a minute", rate=rate),
        measurements={"per_minute": rate, "drew_the_limit": own},
    )


def _cause(tables: Tables, failed: list[Record]) -> str | None:
    """What the tries met and did not get past, where that is a finding of its own."""
    flows = {(row["source"], row["flow"]) for row in failed}
    met = [item for item in told(tables) if (item.row["source"], item.row["flow"]) in flows]
    causes = [item.rule.finding for item in met if not item.healed]
    return max(causes, key=causes.count) if causes else None
