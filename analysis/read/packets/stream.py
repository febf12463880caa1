"""One TCP connection: counters, handshake times and who ended it."""

from __future__ import annotations

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
    Side,
)
from analysis.read.packets.talk import Direction, Talk


class Party:
    """One end of a connection."""

    __slots__ = (
        "address",
        "direction",
        "fins",
        "mss",
        "number",
        "payload",
        "payload_ns",
        "port",
        "resets",
        "side",
        "synchronised",
        "ttls",
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

    @property
    def sent(self) -> int | None:
        """Octets of data sent, by sequence numbers: also what the capture left out."""
        if not self.synchronised or self.side.base_seq is None or not self.side.next_seq:
            return None
        ends = 2 if self.fins else 1  # SYN and FIN take a number each
        octets = (self.side.next_seq - self.side.base_seq & 0xFFFFFFFF) - ends
        return octets if 0 <= octets < 0x80000000 else None

    @property
    def usual_ttl(self) -> int | None:
        """The most frequent IP TTL of its packets, handshake and resets left out."""
        return max(self.ttls, key=lambda ttl: self.ttls[ttl], default=None)


class Stream:
    """A connection; `number` is Wireshark's ``tcp.stream``, once all are known. Times in ns."""

    __slots__ = (
        "client",
        "duplicate_acks",
        "fin_by",
        "fin_ns",
        "first_frame",
        "first_ns",
        "initial_rtt",
        "last_frame",
        "last_ns",
        "last_payload_ns",
        "lost_segments",
        "number",
        "octets",
        "out_of_order",
        "packets",
        "recent_syn_ns",
        "reset",
        "reset_by",
        "retransmissions",
        "server",
        "syn_frame",
        "syn_ns",
        "syn_rtt",
        "synack_frame",
        "synack_ttl",
        "syns",
        "talk",
        "tunnelled",
        "zero_window",
    )

    def __init__(self, talk: Talk, client: Party, server: Party) -> None:
        self.number = -1
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
        self.retransmissions = 0
        self.out_of_order = 0
        self.lost_segments = 0
        self.duplicate_acks = 0
        self.zero_window = 0
        self.reset: Origin | None = None
        self.reset_by: str | None = None
        self.fin_ns: int | None = None
        self.fin_by: str | None = None
        self.last_payload_ns: int | None = None
        self.tunnelled = False

    def begins_anew(self, sender_number: int, seq: int) -> bool:
        """Whether a SYN on this stream's addresses and ports is the start of another one."""
        sender = self.client if sender_number == self.client.number else self.server
        base = sender.side.base_seq
        return base is not None and base != seq

    def control(self, sender: Party, flags: int, seq: int, mss: int | None, packet: Origin) -> None:
        """Note a packet with SYN, FIN or RST."""
        if flags & SYN:
            self._syn(sender, flags, seq, mss, packet)
        if flags & FIN:
            sender.fins += 1
            if self.fin_by is None:
                self.fin_ns = packet.ns
                self.fin_by = "client" if sender is self.client else "server"
        if flags & RST:
            sender.resets += 1
            if self.reset is None:
                self.reset = packet
                self.reset_by = "client" if sender is self.client else "server"

    def _syn(self, sender: Party, flags: int, seq: int, mss: int | None, packet: Origin) -> None:
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
        if sender.mss is None:
            sender.mss = mss

    def count(self, marks: int) -> None:
        """Add what the analysis of a segment found."""
        if marks & RETRANSMISSION:
            self.retransmissions += 1
        if marks & OUT_OF_ORDER:
            self.out_of_order += 1
        if marks & LOST_SEGMENT:
            self.lost_segments += 1
        if marks & DUPLICATE_ACK:
            self.duplicate_acks += 1
        if marks & ZERO_WINDOW:
            self.zero_window += 1


def maximum_segment_size(options: bytes) -> int | None:
    """The MSS option (RFC 9293 section 3.2)."""
    at = 0
    while at + 1 < len(options):
        kind, length = options[at], options[at + 1]
        if kind == 0:
            return None
        if kind == 1:
            at += 1
            continue
        if length < 2:
            return None
        if kind == 2 and length == 4 and at + 4 <= len(options):
            return int.from_bytes(options[at + 2 : at + 4])
        at += length
    return None
