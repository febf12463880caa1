"""Just enough of IPv4, IPv6, TCP and UDP to watch a flow pass and to speak in its name."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet as ScapyPacket

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
_TCP, _UDP = 6, 17


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as it passes; `flags`, `seq`, `ack` are TCP's, zero for UDP."""

    src: str
    dst: str
    protocol: int
    sport: int
    dport: int
    flags: int
    seq: int
    ack: int
    payload: bytes

    @property
    def is_tcp(self) -> bool:
        return self.protocol == _TCP

    @property
    def flow(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """The same for both directions."""
        one, other = sorted([(self.src, self.sport), (self.dst, self.dport)])
        return one, other

    @property
    def seq_end(self) -> int:
        """Sequence number after this segment."""
        extra = bool(self.flags & SYN) + bool(self.flags & FIN)
        return (self.seq + len(self.payload) + extra) & 0xFFFFFFFF


def parse(data: bytes) -> Packet | None:
    """None for anything but TCP and UDP in IPv4 or IPv6 without extension headers."""
    if len(data) < 28:
        return None
    if data[0] >> 4 == 4:
        start = (data[0] & 15) * 4
        protocol = data[9]
        ends = data[12:16], data[16:20]
        data = data[: int.from_bytes(data[2:4])]
    else:
        start = 40
        protocol = data[6]
        ends = data[8:24], data[24:40]
    src, dst = (str(ipaddress.ip_address(end)) for end in ends)
    body = data[start:]
    if protocol == _TCP and len(body) >= 20:
        return Packet(
            *(src, dst, protocol),
            *(int.from_bytes(body[0:2]), int.from_bytes(body[2:4])),
            *(body[13], int.from_bytes(body[4:8]), int.from_bytes(body[8:12])),
            body[(body[12] >> 4) * 4 :],
        )
    if protocol == _UDP and len(body) >= 8:
        ports = int.from_bytes(body[0:2]), int.from_bytes(body[2:4])
        return Packet(src, dst, protocol, *ports, 0, 0, 0, body[8:])
    return None


@dataclass(frozen=True, slots=True)
class Hand:
    """How a forger's packets differ from the genuine: its own TTL, IP-ID and window."""

    ttl: int = 64
    ip_id: int = 0x1234
    window: int = 0


def forged_reset(
    towards: Packet, hand: Hand, *, seq: int, ack: int | None, reverse: bool
) -> ScapyPacket:
    """A reset in the name of one end; `reverse` sends it to the sender of `towards`."""
    src, dst, sport, dport = towards.src, towards.dst, towards.sport, towards.dport
    if reverse:
        src, dst, sport, dport = dst, src, dport, sport
    segment = TCP(
        sport=sport,
        dport=dport,
        flags="R" if ack is None else "RA",
        seq=seq,
        ack=ack or 0,
        window=hand.window,
    )
    return _ip(src, dst, hand) / segment


def forged_reply(query: Packet, payload: bytes, hand: Hand) -> ScapyPacket:
    """A datagram to the sender of `query` in the name of whom it asked."""
    ports = UDP(sport=query.dport, dport=query.sport)
    return _ip(query.dst, query.src, hand) / ports / payload


def _ip(src: str, dst: str, hand: Hand) -> ScapyPacket:
    if ":" in src:
        return IPv6(src=src, dst=dst, hlim=hand.ttl)
    return IP(src=src, dst=dst, ttl=hand.ttl, id=hand.ip_id, flags="DF")
