"""tcp.loss: packet loss hurts the session.

The share of data segments that had to be resent, per direction and over all
connections to ChatGPT's hosts.  Those that fill a gap later than reordering would
are resent too, though Wireshark calls them out of order.  Spurious ones are taken
out of either direction, and copies that a mirror port made out of their own.
Connections with octets that the capture itself lacks are left out, and so are those
whose ClientHello nobody answered.  What a sender repeats in vain until it gives up, at
intervals that double (RFC 6298 section 5.5), is one segment lost: a dead path is no share.
Bands: from 5 %, from 15 % severe.  Does not prove where the loss is.
Source: detection notes 4 (bands of the W365 tool).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from analysis.detect.attempts import Attempt, usable, wire
from analysis.detect.support import Record, earned, effect, finding, packet_evidence, ranked
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding, Severity
from analysis.model.figures import Number, Percent
from analysis.model.frames import Tables
from analysis.model.message import Argument, Message, say, some

_SIDES = (("client", "sent"), ("server", "received"))


def find_tcp_loss(tables: Tables) -> Iterator[Finding]:
    attempts = [item for item in wire(tables).attempts if _counts(item)]
    lossy = {}
    for side, words in _SIDES:
        share, lost, total = _share(attempts, side)
        if lost >= threshold("loss_segments") and share >= threshold("loss_share"):
            lossy[words] = (share, lost, total)
    if not lossy:
        return
    hit = [item for item in attempts if any(_lost(item, side) for side, _ in _SIDES)]
    hosts = ranked(host for item in hit for host in item.hosts if usable(host))
    worst = max(share for share, _, _ in lossy.values())
    severe = worst >= threshold("loss_severe_share")
    parts = [_lost_share(words, *figures) for words, figures in lossy.items()]
    where_lost: dict[str, Argument] = {"hit": len(hit), "hosts": some(hosts), "parts": some(parts)}
    rows = sorted(
        (item.tcp for item in hit), key=lambda row: row["retransmissions"] or 0, reverse=True
    )[:20]
    yield finding(
        "tcp.loss",
        say(
            "Severe packet loss on {hit} of {all} connections to {hosts}: {parts} had to be sent "
            "again.",
            all=len(attempts),
            **where_lost,
        )
        if severe
        else say(
            "Packet loss on {hit} of {all} connections to {hosts}: {parts} had to be sent again.",
            all=len(attempts),
            **where_lost,
        ),
        confidence=earned(
            0.7,
            (severe, 0.4),
            (len(hit) > 2, 0.4),
            (sum(lost for _, lost, _ in lossy.values()) > 50, 0.3),
        ),
        subjects=hosts,
        severity=effect(hosts[0], Severity.WARNING),
        count=sum(lost for _, lost, _ in lossy.values()),
        times=[row["first_time"] for row in rows] + [row["last_time"] for row in rows],
        evidence=packet_evidence(
            rows, say("first and last packet of a lossy connection"), ("first_frame", "last_frame")
        ),
        in_short=some(parts),
        measurements={words: round(share, 3) for words, (share, _, _) in lossy.items()},
    )


def _lost_share(side: str, share: float, lost: int, total: int) -> Message:
    figures: dict[str, Argument] = {
        "share": Percent(share),
        "lost": Number(lost),
        "total": Number(total),
    }
    if side == "sent":
        return say("{share} of the segments sent ({lost} of {total})", **figures)
    return say("{share} of the segments received ({lost} of {total})", **figures)


def _counts(item: Attempt) -> bool:
    """An open connection of a host that matters, all of whose octets are in the capture."""
    row = item.tcp
    if item.sampled or not item.answered or not any(map(usable, item.hosts)):
        return False
    if item.hello is not None and not item.shook_hands:
        return False  # resent in vain: something took the hello, and no chance did
    # acknowledged at once or after a while, every octet must have been seen at some time
    return all(
        row[f"{side}_sent"] is None or (row[f"{side}_payload"] or 0) >= row[f"{side}_sent"]
        for side in ("client", "server")
    )


def _lost(item: Attempt, side: str) -> int:
    row = item.tcp
    resent = (row[f"{side}_retransmissions"] or 0) + (row[f"{side}_gap_fills"] or 0)
    # which side's were spurious is not known: the doubt is the network's
    copied = row[f"{side}_copies"] or 0
    in_vain = _in_vain(row) if side == "client" else 0
    return int(max(resent - copied - (row["spurious_retransmissions"] or 0) - in_vain, 0))


def _in_vain(row: Record) -> int:
    """Repeats, after the first, of a segment at the end that nobody ever acknowledged."""
    if row["client_lost_payload"] is None:
        return 0
    times = list(row["client_resent_ms"] or ())
    gaps = [later - earlier for earlier, later in pairwise(times)]
    run = 0
    for after, before in pairwise(reversed(gaps)):
        if after < threshold("backoff_factor") * before:
            break
        run += 1
    return run + 1 if run else 0


def _share(attempts: Sequence[Attempt], side: str) -> tuple[float, int, int]:
    total = sum(
        int(item.tcp[f"{side}_data_packets"] or 0) - int(item.tcp[f"{side}_copies"] or 0)
        for item in attempts
    )
    lost = sum(_lost(item, side) for item in attempts)
    if total < threshold("loss_packets"):
        return 0.0, 0, total
    return min(lost / total, 1.0), lost, total
