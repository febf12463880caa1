"""Quiet runs: segments of a block that are taken together.

A quiet run is a stretch of one connection where every segment is exactly what
was to be expected: data in order, or an acknowledgement of something new. Bulk
transfer is nearly all of that kind, and such a run changes the state of its
stream in a way that needs only its ends and sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from analysis.read.packets.block import Ints, Mask, changes
from analysis.read.packets.segments import Segments
from analysis.read.packets.sequence import ACK, FIN, RST, SYN
from analysis.read.packets.stream import SACK

MIN_RUN = 2
"""Shorter runs are not worth their overhead."""

WITH_SACK = 32
"""Length of a header with one SACK block (RFC 2018 section 3) and its padding."""

_FIXED = 20
"""Octets of a header before its options."""

_HALF = 1 << 31
_WHOLE = (1 << 32) - 1


class Lane(NamedTuple):
    """One direction of a quiet run.

    `expected` is the sequence number that the run goes on from; `octets` and
    `packets` are payload and the segments that carry some, `longest` the longest
    of these, `data_ns` the time of the last. `sent` segments went in this direction, if
    any; `finish` to `ttl` are of its last one. `renewed` says
    whether the acknowledgement number changed in the run; `answer` is what the
    other direction acknowledged last, if that was `answered_since` then.
    """

    expected: int
    octets: int
    packets: int
    longest: int
    data_ns: int
    sent: int
    finish: int
    window: int
    ack: int
    ns: int
    ip_id: int
    ttl: int
    renewed: int
    answered_since: int
    answer: int


class Run(NamedTuple):
    """The quiet segments [begin, end) of one connection.

    `ttls` are (upper, IP TTL, segments) of a run where these change, else empty; `lanes`
    the lower endpoint's direction and the upper's; `last_frame` and `last_ns` are those of
    the last segment, `data_ns` is the time of the last with payload, `octets` are on the wire.
    """

    begin: int
    end: int
    octets: int
    last_frame: int
    last_ns: int
    data_ns: int
    ttls: list[tuple[int, int, int]]
    lanes: tuple[Lane, Lane]


FACTS = len(Run._fields) - 2 + 2 * len(Lane._fields)
TTL_FACTS = 3


class Timeline(NamedTuple):
    """What is looked at one by one in quiet runs: plain sequences, quicker than arrays.

    `data[d]` are the segments with payload in direction `d` (0: the lower endpoint
    sends), `renewed[d]` those that changed their acknowledgement number; all others
    are columns of the block.
    """

    data: tuple[memoryview[int], memoryview[int]]
    renewed: tuple[memoryview[int], memoryview[int]]
    finish: memoryview[int]
    seq: memoryview[int]
    ack: memoryview[int]
    start: memoryview[int]
    length: memoryview[int]
    captured: memoryview[int]
    frame: memoryview[int]
    ns: memoryview[int]
    ttl: memoryview[int]
    ip_id: memoryview[int]


class Quiet(NamedTuple):
    """The quiet runs of a block as arrays, wherever they were made.

    `facts` has a row per fact, of `Run` and then of either `Lane`, and an entry per run.
    `ttls` has the rows upper, IP TTL, segments; those of each run begin at one of
    `ttl_edges`. `data`, `renewed` and `finish` are those of `Timeline`.
    """

    facts: Ints
    ttls: Ints
    ttl_edges: Ints
    data: tuple[Ints, Ints]
    renewed: tuple[Ints, Ints]
    finish: Ints

    def runs(self) -> list[Run]:
        """The runs, in order."""
        triples = list(zip(*self.ttls.tolist(), strict=True))
        ttls = [triples[low:high] for low, high in pairwise(self.ttl_edges.tolist())]
        facts = self.facts.tolist()
        own, both = len(Run._fields) - 2, len(Lane._fields)
        lower, upper = facts[own : own + both], facts[own + both :]
        lanes = zip(_tuples(Lane, lower), _tuples(Lane, upper), strict=True)
        return list(_tuples(Run, [*facts[:own], ttls, lanes]))

    def timeline(self, segments: Segments) -> Timeline:
        """What is looked at one by one."""
        return Timeline(
            (memoryview(self.data[0]), memoryview(self.data[1])),
            (memoryview(self.renewed[0]), memoryview(self.renewed[1])),
            memoryview(self.finish),
            *(memoryview(getattr(segments, name)) for name in Timeline._fields[3:]),
        )


def _tuples[T: tuple[Any, ...]](kind: type[T], columns: Iterable[Iterable[Any]]) -> Iterator[T]:
    """Named tuples of columns, as `_make` does it without a call in Python for each."""
    return map(partial(tuple.__new__, kind), zip(*columns, strict=True))


def quiet_runs(segments: Segments) -> Quiet:
    """Find the runs. That a stream was in step at the start is for the caller to check."""
    index = np.arange(len(segments))
    first = changes(segments.flow)
    sides = (~segments.upper, segments.upper)
    latest = (_latest(sides[0], index), _latest(sides[1], index))
    finish = _finish(segments)
    reached = (
        _highest(segments, finish, sides[0], first),
        _highest(segments, finish, sides[1], first),
    )
    own, other = _before(segments, latest, -1)
    again = segments.ack == segments.ack[own]
    begins = np.maximum.accumulate(np.where(first, index, 0))
    paired = (own >= begins) & (other >= begins)
    sent = np.maximum(segments.length, 0)
    quiet = paired & _quiet(segments, own, other, *_before(segments, reached, 0))
    padded = np.concatenate(([False], quiet, [False]))
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    begin, end = edges[::2], edges[1::2]
    long = end - begin >= MIN_RUN
    begin, end = begin[long], end[long]
    length = (np.where(sides[0], sent, 0), np.where(sides[1], sent, 0))
    renewed = (sides[0] & ~again, sides[1] & ~again)
    wire, last = np.cumsum(segments.wire), end - 1
    facts = [
        begin,
        end,
        wire[last] - wire[begin - 1],
        segments.frame[last],
        segments.ns[last],
        segments.ns[_latest(sent > 0, index)[last]],
    ]
    for d in (0, 1):
        facts += _lane(
            segments,
            finish,
            begin,
            end,
            mine=sides[d],
            latest=latest[d],
            latest_other=latest[1 - d],
            reached=reached[d],
            length=length[d],
            renewed=renewed[d],
        )
    return Quiet(
        np.stack(facts),
        *_ttls(segments, begin, end, own),
        (np.flatnonzero(length[0]), np.flatnonzero(length[1])),
        (np.flatnonzero(renewed[0]), np.flatnonzero(renewed[1])),
        finish,
    )


def _finish(segments: Segments) -> Ints:
    """The sequence number behind each segment; SYN and FIN take one each."""
    ends = (segments.flags & (SYN | FIN) != 0).astype(np.int64)
    finish: Ints = segments.seq + np.maximum(segments.length, 0) + ends & _WHOLE
    return finish


def _highest(segments: Segments, finish: Ints, mine: Mask, first: Mask) -> Ints:
    """The highest of `finish` so far in one direction of a connection, within the block."""
    group = np.cumsum(first) - 1
    places = np.flatnonzero(mine)
    begins = np.zeros(int(group[-1]) + 1, np.int64)
    begins[group[places[::-1]]] = places[::-1]  # the first of each group is written last
    base = finish[begins[group]]
    ahead = finish - base + _HALF & _WHOLE
    counts = mine & (segments.header >= 20) & (segments.length >= 0)
    # numbers of a later group are above all of an earlier one
    reached = np.maximum.accumulate((group << 32) + np.where(counts, ahead, 0)) & _WHOLE
    highest: Ints = base + reached - _HALF & _WHOLE
    return highest


def _before(segments: Segments, columns: tuple[Ints, Ints], none: int) -> tuple[Ints, Ints]:
    """What held before each segment in its own direction, and in the other."""
    lower, upper = (_shifted(column, none) for column in columns)
    own = np.where(segments.upper, upper, lower)
    return own, np.where(segments.upper, lower, upper)


def _shifted(column: Ints, first: int) -> Ints:
    """What stands one place before, and `first` at the start."""
    out = np.empty_like(column)
    out[0], out[1:] = first, column[:-1]
    return out


def _quiet(segments: Segments, own: Ints, other: Ints, reached: Ints, other_reached: Ints) -> Mask:
    """Which segments are as expected.

    `own` and `other` are the last segments before in either direction, `reached` and
    `other_reached` the highest sequence numbers by then.
    """
    # what a segment is held against may open or close its direction, but not break it off
    sound = (
        (segments.flags & (RST | ACK) == ACK)
        & (segments.header >= 20)
        & (segments.length >= 0)
        & (segments.window != 0)
    )
    again = segments.ack == segments.ack[own]
    repeats = (segments.length == 0) & again & (segments.window == segments.window[own])
    finish = segments.seq + segments.length & _WHOLE
    quiet: Mask = (
        sound
        & (segments.flags & (SYN | FIN) == 0)
        & sound[own]
        & sound[other]
        & (segments.seq == reached)
        & ~repeats
        & (segments.ack - segments.ack[own] & _WHOLE < _HALF)
        # it acknowledges nothing that was not seen, and nothing of it was acknowledged before
        & (other_reached - segments.ack & _WHOLE < _HALF)
        & ~_fills_window(segments, finish, other)
        & ((segments.length == 0) | (finish - segments.ack[other] - 1 & _WHOLE < _HALF - 1))
    )
    # with nothing new in the number, the options may tell of data behind a gap
    telling = np.flatnonzero(
        quiet
        & again
        & (segments.length == 0)
        & (segments.header >= WITH_SACK)
        & (segments.captured >= 0)
    )
    quiet[telling[_selects(segments, telling)]] = False
    return quiet


def _selects(segments: Segments, which: Ints) -> Mask:
    """Whether segments may carry the SACK option: it stands first, or behind two NOPs."""
    data = np.frombuffer(segments.data, np.uint8)
    options = segments.start[which] - segments.header[which] + _FIXED
    first, third = data[options], data[options + 2]
    selects: Mask = (segments.header[which] > WITH_SACK) | (first == SACK) | (third == SACK)
    return selects


def _lane(
    segments: Segments,
    finish: Ints,
    begin: Ints,
    end: Ints,
    *,
    mine: Mask,
    latest: Ints,
    latest_other: Ints,
    reached: Ints,
    length: Ints,
    renewed: Mask,
) -> tuple[Ints, ...]:
    """The facts of one direction of each run.

    `latest` is its last segment at or before each position.
    """
    index = np.arange(len(length))
    last, before = end - 1, begin - 1
    sent = np.cumsum(mine)
    octets, packets = np.cumsum(length), np.cumsum(length > 0)
    at, answer = latest[last], latest_other[last]
    changed = _latest(renewed, index)[last]
    return (
        reached[before],
        octets[last] - octets[before],
        packets[last] - packets[before],
        _longest(length, begin, end),
        segments.ns[_latest(length > 0, index)[last]],
        sent[last] - sent[before],
        finish[at],
        segments.window[at],
        segments.ack[at],
        segments.ns[at],
        segments.ip_id[at],
        segments.ttl[at],
        (changed >= begin).astype(np.int64),
        (answer >= np.maximum(begin, changed)).astype(np.int64),
        segments.ack[answer],
    )


def _ttls(segments: Segments, begin: Ints, end: Ints, own: Ints) -> tuple[Ints, Ints]:
    """The columns `ttls` and `ttl_edges`; `own` is the segment before in the same direction."""
    turned = np.cumsum(segments.ttl != segments.ttl[own])
    # a run's first segments are held against those before it, which is harmless
    mixed = np.flatnonzero(turned[end - 1] != turned[begin - 1])
    number, which = _inside(begin[mixed], end[mixed])
    key = (mixed[number] << 9) | (segments.upper[which] * 256) | segments.ttl[which]
    distinct, counts = np.unique(key, return_counts=True)
    triples = np.stack((distinct >> 8 & 1, distinct & 255, counts))
    return triples, np.searchsorted(distinct, np.arange(len(begin) + 1) << 9)


def _inside(begin: Ints, end: Ints) -> tuple[Ints, Ints]:
    """All positions of some stretches, and the number of each one's stretch."""
    size = end - begin
    number = np.repeat(np.arange(len(begin)), size)
    # positions of all in a row: counted from each one's begin
    return number, np.arange(len(number)) + np.repeat(begin - np.cumsum(size) + size, size)


def _fills_window(segments: Segments, finish: Ints, other: Ints) -> Mask:
    """Whether a segment may end just where the other side's window does, at any window scale."""
    flight = finish - segments.ack[other] & _WHOLE
    window = np.maximum(segments.window[other], 1)
    times = flight // window
    power: Mask = (times & (times - 1) == 0) & (times > 0)
    full: Mask = power & (times * window == flight) & (segments.length > 0)
    return full


def _longest(length: Ints, begin: Ints, end: Ints) -> Ints:
    """The highest of each [begin, end), which do not overlap."""
    if not len(begin):
        return begin
    edges = np.stack((begin, end), 1).ravel()
    # the last run may end with the block, where there is nothing to start a slice at
    found: Ints = np.maximum.reduceat(np.append(length, 0), edges)[::2]
    return found


def _latest(which: Mask, index: Ints) -> Ints:
    """The last index at or before each position where `which` holds; -1 for none."""
    return np.maximum.accumulate(np.where(which, index, -1))
