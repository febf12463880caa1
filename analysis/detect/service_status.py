"""service.status_unknown: the status page was asked and gave no answer.

Unknown is not ok: without it an outage is neither shown nor excluded by the
status page.  Also what a status page that was read says.  Source: traffic
notes 12.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.detect.once import once
from analysis.detect.reach import cancelled
from analysis.detect.support import (
    Record,
    connection_note,
    finding,
    flow_evidence,
    noted,
    records,
    where,
)
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import say, times_over
from analysis.model.status_page import STATUS_HOSTS

_SERIOUS = ("indicator major", "indicator critical", "(major)", "(critical)")
_PARTS = ("chatgpt", "conversations", "login", "responses")
"""Components without which ChatGPT does not answer; others may fail beside it."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One line of a status page that reports trouble; `serious` for an outage."""

    row: Record
    says: str
    serious: bool


def _pages(tables: Tables) -> list[Record]:
    return records(where(tables["http"], "host", STATUS_HOSTS.__contains__))


@once
def incidents(tables: Tables) -> list[Incident]:
    """Lines of the status page that report trouble with ChatGPT or the whole."""
    found: dict[str, Incident] = {}
    for row in _pages(tables):
        for line in row["status_page"] or ():
            word = line.lower().replace("_", " ")
            if "operational" in word or word.rpartition(" ")[2] in ("none", "ok", ""):
                continue
            found[line] = Incident(row, line[:120], _is_serious(word))
    return list(found.values())


def _is_serious(line: str) -> bool:
    part, _, state = line.rpartition(": ")
    return any(mark in line for mark in _SERIOUS) or (part in _PARTS and "outage" in state)


def find_service_status_unknown(tables: Tables) -> Iterator[Finding]:
    pages = _pages(tables)
    unread = [
        row
        for row in pages
        if not row["status_page"]
        and ((row["status"] or 0) >= 400 or (row["error"] and not cancelled(row["error"])))
    ]
    lost = where(tables["connections"], "host", STATUS_HOSTS.__contains__)
    refused = records(lost[lost["error_stage"].notna()]) if len(lost) else []
    if any(row["status_page"] for row in pages) or not unread + refused:
        return
    yield finding(
        "service.status_unknown",
        say(
            "The status page did not answer ({times} tried), so it neither shows nor excludes an "
            "outage.",
            times=times_over(len(unread or refused)),
        ),
        confidence=0.9,
        subjects=tuple(sorted(STATUS_HOSTS)),
        count=len(unread or refused),
        times=[row["started"] for row in unread or refused],
        evidence=flow_evidence(unread, say("the status page did not answer"))
        + tuple(
            noted(row["source"] or "", connection_note(row, row["error"])) for row in refused[:3]
        ),
    )
