"""The TCP segments of a block as columns, connection by connection, and their quiet runs.

A quiet run is a stretch of one connection where every segment is exactly what
was to be expected: data in order, or an acknowledgement of something new. Bulk
transfer is nearly all of that kind, and such a run changes the state of its
stream in a way that needs only its ends and sums.
"""

from __future__ import annotations

from dataclasses import dataclass

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
MIN_RUN = 4
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


@dataclass(slots=True)
class Runs:
    """Quiet runs [begin, end), and what is needed to take one as a whole.

    `latest[d][i]` is the last segment at or before `i` sent in direction `d` (0:
    the lower endpoint), `latest_data` the last of these with payload, -1 for
    none, `latest_renewed` the last that changed its acknowledgement number;
    `payload[d]` and `wire` sum up octets of payload and on the wire, `packets[d]`
    segments with payload. `longest` is the longest payload of each run, per direction;
    `data[d]` lists the segments with payload, `renewed[d]` those that changed their
    acknowledgement number.
    """

    begin: list[int]
    end: list[int]
    finish: Ints
    latest: tuple[Ints, Ints]
    latest_data: tuple[Ints, Ints]
    latest_renewed: tuple[Ints, Ints]
    payload: tuple[Ints, Ints]
    packets: tuple[Ints, Ints]
    wire: Ints
    longest: list[tuple[int, int]]
    data: tuple[Ints, Ints]
    renewed: tuple[Ints, Ints]


def quiet_runs(segments: Segments) -> Runs:
    """Find the runs. That a stream was in step at the start is for the caller to check."""
    count = len(segments.row)
    index = np.arange(count)
    first = np.r_[True, segments.flow[1:] != segments.flow[:-1]]
    group = np.maximum.accumulate(np.where(first, index, 0))
    sides = (~segments.upper, segments.upper)
    latest = (_latest(sides[0], index), _latest(sides[1], index))
    finish = segments.seq + segments.length & _WHOLE
    before: tuple[Ints, Ints] = (np.r_[-1, latest[0][:-1]], np.r_[-1, latest[1][:-1]])
    own = np.where(segments.upper, before[1], before[0])
    other = np.where(segments.upper, before[0], before[1])
    paired = (own >= group) & (other >= group)
    plain = (
        (segments.flags & (SYN | FIN | RST | ACK) == ACK)
        & (segments.header >= 20)
        & (segments.length >= 0)
        & (segments.window != 0)
    )
    again = segments.ack == segments.ack[own]
    repeats = (segments.length == 0) & again & (segments.window == segments.window[own])
    quiet = (
        paired
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
    edges = np.flatnonzero(np.diff(np.r_[False, quiet, False].astype(np.int8)))
    begin, end = edges[::2], edges[1::2]
    long = end - begin >= MIN_RUN
    begin, end = begin[long], end[long]
    data = segments.length > 0
    length = np.where(data, segments.length, 0)
    up, down = np.where(sides[0], length, 0), np.where(sides[1], length, 0)
    return Runs(
        begin.tolist(),
        end.tolist(),
        finish,
        latest,
        (_latest(sides[0] & data, index), _latest(sides[1] & data, index)),
        (_latest(sides[0] & ~again, index), _latest(sides[1] & ~again, index)),
        (np.cumsum(up), np.cumsum(down)),
        (np.cumsum(up > 0), np.cumsum(down > 0)),
        np.cumsum(segments.wire),
        list(zip(_longest(up, begin, end), _longest(down, begin, end), strict=True)),
        (np.flatnonzero(up), np.flatnonzero(down)),
        (np.flatnonzero(sides[0] & ~again), np.flatnonzero(sides[1] & ~again)),
    )


def _fills_window(segments: Segments, finish: Ints, other: Ints) -> Mask:
    """Whether a segment may end just where the other side's window does, at any window scale."""
    flight = finish - segments.ack[other] & _WHOLE
    window = np.maximum(segments.window[other], 1)
    times = flight // window
    power: Mask = (times & (times - 1) == 0) & (times > 0)
    full: Mask = power & (times * window == flight) & (segments.length > 0)
    return full


def _longest(length: Ints, begin: Ints, end: Ints) -> list[int]:
    """The highest of each [begin, end), which do not overlap."""
    if not len(begin):
        return []
    edges = np.stack((begin, end), 1).ravel()
    # the last run may end with the block, where there is nothing to start a slice at
    found: list[int] = np.maximum.reduceat(np.r_[length, 0], edges)[::2].tolist()
    return found


def _latest(which: Mask, index: Ints) -> Ints:
    """The last index at or before each position where `which` holds; -1 for none."""
    return np.maximum.accumulate(np.where(which, index, -1))
