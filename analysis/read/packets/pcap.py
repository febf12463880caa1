"""libpcap files: both byte orders, micro- and nanoseconds, and Kuznetsov's variant."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.model.message import say
from analysis.read.packets import magic
from analysis.read.packets.block import Block, Data, Ints, gather
from analysis.read.packets.window import Window

if TYPE_CHECKING:
    import numpy.typing as npt

MAX_PACKET = 262_144
"""Longest packet libpcap writes (MAXIMUM_SNAPLEN); more is damage."""

_FILE_HEADER = 24
_CAPLEN = 8
"""Where in a record's header the number of captured octets stands."""

_WORTH = 1 << 20
"""Octets from where on walking from many places at once is faster than from one."""

_LANES = 160
_STRIDE = 16
_MAX_STEPS = 1024
_TRIES = 4


@dataclass(frozen=True, slots=True)
class _Layout:
    """Byte order, nanoseconds per unit of the fraction, octets of a record header."""

    order: Literal["<", ">"]
    unit: int
    header: int


MAGICS: dict[bytes, _Layout] = {
    magic.MICRO_LITTLE: _Layout("<", 1000, 16),
    magic.MICRO_BIG: _Layout(">", 1000, 16),
    magic.NANO_LITTLE: _Layout("<", 1, 16),
    magic.NANO_BIG: _Layout(">", 1, 16),
    # "modified" libpcap: the interface, protocol and packet type follow
    magic.MODIFIED_LITTLE: _Layout("<", 1000, 24),
    magic.MODIFIED_BIG: _Layout(">", 1000, 24),
}


def pcap_blocks(window: Window, problems: list[str]) -> Iterator[Block]:
    """Blocks of the file that `window` is at the start of."""
    layout = MAGICS[bytes(window.data[:4])]
    if window.end < _FILE_HEADER:
        problems.append(say("The file ends within its header; it holds no packets."))
        return
    # the upper bits of the link type field carry the FCS length
    link = struct.unpack_from(layout.order + "I", window.data, 20)[0] & 0xFFFF
    position, first = _FILE_HEADER, 1
    while position < window.end:
        starts, position, damaged = _walk(window, position, layout)
        if len(starts):
            yield _block(window, starts, first, link, layout)
            first += len(starts)
        if damaged:
            problems.append(
                say("Packet {first} is damaged; the file was read up to there.", first=str(first))
            )
            return
        if not window.advance(position):
            if window.end:
                problems.append(
                    say("The file ends within packet {first}; it was cut off.", first=str(first))
                )
            return
        position = 0


def _walk(window: Window, position: int, layout: _Layout) -> tuple[Ints, int, bool]:
    """Offsets of the whole records, where they end, and whether damage stopped the walk."""
    data, end, header = window.data, window.end, layout.header
    hops = _together(data, position, end, layout) if end - position >= _WORTH else None
    offsets, position = hops or _one_by_one(data, position, end, layout)
    lengths = _words(data, layout)[offsets + _CAPLEN]
    wrong = np.flatnonzero((lengths > MAX_PACKET) & (offsets + header <= end))
    if len(wrong):
        return offsets[: wrong[0]], int(offsets[wrong[0]]), True
    if position > end:
        return offsets[:-1], int(offsets[-1]), False
    return offsets, end, False


def _one_by_one(data: Data, position: int, end: int, layout: _Layout) -> tuple[Ints, int]:
    """The offset of every record that begins before `end`, and where the last one ends."""
    header, unpack = layout.header, struct.Struct(f"{layout.order}{_CAPLEN}xI").unpack_from
    starts: list[int] = []
    append = starts.append
    # what this collects is checked behind it
    while position < end:
        append(position)
        (caplen,) = unpack(data, position)
        position += header + caplen
    return np.array(starts, np.int64), position


def _together(data: Data, position: int, end: int, layout: _Layout) -> tuple[Ints, int] | None:
    """The same, from many places at once; None where that cannot be had.

    Each place is a guess where a record begins. It is proved by the walk from the
    place before: that must meet it.
    """
    begins = _guesses(data, position, end, layout)
    if len(begins) < _LANES // 2:
        return None
    words, header = _words(data, layout), layout.header
    until = np.append(begins[1:], end) + _CAPLEN
    at = begins + _CAPLEN
    steps = [at]
    while len(steps) < _MAX_STEPS:
        for _ in range(_STRIDE):
            # what has gone past the data stays harmless, as it is past its end
            at = at + words[np.minimum(at, end)] + header
            steps.append(at)
        if (at >= until).all():
            break
    else:
        return None
    places = np.stack(steps, 1)
    own = places < until[:, None]
    reached = places[np.arange(len(begins)), own.sum(1)]
    if (reached[:-1] != until[:-1]).any():
        return None
    return places[own] - _CAPLEN, int(reached[-1]) - _CAPLEN


def _guesses(data: Data, position: int, end: int, layout: _Layout) -> Ints:
    """`position`, and places where a record seems to begin, about `_LANES` of them.

    All seconds of some hours have the same upper half.
    """
    unpack = struct.Struct(f"{layout.order}{_CAPLEN}xI").unpack_from
    upper = 2 if layout.order == "<" else 0
    sign = bytes(data[position + upper : position + upper + 2])
    width = (end - position) // _LANES
    found = [position]
    for begin in range(position + width, end - width, width):
        at = begin
        for _ in range(_TRIES):
            at = data.find(sign, at, begin + width)
            if at < 0:
                break
            following = at - upper + layout.header + unpack(data, at - upper)[0]
            if following < end and data.startswith(sign, following + upper):
                found.append(at - upper)
                break
            at += 1
    return np.array(found, np.int64)


def _words(data: Data, layout: _Layout) -> npt.NDArray[np.uint32]:
    """The 32-bit number at each offset."""
    shape = (len(data) - 3,)
    return np.ndarray(shape=shape, dtype=layout.order + "u4", buffer=data, strides=(1,))


def _block(window: Window, offsets: Ints, first: int, link: int, layout: _Layout) -> Block:
    data = window.data
    word = layout.order + "u4"
    header = np.dtype([(name, word) for name in ("sec", "frac", "caplen", "wirelen")])
    records = gather(data, header, offsets)
    seconds = records["sec"].astype(np.int64)
    return Block(
        data,
        np.arange(first, first + len(offsets), dtype=np.int64),
        seconds * 1_000_000_000 + records["frac"].astype(np.int64) * layout.unit,
        offsets + layout.header,
        records["caplen"].astype(np.int64),
        records["wirelen"].astype(np.int64),
        np.full(len(offsets), link, np.int64),
        np.full(len(offsets), -1, np.int64),
        window.position,
    )
