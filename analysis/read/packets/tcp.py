"""TCP connections: every segment of a block is given to its stream."""

from __future__ import annotations

import struct
from collections import Counter

import numpy as np

from analysis.read.packets.address import Endpoints, sender_and_receiver
from analysis.read.packets.block import Block
from analysis.read.packets.ip import Datagrams
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.segments import Runs, Segments, quiet_runs, segments_of
from analysis.read.packets.sequence import (
    ACK,
    FIN,
    KEEP_ALIVE,
    OUT_OF_ORDER,
    RETRANSMISSION,
    RST,
    SYN,
    WINDOW_PROBE,
    ZERO_WINDOW,
    Segment,
    after,
    analyse,
)
from analysis.read.packets.stream import Party, Stream
from analysis.read.packets.talk import Direction, OnDns, Talk

_CONTROL = SYN | FIN | RST
_UNTIMED = OUT_OF_ORDER | KEEP_ALIVE | WINDOW_PROBE


class Streams:
    """All connections of a file; `end` numbers them as Wireshark does."""

    def __init__(self, dns_ports: frozenset[int], on_dns: OnDns) -> None:
        self.all: list[Stream] = []
        self._current: dict[int, Stream] = {}
        self._endpoints = Endpoints()
        self._dns_ports = dns_ports
        self._on_dns = on_dns
        self._tunnels: list[int] = []

    def feed(self, block: Block, found: Datagrams) -> None:
        """Take the TCP segments of a block: quiet runs as a whole, all others one by one."""
        segments = segments_of(block, found, self._endpoints)
        if segments is None:
            return
        runs = quiet_runs(segments)
        at = 0
        for number, (begin, end) in enumerate(zip(runs.begin, runs.end, strict=True)):
            self._each(block, found, segments, at, begin)
            stream = self._current[int(segments.flow[begin])]
            if not _skip(stream, segments, runs, number):
                self._each(block, found, segments, begin, end)
            at = end
        self._each(block, found, segments, at, len(segments.row))

    def end(self) -> None:
        """No more packets: what waits for missing segments is used as it is."""
        for stream in self.all:
            for party in (stream.client, stream.server):
                if party.direction is not None:
                    party.direction.end()
                    party.direction = None
        # Wireshark opens one more conversation for what a SOCKS proxy carries
        self.all.sort(key=lambda stream: stream.first_frame)
        tunnels = sorted(self._tunnels, reverse=True)
        number = 0
        for stream in self.all:
            while tunnels and tunnels[-1] < stream.first_frame:
                tunnels.pop()
                number += 1
            stream.number = number
            number += 1

    def _each(
        self, block: Block, found: Datagrams, segments: Segments, begin: int, end: int
    ) -> None:
        """Take the segments [begin, end) one by one."""
        if begin == end:
            return
        part = slice(begin, end)
        columns = zip(
            segments.row[part].tolist(),
            segments.flow[part].tolist(),
            segments.source[part].tolist(),
            segments.seq[part].tolist(),
            segments.ack[part].tolist(),
            segments.flags[part].tolist(),
            segments.window[part].tolist(),
            segments.header[part].tolist(),
            segments.start[part].tolist(),
            segments.length[part].tolist(),
            segments.captured[part].tolist(),
            segments.frame[part].tolist(),
            segments.ns[part].tolist(),
            segments.wire[part].tolist(),
            segments.ttl[part].tolist(),
            segments.ip_id[part].tolist(),
            strict=True,
        )
        current = self._current
        for (
            row,
            flow,
            source,
            seq,
            ack,
            flags,
            window,
            header,
            start,
            length,
            captured,
            frame,
            ns,
            wire,
            ttl,
            ip_id,
        ) in columns:
            stream = current.get(flow)
            opening = flags & (SYN | ACK) == SYN
            if stream is None or (opening and stream.begins_anew(source, seq)):
                by_client = flags & (SYN | ACK) != SYN | ACK
                reused = stream is not None
                stream = self._opened(found, row, flow, source, by_client=by_client)
                stream.port_reused = reused
                stream.interface = _interface(block, row)
                stream.first_frame, stream.first_ns = frame, ns
            if source == stream.client.number:
                sender, receiver = stream.client, stream.server
            else:
                sender, receiver = stream.server, stream.client
            segment = Segment(seq, ack, flags, window, length, ns)
            stream.packets += 1
            stream.octets += wire
            stream.last_frame = frame
            stream.last_ns = ns
            if flags & _CONTROL:
                options = found.data[start - header + 20 : start]
                packet = Origin(frame, ns, ttl, ip_id)
                stream.control(sender, segment, options, packet)
            else:
                sender.ttls[ttl] = sender.ttls.get(ttl, 0) + 1
            resets = stream.resets
            if resets is not None and stream.awaits(sender):
                resets.follow(Origin(frame, ns, ttl, ip_id), flags, length)
            sender.ip_id = _identification(ip_id)
            if header < 20 or length < 0:
                continue
            marks = analyse(sender.side, receiver.side, segment, stream.initial_rtt)
            if marks:
                stream.count(sender, marks)
            if not window or sender.shut_since is not None:
                sender.opened_window(window, ns, shut=bool(marks & ZERO_WINDOW))
            if flags & ACK and not flags & RST:
                receiver.acks.acknowledged(ack, ns)
            if not stream.initial_rtt and flags & (SYN | ACK) == ACK and stream.recent_syn_ns:
                stream.initial_rtt = ns - stream.recent_syn_ns
            if length:
                sender.payload += length
                sender.data_packets += 1
                sender.max_payload = max(sender.max_payload, length)
                if marks & RETRANSMISSION:
                    sender.acks.resent(seq + length & 0xFFFFFFFF, length)
                elif not marks & _UNTIMED:
                    sender.acks.sent(seq + length & 0xFFFFFFFF, ns)
                sender.payload_ns = stream.last_payload_ns = ns
                direction = sender.direction
                if direction is not None:
                    octets = found.data[start : start + captured] if captured > 0 else b""
                    packet = Origin(frame, ns, ttl, ip_id)
                    direction.add(seq + 1 if flags & SYN else seq, octets, length, packet)
                    if stream.talk.tunnelled and not stream.tunnelled:
                        stream.tunnelled = True
                        self._tunnels.append(frame)
                    if direction.done:
                        sender.direction = None

    def _opened(
        self, found: Datagrams, row: int, flow: int, source: int, *, by_client: bool
    ) -> Stream:
        """A new stream, begun by the packet in `row`."""
        here, there = sender_and_receiver(found, row)
        sport, dport = struct.unpack_from(">HH", found.data, int(found.transport[row]))
        talk = Talk(dns=sport in self._dns_ports or dport in self._dns_ports, on_dns=self._on_dns)
        talk.index = len(self.all)
        target = flow - source & 0xFFFFFFFFFFFFFFFF
        sender = Party(source, here, sport, Direction(talk, from_client=by_client))
        receiver = Party(target, there, dport, Direction(talk, from_client=not by_client))
        client, server = (sender, receiver) if by_client else (receiver, sender)
        stream = Stream(talk, client, server)
        self.all.append(stream)
        self._current[flow] = stream
        return stream


