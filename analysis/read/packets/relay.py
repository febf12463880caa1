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
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from analysis.read.packets.block import PADDING, Block, Octets
from analysis.read.packets.quiet import FACTS, TTL_FACTS, Quiet
from analysis.read.packets.segments import Segments

if TYPE_CHECKING:
    from analysis.read.packets.helper import Shared

_AHEAD = 6
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
"""What is sent of each column, the widest first; `upper` follows from the others.

Numbers of endpoints (u8) are not counted with, so they keep their type."""


class _Head(NamedTuple):
    """Where something is: in the area from `begin` on, in the file from `position` on.

    `length` is that of the data, of which the first `until` octets are read from the
    file; `added` octets were put together from fragments and stand behind the columns.
    The others are numbers of entries. `last` is 1 if there is no more.
    """

    begin: int = 0
    position: int = 0
    length: int = 0
    until: int = 0
    added: int = 0
    segments: int = 0
    runs: int = 0
    ttls: int = 0
    data_lower: int = 0
    data_upper: int = 0
    renewed_lower: int = 0
    renewed_upper: int = 0
    last: int = 0


_HEAD = struct.Struct(f"={len(_Head._fields)}Q")

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

    def send(self, block: Block, segments: Segments, quiet: Quiet) -> None:
        """Hand on the segments of a block; waits when the receiver is far behind.

        Raises OSError or EOFError when there is no receiver any more, or the area is too small.
        """
        length = len(block.data)
        # reassembled packets stand behind the block's own data
        added = memoryview(segments.data)[length - len(PADDING) : -len(PADDING)]
        head = _Head(
            0,
            block.position,
            length,
            int((block.offset + block.caplen).max()),
            len(added),
            len(segments),
            len(quiet.ttl_edges) - 1,
            quiet.ttls.shape[1],
            *map(len, (*quiet.data, *quiet.renewed)),
        )
        begin = at = self._room(_size(head) + len(added))
        arrays = (
            quiet.facts,
            quiet.ttls,
            quiet.ttl_edges,
            *(getattr(segments, name) for name in _COLUMNS),
            quiet.finish,
            *quiet.data,
            *quiet.renewed,
        )
        for array, (kind, count) in zip(arrays, _layout(head), strict=True):
            place = np.frombuffer(self._area, kind, count, at)
            np.copyto(place, array.reshape(-1), casting="unsafe")
            at += place.nbytes
        self._area[at : at + len(added)] = added
        self._say(head._replace(begin=begin))

    def end(self) -> None:
        """Say that there is no more. Raises OSError when there is no receiver any more."""
        self._say(_Head(last=1))

    def wait(self) -> None:
        """Wait until all was given back. Raises EOFError when there is no receiver any more."""
        while self._lent:
            self._given_back()

    def _say(self, head: _Head) -> None:
        self._pipe.write(_HEAD.pack(*head))
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


def received(
    pipe: IO[bytes], done: IO[bytes], area: mmap, capture: FileIO
) -> Iterator[tuple[Segments, Quiet]]:
    """The segments of all blocks and their quiet runs, each good until the next is asked for.

    Raises EOFError when the pipe or the file ends early.
    """
    while True:
        octets = pipe.read(_HEAD.size)
        if len(octets) < _HEAD.size:
            raise EOFError("the sender has gone")
        head = _Head._make(_HEAD.unpack(octets))
        if head.last:
            return
        data: Octets = _mapped(capture, head.position, head.until)
        if head.added:
            behind = head.begin + _size(head)
            more = area[behind : behind + head.added]
            data = b"".join((data, bytes(head.length - len(PADDING) - head.until), more))
        taken = _taken(data, area, head)
        done.write(_DONE)
        done.flush()
        yield taken


def _taken(data: Octets, area: mmap, head: _Head) -> tuple[Segments, Quiet]:
    """Copies of all that is in the area."""
    at, found = head.begin, []
    for kind, count in _layout(head):
        place = np.frombuffer(area, kind, count, at)
        at += place.nbytes
        found.append(place.copy() if kind == "u8" else place.astype(np.int64))
    facts, ttls, edges, *columns, finish, lower, upper, renewed, renewed_upper = found
    named: dict[str, Any] = dict(zip(_COLUMNS, columns, strict=True))
    higher = named["source"] > named["flow"] - named["source"]
    quiet = Quiet(
        facts.reshape(FACTS, -1),
        ttls.reshape(TTL_FACTS, -1),
        edges,
        (lower, upper),
        (renewed, renewed_upper),
        finish,
    )
    return Segments(data, upper=higher, **named), quiet


def _layout(head: _Head) -> Iterator[tuple[str, int]]:
    """Types and numbers of entries of all arrays, in the order they stand in."""
    yield "i8", FACTS * head.runs
    yield "i8", TTL_FACTS * head.ttls
    yield "i8", head.runs + 1
    yield from ((kind, head.segments) for kind in (*_COLUMNS.values(), "u4"))
    places = (head.data_lower, head.data_upper, head.renewed_lower, head.renewed_upper)
    yield from (("u4", count) for count in places)


def _size(head: _Head) -> int:
    return sum(count * int(kind[1]) for kind, count in _layout(head))


def _mapped(capture: FileIO, position: int, length: int) -> memoryview:
    """Octets of the file, of which only those that are looked at are fetched."""
    before = position % ALLOCATIONGRANULARITY
    begin = position - before
    if os.fstat(capture.fileno()).st_size < position + length:
        raise EOFError("the file has become shorter")
    whole = mmap(capture.fileno(), before + length, access=ACCESS_READ, offset=begin)
    return memoryview(whole)[before:]
