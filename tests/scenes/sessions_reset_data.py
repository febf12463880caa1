"""Packets in which connections are reset after data of the server, and what looks like it."""

from __future__ import annotations

from typing import Any

from line import Line, Stream
from line_tls import records
from scene import UNCLEAR, WELL
from session_scene import as_packets


def cut(line: Line, at: float, after: float, *, flags: str = "R", name: str = "chatgpt.com",
        acked: bool = False, **more: Any) -> Stream:  # fmt: skip
    """A page comes; the next request is answered by a reset, `after` seconds later."""
    stream = line.connect(at, name)
    stream.ask(620, 9_000, 0.1)
    asked = stream.busy + 0.3
    stream.send(asked, records(900), acked=acked)
    stream.reset(asked + after, flags=flags, **more)
    return stream


def cuts(line: Line, times: int, after: float, **more: Any) -> None:
    line.elsewhere(0.0)
    for number in range(times):
        cut(line, 2.0 + number * 4.0, after, **more)
    line.elsewhere(30.0)


@as_packets("data-reset-each-time", "tcp", "tcp.reset_injected")
def each_time(line: Line) -> None:
    """The resets carry every mark of the server's own; all connections end by them."""
    cuts(line, 4, 0.022)


@as_packets("data-reset-with-ack", "tcp", "tcp.reset_injected")
def with_ack(line: Line) -> None:
    cuts(line, 5, 0.023, flags="RA")


@as_packets("data-reset-too-soon", "tcp", "tcp.reset_injected")
def too_soon(line: Line) -> None:
    """Three milliseconds after the request, on a path of twenty."""
    cuts(line, 4, 0.003)


@as_packets("data-reset-by-another-hop", "tcp", "tcp.reset_injected")
def another_hop(line: Line) -> None:
    cuts(line, 3, 0.012, ttl=62, flags="RA")


@as_packets("data-reset-twice", "healthy", statuses=UNCLEAR)
def twice(line: Line) -> None:
    """Two are no rule."""
    cuts(line, 2, 0.022)


@as_packets("data-reset-then-well", "healthy", statuses=WELL)
def then_well(line: Line) -> None:
    """The edge's server starts anew and resets what it had; the next connection lives."""
    cuts(line, 3, 0.022)
    line.visit(34.0)


@as_packets("reset-long-after-the-answer", "healthy", statuses=UNCLEAR)
def long_after(line: Line) -> None:
    """A server that lets go of its clients when nobody has asked anything."""
    line.elsewhere(0.0)
    for number in range(4):
        stream = line.connect(2.0 + number * 9.0, "chatgpt.com")
        for _ in range(3):
            stream.ask(620, 9_000, 0.1)
        stream.reset(stream.busy + 3.0 + number * 0.4)
    line.elsewhere(40.0)


@as_packets("reset-of-acknowledged-requests", "healthy", statuses=UNCLEAR)
def acknowledged(line: Line) -> None:
    """The server took the requests and gave up on them a second later: not a device's doing."""
    line.elsewhere(0.0)
    for number in range(4):
        cut(line, 2.0 + number * 6.0, 1.2, acked=True)
    line.elsewhere(30.0)
