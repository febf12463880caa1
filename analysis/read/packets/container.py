"""From a file to blocks of packets: gzip, and which container it is.

Formats: libpcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from analysis.model.errors import InputError
from analysis.model.message import say
from analysis.read.packets.block import Block
from analysis.read.packets.gunzip import Gunzip, Readable
from analysis.read.packets.magic import GZIP, SECTION_HEADER
from analysis.read.packets.pcap import MAGICS, pcap_blocks
from analysis.read.packets.pcapng import pcapng_blocks
from analysis.read.packets.window import Window

CHUNK = 12 << 20
"""Octets looked at together: the buffer that the whole reader's memory hangs on."""

MAX_UNPACKED = 8 << 30
"""Where a gzip file is given up, against decompression bombs."""


class Feed:
    """Fills a window until the end, and keeps what went wrong as a sentence."""

    def __init__(self, stream: Readable, problems: list[str], limit: int | None = None) -> None:
        self._stream = stream
        self._left = limit
        self._total = 0
        self._ended = False
        self.problems = problems

    def fill(self, room: memoryview) -> int:
        """The next octets; 0 at the end or where reading fails."""
        if self._ended:
            return 0
        try:
            got = self._stream.readinto(room if self._left is None else room[: self._left])
        except OSError as error:
            self._stop(say("Reading stopped early: {error}.", error=str(error.strerror or error)))
            return 0
        if self._left is not None:
            self._left -= got
        if isinstance(self._stream, Gunzip):
            self._total += got
            if self._stream.damaged:
                self._stop(say("The gzip file is damaged or cut off; read as far as it unpacks."))
            elif self._total > MAX_UNPACKED:
                self._stop(say("The gzip file holds more than 8 GiB; the rest was not read."))
        return got

    def _stop(self, problem: str) -> None:
        self.problems.append(problem)
        self._ended = True


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """The file, which is not empty.

    Raises InputError when it cannot be opened or read, or is empty.
    """
    if path.is_dir():
        raise InputError(
            say(
                "{file} is a folder, not a capture; name a pcap or pcapng file.",
                file=str(path.name),
            )
        )
    try:
        stream = path.open("rb")
    except OSError as error:
        reason = error.strerror or say("unknown error")
        raise InputError(
            say(
                "{file} could not be opened ({reason}); check the name and the permissions.",
                file=str(path.name),
                reason=reason,
            )
        ) from error
    with stream:
        try:
            first = stream.peek(1)
        except OSError as error:
            raise InputError(
                say(
                    "{file} could not be read ({reason}); copy it to a local disk.",
                    file=str(path.name),
                    reason=str(error.strerror),
                )
            ) from error
        if not first:
            raise InputError(
                say("{file} is empty; record or copy the capture again.", file=str(path.name))
            )
        yield stream


def is_packed(stream: BufferedReader) -> bool:
    """Whether an opened file, of which nothing was read yet, is compressed."""
    return stream.peek(len(GZIP))[: len(GZIP)] == GZIP


def blocks(
    stream: Readable, name: str, problems: list[str], *, packed: bool, limit: int | None = None
) -> Iterator[Block]:
    """The packets of an opened file, in blocks; each is good until the next is asked for.

    With `limit` the file ends after so many octets, though it may have grown since.

    Damage ends the iteration and adds a sentence to `problems`. Raises
    InputError when the file is no capture.
    """
    feed = Feed(Gunzip(stream) if packed else stream, problems, limit)
    window = Window(feed.fill, CHUNK)
    magic = bytes(window.data[: min(4, window.end)])
    if magic in MAGICS:
        yield from pcap_blocks(window, problems)
    elif magic == SECTION_HEADER:
        yield from pcapng_blocks(window, problems)
    else:
        raise InputError(
            say(
                "{name} is neither pcap nor pcapng; save it in one of these formats "
                "(Wireshark: File, Save As) and try again.",
                name=str(name),
            )
        )
