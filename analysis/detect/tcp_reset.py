"""tcp.reset_injected: something on the path forged a reset.

Claims it only where the reset itself shows it (see `forgery`): a reset alone is
no proof, and a server may well close this way.  Resets of an idle timer are
tcp.reset_after_idle, or ws.idle_timeout on the websocket's host: a device that
clears away silent connections resets them in the server's name.  Does not prove
which device sent it, nor what drew it.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.attempts import Attempt, usable, wire
from analysis.detect.forgery import Mark, forged, marks_of
from analysis.detect.signatures import signature_of
from analysis.detect.support import (
    earned,
    effect,
    finding,
    packet_evidence,
    ranked,
)
from analysis.detect.tcp_idle import timed_out
from analysis.detect.ws_dropped import timed_out_sockets
from analysis.model.diagnosis import Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import joined, say, some, times_over


def find_tcp_reset_injected(tables: Tables) -> Iterator[Finding]:
    seen = wire(tables)
    timed = {id(item) for item in timed_out(tables)}
    sockets = timed_out_sockets(tables)
    found: list[tuple[Attempt, list[Mark]]] = []
    for attempt in seen.attempts:
        if not attempt.reset or not any(map(usable, attempt.hosts)):
            continue
        if id(attempt) in timed or (attempt.tcp["source"], attempt.tcp["stream"]) in sockets:
            continue
        marks = marks_of(attempt, seen)
        if forged(marks):
            found.append((attempt, marks))
    if not found:
        return
    hosts = ranked(host for attempt, _ in found for host in attempt.hosts)
    texts = list(dict.fromkeys(mark.text for _, marks in found for mark in marks))
    shown = [signature_of(attempt) for attempt, _ in found]
    names = list(dict.fromkeys(item.name for item in shown if item is not None))
    kinds = max(len(marks) for _, marks in found)
    rows = [attempt.tcp for attempt, _ in found]
    forged_reset = say(
        "A device on the path forged the reset that ended {times} a connection to {hosts}: "
        "{marks}.",
        times=times_over(len(found)),
        hosts=some(hosts),
        marks=joined(texts[:4], "; "),
    )
    signature = say("Signature: {names}.", names=some(names)) if names else ""
    yield finding(
        "tcp.reset_injected",
        joined([forged_reset, signature]),
        confidence=earned(0.82, (kinds > 1, 0.5), (kinds > 2, 0.4), (len(found) > 1, 0.3)),
        subjects=hosts,
        severity=_severity(found, seen.attempts, hosts),
        count=len(found),
        times=[row["reset_time"] for row in rows],
        evidence=packet_evidence(rows, say("the forged reset"), ("reset_frame",))
        + packet_evidence(rows, say("what the server itself sent"), ("after_reset_frame",)),
        in_short=texts[0],
        measurements={"signatures": names, "marks": texts[:10]},
    )


def _severity(
    found: list[tuple[Attempt, list[Mark]]],
    attempts: tuple[Attempt, ...],
    hosts: tuple[str, ...],
) -> Severity:
    """One cut that a second connection heals does little harm."""
    cut = [attempt for attempt, _ in found]
    later = max(item.began for item in cut)
    healed = any(
        item.shook_hands and not item.reset and item.began > later
        for item in attempts
        if set(item.hosts) & set(hosts)
    )
    worst = Severity.WARNING if len(cut) == 1 and healed else Severity.CRITICAL
    return effect(hosts[0], worst)
