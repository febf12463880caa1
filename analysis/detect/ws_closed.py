"""ws.closed_by_server: the service closed the websocket with a reason.

Close codes by close_codes.tsv; 1000 and 1001 are normal.  One restart of the service
(1012) that interrupts nothing and after which the page opens a new socket is
information.  Codes that speak of broken frames point at a device that altered them.
Source: RFC 6455 section 7.4, IANA's registry; the edge's notes on websockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from analysis.detect.sockets import sockets, turns_due
from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    flow_evidence,
    ranked,
)
from analysis.knowledge.codes import CloseCode, close_code
from analysis.model.diagnosis import Finding, Locus, Severity
from analysis.model.frames import Tables
from analysis.model.message import say, some, times_over

_RESTART = 1012


def find_ws_closed_by_server(tables: Tables) -> Iterator[Finding]:
    groups: dict[int, list[Record]] = {}
    for row in sockets(tables):
        code = row["close_code"]
        if code is None or row["closed_by"] == "client" or row["opened"] is None:
            continue
        if close_code(code).fault in ("service", "path"):
            groups.setdefault(code, []).append(row)
    for code, rows in sorted(groups.items()):
        due = any(turns_due(row, tables) for row in rows)
        made = _closed(close_code(code), rows, due)
        healed = code == _RESTART and len(rows) == 1 and _opened_again(tables, rows[0])
        yield replace(made, severity=Severity.INFO) if healed and not due else made


def _opened_again(tables: Tables, closed: Record) -> bool:
    ended = closed["ended"]
    return ended is not None and any(
        row["opened"] is not None and row["opened"] >= ended and row["host"] == closed["host"]
        for row in sockets(tables)
    )


def _closed(code: CloseCode, rows: list[Record], due: bool) -> Finding:
    hosts = ranked(row["host"] for row in rows)
    found = finding(
        "ws.closed_by_server",
        say(
            "The websocket to {hosts} was closed {times} by the other side with {code} ({name}): "
            "{reading}.",
            hosts=some(hosts),
            times=times_over(len(rows)),
            code=str(code.code),
            name=code.name,
            reading=code.reading,
        ),
        confidence=earned(0.85, (len(rows) > 1, 0.4), (due, 0.3)),
        subjects=hosts,
        severity=effect(hosts[0], Severity.WARNING),
        count=len(rows),
        times=[row["ended"] for row in rows],
        evidence=flow_evidence(rows, say("closed with {code}", code=str(code.code))),
        in_short=say("close code {code}, {name}", code=str(code.code), name=code.name),
        measurements={"close_code": code.code},
    )
    # altered frames are a device's doing, not the service's
    return replace(found, locus=Locus.VPN_PROXY) if code.fault == "path" else found
