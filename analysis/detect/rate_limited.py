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
from analysis.model.message import joined, say, some, times_over

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
            if after.isdigit():
                return say("after {seconds} s", seconds=after)
            return say("at {time}", time=after)
        found = _RESET.search(item.row["error_message"] or "")
        if found:
            moment = found[1].rstrip(".")
            if moment.isdigit() and len(moment) < 9:
                return say("after {seconds} s", seconds=moment)
            at = utc(float(moment)) if moment.isdigit() else moment
            return say("at {time}", time=at or moment)
    return ""


def find_rate_limited(tables: Tables) -> Iterator[Finding]:
    limited = about(tables, "rate.limited")
    for kind in _KINDS:
        items = [item for item in limited if _kind(item) == kind]
        if items:
            own = self_made(tables)
            yield replace(_limited(kind, items), explained_by="rate.retry_storm" if own else None)


_KINDS = {
    "account limit": (say("An account limit"), say("account limit")),
    "edge limit": (say("An edge limit"), say("edge limit")),
    "API limit": (say("An API limit"), say("API limit")),
}
"""At the start of a sentence, and inside of one."""


def _limited(kind: str, items: list[Told]) -> Finding:
    reset = _reset(items)
    healed = all(item.healed for item in items)
    coded = any(item.row["error_code"] for item in items)
    met, named = _KINDS[kind]
    return claim(
        "rate.limited",
        items,
        joined(
            [
                say(
                    "{limit} was met {times} (status {statuses}): {meaning}.",
                    limit=met,
                    times=times_over(len(items)),
                    statuses=some(statuses(items)),
                    meaning=says(items),
                ),
                say("The service says that it ends {reset}.", reset=reset)
                if reset
                else say("No reset time is given."),
                say("A later try was answered.") if healed else "",
            ]
        ),
        confidence=earned(0.85, (coded, 0.5), (bool(reset), 0.3)),
        severity=Severity.INFO if healed else None,
        in_short=say("{limit}, ends {reset}", limit=named, reset=reset) if reset else named,
        note=say("limited"),
        measurements={"kind": kind, "resets": reset},
    )
