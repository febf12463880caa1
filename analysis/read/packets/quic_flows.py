"""The ``quic`` table: one row per connection, with what its ClientHello says."""

from __future__ import annotations

import pandas as pd

from analysis.model.frames import frame_of_columns
from analysis.read.packets.clock import seconds
from analysis.read.packets.dns_rows import Peers
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
)
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.tls import CLIENT_HELLO

_MAX_HELLO = 65_536
_MAX_ATTEMPTS = 32
"""Datagrams decrypted per connection in search of its ClientHello."""

_MAX_WAITING = 16_384
"""Flows whose answer may have a short header; long headers are always looked at."""


class _Flow:
    """One connection, from the first client Initial on."""

    __slots__ = (
        "answered",
        "attempts",
        "client_number",
        "crypto",
        "hello",
        "keys",
        "octets",
        "packet",
        "peers",
        "version",
    )

    def __init__(self, client_number: int, packet: Origin, peers: Peers, version: int) -> None:
        self.client_number = client_number
        self.packet = packet
        self.peers = peers
        self.version = version
        self.answered = False
        self.attempts = 0
        self.keys: list[ClientKeys] = []
        self.crypto: dict[int, bytes] = {}
        self.octets = 0
        self.hello: ClientHello | None = None

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

    def __init__(self) -> None:
        self._flows: dict[int, _Flow] = {}
        self.waiting: dict[int, None] = {}
        """Flows without an answer so far, oldest first: every datagram of theirs is wanted."""

    def add(self, flow: int, sender: int, payload: bytes, packet: Origin, peers: Peers) -> None:
        """Take a datagram that has a long header or belongs to a waiting flow."""
        known = self._flows.get(flow)
        if known is not None and sender != known.client_number:
            known.answered = True
            self.waiting.pop(flow, None)
            return
        header = long_header(payload)
        if header is None or not header.initial:
            return
        if known is None:
            if len(payload) < 1200 and header.version not in VERSIONS:
                return
            known = _Flow(sender, packet, peers, header.version)
            known.read(payload, header)
            if not known.keys and header.version in VERSIONS:
                return  # a server's Initial, or no QUIC at all
            self._flows[flow] = known
            self.waiting[flow] = None
            if len(self.waiting) > _MAX_WAITING:
                del self.waiting[next(iter(self.waiting))]
        else:
            known.read(payload, header)

    def frame(self, source: str) -> pd.DataFrame:
        """The table, in order of frames."""
        flows = list(self._flows.values())
        hellos = [flow.hello for flow in flows]
        return frame_of_columns(
            "quic",
            {
                "source": [source] * len(flows),
                "frame": [flow.packet.frame for flow in flows],
                "time": [seconds(flow.packet.ns) for flow in flows],
                "client": [flow.peers.src for flow in flows],
                "client_port": [flow.peers.src_port for flow in flows],
                "server": [flow.peers.dst for flow in flows],
                "server_port": [flow.peers.dst_port for flow in flows],
                "version": [f"0x{flow.version:08x}" for flow in flows],
                "sni": [hello.sni if hello else None for hello in hellos],
                "alpn": [
                    [printable(name) for name in hello.alpn] if hello else None for hello in hellos
                ],
                "ja4": [ja4(hello, "q") if hello and hello.whole else None for hello in hellos],
                "answered": [flow.answered for flow in flows],
            },
        )
