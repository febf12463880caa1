"""One walk over a capture file, and what it gives as tables."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.model.diagnosis import Source, SourceKind
from analysis.model.digest import FileDigest
from analysis.read.packets.activity import Activity
from analysis.read.packets.address import Endpoints
from analysis.read.packets.allocator import give_back_freed_memory, keep_freed_memory
from analysis.read.packets.block import Block
from analysis.read.packets.clock import seconds
from analysis.read.packets.container import blocks, is_packed, opened
from analysis.read.packets.dns_rows import DnsRows
from analysis.read.packets.following import Following, followed
from analysis.read.packets.fragments import Fragments
from analysis.read.packets.helper import Helper
from analysis.read.packets.icmp import IcmpRows
from analysis.read.packets.ip import datagrams
from analysis.read.packets.quiet import quiet_runs
from analysis.read.packets.segments import segments_of
from analysis.read.packets.udp import Udp

if TYPE_CHECKING:
    from analysis.model.frames import Tables


def read(path: Path, label: str, dns_ports: frozenset[int], helper: Helper | None) -> Tables:
    """All tables of a file; its connections are followed here only without a helper.

    Raises InputError when the file cannot be read, is empty or is no capture.
    """
    problems: list[str] = []
    if helper is not None:
        keep_freed_memory()
    dns = DnsRows()
    limit = None if helper is None else helper.limit
    following = Following(dns_ports)
    udp, icmp = Udp(dns_ports, dns), IcmpRows()
    fragments, endpoints = Fragments(), Endpoints()
    span, activity = _Span(), Activity()
    with opened(path) as stream, _no_collection():
        packed = is_packed(stream)
        for block in blocks(stream, path.name, problems, packed=packed, limit=limit):
            span.add(block)
            found = datagrams(block, fragments)
            ends = endpoints.ends(found)
            segments = segments_of(block, found, ends)
            if segments is not None:
                quiet = quiet_runs(segments)
                if helper is None:
                    following.feed(segments, quiet)
                else:
                    helper.take(block, segments, quiet)
                del quiet
            activity.feed(block, found, ends)
            udp.feed(block, found)
            icmp.feed(block, found)
            del block, found, ends, segments  # with the buffer, before the tables are made
        if helper is not None:
            helper.finish()
        give_back_freed_memory()
        # these take long to import: the helper is at work meanwhile
        from analysis.model.frames import Tables
        from analysis.read.packets.dns_frame import dns_frame
        from analysis.read.packets.tables import (
            activity_frame,
            connection_frames,
            datagram_frames,
            host_frame,
        )

        frames = {
            **Tables.of().frames,
            "dns": dns_frame(dns, label),
            **datagram_frames(udp, icmp, label),
            "activity": activity_frame(activity.seconds(), label),
            "host": host_frame(udp, span.cut, span.snap, label),
        }
        tcp = connection_frames(helper or following, icmp.quoted, label)
        if tcp is None:
            tcp = connection_frames(followed(path, dns_ports, limit), icmp.quoted, label)
        assert tcp is not None, "only a helper fails"
        if tcp.messages:
            for message in tcp.messages:
                dns.add(*message)
            frames["dns"] = dns_frame(dns, label)
        frames |= tcp.frames
    problems += [*udp.problems, *icmp.problems]
    source = Source(
        label,
        SourceKind.PCAP,
        FileDigest(path),
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
