"""The TCP segments of a block as columns, connection by connection, and their quiet runs.

A quiet run is a stretch of one connection where every segment is exactly what
was to be expected: data in order, or an acknowledgement of something new. Bulk
transfer is nearly all of that kind, and such a run changes the state of its
stream in a way that needs only its ends and sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from analysis.read.packets.address import Endpoints
from analysis.read.packets.block import Block, Ints, Mask, Words, gather
from analysis.read.packets.ip import TCP, Datagrams
from analysis.read.packets.sequence import ACK, FIN, RST, SYN

_HEADER = np.dtype(
    [
        ("sport", ">u2"),
        ("dport", ">u2"),
        ("seq", ">u4"),
        ("ack", ">u4"),
        ("offset", "u1"),
        ("flags", "u1"),
        ("window", ">u2"),
        ("checksum", ">u2"),
        ("urgent", ">u2"),
    ]
)
MIN_RUN = 2
"""Shorter runs are not worth their overhead."""

_HALF = 1 << 31
_WHOLE = (1 << 32) - 1


@dataclass(slots=True)
class Segments:
    """One entry per segment; those of a connection stand together, in file order.

    `row` is the entry in `Datagrams`, `flow` the number of the address pair,
    `source` the sender's endpoint, `upper` whether the sender's number is the
    higher of the two. `start` is the offset of the payload, `length` its length
    by the IP header (negative when the headers disagree), `captured` how much of
    it is in the file.
    """

    row: Ints
    flow: Words
    source: Words
    upper: Mask
    seq: Ints
    ack: Ints
    flags: Ints
    window: Ints
    header: Ints
    start: Ints
    length: Ints
    captured: Ints
    frame: Ints
    ns: Ints
    wire: Ints
    ttl: Ints
    ip_id: Ints


def segments_of(block: Block, found: Datagrams, endpoints: Endpoints) -> Segments | None:
    """The TCP segments of a block; None when there are none."""
    rows = found.of(TCP, _HEADER.itemsize)
    if not len(rows):
        return None
    header = gather(found.data, _HEADER, found.transport[rows])
    source = endpoints.number(
        found.src_high[rows], found.src_low[rows], header["sport"].astype(np.int64)
    )
    target = endpoints.number(
        found.dst_high[rows], found.dst_low[rows], header["dport"].astype(np.int64)
    )
    flow = source + target
    order = np.argsort(flow, kind="stable")
    rows, header = rows[order], header[order]
    length = (header["offset"].astype(np.int64) >> 4) * 4
    start = found.transport[rows] + length
    return Segments(
        rows,
        flow[order],
        source[order],
        (source > target)[order],
        header["seq"].astype(np.int64),
        header["ack"].astype(np.int64),
        header["flags"].astype(np.int64),
        header["window"].astype(np.int64),
        length,
        start,
        found.end[rows] - start,
        np.minimum(found.captured[rows], found.end[rows]) - start,
        block.frame[rows],
        block.ns[rows],
        block.wirelen[rows],
        found.ttl[rows],
        found.ip_id[rows],
    )


class Lane(NamedTuple):
    """One direction of a quiet run.

    `expected` is the sequence number that the run goes on from; `octets` and
    `packets` are payload and the segments that carry some, `longest` the longest
    of these, `data_ns` the time of the last. `sent` says whether anything was sent in
    this direction; `finish` to `ip_id` are of its last segment. `renewed` says
    whether the acknowledgement number changed in the run; `answer` is what the
    other direction acknowledged last, if that was `answered_since` then.
    """

    expected: int
    octets: int
    packets: int
    longest: int
    data_ns: int
    sent: bool
    finish: int
    window: int
    ack: int
    ns: int
    ip_id: int
    renewed: bool
    answered_since: bool
    answer: int


class Run(NamedTuple):
    """The quiet segments [begin, end) of one connection.

    `ttls` are (upper, IP TTL, segments); `lanes` the lower endpoint's direction
    and the upper's; `last_frame` and `last_ns` are those of the last segment,
    `data_ns` is the time of the last with payload, `octets` are on the wire.
    """

    begin: int
    end: int
    octets: int
    last_frame: int
    last_ns: int
    data_ns: int
    ttls: list[tuple[int, int, int]]
    lanes: tuple[Lane, Lane]


class Timeline(NamedTuple):
    """What timing acknowledgements needs of a block: plain sequences, read one by one.

    `data[d]` are the segments with payload in direction `d` (0: the lower endpoint
    sends), `renewed[d]` those that changed their acknowledgement number; `finish`,
    `ack` and `ns` are of every segment.
    """

    data: tuple[memoryview[int], memoryview[int]]
    renewed: tuple[memoryview[int], memoryview[int]]
    finish: memoryview[int]
    ack: memoryview[int]
    ns: memoryview[int]


def quiet_runs(segments: Segments) -> tuple[list[Run], Timeline]:
    """Find the runs. That a stream was in step at the start is for the caller to check."""
    index = np.arange(len(segments.row))
    sides = (~segments.upper, segments.upper)
    latest = (_latest(sides[0], index), _latest(sides[1], index))
    finish = segments.seq + segments.length & _WHOLE
    before: tuple[Ints, Ints] = (np.r_[-1, latest[0][:-1]], np.r_[-1, latest[1][:-1]])
    own = np.where(segments.upper, before[1], before[0])
    other = np.where(segments.upper, before[0], before[1])
    again = segments.ack == segments.ack[own]
    quiet = _quiet(segments, finish, own, other)
    edges = np.flatnonzero(np.diff(np.r_[False, quiet, False].astype(np.int8)))
    begin, end = edges[::2], edges[1::2]
    long = end - begin >= MIN_RUN
    begin, end = begin[long], end[long]
    sent = np.maximum(segments.length, 0)
    length = (np.where(sides[0], sent, 0), np.where(sides[1], sent, 0))
    renewed = (sides[0] & ~again, sides[1] & ~again)
    columns = [
        _lanes(
            segments,
            finish,
            begin,
            end,
            latest=latest[d],
            latest_other=latest[1 - d],
            length=length[d],
            renewed=renewed[d],
        )
        for d in (0, 1)
    ]
    wire = np.cumsum(segments.wire)
    last = end - 1
    runs = zip(
        begin.tolist(),
        end.tolist(),
        (wire[last] - wire[begin - 1]).tolist(),
        segments.frame[last].tolist(),
        segments.ns[last].tolist(),
        segments.ns[_latest(sent > 0, index)[last]].tolist(),
        _ttls(segments, begin, end),
        zip(*columns, strict=True),
        strict=True,
    )
    timeline = Timeline(
        (memoryview(np.flatnonzero(length[0])), memoryview(np.flatnonzero(length[1]))),
        (memoryview(np.flatnonzero(renewed[0])), memoryview(np.flatnonzero(renewed[1]))),
        memoryview(finish),
        memoryview(segments.ack),
        memoryview(segments.ns),
    )
    return [Run._make(run) for run in runs], timeline


def _quiet(segments: Segments, finish: Ints, own: Ints, other: Ints) -> Mask:
    """Which segments are as expected, after the last of their `own` and the `other` direction."""
    index = np.arange(len(segments.row))
    first = np.r_[True, segments.flow[1:] != segments.flow[:-1]]
    group = np.maximum.accumulate(np.where(first, index, 0))
    plain = (
        (segments.flags & (SYN | FIN | RST | ACK) == ACK)
        & (segments.header >= 20)
        & (segments.length >= 0)
        & (segments.window != 0)
    )
    again = segments.ack == segments.ack[own]
    repeats = (segments.length == 0) & again & (segments.window == segments.window[own])
    quiet: Mask = (
        (own >= group)
        & (other >= group)
        & plain
        & plain[own]
        & plain[other]
        & (segments.seq == finish[own])
        & ~repeats
        & (segments.ack - segments.ack[own] & _WHOLE < _HALF)
        # it acknowledges nothing that was not seen, and nothing of it was acknowledged before
        & (finish[other] - segments.ack & _WHOLE < _HALF)
        & ~_fills_window(segments, finish, other)
        & ((segments.length == 0) | (finish - segments.ack[other] - 1 & _WHOLE < _HALF - 1))
    )
    return quiet


def _lanes(
    segments: Segments,
    finish: Ints,
    begin: Ints,
    end: Ints,
    *,
    latest: Ints,
    latest_other: Ints,
    length: Ints,
    renewed: Mask,
) -> list[Lane]:
    """One direction of each run; `latest` is its last segment at or before each position."""
    index = np.arange(len(length))
    last, before = end - 1, begin - 1
    octets, packets = np.cumsum(length), np.cumsum(length > 0)
    at, answer = latest[last], latest_other[last]
    changed = _latest(renewed, index)[last]
    columns = (
        finish[latest[before]],
        octets[last] - octets[before],
        packets[last] - packets[before],
        _longest(length, begin, end),
        segments.ns[_latest(length > 0, index)[last]],
        at >= begin,
        finish[at],
        segments.window[at],
        segments.ack[at],
        segments.ns[at],
        segments.ip_id[at],
        changed >= begin,
        answer >= np.maximum(begin, changed),
        segments.ack[answer],
    )
    lists = (column.tolist() for column in columns)
    return [Lane._make(lane) for lane in zip(*lists, strict=True)]


def _ttls(segments: Segments, begin: Ints, end: Ints) -> list[list[tuple[int, int, int]]]:
    """(upper, IP TTL, segments) of each run."""
    size = end - begin
    number = np.repeat(np.arange(len(begin)), size)
    # positions of all runs in a row: counted from each one's begin
    which = np.arange(len(number)) + np.repeat(begin - np.cumsum(size) + size, size)
    key = (number << 9) | (segments.upper[which] * 256) | segments.ttl[which]
    distinct, counts = np.unique(key, return_counts=True)
    triples = list(
        zip((distinct >> 8 & 1).tolist(), (distinct & 255).tolist(), counts.tolist(), strict=True)
    )
    edges = np.searchsorted(distinct, np.arange(len(begin) + 1) << 9).tolist()
    return [triples[low:high] for low, high in pairwise(edges)]


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
    found: Ints = np.maximum.reduceat(np.r_[length, 0], edges)[::2]
    return found


def _latest(which: Mask, index: Ints) -> Ints:
    """The last index at or before each position where `which` holds; -1 for none."""
    return np.maximum.accumulate(np.where(which, index, -1))
