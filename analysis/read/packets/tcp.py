"""TCP connections: every segment of a block is given to its stream."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np

from analysis.read.packets.acks import MAX_SAMPLES, Acks
from analysis.read.packets.address import Peers, addresses
from analysis.read.packets.block import Ints, changes
from analysis.read.packets.cleartext import Room
from analysis.read.packets.quiet import WITH_SACK, Lane, Quiet, Run, Timeline
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.records import RecordTimes
from analysis.read.packets.segments import Segments
from analysis.read.packets.sequence import (
    ACK,
    FIN,
    KEEP_ALIVE,
    OUT_OF_ORDER,
    RETRANSMISSION,
    RST,
    SPURIOUS,
    SYN,
    WINDOW_PROBE,
    ZERO_WINDOW,
    Side,
    after,
    analyse,
)
from analysis.read.packets.stream import SACK, Party, Stream, offered
from analysis.read.packets.talk import Direction, Talk

_WORD = (1 << 64) - 1
_HALF, _WHOLE = 1 << 31, (1 << 32) - 1
_CONTROL = SYN | FIN | RST
_COPY_NS = 1_000_000
"""A segment seen again sooner than this was copied by the capture: no sender repeats itself before
its timer (RFC 6298 section 2.4) or before the answer to it (RFC 5681 section 3.2)."""
_UNTIMED = OUT_OF_ORDER | KEEP_ALIVE | WINDOW_PROBE

type OnMessage = Callable[[bytes, Origin, Peers], None]
"""Called with each DNS message, its packet, and who sent it to whom."""

type _Row = tuple[int, ...]
"""One segment: its place among all, and what `_rows` lists."""


class Streams:
    """The connections of a file.

    `tunnels` are the frames in which something began to pass a SOCKS proxy.
    """

    def __init__(self, dns_ports: frozenset[int], on_message: OnMessage) -> None:
        self.all: list[Stream] = []
        self.tunnels: list[int] = []
        self._current: dict[int, Stream] = {}
        self._replaced: list[tuple[Stream, int]] = []
        """Connections of this block whose port was reused, and in which frame."""
        self._dns_ports = dns_ports
        self._on_message = on_message
        self.records = RecordTimes()
        self._room = Room()

    def feed(self, segments: Segments, quiet: Quiet) -> None:
        """Take the TCP segments of a block: quiet runs as a whole, all others one by one."""
        runs, timeline = quiet.runs(), quiet.timeline(segments)
        at = 0
        loose = _one_by_one(segments, runs)
        for run in runs:
            self._each(segments, islice(loose, run.begin - at))
            stream = self._current[int(segments.flow[run.begin])]
            if _skip(stream, run, timeline):
                if stream.followed:
                    self._hear(segments, stream, run, timeline)
            else:
                self._each(segments, _rows(segments, np.arange(run.begin, run.end)))
            at = run.end
        self._each(segments, loose)
        self._take_records(segments)

    def _take_records(self, segments: Segments) -> None:
        """Take the TLS records of a block, once its connections are known."""
        first = changes(segments.flow)
        group = np.cumsum(first) - 1
        streams = [self._current[flow] for flow in segments.flow[first].tolist()]
        index = np.array([stream.talk.index for stream in streams], np.int64)
        client = np.array([stream.client.number for stream in streams], np.uint64)
        connection, from_client = index[group], segments.source == client[group]
        reached: dict[int, int] = {}
        for earlier, frame in self._replaced:
            flow = earlier.client.number + earlier.server.number & _WORD
            begin = int(np.searchsorted(segments.flow, np.uint64(flow)))
            stop = int(np.searchsorted(segments.flow, np.uint64(flow), side="right"))
            begin = reached.get(flow, begin)
            until = begin + int(np.searchsorted(segments.frame[begin:stop], frame))
            connection[begin:until] = earlier.talk.index
            from_client[begin:until] = segments.source[begin:until] == np.uint64(
                earlier.client.number
            )
            reached[flow] = until
        self._replaced.clear()
        self.records.feed(segments, connection, from_client)

    def end(self) -> None:
        """No more packets: what waits for missing segments is used as it is."""
        for stream in self.all:
            for party in (stream.client, stream.server):
                if party.direction is not None:
                    party.direction.end()
                    party.direction = None
            if stream.talk.spoken is not None:
                stream.talk.spoken.end()

    def clear(self) -> None:
        """Forget all connections, once what is to be known of them was taken."""
        self.all.clear()
        self._current.clear()

    def _on_dns(self, index: int, octets: bytes, packet: Origin, from_client: bool) -> None:
        stream = self.all[index]
        sender, receiver = stream.client, stream.server
        if not from_client:
            sender, receiver = receiver, sender
        peers = Peers(sender.address, sender.port, receiver.address, receiver.port)
        self._on_message(octets, packet, peers)

    def _hear(self, segments: Segments, stream: Stream, run: Run, timeline: Timeline) -> None:
        """Read what is spoken in a quiet run, as far as somebody wants it."""
        data, columns = memoryview(segments.data), timeline
        ends = (stream.client, stream.server)
        if stream.client.number > stream.server.number:
            ends = (stream.server, stream.client)
        waiting: list[tuple[int, int, int, int]] = []
        for which, (end, places) in enumerate(zip(ends, timeline.data, strict=True)):
            if end.direction is not None:
                at = bisect_left(places, run.begin)
                until = bisect_left(places, run.end, at)
                if at < until:
                    waiting.append((places[at], which, at, until))
        while waiting:
            earliest = min(waiting)
            waiting.remove(earliest)
            place, which, at, until = earliest
            begin = columns.start[place]
            packet = Origin(
                columns.frame[place], columns.ns[place], columns.ttl[place], columns.ip_id[place]
            )
            octets = bytes(data[begin : begin + max(0, columns.captured[place])])
            sender = ends[which]
            segment = columns.seq[place], octets, columns.length[place], packet
            self._told(stream, sender, segment)
            if sender.direction is not None and at + 1 < until:
                waiting.append((timeline.data[which][at + 1], which, at + 1, until))

    def _told(self, stream: Stream, sender: Party, segment: tuple[int, bytes, int, Origin]) -> None:
        """Take payload of a direction that is still read."""
        direction = sender.direction
        assert direction is not None
        direction.add(*segment)
        if stream.talk.tunnelled and not stream.tunnelled:
            stream.tunnelled = True
            self.tunnels.append(segment[-1].frame)
        if direction.done:
            sender.direction = None

    def _each(self, segments: Segments, rows: Iterable[_Row]) -> None:
        """Take segments one by one."""
        current, data = self._current, memoryview(segments.data)
        for (
            place,
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
        ) in rows:
            stream = current.get(flow)
            if stream is None or (flags & (SYN | ACK) == SYN and stream.begins_anew(source, seq)):
                by_client = flags & (SYN | ACK) != SYN | ACK
                reused = stream is not None
                if stream is not None:
                    self._replaced.append((stream, frame))
                stream = self._opened(segments, place, flow, source, by_client=by_client)
                stream.port_reused = reused
                stream.interface = _interface(segments, place)
                stream.first_frame, stream.first_ns = frame, ns
            if source == stream.client.number:
                sender, receiver = stream.client, stream.server
            else:
                sender, receiver = stream.server, stream.client
            stream.packets += 1
            stream.octets += wire
            stream.last_frame = frame
            stream.last_ns = ns
            if flags & _CONTROL:
                options = bytes(data[start - header + 20 : start + min(0, captured)])
                packet = Origin(frame, ns, ttl, ip_id)
                stream.control(sender, flags, packet, seq=seq, window=window, options=options)
            else:
                sender.ttls[ttl] = sender.ttls.get(ttl, 0) + 1
            resets = stream.resets
            if (
                resets is not None
                and stream.awaits(sender)
                and not _copied(sender.side, seq + length + bool(flags & (SYN | FIN)), ns)
            ):
                resets.follow(Origin(frame, ns, ttl, ip_id), flags, length)
            sender.ip_id = ip_id
            if header < 20 or length < 0:
                continue
            marks = analyse(
                sender.side,
                receiver.side,
                seq=seq,
                ack=ack,
                flags=flags,
                window=window,
                length=length,
                ns=ns,
                initial_rtt=stream.initial_rtt,
            )
            if marks:
                stream.count(sender, marks, ns, frame, seq)
                if marks & RETRANSMISSION and not marks & SPURIOUS:
                    age = ns - sender.side.next_seq_ns
                    sender.copies += 0 <= age < min(_COPY_NS, stream.initial_rtt or _COPY_NS)
            if not window or sender.shut_since is not None:
                sender.opened_window(window, ns, shut=bool(marks & ZERO_WINDOW))
            acks = receiver.acks
            if ack != acks.highest and flags & (ACK | RST) == ACK:
                acks.acknowledged(ack, ns)
            elif header >= WITH_SACK and not length and not flags & _CONTROL:
                options = bytes(data[start - header + 20 : start + min(0, captured)])
                blocks = offered(options).get(SACK)
                if blocks:
                    acks.selectively(ack, blocks)
            if not stream.initial_rtt and flags & (SYN | ACK) == ACK and stream.recent_syn_ns:
                stream.initial_rtt = ns - stream.recent_syn_ns
            if length:
                sender.payload += length
                sender.data_packets += 1
                sender.max_payload = max(sender.max_payload, length)
                if marks & RETRANSMISSION:
                    sender.acks.resent(seq + length & 0xFFFFFFFF, length)
                elif sender.acks.pending is None and not marks & _UNTIMED:
                    sender.acks.sent(seq + length & 0xFFFFFFFF, ns)
                sender.payload_ns = stream.last_payload_ns = ns
                if sender.direction is not None:
                    octets = bytes(data[start : start + max(0, captured)])
                    packet = Origin(frame, ns, ttl, ip_id)
                    first = seq + 1 if flags & SYN else seq
                    self._told(stream, sender, (first, octets, length, packet))

    def _opened(
        self, segments: Segments, place: int, flow: int, source: int, *, by_client: bool
    ) -> Stream:
        """A new stream, begun by the segment in `place`."""
        data = segments.data
        here, there = addresses(data, int(segments.ip[place]), int(segments.version[place]))
        transport = int(segments.start[place] - segments.header[place])
        sport, dport = struct.unpack_from(">HH", data, transport)
        talk = Talk(
            dns=sport in self._dns_ports or dport in self._dns_ports,
            on_dns=self._on_dns,
            port=dport if by_client else sport,
            room=self._room,
        )
        talk.index = len(self.all)
        target = flow - source & _WORD
        sender = Party(source, here, sport, Direction(talk, from_client=by_client))
        receiver = Party(target, there, dport, Direction(talk, from_client=not by_client))
        client, server = (sender, receiver) if by_client else (receiver, sender)
        stream = Stream(talk, client, server)
        self.all.append(stream)
        self._current[flow] = stream
        return stream


def _one_by_one(segments: Segments, runs: list[Run]) -> Iterator[_Row]:
    """The segments outside of all runs."""
    outside = np.ones(len(segments), np.bool_)
    for run in runs:
        outside[run.begin : run.end] = False
    return _rows(segments, np.flatnonzero(outside))


def _rows(segments: Segments, which: Ints) -> Iterator[_Row]:
    """Segments as plain numbers, in the order of the columns here."""
    columns = (
        segments.flow,
        segments.source,
        segments.seq,
        segments.ack,
        segments.flags,
        segments.window,
        segments.header,
        segments.start,
        segments.length,
        segments.captured,
        segments.frame,
        segments.ns,
        segments.wire,
        segments.ttl,
        segments.ip_id,
    )
    return zip(which.tolist(), *(column[which].tolist() for column in columns), strict=True)


def _time(acks: Acks, timeline: Timeline, which: int, begin: int, end: int) -> None:
    """Take the times to an acknowledgement from a run, just as one by one.

    What was acknowledged in the end is noted with the run's last segment.
    """
    data, renewed = timeline.data[which], timeline.renewed[1 - which]
    finish, ack, ns = timeline.finish, timeline.ack, timeline.ns
    following, answer = bisect_left(data, begin), bisect_left(renewed, begin)
    last_data, last_answer = bisect_left(data, end), bisect_left(renewed, end)
    at, samples, pending = begin, acks.samples, acks.pending
    # damage may have let the other end acknowledge far more than it does in this run
    highest = acks.highest
    while len(samples) < MAX_SAMPLES:
        if pending is None:
            following = bisect_left(data, at, following, last_data)
            if following == last_data:
                break
            at = data[following]
            pending = finish[at], ns[at]
        awaited, sent = pending
        answer = bisect_left(renewed, at, answer, last_answer)
        while answer < last_answer:
            number = ack[renewed[answer]]
            reaches = number - awaited & _WHOLE < _HALF
            if reaches and (highest is None or 0 < (number - highest & _WHOLE) < _HALF):
                break
            answer += 1
        if answer == last_answer:
            break
        at = renewed[answer]
        samples.append(ns[at] - sent)
        pending = None
        at += 1
    acks.pending = pending


def _interface(segments: Segments, place: int) -> int | None:
    """The pcapng interface of a segment; None in a file that has none."""
    number = int(segments.interface[place])
    return number if number >= 0 else None


def _skip(stream: Stream, run: Run, timeline: Timeline) -> bool:
    """Take a quiet run as a whole; False when the stream is not in step with it."""
    if not stream.initial_rtt and stream.recent_syn_ns:
        return False
    if stream.resets is not None and stream.resets.after is None:
        return False
    lower, upper = stream.client, stream.server
    if lower.number > upper.number:
        lower, upper = upper, lower
    begin, end, of_lower, of_upper = run.begin, run.end, *run.lanes
    if not (_in_step(lower, of_lower) and _in_step(upper, of_upper)):
        return False
    if len(lower.acks.samples) < MAX_SAMPLES:
        _time(lower.acks, timeline, 0, begin, end)
    if len(upper.acks.samples) < MAX_SAMPLES:
        _time(upper.acks, timeline, 1, begin, end)
    _follow(lower, upper, of_lower)
    _follow(upper, lower, of_upper)
    if of_lower.octets or of_upper.octets:
        stream.last_payload_ns = run.data_ns
    ttls = run.ttls or ((0, of_lower.ttl, of_lower.sent), (1, of_upper.ttl, of_upper.sent))
    for which, ttl, count in ttls:
        if count:
            seen = upper.ttls if which else lower.ttls
            seen[ttl] = seen.get(ttl, 0) + count
    stream.packets += end - begin
    stream.octets += run.octets
    stream.last_frame = run.last_frame
    stream.last_ns = run.last_ns
    return True


def _copied(side: Side, finish: int, ns: int) -> bool:
    """Whether a segment that ends at `finish` was seen a moment ago: the capture shows it twice."""
    seen = bool(side.next_seq) and not after(finish, side.next_seq)
    return seen and 0 <= ns - side.next_seq_ns < _COPY_NS


def _in_step(party: Party, lane: Lane) -> bool:
    """Whether a run goes on from where this end is."""
    side = party.side
    return side.next_seq == lane.expected and side.in_step


def _follow(party: Party, other: Party, lane: Lane) -> None:
    """Bring one side up to date with a quiet run."""
    side = party.side
    gap = side.max_acked != side.next_seq
    if gap and lane.answered_since and after(lane.answer, side.max_acked):
        side.dup_acks = -1
    elif lane.renewed:
        side.dup_acks = 0
    if not lane.sent:
        return
    party.payload += lane.octets
    party.ip_id = lane.ip_id
    side.next_seq = lane.finish
    if not gap:
        side.max_acked = side.next_seq
    side.window = lane.window
    side.last_ack = lane.ack
    side.last_ack_ns = lane.ns
    side.last_marks = 0
    other.acks.acknowledged(lane.ack, lane.ns)
    if lane.octets:
        side.next_seq_ns = party.payload_ns = lane.data_ns
        party.data_packets += lane.packets
        party.max_payload = max(party.max_payload, lane.longest)
