"""The ``dns`` table: one row per message, with the delay between query and response."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from analysis.model.frames import frame_of_columns
from analysis.read.packets.clock import seconds
from analysis.read.packets.dns import Message, parse
from analysis.read.packets.reassembly import Origin

_MAX_PENDING = 65_536
"""Queries remembered while their response has not come."""


class Peers(NamedTuple):
    """Sender and receiver."""

    src: str
    src_port: int
    dst: str
    dst_port: int


class _Row(NamedTuple):
    message: Message
    packet: Origin
    peers: Peers
    protocol: str
    transport: str


class DnsRows:
    """Collects messages; `frame` makes the table."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []

    def add(
        self, octets: bytes, packet: Origin, peers: Peers, protocol: str, transport: str
    ) -> None:
        """Take one message; octets too few for a DNS header give no row."""
        message = parse(octets)
        if message is not None:
            self._rows.append(_Row(message, packet, peers, protocol, transport))

    def frame(self, source: str) -> pd.DataFrame:
        """The table, in order of frames."""
        rows = sorted(self._rows, key=lambda row: row.packet.frame)
        messages = [row.message for row in rows]
        packets = [row.packet for row in rows]
        peers = [row.peers for row in rows]
        responses = [message.response for message in messages]
        return frame_of_columns(
            "dns",
            {
                "source": [source] * len(rows),
                "frame": [packet.frame for packet in packets],
                "time": [seconds(packet.ns) for packet in packets],
                "protocol": [row.protocol for row in rows],
                "transport": [row.transport for row in rows],
                "src": [peer.src for peer in peers],
                "src_port": [peer.src_port for peer in peers],
                "dst": [peer.dst for peer in peers],
                "dst_port": [peer.dst_port for peer in peers],
                "id": [message.id for message in messages],
                "response": responses,
                "qname": [message.qname for message in messages],
                "qtype": [message.qtype for message in messages],
                "rcode": [message.rcode if message.response else None for message in messages],
                "answers": [message.answers for message in messages],
                "cnames": [message.cnames for message in messages],
                "soa": [message.soa for message in messages],
                "additional_soa": [message.additional_soa for message in messages],
                "ede": [message.ede for message in messages],
                "ede_text": [message.ede_text for message in messages],
                "ttl_min": [message.ttl_min for message in messages],
                "recursion_available": [
                    message.recursion_available if message.response else None
                    for message in messages
                ],
                "authoritative": [
                    message.authoritative if message.response else None for message in messages
                ],
                "truncated": [message.truncated for message in messages],
                "cut": [not message.whole for message in messages],
                "latency_ms": _latencies(rows),
                "ip_ttl": [packet.ttl for packet in packets],
                "ip_id": [packet.ip_id if packet.ip_id >= 0 else None for packet in packets],
            },
        )


def _latencies(rows: list[_Row]) -> list[float | None]:
    """Response minus the latest query of the same client, port, id and name.

    The server's address is not part of the match, so that a forged answer from
    elsewhere has a delay too. mDNS has no such pairs.
    """
    asked: dict[tuple[str, int, int, str | None, str | None], int] = {}
    out: list[float | None] = []
    for row in rows:
        message, peers = row.message, row.peers
        latency = None
        if row.protocol == "mdns":
            pass
        elif message.response:
            key = (peers.dst, peers.dst_port, message.id, message.qname, message.qtype)
            since = asked.get(key)
            if since is not None and row.packet.ns >= since:
                latency = (row.packet.ns - since) / 1e6
        else:
            key = (peers.src, peers.src_port, message.id, message.qname, message.qtype)
            asked.pop(key, None)
            asked[key] = row.packet.ns
            if len(asked) > _MAX_PENDING:
                del asked[next(iter(asked))]
        out.append(latency)
    return out
