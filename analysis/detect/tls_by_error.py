"""tls.handshake_failure where only the words of browser or recorder tell of it.

A HAR, a NetLog or a flow file has no alert, but Chromium's ``ERR_SSL_*`` and
OpenSSL's sentences (which mitmproxy quotes) say that the handshake failed.  Of
hosts that nothing in the capture reached; a refused certificate and a connection
that was cut have detectors of their own, and where packets show the handshake
they say more.  Does not prove who failed it.
Source: Chromium net_error_list.h, OpenSSL's error texts; RFC 8446 section 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analysis.detect.attempts import wire
from analysis.detect.certificates import reason_of
from analysis.detect.reach import reach_of
from analysis.detect.support import (
    Record,
    connection_note,
    earned,
    effect,
    finding,
    flow_evidence,
    matters,
    noted,
    ranked,
    where,
)
from analysis.model.connect_error import manner
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, some

_HANDSHAKE = re.compile(
    r"ERR_SSL_(?!PINNED|OBSOLETE)|ERR_ECH_|\balert\b|handshake failure|wrong version number"
    r"|unsupported protocol|unexpected message|no protocols available|internal error"
    r"|decode error|illegal parameter",
    re.IGNORECASE,
)


def _failed(row: Record) -> bool:
    error = str(row["error"] or "")
    if row.get("via") or reason_of(error) or manner(error) is not None:
        return False
    # an exchange's error may be anything: only a browser's own code tells of its handshake
    told = "ERR_SSL_" in error or "ERR_ECH_" in error or row.get("error_stage") == "tls"
    return told and bool(_HANDSHAKE.search(error))


def find_tls_handshake_failure_by_error(tables: Tables) -> Iterator[Finding]:
    shown = {host for item in wire(tables).attempts for host in item.hosts}
    names: set[str] = set()
    for table in ("connections", "http"):
        failing = where(tables[table], "host", lambda name: matters(name) and name not in shown)
        names |= set(failing[failing["error"].notna()]["host"])
    rows = [
        row
        for reach in reach_of(tables, frozenset(names)).values()
        if not reach.worked
        for row in reach.failed
        if _failed(row)
    ]
    if not rows:
        return
    hosts = ranked(row["host"] for row in rows)
    errors = some(tuple(dict.fromkeys(row["error"].rstrip(". ") for row in rows)), 2)
    yield finding(
        "tls.handshake_failure",
        plural(
            "{n} TLS handshake with {hosts} failed: {errors}.",
            "{n} TLS handshakes with {hosts} failed: {errors}.",
            len(rows),
            hosts=some(hosts),
            errors=errors,
        ),
        confidence=earned(0.65, (len(rows) > 1, 0.3), (len(hosts) > 1, 0.2)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(rows),
        times=[row["started"] for row in rows],
        evidence=flow_evidence([row for row in rows if row.get("flow")], errors)
        + tuple(
            noted(row["source"] or "", connection_note(row, row["error"]))
            for row in rows[:10]
            if not row.get("flow")
        ),
        in_short=errors,
    )
