"""Answers of the service, its edge and its storage that report an error, and what each means.

Shared by the detectors of service, edge, account, limits and files.  An answer
of a fronted host without the edge's mark was made on the way: the rules that
accuse the service need that mark.  An error is healed when the same request was
answered well later.  Source: errors.tsv; detection notes 11 and 16.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from analysis.detect.once import once
from analysis.detect.path_answers import marked
from analysis.detect.support import (
    Record,
    effect,
    finding,
    flow_evidence,
    of_service,
    ranked,
    records,
    where,
)
from analysis.knowledge import hosts
from analysis.knowledge.error_rules import Answer, ErrorRule, Step, meaning, step
from analysis.model.diagnosis import Finding, Severity, utc
from analysis.model.frames import Tables
from analysis.model.message import say, some
from analysis.model.status_page import STATUS_HOSTS

_STORAGE = (".oaiusercontent.com", ".blob.core.windows.net")
_TELLING = ("error_code", "error_type", "error_message", "job_state", "cf_mitigated")
_MARKS = (
    ("method", "method"),
    ("cf-mitigated", "cf_mitigated"),
    ("content-type", "content_type"),
    ("job-state", "job_state"),
)
MAX_ANSWERS = 50_000
"""Error answers that are looked at; a capture with more repeats itself."""

_NOTE = say("the answer that says so")

type Key = tuple[str, str, str]
"""Method, host, path without its query: requests of one kind."""


@dataclass(frozen=True, slots=True)
class Told:
    """One error answer, the rule that fits it, and what the request was for."""

    row: Record
    rule: ErrorRule
    step: Step | None
    healed: bool

    @property
    def key(self) -> Key:
        return key_of(self.row)

    @property
    def needed(self) -> bool:
        """The user cannot go on without what was asked for."""
        return self.step is not None and self.step.needed


def key_of(row: Record) -> Key:
    path = (row["path"] or "/").partition("?")[0]
    return row["method"] or "GET", row["host"] or "", path


def storage(host: str) -> bool:
    """A host that serves uploaded and generated files."""
    return host.endswith(_STORAGE)


def _concerns(host: str) -> bool:
    return (of_service(host) or storage(host)) and host not in STATUS_HOSTS


@once
def service_exchanges(tables: Tables) -> pd.DataFrame:
    """Rows of http with the service's own hosts and its file storage."""
    return where(tables["http"], "host", _concerns)


@once
def told(tables: Tables) -> list[Told]:
    """Error answers with a known meaning, in order of time."""
    http = service_exchanges(tables)
    if http.empty:
        return []
    telling = (http["status"] >= 400).fillna(False)
    for column in (*_TELLING, "body_excerpt"):
        telling |= http[column].notna()
    rows = [
        row
        for row in records(http[telling].head(MAX_ANSWERS))
        if not hosts().harmless(row["host"], row["path"])
    ]
    named = [(row, rule) for row in rows if (rule := meaning(answer_of(row)))]
    named.sort(key=lambda item: (item[0]["started"] or 0.0, item[0]["flow"] or ""))
    well = _last_success(tables, {(row["source"], row["flow"]) for row, _ in named})
    return [
        Told(
            row,
            rule,
            step(row["host"], row["path"] or "/"),
            row["started"] is not None and well.get(key_of(row), -1.0) > row["started"],
        )
        for row, rule in named
    ]


def answer_of(row: Record) -> Answer:
    """The row as the rules see it: of ids in headers only that they are there."""
    marks = [f"{name}: {row[column]}" for name, column in _MARKS if row[column]]
    marks += [f"{header.partition(':')[0]}: seen" for header in row["headers"] or ()]
    if row["cf_ray"]:
        marks.append("cf-ray: seen")
    if of_the_service(row):
        marks.append("edge: seen")
    words = (row["error_code"], row["error_type"], row["error_param"])
    text = f"{row['error_message'] or ''} {row['body_excerpt'] or ''}"
    return Answer(
        row["status"],
        row["host"] or "",
        (row["path"] or "/").partition("?")[0],
        frozenset(word.lower() for word in words if word),
        text.lower(),
        tuple(mark.lower() for mark in marks),
    )


def of_the_service(row: Record) -> bool:
    """The answer carries a mark of the edge, the service or the storage."""
    names = ("x-ms-", "x-openai-")
    return marked(row) or any(header.lower().startswith(names) for header in row["headers"] or ())


def _last_success(tables: Tables, bad: set[tuple[str, str]]) -> dict[Key, float]:
    """When each kind of request was last answered well."""
    if not bad:
        return {}
    http = service_exchanges(tables)
    fine = http["status"].between(101, 399).fillna(False) & http["started"].notna()
    found: dict[Key, float] = {}
    for row in records(http[fine][["source", "flow", "method", "host", "path", "started"]]):
        if (row["source"], row["flow"]) not in bad:
            key = key_of(row)
            found[key] = max(found.get(key, 0.0), row["started"])
    return found


def about(tables: Tables, finding_id: str) -> list[Told]:
    """The error answers that mean this finding."""
    return [item for item in told(tables) if item.rule.finding == finding_id]


def ids_for_support(rows: Iterable[Record]) -> tuple[str, ...]:
    """What OpenAI's support asks for: cf-ray, request id and time of up to three answers."""
    found: list[str] = []
    for row in rows:
        parts: list[str] = [f"cf-ray {row['cf_ray']}" if row["cf_ray"] else ""]
        parts.append(say("request id {id}", id=row["request_id"]) if row["request_id"] else "")
        marks = some([part for part in parts if part])
        moment = utc(row["started"])
        if marks:
            found.append(say("{marks} at {time}", marks=marks, time=moment) if moment else marks)
    return tuple(dict.fromkeys(found))[:3]


def places(items: Iterable[Told]) -> tuple[str, ...]:
    """What was asked for, as a help desk says it: the step, else host and path."""
    names = (
        item.step.name if item.step else f"{item.row['host']}{item.key[2]}"[:120] for item in items
    )
    return tuple(dict.fromkeys(names))


def statuses(items: Iterable[Told]) -> tuple[str, ...]:
    return tuple(sorted({str(item.row["status"]) for item in items if item.row["status"]}))


def _aside(host: str) -> bool:
    """A site beside the app, such as the help pages; an API of a region is none."""
    return effect(host) is Severity.INFO and not host.endswith(".api.openai.com")


def claim(
    finding_id: str,
    items: Sequence[Told],
    summary: str,
    *,
    confidence: float,
    severity: Severity | None = None,
    in_short: str = "",
    note: str = _NOTE,
    measurements: Record | None = None,
) -> Finding:
    """A finding about error answers; who must act is what most of their rules say."""
    rows = [item.row for item in items]
    names = ranked(row["host"] for row in rows)
    if all(map(_aside, names)):
        severity = Severity.INFO
    made = finding(
        finding_id,
        summary,
        confidence=confidence,
        subjects=names,
        severity=severity,
        count=len(rows),
        times=[row["started"] for row in rows],
        evidence=flow_evidence(rows, note),
        in_short=in_short,
        measurements={
            "rules": sorted({item.rule.rule for item in items}),
            "statuses": list(statuses(items)),
            "for_support": list(ids_for_support(rows)),
            **(measurements or {}),
        },
    )
    who = max((item.rule.who for item in items), key=[i.rule.who for i in items].count)
    return replace(made, remedy=replace(made.remedy, who=who)) if made.remedy else made


def says(items: Iterable[Told]) -> str:
    """What the rules read in the answers, for a sentence."""
    return some(tuple(dict.fromkeys(item.rule.says for item in items)), 2)
