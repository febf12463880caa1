"""SHA-256 of a file while it is read, on a thread of its own.

Hashing releases the interpreter lock; one hand-over per chunk keeps it from
slowing the reader, which a second pass over the file would.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from analysis.read.packets.gunzip import Readable

_REST = 4 << 20


class Digest:
    """Passes the octets of `stream` on and hashes them on the way."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown()

    def readinto(self, room: memoryview, /) -> int:
        """Fill `room`; 0 at the end. What was filled before must be there until the next call."""
        self._wait()
        got = self._stream.readinto(room)
        if got:
            self._last = self._thread.submit(self._hash.update, room[:got])
        return got

    def hexdigest(self) -> str | None:
        """The hash of the whole file, whose rest is read for it; None if that fails."""
        try:
            room = memoryview(bytearray(_REST))
            while self.readinto(room):
                pass
        except OSError:
            return None
        self._wait()
        return self._hash.hexdigest()

    def _wait(self) -> None:
        """At most one chunk is on its way, so that memory stays bounded."""
        if self._last is not None:
            self._last.result()
            self._last = None
