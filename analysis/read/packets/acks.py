"""How long data took to be acknowledged, one direction of a connection."""

from __future__ import annotations

from array import array

from analysis.read.packets.sequence import after

MAX_SAMPLES = 32
"""Samples kept per direction, the first ones."""

MAX_RESENT = 32
"""Resent segments remembered until they are acknowledged."""

_HALF, _WHOLE = 1 << 31, (1 << 32) - 1


class Acks:
    """What became of the data that one end sent.

    One segment at a time is timed, from its transmission to the first ACK that
    covers it; none that was sent more than once (Karn, RFC 6298 section 3).
    """

    __slots__ = ("_resent", "highest", "pending", "samples", "selected")

    def __init__(self) -> None:
        self.samples = array("d")
        """Times in ns."""
        self.highest: int | None = None
        """The highest acknowledgement number received."""
        self.pending: tuple[int, int] | None = None
        """Sequence number behind the segment that is timed, and when it was sent (ns)."""
        self.selected = 0
        """Longest stretch of data that was acknowledged although data before it was not."""
        self._resent: dict[int, int] | None = None

    def sent(self, end: int, ns: int) -> None:
        """A segment with new data ended before sequence number `end`."""
        if self.pending is None and len(self.samples) < MAX_SAMPLES:
            self.pending = (end, ns)

    def resent(self, end: int, length: int) -> None:
        """A segment was sent again."""
        self.pending = None
        if self.highest is not None and not after(end, self.highest):
            return
        if self._resent is None:
            self._resent = {}
        if len(self._resent) < MAX_RESENT:
            self._resent[end] = max(length, self._resent.get(end, 0))

    def acknowledged(self, number: int, ns: int) -> None:
        """The other end acknowledged all before `number`."""
        # as `after` has it: a call for each of so many would take longer than all else here
        highest, pending = self.highest, self.pending
        if highest is not None and not 0 < (number - highest & _WHOLE) < _HALF:
            return
        self.highest = number
        if pending is not None and not 0 < (pending[0] - number & _WHOLE) < _HALF:
            self.samples.append(ns - pending[1])
            self.pending = None
        if self._resent:
            self._resent = {
                end: length for end, length in self._resent.items() if after(end, number)
            }

    def selectively(self, number: int, blocks: bytes) -> None:
        """The other end has data beyond `number`, which it still lacks (SACK, RFC 2018).

        A block before it repeats what was acknowledged already (RFC 2883).
        """
        for at in range(0, len(blocks) - 7, 8):
            left = int.from_bytes(blocks[at : at + 4])
            right = int.from_bytes(blocks[at + 4 : at + 8])
            if after(left, number) and after(right, left):
                self.selected = max(self.selected, right - left & 0xFFFFFFFF)

    @property
    def lost_payload(self) -> int | None:
        """Longest payload that was resent and never acknowledged."""
        return max(self._resent.values(), default=None) if self._resent else None

    def quantiles(self, *shares: float) -> tuple[float | None, ...]:
        """The sample in ns that each of `shares` of all do not exceed (nearest rank)."""
        count = len(self.samples)
        if not count:
            return (None,) * len(shares)
        ordered = sorted(self.samples)
        return tuple(ordered[min(count - 1, int(share * count))] for share in shares)
