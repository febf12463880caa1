"""Writes sampled packets as pcapng (draft-ietf-opsawg-pcapng).

Only the blocks a sampler needs: section header, one interface description per
interface, enhanced packets with nanoseconds, and interface statistics with the
kernel's drop counter at the end.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SECTION, _INTERFACE, _STATISTICS, _PACKET = 0x0A0D0D0A, 1, 5, 6
_OPT_END = 0
_SHB_USERAPPL = 4
_IF_NAME, _IF_FILTER, _IF_TSRESOL = 2, 11, 9
_ISB_IFRECV, _ISB_IFDROP = 4, 5
_NANOSECONDS = b"\x09"


@dataclass(frozen=True, slots=True)
class Interface:
    """One capture interface: its name, link type (LINKTYPE_ number) and filter text."""

    name: str
    link_type: int
    filter: str


class PcapngWriter:
    """Appends packets; every write is whole blocks, so a cut file loses at most one."""

    def __init__(self, path: Path, interfaces: Sequence[Interface], snap_length: int) -> None:
        # unbuffered: blocks are joined into one write per batch by the caller
        self._file = path.open("ab", buffering=0)
        options = _option(_SHB_USERAPPL, b"chatpath")
        head = struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1) + options
        blocks = [_block(_SECTION, head)]
        for interface in interfaces:
            body = struct.pack("=HHI", interface.link_type, 0, snap_length)
            body += _option(_IF_NAME, interface.name.encode())
            # an option's first octet 0 says: a filter in libpcap's words
            body += _option(_IF_FILTER, b"\x00" + interface.filter.encode())
            body += _option(_IF_TSRESOL, _NANOSECONDS) + struct.pack("=HH", _OPT_END, 0)
            blocks.append(_block(_INTERFACE, body))
        self._file.write(b"".join(blocks))

    def write(self, packets: Sequence[tuple[int, int, bytes, int]]) -> None:
        """Append (interface index, nanoseconds since 1970, octets, length on the wire)."""
        blocks = []
        for interface, nanoseconds, data, length in packets:
            padded = data + b"\x00" * (-len(data) % 4)
            head = struct.pack(
                "=IIIII",
                interface,
                nanoseconds >> 32,
                nanoseconds & 0xFFFFFFFF,
                len(data),
                max(length, len(data)),
            )
            blocks.append(_block(_PACKET, head + padded))
        self._file.write(b"".join(blocks))

    def statistics(self, interface: int, nanoseconds: int, received: int, dropped: int) -> None:
        """Append the counters of one interface."""
        body = struct.pack("=III", interface, nanoseconds >> 32, nanoseconds & 0xFFFFFFFF)
        body += _option(_ISB_IFRECV, struct.pack("=Q", received))
        body += _option(_ISB_IFDROP, struct.pack("=Q", dropped))
        body += struct.pack("=HH", _OPT_END, 0)
        self._file.write(_block(_STATISTICS, body))

    def close(self) -> None:
        self._file.close()


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("=HH", code, len(value)) + value + b"\x00" * (-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("=II", kind, length) + body + struct.pack("=I", length)
