"""TLS application-data records of every connection: how many, how far apart, the last one.

Counted are the records that begin a segment, as the small records of a streamed
answer do; those in the middle of bulk data are not looked for. Work goes block by
block on arrays, and what is kept grows with the number of connections only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.read.packets.block import Data, Ints, Mask, gather
from analysis.read.packets.segments import Segments
from analysis.read.packets.sequence import SYN
from analysis.read.packets.tls import APPLICATION_DATA

_HEADER = np.dtype([("kind", "u1"), ("version", ">u2"), ("length", ">u2")])
_VERSION = 0x0303  # RFC 8446 section 5.1
_MAX_LENGTH = (1 << 14) + 256
_HALF, _WHOLE = 1 << 31, (1 << 32) - 1

_SHORTEST_NS = 100_000
_PER_OCTAVE = 3
_BUCKETS = 64
"""Gaps are counted in steps of 26 %, from 0.1 ms on up to 200 s."""


class Spoken(NamedTuple):
    """Records of one connection; gaps in ns, None where there are too few records."""

    client: int
    server: int
    client_last: int
    server_last: int
    gap_p50: int | None
    gap_p95: int | None
    gap_max: int | None


class RecordTimes:
    """Facts per lane: the client's direction of connection n is lane 2n, the server's 2n+1."""

    def __init__(self) -> None:
        self._count = np.zeros(0, np.int64)
        self._seq = np.zeros(0, np.int64)
        self._ns = np.zeros(0, np.int64)
        self._length = np.zeros(0, np.int64)
        self._longest = np.zeros(0, np.int64)
        self._gaps = np.zeros((0, _BUCKETS), np.uint32)

    def feed(self, data: Data, segments: Segments, connection: Ints, from_client: Mask) -> None:
        """Take the segments of a block; `connection` is each one's number, -1 for none."""
        index, length = _records(data, segments, connection)
        if not len(index):
            return
        self._make_room(int(connection.max()) + 1)
        lane = 2 * connection[index] + ~from_client[index]
        order = np.argsort(lane, kind="stable")
        index, length, lane = index[order], length[order], lane[order]
        new = self._new(lane, segments.seq[index])
        index, length, lane = index[new], length[new], lane[new]
        if len(index):
            self._take(lane, segments.seq[index], segments.ns[index], length)

    def of(self, connection: int) -> Spoken | None:
        """What is known of a connection; None without a record."""
        client, server = 2 * connection, 2 * connection + 1
        if server >= len(self._count) or not self._count[client : server + 1].any():
            return None
        longest = int(self._longest[server])
        gaps = np.cumsum(self._gaps[connection])
        total = int(gaps[-1])
        return Spoken(
            int(self._count[client]),
            int(self._count[server]),
            int(self._length[client]),
            int(self._length[server]),
            min(_quantile(gaps, 0.5), longest) if total else None,
            min(_quantile(gaps, 0.95), longest) if total else None,
            longest if total else None,
        )

    def _make_room(self, connections: int) -> None:
        have = len(self._gaps)
        if connections <= have:
            return
        more = max(connections, 2 * have) - have
        for name in ("_count", "_seq", "_ns", "_length", "_longest"):
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.zeros(2 * more, np.int64)]))
        self._gaps = np.concatenate([self._gaps, np.zeros((more, _BUCKETS), np.uint32)])

    def _new(self, lane: Ints, seq: Ints) -> Mask:
        """Which records go beyond all before them in their lane: none is counted twice."""
        group, begin = _groups(lane)
        known = self._count[lane[begin]] > 0
        base = np.where(known, self._seq[lane[begin]], seq[begin] - 1)[group]
        place = (group << 32) + (seq - base + _HALF & _WHOLE)
        before = np.r_[0, np.maximum.accumulate(place)[:-1]]
        new: Mask = place > np.maximum(before, (group << 32) + _HALF)
        return new

    def _take(self, lane: Ints, seq: Ints, ns: Ints, length: Ints) -> None:
        group, begin = _groups(lane)
        previous = np.r_[0, ns[:-1]]
        previous[begin] = self._ns[lane[begin]]
        follows = np.ones(len(lane), np.bool_)
        follows[begin] = self._count[lane[begin]] > 0
        timed = follows & (lane & 1 == 1)
        gap = np.maximum(ns - previous, 0)[timed]
        np.add.at(self._gaps, (lane[timed] >> 1, _bucket(gap)), 1)
        np.maximum.at(self._longest, lane[timed], gap)
        last = np.r_[begin[1:], len(lane)] - 1
        here = lane[begin]
        self._count[here] += np.bincount(group)
        self._seq[here], self._ns[here], self._length[here] = seq[last], ns[last], length[last]


def _records(data: Data, segments: Segments, connection: Ints) -> tuple[Ints, Ints]:
    """The segments that begin with an application-data record, and its length."""
    whole = (segments.captured >= _HEADER.itemsize) & (segments.length >= _HEADER.itemsize)
    may = np.flatnonzero(whole & (segments.flags & SYN == 0) & (connection >= 0))
    header = gather(data, _HEADER, segments.start[may])
    length = header["length"].astype(np.int64)
    sound = (header["kind"] == APPLICATION_DATA) & (header["version"] == _VERSION)
    sound &= (length > 0) & (length <= _MAX_LENGTH)
    return may[sound], length[sound]


def _groups(lane: Ints) -> tuple[Ints, Ints]:
    """The number of each entry's group of equal lanes, and where each group begins."""
    first = np.r_[True, lane[1:] != lane[:-1]]
    return np.cumsum(first) - 1, np.flatnonzero(first)


def _bucket(gap: Ints) -> Ints:
    octaves = np.log2(np.maximum(gap, _SHORTEST_NS) / _SHORTEST_NS)
    return np.minimum((octaves * _PER_OCTAVE).astype(np.int64), _BUCKETS - 1)


def _quantile(gaps: npt.NDArray[Any], share: float) -> int:
    """The middle of the bucket that holds the gap which `share` of all do not exceed."""
    bucket = int(np.searchsorted(gaps, max(1, share * int(gaps[-1]))))
    return int(_SHORTEST_NS * 2 ** ((bucket + 0.5) / _PER_OCTAVE))
