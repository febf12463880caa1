"""sse.cut and sse.buffered: the streamed answer ends early, or comes all at once.

Cut: neither message_stream_complete nor [DONE] came, and the reader did not
cancel; or the message itself was sent and its connection broke before any answer,
on a host that answers otherwise, and no later send went through.

Buffered: nearly all octets in the last moment of a long wait, and a mark of
something that rewrote the stream (Content-Length, Via, HTTP/1.1, a product that
opens TLS to that host while many events share a chunk); without such a mark a
short answer of a thinking model looks the same.
Source: detection notes 9.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from analysis.detect.certificates import inspector_at, opened_by
from analysis.detect.once import once
from analysis.detect.rate_storm import drew_a_limit_after
from analysis.detect.reach import cancelled
from analysis.detect.sockets import ended_by_capture
from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    flow_evidence,
    ranked,
    records,
    where,
)
from analysis.knowledge import hosts, threshold
from analysis.knowledge.products import vendor_of_page
from analysis.model.connect_error import net_error_stage
from analysis.model.diagnosis import Finding, Severity
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some

SENDS = (
    "/backend-api/f/conversation",
    "/backend-api/conversation",
    "/backend-anon/f/conversation",
    "/backend-anon/conversation",
    "/backend-api/codex/responses",
    "/v1/responses",
    "/v1/chat/completions",
)
"""Where a message is sent, and its answer streamed back (traffic notes 5 and 9)."""

_STOP = "/backend-api/stop_conversation"
"""What the page calls for its stop button (traffic notes 5 and 7)."""

_OLD_HTTP = say("HTTP/1.1 came where HTTP/2 is usual")


def _streams(tables: Tables) -> list[Record]:
    rows = records(where(tables["sse"], "host", hosts().essential))
    return [row for row in rows if not hosts().harmless(row["host"], row["path"])]


def find_sse_cut(tables: Tables) -> Iterator[Finding]:
    cut = [
        row
        for row in _streams(tables)
        if row["end"] == "cut"
        and not row["complete"]
        and not row["handoff"]
        and not cancelled(row["error"])
        and not _stopped_by_user(row, tables)
        # a body that ended without an error was ended by its server, and by nothing of ours
        and not (row["error"] and ended_by_capture(tables, row["last_chunk"]))
    ]
    if not cut:
        return
    names = ranked(row["host"] for row in cut)
    errors = tuple(dict.fromkeys(row["error"] for row in cut if row["error"]))
    yield finding(
        "sse.cut",
        plural(
            "{n} answer stream from {hosts} ended before it was complete ({errors}).",
            "{n} answer streams from {hosts} ended before they were complete ({errors}).",
            len(cut),
            hosts=some(names),
            errors=some(errors, 2),
        ),
        confidence=earned(0.8, (bool(errors), 0.4), (len(cut) > 1, 0.4)),
        subjects=names,
        severity=effect(names[0]),
        count=len(cut),
        times=[row["last_chunk"] or row["started"] for row in cut],
        evidence=flow_evidence(cut, say("the stream that was cut")),
        in_short=some(errors, 1) or say("no end of the stream was seen"),
    )


def _stopped_by_user(row: Record, tables: Tables) -> bool:
    """The stop button was pressed while the stream ran, and its server took that."""
    begun, end = row["started"], _end(row, tables)
    times = _stops(tables).get(row["host"], [])
    if begun is None or not times:
        return False
    first = bisect_left(times, begun)
    return first < len(times) and (end is None or times[first] <= end)


def _end(row: Record, tables: Tables) -> float | None:
    ends: list[float | None] = [row["last_chunk"], exchange_ends(tables).get(row["flow"])]
    return max((end for end in ends if end is not None), default=None)


@once
def exchange_ends(tables: Tables) -> dict[str, float]:
    """The last end of each exchange."""
    http = tables["http"]
    if http.empty:
        return {}
    ended = http[["flow", "ended"]].dropna().sort_values("ended")
    return dict(zip(ended["flow"], ended["ended"].astype(float), strict=True))


@once
def _stops(tables: Tables) -> dict[str, list[float]]:
    """When the stop button was pressed and the host took it, in order."""
    http = tables["http"]
    if http.empty:
        return {}
    asked = (http["path"] == _STOP).fillna(False) & (http["method"] == "POST").fillna(False)
    taken = http[asked & http["status"].between(200, 299).fillna(False) & http["started"].notna()]
    times: dict[str, list[float]] = {}
    for row in records(taken[["host", "started"]].sort_values("started")):
        times.setdefault(row["host"], []).append(row["started"])
    return times


@once
def unanswered_sends(tables: Tables) -> list[Record]:
    """Messages that were sent and that the connection failed under."""
    http = where(tables["http"], "host", hosts().essential)
    if http.empty:
        return []
    sends = http[(http["method"] == "POST").fillna(False) & http["path"].isin(SENDS).fillna(False)]
    lost = [
        row
        for row in records(sends[sends["error"].notna() & sends["status"].isna()])
        if _broke(row["error"]) and not ended_by_capture(tables, row["ended"])
    ]
    if not lost:
        return []
    answered = http[http["status"].between(200, 499).fillna(False)]
    reached = set(answered["host"])
    healed: dict[str, float] = {}
    for row in records(answered[answered["path"].isin(SENDS).fillna(False)]):
        healed[row["host"]] = max(healed.get(row["host"], 0.0), row["started"] or 0.0)
    return [
        row
        for row in lost
        if row["host"] in reached and healed.get(row["host"], -1.0) < (row["started"] or 0.0)
    ]


def _broke(error: str) -> bool:
    """The words are of an open connection: not the browser's own, nor of one that never opened."""
    own = ("ERR_BLOCKED_", "ERR_FAILED", "ERR_ABORTED")
    return (
        not cancelled(error)
        and net_error_stage(error) is None
        and not any(word in error for word in own)
    )


