"""What needs every TCP segment: connections.

Kept apart from everything else that is read, because a second process does just
this for a large file.
"""

from __future__ import annotations

import gc
import pickle
import sys
from io import FileIO
from mmap import mmap
from pathlib import Path
from threading import Thread
from typing import BinaryIO

from analysis.read.packets.address import Endpoints, Peers
from analysis.read.packets.allocator import keep_freed_memory
from analysis.read.packets.container import blocks, opened
from analysis.read.packets.fragments import Fragments
from analysis.read.packets.ip import datagrams
from analysis.read.packets.quiet import Quiet, quiet_runs
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.relay import received
from analysis.read.packets.segments import Segments, segments_of
from analysis.read.packets.tcp import Streams
from analysis.read.packets.tcp_tables import (
    Connections,
    Spoken,
    connection_columns,
    spoken_columns,
)


class Following:
    """Takes all TCP segments, block by block; DNS messages are kept for later."""

    def __init__(self, dns_ports: frozenset[int]) -> None:
        self._messages: list[tuple[bytes, Origin, Peers]] = []
        self._streams = Streams(dns_ports, self._keep)

    def feed(self, segments: Segments, quiet: Quiet) -> None:
        """Take the segments of a block, and its quiet runs."""
        self._streams.feed(segments, quiet)

    def connections(self) -> Connections:
        """All connections, now that the file has ended."""
        self._streams.end()
        columns = connection_columns(self._streams)
        return Connections(columns, self._streams.tunnels, self._messages)

    def spoken(self) -> Spoken:
        """What was said on them. They are forgotten: what comes next takes memory of its own."""
        found = spoken_columns(self._streams.all)
        self._streams.clear()
        return found

    def _keep(self, octets: bytes, packet: Origin, peers: Peers) -> None:
        self._messages.append((octets, packet, peers))


def followed(path: Path, dns_ports: frozenset[int], limit: int | None) -> Following:
    """All segments taken, in a walk of its own over the file."""
    following = Following(dns_ports)
    fragments, endpoints = Fragments(), Endpoints()
    with opened(path) as stream:
        for block in blocks(stream, path.name, [], packed=False, limit=limit):
            found = datagrams(block, fragments)
            segments = segments_of(block, found, endpoints.ends(found))
            if segments is not None:
                following.feed(segments, quiet_runs(segments))
            del block, found, segments  # with the buffer, before the columns are made
    return following


def serve(file: str, dns_ports: frozenset[int], area: str) -> None:
    """The helper's own main function: segments from standard input, the result to standard output.

    Raises EOFError when either the sender or the file ends early.
    """
    gc.disable()
    keep_freed_memory()
    following = Following(dns_ports)
    out = sys.stdout.buffer
    with FileIO(file) as capture, FileIO(area, "r+") as shared, mmap(shared.fileno(), 0) as lent:
        for segments, quiet in received(sys.stdin.buffer, out, lent, capture):
            following.feed(segments, quiet)
            del segments, quiet
    # the first becomes a table while the second is put together, or waits for its reader
    first = pickle.dumps(following.connections(), protocol=5)
    writing = Thread(target=_put, args=(out, first))
    writing.start()
    second = pickle.dumps(following.spoken(), protocol=5)
    writing.join()
    _put(out, second)


def _put(out: BinaryIO, octets: bytes) -> None:
    out.write(octets)
    out.flush()
