"""The ``quic`` table: one row per connection, with what its ClientHello says."""

from __future__ import annotations

from analysis.read.packets.address import Peers
from analysis.read.packets.clock import seconds
from analysis.read.packets.conversations import Conversation, Conversations
from analysis.read.packets.hello import ClientHello, client_hello, printable
from analysis.read.packets.ja4 import ja4
from analysis.read.packets.quic import (
    VERSIONS,
    ClientKeys,
    LongHeader,
    client_keys,
    crypto_frames,
    initial_payloads,
    long_header,
    offered_versions,
)
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.tls import CLIENT_HELLO

_MAX_HELLO = 65_536
_MAX_ATTEMPTS = 32
"""Datagrams decrypted per connection in search of its ClientHello."""

_MIN_INITIAL = 1200
_MAX_IDS = 16
"""Connection ids of a server that are remembered per connection."""


class _Connection:
    """One connection, from the first client Initial on."""

    __slots__ = (
        "attempts",
        "conversation",
        "crypto",
        "hello",
        "ids",
        "keys",
        "octets",
        "offered",
        "retry",
        "version",
    )

    def __init__(self, conversation: Conversation, header: LongHeader) -> None:
        self.conversation = conversation
        self.version = header.version
        self.ids = {header.destination}
        """What the client calls the server: its own first choice, and what the server chose."""
        self.retry = False
        self.offered: list[int] | None = None
        self.attempts = 0
        self.keys: list[ClientKeys] = []
        self.crypto: dict[int, bytes] = {}
        self.octets = 0
        self.hello: ClientHello | None = None

    def hear_server(self, payload: bytes, header: LongHeader) -> None:
        """Take a long header from the server."""
        if header.version == 0:
            if self.offered is None:
                self.offered = offered_versions(payload, header)
            return
        self.retry = self.retry or header.retry
        if len(self.ids) < _MAX_IDS:
            self.ids.add(header.source)

    def read(self, payload: bytes, header: LongHeader) -> None:
        """Look for the ClientHello in a datagram of the client."""
        if self.hello is not None or self.attempts >= _MAX_ATTEMPTS:
            return
        self.attempts += 1
        if header.version not in VERSIONS:
            return
        self.version = header.version
        for keys in self.keys:
            if self._read_with(payload, keys):
                return
        # the first Initial, and the one after a Retry, bring a new connection id
        keys = client_keys(header.version, header.destination)
        if self._read_with(payload, keys):
            self.keys.append(keys)

    def _read_with(self, payload: bytes, keys: ClientKeys) -> bool:
        plains = initial_payloads(payload, keys)
        for plain in plains:
            for offset, octets in crypto_frames(plain):
                if offset + len(octets) <= _MAX_HELLO and self.octets <= 4 * _MAX_HELLO:
                    self.octets += len(octets)
                    if len(octets) > len(self.crypto.get(offset, b"")):
                        self.crypto[offset] = octets
        if plains:
            self._assemble()
        return bool(plains)

    def _assemble(self) -> None:
        message = bytearray()
        for offset in sorted(self.crypto):
            if offset > len(message):
                return
            message += self.crypto[offset][len(message) - offset :]
        if len(message) < 4 or message[0] != CLIENT_HELLO:
            return
        end = 4 + int.from_bytes(message[1:4])
        if len(message) >= end:
            self.hello = client_hello(bytes(message[4:end]))
            self.crypto.clear()


class QuicFlows:
    """All QUIC connections of a file."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations
        self._latest: dict[int, _Connection] = {}
        self._all: list[_Connection] = []

    def add(self, flow: int, sender: int, payload: bytes, packet: Origin, peers: Peers) -> None:
        """Take a datagram that has a long header."""
        header = long_header(payload)
        if header is None:
            return
        known = self._latest.get(flow)
        if known is not None and sender != known.conversation.client_number:
            known.hear_server(payload, header)
        elif not header.initial:
            return
        elif known is not None and (known.offered is not None or header.destination in known.ids):
            known.read(payload, header)
        else:
            self._begin(
                flow,
                known,
                _Connection(Conversation(sender, peers, packet), header),
                payload,
                header,
            )

    def _begin(
        self,
        flow: int,
        known: _Connection | None,
        fresh: _Connection,
        payload: bytes,
        header: LongHeader,
    ) -> None:
        """An Initial that no known connection explains: a new one, if it can be decrypted."""
        if header.version in VERSIONS:
            fresh.read(payload, header)
            readable = bool(fresh.keys)
        else:
            readable = len(payload) >= _MIN_INITIAL and known is None
        if not readable:
            if known is not None:
                known.read(payload, header)
            return  # a server's Initial, or no QUIC at all
        if self._conversations.add(flow, fresh.conversation):
            self._latest[flow] = fresh
            self._all.append(fresh)

    def columns(self, source: str) -> dict[str, list[object]]:
        """Columns of the table, in order of frames."""
        found = sorted(self._all, key=lambda connection: connection.conversation.first.frame)
        hellos = [connection.hello for connection in found]
        talks = [connection.conversation for connection in found]
        return {
            "source": [source] * len(found),
            "frame": [talk.first.frame for talk in talks],
            "time": [seconds(talk.first.ns) for talk in talks],
            "client": [talk.peers.src for talk in talks],
            "client_port": [talk.peers.src_port for talk in talks],
            "server": [talk.peers.dst for talk in talks],
            "server_port": [talk.peers.dst_port for talk in talks],
            "version": [_version(connection.version) for connection in found],
            "sni": [hello.sni if hello else None for hello in hellos],
            "alpn": [
                [printable(name) for name in hello.alpn] if hello else None for hello in hellos
            ],
            "ja4": [ja4(hello, "q") if hello and hello.whole else None for hello in hellos],
            "answered": [talk.answered for talk in talks],
            "client_packets": [talk.packets[0] for talk in talks],
            "server_packets": [talk.packets[1] for talk in talks],
            "answer_ms": [talk.answer_ms for talk in talks],
            "last_time": [seconds(talk.last_ns) for talk in talks],
            "retry": [connection.retry for connection in found],
            "offered_versions": [
                None if connection.offered is None else list(map(_version, connection.offered))
                for connection in found
            ],
        }


def _version(number: int) -> str:
    return f"0x{number:08x}"
