"""ws.frames_lost and ws.stalled: the socket is open, but not everything comes.

Lost: numbers of the frames of one topic jump, and the missing ones never come,
also not as catch-ups on a new socket.  Stalled: an answer is due and nothing
comes for far longer than a model thinks (in the middle of a text it does not
think), or pings stay without pong, or what the
client last sent is resent and never acknowledged in the packets below.
Source: hand-off protocol as reported for 2026, detection notes 8.2.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from analysis.detect.sockets import (
    cut,
    sockets,
    turns_due,
)
from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    flow_evidence,
    last_moment,
    packet_evidence,
    packets_below,
    ranked,
    records,
    where,
)
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding, Severity
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some
from analysis.model.ws_message import MORE, TEXT

PING, PONG = 9, 10


def _frames(tables: Tables, flows: set[str]) -> list[Record]:
    frame = tables["ws_frames"]
    frame = where(frame[frame["time"].notna()], "flow", lambda flow: flow in flows)
    return sorted(records(frame), key=lambda row: float(row["time"]))


def find_ws_frames_lost(tables: Tables) -> Iterator[Finding]:
    rows = {row["flow"]: row for row in sockets(tables)}
    frames = [
        row
        for row in _frames(tables, set(rows))
        if not row["from_client"] and row["sequence"] is not None
    ]
    by_topic: dict[str, list[Record]] = {}
    by_flow: dict[str, list[Record]] = {}
    for row in frames:
        by_topic.setdefault(row["topic"] or f"flow {row['flow']}", []).append(row)
        by_flow.setdefault(row["flow"], []).append(row)
    # numbers that run over the whole socket may be another topic's
    series = {
        flow: sorted(_numbers(found)) for flow, found in by_flow.items() if _one_series(found)
    }
    lost: dict[str, list[int]] = {}
    for topic, found in by_topic.items():
        shared = [series[flow] for flow in {row["flow"] for row in found} if flow in series]
        if gaps := missing(found, shared):
            lost[topic] = gaps
    if not lost:
        return
    flows = dict.fromkeys(row["flow"] for topic in lost for row in by_topic[topic])
    hit = [rows[flow] for flow in flows]
    hosts = ranked(row["host"] for row in hit)
    holes = [gap for gaps in lost.values() for gap in gaps]
    total = sum(holes)
    seen = sum(len(by_topic[topic]) for topic in lost)
    due = any(turns_due(row, tables) for row in hit)
    yield finding(
        "ws.frames_lost",
        say(
            "{items} missing among {seen} frames of {answers} on the websocket to {hosts}, and no "
            "catch-up brought it; {end}.",
            items=plural("{n} numbered item", "{n} numbered items", total),
            seen=seen,
            answers=plural("{n} answer", "{n} answers", len(lost)),
            hosts=some(hosts),
            end=say("the answer never ended") if due else "",
        ),
        confidence=earned(0.8, (total > 1, 0.3), (due, 0.4), (len(lost) > 1, 0.3)),
        subjects=hosts,
        # a service may skip a number; one hole in an answer that came to its end is not missed
        severity=effect(hosts[0]) if due or len(holes) > 1 else Severity.INFO,
        count=total,
        times=[row["time"] for topic in lost for row in by_topic[topic]],
        evidence=flow_evidence(hit, say("the websocket with gaps in its numbering")),
        in_short=plural(
            "{n} item missing among {seen} frames",
            "{n} items missing among {seen} frames",
            total,
            seen=seen,
        ),
        measurements={"missing": total, "frames": seen},
    )


def _one_series(rows: list[Record]) -> bool:
    """The numbers run over the whole socket instead of one topic: no two topics share any."""
    owners: dict[int, str | None] = {}
    return all(owners.setdefault(row["sequence"], row["topic"]) == row["topic"] for row in rows)


def missing(rows: list[Record], shared: Sequence[list[int]] = ()) -> list[int]:
    """The holes in a series that otherwise counts up one by one: how many each misses.

    Repeats (catch-ups after a reconnect) and the numbers of `shared`, each in order, fill them.
    None in a series that is too short, or whose numbers are not consecutive by nature.
    """
    ordered = sorted(_numbers(rows))
    if len(ordered) < threshold("ws_sequence_least"):
        return []
    gaps = [
        hole
        for before, after in pairwise(ordered)
        if after - before > 1 and (hole := after - before - 1 - _filled(before, after, shared)) > 0
    ]
    if len(gaps) > 0.3 * (len(ordered) - 1) or sum(gaps) > 2 * len(ordered):
        return []
    return gaps


def _filled(before: int, after: int, shared: Sequence[list[int]]) -> int:
    """How many numbers between two are another topic's."""
    return sum(bisect_left(numbers, after) - bisect_right(numbers, before) for numbers in shared)


