"""TLS application-data records of every connection: how many, how far apart, the last one.

Counted are the records that begin a segment, as the small records of a streamed
answer do; those in the middle of bulk data are not looked for. Work goes block by
block on arrays, and what is kept grows with the number of connections only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.read.packets.block import Ints, Mask, changes
from analysis.read.packets.segments import Segments

if TYPE_CHECKING:
    import numpy.typing as npt

_HALF, _WHOLE = 1 << 31, (1 << 32) - 1

_SHORTEST_NS = 100_000
_PER_OCTAVE = 3
_BUCKETS = 64
"""Gaps are counted in steps of 26 %, from 0.1 ms on up to 200 s."""

_REPLY_NS = 500_000_000
"""A record of the client this soon after one of the server gives credit, and asks nothing new."""

_TOGETHER = 4096
"""Connections whose gaps are summed up at once."""

_MIDDLES = (_SHORTEST_NS * 2 ** ((np.arange(_BUCKETS) + 0.5) / _PER_OCTAVE)).astype(np.int64)


class RecordTimes:
    """Facts per lane: the client's direction of connection n is lane 2n, the server's 2n+1."""

    def __init__(self) -> None:
        self._count = np.zeros(0, np.int64)
        self._seq = np.zeros(0, np.int64)
        self._ns = np.zeros(0, np.int64)
        self._length = np.zeros(0, np.int64)
        self._longest = np.zeros(0, np.int64)
        self._quiet = np.zeros(0, np.int64)
        self._quiet_end = np.zeros(0, np.int64)
        self._before = np.zeros(0, np.int64)
        self._gaps = np.zeros((0, _BUCKETS), np.uint32)

    def feed(self, segments: Segments, connection: Ints, from_client: Mask) -> None:
        """Take the segments of a block; `connection` is each one's number, -1 for none."""
        index = np.flatnonzero((segments.record > 0) & (connection >= 0))
        if not len(index):
            return
        length = segments.record[index]
        self._make_room(int(connection.max()) + 1)
        lane = 2 * connection[index] + ~from_client[index]
        order = np.argsort(lane, kind="stable")
        index, length, lane = index[order], length[order], lane[order]
        new = self._new(lane, segments.seq[index])
        index, length, lane = index[new], length[new], lane[new]
        if len(index):
            asked = self._asked(lane, index, segments.ns[index])
            self._take(lane, segments.seq[index], segments.ns[index], length, asked)

    def columns(self, spoken: list[bool]) -> dict[str, npt.NDArray[np.float64]]:
        """Columns of the connections 0, 1, ...; NaN for those that have not `spoken` TLS."""
        self._make_room(len(spoken))
        wanted = np.array(spoken, np.bool_)
        lanes = 2 * np.arange(len(spoken))
        longest = self._longest[lanes + 1]
        middle, late, timed = np.zeros_like(lanes), np.zeros_like(lanes), np.zeros_like(wanted)
        for begin in range(0, len(spoken), _TOGETHER):
            part = slice(begin, min(begin + _TOGETHER, len(spoken)))
            gaps = np.cumsum(self._gaps[part], axis=1, dtype=np.int64)
            middle[part], late[part] = _quantile(gaps, 0.5), _quantile(gaps, 0.95)
            timed[part] = wanted[part] & (gaps[:, -1] > 0)
        return {
            "client_records": _counts(self._count[lanes], wanted),
            "server_records": _counts(self._count[lanes + 1], wanted),
            "server_record_gap_p50_ms": _spans(np.minimum(middle, longest), timed),
            "server_record_gap_p95_ms": _spans(np.minimum(late, longest), timed),
            "server_record_gap_max_ms": _spans(longest, timed),
            "server_quiet_gap_ms": _spans(
                self._quiet[lanes + 1], wanted & (self._quiet[lanes + 1] > 0)
            ),
            "server_records_before_gap": _counts(self._before[lanes + 1], wanted),
            "client_last_record": _counts(self._length[lanes], wanted),
            "server_last_record": _counts(self._length[lanes + 1], wanted),
        }

    def quiet_gap(self, connection: int) -> tuple[int, int] | None:
        """Begin and end, in ns, of the server's longest silence that the client left alone."""
        lane = 2 * connection + 1
        if lane >= len(self._quiet) or not self._quiet[lane]:
            return None
        end = int(self._quiet_end[lane])
        return end - int(self._quiet[lane]), end

    def _make_room(self, connections: int) -> None:
        have = len(self._gaps)
        if connections <= have:
            return
        more = max(connections, have + have // 4) - have
        for name in (
            *("_count", "_seq", "_ns", "_length", "_longest"),
            *("_quiet", "_quiet_end", "_before"),
        ):
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

    def _asked(self, lane: Ints, index: Ints, ns: Ints) -> Ints:
        """When the client last sent a record before each record of its connection; 0 for never."""
        order = np.argsort(index, kind="stable")
        connection, own = lane[order] >> 1, ns[order]
        begin = _groups(connection)[1][_groups(connection)[0]]
        place = np.maximum.accumulate(np.where(lane[order] & 1 == 0, np.arange(len(order)), -1))
        asked = np.empty_like(ns)
        asked[order] = np.where(place >= begin, own[place], self._ns[2 * connection])
        return asked

    def _take(self, lane: Ints, seq: Ints, ns: Ints, length: Ints, asked: Ints) -> None:
        group, begin = _groups(lane)
        previous = np.r_[0, ns[:-1]]
        previous[begin] = self._ns[lane[begin]]
        follows = np.ones(len(lane), np.bool_)
        follows[begin] = self._count[lane[begin]] > 0
        timed = follows & (lane & 1 == 1)
        gap = np.maximum(ns - previous, 0)[timed]
        np.add.at(self._gaps.reshape(-1), (lane[timed] >> 1) * _BUCKETS + _bucket(gap), 1)
        np.maximum.at(self._longest, lane[timed], gap)
        rank = np.arange(len(lane)) - begin[group]
        quiet = timed & (asked <= previous + _REPLY_NS) & (ns > previous)
        self._note_quiet(
            lane[quiet], (ns - previous)[quiet], ns[quiet], (self._count[lane] + rank)[quiet]
        )
        last = np.append(begin[1:], len(lane)) - 1
        here = lane[begin]
        self._count[here] += np.bincount(group)
        self._seq[here], self._ns[here], self._length[here] = seq[last], ns[last], length[last]

    def _note_quiet(self, lane: Ints, gap: Ints, end: Ints, before: Ints) -> None:
        """Keep the longest gap of each lane, its end, and how many records came before it."""
        if not len(lane):
            return
        group, begin = _groups(lane)
        longest = np.flatnonzero(gap == np.maximum.reduceat(gap, begin)[group])
        best = longest[np.r_[group[longest][1:] != group[longest][:-1], True]]
        best = best[gap[best] > self._quiet[lane[best]]]
        here = lane[best]
        self._quiet[here], self._quiet_end[here] = gap[best], end[best]
        self._before[here] = before[best]


def _groups(lane: Ints) -> tuple[Ints, Ints]:
    """The number of each entry's group of equal lanes, and where each group begins."""
    first = changes(lane)
    return np.cumsum(first) - 1, np.flatnonzero(first)


def _bucket(gap: Ints) -> Ints:
    octaves = np.log2(np.maximum(gap, _SHORTEST_NS) / _SHORTEST_NS)
    return np.minimum((octaves * _PER_OCTAVE).astype(np.int64), _BUCKETS - 1)


def _quantile(gaps: npt.NDArray[Any], share: float) -> Ints:
    """The middle of the bucket that holds the gap which `share` of all do not exceed.

    `gaps` are running sums over the buckets, a row for each connection.
    """
    wanted = np.maximum(1, share * gaps[:, -1])
    bucket = np.minimum((gaps < wanted[:, None]).sum(axis=1), _BUCKETS - 1)
    return _MIDDLES[bucket]


def _counts(numbers: Ints, which: Mask) -> npt.NDArray[np.float64]:
    """Numbers, NaN for 0 and outside of `which`."""
    return np.where(which & (numbers != 0), numbers, np.nan)


def _spans(ns: Ints, which: Mask) -> npt.NDArray[np.float64]:
    """Milliseconds, NaN outside of `which`."""
    return np.where(which, ns / 1e6, np.nan)
