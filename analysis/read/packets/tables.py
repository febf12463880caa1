"""The tables of a packet file; connections have Wireshark's numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from analysis.model.frames import frame_of_columns, frame_of_rows
from analysis.read.packets.activity import Seconds
from analysis.read.packets.address import Peers
from analysis.read.packets.block import Ints
from analysis.read.packets.icmp import IcmpRows, Pair
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.tcp_tables import Columns, Connections, Spoken
from analysis.read.packets.udp import Udp

_ENDS = ("client", "client_port", "server", "server_port")


def activity_frame(seconds: Seconds, source: str) -> pd.DataFrame:
    """The ``activity`` table."""
    return frame_of_columns(
        "activity",
        {
            "source": [source] * len(seconds.second),
            "time": seconds.second.astype(np.float64),
            "packets": seconds.packets,
            "bytes": seconds.octets,
            "connections": seconds.connections,
            "senders": seconds.senders,
            "joins": seconds.joins,
        },
    )


def datagram_frames(udp: Udp, icmp: IcmpRows, source: str) -> dict[str, pd.DataFrame]:
    """The tables ``quic``, ``udp`` and ``icmp``."""
    return {
        "quic": frame_of_columns("quic", udp.quic.columns(source)),
        "udp": frame_of_rows("udp", udp.recognised.rows(source)),
        "icmp": frame_of_rows("icmp", icmp.rows(source)),
    }


def host_frame(udp: Udp, cut: int, snap: int, source: str) -> pd.DataFrame:
    """The ``host`` table: tunnels, and what a snap length left of `cut` packets."""
    facts = {"cut packets": str(cut), "snap length": str(snap)} if cut else {}
    rows = [
        {"source": source, "section": "capture", "name": name, "value": value}
        for name, value in facts.items()
    ]
    return frame_of_rows("host", [*udp.recognised.tunnels(source), *rows])


class Followed(Protocol):
    """Whoever followed the connections: this process, or another that may fail (None)."""

    def connections(self) -> Connections | None: ...
    def spoken(self) -> Spoken | None: ...


class ConnectionFrames(NamedTuple):
    """The tables ``tcp``, ``tls`` and ``cleartext``, and the DNS messages that were carried."""

    frames: dict[str, pd.DataFrame]
    messages: list[tuple[bytes, Origin, Peers]]


def connection_frames(
    followed: Followed, quoted: Mapping[Pair, int], source: str
) -> ConnectionFrames | None:
    """What the connections give; None when the one who followed them failed.

    `quoted` are connections that ICMP errors quoted, and in which frame first.
    """
    found = followed.connections()
    if found is None:
        return None
    first, others = _begun(found.tcp, quoted)
    # Wireshark opens one more conversation for what a SOCKS proxy carries
    others += found.tunnels
    order = np.argsort(first)
    number = np.arange(len(order)) + np.searchsorted(np.sort(others), first[order])
    columns: dict[str, object] = {"source": [source] * len(order), "stream": number}
    columns |= _in_order(found.tcp, order)
    tcp = frame_of_columns("tcp", columns)
    of_place = np.empty(len(order), np.int64)
    of_place[order] = number
    spoken = followed.spoken()
    if spoken is None:
        return None
    frames = {
        "tcp": tcp,
        "tls": _frame("tls", spoken.tls, of_place, source),
        "cleartext": _frame("cleartext", spoken.cleartext, of_place, source),
    }
    return ConnectionFrames(frames, found.messages)


def _in_order(columns: Columns, order: Ints) -> Columns:
    places = order.tolist()
    return {
        name: [values[place] for place in places] if isinstance(values, list) else values[order]
        for name, values in columns.items()
    }


def _begun(tcp: Columns, quoted: Mapping[Pair, int]) -> tuple[Ints, list[int]]:
    """The frames that gave each connection its number, and those that gave one to no other.

    Wireshark numbers a connection from the first packet of it, be it one that an
    ICMP error quotes. (Not followed: a quoted SYN on a known connection's ports
    with another sequence number, which takes one more.)
    """
    begun = np.array(tcp["first_frame"], np.int64)
    if not quoted:
        return begun, []
    ends = zip(*(list(tcp[name]) for name in _ENDS), strict=True)
    earliest: dict[Pair, int] = {}
    for place, (client, client_port, server, server_port) in enumerate(ends):
        pair: Pair = frozenset(((client, client_port), (server, server_port)))
        if pair in quoted and begun[earliest.setdefault(pair, place)] > begun[place]:
            earliest[pair] = place
    alone = [frame for pair, frame in quoted.items() if pair not in earliest]
    for pair, place in earliest.items():
        begun[place] = min(begun[place], quoted[pair])
    return begun, alone


def _frame(name: str, rows: Columns, numbers: Ints, source: str) -> pd.DataFrame:
    """Rows of a table in order of frames; `numbers` are those of all connections."""
    if not rows:
        return frame_of_columns(name, {})
    stream = numbers[rows["stream"]]
    order = np.lexsort((stream, rows["frame"]))
    columns = _in_order(rows | {"stream": stream}, order)
    return frame_of_columns(name, {"source": [source] * len(order), **columns})