def _numbers(rows: list[Record]) -> set[int]:
    numbers: set[int] = set()
    for row in rows:
        # a frame with several items carries the number of the last one
        items = max(len(row["items"] or ()), 1)
        numbers.update(range(row["sequence"] - min(items, 256) + 1, row["sequence"] + 1))
    return numbers


def find_ws_stalled(tables: Tables) -> Iterator[Finding]:
    end = last_moment(tables)
    rows = [row for row in sockets(tables) if row["opened"] is not None and not cut(row)]
    frames: dict[str, list[Record]] = {}
    for frame in _frames(tables, {row["flow"] for row in rows}):
        frames.setdefault(frame["flow"], []).append(frame)
    stalled: list[tuple[Record, float, int]] = []
    dead: list[Record] = []
    for row in rows:
        until = row["ended"] or end
        own = frames.get(row["flow"], [])
        unwatched = row["server_frames"] is None and not own
        if until is None or unwatched or not turns_due(row, tables):
            continue
        silence, pings, pongs = _silence(row, own, until)
        # with answered pings the path is alive, and the model may only be thinking
        patience = threshold("ws_stall_s") * (2 if pongs else 1)
        unheard = _unheard(row, tables)
        tried = pings >= 2 or unheard
        if (
            silence >= patience
            or (tried and silence >= threshold("ws_ping_stall_s"))
            or (_in_text(own) and silence >= threshold("text_stall_s"))
        ):
            stalled.append((row, silence, pings))
            dead += unheard
    if not stalled:
        return
    hosts = ranked(row["host"] for row, _, _ in stalled)
    longest = max(silence for _, silence, _ in stalled)
    pings = sum(count for _, _, count in stalled)
    signs = []
    if pings:
        signs.append(plural("{n} ping stayed without pong", "{n} pings stayed without pong", pings))
    if dead:
        signs.append(say("what the client sent last was resent and never acknowledged"))
    if any(_in_text(frames.get(row["flow"], [])) for row, _, _ in stalled):
        signs.append(say("it had stopped in the middle of a text"))
    yield finding(
        "ws.stalled",
        say(
            "An answer was due on the websocket to {hosts}, and nothing came for {seconds} s; "
            "{signs}.",
            hosts=some(hosts),
            seconds=Number(longest),
            signs=joined(signs, "; "),
        ),
        confidence=earned(
            0.6,
            (pings >= 2, 0.6),
            (bool(dead), 0.5),
            (longest >= 2 * threshold("ws_stall_s"), 0.3),
        ),
        subjects=hosts,
        severity=effect(hosts[0], Severity.WARNING),
        count=len(stalled),
        times=[row["opened"] for row, _, _ in stalled],
        evidence=flow_evidence([row for row, _, _ in stalled], say("the silent websocket"))
        + packet_evidence(dead, say("its connection"), ("first_frame", "last_frame")),
        in_short=say("silent for {seconds} s", seconds=Number(longest)),
        measurements={"silence_s": round(longest, 1), "pings_unanswered": pings},
    )


def _in_text(frames: list[Record]) -> bool:
    """True when the last message added to a text, whose end did not come."""
    inside = False
    for row in frames:
        if row["opcode"] in (PING, PONG) or row["from_client"]:
            continue
        words = (row["kind"] or "").replace("+", "/").split("/")
        inside = TEXT in words or (inside and MORE in words)
    return inside


def _unheard(row: Record, tables: Tables) -> list[Record]:
    """TCP rows of the socket whose last data the other end never acknowledged."""
    own = [row["connection"]] if row["connection"] else []
    return [
        item
        for item in packets_below(tables, own)
        if (item["client_unacked"] or 0) > 0
        and (item["client_retransmissions"] or 0) >= threshold("ws_unheard_resent")
        and (item["server_payload_time"] or 0.0) < (item["client_payload_time"] or 0.0)
    ]


def _silence(row: Record, frames: list[Record], until: float) -> tuple[float, int, int]:
    """Seconds without data at the end, and the client's pings unanswered and answered in them."""
    if not frames:
        silence = row["idle_before_end_s"]
        unanswered = (row["client_pings"] or 0) - (row["server_pongs"] or 0)
        return (until - row["opened"] if silence is None else silence), max(unanswered, 0), 0
    # the wait begins with the subscription, not with an earlier answer on the same socket
    since = max([row["opened"], *(f["time"] for f in frames if f["opcode"] not in (PING, PONG))])
    later = [f for f in frames if f["time"] >= since]
    pings = sum(1 for f in later if f["from_client"] and f["opcode"] == PING)
    pongs = sum(1 for f in later if not f["from_client"] and f["opcode"] == PONG)
    return until - since, max(pings - pongs, 0), pongs
