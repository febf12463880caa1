"""A second process that follows the connections of a large file.

The first process decodes the headers of all packets and hands those of TCP on; the
helper makes connections of them. It is a fresh interpreter: that works alike on every
system, needs no guard in the caller's program, and forks none of its threads. It sends
plain values back. Where it cannot be started, or dies, its part is read in this
process, with the same result.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from analysis.read.packets.magic import plain_container

if TYPE_CHECKING:
    from collections.abc import Buffer

    from analysis.read.packets.block import Block
    from analysis.read.packets.segments import Segments
    from analysis.read.packets.tcp_tables import Connections

WORTH = 64 << 20
"""Octets of a file from where on a second process saves more than its start costs."""

_AHEAD = 16
"""Blocks that the helper may be behind: then there is time for other work, such as imports."""

_START = (
    "import sys, pickle; job = pickle.load(sys.stdin.buffer); sys.path[:] = job[0]; "
    "from analysis.read.packets.following import serve; serve(*job[1:])"
)

_NO_ALGEBRA = {"OPENBLAS_NUM_THREADS": "1"}
"""NumPy makes threads for matrices, which there are none of."""


class Helper:
    """A process at work on the segments of the first `limit` octets of the file."""

    def __init__(self, limit: int, process: subprocess.Popen[bytes]) -> None:
        self.limit = limit
        self._process = process
        self._parts: Queue[list[Buffer] | None] = Queue(_AHEAD)
        self._thread = Thread(target=self._send, daemon=True)
        self._thread.start()

    def take(self, block: Block, segments: Segments) -> None:
        """Hand on the segments of a block; waits when the helper is far behind."""
        # NumPy is not there yet when the helper is started
        from analysis.read.packets.relay import sent

        self._parts.put(list(sent(block, segments)))

    def followed(self) -> Connections | None:
        """What it found; None when it failed. Waits for it to end."""
        from analysis.read.packets.relay import sent_last
        from analysis.read.packets.tcp_tables import Connections

        self._parts.put([sent_last()])
        assert self._process.stdout is not None
        octets = self._process.stdout.read()
        if self._process.wait():
            return None
        found = pickle.loads(octets)  # noqa: S301 - our own process wrote it
        return found if isinstance(found, Connections) else None

    def end(self) -> None:
        """It is gone afterwards, whatever it was doing."""
        self._process.kill()
        self._parts.put(None)
        self._thread.join()
        with self._process:
            pass

    def _send(self) -> None:
        """Write to the pipe, so that only this thread waits for it."""
        pipe = self._process.stdin
        assert pipe is not None
        for parts in iter(self._parts.get, None):
            # a helper that is gone already shows in its result
            with suppress(OSError):
                for part in parts:
                    pipe.write(part)
                pipe.flush()
        with suppress(OSError):
            pipe.close()


class _Job(NamedTuple):
    """What `_START` hands on."""

    path: list[str]
    file: str
    dns_ports: frozenset[int]


@contextmanager
def helped(path: Path, dns_ports: frozenset[int]) -> Iterator[Helper | None]:
    """A helper for a file that is worth it, else None; it is gone when the context ends."""
    limit = _worth(path)
    helper = None if limit is None else _started(path, dns_ports, limit)
    try:
        yield helper
    finally:
        if helper is not None:
            helper.end()


def _worth(path: Path) -> int | None:
    """The size of a file that two processes should read; None for any other."""
    try:
        if not path.is_file() or path.stat().st_size < WORTH or _processors() < 2:
            return None
        with path.open("rb") as stream:
            # unpacking twice what is packed would cost more than it saves
            return os.fstat(stream.fileno()).st_size if plain_container(stream.read(4)) else None
    except OSError:
        return None


def _processors() -> int:
    """Processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _started(path: Path, dns_ports: frozenset[int], limit: int) -> Helper | None:
    """A helper at work; None where none can be had."""
    if not sys.executable or getattr(sys, "frozen", False):
        return None
    job = _Job(sys.path, str(path.absolute()), dns_ports)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | _NO_ALGEBRA,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError:
        return None
    assert process.stdin is not None
    with suppress(OSError):  # it is gone already, which its result will show
        process.stdin.write(pickle.dumps(tuple(job)))
        process.stdin.flush()
    return Helper(limit, process)