def _identification(ip_id: int) -> int | None:
    return ip_id if ip_id >= 0 else None


def _time(party: Party, segments: Segments, runs: Runs, which: int, span: tuple[int, int]) -> None:
    """Take the times to an acknowledgement from a run, just as one by one."""
    acks, data, renewed = party.acks, runs.data[which], runs.renewed[1 - which]
    at, end = span
    while acks.wanting or acks.pending is not None:
        if acks.pending is None:
            following = int(np.searchsorted(data, at))
            if following == len(data) or data[following] >= end:
                return
            at = int(data[following])
            acks.sent(int(runs.finish[at]), int(segments.ns[at]))
            continue
        low, high = np.searchsorted(renewed, (at, end)).tolist()
        answers = renewed[low:high]
        covering = segments.ack[answers] - acks.pending[0] & 0xFFFFFFFF < 0x80000000
        if not covering.any():
            return
        at = int(answers[covering.argmax()])
        acks.acknowledged(int(segments.ack[at]), int(segments.ns[at]))


def _interface(block: Block, row: int) -> int | None:
    """The pcapng interface of a packet; None in a file that has none."""
    number = int(block.interface[row])
    return number if number >= 0 else None


def _skip(stream: Stream, segments: Segments, runs: Runs, number: int) -> bool:
    """Take a quiet run as a whole; False when the stream is not in step with it."""
    if not stream.initial_rtt and stream.recent_syn_ns:
        return False
    if stream.resets is not None and stream.resets.after is None:
        return False
    begin, end, longest = runs.begin[number], runs.end[number], runs.longest[number]
    lower, upper = stream.client, stream.server
    if lower.number > upper.number:
        lower, upper = upper, lower
    parties = (lower, upper)
    last = end - 1
    sent = []
    for party, latest, payload in zip(parties, runs.latest, runs.payload, strict=True):
        side = party.side
        in_step = side.next_seq == runs.finish[latest[begin - 1]] and side.in_step
        octets = int(payload[last] - payload[begin - 1])
        if not in_step or (octets and party.direction is not None):
            return False
        sent.append(octets)
    for which, party in enumerate(parties):
        _time(party, segments, runs, which, (begin, end))
    for which, party in enumerate(parties):
        at, side = int(runs.latest[which][last]), party.side
        renewed = int(runs.latest_renewed[which][last])
        answer = int(runs.latest[1 - which][last])
        gap = side.max_acked != side.next_seq
        if (
            gap
            and answer >= max(begin, renewed)
            and after(int(segments.ack[answer]), side.max_acked)
        ):
            side.dup_acks = -1
        elif renewed >= begin:
            side.dup_acks = 0
        if at < begin:
            continue
        party.payload += sent[which]
        party.ip_id = _identification(int(segments.ip_id[at]))
        side.next_seq = int(runs.finish[at])
        if not gap:
            side.max_acked = side.next_seq
        side.window = int(segments.window[at])
        side.last_ack = int(segments.ack[at])
        side.last_ack_ns = int(segments.ns[at])
        side.last_marks = 0
        parties[1 - which].acks.acknowledged(side.last_ack, side.last_ack_ns)
        if sent[which]:
            side.next_seq_ns = int(segments.ns[runs.latest_data[which][last]])
            party.payload_ns = side.next_seq_ns
            party.data_packets += int(runs.packets[which][last] - runs.packets[which][begin - 1])
            party.max_payload = max(party.max_payload, longest[which])
    data = max(int(runs.latest_data[number][last]) for number in (0, 1))
    if data >= begin:
        stream.last_payload_ns = int(segments.ns[data])
    sides = segments.upper[begin:end].tolist()
    for (which, ttl), count in Counter(
        zip(sides, segments.ttl[begin:end].tolist(), strict=True)
    ).items():
        ttls = parties[which].ttls
        ttls[ttl] = ttls.get(ttl, 0) + count
    stream.packets += end - begin
    stream.octets += int(runs.wire[last] - runs.wire[begin - 1])
    stream.last_frame = int(segments.frame[last])
    stream.last_ns = int(segments.ns[last])
    return True
