"""UDP datagrams that something here can read, and tunnels straight over IP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analysis.model.message import say
from analysis.read.packets.address import Endpoints, Peers, sender_and_receiver
from analysis.read.packets.block import Block, Ints, Mask, Words, gather, taken, u16
from analysis.read.packets.conversations import MAX_CONVERSATIONS, Conversations
from analysis.read.packets.dns import HEADER
from analysis.read.packets.dns_rows import DnsPackets, DnsRows
from analysis.read.packets.ip import UDP, Datagrams
from analysis.read.packets.quic import VERSIONS
from analysis.read.packets.quic_flows import QuicFlows
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.recognised import Recognised
from analysis.read.packets.signatures import HEAD, carried, carrying, sign, telling
from analysis.read.packets.tunnel import CARRIERS, carrier

_DNS, _MDNS, _LLMNR = range(3)
_MDNS_PORT, _LLMNR_PORT, _HTTPS = 5353, 5355, 443
_HEADER = np.dtype([("sport", ">u2"), ("dport", ">u2"), ("length", ">u2"), ("checksum", ">u2")])
_WORDS = np.dtype([("first", ">u4"), ("second", ">u4")])
# by protocol number; the -1 of what has none finds the last entry, which is false
_CARRYING = np.zeros(257, np.bool_)
_CARRYING[list(CARRIERS)] = True


@dataclass(slots=True)
class UdpHeaders:
    """The UDP datagrams of a block, one entry each.

    `row` is the entry in `Datagrams`; the payload stands from `start` to `stop`
    as far as it was captured, and is `length` octets long on the wire.
    """

    row: Ints
    sport: Ints
    dport: Ints
    start: Ints
    stop: Ints
    length: Ints

    def only(self, which: Mask) -> UdpHeaders:
        """Those that `which` marks."""
        return UdpHeaders(*(getattr(self, name)[which] for name in UdpHeaders.__slots__))


class _Seen(NamedTuple):
    """Per datagram: its first two words, its flow's number and its sender's."""

    first: Ints
    second: Ints
    flow: Words
    source: Words


def udp_headers(found: Datagrams) -> UdpHeaders:
    """The datagrams whose header was captured."""
    row = found.of(UDP, _HEADER.itemsize)
    header = gather(found.data, _HEADER, found.transport[row])
    start = found.transport[row] + _HEADER.itemsize
    stated = header["length"].astype(np.int64)
    stop = np.where(stated >= _HEADER.itemsize, start - _HEADER.itemsize + stated, found.end[row])
    return UdpHeaders(
        row,
        header["sport"].astype(np.int64),
        header["dport"].astype(np.int64),
        start,
        np.minimum(stop, found.captured[row]),
        stop - start,
    )


class Udp:
    """Sorts the datagrams of each block."""

    def __init__(self, dns_ports: frozenset[int], dns: DnsRows) -> None:
        self._ports = np.full(1 << 16, -1, np.int64)
        self._ports[list(dns_ports)] = _DNS
        self._ports[[_MDNS_PORT, _LLMNR_PORT]] = _MDNS, _LLMNR
        self._dns = dns
        self._conversations = Conversations()
        self.quic = QuicFlows(self._conversations)
        self.recognised = Recognised(self._conversations)
        self._endpoints = Endpoints()

    @property
    def problems(self) -> list[str]:
        """What was left out, a sentence each."""
        if not self._conversations.full:
            return []
        return [
            say(
                "Only the first {n} conversations over UDP are in the tables; the capture has "
                "more.",
                n=MAX_CONVERSATIONS,
            )
        ]

    def feed(self, block: Block, found: Datagrams) -> None:
        """Take the UDP datagrams and the tunnel packets of a block."""
        self._feed_carriers(block, found, np.arange(len(block)))
        if found.carriers is not None and found.carrying is not None:
            self._feed_carriers(block, found.carriers, found.carrying)
        headers = udp_headers(found)
        if not len(headers.row):
            return
        rest = headers.only(~self._take_dns(block, found, headers))
        if not len(rest.row):
            return
        row = rest.row
        source = self._endpoints.number(found.src_high[row], found.src_low[row], rest.sport)
        target = self._endpoints.number(found.dst_high[row], found.dst_low[row], rest.dport)
        flow = source + target
        room = rest.stop - rest.start >= HEAD
        # a gather inside the padding is harmless, and `room` leaves those out
        words = gather(found.data, _WORDS, rest.start)
        first, second = words["first"].astype(np.int64), words["second"].astype(np.int64)
        seen = _Seen(first, second, flow, source)
        long = room & _long_header(first, second, rest)
        self._feed_quic(block, found, rest, seen, among=long)
        heard = self._hear(block, found, rest, seen, among=room & ~long)
        may = room & ~long & ~heard & carrying(first, rest.length, rest.sport, rest.dport)
        for index in np.flatnonzero(may).tolist():
            if self.recognised.undecided(int(flow[index]), int(source[index])):
                packet, peers, payload = self._datagram(block, found, rest, index)
                data = carried(payload)
                if data is not None:
                    self.recognised.suspect(
                        int(flow[index]), int(source[index]), data, packet, peers
                    )
        self._conversations.count(flow, source, block.frame[row], block.ns[row], block.wirelen[row])

    def _hear(
        self,
        block: Block,
        found: Datagrams,
        headers: UdpHeaders,
        seen: _Seen,
        *,
        among: Mask,
    ) -> Mask:
        """Take the packets that say what they are; tells which these were."""
        heard = np.zeros(len(among), np.bool_)
        first, second, flow, source = seen
        tells = telling(first, second, headers.length, headers.sport, headers.dport)
        for index in np.flatnonzero(among & tells).tolist():
            packet, peers, payload = self._datagram(block, found, headers, index)
            known = sign(payload, int(headers.length[index]), (peers.src_port, peers.dst_port))
            if known is not None:
                heard[index] = True
                self.recognised.hear(int(flow[index]), int(source[index]), known, packet, peers)
        return heard

    def _datagram(
        self, block: Block, found: Datagrams, headers: UdpHeaders, index: int
    ) -> tuple[Origin, Peers, bytes]:
        row = int(headers.row[index])
        source, target = sender_and_receiver(found, row)
        peers = Peers(source, int(headers.sport[index]), target, int(headers.dport[index]))
        payload = taken(found.data, int(headers.start[index]), int(headers.stop[index]))
        return _origin(block, found, row, row), peers, payload

    def _take_dns(self, block: Block, found: Datagrams, headers: UdpHeaders) -> Mask:
        """Take the messages on ports of DNS and its kin; tells which datagrams these are."""
        named = self._ports[np.minimum(headers.sport, headers.dport)]
        # the lower port names the protocol, as in Wireshark; a client may use any port
        named = np.where(named >= 0, named, self._ports[np.maximum(headers.sport, headers.dport)])
        mine = named >= 0
        index = np.flatnonzero(mine & (headers.stop - headers.start >= HEADER))
        if not len(index):
            return mine
        rows, start, stop = (headers.row[index], headers.start[index], headers.stop[index])
        view, number = memoryview(found.data), self._dns.number
        messages = [
            number(bytes(view[begin:end]))
            for begin, end in zip((start + 2).tolist(), stop.tolist(), strict=True)
        ]
        self._dns.add_packets(
            DnsPackets(
                block.frame[rows],
                block.ns[rows],
                named[index],
                np.zeros(len(rows), np.int64),
                found.version[rows],
                found.src_high[rows],
                found.src_low[rows],
                headers.sport[index],
                found.dst_high[rows],
                found.dst_low[rows],
                headers.dport[index],
                found.ttl[rows],
                found.ip_id[rows],
                np.array(messages, np.int64),
                u16(found.data, start),
                u16(found.data, start + 2),
            )
        )
        return mine

    def _feed_quic(
        self,
        block: Block,
        found: Datagrams,
        headers: UdpHeaders,
        seen: _Seen,
        *,
        among: Mask,
    ) -> None:
        flow, source = seen.flow, seen.source
        for index in np.flatnonzero(among).tolist():
            packet, peers, payload = self._datagram(block, found, headers, index)
            self.quic.add(int(flow[index]), int(source[index]), payload, packet, peers)

    def _feed_carriers(self, block: Block, found: Datagrams, place: Ints) -> None:
        """Tunnels that are IP protocols of their own: no ports, the address pair is the flow.

        `place` is where in the block each of `found` stands.
        """
        rows = np.flatnonzero(_CARRYING[found.protocol])
        if not len(rows):
            return
        kind = 65_536 + found.protocol[rows]
        source = self._endpoints.number(found.src_high[rows], found.src_low[rows], kind)
        target = self._endpoints.number(found.dst_high[rows], found.dst_low[rows], kind)
        flow = source + target
        _, firsts = np.unique(flow, return_index=True)
        for index in np.sort(firsts).tolist():
            row = int(rows[index])
            at = int(found.transport[row])
            name = carrier(
                int(found.protocol[row]), taken(found.data, at, int(found.captured[row]))
            )
            if name is not None:
                src, dst = sender_and_receiver(found, row)
                self.recognised.carry(
                    int(flow[index]),
                    int(source[index]),
                    name,
                    _origin(block, found, row, int(place[row])),
                    Peers(src, -1, dst, -1),
                )
        place = place[rows]
        self._conversations.count(
            flow, source, block.frame[place], block.ns[place], block.wirelen[place]
        )


def _origin(block: Block, found: Datagrams, row: int, place: int) -> Origin:
    return Origin(
        int(block.frame[place]), int(block.ns[place]), int(found.ttl[row]), int(found.ip_id[row])
    )


def _long_header(first: Ints, second: Ints, headers: UdpHeaders) -> Mask:
    """QUIC long headers: a known version, none (version negotiation), or any on port 443."""
    version = (first & 0xFFFFFF) << 8 | second >> 24
    either = (headers.sport == _HTTPS) | (headers.dport == _HTTPS)
    known = np.isin(version, (0, *VERSIONS)) | (either & (first >> 30 & 1 == 1))
    result: Mask = (first >> 31 == 1) & known
    return result
