"""Packet captures as tables: pcap and pcapng to ``dns``, ``tcp``, ``tls``, ``quic`` and more.

A file is walked in blocks of a few megabytes. Headers are decoded for a whole
block with NumPy; only DNS, handshakes and control packets are looked at one by
one. What is kept grows with the number of connections and messages, not with
the data they carry.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.model.diagnosis import Source, SourceKind
from analysis.model.frames import Tables
from analysis.read.packets.activity import Activity
from analysis.read.packets.block import Block
from analysis.read.packets.clock import seconds
from analysis.read.packets.container import blocks, is_packed, looks_like_packets, opened
from analysis.read.packets.digest import Digest
from analysis.read.packets.dns_rows import DnsRows, Peers
from analysis.read.packets.fragments import Fragments
from analysis.read.packets.icmp import IcmpRows
from analysis.read.packets.ip import datagrams
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.tables import tcp_frame, tls_frame
from analysis.read.packets.tcp import Streams
from analysis.read.packets.udp import Udp

__all__ = ["looks_like_packets", "read_packets"]


def read_packets(
    path: Path, name: str | None = None, *, dns_ports: frozenset[int] = frozenset({53})
) -> Tables:
    """Tables of one capture file, pcap or pcapng, also gzipped.

    `name` is what the ``source`` columns say (default: the file's name);
    `dns_ports` are the ports on which DNS is spoken, beside mDNS and LLMNR on
    theirs. A damaged file gives its sound part, and the source says what is
    wrong. Raises InputError when the file cannot be read, is empty or is no
    capture.
    """
    label = name or path.name
    problems: list[str] = []
    dns = DnsRows()

    def on_dns(stream: int, octets: bytes, packet: Origin, from_client: bool) -> None:
        sender, receiver = streams.all[stream].client, streams.all[stream].server
        if not from_client:
            sender, receiver = receiver, sender
        peers = Peers(sender.address, sender.port, receiver.address, receiver.port)
        dns.add(octets, packet, peers)

    streams = Streams(dns_ports, on_dns)
    udp, icmp, activity = Udp(dns_ports, dns), IcmpRows(), Activity()
    fragments = Fragments()
    span = _Span()
    with opened(path) as stream, Digest(stream) as digest, _no_collection():
        for block in blocks(digest, path.name, problems, packed=is_packed(stream)):
            span.add(block)
            found = datagrams(block, fragments)
            streams.feed(block, found)
            udp.feed(block, found)
            icmp.feed(block, found)
            activity.feed(block, found)
        sha256 = digest.hexdigest()
    streams.end()
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
    return Tables.of(
        {
            "dns": dns.frame(label),
            "tcp": tcp_frame(streams.all, streams.records, label),
            "tls": tls_frame(streams.all, label),
            **udp.frames(label),
            "icmp": icmp.frame(label),
            "activity": activity.frame(label),
        },
        [source],
    )


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
    """First and last time of all packets, in nanoseconds; those without time left out."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.last: int | None = None

    def add(self, block: Block) -> None:
        stamps = block.ns[block.ns != 0]
        if len(stamps):
            low, high = int(stamps.min()), int(stamps.max())
            self.first = low if self.first is None else min(self.first, low)
            self.last = high if self.last is None else max(self.last, high)
