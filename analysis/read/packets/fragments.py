"""IP fragments put together again, within bounds (RFC 791 section 3.2, RFC 8200 section 4.5)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

MAX_DATAGRAMS = 256
"""Unfinished datagrams kept; the oldest goes first."""

MAX_OCTETS = 65_535
MAX_PIECES = 256
_FRAGMENT6 = 44
_CHAINED = (0, 43, 60, 135, 139, 140)

type _Key = tuple[bytes, int]


@dataclass(slots=True)
class _Datagram:
    """Pieces by offset, and the total length once the last piece is known."""

    header: bytes = b""
    pieces: dict[int, bytes] = field(default_factory=dict)
    total: int | None = None

    def whole(self) -> bytes | None:
        if self.total is None or 0 not in self.pieces:
            return None
        out = bytearray()
        for offset in sorted(self.pieces):
            if offset > len(out):
                return None
            out += self.pieces[offset][len(out) - offset :]
        return bytes(out[: self.total]) if len(out) >= self.total else None


class Fragments:
    """Remembers the pieces of unfinished datagrams."""

    def __init__(self) -> None:
        self._open: dict[_Key, _Datagram] = {}

    def add(self, packet: bytes) -> bytes | None:
        """Take one fragment, an IP packet in full; the datagram once it is complete.

        The result is an IP packet without fragment header whose length field is
        right. None while pieces are missing, and for a malformed fragment.
        """
        piece = _piece4(packet) if packet[0] >> 4 == 4 else _piece6(packet)
        if piece is None:
            return None
        key, offset, more, header, payload = piece
        if offset + len(payload) > MAX_OCTETS - len(header):
            return None
        datagram = self._open.get(key)
        if datagram is None:
            if len(self._open) >= MAX_DATAGRAMS:
                del self._open[next(iter(self._open))]
            datagram = self._open[key] = _Datagram()
        if len(datagram.pieces) >= MAX_PIECES:
            del self._open[key]
            return None
        datagram.pieces.setdefault(offset, payload)
        if offset == 0:
            datagram.header = header
        if not more:
            datagram.total = offset + len(payload)
        whole = datagram.whole()
        if whole is None:
            return None
        del self._open[key]
        return _joined(datagram.header, whole)


type _Piece = tuple[_Key, int, bool, bytes, bytes]


def _piece4(packet: bytes) -> _Piece | None:
    length = (packet[0] & 15) * 4
    if length < 20 or len(packet) <= length:
        return None
    identification, field6 = struct.unpack_from(">HH", packet, 4)
    key = (packet[12:20] + packet[9:10], identification)
    return key, (field6 & 0x1FFF) * 8, bool(field6 & 0x2000), packet[:length], packet[length:]


def _piece6(packet: bytes) -> _Piece | None:
    kind, at, kind_at = packet[6], 40, 6
    while kind in _CHAINED and at + 8 <= len(packet):
        kind_at, kind, at = at, packet[at], at + (packet[at + 1] + 1) * 8
    if kind != _FRAGMENT6 or at + 8 >= len(packet):
        return None
    following, _, field13, identification = struct.unpack_from(">BBHI", packet, at)
    header = bytearray(packet[:at])
    header[kind_at] = following
    key = (packet[8:40], identification)
    return key, field13 & 0xFFF8, bool(field13 & 1), bytes(header), packet[at + 8 :]


def _joined(header: bytes, payload: bytes) -> bytes:
    out = bytearray(header + payload)
    if header[0] >> 4 == 4:
        struct.pack_into(">H", out, 2, len(out))
        struct.pack_into(">H", out, 6, 0)
    else:
        struct.pack_into(">H", out, 4, len(out) - 40)
    return bytes(out)
