"""UDP datagrams that something here can read: DNS and its kin, and QUIC."""

from __future__ import annotations

import numpy as np

from analysis.read.packets.address import Endpoints, sender_and_receiver
from analysis.read.packets.block import Block, Ints, gather
from analysis.read.packets.dns_rows import DnsRows, Peers
from analysis.read.packets.ip import UDP, Datagrams
from analysis.read.packets.quic import VERSIONS
from analysis.read.packets.quic_flows import QuicFlows
from analysis.read.packets.reassembly import Origin

MDNS, LLMNR = 5353, 5355
_HEADER = np.dtype([("sport", ">u2"), ("dport", ">u2"), ("length", ">u2"), ("checksum", ">u2")])
_LONG_HEADER = np.dtype([("first", "u1"), ("version", ">u4")])
_HTTPS = 443


class Datagram:
    """One UDP datagram: who sent it to whom, and its payload as far as captured."""

    __slots__ = ("packet", "payload", "peers")

    def __init__(self, payload: bytes, packet: Origin, peers: Peers) -> None:
        self.payload = payload
        self.packet = packet
        self.peers = peers


class Udp:
    """Sorts the datagrams of each block."""

    def __init__(self, dns_ports: frozenset[int], dns: DnsRows, quic: QuicFlows) -> None:
        self._named = dict.fromkeys(dns_ports, "dns") | {MDNS: "mdns", LLMNR: "llmnr"}
        self._dns = dns
        self._quic = quic
        self._endpoints = Endpoints()

    def feed(self, block: Block, found: Datagrams) -> None:
        """Take the UDP datagrams of a block."""
        rows = found.of(UDP, _HEADER.itemsize)
        if not len(rows):
            return
        header = gather(found.data, _HEADER, found.transport[rows])
        sport, dport = header["sport"].astype(np.int64), header["dport"].astype(np.int64)
        length = header["length"].astype(np.int64)
        start = found.transport[rows] + 8
        stop = np.where(length >= 8, start - 8 + length, found.end[rows])
        stop = np.minimum(stop, found.captured[rows])
        ports = list(self._named)
        for index in np.flatnonzero(np.isin(sport, ports) | np.isin(dport, ports)).tolist():
            self._take_dns(block, found, int(rows[index]), int(start[index]), int(stop[index]))
        self._feed_quic(block, found, rows, sport=sport, dport=dport, start=start, stop=stop)

    def _datagram(
        self, block: Block, found: Datagrams, row: int, start: int, stop: int
    ) -> Datagram:
        source, target = sender_and_receiver(found, row)
        data = found.data
        sport = int.from_bytes(data[start - 8 : start - 6])
        dport = int.from_bytes(data[start - 6 : start - 4])
        packet = Origin(
            int(block.frame[row]), int(block.ns[row]), int(found.ttl[row]), int(found.ip_id[row])
        )
        return Datagram(data[start:stop], packet, Peers(source, sport, target, dport))

    def _take_dns(self, block: Block, found: Datagrams, row: int, start: int, stop: int) -> None:
        item = self._datagram(block, found, row, start, stop)
        peers = item.peers
        # a client may use any port: the server's port names the protocol
        name = self._named.get(peers.dst_port) or self._named[peers.src_port]
        self._dns.add(item.payload, item.packet, peers, name, "udp")

    def _feed_quic(
        self,
        block: Block,
        found: Datagrams,
        rows: Ints,
        *,
        sport: Ints,
        dport: Ints,
        start: Ints,
        stop: Ints,
    ) -> None:
        """Long headers, and whatever comes back on a flow that is known."""
        begin = gather(found.data, _LONG_HEADER, start)
        version = begin["version"]
        either = (sport == _HTTPS) | (dport == _HTTPS)
        known = np.isin(version, (0, *VERSIONS)) | (either & (begin["first"] & 0x40 != 0))
        long = (begin["first"] & 0x80 != 0) & known & (stop - start >= 7)
        waiting = self._quic.waiting
        if not long.any() and not waiting:
            return
        source = self._endpoints.number(found.src_high[rows], found.src_low[rows], sport)
        target = self._endpoints.number(found.dst_high[rows], found.dst_low[rows], dport)
        flow = source + target
        wanted = long
        if waiting:
            wanted = long | np.isin(flow, np.array(sorted(waiting), np.uint64))
        for index in np.flatnonzero(wanted).tolist():
            item = self._datagram(
                block, found, int(rows[index]), int(start[index]), int(stop[index])
            )
            self._quic.add(
                int(flow[index]), int(source[index]), item.payload, item.packet, item.peers
            )
