"""What needs every TCP segment: connections and activity, in one walk.

Kept apart from everything else that is read, because a large file is walked by
two processes, of which the second does just this.
"""

from __future__ import annotations

import gc
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path

from analysis.read.packets.activity import Activity, Seconds
from analysis.read.packets.address import Endpoints, Peers
from analysis.read.packets.block import Block
from analysis.read.packets.container import blocks, opened
from analysis.read.packets.fragments import Fragments
from analysis.read.packets.ip import Datagrams, datagrams
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.tcp import OnMessage, Streams
from analysis.read.packets.tcp_tables import Connections, connections


@dataclass(frozen=True, slots=True)
class Followed:
    """What was found; plain values and arrays that another process may send."""

    connections: Connections
    activity: Seconds


class Following:
    """Takes all packets, block by block."""

    def __init__(self, dns_ports: frozenset[int], on_message: OnMessage) -> None:
        self._streams = Streams(dns_ports, on_message)
        self._activity = Activity()
        self._endpoints = Endpoints()

    def feed(self, block: Block, found: Datagrams) -> None:
        """Take the packets of a block."""
        ends = self._endpoints.ends(found)
        self._streams.feed(block, found, ends)
        self._activity.feed(block, found, ends)

    def end(self) -> Followed:
        """The file has ended."""
        self._streams.end()
        found = connections(self._streams)
        # before it is sent, or becomes tables: both take memory of their own
        self._streams.clear()
        return Followed(found, self._activity.seconds())


def followed(path: Path, dns_ports: frozenset[int], limit: int | None) -> Followed:
    """The same from a walk of its own over the file; DNS messages are kept for later."""
    messages: list[tuple[bytes, Origin, Peers]] = []

    def keep(octets: bytes, packet: Origin, peers: Peers) -> None:
        messages.append((octets, packet, peers))

    following = Following(dns_ports, keep)
    fragments = Fragments()
    with opened(path) as stream:
        for block in blocks(stream, path.name, [], packed=False, limit=limit):
            following.feed(block, datagrams(block, fragments))
            del block  # with all its arrays and the buffer, before the columns are made
    found = following.end()
    del following  # all that was counted goes before this is sent
    found.connections.messages = messages
    return found


def serve(file: str, dns_ports: frozenset[int], limit: int) -> None:
    """The helper's own main function: its result goes to standard output."""
    gc.disable()
    pickle.dump(followed(Path(file), dns_ports, limit), sys.stdout.buffer, protocol=5)
