"""Bodies pass unchanged; times and sizes are written in batches, and little is kept."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons import streams
from addons.streams import BATCH, MAX_KEPT, BodyWatch, wants_scan


class Events(list[dict[str, Any]]):
    def write(self, kind: str, facts: Mapping[str, object], when: float | None) -> None:
        self.append({"e": kind, "t": when, **facts})


def watched(kind: str, encoding: str = "", *, keep: bool = True) -> tuple[BodyWatch, Events]:
    events = Events()
    return BodyWatch("f1", kind, encoding, keep=keep, write=events.write), events


@given(st.lists(st.binary(max_size=50), max_size=200))
def test_every_chunk_passes_unchanged_and_is_counted(chunks: list[bytes]) -> None:
    watch, events = watched("application/octet-stream")
    assert [watch.chunk(chunk) for chunk in chunks] == chunks
    watch.flush()
    full = [chunk for chunk in chunks if chunk]
    assert [size for event in events for size in event["n"]] == [len(chunk) for chunk in full]
    assert all(len(event["ms"]) == len(event["n"]) <= BATCH for event in events)
    assert watch.facts() == {"bytes": sum(map(len, full)), "chunks": len(full)}


def test_times_count_from_the_first_chunk_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.25, 100.4, 101.0, 101.1])
    monkeypatch.setattr(streams.time, "time", lambda: next(clock))
    watch, events = watched("text/css")
    for size in (1, 2, 3, 4, 5):
        watch.chunk(b"x" * size)
    # half a second after its first chunk a batch is written
    assert [(event["t"], event["ms"], event["n"]) for event in events] == [
        (100.0, [0.0, 250.0, 400.0, 1000.0], [1, 2, 3, 4])
    ]
    watch.flush()
    assert (events[1]["t"], events[1]["ms"], events[1]["n"]) == (101.1, [0.0], [5])
    watch.flush()
    assert len(events) == 2


def test_a_pause_inside_a_text_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.1, 112.1])
    monkeypatch.setattr(streams.time, "time", lambda: next(clock))
    watch, _ = watched("text/event-stream")
    watch.chunk(b'data: {"p":"/message/content/parts/0","o":"append","v":"He"}\n\n')
    watch.chunk(b'data: {"v":"l"}\n\n')
    watch.chunk(b'data: {"v":"lo"}\n\n')
    said = watch.facts()["sse"]
    assert isinstance(said, dict)
    assert (said["in_text"], said["text_gap_ms"]) == (True, 12_000.0)


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_stream_tells_what_it_said_of_itself(encoding: str) -> None:
    body = b'event: delta\ndata: {"type":"message_stream_complete"}\n\ndata: [DONE]\n\n'
    watch, events = watched("text/event-stream; charset=utf-8", encoding)
    for octet in gzip.compress(body) if encoding else body:
        watch.chunk(bytes([octet]))
    watch.flush()
    said = watch.facts()["sse"]
    assert said == {
        "events": 2,
        "types": ["delta", "message_stream_complete", "DONE"],
        "complete": True,
        "done": True,
        "handoff": False,
        "error_code": None,
        "in_text": False,
        "text_gap_ms": None,
        "scanned": True,
    }
    assert events[-1]["sse"] == said
    json.dumps(events)


def test_a_stream_that_cannot_be_decoded_says_so_and_passes() -> None:
    watch, _ = watched("text/event-stream", "br")
    assert watch.chunk(b"data: plain text\n\n") == b"data: plain text\n\n"
    said = watch.facts()["sse"]
    assert isinstance(said, dict)
    assert (said["scanned"], said["events"]) == (False, 0)


@pytest.mark.parametrize(
    ("kind", "keep", "kept"),
    [
        ("text/html; charset=utf-8", True, True),
        ("application/json", True, True),
        ("application/problem+json", True, True),
        ("", True, True),
        ("text/event-stream", True, False),
        ("image/png", True, False),
        ("text/javascript", True, False),
        ("text/html", False, False),
    ],
)
def test_which_bodies_are_kept(kind: str, keep: bool, kept: bool) -> None:
    watch, _ = watched(kind, keep=keep)
    watch.chunk(b"abc")
    assert bytes(watch.kept) == (b"abc" if kept else b"")


def test_what_is_kept_is_bounded_and_known_to_be_cut() -> None:
    watch, _ = watched("text/html")
    for _ in range(MAX_KEPT // 65536):
        watch.chunk(b"x" * 65536)
    assert not watch.cut
    watch.chunk(b"yz")
    assert watch.cut
    assert len(watch.kept) == MAX_KEPT
    assert watch.size == MAX_KEPT + 2


def test_a_kept_body_is_decoded() -> None:
    watch, _ = watched("text/html", "gzip")
    watch.chunk(gzip.compress(b"<p>x</p>"))
    assert watch.decoded() == b"<p>x</p>"


def test_only_event_streams_are_scanned() -> None:
    assert wants_scan("Text/Event-Stream; charset=utf-8")
    assert not wants_scan("text/html")
    assert not wants_scan("")
