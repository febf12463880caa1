"""libpcap files: both byte orders, micro- and nanoseconds, and Kuznetsov's variant."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.model.message import say
from analysis.read.packets.block import Block, Data, Ints, gather
from analysis.read.packets.window import Window

MAX_PACKET = 262_144
"""Longest packet libpcap writes (MAXIMUM_SNAPLEN); more is damage."""

_FILE_HEADER = 24


@dataclass(frozen=True, slots=True)
class _Layout:
    """Byte order, nanoseconds per unit of the fraction, octets of a record header."""

    order: Literal["<", ">"]
    unit: int
    header: int


MAGICS: dict[bytes, _Layout] = {
    b"\xd4\xc3\xb2\xa1": _Layout("<", 1000, 16),
    b"\xa1\xb2\xc3\xd4": _Layout(">", 1000, 16),
    b"\x4d\x3c\xb2\xa1": _Layout("<", 1, 16),
    b"\xa1\xb2\x3c\x4d": _Layout(">", 1, 16),
    # "modified" libpcap: the interface, protocol and packet type follow
    b"\x34\xcd\xb2\xa1": _Layout("<", 1000, 24),
    b"\xa1\xb2\xcd\x34": _Layout(">", 1000, 24),
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
            yield _block(window.data, starts, first, link, layout)
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
    starts: list[int] = []
    append, unpack = starts.append, struct.Struct(layout.order + "8xI").unpack_from
    # the one loop over every packet of a file: what it collects is checked behind it
    while position < end:
        append(position)
        (caplen,) = unpack(data, position)
        position += header + caplen
    offsets = np.array(starts, np.int64)
    lengths = gather(data, np.dtype([("caplen", layout.order + "u4")]), offsets + 8)["caplen"]
    wrong = np.flatnonzero((lengths > MAX_PACKET) & (offsets + header <= end))
    if len(wrong):
        return offsets[: wrong[0]], int(offsets[wrong[0]]), True
    if position > end:
        return offsets[:-1], int(offsets[-1]), False
    return offsets, end, False


def _block(data: Data, offsets: Ints, first: int, link: int, layout: _Layout) -> Block:
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
    )
