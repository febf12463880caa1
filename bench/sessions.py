"""Long sessions as tables, for the size and the speed of reports.

An hour has 3,000 requests, 60 streamed answers of 120 chunks, five websocket
frames a second with a ping each half minute, 200 lookups and 300 connections;
one request in a hundred fails. Nothing is random: the same call gives the same
session.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.diagnose import diagnose
from analysis.model.diagnosis import Diagnosis, Source, SourceKind
from analysis.model.frames import CaptureFacts, Tables, frame_of_columns

START = 1_795_352_712.0
_HOSTS = ("chatgpt.com", "ab.chatgpt.com", "ws.chatgpt.com", "files.oaiusercontent.com")


def long_session(seconds: float, *, share: float = 1.0) -> tuple[Diagnosis, Tables]:
    """A session of that length with `share` of an hour's traffic in each hour."""
    hours = seconds / 3600 * share
    frames = {
        "http": _http(seconds, int(3000 * hours)),
        **_streams(seconds, max(int(60 * hours), 1)),
        **_sockets(seconds, int(5 * 3600 * hours)),
        "dns": _dns(seconds, int(200 * hours)),
        "connections": _connections(seconds, int(300 * hours)),
    }
    source = Source("long.chatpath", SourceKind.BUNDLE, first_seen=START, last_seen=START + seconds)
    facts = CaptureFacts(
        "long.chatpath", START, START + seconds, "complete", "proxy", "127.0.0.1:8080", 50_000, 0
    )
    tables = Tables.of(frames, [source], [facts])
    return diagnose(tables), tables


def _spread(seconds: float, count: int) -> np.ndarray:
    """Times over the session, closer together in places, as work comes in bursts."""
    place = np.arange(count) / max(count, 1)
    return START + seconds * (place + 0.02 * np.sin(place * 60)).clip(0, 1)


def _http(seconds: float, count: int) -> pd.DataFrame:
    number = np.arange(count)
    begun = _spread(seconds, count)
    took = 0.05 + (number * 37 % 400) / 1000
    failed = number % 100 == 99
    return frame_of_columns(
        "http",
        {
            "source": ["flows.mitm"] * count,
            "flow": [f"{n:08x}-0000-4000-8000-000000000000" for n in number],
            "started": begun,
            "request_end": begun,
            "response_start": begun + took / 2,
            "ended": begun + took,
            "ttfb_ms": took * 500,
            "total_ms": took * 1000,
            "method": ["GET"] * count,
            "scheme": ["https"] * count,
            "host": ["chatgpt.com"] * count,
            "path": [f"/backend-api/conversation/{n * 7919 % 100_003:05x}" for n in number],
            "status": np.where(failed, 502, 200),
            "content_type": ["application/json"] * count,
            "response_bytes": 900 + number * 331 % 40_000,
            "cf_ray": ["9a1b2c3d4e5f6071-CGK"] * count,
            "server": ["cloudflare"] * count,
        },
    )


def _streams(seconds: float, count: int) -> dict[str, pd.DataFrame]:
    begun = _spread(seconds, count)
    each = 120
    flows = [f"turn-{n:06d}" for n in range(count)]
    gaps = 0.05 + np.arange(each) * 7 % 11 / 100
    times = (begun[:, None] + 0.6 + gaps.cumsum()).ravel()
    last = begun + 0.6 + gaps.sum()
    cut = np.arange(count) % 40 == 39
    sse = {
        "source": ["flows.mitm"] * count,
        "flow": flows,
        "host": ["chatgpt.com"] * count,
        "path": ["/backend-api/f/conversation"] * count,
        "started": begun,
        "first_chunk": begun + 0.6,
        "last_chunk": last,
        "chunks": [each] * count,
        "ttft_ms": [600.0] * count,
        "gap_p95_ms": [150.0] * count,
        "gap_max_ms": [160.0] * count,
        "complete": ~cut,
        "end": np.where(cut, "cut", "complete"),
    }
    chunks = {
        "source": ["events.jsonl"] * len(times),
        "flow": np.repeat(flows, each),
        "time": times,
        "size": np.full(len(times), 150),
    }
    return {"sse": frame_of_columns("sse", sse), "chunks": frame_of_columns("chunks", chunks)}


def _sockets(seconds: float, count: int) -> dict[str, pd.DataFrame]:
    sockets = max(int(seconds // 3600), 1)
    number = np.arange(count)
    times = _spread(seconds, count)
    place = ((times - START) / seconds * sockets).astype(int).clip(0, sockets - 1)
    first = START + np.arange(sockets) * seconds / sockets
    ping = number % 150 == 0
    pong = number % 150 == 1
    ws = {
        "source": ["flows.mitm"] * sockets,
        "flow": [f"ws-{n}" for n in range(sockets)],
        "host": ["ws.chatgpt.com"] * sockets,
        "path": ["/p1/ws/user/{id}"] * sockets,
        "requested": first,
        "opened": first + 0.1,
        "ended": first + seconds / sockets - 1,
        "status": [101] * sockets,
        "close_code": [1000] * sockets,
        "clean": [True] * sockets,
    }
    frames = {
        "source": ["events.jsonl"] * count,
        "flow": [f"ws-{n}" for n in place],
        "time": times,
        "from_client": ping | (number % 9 == 0) & ~pong,
        "opcode": np.where(ping, 9, np.where(pong, 10, 1)),
        "size": np.full(count, 300),
    }
    return {"ws": frame_of_columns("ws", ws), "ws_frames": frame_of_columns("ws_frames", frames)}


def _dns(seconds: float, count: int) -> pd.DataFrame:
    number = np.arange(count)
    return frame_of_columns(
        "dns",
        {
            "source": ["packets.pcapng"] * count,
            "frame": number * 9 + 2,
            "time": _spread(seconds, count),
            "protocol": ["dns"] * count,
            "transport": ["udp"] * count,
            "src": ["192.168.10.1"] * count,
            "dst": ["192.168.10.57"] * count,
            "id": number % 65536,
            "response": [True] * count,
            "qname": [_HOSTS[n % 4] for n in number],
            "qtype": ["A"] * count,
            "rcode": np.where(number % 50 == 49, 2, 0),
            "answers": [["104.18.32.47"]] * count,
            "latency_ms": 8.0 + number * 13 % 40,
        },
    )


def _connections(seconds: float, count: int) -> pd.DataFrame:
    number = np.arange(count)
    begun = _spread(seconds, count)
    return frame_of_columns(
        "connections",
        {
            "source": ["flows.mitm"] * count,
            "connection": [f"c{n}" for n in number],
            "started": begun,
            "ended": begun + 20,
            "host": [_HOSTS[n % 4] for n in number],
            "port": [443] * count,
            "address": ["104.18.32.47"] * count,
            "tcp_ms": 20.0 + number % 7,
            "tls_ms": 41.0 + number % 13,
            "tls_version": ["TLSv1.3"] * count,
            "alpn": ["h2"] * count,
            "verified": [True] * count,
        },
    )
