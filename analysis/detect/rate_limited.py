"""rate.limited: requests are limited, by the account, the edge or the API.

Names the kind by errors.tsv and the reset time where the answer gives one
(Retry-After, or the seconds or moment in its message).  A limit that a later
try got past is information.  Source: errors.tsv; traffic notes 9; detection
notes 11.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from analysis.detect.error_answers import Told, about, claim, says, statuses
from analysis.detect.rate_storm import self_made
from analysis.detect.support import earned
from analysis.model.diagnosis import Finding, Severity, utc
from analysis.model.frames import Tables
from analysis.model.message import some, times_over

_EDGE = ("cf_1015",)
_API = ("api_429_quota", "api_429_rate", "api_429_slow")
_RESET = re.compile(
    r"(?:clears_in|resets_in_seconds|resets_at|resets_after|until)\W{1,4}([0-9][0-9T:.Z+-]{0,40})"
)


def _kind(item: Told) -> str:
    if item.rule.rule in _EDGE:
        return "edge limit"
    return "API limit" if item.rule.rule in _API else "account limit"


def _reset(items: list[Told]) -> str:
    """When the limit ends, as the last answer that says so says it."""
    for item in reversed(items):
        after = item.row["retry_after"]
        if after:
            return f"after {after} s" if after.isdigit() else f"at {after}"
        found = _RESET.search(item.row["error_message"] or "")
        if found:
            moment = found[1].rstrip(".")
            if moment.isdigit() and len(moment) < 9:
                return f"after {moment} s"
            return f"at {utc(float(moment)) if moment.isdigit() else moment}"
    return ""


def find_rate_limited(tables: Tables) -> Iterator[Finding]:
    limited = about(tables, "rate.limited")
    for kind in ("account limit", "edge limit", "API limit"):
        items = [item for item in limited if _kind(item) == kind]
        if items:
            own = self_made(tables)
            yield replace(_limited(kind, items), explained_by="rate.retry_storm" if own else None)


def _limited(kind: str, items: list[Told]) -> Finding:
    reset = _reset(items)
    healed = all(item.healed for item in items)
    coded = any(item.row["error_code"] for item in items)
    article = "An" if kind[0] in "aeA" else "A"
    return claim(
        "rate.limited",
        items,
        f"{article} {kind} was met {times_over(len(items))} (status {some(statuses(items))}): "
        f"{says(items)}."
        + (f" The service says that it ends {reset}." if reset else " No reset time is given.")
        + (" A later try was answered." if healed else ""),
        confidence=earned(0.85, (coded, 0.5), (bool(reset), 0.3)),
        severity=Severity.INFO if healed else None,
        in_short=f"{kind}, ends {reset}" if reset else kind,
        note="limited",
        measurements={"kind": kind, "resets": reset},
    )
