"""What the user-space relay does to packets: delay, lose, reorder, forget, cut and forge.

Each behaviour is told of every packet in order and answers with a `Fate`. Addresses of the client
side are those of private ranges; the relay sees packets of both directions.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import dns.message
import dns.rdatatype
import dns.rrset
from scapy.packet import Packet as ScapyPacket

from tests.lab import addresses
from tests.lab.parts.packet import RST, SYN, Hand, Packet, forged_reply, forged_reset

_LOOK = 16384  # bytes of a client's first flight that are searched for a name
_INSIDE = {*addresses.CLIENT, *addresses.TUNNEL, addresses.PROXY}


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a packet: dropped, or sent on after `delay` seconds; and what is forged.

    Forged packets leave before the packet itself does.
    """

    drop: bool = False
    delay: float = 0.0
    forged: tuple[ScapyPacket, ...] = ()


PASS = Fate()


class Behaviour(Protocol):
    def fate(self, packet: Packet, now: float) -> Fate: ...


def is_up(packet: Packet) -> bool:
    """Whether it goes from the client's side to a server."""
    return packet.src in _INSIDE or (
        packet.dst not in _INSIDE and not ipaddress.ip_address(packet.src).is_global
    )


@dataclass(slots=True)
class Impair:
    """Delay, jitter (uniform, both in ms per direction), loss and reordering (shares of packets).

    Order is kept in spite of jitter; a reordered packet is held back by `reorder_ms` more.
    `burst` packets are lost together. `spare` packets of each flow pass unhurt at its start.
    `up` False spares the client's packets, `down` False the servers'.
    """

    seed: int = 1
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    burst: int = 1
    reorder: float = 0.0
    reorder_ms: float = 5.0
    spare: int = 0
    data_only: bool = False
    up: bool = True
    down: bool = True
    _random: random.Random = field(init=False)
    _last: dict[bool, float] = field(default_factory=dict)
    _losing: int = 0
    _seen: dict[Any, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def fate(self, packet: Packet, now: float) -> Fate:
        up = is_up(packet)
        if not (self.up if up else self.down):
            return PASS
        seen = self._seen[packet.flow] = self._seen.get(packet.flow, 0) + 1
        # drawn for every packet, so that one setting does not shift the luck of another
        lost, moved, shake = (self._random.random() for _ in range(3))
        if self._losing:
            self._losing -= 1
            return Fate(drop=True)
        if lost < self.loss / self.burst and seen > self.spare:
            self._losing = self.burst - 1
            return Fate(drop=True)
        if self.data_only and not packet.payload:
            return PASS
        due = max(now + (self.delay_ms + shake * self.jitter_ms) / 1000, self._last.get(up, 0.0))
        self._last[up] = due
        if moved < self.reorder and seen > self.spare:
            return Fate(delay=due - now + self.reorder_ms / 1000)
        return Fate(delay=due - now)


@dataclass(slots=True)
class Idle:
    """A stateful device that forgets a flow after `seconds` without a packet.

    `how`: `drop` swallows what comes after, `reset` answers it with a reset in the other's name.
    """

    seconds: float
    how: str = "drop"
    hand: Hand = field(default_factory=Hand)
    _last: dict[Any, float] = field(default_factory=dict)
    _dead: set[Any] = field(default_factory=set)

    def fate(self, packet: Packet, now: float) -> Fate:
        last = self._last.get(packet.flow)
        self._last[packet.flow] = now
        if packet.flags & SYN:
            self._dead.discard(packet.flow)
            return PASS
        if packet.flow not in self._dead:
            if last is None or now - last < self.seconds:
                return PASS
            self._dead.add(packet.flow)
        if self.how == "reset" and packet.is_tcp and not packet.flags & RST:
            answer = forged_reset(packet, self.hand, seq=packet.ack, ack=None, reverse=True)
            return Fate(drop=True, forged=(answer,))
        return Fate(drop=True)


@dataclass(slots=True)
class Gap:
    """The path is gone for `seconds`, both ways, `after` seconds past the first packet to `sign`.

    So the scene's user says when: a packet to an address that nothing else is sent to.
    """

    seconds: float
    sign: str
    after: float = 0.0
    _signed: float | None = None

    def fate(self, packet: Packet, now: float) -> Fate:
        if self._signed is None and packet.dst == self.sign:
            self._signed = now
        if self._signed is None:
            return PASS
        return Fate(drop=self.after <= now - self._signed < self.after + self.seconds)


@dataclass(slots=True)
class CutAfter:
    """Ends each flow once `down_bytes` of a server's data have passed.

    `how`: `silence` swallows all that follows, `reset` and `fin`-less ends are sent to both ends.
    """

    down_bytes: int
    how: str = "silence"
    times: int | None = None
    hand: Hand = field(default_factory=Hand)
    _passed: dict[Any, int] = field(default_factory=dict)
    _cut: set[Any] = field(default_factory=set)

    def fate(self, packet: Packet, now: float) -> Fate:
        if packet.flow in self._cut:
            return Fate(drop=True)
        if is_up(packet) or not packet.payload:
            return PASS
        passed = self._passed[packet.flow] = self._passed.get(packet.flow, 0) + len(packet.payload)
        if passed < self.down_bytes or (self.times is not None and len(self._cut) >= self.times):
            return PASS
        self._cut.add(packet.flow)
        return Fate(drop=True, forged=_both_ways(packet, self.hand) if self.how == "reset" else ())


@dataclass(slots=True)
class ForgedReset:
    """Resets in the server's name once `name` is read in the client's first flight.

    `kinds` are the packets that the client gets, each `R` (its own sequence numbers), `RA`, `R0`
    (acknowledges nothing) or `R+` (guesses further into the window). With `after_down_bytes` the
    device waits for so much of the answer, as inspecting firewalls do. `swallow` keeps the packet
    that triggered and all that follow to itself, else the genuine answer arrives after the reset.
    `silent` forges nothing: the flow just ends.
    """

    name: str
    kinds: tuple[str, ...] = ("RA", "RA", "RA")
    hand: Hand = field(default_factory=Hand)
    after_down_bytes: int = 0
    swallow: bool = False
    silent: bool = False
    to_server: bool = True
    _seen: dict[Any, bytes] = field(default_factory=dict)
    _marked: set[Any] = field(default_factory=set)
    _down: dict[Any, int] = field(default_factory=dict)
    _done: set[Any] = field(default_factory=set)

    def fate(self, packet: Packet, now: float) -> Fate:
        key = packet.flow
        if key in self._done:
            return Fate(drop=self.swallow)
        if is_up(packet) and packet.payload and key not in self._marked:
            seen = self._seen.get(key, b"")
            if len(seen) < _LOOK:
                self._seen[key] = seen + packet.payload
            if self.name.encode() not in self._seen[key]:
                return PASS
            self._marked.add(key)
            if not self.after_down_bytes:
                return self._strike(packet)
        elif key in self._marked and not is_up(packet):
            self._down[key] = self._down.get(key, 0) + len(packet.payload)
            if self._down[key] > self.after_down_bytes:
                return self._strike(packet)
        return PASS

    def _strike(self, packet: Packet) -> Fate:
        self._done.add(packet.flow)
        if self.silent:
            return Fate(drop=self.swallow)
        up = is_up(packet)
        start, acked = (packet.ack, packet.seq_end) if up else (packet.seq, packet.ack)
        forged = []
        for index, kind in enumerate(self.kinds):
            seq = start + (index * 1460 if kind == "R+" else 0)
            ack = {"RA": acked, "R0": 0}.get(kind)
            forged.append(forged_reset(packet, self.hand, seq=seq, ack=ack, reverse=up))
        if self.to_server:
            seq = packet.seq_end if up else packet.ack
            forged.append(forged_reset(packet, self.hand, seq=seq, ack=None, reverse=not up))
        return Fate(drop=self.swallow, forged=tuple(forged))


@dataclass(slots=True)
class ForgedAnswer:
    """A false DNS answer that outruns the genuine one, for each query for one of `names`."""

    names: tuple[str, ...]
    addresses: tuple[str, ...]
    ttl: int = 187
    hand: Hand = field(default_factory=lambda: Hand(ttl=52, ip_id=0x4242))

    def fate(self, packet: Packet, now: float) -> Fate:
        if packet.dport != 53:
            return PASS
        try:
            query = dns.message.from_wire(packet.payload)
            question = query.question[0]
        except Exception:
            return PASS
        if question.name.to_text().rstrip(".").lower() not in self.names:
            return PASS
        kind = dns.rdatatype.to_text(question.rdtype)
        fitting = [text for text in self.addresses if (":" in text) is (kind == "AAAA")]
        if kind not in {"A", "AAAA"} or not fitting:
            return PASS
        response = dns.message.make_response(query, recursion_available=True)
        response.use_edns(-1)
        response.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", kind, *fitting))
        return Fate(forged=(forged_reply(packet, response.to_wire(), self.hand),))


def _both_ways(packet: Packet, hand: Hand) -> tuple[ScapyPacket, ...]:
    return (
        forged_reset(packet, hand, seq=packet.seq, ack=packet.ack, reverse=False),
        forged_reset(packet, hand, seq=packet.ack, ack=None, reverse=True),
    )


BEHAVIOURS: dict[str, Callable[..., Behaviour]] = {
    "impair": Impair,
    "idle": Idle,
    "gap": Gap,
    "cut_after": CutAfter,
    "forged_reset": ForgedReset,
    "forged_answer": ForgedAnswer,
}


def made(settings: Mapping[str, Any]) -> tuple[Callable[[Packet], bool], Behaviour]:
    """A behaviour as data describes it, and whether a packet concerns it."""
    values = {
        key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()
    }
    kind = values.pop("kind")
    ends = set(values.pop("on", ()))
    ports = set(values.pop("ports", ()))
    protocol = {"tcp": 6, "udp": 17, None: None}[values.pop("protocol", None)]
    if "hand" in values:
        values["hand"] = Hand(**values["hand"])

    def concerns(packet: Packet) -> bool:
        return (
            (not ends or bool(ends & {packet.src, packet.dst}))
            and (not ports or bool(ports & {packet.sport, packet.dport}))
            and (protocol is None or packet.protocol == protocol)
        )

    return concerns, BEHAVIOURS[kind](**values)
