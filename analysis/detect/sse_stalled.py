"""sse.stalled: the streamed answer stops for long.

A thinking model is silent by nature, so silence alone is no fault: it takes
retransmissions or a closed window in the packets below, a client that gave up
during a silence that is long against the stream's own pace, or a silence inside
a text, between two pieces that add to it: there nobody thinks or calls a tool.
Source: detection notes 9; traffic notes 5.2 and 5.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.sse import exchange_ends
from analysis.detect.support import (
    Record,
    capture_end,
    earned,
    effect,
    finding,
    flow_evidence,
    packet_evidence,
    packets_below,
    ranked,
    records,
    where,
)
from analysis.knowledge import hosts, threshold
from analysis.model.diagnosis import Finding, Severity
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import plural, say


def _silence_ms(row: Record, end: float | None) -> float:
    """The longest silence: between chunks, or from the last one to the end."""
    last = _heard(row)
    waited = (end - last) * 1000 if end is not None and last is not None else 0.0
    return max(row["gap_max_ms"] or 0.0, waited)


def _heard(row: Record) -> float | None:
    """The last chunk; of a stream that was begun and brought nothing, its beginning."""
    if row["last_chunk"] is not None:
        return float(row["last_chunk"])
    return row["started"] if row["chunks"] == 0 else None


def _long(row: Record, end: float | None) -> bool:
    pace = threshold("sse_stall_median") * (row["gap_p50_ms"] or 0.0)
    return _silence_ms(row, end) > max(threshold("sse_stall_ms"), pace)


def _below(row: Record, tables: Tables) -> list[Record]:
    """TCP rows of the stream's connection that show trouble."""
    http = tables["http"]
    if http.empty:
        return []
    own = http[(http["flow"] == row["flow"]).fillna(False)]["connection"].dropna()
    below = packets_below(tables, list(own))
    return [item for item in below if (item["retransmissions"] or 0) >= threshold("stall_resent")]


def find_sse_stalled(tables: Tables) -> Iterator[Finding]:
    streams = [
        row
        for row in records(where(tables["sse"], "host", hosts().essential))
        if not hosts().harmless(row["host"], row["path"])
    ]
    stopped = capture_end(tables)
    path: list[tuple[Record, list[Record]]] = []
    left: list[Record] = []
    inside: list[Record] = []
    for row in streams:
        end = _end_of(row, tables, stopped)
        if not _long(row, end):
            continue
        below = _below(row, tables)
        if below:
            path.append((row, below))
        elif _given_up(row, end):
            left.append(row)
        elif _inside_text(row, end):
            inside.append(row)
    rows = [row for row, _ in path] + left + inside
    if not rows:
        return
    names = ranked(row["host"] for row in rows)
    worst = max(_silence_ms(row, _end_of(row, tables, stopped)) for row in rows) / 1000
    packets = [item for _, below in path for item in below]
    if path:
        why = say("packets were sent again below it, so the path held it up")
    elif left:
        why = say("the client gave up waiting; the packets below show no trouble or were not seen")
    else:
        why = say(
            "it stood still in the middle of a text; the packets below show no trouble or were "
            "not seen, so the service itself may have paused"
        )
    yield finding(
        "sse.stalled",
        plural(
            "{n} streamed answer stopped for up to {seconds} s: {why}.",
            "{n} streamed answers stopped for up to {seconds} s: {why}.",
            len(rows),
            seconds=Number(worst),
            why=why,
        ),
        confidence=earned(0.55, (bool(path), 0.6), (len(rows) > 1, 0.3)),
        subjects=names,
        severity=effect(names[0], Severity.WARNING),
        count=len(rows),
        times=[row["last_chunk"] or row["started"] for row in rows],
        evidence=flow_evidence(rows, say("the stream that stopped"))
        + packet_evidence(packets, say("its connection"), ("first_frame",)),
        in_short=say("{n} s", n=Number(worst)),
        measurements={"silence_s": round(worst), "with_packet_trouble": len(path)},
    )


def _end_of(row: Record, tables: Tables, stopped: float | None) -> float | None:
    """When waiting for the next chunk ended, for a stream that did not end by itself."""
    if row["end"] == "open":
        return stopped
    if row["end"] not in ("cancelled", "cut"):
        return None
    return exchange_ends(tables).get(row["flow"])


def _inside_text(row: Record, end: float | None) -> bool:
    """Two pieces of one text lie far apart, or the client left long after the last piece."""
    last = row["last_chunk"]
    waited = end - last if row["in_text"] and end is not None and last is not None else 0.0
    return max((row["text_gap_ms"] or 0.0) / 1000, waited) >= threshold("text_stall_s")


def _given_up(row: Record, end: float | None) -> bool:
    last = _heard(row)
    if row["end"] not in ("cancelled", "open") or end is None or last is None:
        return False
    return bool(end - last >= threshold("sse_silence_s"))
