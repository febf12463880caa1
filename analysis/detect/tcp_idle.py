"""tcp.reset_after_idle: connections die after a constant time of silence.

Three or more resets at the same idle age within 5 % are a timer, unless they answer
what the client sends on all connections at once; a FIN is an orderly end and counts
for nothing, and so does a reset that nobody asked for at the age at which the edge
itself lets go of an idle client.  The websocket's own host is judged by
ws.idle_timeout.  Does not prove which device has the timer: the one that fits
is named as such.  Source: detection notes 8.2, RFC 5382.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from analysis.detect.attempts import Attempt, usable, wire
from analysis.detect.once import once
from analysis.detect.silence import silence_before
from analysis.detect.sockets import SOCKET_HOSTS
from analysis.detect.support import earned, effect, finding, packet_evidence, ranked
from analysis.knowledge import threshold
from analysis.knowledge.codes import fits_timer, idle_timer
from analysis.model.diagnosis import Finding, Severity
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some


def _idle(attempt: Attempt) -> float | None:
    return silence_before(attempt.tcp, attempt.tcp["reset_time"])


@once
def timed_out(tables: Tables) -> list[Attempt]:
    """Connections reset at the idle age that most of them share; empty without a timer."""
    aged: list[tuple[float, Attempt]] = []
    for attempt in wire(tables).attempts:
        idle = _idle(attempt) if attempt.reset and not attempt.sampled else None
        # a sampler keeps no data, so its files do not show when the silence began
        if idle is None or idle < threshold("ws_idle_least_s"):
            continue
        if _by_the_edge(attempt, idle):
            continue
        if not set(attempt.hosts) & set(SOCKET_HOSTS) and any(map(usable, attempt.hosts)):
            aged.append((idle, attempt))
    aged.sort(key=lambda pair: pair[0])
    best: list[Attempt] = []
    start = 0
    for end, (idle, _) in enumerate(aged):
        while aged[start][0] < idle * (1 - threshold("ws_idle_spread")):
            start += 1
        if end + 1 - start > len(best):
            best = [attempt for _, attempt in aged[start : end + 1]]
    return best if len(best) >= threshold("ws_idle_cuts") and _apart(best) else []


def _by_the_edge(attempt: Attempt, idle: float) -> bool:
    """The edge's own keep-alive ran out while the client had nothing to say."""
    row = attempt.tcp
    unasked = row["reset_by"] == "server" and not row["client_unacked"]
    age = threshold("edge_keep_alive_s")
    return unasked and abs(idle - age) <= threshold("ws_idle_spread") * age


def _apart(members: list[Attempt]) -> bool:
    """Not all were asked for again at once, as they are after a sleep or a change of network."""
    ends = [float(item.tcp["reset_time"]) for item in members]
    spoke = [end - item.tcp["last_payload_time"] for end, item in zip(ends, members, strict=True)]
    alone = min(spoke) >= threshold("ws_idle_least_s")
    return alone or max(ends) - min(ends) > threshold("offline_around_s")


def find_tcp_reset_after_idle(tables: Tables) -> Iterator[Finding]:
    members = timed_out(tables)
    if not members:
        return
    age = median(idle for item in members if (idle := _idle(item)) is not None)
    owner = idle_timer(age, threshold("ws_idle_spread"))
    hosts = ranked(host for item in members for host in item.hosts)
    rows = [item.tcp for item in members]
    yield finding(
        "tcp.reset_after_idle",
        plural(
            "{n} connection to {hosts} was reset after {seconds} s of silence, {fits}.",
            "{n} connections to {hosts} were reset after {seconds} s of silence, within 5 % "
            "of each "
            "other, {fits}.",
            len(members),
            hosts=some(hosts),
            seconds=Number(age),
            fits=fits_timer(owner),
        ),
        confidence=earned(0.8, (len(members) > 3, 0.4), (owner is not None, 0.4)),
        subjects=hosts,
        severity=effect(hosts[0], Severity.WARNING),
        count=len(members),
        times=[row["reset_time"] for row in rows],
        evidence=packet_evidence(rows, say("the reset after the silence"), ("reset_frame",)),
        in_short=say("{n} s", n=Number(age)),
        measurements={"timer_s": round(age, 1), "fits": owner[1] if owner else None},
    )
