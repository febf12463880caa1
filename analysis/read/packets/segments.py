"""The TCP segments of a block as columns, connection by connection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.read.packets.address import Ends
from analysis.read.packets.block import (
    Block,
    Data,
    Ints,
    Mask,
    Octets,
    Words,
    changes,
    gather,
    octets,
)
from analysis.read.packets.ip import TCP, Datagrams
from analysis.read.packets.sequence import SYN
from analysis.read.packets.tls import APPLICATION_DATA

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
_RECORD = np.dtype([("kind", "u1"), ("version", ">u2"), ("length", ">u2")])
_VERSION = 0x0303  # RFC 8446 section 5.1
_MAX_RECORD = (1 << 14) + 256


@dataclass(slots=True)
class Segments:
    """One entry per segment; those of a connection stand together, in file order.

    `flow` is the number of the address pair, `source` the sender's endpoint, `upper`
    whether the sender's number is the higher of the two. `ip` is the offset of the
    IP header in `data`, `start` that of the payload, `length` its length by the IP
    header (negative when the headers disagree), `captured` how much of it is there.
    `record` is the length of the TLS application-data record that begins with the
    payload, 0 for none.
    """

    data: Octets
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
    record: Ints

    def __len__(self) -> int:
        return len(self.flow)


def segments_of(block: Block, found: Datagrams, ends: Ends) -> Segments | None:
    """The TCP segments of a block; None when there are none."""
    rows = found.of(TCP, _HEADER.itemsize)
    if not len(rows):
        return None
    flow = ends.source[rows] + ends.target[rows]
    order = _grouped(flow)
    rows, flow = rows[order], flow[order]
    header = gather(found.data, _HEADER, found.transport[rows])
    source = ends.source[rows]
    length = (header["offset"].astype(np.int64) >> 4) * 4
    start = found.transport[rows] + length
    payload = found.end[rows] - start
    captured = np.minimum(found.captured[rows], found.end[rows]) - start
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
        payload,
        captured,
        block.frame[rows],
        block.ns[rows],
        block.wirelen[rows],
        found.ttl[rows],
        found.ip_id[rows],
        _records(found.data, start, np.minimum(payload, captured), header["flags"]),
    )


def _grouped(flow: Words) -> Ints:
    """The order that sorts `flow`; entries of equal value keep theirs."""
    # sixteen bits are sorted without comparing, and hardly ever do two flows share them
    upper = (flow >> np.uint64(48)).astype(np.uint16)
    order = np.argsort(upper, kind="stable")
    if (changes(upper[order]) == changes(flow[order])).all():
        return order
    return np.argsort(flow, kind="stable")


def _records(data: Data, start: Ints, room: Ints, flags: Ints) -> Ints:
    """The column `record`, of payloads that have `room` octets."""
    may = np.flatnonzero((room >= _RECORD.itemsize) & (flags & SYN == 0))
    may = may[octets(data)[start[may]] == APPLICATION_DATA]
    header = gather(data, _RECORD, start[may])
    length = header["length"].astype(np.int64)
    sound = (header["version"] == _VERSION) & (length <= _MAX_RECORD)
    found = np.zeros(len(start), np.int64)
    found[may[sound]] = length[sound]
    return found
