"""The ``icmp`` table: error messages, and which packet each is about.

RFC 792, RFC 1191 (next-hop MTU) and RFC 4443.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analysis.model.message import say
from analysis.read.packets.address import address_text, sender_and_receiver
from analysis.read.packets.block import Block, octets, taken
from analysis.read.packets.clock import seconds
from analysis.read.packets.ip import Datagrams

MAX_ERRORS = 100_000
_ICMP, _ICMP6 = 1, 58
_ERRORS4 = (3, 4, 5, 11, 12)
_ERRORS6 = (1, 2, 3, 4)
_TOO_BIG4, _TOO_BIG6 = (3, 4), 2
_PROTOCOLS = {6: "tcp", 17: "udp", _ICMP: "icmp", _ICMP6: "icmp"}
_EXTENSIONS6 = (0, 43, 60, 44)
_MAX_EXTENSIONS = 8
_TCP_SEEN = 16
"""Octets of a TCP header that Wireshark needs to make a connection of it."""

type Pair = frozenset[tuple[str, int]]
"""Address and port of both ends of a connection."""


class Quoted(NamedTuple):
    """The packet in question, as far as the message quotes it; `octets` are its transport's."""

    client: str
    server: str
    protocol: str | None
    client_port: int | None
    server_port: int | None
    octets: int

    def pair(self) -> Pair | None:
        """The ends of the TCP connection it is of, if Wireshark would see one in it."""
        if self.protocol != "tcp" or self.client_port is None or self.server_port is None:
            return None
        if self.octets < _TCP_SEEN:
            return None
        return frozenset(((self.client, self.client_port), (self.server, self.server_port)))


class IcmpRows:
    """Collects error messages; `rows` are those of the table."""

    def __init__(self) -> None:
        self._rows: list[dict[str, object]] = []
        self._full = False
        self.quoted: dict[Pair, int] = {}
        """Connections of which TCP segments were quoted, and the frame of the first time."""

    @property
    def problems(self) -> list[str]:
        """What was left out, a sentence each."""
        if not self._full:
            return []
        return [
            say(
                "Only the first {n} ICMP errors are in the table; the capture has more.",
                n=MAX_ERRORS,
            )
        ]

    def feed(self, block: Block, found: Datagrams) -> None:
        """Take the error messages of a block."""
        for protocol, errors in ((_ICMP, _ERRORS4), (_ICMP6, _ERRORS6)):
            rows = found.of(protocol, 8)
            kinds = octets(found.data)[found.transport[rows]]
            for row in rows[np.isin(kinds, errors)].tolist():
                if len(self._rows) >= MAX_ERRORS:
                    self._full = True
                    return
                self._rows.append(self._row(block, found, row, six=protocol == _ICMP6))

    def _row(self, block: Block, found: Datagrams, row: int, *, six: bool) -> dict[str, object]:
        message = taken(found.data, int(found.transport[row]), int(found.captured[row]))
        src, dst = sender_and_receiver(found, row)
        kind, code = message[0], message[1]
        mtu = None
        if six and kind == _TOO_BIG6:
            mtu = int.from_bytes(message[4:8])
        elif not six and (kind, code) == _TOO_BIG4:
            mtu = int.from_bytes(message[6:8]) or None  # 0 from routers older than RFC 1191
        about = quoted(message[8:])
        pair = about.pair() if about else None
        if pair is not None:
            self.quoted.setdefault(pair, int(block.frame[row]))
        return {
            "frame": int(block.frame[row]),
            "time": seconds(int(block.ns[row])),
            "src": src,
            "dst": dst,
            "type": kind,
            "code": code,
            "mtu": mtu,
            "client": about.client if about else None,
            "server": about.server if about else None,
            "protocol": about.protocol if about else None,
            "client_port": about.client_port if about else None,
            "server_port": about.server_port if about else None,
        }

    def rows(self, source: str) -> list[dict[str, object]]:
        """Rows of the table, in order of frames."""
        rows = sorted(self._rows, key=lambda row: int(str(row["frame"])))
        return [{"source": source, **row} for row in rows]


def quoted(packet: bytes) -> Quoted | None:
    """Addresses and ports of the IP packet that begins here; None when it is too short."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 20:
        protocol, at = packet[9], (packet[0] & 15) * 4
        client, server = address_text(packet[12:16]), address_text(packet[16:20])
        first = int.from_bytes(packet[6:8]) & 0x1FFF == 0
    elif version == 6 and len(packet) >= 40:
        client, server = address_text(packet[8:24]), address_text(packet[24:40])
        protocol, at, first = _past_extensions(packet)
    else:
        return None
    ports: tuple[int | None, int | None] = (None, None)
    if first and protocol in (6, 17) and len(packet) >= at + 4 and at >= 20:
        ports = (int.from_bytes(packet[at : at + 2]), int.from_bytes(packet[at + 2 : at + 4]))
    return Quoted(client, server, _PROTOCOLS.get(protocol), *ports, max(0, len(packet) - at))


def _past_extensions(packet: bytes) -> tuple[int, int, bool]:
    """(protocol, offset of its header, whether it begins in this packet) of an IPv6 packet."""
    protocol, at = packet[6], 40
    for _ in range(_MAX_EXTENSIONS):
        if protocol not in _EXTENSIONS6 or len(packet) < at + 8:
            break
        if protocol == 44 and int.from_bytes(packet[at + 2 : at + 4]) & 0xFFF8:
            return packet[at], at, False
        size = 8 if protocol == 44 else 8 * (packet[at + 1] + 1)
        protocol, at = packet[at], at + size
    return protocol, at, True
