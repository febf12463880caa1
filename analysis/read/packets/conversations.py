"""Conversations other than TCP: who talks with whom, how much, and whether anybody answers.

Counting goes block by block on arrays; only the first packet of a conversation
and its handshakes are looked at one by one.
"""

from __future__ import annotations

import numpy as np

from analysis.read.packets.address import Peers
from analysis.read.packets.block import Ints, Mask, Words
from analysis.read.packets.reassembly import Origin

MAX_CONVERSATIONS = 100_000


class Conversation:
    """Counts of one conversation, from its first recognised packet on."""

    __slots__ = (
        "answer_ns",
        "bytes",
        "client_number",
        "first",
        "last_ns",
        "packets",
        "peers",
    )

    def __init__(self, client_number: int, peers: Peers, first: Origin) -> None:
        """`peers` and `client_number` are those of the client; `first` is the first packet."""
        self.client_number = client_number
        self.peers = peers
        self.first = first
        self.last_ns = first.ns
        self.packets = [0, 0]
        """From the client, and from the server."""
        self.bytes = [0, 0]
        self.answer_ns: int | None = None
        """Time of the server's first packet."""

    @property
    def answered(self) -> bool:
        return self.packets[1] > 0

    @property
    def answer_ms(self) -> float | None:
        if self.answer_ns is None or not self.first.ns or self.answer_ns < self.first.ns:
            return None
        return (self.answer_ns - self.first.ns) / 1e6

    def count(self, from_client: Mask, ns: Ints, wire: Ints) -> None:
        """Take packets that follow those counted so far."""
        for side, mine in enumerate((from_client, ~from_client)):
            self.packets[side] += int(mine.sum())
            self.bytes[side] += int(wire[mine].sum())
        if self.answer_ns is None and not from_client.all():
            self.answer_ns = int(ns[np.argmin(from_client)])
        self.last_ns = max(self.last_ns, int(ns.max()))


class Conversations:
    """All recognised conversations, by the number of their address pair."""

    def __init__(self) -> None:
        self._by_flow: dict[int, list[Conversation]] = {}
        self._numbers = np.zeros(0, np.uint64)
        self.full = False
        """Conversations were left out because there were too many."""

    def latest(self, flow: int) -> Conversation | None:
        """The newest conversation of an address pair."""
        known = self._by_flow.get(flow)
        return known[-1] if known else None

    def add(self, flow: int, conversation: Conversation) -> bool:
        """Begin to count; false when there are too many already.

        A second conversation of the same pair ends the one before it.
        """
        if flow not in self._by_flow and len(self._by_flow) >= MAX_CONVERSATIONS:
            self.full = True
            return False
        self._by_flow.setdefault(flow, []).append(conversation)
        return True

    def among(self, flow: Words) -> Mask:
        """Which packets belong to conversations known before this block."""
        return np.isin(flow, self._numbers)

    def count(self, flow: Words, source: Words, frame: Ints, ns: Ints, wire: Ints) -> None:
        """Count the packets of a block, in order of frames; those of other flows are ignored."""
        if len(self._numbers) != len(self._by_flow):
            self._numbers = np.array(sorted(self._by_flow), np.uint64)
        mine = np.flatnonzero(np.isin(flow, self._numbers))
        if not len(mine):
            return
        mine = mine[np.argsort(flow[mine], kind="stable")]
        edges = np.flatnonzero(np.r_[True, flow[mine][1:] != flow[mine][:-1], True])
        for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            rows = mine[begin:end]
            known = self._by_flow[int(flow[rows[0]])]
            since = [conversation.first.frame for conversation in known]
            parts = np.searchsorted(frame[rows], [*since, frame[rows[-1]] + 1])
            for conversation, low, high in zip(known, parts[:-1], parts[1:], strict=True):
                part = rows[low:high]
                if len(part):
                    from_client = source[part] == np.uint64(conversation.client_number)
                    conversation.count(from_client, ns[part], wire[part])
            del known[:-1]
