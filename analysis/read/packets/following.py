"""What needs every TCP segment: connections.

Kept apart from everything else that is read, because a second process does just
this for a large file.
"""

from __future__ import annotations

import gc
import pickle
import sys
from io import BufferedReader, FileIO
from pathlib import Path
from typing import cast

from analysis.read.packets.address import Endpoints, Peers
from analysis.read.packets.allocator import keep_freed_memory
from analysis.read.packets.container import blocks, opened
from analysis.read.packets.fragments import Fragments
from analysis.read.packets.ip import datagrams
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.relay import received
from analysis.read.packets.segments import Segments, segments_of
from analysis.read.packets.tcp import Streams
from analysis.read.packets.tcp_tables import Connections, connections


class Following:
    """Takes all TCP segments, block by block; DNS messages are kept for later."""

    def __init__(self, dns_ports: frozenset[int]) -> None:
        self._messages: list[tuple[bytes, Origin, Peers]] = []
        self._streams = Streams(dns_ports, self._keep)

    def feed(self, segments: Segments) -> None:
        """Take the segments of a block."""
        self._streams.feed(segments)

    def end(self) -> Connections:
        """The file has ended."""
        self._streams.end()
        found = connections(self._streams)
        found.messages = self._messages
        # before it is sent, or becomes tables: both take memory of their own
        self._streams.clear()
        return found

    def _keep(self, octets: bytes, packet: Origin, peers: Peers) -> None:
        self._messages.append((octets, packet, peers))


def followed(path: Path, dns_ports: frozenset[int], limit: int | None) -> Connections:
    """The connections, from a walk of its own over the file."""
    following = Following(dns_ports)
    fragments, endpoints = Fragments(), Endpoints()
    with opened(path) as stream:
        for block in blocks(stream, path.name, [], packed=False, limit=limit):
            found = datagrams(block, fragments)
            segments = segments_of(block, found, endpoints.ends(found))
            if segments is not None:
                following.feed(segments)
            del block, found, segments  # with the buffer, before the columns are made
    return following.end()


def serve(file: str, dns_ports: frozenset[int]) -> None:
    """The helper's own main function: segments from standard input, the result to standard output.

    Raises EOFError when either ends early.
    """
    gc.disable()
    keep_freed_memory()
    following = Following(dns_ports)
    with FileIO(file) as capture:
        for segments in received(cast(BufferedReader, sys.stdin.buffer), capture):
            following.feed(segments)
            del segments
    pickle.dump(following.end(), sys.stdout.buffer, protocol=5)
