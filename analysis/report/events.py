"""Everything of a session that has a time, as one frame: what the timeline draws."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.model.frames import Tables
from analysis.model.message import say
from analysis.report.proof import Proof, ended_in_error, lookups

LANES = (
    say("DNS"),
    say("Connections"),
    say("TLS handshakes"),
    say("Requests"),
    say("Websocket frames"),
    say("Stream chunks"),
    say("Markers"),
)
STATES = ("background", "normal", "proof", "error", "error-proof")


def events_of(tables: Tables, proof: Proof) -> pd.DataFrame:
    """All events: ``lane``, ``first`` and ``last`` (s), ``state`` (an index into STATES)."""
    parts = []

    def add(
        lane: str,
        table: str,
        first: pd.Series[float],
        last: pd.Series[float],
        rows: pd.DataFrame | None = None,
    ) -> None:
        frame = tables[table] if rows is None else rows
        named, failed = proof.rows(table, frame), ended_in_error(table, frame)
        state = 1 + named.to_numpy(dtype=int) + 2 * failed.to_numpy(dtype=int)
        parts.append(_part(lane, first, last, state))

    dns = lookups(tables["dns"])
    add("DNS", "dns", dns["time"] - dns["latency_ms"].fillna(0) / 1000, dns["time"], dns)
    made = tables["connections"]
    if len(made):
        took = (made["tcp_ms"].fillna(0) + made["tls_ms"].fillna(0)) / 1000
        add("Connections", "connections", made["started"], made["started"] + took)
    else:
        tcp = tables["tcp"]
        add("Connections", "tcp", tcp["first_time"], tcp["last_time"])
    tls = tables["tls"]
    add("TLS handshakes", "tls", tls["time"], tls["time"] + tls["server_hello_ms"].fillna(0) / 1000)
    http = tables["http"]
    add("Requests", "http", http["started"], http["ended"].fillna(http["started"]))
    ws, end = tables["ws"], _last_time(tables)
    life = _part("Websocket frames", ws["opened"], ws["ended"].fillna(end), np.zeros(len(ws), int))
    parts.append(life)
    frames = tables["ws_frames"]
    ordinary = np.ones(len(frames), int)
    parts.append(_part("Websocket frames", frames["time"], frames["time"], ordinary))
    over = ws["ended"].fillna(ws["requested"])
    add("Websocket frames", "ws", over, over)
    chunks = tables["chunks"]
    parts.append(_part("Stream chunks", chunks["time"], chunks["time"], np.ones(len(chunks), int)))
    sse = tables["sse"]
    stopped = sse["last_chunk"].fillna(sse["started"])
    add("Stream chunks", "sse", stopped, stopped)
    marks = tables["markers"]
    parts.append(_part("Markers", marks["time"], marks["time"], np.ones(len(marks), int)))
    return pd.concat(parts, ignore_index=True)


def _part(
    lane: str, first: pd.Series[float], last: pd.Series[float], state: np.ndarray
) -> pd.DataFrame:
    begin = first.astype("float64").to_numpy()
    end = last.astype("float64").to_numpy()
    return pd.DataFrame({"lane": lane, "first": begin, "last": end, "state": state})


def _last_time(tables: Tables) -> float:
    times = [facts.ended for facts in tables.captures if facts.ended is not None]
    for name, column in (("ws_frames", "time"), ("http", "ended"), ("chunks", "time")):
        latest = tables[name][column].max()
        times += [] if pd.isna(latest) else [float(latest)]
    return max(times, default=float("nan"))
