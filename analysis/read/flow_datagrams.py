"""Voice's search for a way, as mitmproxy's UDP flows hold it: rows of the udp table."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.model.frames import Row
from analysis.read import fields
from analysis.read.fields import moment, whole

_COOKIE = b"\x21\x12\xa4\x42"
"""Octets 5 to 8 of every STUN message (RFC 8489 section 5)."""
_REQUEST, _RESPONSES = b"\x00\x01", (b"\x01\x01", b"\x01\x11")
"""Binding request; its success and error response."""


def stun_row(state: Mapping[str, object], name: str) -> Row | None:
    """A conversation that begins with STUN; None for any other, of which nothing is told."""
    messages = [
        (message[0] is True, message[1], moment(message[2]))
        for message in _listed(state.get("messages"))
        if isinstance(message, (list, tuple)) and len(message) >= 3
    ]
    told = [item for item in messages if isinstance(item[1], bytes)]
    if not told or told[0][1][4:8] != _COOKIE:
        return None
    sent = [content for by_client, content, _ in told if by_client]
    came = [(content, time) for by_client, content, time in told if not by_client]
    times = [time for _, _, time in told if time is not None]
    client, client_port = _place(state, "client_conn", "peername")
    server, server_port = _place(state, "server_conn", "peername")
    if server is None:
        server, server_port = _place(state, "server_conn", "address")
    first = came[0][1] if came else None
    return {
        "source": name,
        "time": min(times, default=None),
        "last_time": max(times, default=None),
        "protocol": "stun",
        "client": client,
        "client_port": client_port,
        "server": server,
        "server_port": server_port,
        "client_packets": len(sent),
        "server_packets": len(came),
        "requests": sum(content.startswith(_REQUEST) for content in sent),
        "responses": sum(content.startswith(_RESPONSES) for content, _ in came),
        "answered": bool(came),
        "answer_ms": None if first is None else round(max(0.0, first - min(times)) * 1000, 3),
    }


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _place(state: Mapping[str, object], side: str, key: str) -> tuple[str | None, int | None]:
    found = _listed(fields.mapping(state, side).get(key))
    if len(found) < 2 or not isinstance(found[0], str):
        return None, None
    return found[0][:60], whole({"": found[1]}, "")
