"""The ``activity`` table: per second, how much was going on and among how many."""

from __future__ import annotations

import secrets

import numpy as np
import pandas as pd

from analysis.model.frames import frame_of_columns
from analysis.read.packets.block import Block, Ints, Words, u16
from analysis.read.packets.ip import TCP, UDP, Datagrams

_SECOND = 1_000_000_000


class Activity:
    """Collects seconds; `frame` makes the table.

    Kept are one entry per second and block, and one per second and distinct
    connection or sender in it.
    """

    def __init__(self) -> None:
        self._totals: list[tuple[Ints, Ints, Ints]] = []
        self._connections: list[tuple[Ints, Words]] = []
        self._senders: list[tuple[Ints, Words]] = []
        # nobody who makes a capture can choose addresses that collide
        self._factors = [np.uint64(secrets.randbits(64) | 1) for _ in range(4)]

    def feed(self, block: Block, found: Datagrams) -> None:
        """Take the packets of a block; those without a time are left out."""
        timed = block.ns != 0
        rows = np.arange(len(block)) if timed.all() else np.flatnonzero(timed)
        if not len(rows):
            return
        second, index = _seconds(block.ns[rows] // _SECOND)
        packets = np.bincount(index, minlength=len(second))
        size = np.bincount(index, weights=block.wirelen[rows], minlength=len(second))
        self._totals.append((second, packets, size.astype(np.int64)))
        addressed = found.version[rows] > 0
        source = self._mixed(found.src_high[rows], found.src_low[rows], np.uint64(0))
        self._senders.append(_distinct(second, index[addressed], source[addressed]))
        ported = np.isin(found.protocol[rows], (TCP, UDP))
        ported &= found.transport[rows] + 4 <= found.captured[rows]
        rows, index = rows[ported], index[ported]
        at = found.transport[rows]
        pair = self._mixed(
            found.src_high[rows], found.src_low[rows], u16(found.data, at).astype(np.uint64)
        ) + self._mixed(
            found.dst_high[rows], found.dst_low[rows], u16(found.data, at + 2).astype(np.uint64)
        )
        self._connections.append(
            _distinct(second, index, pair ^ found.protocol[rows].astype(np.uint64))
        )

    def _mixed(self, high: Words, low: Words, port: Words | np.uint64) -> Words:
        first, second, third, last = self._factors
        mixed: Words = high * first + low * second + (port + np.uint64(1)) * third
        mixed ^= mixed >> np.uint64(31)
        mixed *= last
        return mixed

    def frame(self, source: str) -> pd.DataFrame:
        """The table, in order of time."""
        if not self._totals:
            return frame_of_columns("activity", {})
        second, index = np.unique(
            np.concatenate([part[0] for part in self._totals]), return_inverse=True
        )
        packets, size = (
            np.bincount(index, weights=np.concatenate([part[at] for part in self._totals]))
            for at in (1, 2)
        )
        return frame_of_columns(
            "activity",
            {
                "source": [source] * len(second),
                "time": second.astype(np.float64),
                "packets": packets.astype(np.int64),
                "bytes": size.astype(np.int64),
                "connections": _counted(second, self._connections),
                "senders": _counted(second, self._senders),
            },
        )


def _seconds(second: Ints) -> tuple[Ints, Ints]:
    """Distinct seconds, and the place of each packet's among them; times mostly ascend."""
    begin = np.flatnonzero(np.r_[True, second[1:] != second[:-1]])
    distinct, which = np.unique(second[begin], return_inverse=True)
    return distinct, np.repeat(which, np.diff(np.r_[begin, len(second)]))


def _distinct(second: Ints, index: Ints, value: Words) -> tuple[Ints, Words]:
    """Each pair of second and value once."""
    fresh = np.ones(len(value), np.bool_)
    # most packets belong to the connection of the one before: sorting these is spared
    fresh[1:] = (value[1:] != value[:-1]) | (index[1:] != index[:-1])
    index, value = index[fresh], value[fresh]
    if len(second) == 1:
        value = np.sort(value)  # much faster than an order of places
    else:
        order = np.lexsort((value, index))
        index, value = index[order], value[order]
    keep = np.ones(len(value), np.bool_)
    keep[1:] = (value[1:] != value[:-1]) | (index[1:] != index[:-1])
    return second[index[keep]], value[keep]


def _counted(second: Ints, parts: list[tuple[Ints, Words]]) -> Ints:
    """How many distinct values each of `second` has."""
    whole = np.concatenate([part[0] for part in parts])
    index = np.searchsorted(second, whole)
    found, _ = _distinct(second, index, np.concatenate([part[1] for part in parts]))
    return np.bincount(np.searchsorted(second, found), minlength=len(second))
