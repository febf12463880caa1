"""How the segments of a block pass from one process to another, without a copy between.

Their columns stand in an area of memory that both processes share; through the pipe goes
only where. The packets themselves are not sent: the receiver reads them from the file,
which the system keeps in memory.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Iterator
from io import FileIO
from mmap import ACCESS_READ, ALLOCATIONGRANULARITY, mmap
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from analysis.read.packets.block import PADDING, Block, Octets
from analysis.read.packets.segments import Segments

if TYPE_CHECKING:
    from analysis.read.packets.helper import Shared

_AHEAD = 8
"""Blocks that the receiver may be behind."""

_COLUMNS = {
    "flow": "u8",
    "source": "u8",
    "frame": "i8",
    "ns": "i8",
    "wire": "i8",
    "ip": "u4",
    "seq": "u4",
    "ack": "u4",
    "start": "u4",
    "length": "i4",
    "captured": "i4",
    "interface": "i4",
    "ip_id": "i4",
    "window": "u2",
    "record": "u2",
    "version": "u1",
    "flags": "u1",
    "header": "u1",
    "ttl": "u1",
}
"""What is sent of each column, the widest first; `upper` follows from the others."""

_KEPT = ("flow", "source")
"""Not counted with, so they keep their type."""

_ROW = sum(np.dtype(kind).itemsize for kind in _COLUMNS.values())

_HEAD = struct.Struct("=7Q")
"""Segments; where in the area their columns begin; where in the file the data begin, their
length, how much of it is read from the file; octets that were put together from fragments and
stand behind the columns; 1 if there is no more."""

_DONE = b"."
_ALIGNED = 64


class Sender:
    """Lends parts of an area to the receiver, which gives each back by an octet in `done`."""

    def __init__(self, pipe: IO[bytes], done: IO[bytes], shared: Shared) -> None:
        self._pipe = pipe
        self._done = done
        self._file, self._area = shared
        self._filled = 0
        self._lent: deque[tuple[int, int]] = deque()

    def send(self, block: Block, segments: Segments) -> None:
        """Hand on the segments of a block; waits when the receiver is far behind.

        Raises OSError or EOFError when there is no receiver any more, or the area is too small.
        """
        size = len(block.data)
        until = int((block.offset + block.caplen).max())
        # reassembled packets stand behind the block's own data
        added = memoryview(segments.data)[size - len(PADDING) : -len(PADDING)]
        count = len(segments)
        begin = at = self._room(count * _ROW + len(added))
        for name, kind in _COLUMNS.items():
            column = np.frombuffer(self._area, kind, count, at)
            np.copyto(column, getattr(segments, name), casting="unsafe")
            at += column.nbytes
        self._area[at : at + len(added)] = added
        self._say(count, begin, block.position, size, until, len(added), 0)

    def end(self) -> None:
        """Say that there is no more. Raises OSError when there is no receiver any more."""
        self._say(0, 0, 0, 0, 0, 0, 1)

    def wait(self) -> None:
        """Wait until all was given back. Raises EOFError when there is no receiver any more."""
        while self._lent:
            self._given_back()

    def _say(self, *numbers: int) -> None:
        self._pipe.write(_HEAD.pack(*numbers))
        self._pipe.flush()

    def _room(self, size: int) -> int:
        """The lowest place for so many octets, which is lent from now on."""
        while True:
            at = 0
            for begin, end in sorted(self._lent):
                if begin - at >= size:
                    break
                at = end
            if at + size <= len(self._area) and len(self._lent) < _AHEAD:
                self._fill(at + size)
                self._lent.append((at, at + size + -size % _ALIGNED))
                return at
            if not self._lent:
                raise OSError("more than the area holds")
            self._given_back()

    def _fill(self, until: int) -> None:
        """Put zeros into the file first: where no room is left, this fails, but not the process."""
        while self._filled < until:
            self._filled += self._file.write(bytes(until - self._filled))

    def _given_back(self) -> None:
        if self._done.read(len(_DONE)) != _DONE:
            raise EOFError("the receiver has gone")
        self._lent.popleft()


def received(pipe: IO[bytes], done: IO[bytes], area: mmap, capture: FileIO) -> Iterator[Segments]:
    """The segments of all blocks, each good until the next is asked for.

    Raises EOFError when the pipe or the file ends early.
    """
    while True:
        head = pipe.read(_HEAD.size)
        if len(head) < _HEAD.size:
            raise EOFError("the sender has gone")
        count, begin, position, size, until, added, last = _HEAD.unpack(head)
        if last:
            return
        data: Octets = _mapped(capture, position, until)
        if added:
            behind = begin + count * _ROW
            more = area[behind : behind + added]
            data = b"".join((data, bytes(size - len(PADDING) - until), more))
        segments = _segments(data, area, begin, count)
        done.write(_DONE)
        done.flush()
        yield segments


def _segments(data: Octets, area: mmap, at: int, count: int) -> Segments:
    """Copies of the columns that begin at `at`."""
    found: dict[str, Any] = {}
    for name, kind in _COLUMNS.items():
        column = np.frombuffer(area, kind, count, at)
        at += column.nbytes
        found[name] = column.copy() if name in _KEPT else column.astype(np.int64)
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
