"""A block: some packets of a file, as one buffer and arrays over it.

Every stage of the packet reader works on whole blocks, so that the cost per
packet is that of NumPy and not of Python objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

type Ints = npt.NDArray[np.int64]
type Words = npt.NDArray[np.uint64]
type Mask = npt.NDArray[np.bool_]
type Data = bytes | bytearray
type Octets = Data | memoryview

PADDING = bytes(64)
"""Zeros after the last packet, so that gathering a whole header never leaves the buffer."""


@dataclass(slots=True)
class Block:
    """Packets in file order; good until the next block is asked for.

    What the file says ends before `PADDING` in `data`. Per packet: `frame`
    number, `ns` since 1970 (0 when the file gives no time), `offset` of its first
    octet in `data`, `caplen` octets captured, `wirelen` octets on the wire, `link`
    type (LINKTYPE_ number), `interface` (pcapng's number within its section, -1
    in other files).
    """

    data: Data
    frame: Ints
    ns: Ints
    offset: Ints
    caplen: Ints
    wirelen: Ints
    link: Ints
    interface: Ints
    position: int
    """Where in the file `data` begins."""

    def __len__(self) -> int:
        return len(self.frame)


def gather(data: Data, dtype: np.dtype[np.void], offsets: Ints) -> npt.NDArray[np.void]:
    """The record `dtype` at each of `offsets`; every offset must lie before the padding."""
    room = len(data) - dtype.itemsize + 1
    windows = np.ndarray(shape=(room,), dtype=dtype, buffer=data, strides=(1,))
    return windows[offsets]


def changes(column: npt.NDArray[Any]) -> Mask:
    """Where a stretch of equal values begins."""
    fresh = np.ones(len(column), np.bool_)
    fresh[1:] = column[1:] != column[:-1]
    return fresh


def taken(data: Octets, begin: int, end: int) -> bytes:
    """A copy of some octets, to be kept."""
    return bytes(memoryview(data)[begin:end])


def octets(data: Data) -> npt.NDArray[np.uint8]:
    """The buffer as an array."""
    return np.frombuffer(data, np.uint8)


def u16(data: Data, offsets: Ints) -> Ints:
    """Big-endian 16-bit numbers at `offsets`."""
    words = np.ndarray(shape=(len(data) - 1,), dtype=">u2", buffer=data, strides=(1,))
    return words[offsets].astype(np.int64)
