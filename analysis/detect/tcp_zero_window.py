"""tcp.zero_window: the receiver stops the flow.

A window of zero that stays shut for a second and more while data waits: on the
client's side the program does not read (a busy or suspended browser, a security
agent), on the other the far end, which may be a proxy.  A moment of zero window
is flow control at work, and so are a few of them, until they add up to a delay
that is felt.  Source: RFC 9293 section 3.8.6, detection notes 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from analysis.detect.attempts import Attempt, usable, wire
from analysis.detect.support import (
    earned,
    effect,
    finding,
    packet_evidence,
    ranked,
)
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding, Locus, Severity
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some

_WHO = {
    "client": say("this machine"),
    "server": say("the far end (service or proxy)"),
}


def find_tcp_zero_window(tables: Tables) -> Iterator[Finding]:
    attempts = [item for item in wire(tables).attempts if any(map(usable, item.hosts))]
    for side in _WHO:
        shut = [item for item in attempts if _stopped(item, side)]
        if shut:
            found = _finding(shut, side)
            yield found if side == "client" else replace(found, locus=Locus.UNKNOWN)


def _stopped(item: Attempt, side: str) -> bool:
    """Shut for long once, or for moments that make up much longer."""
    longest = float(item.tcp[f"{side}_longest_zero_window_ms"] or 0.0)
    return longest >= threshold("zero_window_ms") or _shut_ms(item, side) >= threshold(
        "zero_window_sum_ms"
    )


def _shut_ms(item: Attempt, side: str) -> float:
    return float(item.tcp[f"{side}_zero_window_ms"] or 0.0)


def _finding(shut: list[Attempt], side: str) -> Finding:
    hosts = ranked(host for item in shut for host in item.hosts)
    total = sum(_shut_ms(item, side) for item in shut)
    rows = [item.tcp for item in shut]
    return finding(
        "tcp.zero_window",
        plural(
            "On {n} connection with {hosts}, {who} took no more data for {seconds} s in all (zero "
            "window).",
            "On {n} connections with {hosts}, {who} took no more data for {seconds} s in all (zero "
            "window).",
            len(shut),
            hosts=some(hosts),
            who=_WHO[side],
            seconds=Number(total / 1000, 1),
        ),
        confidence=earned(
            0.8,
            (len(shut) > 1, 0.3),
            (total > threshold("zero_window_sum_ms"), 0.3),
            (any(row["window_full"] for row in rows), 0.3),
        ),
        subjects=hosts,
        severity=effect(hosts[0], Severity.WARNING),
        count=sum(int(row[f"{side}_zero_window"] or 1) for row in rows),
        times=[row["first_time"] for row in rows] + [row["last_time"] for row in rows],
        evidence=packet_evidence(rows, say("first and last packet"), ("first_frame", "last_frame")),
        in_short=say("{who}, {seconds} s", who=_WHO[side], seconds=Number(total / 1000, 1)),
        measurements={"side": side, "shut_ms": round(total)},
    )
