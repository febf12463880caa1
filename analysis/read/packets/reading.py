"""One walk over a capture file, and what it gives as tables."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from analysis.model.diagnosis import Source, SourceKind
from analysis.model.frames import Tables, frame_of_rows
from analysis.read.packets.block import Block
from analysis.read.packets.clock import seconds
from analysis.read.packets.container import blocks, is_packed, opened
from analysis.read.packets.digest import Digest
from analysis.read.packets.dns_rows import DnsRows
from analysis.read.packets.following import Following, followed
from analysis.read.packets.fragments import Fragments
from analysis.read.packets.helper import Helper
from analysis.read.packets.icmp import IcmpRows
from analysis.read.packets.ip import beside_tcp, datagrams
from analysis.read.packets.tables import activity_frame, connection_frames
from analysis.read.packets.udp import Udp


def read(path: Path, label: str, dns_ports: frozenset[int], helper: Helper | None) -> Tables:
    """All tables of a file; its connections are followed here only without a helper.

    Raises InputError when the file cannot be read, is empty or is no capture.
    """
    problems: list[str] = []
    dns = DnsRows()
    limit = None if helper is None else helper.limit
    following = Following(dns_ports, dns.add)
    udp, icmp = Udp(dns_ports, dns), IcmpRows()
    fragments = Fragments()
    span = _Span()
    with opened(path) as stream, Digest(stream) as digest, _no_collection():
        packed = is_packed(stream)
        for block in blocks(digest, path.name, problems, packed=packed, limit=limit):
            span.add(block)
            rest = block if helper is None else beside_tcp(block)
            found = datagrams(rest, fragments)
            if helper is None:
                following.feed(rest, found)
            udp.feed(rest, found)
            icmp.feed(rest, found)
            del block, rest, found  # with the buffer, before the tables are made
        if helper is None:
            tcp = following.end()
        else:
            # tables are made once the helper is gone: their memory would come on top of its own
            tcp = helper.followed() or followed(path, dns_ports, limit)
            for message in tcp.connections.messages:
                dns.add(*message)
        frames = {
            "dns": dns.frame(label),
            **udp.frames(label),
            "icmp": icmp.frame(label),
        }
        frames |= connection_frames(tcp.connections, icmp.quoted, label)
        frames["activity"] = activity_frame(tcp.activity, label)
        sha256 = digest.hexdigest()
    if span.cut:
        cut = [frames["host"], _cut_packets(span, label)]
        frames["host"] = pd.concat(cut, ignore_index=True)
    problems += [*udp.problems, *icmp.problems]
    source = Source(
        label,
        SourceKind.PCAP,
        sha256,
        complete=not problems,
        problems=tuple(problems),
        first_seen=seconds(span.first),
        last_seen=seconds(span.last),
    )
    return Tables.of(frames, [source])


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the search for cycles: nearly all that is made here is kept for the tables."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _cut_packets(span: _Span, label: str) -> pd.DataFrame:
    """Rows of the ``host`` table: what a snap length left of the packets."""
    facts = {"cut packets": str(span.cut), "snap length": str(span.snap)}
    return frame_of_rows(
        "host",
        [
            {"source": label, "section": "capture", "name": name, "value": value}
            for name, value in facts.items()
        ],
    )


class _Span:
    """First and last time of all packets, in nanoseconds; those without time left out.

    `cut` counts packets that are not whole in the file; `snap` is the most it holds of one.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self.last: int | None = None
        self.cut = 0
        self.snap = 0

    def add(self, block: Block) -> None:
        self.cut += int((block.caplen < block.wirelen).sum())
        self.snap = max(self.snap, int(block.caplen.max()))
        stamps = block.ns[block.ns != 0]
        if len(stamps):
            low, high = int(stamps.min()), int(stamps.max())
            self.first = low if self.first is None else min(self.first, low)
            self.last = high if self.last is None else max(self.last, high)
