"""net.offline_gap: the whole machine lost the network for a while.

Packets: for seconds on end nobody but this machine sends, and it does so in
vain, or nothing moves at all and several open connections have to resend when
it ends.  A machine that is merely quiet shows neither.  Errors: the browser
says itself that the network changed or was gone.  Does not prove why: roaming,
sleep and a VPN that switches look alike.  Source: detection notes 15.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from analysis.detect.attempts import wire
from analysis.detect.support import (
    Record,
    earned,
    finding,
    flow_evidence,
    matters,
    noted,
    packet_evidence,
    ranked,
    records,
    where,
    without_own_leg,
)
from analysis.knowledge import threshold
from analysis.knowledge.wording import some
from analysis.model.diagnosis import Finding, utc
from analysis.model.frames import Tables

_ERRORS = ("err_network_changed", "err_internet_disconnected", "err_network_io_suspended")


@dataclass(frozen=True, slots=True)
class Gap:
    """One time without the network: its file, start and end, and the connections across it."""

    source: str
    start: float
    end: float
    across: tuple[Record, ...]

    @property
    def seconds(self) -> float:
        return self.end - self.start


def find_net_offline_gap(tables: Tables) -> Iterator[Finding]:
    gaps = _gaps(tables)
    errors = _errors(tables)
    if not gaps and len(errors) < threshold("offline_connections"):
        return
    signs = [
        f"for {gap.seconds:.0f} s from {utc(gap.start)} nothing arrived, and "
        f"{len(gap.across)} connections stopped together"
        for gap in gaps[:3]
    ]
    if errors:
        signs.append(f"the browser says so for {len(errors)} requests")
    hosts = ranked(
        [host for item in wire(tables).attempts for host in item.hosts if matters(host)]
        + [row["host"] for row in errors]
    )
    yield finding(
        "net.offline_gap",
        f"The whole machine was without network: {'; '.join(signs)}.",
        confidence=earned(
            0.75,
            (bool(gaps) and bool(errors), 0.6),
            (any(len(gap.across) > 3 for gap in gaps), 0.4),
        ),
        subjects=hosts[:10],
        count=max(len(gaps), 1),
        times=[moment for gap in gaps for moment in (gap.start, gap.end)]
        + [row["started"] for row in errors],
        evidence=[
            piece
            for gap in gaps[:5]
            for piece in (
                packet_evidence(
                    gap.across[:10], "open across the gap", ("first_frame", "last_frame")
                )
                or (noted(gap.source, f"no packet arrived for {gap.seconds:.0f} s"),)
            )
        ]
        + list(flow_evidence(errors, "the browser's own error")),
        in_short=some([f"{gap.seconds:.0f} s" for gap in gaps]) or "by the browser's own word",
        measurements={"gaps_s": [round(gap.seconds) for gap in gaps[:20]], "errors": len(errors)},
    )


def _errors(tables: Tables) -> list[Record]:
    http = tables["http"]
    if http.empty:
        return []
    named = where(http, "error", lambda text: any(word in text.lower() for word in _ERRORS))
    return records(where(named, "host", matters).head(200))


def _gaps(tables: Tables) -> list[Gap]:
    activity = tables["activity"]
    if activity.empty or any(facts.packets_sampled for facts in tables.captures):
        return []  # a sampler's silence is its own
    tcp = without_own_leg(tables["tcp"], tables)
    found: list[Gap] = []
    for source, seconds in activity.groupby("source"):
        rows = [row for row in records(seconds.sort_values("time")) if row["time"] is not None]
        for start, end in _silences(rows):
            across = _across(tcp, str(source), start, end)
            if len(across) >= threshold("offline_connections"):
                found.append(Gap(str(source), start, end, tuple(across)))
    return found


def _silences(rows: list[Record]) -> Iterator[tuple[float, float]]:
    """Spans in which nobody but one sender was heard, between seconds with several."""
    last: float | None = None
    for row in rows:
        if (row["senders"] or 0) < 2:
            continue
        if last is not None and row["time"] - last >= threshold("offline_s"):
            yield last + 1, row["time"]
        last = row["time"]


def _across(tcp: pd.DataFrame, source: str, start: float, end: float) -> list[Record]:
    """Connections open across a gap that had to resend for it."""
    if tcp.empty:
        return []
    spans = (tcp["source"] == source) & (tcp["first_time"] < start) & (tcp["last_time"] >= end - 1)
    resent = tcp["client_retransmissions"].fillna(0) + tcp["server_retransmissions"].fillna(0)
    return records(tcp[(spans & (resent > 0)).fillna(False)].head(50))
