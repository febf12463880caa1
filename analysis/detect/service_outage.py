"""service.outage: the service itself fails.

Needs 5xx answers with the edge's mark on several kinds of request that no retry
healed and that are a good part of what was asked from then on; or such answers
and a status page in the capture that reports an incident.  The page alone counts
when it failed again and again with an edge code.  Does not prove that others see
it.  A response without cf-ray was made before the edge and never counts.
Source: detection notes 11 and 16, errors.tsv.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.error_answers import (
    Told,
    claim,
    key_of,
    places,
    says,
    service_exchanges,
    statuses,
    told,
)
from analysis.detect.service_status import Incident, incidents
from analysis.detect.support import Record, earned, finding, flow_evidence, records
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some

_STATIC = ("/cdn/", "/assets/", "/cdn-cgi/", "/_next/")


def server_errors(tables: Tables) -> list[Told]:
    """5xx answers that passed the edge, and 1xxx pages of an edge without an origin."""
    return [
        item
        for item in told(tables)
        if item.row["cf_ray"]
        and (item.rule.finding == "service.outage" or (item.row["status"] or 0) >= 500)
        and item.rule.finding.startswith("service.")
    ]


def outage(tables: Tables) -> list[Told]:
    """The answers that show an outage; empty when they show less than that."""
    lasting = [item for item in server_errors(tables) if not item.healed]
    kinds = {item.key for item in lasting}
    if not kinds:
        return []
    if any(incident.serious for incident in incidents(tables)):
        return lasting
    if all(map(_says_overloaded, lasting)):
        return []  # the service answers, and says itself what is wrong
    if len(kinds) >= threshold("outage_paths"):
        share = len(kinds) / max(1, len(kinds | _asked_since(tables, lasting)))
        return lasting if share >= threshold("outage_share") else []
    tries = len(lasting) >= threshold("outage_tries")
    return (
        lasting
        if tries and all(map(_stops_all, lasting)) and not _answered_since(tables, lasting)
        else []
    )


def _says_overloaded(item: Told) -> bool:
    """An answer in the service's own form; a bare 503 page may be anything."""
    coded = item.row["error_code"] or item.row["error_type"]
    return item.rule.finding == "service.overloaded" and bool(coded)


def _stops_all(item: Told) -> bool:
    """The edge finds no origin for what is needed, or the page itself fails."""
    edge = item.needed and item.rule.finding == "service.outage"
    return edge or (item.step is not None and item.step.name == "page")


def _since(tables: Tables, lasting: list[Told]) -> list[Record]:
    """What the service was asked for once it had begun to fail, without static files."""
    begin = min(item.row["started"] or 0.0 for item in lasting)
    http = service_exchanges(tables)
    since = (http["started"] >= begin).fillna(False)
    rows = records(http[since][["method", "host", "path", "status"]])
    return [row for row in rows if not (row["path"] or "").startswith(_STATIC)]


def _asked_since(tables: Tables, lasting: list[Told]) -> set[tuple[str, str, str]]:
    return {key_of(row) for row in _since(tables, lasting)}


def _answered_since(tables: Tables, lasting: list[Told]) -> bool:
    return any((row["status"] or 999) < 400 for row in _since(tables, lasting))


def find_service_outage(tables: Tables) -> Iterator[Finding]:
    failed = outage(tables)
    known = [incident for incident in incidents(tables) if incident.serious]
    if not failed:
        if known:
            yield _only_announced(known)
        return
    kinds = {item.key for item in failed}
    edge = [item for item in failed if item.rule.finding == "service.outage"]
    told = some([incident.says for incident in known])
    named = say("The status page says: {incidents}.", incidents=told) if known else ""
    yield claim(
        "service.outage",
        failed,
        joined(
            [
                plural(
                    "{n} answer of the service with status {statuses} for {places}, and no retry "
                    "was answered: {meaning}.",
                    "{n} answers of the service with status {statuses} for {places}, and no retry "
                    "was answered: {meaning}.",
                    len(failed),
                    statuses=some(statuses(failed)),
                    places=some(places(failed)),
                    meaning=says(failed),
                ),
                named,
            ]
        ),
        confidence=earned(
            0.6,
            (bool(known), 0.7),
            (len(kinds) >= threshold("outage_paths"), 0.4),
            (len(kinds) > threshold("outage_paths"), 0.3),
            (bool(edge), 0.4),
        ),
        severity=Severity.CRITICAL if any(item.needed for item in failed) else Severity.WARNING,
        in_short=say("status {statuses}", statuses=some(statuses(failed))),
        note=say("the service or its edge answered with an error"),
        measurements={"kinds_of_request": len(kinds), "incidents": [i.says for i in known][:5]},
    )


def _only_announced(known: list[Incident]) -> Finding:
    return finding(
        "service.outage",
        say(
            "The status page reports an incident ({incidents}), but no request in this capture "
            "failed because of it.",
            incidents=some([incident.says for incident in known]),
        ),
        confidence=0.5,
        severity=Severity.INFO,
        subjects=("status.openai.com",),
        count=len(known),
        evidence=flow_evidence([incident.row for incident in known], say("the status page")),
        in_short=say("announced only"),
    )
