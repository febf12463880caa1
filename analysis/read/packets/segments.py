"""The TCP segments of a block as columns, connection by connection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.read.packets.address import Ends
from analysis.read.packets.block import Block, Data, Ints, Mask, Words, gather
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

    `flow` is the number of the address pair, `source` the sender's endpoint, `upper`
    whether the sender's number is the higher of the two. `ip` is the offset of the
    IP header in `data`, `start` that of the payload, `length` its length by the IP
    header (negative when the headers disagree), `captured` how much of it is there.
    """

    data: Data
    ip: Ints
    version: Ints
    interface: Ints
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

    def __len__(self) -> int:
        return len(self.flow)


def segments_of(block: Block, found: Datagrams, ends: Ends) -> Segments | None:
    """The TCP segments of a block; None when there are none."""
    rows = found.of(TCP, _HEADER.itemsize)
    if not len(rows):
        return None
    flow = ends.source[rows] + ends.target[rows]
    order = np.argsort(flow, kind="stable")
    rows, flow = rows[order], flow[order]
    header = gather(found.data, _HEADER, found.transport[rows])
    source = ends.source[rows]
    length = (header["offset"].astype(np.int64) >> 4) * 4
    start = found.transport[rows] + length
    return Segments(
        found.data,
        found.ip[rows],
        found.version[rows],
        block.interface[rows],
        flow,
        source,
        source > ends.target[rows],
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
