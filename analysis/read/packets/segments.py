"""The TCP segments of a block as columns, connection by connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analysis.read.packets.address import Endpoints, Factors
from analysis.read.packets.block import Block, Ints, Mask, Words, gather
from analysis.read.packets.ip import TCP, Datagrams

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


class Share(NamedTuple):
    """Some of all connections: those whose number, by `factors`, lies in a part of all numbers.

    The part is [`low`, `high`), of 256.
    """

    factors: Factors
    low: int = 0
    high: int = 256

    def others(self) -> Share:
        """The connections above this share."""
        return Share(self.factors, self.high, 256)

    def among(self, flow: Words) -> Mask | None:
        """Which connections are of the share; None for all."""
        if (self.low, self.high) == (0, 256):
            return None
        part = flow >> np.uint64(56)
        mine: Mask = (part >= np.uint64(self.low)) & (part < np.uint64(self.high))
        return mine


def segments_of(
    block: Block, found: Datagrams, endpoints: Endpoints, share: Share
) -> Segments | None:
    """The TCP segments of a block that are of the share; None when there are none."""
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
    mine = share.among(flow)
    if mine is None:
        order = np.argsort(flow, kind="stable")
    else:
        order = np.flatnonzero(mine)
        if not len(order):
            return None
        order = order[np.argsort(flow[order], kind="stable")]
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
