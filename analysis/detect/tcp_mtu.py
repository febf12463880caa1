"""tcp.mtu_blackhole: large segments vanish while small ones pass.

From the client: a full-size segment is resent and never acknowledged, although
the handshake and smaller data passed (of a hello in two segments the tail, as SACK
shows).  To the client: the server's data begins with a gap that is never filled,
while its small segments arrive.  A segment of the same size that passed elsewhere
to the same address rules the size out.
Without sizes on the wire (a sampled capture) nothing is claimed.  Does not prove
where the limit is.  Source: RFC 2923 section 2.1, RFC 4821, detection notes 4.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.attempts import Attempt, Wire, usable, wire
from analysis.detect.once import once
from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    packet_evidence,
    ranked,
    records,
)
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some


@once
def size_limited(tables: Tables) -> list[Attempt]:
    """Connections whose large segments were lost for good, enough of them to be a rule."""
    seen = wire(tables)
    found = [
        item
        for item in seen.attempts
        if item.answered
        and not item.sampled
        and item.tcp["reset_by"] != "server"
        and any(map(usable, item.hosts))
        and (_client_lost(item, seen) or _server_lost(item))
    ]
    return found if len(found) >= threshold("mtu_connections") else []


def _client_lost(item: Attempt, seen: Wire) -> bool:
    row = item.tcp
    lost = row["client_lost_payload"] or 0
    if lost < threshold("mtu_full_size") or (row["client_retransmissions"] or 0) < 2:
        return False
    # a size that passed to this address is not what is filtered
    if seen.passed.get(item.server, 0) >= lost or not row["client_unacked"]:
        return False
    return _small_passed(row)


def _small_passed(row: Record) -> bool:
    """Something smaller was taken: acknowledged, or answered by SACK, duplicate ACKs or data."""
    acknowledged = (row["client_sent"] or 0) > (row["client_unacked"] or 0)
    if acknowledged or row["server_payload"]:
        return True
    # the one SACK for the tail of a hello in two segments is no duplicate by its window
    tail = row["client_selected"] or 0
    return bool(row["dup_acks"]) or 0 < tail < threshold("mtu_full_size")


def _server_lost(item: Attempt) -> bool:
    row = item.tcp
    sent, seen = row["server_sent"], row["server_payload"]
    if item.shook_hands or item.hello is None or not sent or seen is None:
        return False
    missing = sent - seen
    # duplicate ACKs show that the client lacks it too: no gap of the capture alone
    return (
        missing >= threshold("mtu_full_size")
        and bool(row["dup_acks"])
        and 0 < (row["server_max_payload"] or 0) < threshold("mtu_full_size")
    )


def find_tcp_mtu_blackhole(tables: Tables) -> Iterator[Finding]:
    found = size_limited(tables)
    if not found:
        return
    hosts = ranked(host for item in found for host in item.hosts)
    rows = [item.tcp for item in found]
    sizes = [row["client_lost_payload"] for row in rows if row["client_lost_payload"]]
    mss = sorted({row["client_mss"] for row in rows if row["client_mss"]})
    told = _too_big(tables, {item.server for item in found})
    what = (
        say("large segments of up to {size} octets sent", size=max(sizes))
        if sizes
        else say("large segments due from the server")
    )
    hint = (
        say(
            "{router} reports the limit by ICMP, unheeded",
            router=some(sorted({row["src"] for row in told})),
        )
        if told
        else say("no ICMP message tells the sender of a limit")
    )
    yield finding(
        "tcp.mtu_blackhole",
        plural(
            "On {n} connection to {hosts} {what} were resent and never arrived, while small ones "
            "passed; {hint}.",
            "On {n} connections to {hosts} {what} were resent and never arrived, while small ones "
            "passed; {hint}.",
            len(found),
            hosts=some(hosts),
            what=what,
            hint=hint,
        ),
        confidence=earned(
            0.7, (len(found) > 2, 0.4), (bool(told), 0.5), (len(hosts) > 1, 0.2), (bool(mss), 0.1)
        ),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(found),
        times=[row["first_time"] for row in rows],
        evidence=packet_evidence(rows, say("first and last packet"), ("first_frame", "last_frame"))
        + packet_evidence(told, say("packet too big")),
        in_short=say("segments of up to {size} octets", size=max(sizes))
        if sizes
        else say("large segments"),
        measurements={
            "largest_lost": max(sizes, default=None),
            "client_mss": mss[:5],
            "icmp_mtu": sorted({row["mtu"] for row in told if row["mtu"]})[:5],
        },
    )


def _too_big(tables: Tables, servers: set[str]) -> list[Record]:
    icmp = tables["icmp"]
    if icmp.empty:
        return []
    four = (icmp["type"] == 3) & (icmp["code"] == 4)
    kinds = (four | (icmp["type"] == 2)).fillna(False)
    return records(icmp[kinds & icmp["server"].isin(servers).fillna(False)].head(50))
