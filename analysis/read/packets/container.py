"""From a file to blocks of packets: gzip, and which container it is.

Formats: libpcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.model.errors import InputError
from analysis.read.packets.block import Block
from analysis.read.packets.digest import Digest
from analysis.read.packets.gunzip import Gunzip, Readable
from analysis.read.packets.pcap import MAGICS, pcap_blocks
from analysis.read.packets.pcapng import SECTION_HEADER, pcapng_blocks

GZIP = b"\x1f\x8b"
CHUNK = 8 << 20
"""Octets read at a time: the buffer that the whole reader's memory hangs on."""

MAX_UNPACKED = 8 << 30
"""Where a gzip file is given up, against decompression bombs."""


def looks_like_packets(first_bytes: bytes) -> bool:
    """Whether a file that begins so is pcap, pcapng or a gzip file that may hold one.

    Four octets are enough; a gzip file is unpacked as far as `first_bytes` go.
    """
    if first_bytes[:2] == GZIP:
        try:
            first_bytes = zlib.decompressobj(wbits=31).decompress(first_bytes, 4)
        except zlib.error:
            return False
        if not first_bytes:
            return True  # only the gzip header was given
    return first_bytes[:4] in MAGICS or first_bytes[:4] == SECTION_HEADER


class Feed:
    """Reads chunks until the end, and keeps what went wrong as a sentence."""

    def __init__(self, stream: Readable, problems: list[str]) -> None:
        self._stream = stream
        self._total = 0
        self._ended = False
        self.problems = problems

    def read(self) -> bytes:
        """The next chunk; empty at the end or where reading fails."""
        if self._ended:
            return b""
        try:
            chunk = self._stream.read(CHUNK)
        except OSError as error:
            self._stop(f"Reading stopped early: {error.strerror or error}.")
            return b""
        if isinstance(self._stream, Gunzip):
            self._total += len(chunk)
            if self._stream.damaged:
                self._stop("The gzip file is damaged or cut off; read as far as it unpacks.")
            elif self._total > MAX_UNPACKED:
                self._stop("The gzip file holds more than 8 GiB; the rest was not read.")
        return chunk

    def _stop(self, problem: str) -> None:
        self.problems.append(problem)
        self._ended = True


@contextmanager
def opened(path: Path) -> Iterator[Digest]:
    """The file's octets, hashed as they are read.

    Raises InputError when the file cannot be opened.
    """
    if path.is_dir():
        raise InputError(f"{path.name} is a folder, not a capture; name a pcap or pcapng file.")
    try:
        stream = path.open("rb")
    except OSError as error:
        reason = error.strerror or "unknown error"
        raise InputError(
            f"{path.name} could not be opened ({reason}); check the name and the permissions."
        ) from error
    with stream, Digest(stream) as digest:
        yield digest


def blocks(digest: Digest, name: str, problems: list[str]) -> Iterator[Block]:
    """The packets of an opened file, in blocks.

    Damage ends the iteration and adds a sentence to `problems`. Raises
    InputError when the file cannot be read, is empty or is no capture.
    """
    try:
        first = digest.read(CHUNK)
    except OSError as error:
        raise InputError(
            f"{name} could not be read ({error.strerror}); copy it to a local disk."
        ) from error
    if not first:
        raise InputError(f"{name} is empty; record or copy the capture again.")
    stream: Readable = _Prefixed(first, digest)
    if first[:2] == GZIP:
        stream = Gunzip(stream)
    feed = Feed(stream, problems)
    head = feed.read()
    if head[:4] in MAGICS:
        yield from pcap_blocks(head, feed.read, problems)
    elif head[:4] == SECTION_HEADER:
        yield from pcapng_blocks(head, feed.read, problems)
    else:
        raise InputError(
            f"{name} is neither pcap nor pcapng; save it in one of these formats "
            "(Wireshark: File, Save As) and try again."
        )


class _Prefixed:
    """A stream whose first chunk was read already."""

    def __init__(self, first: bytes, stream: Readable) -> None:
        self._first = first
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        """Up to `size` octets."""
        if not self._first:
            return self._stream.read(size)
        head, self._first = self._first[:size], self._first[size:]
        return head
