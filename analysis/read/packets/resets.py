"""The resets of one connection, and what tells a genuine one from a forged one."""

from __future__ import annotations

from dataclasses import dataclass, field

from analysis.read.packets.reassembly import Origin
from analysis.read.packets.sequence import ACK, FIN, RST, SYN

MAX_RESETS = 8
"""Resets of one sender that are kept with their details."""


@dataclass(slots=True)
class Resets:
    """The first reset, those of the same sender after it, and its next other segment.

    `before_ip_id` is the IP identification of the sender's last packet before
    the first reset (None without one); `client_payload` and `server_payload`
    are octets sent by then.
    """

    by: str
    first: Origin
    ack: bool
    window: int
    timestamp: bool
    before_ip_id: int | None
    client_payload: int
    server_payload: int
    frames: list[int] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    ttls: list[int] = field(default_factory=list)
    after: Origin | None = None
    after_kind: str | None = None

    def add(self, packet: Origin, flags: int, seq: int) -> None:
        """Take a reset of the same sender, the first one too."""
        if len(self.frames) < MAX_RESETS:
            self.frames.append(packet.frame)
            self.kinds.append(("RA" if flags & ACK else "R") + ("" if seq else "0"))
            self.seqs.append(seq)
            self.ttls.append(packet.ttl)

    def follow(self, packet: Origin, flags: int, length: int) -> None:
        """Take a segment of the same sender that is no reset."""
        if self.after is None and not flags & RST:
            self.after = packet
            self.after_kind = _kind(flags, length)


def _kind(flags: int, length: int) -> str:
    if flags & SYN:
        return "synack" if flags & ACK else "syn"
    if length > 0:
        return "data"
    return "fin" if flags & FIN else "ack"
