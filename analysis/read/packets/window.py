"""The part of a file that is looked at: one buffer, filled again and again.

Reading into the same memory costs a third of what a fresh object per chunk
does, most of which is the system handing out pages.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis.read.packets.block import PADDING

type Fill = Callable[[memoryview], int]
"""Puts the next octets of a file into a buffer and tells how many; 0 at the end."""


class Window:
    """Octets [0, `end`) of `data` are the file's; zeros follow them, as many as `PADDING`.

    `position` is where in the file the first of them stands.

    `data` is overwritten by `advance`: what is to be kept must be copied.
    """

    def __init__(self, fill: Fill, size: int) -> None:
        self.data = bytearray(size + len(PADDING))
        self.end = 0
        self.position = 0
        self._fill = fill
        self._size = size
        self.advance(0)

    def advance(self, used: int) -> bool:
        """Give up the first `used` octets and read on behind the others; False at the end."""
        rest = bytes(memoryview(self.data)[used : self.end])
        room = len(self.data) - len(PADDING) - len(rest)
        if room < self._size // 2:
            self.data = bytearray(len(rest) + self._size + len(PADDING))
            room = self._size
        # whoever fills may still be reading what was filled before: nothing is moved until then
        got = self._fill(memoryview(self.data)[len(rest) : len(rest) + room])
        self.data[: len(rest)] = rest
        self.end = len(rest) + got
        self.position += used
        self.data[self.end : self.end + len(PADDING)] = PADDING
        return got > 0
