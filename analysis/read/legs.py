"""Whose connection a packet belongs to, in a bundle that was recorded through our proxy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
import pyarrow as pa


def with_legs(
    frame: pd.DataFrame, connections: Iterable[Mapping[str, object]], listen: str | None
) -> pd.DataFrame:
    """The tcp or tls table with its `leg` column filled.

    `connections` are rows of the connections table, `listen` the proxy's own
    ``host:port``.  Without a proxy every leg stays missing: nothing is known.
    """
    port = (listen or "").rpartition(":")[2]
    if not len(frame) or not port.isdigit():
        return frame
    upstream = {
        (row["address"], row["local_port"])
        for row in connections
        if row.get("address") and row.get("local_port")
    }
    pairs = zip(frame["server"], frame["client_port"], frame["server_port"], strict=True)
    legs = [
        "browser"
        if server_port == int(port) and str(server).startswith(("127.", "::1"))
        else ("upstream" if (server, client_port) in upstream else "other")
        for server, client_port, server_port in pairs
    ]
    return frame.assign(leg=pd.Series(legs, index=frame.index, dtype=pd.ArrowDtype(pa.string())))
