"""One TCP connection: counters, handshake times and who ended it."""

from __future__ import annotations

from analysis.read.packets.acks import Acks
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.resets import Resets
from analysis.read.packets.sequence import (
    ACK,
    DUPLICATE_ACK,
    FAST,
    FIN,
    KEEP_ALIVE,
    LOST_SEGMENT,
    OUT_OF_ORDER,
    RETRANSMISSION,
    RST,
    SPURIOUS,
    SYN,
    WINDOW_FULL,
    ZERO_WINDOW,
    Side,
)
from analysis.read.packets.talk import Direction, Talk

SACK = 5
_MSS, _WINDOW_SCALE, _TIMESTAMPS = 2, 3, 8
_MAX_SCALE = 14  # RFC 7323 section 2.3
_TROUBLE = RETRANSMISSION | DUPLICATE_ACK | ZERO_WINDOW
_MOST_TROUBLE = 512
_MOST_RESENT = 64


class Party:
    """One end of a connection."""

    __slots__ = (
        "acks",
        "address",
        "copies",
        "data_packets",
        "direction",
        "fins",
        "gap_fills",
        "ip_id",
        "max_payload",
        "mss",
        "number",
        "payload",
        "payload_ns",
        "port",
        "resent",
        "resets",
        "retransmissions",
        "shut_longest",
        "shut_ns",
        "shut_since",
        "side",
        "synchronised",
        "timestamps",
        "ttls",
        "zero_window",
    )

    def __init__(self, number: int, address: str, port: int, direction: Direction) -> None:
        self.number = number
        self.address = address
        self.port = port
        self.side = Side()
        self.direction: Direction | None = direction
        self.payload = 0
        self.payload_ns: int | None = None
        self.fins = 0
        self.resets = 0
        self.synchronised = False
        self.mss: int | None = None
        self.ttls: dict[int, int] = {}
        self.acks = Acks()
        self.data_packets = 0
        self.max_payload = 0
        self.retransmissions = 0
        self.resent: list[int] | None = None
        """Times of these, the latest; what was acknowledged before is left out."""
        self.gap_fills = 0
        self.copies = 0
        """Of the retransmissions, the ones that the capture made."""
        self.zero_window = 0
        self.shut_ns = self.shut_longest = 0
        self.shut_since: int | None = None
        self.ip_id = -1
        """The IPv4 identification of its last packet; -1 without one."""
        self.timestamps = False

    @property
    def sent(self) -> int | None:
        """Octets of data sent, by sequence numbers: also what the capture left out."""
        if not self.synchronised or self.side.base_seq is None or not self.side.next_seq:
            return None
        ends = 2 if self.fins else 1  # SYN and FIN take a number each
        octets = (self.side.next_seq - self.side.base_seq & 0xFFFFFFFF) - ends
        return octets if 0 <= octets < 0x80000000 else None

    @property
    def unacked(self) -> int | None:
        """Octets of data sent and not acknowledged; None while nothing was acknowledged."""
        if self.acks.highest is None or not self.side.next_seq:
            return None
        octets = self.side.next_seq - self.acks.highest & 0xFFFFFFFF
        if octets and self.fins:
            octets -= 1
        return octets if octets < 0x80000000 else 0

    def sent_again(self, ns: int) -> None:
        """Note when data was sent again that nothing had acknowledged."""
        if self.resent is None:
            self.resent = []
        self.resent.append(ns)
        if len(self.resent) > _MOST_RESENT:
            del self.resent[: _MOST_RESENT // 2]

    def opened_window(self, window: int, ns: int, *, shut: bool) -> None:
        """Note whether this end can take data now; times of a shut window are summed up."""
        if shut:
            if self.shut_since is None:
                self.shut_since = ns
        elif window and self.shut_since is not None:
            span = max(0, ns - self.shut_since)
            self.shut_ns += span
            self.shut_longest = max(self.shut_longest, span)
            self.shut_since = None

    def shut_until(self, ns: int) -> int:
        """Time its window was shut, in ns; one still shut counts until `ns`."""
        open_end = 0 if self.shut_since is None else max(0, ns - self.shut_since)
        return self.shut_ns + open_end

    def longest_shut_until(self, ns: int) -> int:
        """The longest time without a break that its window was shut, likewise."""
        open_end = 0 if self.shut_since is None else max(0, ns - self.shut_since)
        return max(self.shut_longest, open_end)

    @property
    def usual_ttl(self) -> int | None:
        """The most frequent IP TTL of its packets, handshake and resets left out.

        Of several, the highest: the shortest way.
        """
        return max(self.ttls, key=lambda ttl: (self.ttls[ttl], ttl), default=None)


class Stream:
    """A connection. Times in ns."""

    __slots__ = (
        "client",
        "duplicate_acks",
        "fast",
        "fin_by",
        "fin_ns",
        "fin_silence_ns",
        "first_frame",
        "first_ns",
        "initial_rtt",
        "interface",
        "keep_alives",
        "last_frame",
        "last_ns",
        "last_payload_ns",
        "lost_segments",
        "octets",
        "out_of_order",
        "packets",
        "port_reused",
        "recent_syn_ns",
        "resets",
        "server",
        "spurious",
        "syn_frame",
        "syn_ns",
        "syn_rtt",
        "synack_frame",
        "synack_ttl",
        "syns",
        "talk",
        "trouble",
        "tunnelled",
        "window_full",
    )

    def __init__(self, talk: Talk, client: Party, server: Party) -> None:
        self.talk = talk
        self.client = client
        self.server = server
        self.first_frame = self.last_frame = 0
        self.first_ns = self.last_ns = 0
        self.packets = 0
        self.octets = 0
        self.syns = 0
        self.syn_ns = 0
        self.recent_syn_ns = 0
        self.syn_frame: int | None = None
        self.synack_frame: int | None = None
        self.synack_ttl: int | None = None
        self.syn_rtt: int | None = None
        self.initial_rtt = 0
        self.fast = 0
        self.spurious = 0
        self.window_full = 0
        self.keep_alives = 0
        self.port_reused = False
        self.interface: int | None = None
        self.out_of_order = 0
        self.lost_segments = 0
        self.duplicate_acks = 0
        self.resets: Resets | None = None
        self.fin_ns: int | None = None
        self.fin_by: str | None = None
        self.fin_silence_ns: int | None = None
        self.last_payload_ns: int | None = None
        self.tunnelled = False
        self.trouble: list[tuple[int, int]] | None = None
        """Time and frame of what shows a troubled path or receiver, the latest of it."""

    @property
    def followed(self) -> bool:
        """Whether data of it is still looked at."""
        return self.client.direction is not None or self.server.direction is not None

    def begins_anew(self, sender_number: int, seq: int) -> bool:
        """Whether a SYN on this stream's addresses and ports is the start of another one."""
        sender = self.client if sender_number == self.client.number else self.server
        base = sender.side.base_seq
        return base is not None and base != seq

    def control(
        self,
        sender: Party,
        flags: int,
        packet: Origin,
        *,
        seq: int,
        window: int,
        options: bytes,
    ) -> None:
        """Note a packet with SYN, FIN or RST."""
        if flags & SYN:
            self._syn(sender, flags, packet, seq=seq, options=options)
        if flags & FIN:
            sender.fins += 1
            if self.fin_by is None:
                self.fin_ns = packet.ns
                if self.last_payload_ns is not None:
                    self.fin_silence_ns = packet.ns - self.last_payload_ns
                self.fin_by = "client" if sender is self.client else "server"
        if flags & RST:
            self._reset(sender, flags, packet, seq=seq, window=window, options=options)

    def _reset(
        self,
        sender: Party,
        flags: int,
        packet: Origin,
        *,
        seq: int,
        window: int,
        options: bytes,
    ) -> None:
        sender.resets += 1
        by = "client" if sender is self.client else "server"
        if self.resets is None:
            self.resets = Resets(
                by,
                packet,
                bool(flags & ACK),
                window,
                _TIMESTAMPS in offered(options),
                sender.ip_id if sender.ip_id >= 0 else None,
                self.client.payload,
                self.server.payload,
            )
        if self.resets.by == by:
            self.resets.add(packet, flags, seq)

    def awaits(self, sender: Party) -> bool:
        """Whether the next segment of `sender` is the first after its reset."""
        resets = self.resets
        if resets is None or resets.after is not None:
            return False
        return sender is (self.client if resets.by == "client" else self.server)

    def _syn(self, sender: Party, flags: int, packet: Origin, *, seq: int, options: bytes) -> None:
        if sender.direction is not None:
            sender.direction.begin(seq + 1)
        if flags & ACK:
            if self.synack_frame is None and sender is self.server:
                self.synack_frame, self.synack_ttl = packet.frame, packet.ttl
                if self.syns == 1:
                    self.syn_rtt = packet.ns - self.syn_ns
        else:
            self.recent_syn_ns = packet.ns
            if sender is self.client:
                self.syns += 1
                if self.syn_frame is None:
                    self.syn_frame, self.syn_ns = packet.frame, packet.ns
        sender.synchronised = True
        told = offered(options)
        if sender.mss is None:
            sender.mss = maximum_segment_size(told)
        sender.timestamps |= _TIMESTAMPS in told
        scale = told.get(_WINDOW_SCALE)
        sender.side.scale = min(scale[0], _MAX_SCALE) if scale else -1

    def count(self, sender: Party, marks: int, ns: int, frame: int, seq: int) -> None:
        """Add what the analysis of a segment found."""
        if marks & _TROUBLE:
            if self.trouble is None:
                self.trouble = []
            self.trouble.append((ns, frame))
            if len(self.trouble) > _MOST_TROUBLE:
                del self.trouble[: _MOST_TROUBLE // 2]
        if marks & RETRANSMISSION:
            sender.retransmissions += 1
            self.fast += marks & FAST != 0
            if marks & SPURIOUS:
                self.spurious += 1
            elif sender is self.client:
                sender.sent_again(ns)
        if marks & WINDOW_FULL:
            self.window_full += 1
        if marks & KEEP_ALIVE:
            self.keep_alives += 1
        if marks & OUT_OF_ORDER:
            self.out_of_order += 1
            sender.gap_fills += sender.side.fills_late(seq, ns, self._round_trip(sender))
        if marks & LOST_SEGMENT:
            self.lost_segments += 1
        if marks & DUPLICATE_ACK:
            self.duplicate_acks += 1
        if marks & ZERO_WINDOW:
            sender.zero_window += 1

    def _round_trip(self, sender: Party) -> float:
        """The shortest seen from the capture to `sender` and back, in ns; 0 for none."""
        receiver = self.client if sender is self.server else self.server
        known = [*receiver.acks.samples, *([self.initial_rtt] if self.initial_rtt else [])]
        return min(known, default=0.0)


def maximum_segment_size(told: dict[int, bytes]) -> int | None:
    """The MSS option (RFC 9293 section 3.2)."""
    body = told.get(_MSS)
    return int.from_bytes(body) if body is not None and len(body) == 2 else None


def offered(options: bytes) -> dict[int, bytes]:
    """The bodies of TCP options by kind, the first of each that is there in full."""
    found: dict[int, bytes] = {}
    at, end = 0, len(options)
    while at + 1 < end:
        kind = options[at]
        if kind == 1:
            at += 1
            continue
        length = options[at + 1]
        if kind == 0 or length < 2:
            break
        if at + length <= end:
            found.setdefault(kind, options[at + 2 : at + length])
        at += length
    return found
