"""quic.blocked: HTTP/3 gets no answer, and TCP to the same name works.

Browsers race or fall back, so this costs time and not the page: info, and a
warning only where the first TCP SYN waits more than 300 ms for QUIC each time.
One answered connection to the name rules it out.  Source: detection notes 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from analysis.detect.attempts import names_of_addresses, usable, wire
from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    noted,
    packet_evidence,
    ranked,
    records,
    rule_of,
)
from analysis.knowledge import threshold
from analysis.knowledge.addresses import address
from analysis.model.diagnosis import Finding, Severity
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some

_NOTE = say("QUIC Initial without an answer")


def find_quic_blocked(tables: Tables) -> Iterator[Finding]:
    quic = tables["quic"]
    if quic.empty:
        return
    names = names_of_addresses(tables)
    by_name: dict[str, list[Record]] = {}
    for row in records(quic):
        for host in _hosts(row, names):
            by_name.setdefault(host, []).append(row)
    begun = _tcp_starts(tables)
    lost = {
        host: rows
        for host, rows in by_name.items()
        if host in begun and not any(row["answered"] for row in rows) and _sent(rows)
    }
    if not lost:
        return
    hosts = ranked(lost)
    rows = [row for host in hosts for row in lost[host]]
    waits = [wait for host in hosts for row in lost[host] for wait in _wait(row, begun[host])]
    cost = 1000 * median(waits) if waits else None
    slow = (
        cost is not None
        and len(waits) >= threshold("quic_fallbacks")
        and cost > threshold("fallback_ms")
    )
    late = say("{n} ms after the first try (median)", n=Number(cost)) if cost is not None else ""
    yield finding(
        "quic.blocked",
        plural(
            "{n} QUIC connection to {hosts} got no answer; the page works over TCP, {late}.",
            "{n} QUIC connections to {hosts} got no answer; the page works over TCP, {late}.",
            len(rows),
            hosts=some(hosts),
            late=late,
        ),
        confidence=earned(0.7, (len(rows) > 1, 0.4), (sum(map(_packets, rows)) > 3, 0.3)),
        subjects=hosts,
        severity=effect(hosts[0], Severity.WARNING) if slow else Severity.INFO,
        count=len(rows),
        times=[row["time"] for row in rows],
        evidence=packet_evidence(rows, _NOTE) or [noted(rows[0]["source"] or "", _NOTE)],
        in_short=say("{n} ms", n=Number(cost)) if cost is not None else "",
        measurements={"fallback_ms": None if cost is None else round(cost), "n": len(waits)},
    )


def _hosts(row: Record, names: dict[str, frozenset[str]]) -> tuple[str, ...]:
    """Listed hosts of a QUIC connection: by its SNI, else by its address."""
    if row["sni"]:
        known = frozenset({row["sni"]})
    else:
        place = address(row["server"] or "")
        known = names.get(str(place), frozenset())
    if not known or not all(rule_of(name) for name in known):
        return ()
    return tuple(name for name in sorted(known) if usable(name))


def _packets(row: Record) -> int:
    return int(row["client_packets"] or 0)


def _sent(rows: list[Record]) -> bool:
    """The Initials were resent, or sent anew: one lost packet is no block."""
    return sum(map(_packets, rows)) >= threshold("quic_packets")


def _tcp_starts(tables: Tables) -> dict[str, list[float]]:
    """Per host when TCP connections to it began whose TLS was answered.

    Of one that a browser or recorder tells of, only that it worked: it may have been
    opened for something else than the request that waited for QUIC.
    """
    found: dict[str, list[float]] = {}
    for item in wire(tables).attempts:
        if item.shook_hands:
            found.setdefault(item.host, []).append(item.began)
    known = tables["connections"]
    if len(known):
        worked = known[known["tls_ms"].notna() & known["tcp_ms"].notna() & known["error"].isna()]
        for host in worked[worked["via"].isna()]["host"].dropna().unique():
            found.setdefault(host, [])
    return found


def _wait(row: Record, begun: list[float]) -> list[float]:
    """Seconds from the Initial to the next TCP connection; none where TCP had begun before."""
    if row["time"] is None:
        return []
    later = [moment - row["time"] for moment in begun if moment >= row["time"]]
    return [min(later)] if later and min(later) <= threshold("race_s") else []
