"""pcapng files: sections of either byte order, several interfaces, three kinds of packet block."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from analysis.model.message import plural, say
from analysis.read.packets.block import Block, Data, Ints, gather, taken
from analysis.read.packets.pcap import MAX_PACKET
from analysis.read.packets.window import Window

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE, _STATISTICS, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 5, 6
_NUMBERED = frozenset((9, 0x0BAD, 0x40000BAD, 0x204, 0x208, 0x216, 0x217, 0x221, 0x222))
"""Blocks that are no packets and yet take a frame number in Wireshark: journal, custom, sysdig."""

_MAX_BLOCK = 16 << 20
_IF_TSRESOL, _IF_TSOFFSET = 9, 14
_ISB_IFDROP, _ISB_OSDROP = 5, 7
_MAX_INTERFACES = 65_536


@dataclass(frozen=True, slots=True)
class _Interface:
    """Link type, snap length, and how its time stamps are counted."""

    link: int
    snaplen: int
    resolution: int = 6  # as in if_tsresol: a power of ten, or of two with the top bit
    offset: int = 0

    def ns(self, ticks: int) -> int:
        """Nanoseconds since 1970."""
        exponent = self.resolution & 0x7F
        base = 2 if self.resolution & 0x80 else 10
        stamp = ticks * 1_000_000_000 // base**exponent + self.offset * 1_000_000_000
        return stamp if -(1 << 63) <= stamp < 1 << 63 else 0

    def all_ns(self, ticks: Ints) -> Ints:
        """The same for many at once."""
        if self.resolution <= 9 and not self.offset:
            scaled: Ints = ticks * 10 ** (9 - self.resolution)
            return scaled
        return np.array([self.ns(int(tick)) for tick in ticks], np.int64)


class _DamageError(Exception):
    """The walk met something that no writer makes."""


@dataclass(slots=True)
class _Section:
    """What the section header and the interface blocks said."""

    order: str
    interfaces: list[_Interface] = field(default_factory=list)
    dropped: dict[int, int] = field(default_factory=dict)
    """By interface, what its latest statistics count as dropped."""


@dataclass(slots=True)
class _Found:
    """Packets of one buffer: where each block begins, and the fields of the uncommon kinds."""

    starts: list[int] = field(default_factory=list)
    uncommon: dict[int, tuple[int, int, int, int, int]] = field(default_factory=dict)


def pcapng_blocks(window: Window, problems: list[str]) -> Iterator[Block]:
    """Blocks of the file that `window` is at the start of."""
    sections = [_Section("<")]
    yield from _blocks(window, sections, problems)
    dropped = sum(sum(section.dropped.values()) for section in sections)
    if dropped:
        problems.append(
            plural(
                "its own statistics count {n} packet that the capture dropped",
                "its own statistics count {n} packets that the capture dropped",
                dropped,
            )
        )


def _blocks(window: Window, sections: list[_Section], problems: list[str]) -> Iterator[Block]:
    section = sections[-1]
    first = 1
    while window.end:
        position = 0
        damaged = False
        while True:
            found = _Found()
            try:
                position, section_next = _walk(window, position, section, found)
            except _DamageError as stop:
                position, damaged, section_next = int(stop.args[0]), True, None
            if found.starts:
                yield _block(window, found, section, first)
                first += len(found.starts)
            if section_next is None:
                break
            section = section_next
            sections[:] = [item for item in sections if item.dropped] + [section]
        if damaged:
            problems.append(
                say(
                    "The file is damaged after packet {first}; read up to there.",
                    first=str(first - 1),
                )
            )
            return
        if not window.advance(position):
            if window.end:
                problems.append(
                    say("The file ends within a block after packet {first}.", first=str(first - 1))
                )
            return


def _walk(
    window: Window, position: int, section: _Section, found: _Found
) -> tuple[int, _Section | None]:
    """Collect packets until the window or the section ends.

    Gives the offset of the first block not taken, and the new section if one
    begins there (its header is then taken). Raises _DamageError with the offset.
    """
    buffer, end = window.data, window.end
    pair = struct.Struct(section.order + "II")
    starts = found.starts
    append, unpack = starts.append, pair.unpack_from
    while position + 12 <= end:
        kind, total = unpack(buffer, position)
        # nearly every block of a file is one of these: the shortest way for them
        if kind == _ENHANCED and 32 <= total <= _MAX_BLOCK and not total & 3:
            following = position + total
            if following > end:
                break
            append(position)
            position = following
            continue
        if kind == _SECTION:
            order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(
                bytes(buffer[position + 8 : position + 12])
            )
            if order is None:
                raise _DamageError(position)
            total = struct.unpack_from(order + "I", buffer, position + 4)[0]
            if total < 28 or total > _MAX_BLOCK:
                raise _DamageError(position)
            if position + total > end:
                break
            return position + total, _Section(order)
        if total < 12 or total & 3 or total > _MAX_BLOCK:
            raise _DamageError(position)
        following = position + total
        if following > end:
            break
        if kind == _ENHANCED:
            raise _DamageError(position)
        if kind == _INTERFACE:
            if len(section.interfaces) >= _MAX_INTERFACES:
                raise _DamageError(position)
            section.interfaces.append(_interface(taken(buffer, position, following), section.order))
        elif kind == _STATISTICS:
            _count_drops(taken(buffer, position, following), section)
        elif kind in (_SIMPLE, _OLD_PACKET):
            found.uncommon[len(starts)] = _uncommon(buffer, position, total, kind, section)
            starts.append(position)
        elif kind in _NUMBERED:
            found.uncommon[len(starts)] = (-1, 0, position + 12, 0, 0)
            starts.append(position)
        position = following
    return position, None


def _interface(block: bytes, order: str) -> _Interface:
    if len(block) < 20:
        return _Interface(-1, 0)
    link, _, snaplen = struct.unpack_from(order + "HHI", block, 8)
    resolution, offset = 6, 0
    for code, value in _options(block, 16, order):
        if code == _IF_TSRESOL and len(value) == 1:
            resolution = value[0]
        elif code == _IF_TSOFFSET and len(value) == 8:
            offset = struct.unpack(order + "q", value)[0]
    return _Interface(link, snaplen, resolution, offset)


def _options(block: bytes, at: int, order: str) -> Iterator[tuple[int, bytes]]:
    """Code and value of the options from `at` on."""
    end = len(block) - 4
    while at + 4 <= end:
        code, length = struct.unpack_from(order + "HH", block, at)
        if code == 0:
            return
        yield code, block[at + 4 : min(at + 4 + length, end)]
        at += 4 + (length + 3 & ~3)


def _count_drops(block: bytes, section: _Section) -> None:
    """Counts go up over the file: the latest block of an interface holds all."""
    if len(block) < 24:
        return
    number = struct.unpack_from(section.order + "I", block, 8)[0]
    counts = [
        struct.unpack(section.order + "Q", value)[0]
        for code, value in _options(block, 20, section.order)
        if code in (_ISB_IFDROP, _ISB_OSDROP) and len(value) == 8
    ]
    # all ones stand for a count that the system does not keep
    known = [count for count in counts if count < 1 << 63]
    if number < len(section.interfaces) and known:
        section.dropped[number] = sum(known)


def _uncommon(
    buffer: Data, position: int, total: int, kind: int, section: _Section
) -> tuple[int, int, int, int, int]:
    """(interface, ns, offset, caplen, wirelen) of a simple or an old packet block."""
    if kind == _SIMPLE:
        if total < 16 or not section.interfaces:
            raise _DamageError(position)
        wirelen = struct.unpack_from(section.order + "I", buffer, position + 8)[0]
        limit = section.interfaces[0].snaplen or MAX_PACKET
        return 0, 0, position + 12, min(wirelen, limit, total - 16), wirelen
    if total < 32:
        raise _DamageError(position)
    number, _, high, low, caplen, wirelen = struct.unpack_from(
        section.order + "HHIIII", buffer, position + 8
    )
    if number >= len(section.interfaces):
        raise _DamageError(position)
    ns = section.interfaces[number].ns(high << 32 | low)
    return number, ns, position + 28, min(caplen, total - 32), wirelen


def _block(window: Window, found: _Found, section: _Section, first: int) -> Block:
    data = window.data
    word = section.order + "u4"
    header = np.dtype([(name, word) for name in ("number", "high", "low", "caplen", "wirelen")])
    starts = np.array(found.starts, np.int64)
    records = gather(data, header, starts + 8)
    number = records["number"].astype(np.int64)
    ticks = (records["high"].astype(np.int64) << 32) | records["low"].astype(np.int64)
    offset = starts + 28
    lengths = gather(data, np.dtype([("total", word)]), starts + 4)["total"].astype(np.int64)
    caplen = np.minimum(records["caplen"].astype(np.int64), lengths - 32)
    wirelen = records["wirelen"].astype(np.int64)
    common = np.ones(len(starts), np.bool_)
    ns = np.zeros(len(starts), np.int64)
    for index, (which, stamp, at, captured, wire) in found.uncommon.items():
        common[index] = False
        number[index], ns[index], offset[index] = which, stamp, at
        caplen[index], wirelen[index] = captured, wire
    # a packet of an interface that was never described cannot be dissected: link type -1
    link = np.full(len(starts), -1, np.int64)
    for which in np.unique(number).tolist():
        if 0 <= which < len(section.interfaces):
            interface = section.interfaces[which]
            mine = number == which
            link[mine] = interface.link
            timed = mine & common
            ns[timed] = interface.all_ns(ticks[timed])
    frame = np.arange(first, first + len(starts), dtype=np.int64)
    return Block(data, frame, ns, offset, caplen, wirelen, link, number, window.position)
