"""How the segments of a block pass from one process to another: as few octets as possible.

The packets themselves are not sent: the receiver reads them from the file, which the system
keeps in memory.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from io import BufferedReader, FileIO
from mmap import ACCESS_READ, ALLOCATIONGRANULARITY, mmap
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.read.packets.block import PADDING, Block, Octets
from analysis.read.packets.segments import Segments

if TYPE_CHECKING:
    from collections.abc import Buffer

_COLUMNS = {
    "ip": "u4",
    "version": "u1",
    "interface": "i4",
    "flow": "u8",
    "source": "u8",
    "seq": "u4",
    "ack": "u4",
    "flags": "u1",
    "window": "u2",
    "header": "u1",
    "start": "u4",
    "length": "i4",
    "captured": "i4",
    "frame": "i8",
    "ns": "i8",
    "wire": "i8",
    "ttl": "u1",
    "ip_id": "i4",
    "record": "u2",
}
"""What is sent of each column; `upper` follows from the others."""

_KEPT = ("flow", "source")
"""Not counted with, so they stay as they are."""

_ROW = sum(np.dtype(kind).itemsize for kind in _COLUMNS.values())

_HEAD = struct.Struct("=6Q")
"""Segments; where in the file the data begin, their length, how much of it is read from the file;
octets that were put together from fragments and follow here; 1 if there is no more."""


def sent(block: Block, segments: Segments) -> Iterator[Buffer]:
    """The segments of a block, piece by piece."""
    size = len(block.data)
    until = int((block.offset + block.caplen).max())
    # reassembled packets stand behind the block's own data
    added = bytes(memoryview(segments.data)[size - len(PADDING) : -len(PADDING)])
    yield _HEAD.pack(len(segments), block.position, size, until, len(added), 0)
    for name, kind in _COLUMNS.items():
        yield getattr(segments, name).astype(kind)
    yield added


def sent_last() -> bytes:
    """Says that there is no more."""
    return _HEAD.pack(0, 0, 0, 0, 0, 1)


def received(pipe: BufferedReader, capture: FileIO) -> Iterator[Segments]:
    """The segments of all blocks, each good until the next is asked for.

    Raises EOFError when the pipe or the file ends early.
    """
    while True:
        count, position, size, until, added, last = _HEAD.unpack(_exactly(pipe, _HEAD.size))
        if last:
            return
        columns = _exactly(pipe, count * _ROW)
        more = _exactly(pipe, added)
        data: Octets = _mapped(capture, position, until)
        if more:
            data = b"".join((data, bytes(size - len(PADDING) - until), more))
        yield _segments(data, columns, count)


def _segments(data: Octets, columns: bytes, count: int) -> Segments:
    found: dict[str, Any] = {}
    at = 0
    for name, kind in _COLUMNS.items():
        column = np.frombuffer(columns, kind, count, at)
        at += column.nbytes
        found[name] = column if name in _KEPT else column.astype(np.int64)
    upper = found["source"] > found["flow"] - found["source"]
    return Segments(data, upper=upper, **found)


def _mapped(capture: FileIO, position: int, length: int) -> memoryview:
    """Octets of the file, of which only those that are looked at are fetched."""
    before = position % ALLOCATIONGRANULARITY
    begin = position - before
    if os.fstat(capture.fileno()).st_size < position + length:
        raise EOFError("the file has become shorter")
    whole = mmap(capture.fileno(), before + length, access=ACCESS_READ, offset=begin)
    return memoryview(whole)[before:]


def _exactly(pipe: BufferedReader, count: int) -> bytes:
    octets = pipe.read(count)
    if len(octets) < count:
        raise EOFError("the sender has gone")
    return octets
