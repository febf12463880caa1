"""Unpacks gzip piece by piece, and keeps what came before damage.

The standard library's GzipFile gives nothing of a read that meets the end of a
cut file, which may be megabytes of sound packets.
"""

from __future__ import annotations

import zlib
from typing import Protocol

_GZIP = 31
_COMPRESSED = 1 << 18


class Readable(Protocol):
    """Anything to read octets from."""

    def readinto(self, room: memoryview, /) -> int:
        """Fill `room` and tell how many octets it got; 0 at the end."""


class Gunzip:
    """A stream of unpacked octets; `damaged` once the compressed data broke off."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._room = memoryview(bytearray(_COMPRESSED))
        self._member = zlib.decompressobj(wbits=_GZIP)
        self._packed = b""
        self._ended = False
        self.damaged = False

    def readinto(self, room: memoryview, /) -> int:
        """Fill `room`; 0 at the end."""
        at = 0
        while at < len(room) and not self._ended:
            piece = self._step(len(room) - at)
            room[at : at + len(piece)] = piece
            at += len(piece)
        return at

    def read(self, size: int, /) -> bytes:
        """Up to `size` octets; empty at the end."""
        room = memoryview(bytearray(size))
        return bytes(room[: self.readinto(room)])

    def _packed_octets(self) -> bytes:
        return bytes(self._room[: self._stream.readinto(self._room)])

    def _step(self, limit: int) -> bytes:
        if not self._packed:
            self._packed = self._packed_octets()
        if self._member.eof:
            # another member may follow; zeros are padding (RFC 1952 section 2.2, gzip manual)
            self._packed = self._packed.lstrip(b"\0")
            if not self._packed:
                self._packed = self._packed_octets().lstrip(b"\0")
            if not self._packed:
                self._ended = True
                return b""
            self._member = zlib.decompressobj(wbits=_GZIP)
        try:
            out = self._member.decompress(self._packed, limit)
        except zlib.error:
            self._ended = self.damaged = True
            return b""
        if not out and not self._packed and not self._member.eof:
            self._ended = self.damaged = True
        self._packed = (
            self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        )
        return out
