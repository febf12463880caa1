"""The ``udp`` table: conversations of recognised protocols, and the tunnels among them."""

from __future__ import annotations

from analysis.knowledge.tunnels import tunnel_protocols
from analysis.read.packets.address import Peers
from analysis.read.packets.clock import seconds
from analysis.read.packets.conversations import Conversation, Conversations
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.signatures import Carried, Role, Sign

_IN_A_ROW = 3
"""Packets of one direction with one identifier and rising numbers that prove a tunnel's data."""

_MAX_TRIES = 64
_MAX_STEP = 4096
_MAX_DOUBTFUL = 16_384
_MAX_NAMED = 8


class _Recognised:
    """One conversation and what its packets said."""

    __slots__ = ("conversation", "data", "first_request", "first_response", "protocol", "said")

    def __init__(self, protocol: str, conversation: Conversation) -> None:
        self.protocol = protocol
        self.conversation = conversation
        self.said = {Role.REQUEST: 0, Role.RESPONSE: 0, Role.OTHER: 0}
        self.first_request: int | None = None
        self.first_response: int | None = None
        self.data = False
        """The tunnel's data was seen, not only the attempt to open it."""

    def hear(self, role: Role, ns: int) -> None:
        self.said[role] += 1
        if role is Role.REQUEST and self.first_request is None:
            self.first_request = ns
        if role is Role.RESPONSE and self.first_response is None:
            self.first_response = ns

    @property
    def answer_ms(self) -> float | None:
        if self.first_request and self.first_response and self.first_response > self.first_request:
            return (self.first_response - self.first_request) / 1e6
        return None


class _Doubtful:
    """Packets of one direction that may be a tunnel's data."""

    __slots__ = ("first", "in_a_row", "last", "peers", "tries")

    def __init__(self, first: Origin, peers: Peers) -> None:
        self.first = first
        self.peers = peers
        self.tries = 0
        self.in_a_row = 0
        self.last: Carried | None = None

    def add(self, packet: Carried) -> bool:
        """Whether the data is proven by now."""
        last = self.last
        follows = (
            last is not None
            and last[:2] == packet[:2]
            and 0 < packet.number - last.number <= _MAX_STEP
        )
        self.tries += 1
        self.in_a_row = self.in_a_row + 1 if follows else 1
        self.last = packet
        return self.in_a_row >= _IN_A_ROW


class Recognised:
    """All recognised conversations; `frame` makes the table."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations
        self._known: dict[int, _Recognised] = {}
        self._doubtful: dict[tuple[int, int], _Doubtful] = {}

    def hear(self, flow: int, sender: int, sign: Sign, packet: Origin, peers: Peers) -> None:
        """Take a packet that says what it is; `sender` and `peers` are those of the packet."""
        known = self._known.get(flow)
        if known is None:
            if self._conversations.latest(flow) is not None:
                return  # it is QUIC
            known = self._begin(flow, sender, sign, packet, peers)
        if known is not None and known.protocol == sign.protocol:
            known.hear(sign.role, packet.ns)

    def _begin(
        self, flow: int, sender: int, sign: Sign, packet: Origin, peers: Peers
    ) -> _Recognised | None:
        # a capture that starts in the middle may show the response first
        from_client = sign.role is not Role.RESPONSE
        if not from_client:
            peers = Peers(peers.dst, peers.dst_port, peers.src, peers.src_port)
        client = sender if from_client else _other(flow, sender)
        conversation = Conversation(client, peers, packet)
        if not self._conversations.add(flow, conversation):
            return None
        known = self._known[flow] = _Recognised(sign.protocol, conversation)
        return known

    def undecided(self, flow: int, sender: int) -> bool:
        """Whether it is worth looking at more of what may be a tunnel's data."""
        known = self._known.get(flow)
        if known is not None:
            return not known.data
        doubtful = self._doubtful.get((flow, sender))
        return doubtful is None or doubtful.tries < _MAX_TRIES

    def suspect(
        self, flow: int, sender: int, carried: Carried, packet: Origin, peers: Peers
    ) -> None:
        """Take a packet that may be a tunnel's data."""
        known = self._known.get(flow)
        if known is not None:
            known.data = (
                known.data
                or known.protocol == carried.protocol
                or ((known.protocol, carried.protocol) == ("ike", "esp"))
            )
            return
        mine, other = (flow, sender), (flow, _other(flow, sender))
        doubtful = self._doubtful.get(mine)
        if doubtful is None:
            if len(self._doubtful) >= _MAX_DOUBTFUL:
                del self._doubtful[next(iter(self._doubtful))]
            doubtful = self._doubtful[mine] = _Doubtful(packet, peers)
        if not doubtful.add(carried):
            return
        opposite = self._doubtful.get(other)
        if opposite is not None and opposite.first.frame < doubtful.first.frame:
            sender, doubtful = other[1], opposite
        known = self._begin(
            flow, sender, Sign(carried.protocol, Role.OTHER), doubtful.first, doubtful.peers
        )
        if known is not None:
            known.data = True

    def carry(self, flow: int, sender: int, protocol: str, packet: Origin, peers: Peers) -> None:
        """Take the first packet of a tunnel that is an IP protocol of its own."""
        if self._conversations.latest(flow) is None:
            known = self._begin(flow, sender, Sign(protocol, Role.OTHER), packet, peers)
            if known is not None:
                known.data = True

    def rows(self, source: str) -> list[dict[str, object]]:
        """Rows of the table, in order of frames."""
        rows = sorted(self._known.values(), key=lambda known: known.conversation.first.frame)
        return [_row(known, source) for known in rows]

    def tunnels(self, source: str) -> list[dict[str, object]]:
        """Rows of the ``host`` table: each tunnel protocol that carries something, with its peers.

        An attempt that nobody answers is no tunnel.
        """
        peers: dict[str, dict[str, None]] = {}
        for known in self._known.values():
            name = tunnel_protocols().get(known.protocol)
            if name and (known.data or known.conversation.answered):
                peers.setdefault(name, {})[_between(known.conversation.peers)] = None
        return [
            {"source": source, "section": "tunnel", "name": name, "value": _listed(list(pairs))}
            for name, pairs in peers.items()
        ]


def _other(flow: int, endpoint: int) -> int:
    """The other endpoint of a flow, whose number is the sum of both."""
    return (flow - endpoint) % (1 << 64)


def _between(peers: Peers) -> str:
    return f"{peers.src} and {peers.dst}"


def _listed(pairs: list[str]) -> str:
    more = len(pairs) - _MAX_NAMED
    return ", ".join(pairs[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _row(known: _Recognised, source: str) -> dict[str, object]:
    talk = known.conversation
    ported = talk.peers.src_port >= 0
    roles = known.said[Role.REQUEST] + known.said[Role.RESPONSE] > 0
    return {
        "source": source,
        "frame": talk.first.frame,
        "time": seconds(talk.first.ns),
        "last_time": seconds(talk.last_ns),
        "protocol": known.protocol,
        "client": talk.peers.src,
        "client_port": talk.peers.src_port if ported else None,
        "server": talk.peers.dst,
        "server_port": talk.peers.dst_port if ported else None,
        "client_packets": talk.packets[0],
        "server_packets": talk.packets[1],
        "client_bytes": talk.bytes[0],
        "server_bytes": talk.bytes[1],
        "requests": known.said[Role.REQUEST] if roles else None,
        "responses": known.said[Role.RESPONSE] if roles else None,
        "answered": talk.answered,
        "answer_ms": known.answer_ms,
    }
