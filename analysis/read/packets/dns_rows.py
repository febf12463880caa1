"""DNS messages, as they are collected for the ``dns`` table.

Messages repeat: the same name is asked for again, and only the id differs. So
each distinct message is parsed once, and the table is put together from these
and from the packets' headers, which come as arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import numpy as np

from analysis.read.packets.address import Peers
from analysis.read.packets.block import Ints, Words
from analysis.read.packets.dns import HEADER, Message, parse
from analysis.read.packets.reassembly import Origin

DNS, MDNS, LLMNR = "dns", "mdns", "llmnr"
PROTOCOLS = (DNS, MDNS, LLMNR)
TRANSPORTS = ("udp", "tcp")
_MAX_REMEMBERED = 16_384
"""Messages that are recognised when they come again."""

_WORDS = ("src_high", "src_low", "dst_high", "dst_low")
_LOW = (1 << 64) - 1


@dataclass(slots=True)
class DnsPackets:
    """Headers of messages, one entry each.

    `protocol` and `transport` are places in (dns, mdns, llmnr) and (udp, tcp);
    address halves are those of `Datagrams`, `version` is the IP version of both,
    `ip_id` is -1 where there is none. `message` is the number of the parsed
    message, `id` and `flags` are the first two fields of its header.
    """

    frame: Ints
    ns: Ints
    protocol: Ints
    transport: Ints
    version: Ints
    src_high: Words
    src_low: Words
    src_port: Ints
    dst_high: Words
    dst_low: Words
    dst_port: Ints
    ttl: Ints
    ip_id: Ints
    message: Ints
    id: Ints
    flags: Ints


class DnsRows:
    """Collects messages; `messages` are the distinct ones, in the order of their numbers."""

    def __init__(self) -> None:
        self._parts: list[DnsPackets] = []
        self.messages: list[Message] = []
        self._known: dict[bytes, int] = {}
        self._over_tcp: list[tuple[int, ...]] = []

    def number(self, body: bytes) -> int:
        """The number of the message whose octets behind its id are `body`.

        `body` must hold the rest of the header.
        """
        known = self._known.get(body)
        if known is not None:
            return known
        known = len(self.messages)
        message = parse(b"\0\0" + body)
        assert message is not None
        self.messages.append(message)
        if len(self._known) >= _MAX_REMEMBERED:
            self._known.clear()
        self._known[body] = known
        return known

    def add_packets(self, packets: DnsPackets) -> None:
        """Take the messages of a block."""
        self._parts.append(packets)

    def add(self, octets: bytes, packet: Origin, peers: Peers) -> None:
        """Take one message over TCP; octets too few for a DNS header give no row."""
        if len(octets) < HEADER:
            return
        src, dst = ip_address(peers.src), ip_address(peers.dst)
        self._over_tcp.append(
            (
                *(packet.frame, packet.ns, PROTOCOLS.index(DNS), TRANSPORTS.index("tcp")),
                *(src.version, int(src) >> 64, int(src) & _LOW, peers.src_port),
                *(int(dst) >> 64, int(dst) & _LOW, peers.dst_port),
                *(packet.ttl, packet.ip_id, self.number(octets[2:])),
                *(int.from_bytes(octets[:2]), int.from_bytes(octets[2:4])),
            )
        )

    def packets(self) -> DnsPackets | None:
        """All packets in order of frames; None when there are none."""
        parts = list(self._parts)
        if self._over_tcp:
            columns = map(_column, DnsPackets.__slots__, zip(*self._over_tcp, strict=True))
            parts.append(DnsPackets(*columns))
        if not parts:
            return None
        order = np.argsort(np.concatenate([part.frame for part in parts]), kind="stable")
        return DnsPackets(
            *(
                np.concatenate([getattr(part, name) for part in parts])[order]
                for name in DnsPackets.__slots__
            )
        )


def _column(name: str, values: tuple[int, ...]) -> Any:
    return np.array(values, np.uint64 if name in _WORDS else np.int64)
