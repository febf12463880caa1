"""TCP connections: every segment of a block is given to its stream."""

from __future__ import annotations

import struct

import numpy as np

from analysis.read.packets.address import Endpoints, sender_and_receiver
from analysis.read.packets.block import Block, gather
from analysis.read.packets.ip import TCP, Datagrams
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.sequence import (
    ACK,
    DUPLICATE_ACK,
    FIN,
    LOST_SEGMENT,
    OUT_OF_ORDER,
    RETRANSMISSION,
    RST,
    SYN,
    ZERO_WINDOW,
    Segment,
    analyse,
)
from analysis.read.packets.stream import Party, Stream, maximum_segment_size
from analysis.read.packets.talk import Direction, OnDns, Talk

_HEADER = np.dtype(
    [
        ("sport", ">u2"),
        ("dport", ">u2"),
        ("seq", ">u4"),
        ("ack", ">u4"),
        ("offset", "u1"),
        ("flags", "u1"),
        ("window", ">u2"),
        ("checksum", ">u2"),
        ("urgent", ">u2"),
    ]
)
_CONTROL = SYN | FIN | RST


class Streams:
    """All connections of a file, numbered as Wireshark does."""

    def __init__(self, dns_ports: frozenset[int], on_dns: OnDns) -> None:
        self.all: list[Stream] = []
        self._numbers = 0
        self._current: dict[int, Stream] = {}
        self._endpoints = Endpoints()
        self._dns_ports = dns_ports
        self._on_dns = on_dns

    def feed(self, block: Block, found: Datagrams) -> None:
        """Take the TCP segments of a block."""
        rows = found.of(TCP, _HEADER.itemsize)
        if not len(rows):
            return
        header = gather(found.data, _HEADER, found.transport[rows])
        source = self._endpoints.number(
            found.src_high[rows], found.src_low[rows], header["sport"].astype(np.int64)
        )
        target = self._endpoints.number(
            found.dst_high[rows], found.dst_low[rows], header["dport"].astype(np.int64)
        )
        header_length = (header["offset"].astype(np.int64) >> 4) * 4
        start = found.transport[rows] + header_length
        columns = zip(
            rows.tolist(),
            (source + target).tolist(),
            source.tolist(),
            header["seq"].tolist(),
            header["ack"].tolist(),
            header["flags"].tolist(),
            header["window"].tolist(),
            header_length.tolist(),
            start.tolist(),
            (found.end[rows] - start).tolist(),
            np.minimum(found.captured[rows] - start, found.end[rows] - start).tolist(),
            block.frame[rows].tolist(),
            block.ns[rows].tolist(),
            block.wirelen[rows].tolist(),
            found.ttl[rows].tolist(),
            strict=True,
        )
        current = self._current
        for (
            row,
            flow,
            sender_number,
            seq,
            ack,
            flags,
            window,
            hlen,
            at,
            length,
            captured,
            frame,
            ns,
            wire,
            ttl,
        ) in columns:
            stream = current.get(flow)
            opening = flags & (SYN | ACK) == SYN
            if stream is None or (opening and stream.begins_anew(sender_number, seq)):
                by_client = flags & (SYN | ACK) != SYN | ACK
                stream = self._opened(found, row, flow, sender_number, by_client=by_client)
                stream.first_frame, stream.first_ns = frame, ns
            if sender_number == stream.client.number:
                sender, receiver = stream.client, stream.server
            else:
                sender, receiver = stream.server, stream.client
            stream.packets += 1
            stream.octets += wire
            stream.last_frame = frame
            stream.last_ns = ns
            if flags & _CONTROL:
                mss = None
                if flags & SYN:
                    mss = maximum_segment_size(found.data[at - hlen + 20 : at])
                packet = Origin(frame, ns, ttl, int(found.ip_id[row]))
                stream.control(sender, flags, seq, mss, packet)
            else:
                sender.ttls[ttl] = sender.ttls.get(ttl, 0) + 1
            if hlen < 20 or length < 0:
                continue
            segment = Segment(seq, ack, flags, window, length, ns)
            marks = analyse(sender.side, receiver.side, segment, stream.initial_rtt)
            if marks:
                _count(stream, marks)
            if not stream.initial_rtt and flags & (SYN | ACK) == ACK and stream.recent_syn_ns:
                stream.initial_rtt = ns - stream.recent_syn_ns
            if length:
                sender.payload += length
                stream.last_payload_ns = ns
                direction = sender.direction
                if direction is not None:
                    octets = found.data[at : at + captured] if captured > 0 else b""
                    packet = Origin(frame, ns, ttl, int(found.ip_id[row]))
                    direction.add(seq + 1 if flags & SYN else seq, octets, length, packet)
                    if stream.talk.tunnelled and not stream.tunnelled:
                        # Wireshark opens a conversation for what a SOCKS proxy carries
                        stream.tunnelled = True
                        self._numbers += 1
                    if direction.done:
                        sender.direction = None

    def end(self) -> None:
        """No more packets: what waits for missing segments is used as it is."""
        for stream in self.all:
            for party in (stream.client, stream.server):
                if party.direction is not None:
                    party.direction.end()
                    party.direction = None

    def _opened(
        self, found: Datagrams, row: int, flow: int, sender_number: int, *, by_client: bool
    ) -> Stream:
        """A new stream, begun by the packet in `row`."""
        source, target = sender_and_receiver(found, row)
        at = int(found.transport[row])
        sport, dport = struct.unpack_from(">HH", found.data, at)
        talk = Talk(dns=sport in self._dns_ports or dport in self._dns_ports, on_dns=self._on_dns)
        other_number = flow - sender_number & 0xFFFFFFFFFFFFFFFF
        sender = Party(sender_number, source, sport, Direction(talk, from_client=by_client))
        receiver = Party(other_number, target, dport, Direction(talk, from_client=not by_client))
        client, server = (sender, receiver) if by_client else (receiver, sender)
        stream = Stream(self._numbers, talk, client, server)
        talk.index = len(self.all)
        self._numbers += 1
        self.all.append(stream)
        self._current[flow] = stream
        return stream


def _count(stream: Stream, marks: int) -> None:
    if marks & RETRANSMISSION:
        stream.retransmissions += 1
    if marks & OUT_OF_ORDER:
        stream.out_of_order += 1
    if marks & LOST_SEGMENT:
        stream.lost_segments += 1
    if marks & DUPLICATE_ACK:
        stream.duplicate_acks += 1
    if marks & ZERO_WINDOW:
        stream.zero_window += 1
