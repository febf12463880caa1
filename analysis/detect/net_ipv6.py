"""net.ipv6_broken: IPv6 is tried first and fails, and IPv4 then works.

SYNs over IPv6 without an answer, resent or lost in several races, nothing of the
service reached over IPv6, and the same hosts reached over IPv4.  A single lost
race is normal (RFC 8305), so one SYN says nothing.  The cost is the wait from the first IPv6
SYN to the first IPv4 SYN that won.  Source: detection notes 15.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from analysis.detect.attempts import Attempt, by_host, usable, wire
from analysis.detect.support import (
    connection_evidence,
    earned,
    effect,
    finding,
    packet_evidence,
    ranked,
    records,
)
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding, Severity
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import say, some, times_over

_LEAST_HOSTS = 2
"""One host alone may have IPv6 addresses that lead nowhere."""


def find_net_ipv6_broken(tables: Tables) -> Iterator[Finding]:
    seen = wire(tables)
    if any(item.six and item.answered for item in seen.attempts):
        return
    if not seen.attempts:
        yield from _told_by_recorder(tables)
        return
    lost: list[Attempt] = []
    waits: list[float] = []
    hosts: set[str] = set()
    for host, found in by_host(seen.attempts).items():
        six = [item for item in found if item.six and (item.dead or _abandoned(item))]
        four = [item for item in found if not item.six and item.answered]
        if not six or not four or not usable(host):
            continue
        hosts.add(host)
        lost += [item for item in six if item not in lost]
        waits += [wait for item in six if (wait := _wait(item, four)) is not None]
    # one SYN each is all that a race leaves IPv6, so without a resent one it takes several
    enough = "ipv6_tries" if any(item.dead for item in lost) else "ipv6_races"
    if len(lost) < threshold(enough):
        return
    names = ranked(hosts)
    cost = 1000 * median(waits) if waits else None
    slow = cost is not None and cost >= threshold("fallback_ms")
    costs = say("{cost} ms lost each time (median)", cost=Number(cost)) if cost is not None else ""
    rows = [item.tcp for item in lost]
    yield finding(
        "net.ipv6_broken",
        say(
            "IPv6 to {hosts} gets no answer {times}, then IPv4 works, {costs}.",
            hosts=some(names),
            times=times_over(len(lost)),
            costs=costs,
        ),
        confidence=earned(0.75, (len(lost) > 3, 0.4), (slow, 0.4)),
        subjects=names,
        severity=effect(names[0], Severity.WARNING) if slow else Severity.INFO,
        count=len(lost),
        times=[row["first_time"] for row in rows],
        evidence=packet_evidence(rows, say("IPv6 SYN without an answer"), ("syn_frame",)),
        in_short=say("{n} ms", n=Number(cost)) if cost is not None else "",
        measurements={"fallback_ms": None if cost is None else round(cost), "n": len(waits)},
    )


def _abandoned(item: Attempt) -> bool:
    """One SYN that nothing answered: the browser went on with IPv4 before it was resent."""
    row = item.tcp
    return row["syn_frame"] is not None and not item.answered and row["reset_by"] is None


def _wait(item: Attempt, four: list[Attempt]) -> float | None:
    """Seconds from the IPv6 SYN to the first IPv4 SYN after it that was answered."""
    later = [
        other.began - item.began
        for other in four
        if 0 <= other.began - item.began <= threshold("race_s")
    ]
    return min(later, default=None)


def _told_by_recorder(tables: Tables) -> Iterator[Finding]:
    """Each connection of a browser's log began with an IPv6 address and was opened by IPv4.

    What each try cost is not told, so that it is information.
    """
    known = tables["connections"]
    if known.empty:
        return
    opened = known[known["tcp_ms"].notna() & known["address"].notna() & known["via"].isna()]
    rows = records(
        opened[["source", "flow", "connection", "host", "address", "addresses", "started"]]
    )
    if any(":" in row["address"] for row in rows):
        return
    lost = [
        row
        for row in rows
        if ":" in next(iter(row["addresses"] or ()), "") and usable(row["host"] or "")
    ]
    hosts = ranked(row["host"] for row in lost)
    if len(lost) < threshold("ipv6_races") or len(hosts) < _LEAST_HOSTS:
        return
    yield finding(
        "net.ipv6_broken",
        say(
            "IPv6 was tried first and in vain for {n} connections to {hosts}; IPv4 then worked.",
            n=len(lost),
            hosts=some(hosts),
        ),
        confidence=earned(0.7, (len(lost) > 2 * threshold("ipv6_races"), 0.3)),
        subjects=hosts,
        severity=Severity.INFO,
        count=len(lost),
        times=[row["started"] for row in lost],
        evidence=[connection_evidence(row, say("IPv6 first, IPv4 won")) for row in lost[:5]],
        measurements={"n": len(lost)},
    )
