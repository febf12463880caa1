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
from contextlib import ExitStack, contextmanager, suppress
from mmap import mmap
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from analysis.read.packets.magic import plain_container

if TYPE_CHECKING:
    from analysis.read.packets.block import Block
    from analysis.read.packets.quiet import Quiet
    from analysis.read.packets.relay import Sender
    from analysis.read.packets.segments import Segments
    from analysis.read.packets.tcp_tables import Connections, Spoken

WORTH = 64 << 20
"""Octets of a file from where on a second process saves more than its start costs."""

AREA = 24 << 20
"""Octets that are shared, more than the segments of any block take."""

_MEMORY = "/dev/shm"  # noqa: S108 - only files without a name are made there

_START = (
    "import sys, pickle; job = pickle.load(sys.stdin.buffer); sys.path[:] = job[0]; "
    "from analysis.read.packets.following import serve; serve(*job[1:])"
)

_NO_ALGEBRA = {"OPENBLAS_NUM_THREADS": "1"}
"""NumPy makes threads for matrices, which there are none of."""


class Helper:
    """A process at work on the segments of the first `limit` octets of the file.

    What goes wrong with it shows in its result alone.
    """

    def __init__(self, limit: int, process: subprocess.Popen[bytes], shared: Shared) -> None:
        self.limit = limit
        self._process = process
        self._shared = shared
        self._sender: Sender | None = None
        self._gone = False

    def take(self, block: Block, segments: Segments, quiet: Quiet) -> None:
        """Hand on the segments of a block; waits when the helper is far behind."""
        with self._noticing():
            self._to_it().send(block, segments, quiet)

    def finish(self) -> None:
        """There are no more blocks."""
        with self._noticing():
            self._to_it().end()

    def connections(self) -> Connections | None:
        """The connections, waited for; None when it failed."""
        from analysis.read.packets.tcp_tables import Connections

        found = self._result()
        return found if isinstance(found, Connections) else None

    def spoken(self) -> Spoken | None:
        """What was said on them, likewise; asked for after the connections."""
        from analysis.read.packets.tcp_tables import Spoken

        found = self._result()
        # its memory is given back while this process makes tables
        self._process.kill()
        return found if isinstance(found, Spoken) else None

    def _result(self) -> object:
        with self._noticing():
            self._to_it().wait()
            assert self._process.stdout is not None
            return pickle.load(self._process.stdout)  # noqa: S301 - our own process wrote it
        return None

    def _to_it(self) -> Sender:
        # NumPy is not there yet when the helper is started
        from analysis.read.packets.relay import Sender

        if self._gone:
            raise EOFError
        if self._sender is None:
            pipe, done = self._process.stdin, self._process.stdout
            assert pipe is not None
            assert done is not None
            self._sender = Sender(pipe, done, self._shared)
        return self._sender

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, pickle.UnpicklingError):
            self._gone = True


class Shared(NamedTuple):
    """A file in memory, written from its begin on, and the area of memory that it is."""

    file: IO[bytes]
    area: mmap


class _Job(NamedTuple):
    """What `_START` hands on."""

    path: list[str]
    file: str
    dns_ports: frozenset[int]
    area: str


@contextmanager
def helped(path: Path, dns_ports: frozenset[int]) -> Iterator[Helper | None]:
    """A helper for a file that is worth it, else None; it is gone when the context ends."""
    limit = _worth(path)
    with ExitStack() as stack:
        yield None if limit is None else _started(path, dns_ports, limit, stack)


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


def _started(path: Path, dns_ports: frozenset[int], limit: int, stack: ExitStack) -> Helper | None:
    """A helper at work, which ends with `stack`; None where none can be had."""
    if not sys.executable or getattr(sys, "frozen", False):
        return None
    try:
        shared = stack.enter_context(_nameless())
        inherited = () if sys.platform == "win32" else (shared.fileno(),)
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | _NO_ALGEBRA,
            pass_fds=inherited,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError:
        return None
    stack.callback(_end, process)
    name = f"/dev/fd/{shared.fileno()}" if inherited else shared.name
    job = _Job(sys.path, str(path.absolute()), dns_ports, name)
    try:
        shared.truncate(AREA)
        # not closed with `stack`: an error in the midst of sending still holds on to it
        area = mmap(shared.fileno(), AREA)
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(tuple(job)))
        process.stdin.flush()
    except OSError:
        return None
    return Helper(limit, process, Shared(shared, area))


def _nameless() -> IO[bytes]:
    """A file in memory that leaves nothing behind, whatever happens.

    Windows hands no open file on in that way; there it has a name.
    """
    if sys.platform == "win32":
        return cast(IO[bytes], NamedTemporaryFile(buffering=0, delete_on_close=False))
    folder = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    return cast(IO[bytes], TemporaryFile(buffering=0, dir=folder))


def _end(process: subprocess.Popen[bytes]) -> None:
    """It is gone afterwards, whatever it was doing."""
    process.kill()
    with suppress(OSError), process:
        pass
