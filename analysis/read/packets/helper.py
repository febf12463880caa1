"""A second process that follows the connections of a large file.

Both processes walk the file: the helper decodes every packet, the first one only
those that are not TCP. So neither waits for the other. The helper is a fresh
interpreter: that works alike on every system, needs no guard in the caller's
program, and forks none of its threads. It sends plain values back through a pipe.
Where it cannot be started, or dies, its part is read in this process, with the
same result.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from analysis.read.packets.magic import plain_container

if TYPE_CHECKING:
    from analysis.read.packets.following import Followed

WORTH = 64 << 20
"""Octets of a file from where on a second process saves more than its start costs."""

_START = (
    "import sys, pickle; job = pickle.load(sys.stdin.buffer); sys.path[:] = job[0]; "
    "from analysis.read.packets.following import serve; serve(*job[1:])"
)

_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "MALLOC_TOP_PAD_": str(16 << 20),
}
"""Keeps the GNU allocator from giving back the arrays of each block, only to ask for them anew."""


@dataclass(slots=True)
class Helper:
    """A process at work on the first `limit` octets of the file."""

    limit: int
    process: subprocess.Popen[bytes]

    def followed(self) -> Followed | None:
        """What it found; None when it failed. Waits for it to end."""
        from analysis.read.packets.following import Followed

        assert self.process.stdout is not None
        octets = self.process.stdout.read()
        if self.process.wait():
            return None
        found = pickle.loads(octets)  # noqa: S301 - our own process wrote it
        return found if isinstance(found, Followed) else None


class _Job(NamedTuple):
    """What `_START` hands on."""

    path: list[str]
    file: str
    dns_ports: frozenset[int]
    limit: int


@contextmanager
def helped(path: Path, dns_ports: frozenset[int]) -> Iterator[Helper | None]:
    """A helper for a file that is worth it, else None; it is gone when the context ends."""
    limit = _worth(path)
    helper = None if limit is None else _started(path, dns_ports, limit)
    try:
        yield helper
    finally:
        if helper is not None:
            with helper.process as process:
                process.kill()


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
    job = _Job(sys.path, str(path.absolute()), dns_ports, limit)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | _MEMORY,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError:
        return None
    helper = Helper(limit, process)
    assert process.stdin is not None
    try:
        with process.stdin as pipe:
            pipe.write(pickle.dumps(tuple(job)))
    except OSError:
        pass  # it is gone already, which its result will show
    return helper
