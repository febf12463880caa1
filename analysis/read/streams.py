"""Streamed answers as rows: when the octets came, and how the stream ended."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd

from analysis.model.frames import Row, frame_of_columns
from analysis.model.sse_events import SseScanner
from analysis.read.exchange import Exchange

LAST_SPAN_S = 0.25
_CLIENT_WORDS = ("client disconnect", "reset by client", "client closed", "cancel")
# streams of these paths say that they are over; others just end
_TURN_PATHS = ("conversation", "/v1/responses", "/v1/chat/completions", "/v1/completions")


@dataclass(slots=True)
class StreamFacts:
    """What one stream said of itself and when its chunks came.

    `times` (seconds) and `sizes` (octets) are equally long and in order; both
    are empty where the capture does not hold chunk times.
    """

    events: int | None = None
    types: list[str] = field(default_factory=list)
    complete: bool = False
    done: bool = False
    handoff: bool = False
    error_code: str | None = None
    ended: bool = False
    in_text: bool = False
    text_gap_ms: float | None = None
    times: array[float] = field(default_factory=lambda: array("d"))
    sizes: array[int] = field(default_factory=lambda: array("q"))

    @classmethod
    def of_scanner(cls, scanner: SseScanner, *, ended: bool) -> Self:
        return cls(
            scanner.events,
            list(scanner.types),
            scanner.complete,
            scanner.done,
            scanner.handoff,
            scanner.error_code,
            ended,
            scanner.in_text,
        )


def stream_row(exchange: Exchange, facts: StreamFacts) -> Row:
    """One streamed body as a row of the sse table."""
    row: dict[str, object] = {
        "source": exchange.source,
        "flow": exchange.flow,
        "host": exchange.host or None,
        "path": exchange.path,
        "started": exchange.started,
        "chunks": len(facts.times) if facts.times else None,
        "bytes": sum(facts.sizes) if facts.sizes else exchange.response_bytes,
        "events": facts.events,
        "handoff": facts.handoff,
        "complete": facts.complete or facts.done,
        "end": _end(exchange, facts),
        "error": facts.error_code or exchange.shown_error,
        "content_length": exchange.content_length,
        "via": exchange.via,
        "http_version": exchange.http_version,
        "event_types": list(facts.types) or None,
        "in_text": facts.in_text,
        "text_gap_ms": facts.text_gap_ms,
    }
    if facts.times:
        row.update(_pace(exchange.started, facts.times, facts.sizes))
    else:
        row.update(_at_once(exchange))
    return row


def _at_once(exchange: Exchange) -> Row:
    """The pace of a body without chunk times, where head and end leave no room for any."""
    first, last = exchange.response_start, exchange.ended
    if first is None or last is None or not 0 <= last - first <= LAST_SPAN_S:
        return {}
    return {
        "first_chunk": first,
        "last_chunk": last,
        "ttft_ms": None if exchange.started is None else _ms(first - exchange.started),
        "span_ms": _ms(last - first),
        "last_250ms_share": 1.0,
    }


def _ms(seconds: float) -> float:
    return round(max(0.0, seconds) * 1000, 3)


def _pace(started: float | None, times: Sequence[float], sizes: Sequence[int]) -> Row:
    gaps = np.diff(np.asarray(times)) * 1000
    total = sum(sizes)
    late = sum(
        size for time, size in zip(times, sizes, strict=True) if time >= times[-1] - LAST_SPAN_S
    )
    pace: dict[str, object] = {
        "first_chunk": times[0],
        "last_chunk": times[-1],
        "ttft_ms": None if started is None else _ms(times[0] - started),
        "span_ms": _ms(times[-1] - times[0]),
        "last_250ms_share": round(late / total, 4) if total else None,
    }
    if len(gaps):
        pace["gap_p50_ms"] = round(float(np.percentile(gaps, 50)), 3)
        pace["gap_p95_ms"] = round(float(np.percentile(gaps, 95)), 3)
        pace["gap_max_ms"] = round(float(gaps.max()), 3)
    return pace


def _end(exchange: Exchange, facts: StreamFacts) -> str:
    """How it ended: what the stream itself said goes before how the connection ended."""
    if facts.handoff:
        return "handoff"
    if facts.error_code is not None:
        return "error"
    if facts.complete:
        return "complete"
    if facts.done:
        return "done"
    error = (exchange.error or "").lower()
    if any(word in error for word in _CLIENT_WORDS):
        return "cancelled"
    if error:
        return "cut"
    if exchange.ended is None and not facts.ended:
        return "open"
    expects_word = any(word in exchange.path for word in _TURN_PATHS)
    return "cut" if expects_word and facts.events is not None else "done"


def chunk_frame(source: str, streams: Mapping[str, StreamFacts]) -> pd.DataFrame:
    """The chunks table of all streams, in order of time."""
    flows = [flow for flow, facts in streams.items() for _ in facts.times]
    times = np.concatenate([np.zeros(0), *(facts.times for facts in streams.values())])
    sizes = np.concatenate([np.zeros(0, int), *(facts.sizes for facts in streams.values())])
    order = np.argsort(times, kind="stable")
    return frame_of_columns(
        "chunks",
        {
            "source": [source] * len(flows),
            "flow": np.array(flows, dtype=object)[order],
            "time": times[order],
            "size": sizes[order],
        },
    )
