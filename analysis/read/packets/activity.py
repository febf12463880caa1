"""The ``activity`` table: per second, how much was going on and among how many."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analysis.read.packets.address import Ends
from analysis.read.packets.block import Block, Ints, Mask, Words, changes
from analysis.read.packets.ip import TCP, UDP, Datagrams

_SECOND = 1_000_000_000


class Seconds(NamedTuple):
    """What went on in each `second`, in order of time."""

    second: Ints
    packets: Ints
    octets: Ints
    connections: Ints
    senders: Ints
    joins: Ints


class Activity:
    """Collects seconds.

    Kept are one entry per second and block, and one per second and distinct
    connection or sender in it.
    """

    def __init__(self) -> None:
        self._totals: list[tuple[Ints, Ints, Ints, Ints]] = []
        self._connections: list[tuple[Ints, Words]] = []
        self._senders: list[tuple[Ints, Words]] = []

    def feed(self, block: Block, found: Datagrams, ends: Ends) -> None:
        """Take the packets of a block; those without a time are left out."""
        timed = block.ns != 0
        if not timed.any():
            return
        # a packet without time goes with those of 1970 until it is left out
        second, index = _seconds(block.ns // _SECOND)
        packets = np.bincount(index, weights=timed, minlength=len(second))
        size = np.bincount(index, weights=block.wirelen * timed, minlength=len(second))
        joins = np.bincount(index, weights=_joining(found) & timed, minlength=len(second))
        self._totals.append(
            (second, packets.astype(np.int64), size.astype(np.int64), joins.astype(np.int64))
        )
        addressed = timed & (found.version > 0) & ~_loopback(found)
        self._senders.append(_distinct(second, index, ends.sender, addressed))
        ported = (found.protocol == TCP) | (found.protocol == UDP)
        ported &= timed & (found.transport + 4 <= found.captured)
        pair = ends.source + ends.target ^ found.protocol.astype(np.uint64) << np.uint64(32)
        self._connections.append(_distinct(second, index, pair, ported))

    def seconds(self) -> Seconds:
        """All seconds that had a packet."""
        if not self._totals:
            return Seconds(*np.zeros((6, 0), np.int64))
        second, index = np.unique(
            np.concatenate([part[0] for part in self._totals]), return_inverse=True
        )
        packets, size, joins = (
            np.bincount(index, weights=np.concatenate([part[at] for part in self._totals]))
            for at in (1, 2, 3)
        )
        there = packets > 0
        return Seconds(
            second[there],
            packets[there].astype(np.int64),
            size[there].astype(np.int64),
            _counted(second, self._connections)[there],
            _counted(second, self._senders)[there],
            joins[there].astype(np.int64),
        )


def _joining(found: Datagrams) -> Mask:
    """A machine that asks for an address, as it does when its link comes up (RFC 2131)."""
    nobody = (found.version == 4) & (found.src_low == 0)
    own: Mask = nobody & (found.protocol == UDP)
    return own


def _loopback(found: Datagrams) -> Mask:
    """What a machine sends to itself says nothing of a network: 127.0.0.0/8 and ::1."""
    four = (found.version == 4) & (found.src_low >> np.uint64(24) == 127)
    own: Mask = four | ((found.version == 6) & (found.src_low == 1) & (found.src_high == 0))
    return own


def _seconds(second: Ints) -> tuple[Ints, Ints]:
    """Distinct seconds, and the place of each packet's among them; times mostly ascend."""
    begin = np.flatnonzero(changes(second))
    distinct, which = np.unique(second[begin], return_inverse=True)
    return distinct, np.repeat(which, np.diff(np.r_[begin, len(second)]))


def _distinct(second: Ints, index: Ints, value: Words, which: Mask) -> tuple[Ints, Words]:
    """Each pair of second and value once, among those of `which`; of a value 56 bits count."""
    fresh = which.copy()
    # most packets belong to the connection of the one before: sorting these is spared
    fresh[1:] &= (value[1:] != value[:-1]) | (index[1:] != index[:-1]) | ~which[:-1]
    index, value = index[fresh], value[fresh] >> np.uint64(8)
    if len(second) <= 256:
        # one number for both: much faster to sort than an order of places is found
        pairs = np.sort(index.astype(np.uint64) << np.uint64(56) | value)
        pairs = pairs[changes(pairs)]
        return second[pairs >> np.uint64(56)], pairs << np.uint64(8)
    order = np.lexsort((value, index))
    index, value = index[order], value[order]
    keep = changes(index) | changes(value)
    return second[index[keep]], value[keep] << np.uint64(8)


def _counted(second: Ints, parts: list[tuple[Ints, Words]]) -> Ints:
    """How many distinct values each of `second` has."""
    index = np.searchsorted(second, np.concatenate([part[0] for part in parts]))
    value = np.concatenate([part[1] for part in parts])
    found, _ = _distinct(second, index, value, np.ones(len(value), np.bool_))
    return np.bincount(np.searchsorted(second, found), minlength=len(second))
