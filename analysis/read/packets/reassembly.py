"""The beginning of one direction of a TCP connection, in order.

Only as long as somebody wants it: dissectors of handshakes ask for the first
few kilobytes, bulk data never comes here.
"""

from __future__ import annotations

from typing import NamedTuple

_MAX_QUEUED = 16
_MAX_OCTETS = 65_536


class Origin(NamedTuple):
    """The packet something came from: frame number, time in ns, IP TTL and IPv4 id (or -1)."""

    frame: int
    ns: int
    ttl: int
    ip_id: int


class Piece(NamedTuple):
    """Contiguous payload of one packet.

    `gap` when octets before it are missing, `cut` when the snap length cut octets
    off its end.
    """

    octets: bytes
    origin: Origin
    gap: bool
    cut: bool


class Reassembler:
    """Sorts segments by sequence number, drops what repeats, and gives up on gaps in time."""

    __slots__ = (
        "_next",
        "_queue",
        "_queued",
    )

    def __init__(self) -> None:
        self._next: int | None = None
        self._queue: dict[int, tuple[bytes, int, Origin]] = {}
        self._queued = 0

    def start(self, seq: int) -> None:
        """The first octet will have number `seq`, known from the SYN."""
        self._next = seq & 0xFFFFFFFF

    def add(self, seq: int, octets: bytes, length: int, origin: Origin) -> list[Piece]:
        """Take a segment of `length` octets, the first of which are `octets`.

        Gives what is in order now.
        """
        if self._next is None:
            self._next = seq
        distance = (seq - self._next + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        if distance > 0:
            if seq not in self._queue:
                self._queue[seq] = (octets, length, origin)
                self._queued += len(octets)
            if len(self._queue) > _MAX_QUEUED or self._queued > _MAX_OCTETS:
                return self.skip()
            return []
        if distance + length <= 0:
            return []
        pieces = [self._taken(octets[-distance:], length + distance, origin, gap=False)]
        if self._queue:
            self._drain(pieces)
        return pieces

    def skip(self) -> list[Piece]:
        """Give up on the gap before the queued segments, if there are any."""
        pieces: list[Piece] = []
        while self._queue:
            seq = min(self._queue, key=lambda at: at - (self._next or 0) & 0xFFFFFFFF)
            octets, length, origin = self._pop(seq)
            self._next = seq
            pieces.append(self._taken(octets, length, origin, gap=True))
            self._drain(pieces)
        return pieces

    def _taken(self, octets: bytes, length: int, origin: Origin, *, gap: bool) -> Piece:
        self._next = (self._next or 0) + length & 0xFFFFFFFF
        return Piece(octets, origin, gap, len(octets) < length)

    def _pop(self, seq: int) -> tuple[bytes, int, Origin]:
        item = self._queue.pop(seq)
        self._queued -= len(item[0])
        return item

    def _drain(self, pieces: list[Piece]) -> None:
        """Take queued segments that have become contiguous."""
        moved = True
        while moved and self._queue:
            moved = False
            for seq in list(self._queue):
                distance = (seq - (self._next or 0) + 0x80000000 & 0xFFFFFFFF) - 0x80000000
                if distance > 0:
                    continue
                octets, length, origin = self._pop(seq)
                if distance + length > 0:
                    left = octets[-distance:] if distance else octets
                    pieces.append(self._taken(left, length + distance, origin, gap=False))
                moved = True
