"""net.captive_portal: a sign-in page of the network answers instead of the service.

HTTP 511, a connectivity probe that got anything but its fixed answer, or a
redirection of the service's own name to another place without the edge's mark.
A probe that is answered as it should be, and a portal that was passed during the
capture, are no fault.  Source: RFC 6585 section 6, RFC 8952, Chromium's captive
portal detector, detection notes 15.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from analysis.detect.path_answers import before_the_edge, block_page, fronted
from analysis.detect.support import (
    Record,
    earned,
    finding,
    flow_evidence,
    matters,
    ranked,
    records,
    where,
)
from analysis.knowledge.addresses import address
from analysis.knowledge.probes import probe_answer
from analysis.model.diagnosis import Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some

_NETWORK_LOGIN = 511
_REDIRECTS = (301, 302, 303, 307, 308)


def _asked(host: str) -> bool:
    return matters(host) or probe_answer(host, None) is not None


def _probe_failed(row: Record) -> bool:
    wanted = probe_answer(row["host"], row["path"])
    if wanted is None or row["status"] is None or row["cf_ray"]:
        return False
    if row["status"] == wanted:
        return False
    # some networks answer a 204 probe with an empty 200, which browsers accept
    empty = wanted == 204 and row["status"] == 200 and row["response_bytes"] == 0
    return not empty and (row["status"] in _REDIRECTS or row["status"] < 400)


def _sent_away(row: Record) -> bool:
    """The service's name was redirected to a host that is not the service's."""
    if row["status"] not in _REDIRECTS or not before_the_edge(row) or block_page(row):
        return False
    try:
        target = urlsplit(row["location"] or "").hostname
    except ValueError:
        return False
    if not target or fronted(target) or matters(target):
        return False
    place = address(target)
    return row["scheme"] == "http" or place is None or not place.is_global


def find_net_captive_portal(tables: Tables) -> Iterator[Finding]:
    http = where(tables["http"], "host", _asked)
    marked = http["cf_ray"].notna()
    rows = records(http[~marked & http["status"].notna()])
    login = [row for row in rows if row["status"] == _NETWORK_LOGIN and not row["cf_ray"]]
    probes = [row for row in rows if _probe_failed(row)]
    away = [row for row in rows if matters(row["host"]) and _sent_away(row)]
    found = list({(r["source"], r["flow"]): r for r in [*login, *probes, *away]}.values())
    if not found:
        return
    last = max(row["started"] or 0.0 for row in found)
    later = marked & (http["status"] < 400) & (http["started"] > last)
    passed = bool(later.fillna(False).any())
    signals = []
    if login:
        signals.append(say("status 511 asks for a sign-in to the network"))
    if probes:
        signals.append(say("a connectivity probe got another answer than its own"))
    if away:
        signals.append(say("the service's name was redirected to another place"))
    hosts = ranked(row["host"] for row in found if matters(row["host"])) or ("chatgpt.com",)
    yield finding(
        "net.captive_portal",
        joined(
            [
                plural(
                    "A sign-in portal of the network answers {n} request: {signals}.",
                    "A sign-in portal of the network answers {n} requests: {signals}.",
                    len(found),
                    signals=joined(signals, "; "),
                ),
                say("It was passed later: the service answered afterwards.") if passed else "",
            ]
        ),
        confidence=earned(
            0.7, (bool(login), 0.6), (bool(probes), 0.5), (bool(away), 0.4), (len(found) > 1, 0.2)
        ),
        subjects=hosts,
        severity=Severity.INFO if passed else Severity.CRITICAL,
        count=len(found),
        times=[row["started"] for row in found],
        evidence=flow_evidence(found, say("answered by the network's portal")),
        in_short=some(sorted({str(row["status"]) for row in found})),
        measurements={"signals": signals},
    )
