"""tls.handshake_failure without packets: a browser or proxy says that the handshake failed.

Chromium's codes, Firefox's, and the words of OpenSSL that mitmproxy quotes.  A
refused certificate is another matter (tls.cert_invalid, tls.intercept_breaks),
and a host that was reached all the same is left out.  Which side gave up and why
only packets show, so confidence stays below 0.8.  Source: Chromium's
net_error_list.h, Mozilla's NSS error codes, OpenSSL's alert reasons; detection
notes 5.3 and 5.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.attempts import usable, wire
from analysis.detect.reach import reach_of
from analysis.detect.support import (
    Record,
    connection_note,
    earned,
    effect,
    finding,
    flow_evidence,
    noted,
    ranked,
    where,
)
from analysis.knowledge import threshold
from analysis.knowledge.handshake_errors import handshake_error
from analysis.model.diagnosis import Evidence, Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some


def find_tls_failure_by_error(tables: Tables) -> Iterator[Finding]:
    if wire(tables).attempts:
        return  # packets show the alert itself
    names: set[str] = set()
    for name in ("http", "connections"):
        frame = where(tables[name], "error", _says_tls)
        names |= {str(host) for host in frame["host"].dropna().unique()}
    lost = {
        host: [row for row in found.failed if handshake_error(row["error"])]
        for host, found in reach_of(tables, frozenset(filter(usable, names))).items()
        if not found.worked
    }
    lost = {host: rows for host, rows in lost.items() if rows}
    rows = [row for found in lost.values() for row in found]
    if len(rows) < threshold("reset_tries"):
        return
    hosts = ranked(lost)
    words = [word for row in rows if (word := handshake_error(row["error"]))]
    told = some(list(dict.fromkeys(words)), 2)
    yield finding(
        "tls.handshake_failure",
        plural(
            "{n} TLS handshake with {hosts} failed, and none worked: {errors}.",
            "{n} TLS handshakes with {hosts} failed, and none worked: {errors}.",
            len(rows),
            hosts=some(hosts),
            errors=told,
        ),
        confidence=min(0.75, earned(0.6, (len(rows) > 2, 0.3), (len(hosts) > 1, 0.2))),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(rows),
        times=[row["started"] for row in rows],
        evidence=(*flow_evidence(_flows(rows), say("the request that failed")), *_notes(rows)),
        in_short=told,
    )


def _says_tls(error: str) -> bool:
    return handshake_error(error) is not None


def _flows(rows: list[Record]) -> list[Record]:
    return [row for row in rows if row.get("flow")]


def _notes(rows: list[Record]) -> tuple[Evidence, ...]:
    return tuple(
        noted(row["source"] or "", connection_note(row, row["error"]))
        for row in rows[:10]
        if not row.get("flow")
    )
