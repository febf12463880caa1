"""The ``dns`` table: one row per message, with the delay between query and response.

Messages repeat: the same name is asked for again, and only the id differs. So
each distinct message is parsed once, and the table is put together from these
and from the packets' headers, which come as arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from analysis.model.frames import frame_of_columns
from analysis.read.packets.address import Peers
from analysis.read.packets.address_columns import address_column
from analysis.read.packets.block import Ints, Words
from analysis.read.packets.dns import HEADER, Message, parse
from analysis.read.packets.reassembly import Origin

DNS, MDNS, LLMNR = "dns", "mdns", "llmnr"
_PROTOCOLS = (DNS, MDNS, LLMNR)
_TRANSPORTS = ("udp", "tcp")
_MAX_REMEMBERED = 16_384
"""Messages that are recognised when they come again."""

_WORDS = ("src_high", "src_low", "dst_high", "dst_low")
_LOW = (1 << 64) - 1
_QR, _AA, _TC, _RA = 0x8000, 0x0400, 0x0200, 0x0080


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
    """Collects messages; `frame` makes the table."""

    def __init__(self) -> None:
        self._parts: list[DnsPackets] = []
        self._messages: list[Message] = []
        self._known: dict[bytes, int] = {}
        self._over_tcp: list[tuple[int, ...]] = []

    def number(self, body: bytes) -> int:
        """The number of the message whose octets behind its id are `body`.

        `body` must hold the rest of the header.
        """
        known = self._known.get(body)
        if known is not None:
            return known
        known = len(self._messages)
        message = parse(b"\0\0" + body)
        assert message is not None
        self._messages.append(message)
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
                *(packet.frame, packet.ns, _PROTOCOLS.index(DNS), _TRANSPORTS.index("tcp")),
                *(src.version, int(src) >> 64, int(src) & _LOW, peers.src_port),
                *(int(dst) >> 64, int(dst) & _LOW, peers.dst_port),
                *(packet.ttl, packet.ip_id, self.number(octets[2:])),
                *(int.from_bytes(octets[:2]), int.from_bytes(octets[2:4])),
            )
        )

    def frame(self, source: str) -> pd.DataFrame:
        """The table, in order of frames."""
        packets = self._all()
        if packets is None:
            return frame_of_columns("dns", {})
        response = packets.flags & _QR != 0
        return frame_of_columns(
            "dns",
            {
                "source": [source] * len(packets.frame),
                "frame": packets.frame,
                "time": pa.array(packets.ns / 1e9, mask=packets.ns == 0),
                "protocol": _words(_PROTOCOLS, packets.protocol),
                "transport": _words(_TRANSPORTS, packets.transport),
                "src": address_column(packets.version, packets.src_high, packets.src_low),
                "src_port": packets.src_port,
                "dst": address_column(packets.version, packets.dst_high, packets.dst_low),
                "dst_port": packets.dst_port,
                "id": packets.id,
                "response": response,
                "recursion_available": pa.array(packets.flags & _RA != 0, mask=~response),
                "authoritative": pa.array(packets.flags & _AA != 0, mask=~response),
                "truncated": packets.flags & _TC != 0,
                "latency_ms": _latencies(packets, self._questions()[packets.message]),
                "ip_ttl": packets.ttl,
                "ip_id": pa.array(packets.ip_id, mask=packets.ip_id < 0),
                **self._contents(packets.message),
            },
        )

    def _all(self) -> DnsPackets | None:
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

    def _questions(self) -> Ints:
        """One number per distinct question, for each distinct message."""
        numbers: dict[tuple[str | None, str | None], int] = {}
        return np.array(
            [numbers.setdefault((m.qname, m.qtype), len(numbers)) for m in self._messages]
        )

    def _contents(self, which: Ints) -> dict[str, pa.Array]:
        """The columns that messages determine, for the messages numbered `which`."""
        messages = self._messages
        columns: dict[str, tuple[list[object], pa.DataType]] = {
            "qname": ([m.qname for m in messages], pa.string()),
            "qtype": ([m.qtype for m in messages], pa.string()),
            "rcode": ([m.rcode if m.response else None for m in messages], pa.int64()),
            "answers": ([m.answers for m in messages], pa.list_(pa.string())),
            "cnames": ([m.cnames for m in messages], pa.list_(pa.string())),
            "soa": ([m.soa for m in messages], pa.list_(pa.string())),
            "additional_soa": ([m.additional_soa for m in messages], pa.list_(pa.string())),
            "ede": ([m.ede for m in messages], pa.list_(pa.int64())),
            "ede_text": ([m.ede_text for m in messages], pa.list_(pa.string())),
            "ttl_min": ([m.ttl_min for m in messages], pa.int64()),
            "cut": ([not m.whole for m in messages], pa.bool_()),
        }
        index = pa.array(which)
        return {name: pa.array(*column).take(index) for name, column in columns.items()}


def _column(name: str, values: tuple[int, ...]) -> Any:
    return np.array(values, np.uint64 if name in _WORDS else np.int64)


def _words(words: tuple[str, ...], which: Ints) -> pa.Array:
    return pa.array(words).take(pa.array(which))


def _latencies(packets: DnsPackets, question: Ints) -> npt.NDArray[np.float64]:
    """Milliseconds from the latest query of the same client, port, id and question; else NaN.

    The server's address is not part of the match, so that a forged answer from
    elsewhere has a delay too. mDNS has no such pairs.
    """
    response = packets.flags & _QR != 0
    high = np.where(response, packets.dst_high, packets.src_high)
    low = np.where(response, packets.dst_low, packets.src_low)
    port = np.where(response, packets.dst_port, packets.src_port)
    keys = (question, port << 16 | packets.id, low, high, packets.protocol)
    order = np.lexsort(keys)  # stable: frames stay in order within a key
    fresh = np.zeros(len(order), np.bool_)
    fresh[0] = True
    for key in keys:
        fresh[1:] |= key[order][1:] != key[order][:-1]
    place = np.arange(len(order))
    begin = np.maximum.accumulate(np.where(fresh, place, 0))
    query = np.maximum.accumulate(np.where(response[order], -1, place))
    ns = packets.ns[order]
    delay = ns - ns[np.maximum(query, 0)]
    paired = (query >= begin) & response[order] & (delay >= 0)
    paired &= packets.protocol[order] != _PROTOCOLS.index(MDNS)
    out = np.full(len(order), np.nan)
    out[order] = np.where(paired, delay / 1e6, np.nan)
    return out
