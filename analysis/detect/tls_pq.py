"""tls.pq_hello_dropped: something cannot take a ClientHello of more than one packet.

A ClientHello with the post-quantum key share X25519MLKEM768 is about 1.6 kB, two
segments.  Claimed where every such hello fails (alert 47 of the server's side,
reset, silence) and a smaller one to the same host or address works; without that
control only for the alert, below 0.8.  Full-size segments that vanish altogether
are tcp.mtu_blackhole.  Source: detection notes 5.4, draft-ietf-tls-ecdhe-mlkem.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.attempts import Attempt, usable, wire
from analysis.detect.support import (
    earned,
    effect,
    finding,
    packet_evidence,
    ranked,
)
from analysis.detect.tcp_mtu import size_limited
from analysis.detect.tls_sni import cut_after_hello
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some

X25519MLKEM768 = 0x11EC
_ILLEGAL_PARAMETER = 47


def large(attempt: Attempt) -> bool:
    """The hello offers the post-quantum group and did not fit into one segment."""
    hello = attempt.hello
    if hello is None or X25519MLKEM768 not in (hello["groups"] or ()):
        return False
    return (hello["hello_segments"] or 0) > 1


_HOW = {"reset": say("a reset"), "silence": say("silence"), "closed": say("a close")}


def _failed(attempt: Attempt) -> str | None:
    hello = attempt.hello
    assert hello is not None
    if hello["alert"] == _ILLEGAL_PARAMETER and hello["alert_by"] == "server":
        return say("refused with alert 47")
    how = cut_after_hello(attempt)
    return _HOW[how] if how else None


def find_tls_pq_hello_dropped(tables: Tables) -> Iterator[Finding]:
    attempts = [
        item for item in wire(tables).attempts if item.hello and any(map(usable, item.hosts))
    ]
    offered = [item for item in attempts if large(item)]
    limited = {id(item) for item in size_limited(tables)}
    worked = {item.host for item in offered if item.shook_hands}
    failed = [
        item
        for item in offered
        if item.host not in worked and _failed(item) and id(item) not in limited
    ]
    if len(failed) < threshold("reset_tries"):
        return
    small = [item for item in attempts if not large(item) and item.shook_hands]
    control = [
        item
        for item in small
        if any(item.host == lost.host or item.server == lost.server for lost in failed)
    ]
    alerts = [item for item in failed if item.hello and item.hello["alert"] is not None]
    # another large hello that passed shows that the path takes them
    if not control and (not alerts or worked):
        return
    hosts = ranked(item.host for item in failed)
    how = some(list(dict.fromkeys(_failed(item) or "" for item in failed)))
    rows = [{**item.tcp, **(item.hello or {})} for item in failed]
    ending = (
        say("while a smaller one works")
        if control
        else say("and no smaller one was tried, so the size is not proven")
    )
    yield finding(
        "tls.pq_hello_dropped",
        plural(
            "{n} ClientHello of more than one packet (post-quantum key share) to {hosts} met "
            "{how}, "
            "{ending}.",
            "{n} ClientHellos of more than one packet (post-quantum key share) to {hosts} met "
            "{how}, {ending}.",
            len(failed),
            hosts=some(hosts),
            how=how,
            ending=ending,
        ),
        confidence=earned(0.6, (bool(control), 0.6), (bool(alerts), 0.3), (len(failed) > 2, 0.2))
        if control
        else 0.7,
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(failed),
        times=[row["time"] for row in rows],
        evidence=packet_evidence(rows, say("the large ClientHello"), ("frame",))
        + packet_evidence(rows, say("what came back"), ("alert_frame", "reset_frame"))
        + packet_evidence(
            [item.hello for item in control[:5] if item.hello], say("one that works")
        ),
        in_short=how,
        measurements={"hello_bytes": sorted({row["hello_bytes"] or 0 for row in rows})[:5]},
    )
