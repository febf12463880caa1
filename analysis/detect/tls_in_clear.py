"""tls.handshake_failure where a ClientHello is answered in clear HTTP.

Something that takes the connection speaks no TLS on it: a proxy that expects
requests in clear, or a server that was never meant.  A refusal or a page is
proxy.denied, a way to a login net.captive_portal; this is the rest, such as a bare
400.  A host that any handshake reached is left out.  Who answered is not proven:
packets show the server's address alone.  Source: RFC 9112 section 2, RFC 8446.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.cleartext import exchange_evidence, in_clear, in_place_of_tls
from analysis.detect.portal import leads_to_login
from analysis.detect.proxy_refused import refused_in_clear
from analysis.detect.reach import reach_of
from analysis.detect.support import earned, effect, finding, matters, ranked
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some


def find_tls_answered_in_clear(tables: Tables) -> Iterator[Finding]:
    rows = [
        row
        for row in in_clear(tables)
        if in_place_of_tls(row)
        and matters(row["host"])
        and not refused_in_clear(row)
        and not leads_to_login(row)
    ]
    reach = reach_of(tables, frozenset(row["host"] for row in rows))
    rows = [row for row in rows if not reach[row["host"]].worked]
    if not rows:
        return
    hosts = ranked(row["host"] for row in rows)
    statuses = some(sorted({str(row["status"]) for row in rows}))
    yield finding(
        "tls.handshake_failure",
        plural(
            "{n} TLS handshake with {hosts} answered in clear with HTTP {statuses}: what answers "
            "at {addresses} speaks no TLS.",
            "{n} TLS handshakes with {hosts} answered in clear with HTTP {statuses}: what answers "
            "at {addresses} speaks no TLS.",
            len(rows),
            hosts=some(hosts),
            statuses=statuses,
            addresses=some(sorted({row["address"] or "" for row in rows})),
        ),
        confidence=earned(0.8, (len(rows) > 1, 0.4)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(rows),
        times=[row["started"] for row in rows],
        evidence=exchange_evidence(rows, say("ClientHello, and the answer in clear")),
        in_short=say("HTTP {statuses} in clear", statuses=statuses),
    )