def find_sse_unanswered(tables: Tables) -> Iterator[Finding]:
    """sse.cut: the answer's connection broke before the answer began.

    What was lost once can be fetched again; where the client's tries to do so were
    answered, but drew a limit, the path is not what keeps the answer away.
    """
    lost = unanswered_sends(tables)
    if not lost:
        return
    once_only = len(lost) == 1 and drew_a_limit_after(tables, lost[0])
    names = ranked(row["host"] for row in lost)
    errors = some(tuple(dict.fromkeys(row["error"].rstrip(". ") for row in lost)), 2)
    yield finding(
        "sse.cut",
        plural(
            "{n} message to {hosts} was sent and its connection broke before any answer: {errors}.",
            "{n} messages to {hosts} were sent and their connections broke before any answer: "
            "{errors}.",
            len(lost),
            hosts=some(names),
            errors=errors,
        ),
        confidence=earned(0.7, (len(lost) > 1, 0.4)),
        subjects=names,
        severity=effect(names[0], Severity.WARNING if once_only else Severity.CRITICAL),
        count=len(lost),
        times=[row["started"] for row in lost],
        evidence=flow_evidence(lost, say("the message that got no answer")),
        in_short=errors,
    )


def find_sse_buffered(tables: Tables) -> Iterator[Finding]:
    found = [(row, _marks(row, tables)) for row in _streams(tables) if _at_once(row)]
    found = [(row, marks) for row, marks in found if marks]
    if not found or (len(found) == 1 and _untimed(*found[0])):
        return
    rows = [row for row, _ in found]
    names = ranked(row["host"] for row in rows)
    marks = tuple(dict.fromkeys(mark for _, marks in found for mark in marks))
    waited = max(row["ttft_ms"] or 0 for row in rows)
    yield finding(
        "sse.buffered",
        plural(
            "{n} answer stream from {hosts} came all at once after up to {seconds} s: {marks}.",
            "{n} answer streams from {hosts} came all at once after up to {seconds} s: {marks}.",
            len(rows),
            hosts=some(names),
            seconds=Number(waited / 1000, 1),
            marks=some(marks),
        ),
        confidence=earned(0.6, *((True, 0.4) for _ in marks), (len(rows) > 1, 0.4)),
        subjects=names,
        severity=effect(names[0]),
        vendor=_holder(rows, tables),
        count=len(rows),
        times=[row["first_chunk"] for row in rows],
        evidence=flow_evidence(rows, say("the stream that came at once")),
        in_short=say("nothing for {seconds} s, then everything", seconds=Number(waited / 1000, 1)),
        measurements={"marks": list(marks), "wait_ms": round(waited, 1)},
    )


def _holder(rows: list[Record], tables: Tables) -> str | None:
    """The product that opens TLS to the streams' hosts, or that names itself in their Via."""
    inspectors = (inspector_at(tables, name) for name in ranked(row["host"] for row in rows))
    proxies = (vendor_of_page(via=row["via"] or "") for row in rows)
    return next(filter(None, (*inspectors, *proxies)), None)


def _at_once(row: Record) -> bool:
    if None in (row["first_chunk"], row["last_chunk"], row["started"]):
        return False
    total = (row["last_chunk"] - row["started"]) * 1000
    span = (row["last_chunk"] - row["first_chunk"]) * 1000
    return bool(
        total >= threshold("sse_buffer_total_ms")
        and span <= threshold("sse_buffer_span") * total
        and (row["bytes"] or 0) >= threshold("sse_buffer_bytes")
        # an export without bodies counts no events: then the length alone tells of a text
        and (row["events"] is None or row["events"] >= threshold("sse_buffer_events"))
        and (row["last_250ms_share"] or 0.0) >= threshold("sse_buffer_share")
    )


def _untimed(row: Record, marks: list[str]) -> bool:
    """Without chunk times one stream over HTTP/1.1 says little: some recorders know no other."""
    return row["chunks"] is None and marks == [_OLD_HTTP]


def _marks(row: Record, tables: Tables) -> list[str]:
    marks: list[str] = []
    if row["content_length"] is not None:
        marks.append(say("a Content-Length replaced the framing of a stream"))
    if row["via"] and "cloudflare" not in row["via"].lower():
        marks.append(say("a proxy names itself in Via"))
    if (row["http_version"] or "").startswith("HTTP/1"):
        marks.append(_OLD_HTTP)
    if _packed(row):
        vendor = inspector_at(tables, row["host"])
        if vendor:
            marks.append(opened_by(vendor))
    return marks


def _packed(row: Record) -> bool:
    """Many events in each chunk: whoever writes them one by one sends each when it is there."""
    chunks, events = row["chunks"], row["events"]
    return bool(chunks and events and events >= threshold("sse_buffer_events") * chunks)
