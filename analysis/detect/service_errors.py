"""service.overloaded, service.api_error, service.fine_tuning_failed: errors the service states.

Told by error codes, texts and statuses of errors.tsv.  An error that a retry
healed is information, and so is a single one for something that the user can do
without.  What already shows an outage is told there.  A network-error sentence
in a server's body is the server's.  Source: errors.tsv; traffic notes 6.4 and 9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analysis.detect.error_answers import Key, Told, about, claim, ids_for_support, places, says
from analysis.detect.service_outage import outage, server_errors
from analysis.detect.support import earned
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some

RECOVERY = ("resume_404", "final_persisted")
"""Rules of a broken answer that was to be taken up again: something else broke it."""
_NOT_FOUND = 404
_PROBES = ("HEAD", "OPTIONS", "DELETE")
_ONE_MODEL = re.compile(r"/v1/models/[^/]+")
_MILD = ("final_persisted",)
_API = "api.openai.com"


def _loss(items: list[Told]) -> Severity:
    """Warning when the user cannot have missed it."""
    lasting = [
        item
        for item in items
        if not item.healed and item.rule.rule not in _MILD and not _asks_whether(item)
    ]
    repeated = len(lasting) > len({item.key for item in lasting})
    felt = any(item.needed for item in lasting) or repeated or _healed_late(items)
    return Severity.WARNING if felt else Severity.INFO


def _asks_whether(item: Told) -> bool:
    """A program asks whether something is there, or wants it gone: 404 is an answer to that."""
    path = (item.row["path"] or "").partition("?")[0]
    asked = item.row["method"] in _PROBES or (
        item.row["method"] == "GET" and _ONE_MODEL.fullmatch(path) is not None
    )
    return bool(asked and item.row["status"] == _NOT_FOUND)


def _healed_late(items: list[Told]) -> bool:
    """What a person waited for failed again and again, for long, before it was answered."""
    times: dict[Key, list[float]] = {}
    for item in items:
        waited_for = item.needed or item.row["host"] == _API
        if waited_for and item.rule.rule not in _MILD and item.row["started"] is not None:
            times.setdefault(item.key, []).append(item.row["started"])
    return any(
        len(found) >= threshold("healed_tries") and max(found) - min(found) >= threshold("healed_s")
        for found in times.values()
    )


def _detail(items: list[Told]) -> str:
    return some(ids_for_support(item.row for item in items), 1) or says(items)


def find_service_overloaded(tables: Tables) -> Iterator[Finding]:
    down = {id(item) for item in outage(tables)}
    busy = [item for item in about(tables, "service.overloaded") if id(item) not in down]
    if not busy:
        return
    coded = [item for item in busy if item.row["error_code"] or item.row["error_type"]]
    yield claim(
        "service.overloaded",
        busy,
        joined(
            [
                plural(
                    "The service says that it is overloaded: {meaning} ({n} answer for {places}).",
                    "The service says that it is overloaded: {meaning} ({n} answers for {places}).",
                    len(busy),
                    meaning=says(busy),
                    places=some(places(busy)),
                ),
                _healed(busy),
            ]
        ),
        confidence=earned(0.7, (bool(coded), 0.6), (len(busy) > 1, 0.3)),
        severity=_loss(busy),
        in_short=_detail(busy),
    )


def find_service_api_error(tables: Tables) -> Iterator[Finding]:
    down = {id(item) for item in outage(tables)}
    # where an outage is not shown, its answers are errors like others
    single = [item for item in server_errors(tables) if item.rule.finding == "service.outage"]
    wrong = [*about(tables, "service.api_error"), *single]
    wrong = [item for item in wrong if id(item) not in down]
    for part, recovery in (
        ([item for item in wrong if item.rule.rule not in RECOVERY], False),
        ([item for item in wrong if item.rule.rule in RECOVERY], True),
    ):
        if part:
            yield _error(part, recovery=recovery)


def _error(wrong: list[Told], *, recovery: bool) -> Finding:
    codes = {item.row["error_code"] or item.row["error_type"] for item in wrong} - {None}
    named = some(sorted(codes), 2)
    return claim(
        "service.api_error",
        wrong,
        joined(
            [
                say(
                    "The service answered {places} with an error of its own: {meaning} ({codes}).",
                    places=some(places(wrong)),
                    meaning=says(wrong),
                    codes=named,
                ),
                _healed(wrong),
                say("The sentence about the network in it is the server's.") if recovery else "",
            ]
        ),
        confidence=earned(0.7, (bool(codes), 0.5), (len(wrong) > 1, 0.3)),
        severity=_loss(wrong),
        in_short=say("recovery") if recovery else _detail(wrong),
    )


def _healed(items: list[Told]) -> str:
    return say("A retry was answered.") if all(item.healed for item in items) else ""


def find_service_fine_tuning_failed(tables: Tables) -> Iterator[Finding]:
    failed = about(tables, "service.fine_tuning_failed")
    # a job is polled: each is told once
    jobs = list({item.key: item for item in failed}.values())
    for part in (
        [item for item in jobs if item.rule.rule == "ft_failed"],
        [item for item in jobs if item.rule.rule != "ft_failed"],
    ):
        if part:
            message = part[0].row["error_message"] or part[0].row["error_code"]
            yield claim(
                "service.fine_tuning_failed",
                part,
                plural(
                    "{n} fine-tuning job failed: {meaning} ({message}).",
                    "{n} fine-tuning jobs failed: {meaning} ({message}).",
                    len(part),
                    meaning=says(part),
                    message=message or "",
                ),
                confidence=earned(0.85, (bool(message), 0.4)),
                in_short=_detail(part),
                note=say("the job's state"),
            )
