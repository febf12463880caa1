"""net.offline_gap: the whole machine lost the network for a while.

Packets: for seconds on end nobody but this machine sends, it does so on several
connections in vain, which the server had answered before.  Or on one alone, where
others fell silent with it and were left open, while the client went back to their
hosts on new ones.  Or nobody sends at all, and the first words afterwards are
answered by resets on all that was open, as after a sleep; resets that the machine did not ask for
show that it was there to hear them.  A machine that is merely
quiet does neither, so nothing is claimed of it.  Errors: the browser says itself that the network
changed or was gone.  Does not prove why: roaming,
sleep and a VPN that switches look alike.  Source: detection notes 15.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from analysis.detect.attempts import wire
from analysis.detect.once import once
from analysis.detect.sse import unanswered_sends
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
from analysis.detect.tcp_mtu import size_limited
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding, utc
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some

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
    flows = {(row["source"], row["flow"]) for row in errors}
    hurt = any((row["source"], row["flow"]) in flows for row in unanswered_sends(tables))
    # one request that is made again is nothing; a message that was lost by it is something
    if not gaps and not hurt and len(errors) < threshold("offline_connections"):
        return
    signs: list[str] = [
        plural(
            "for {seconds} s from {time} nothing arrived, and {n} connection stopped",
            "for {seconds} s from {time} nothing arrived, and {n} connections stopped together",
            len(gap.across),
            seconds=Number(gap.seconds),
            time=utc(gap.start) or "?",
        )
        for gap in gaps[:3]
    ]
    if errors:
        signs.append(
            plural(
                "the browser says so for {n} request",
                "the browser says so for {n} requests",
                len(errors),
            )
        )
    hosts = ranked(
        [host for item in wire(tables).attempts for host in item.hosts if matters(host)]
        + [row["host"] for row in errors]
    )
    yield finding(
        "net.offline_gap",
        say("The whole machine was without network: {signs}.", signs=joined(signs, "; ")),
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
                    gap.across[:10], say("open across the gap"), ("first_frame", "last_frame")
                )
                or (
                    noted(
                        gap.source,
                        say("no packet arrived for {n} s", n=Number(gap.seconds)),
                    ),
                )
            )
        ]
        + list(flow_evidence(errors, say("the browser's own error"))),
        in_short=some([say("{n} s", n=Number(gap.seconds)) for gap in gaps])
        or say("by the browser's own word"),
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
    listed = {_key(item.tcp) for item in wire(tables).attempts}
    # what is too large for the path is lost again and again while the network is there
    limited = {_key(item.tcp) for item in size_limited(tables)}
    found: list[Gap] = []
    for source, seconds in activity.groupby("source"):
        rows = [row for row in records(seconds.sort_values("time")) if row["time"] is not None]
        own = tcp[tcp["source"] == source]
        for silence in _silences(rows):
            if silence.mute:
                found += _woken(own, str(source), silence, listed)
                continue
            resent = [row for row in _across(own, silence) if _key(row) not in limited]
            across = resent if silence.several else _left_open(own, silence, resent, _names(tables))
            ours = any(_key(row) in listed for row in across)
            if ours and len(across) >= threshold("offline_connections"):
                found.append(Gap(str(source), silence.start, silence.end, tuple(across)))
    return found


def _key(row: Record) -> tuple[str | None, int]:
    return row["source"], row["stream"]


@once
def _names(tables: Tables) -> dict[tuple[str | None, int], str]:
    """The server name that each TLS connection asked for."""
    hellos = tables["tls"]
    if hellos.empty:
        return {}
    known = hellos[hellos["stream"].notna() & hellos["sni"].notna()]
    return {_key(row): row["sni"] for row in records(known[["source", "stream", "sni"]])}


@dataclass(frozen=True, slots=True)
class Silence:
    """A time in which nobody but this machine sent, on `several` connections or on one."""

    start: float
    end: float
    several: bool
    mute: bool = False
    """Not even this machine sent anything."""


def _silences(rows: list[Record]) -> Iterator[Silence]:
    """Spans between seconds with several senders, in which one alone sent again and again."""
    last: float | None = None
    alone: list[Record] = []
    for before, after in pairwise(row["time"] for row in rows):
        if after - before >= threshold("asleep_s"):
            yield Silence(before + 1, after, several=False, mute=True)
    for row in rows:
        if (row["senders"] or 0) < 2:
            alone.append(row)
            continue
        several = any((item["connections"] or 0) >= 2 for item in alone)
        long = last is not None and row["time"] - last >= threshold("offline_s")
        if last is not None and long and len(alone) >= threshold("offline_tries"):
            yield Silence(last + 1, row["time"], several)
        last, alone = row["time"], []


def _across(own: pd.DataFrame, silence: Silence) -> list[Record]:
    """Connections with an answering server, open across a gap, that had to resend for it."""
    spans = (own["first_time"] < silence.start) & (own["last_time"] >= silence.end - 1)
    if not silence.several:
        spans = (own["first_time"] < silence.start) & (own["last_time"] > silence.start)
    resent = own["client_retransmissions"].fillna(0) + own["server_retransmissions"].fillna(0)
    answered = own["server_payload"].fillna(0) > 0
    return records(own[(spans & answered & (resent > 0)).fillna(False)].head(50))


def _woken(
    own: pd.DataFrame, source: str, silence: Silence, listed: set[tuple[str | None, int]]
) -> list[Gap]:
    """The gap, where what was open is answered by resets as soon as the machine speaks again."""
    until = silence.end + threshold("offline_around_s")
    gone = (own["first_time"] < silence.start) & own["reset_time"].between(silence.end - 1, until)
    gone &= (own["reset_by"] == "server") & own["fin_time"].isna()
    # a keep-alive without data (RFC 9293 section 3.8.4) leaves no time of its own
    spoke = own["client_payload_time"].between(silence.end - 1, own["reset_time"])
    gone &= spoke.fillna(False) | (own["keep_alives"].fillna(0) > 0)
    rows = records(own[gone.fillna(False)].head(50))
    servers = {row["server"] for row in rows}
    enough = len(servers) >= threshold("offline_connections")
    ours = any(_key(row) in listed for row in rows)
    return [Gap(source, silence.start, silence.end, tuple(rows))] if enough and ours else []


def _left_open(
    own: pd.DataFrame,
    silence: Silence,
    resent: list[Record],
    names: dict[tuple[str | None, int], str],
) -> list[Record]:
    """What was resent in vain, and what else fell silent with it without an end.

    Both count only where the client went back to the host on a new connection, and
    only together: hosts of one server alone may have their own reason.
    """
    again = own[own["first_time"] >= silence.end - 1]
    anew = {names.get(_key(row)) for row in records(again[["source", "stream"]])} - {None}
    before = silence.start - threshold("offline_s")
    quiet = (own["last_time"] >= before) & (own["last_time"] <= silence.start)
    open_still = quiet & own["fin_time"].isna() & own["reset_time"].isna()
    left = records(own[(open_still & (own["server_payload"].fillna(0) > 0)).fillna(False)].head(50))
    found = [row for row in [*resent, *left] if names.get(_key(row)) in anew]
    servers = {row["server"] for row in found}
    vain = any(row in found for row in resent)
    return found if vain and len(servers) > threshold("offline_connections") else []
