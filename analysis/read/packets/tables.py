"""The tables of a file's connections (``tcp``, ``tls``, ``cleartext``), in Wireshark's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import pandas as pd

from analysis.model.frames import frame_of_columns, frame_of_rows
from analysis.read.packets.block import Ints
from analysis.read.packets.icmp import Pair
from analysis.read.packets.tcp_tables import Columns, Connections

_ENDS = ("client", "client_port", "server", "server_port")


def connection_frames(
    parts: Sequence[Connections], quoted: Mapping[Pair, int], source: str
) -> dict[str, pd.DataFrame]:
    """The tables; `parts` together are all connections of the file.

    `quoted` are connections that ICMP errors quoted, and in which frame first.
    """
    first, others = _begun([part.tcp for part in parts], quoted)
    # Wireshark opens one more conversation for what a SOCKS proxy carries
    others += [frame for part in parts for frame in part.tunnels]
    order = np.argsort(first)
    number = np.arange(len(order)) + np.searchsorted(np.sort(others), first[order])
    columns: dict[str, object] = {"source": [source] * len(order), "stream": number}
    places = order.tolist()
    for name in parts[0].tcp:
        values = [value for part in parts for value in part.tcp[name]]
        columns[name] = [values[place] for place in places]
    of_place = np.empty(len(order), np.int64)
    of_place[order] = number
    return {
        "tcp": frame_of_columns("tcp", columns),
        "tls": _frame("tls", [(part, part.tls) for part in parts], of_place.tolist(), source),
        "cleartext": _frame(
            "cleartext", [(part, part.cleartext) for part in parts], of_place.tolist(), source
        ),
    }


def _begun(tables: Sequence[Columns], quoted: Mapping[Pair, int]) -> tuple[Ints, list[int]]:
    """The frames that gave each connection its number, and those that gave one to no other.

    Wireshark numbers a connection from the first packet of it, be it one that an
    ICMP error quotes. (Not followed: a quoted SYN on a known connection's ports
    with another sequence number, which takes one more.)
    """
    begun = np.array([frame for tcp in tables for frame in tcp["first_frame"]], np.int64)
    if not quoted:
        return begun, []
    ends = (zip(*(tcp[name] for name in _ENDS), strict=True) for tcp in tables)
    earliest: dict[Pair, int] = {}
    for place, (client, client_port, server, server_port) in enumerate(chain(*ends)):
        pair: Pair = frozenset(((client, client_port), (server, server_port)))
        if pair in quoted and begun[earliest.setdefault(pair, place)] > begun[place]:
            earliest[pair] = place
    alone = [frame for pair, frame in quoted.items() if pair not in earliest]
    for pair, place in earliest.items():
        begun[place] = min(begun[place], quoted[pair])
    return begun, alone


def _frame(
    name: str,
    parts: Sequence[tuple[Connections, list[dict[str, object]]]],
    numbers: list[int],
    source: str,
) -> pd.DataFrame:
    """Rows of a table in order of frames; `numbers` are those of all connections."""
    rows: list[dict[str, object]] = []
    begin = 0
    for part, of_part in parts:
        own = numbers[begin : begin + len(part.tcp["first_frame"])]
        begin += len(own)
        for row in of_part:
            place = row["stream"]
            assert isinstance(place, int)
            rows.append(row | {"source": source, "stream": own[place]})
    rows.sort(key=lambda row: (row["frame"], row["stream"]))
    return frame_of_rows(name, rows)
