"""The ``tcp`` and ``tls`` tables from the connections of a file, numbered as Wireshark does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.model.frames import frame_of_columns, frame_of_rows
from analysis.read.packets.tcp_tables import Connections


def connection_frames(parts: Sequence[Connections], source: str) -> dict[str, pd.DataFrame]:
    """Both tables; `parts` together are all connections of the file."""
    first = np.array([frame for part in parts for frame in part.tcp["first_frame"]], np.int64)
    order = np.argsort(first)
    tunnels = np.sort(np.array([frame for part in parts for frame in part.tunnels], np.int64))
    # Wireshark opens one more conversation for what a SOCKS proxy carries
    number = np.arange(len(order)) + np.searchsorted(tunnels, first[order])
    columns: dict[str, object] = {"source": [source] * len(order), "stream": number}
    places = order.tolist()
    for name in parts[0].tcp:
        values = [value for part in parts for value in part.tcp[name]]
        columns[name] = [values[place] for place in places]
    of_place = np.empty(len(order), np.int64)
    of_place[order] = number
    return {
        "tcp": frame_of_columns("tcp", columns),
        "tls": _tls_frame(parts, of_place.tolist(), source),
    }


def _tls_frame(parts: Sequence[Connections], numbers: list[int], source: str) -> pd.DataFrame:
    """One row per ClientHello, in order of frames; `numbers` are those of all connections."""
    rows: list[dict[str, object]] = []
    begin = 0
    for part in parts:
        own = numbers[begin : begin + len(part.tcp["first_frame"])]
        begin += len(own)
        for row in part.tls:
            place = row["stream"]
            assert isinstance(place, int)
            rows.append(row | {"source": source, "stream": own[place]})
    rows.sort(key=lambda row: (row["frame"], row["stream"]))
    return frame_of_rows("tls", rows)
