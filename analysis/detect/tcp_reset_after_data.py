"""tcp.reset_injected after data of the server: signatures 18 and 19.

A firewall that reads into a connection lets the handshake and the first answers
pass, and resets when the client says what it forbids.  One such reset may be the
server's own.  Claimed is a host all of whose connections end so: reset as the answer
to data of the client that the server never acknowledged, while other destinations
work.  Resets that come sooner than the path allows are proof; without that the
sender is not shown, and confidence stays below 0.8.  Websockets and resets with
marks of their own are judged elsewhere.  Source: SIGCOMM 2023 (stage Post-data),
detection notes 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.detect.attempts import Attempt, Wire, by_host, usable, wire
from analysis.detect.forgery import forged, marks_of
from analysis.detect.signatures import signature_of
from analysis.detect.sockets import SOCKET_HOSTS
from analysis.detect.support import earned, effect, finding, packet_evidence, ranked
from analysis.detect.tcp_idle import timed_out
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some

_AFTER_DATA = (18, 19)


def find_tcp_reset_after_data(tables: Tables) -> Iterator[Finding]:
    seen = wire(tables)
    timed = {id(item) for item in timed_out(tables)}
    cut: list[Attempt] = []
    spoken = [item for item in seen.attempts if item.hello is not None]
    for host, found in by_host(spoken).items():
        if not usable(host) or host in SOCKET_HOSTS or len(found) < threshold("data_resets"):
            continue
        if all(id(item) not in timed and _answers_data(item, seen) for item in found):
            cut += found
    cut = list({id(item): item for item in cut}.values())
    if cut and (seen.control or {id(item) for item in cut} != {id(item) for item in spoken}):
        yield _finding(cut, seen)


def _answers_data(item: Attempt, seen: Wire) -> bool:
    """Reset right after data of the client that nobody acknowledged."""
    shown = signature_of(item)
    if item.sampled or not item.shook_hands or shown is None or shown.number not in _AFTER_DATA:
        return False
    took = _took(item)
    if took is None or not item.tcp["client_unacked"] or forged(marks_of(item, seen)):
        return False
    return took <= 2 * _path(item, seen) + threshold("data_reset_s")


def _took(item: Attempt) -> float | None:
    """Seconds from the client's last data to the reset."""
    spoke, reset = item.tcp["client_payload_time"], item.tcp["reset_time"]
    return None if None in (spoke, reset) or reset < spoke else float(reset - spoke)


def _path(item: Attempt, seen: Wire) -> float:
    """The lowest round trip to the server, in seconds; 0 where none was measured."""
    return seen.lowest_rtt_ms.get(item.server, 0.0) / 1000


def _finding(cut: Sequence[Attempt], seen: Wire) -> Finding:
    hosts = ranked(host for item in cut for host in item.hosts if usable(host))
    waits = [took for item in cut if (took := _took(item)) is not None]
    soon = all(
        took < threshold("forged_rtt_share") * _path(item, seen)
        for item, took in zip(cut, waits, strict=True)
    )
    names = list(dict.fromkeys(shown.name for item in cut if (shown := signature_of(item))))
    slowest = say("{n} ms", n=Number(1000 * max(waits), 1))
    said = plural(
        "{n} connection to {hosts} was reset within {took} of what the client said, after the "
        "first answers of the server, while other destinations work.",
        "{n} connections to {hosts} were all reset within {took} of what the client said, after "
        "the first answers of the server, while other destinations work.",
        len(cut),
        hosts=some(hosts),
        took=slowest,
    )
    proof = (
        say("That is sooner than the server can answer: a device on the path sent the resets.")
        if soon
        else say("A firewall that reads into connections does that; who sent them is not proven.")
    )
    rows = [item.tcp for item in cut]
    return finding(
        "tcp.reset_injected",
        joined([said, proof, say("Signature: {names}.", names=some(names))]),
        confidence=earned(0.85, (len(cut) > 3, 0.3))
        if soon
        else min(0.75, earned(0.55, (len(cut) > 3, 0.3))),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(cut),
        times=[row["reset_time"] for row in rows],
        evidence=packet_evidence(rows, say("the reset after the client's data"), ("reset_frame",)),
        in_short=say("reset {took} after the client's data", took=slowest),
        measurements={"signatures": names},
    )
