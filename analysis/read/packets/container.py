"""From a file to blocks of packets: gzip, and which container it is.

Formats: libpcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from analysis.model.errors import InputError
from analysis.read.packets.block import Block
from analysis.read.packets.gunzip import Gunzip, Readable
from analysis.read.packets.pcap import MAGICS, pcap_blocks
from analysis.read.packets.pcapng import SECTION_HEADER, pcapng_blocks

GZIP = b"\x1f\x8b"
CHUNK = 4 << 20
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


def blocks(path: Path, problems: list[str]) -> Iterator[Block]:
    """The packets of `path`, in blocks.

    Damage ends the iteration and adds a sentence to `problems`. Raises
    InputError when the file cannot be opened, is empty or is no capture.
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
    with stream:
        try:
            magic = stream.read(4)
            stream.seek(0)
        except OSError as error:
            raise InputError(
                f"{path.name} could not be read ({error.strerror}); copy it to a local disk."
            ) from error
        if not magic:
            raise InputError(f"{path.name} is empty; record or copy the capture again.")
        if magic[:2] == GZIP:
            yield from _sorted_out(Feed(Gunzip(stream), problems), path.name)
        else:
            yield from _sorted_out(Feed(stream, problems), path.name)


def _sorted_out(feed: Feed, name: str) -> Iterator[Block]:
    head = feed.read()
    if head[:4] in MAGICS:
        yield from pcap_blocks(head, feed.read, feed.problems)
    elif head[:4] == SECTION_HEADER:
        yield from pcapng_blocks(head, feed.read, feed.problems)
    else:
        raise InputError(
            f"{name} is neither pcap nor pcapng; save it in one of these formats "
            "(Wireshark: File, Save As) and try again."
        )
