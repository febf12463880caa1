"""Websockets as rows: frames by direction, who ended it, and how long it was silent before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from analysis.knowledge.secrets import redact_text
from analysis.model.frames import Row
from analysis.model.ws_message import MessageFacts
from analysis.read.exchange import Exchange

_PING, _PONG, _CLOSE = 9, 10, 8
_NOT_CLEAN = frozenset({None, 1006})


@dataclass(frozen=True, slots=True)
class SocketEnd:
    """How a websocket ended; a code of None is "no close frame was seen"."""

    time: float | None
    code: int | None
    by_client: bool | None
    reason_bytes: int | None


def frame_row(
    source: str,
    flow: str,
    time: float | None,
    *,
    from_client: bool | None,
    opcode: int | None,
    size: int | None,
    facts: MessageFacts,
) -> Row:
    """One message or control frame."""
    return {
        "source": source,
        "flow": flow,
        "time": time,
        "from_client": from_client,
        "opcode": opcode,
        "size": size,
        "kind": facts.kind or None,
        "topic": facts.topic,
        "sequence": facts.sequence,
        "items": list(facts.items) or None,
        "subscribed": list(facts.subscribed) or None,
        "turn_end": list(facts.turn_end) or None,
    }


def socket_row(
    exchange: Exchange,
    frames: Sequence[Row],
    end: SocketEnd | None,
    *,
    over: float | None = None,
    watched: bool = True,
) -> Row:
    """One websocket from its upgrade exchange, its frames and its end, if that was seen.

    `over` is when a browser was done with a socket of whose end it tells no more;
    `watched` is False for a recorder that tells nothing of what a socket carried.

    A socket that ended without a close code had no close frame: 1006 stands
    for that (RFC 6455 section 7.1.5).
    """
    opened = exchange.response_start if exchange.status == 101 else None
    end = end or SocketEnd(None, None, None, None)
    ended, close_code = end.time, end.code
    if ended is not None and close_code is None:
        close_code = 1006
    times = [time for row in frames if isinstance(time := row.get("time"), float)]
    last = max([*times, *([opened] if opened is not None else [])], default=None)
    silent = over if ended is None else ended
    return {
        "source": exchange.source,
        "flow": exchange.flow,
        "host": exchange.host or None,
        "path": exchange.path,
        "connection": exchange.connection,
        "requested": exchange.started,
        "opened": opened,
        "status": exchange.status,
        "ended": ended,
        "close_code": close_code,
        "close_reason_bytes": end.reason_bytes,
        "closed_by": (None if end.by_client is None else ("client" if end.by_client else "server")),
        "clean": None if ended is None else close_code not in _NOT_CLEAN,
        **(_traffic(frames, times) if watched else {}),
        "idle_before_end_s": (
            None
            if silent is None or last is None or not watched
            else round(max(0.0, silent - last), 3)
        ),
        "error": redact_text(exchange.error, 300) if exchange.error else None,
    }


def _traffic(frames: Sequence[Row], times: Sequence[float]) -> Row:
    """What a socket carried."""
    subscribed: set[str] = set()
    completed: set[str] = set()
    for row in frames:
        subscribed.update(_texts(row.get("subscribed")))
        completed.update(_texts(row.get("turn_end")))
    gaps = (after - before for before, after in pairwise(sorted(times)))
    return {
        "client_frames": _count(frames, from_client=True),
        "server_frames": _count(frames, from_client=False),
        "client_pings": _count(frames, from_client=True, opcode=_PING),
        "server_pings": _count(frames, from_client=False, opcode=_PING),
        "client_pongs": _count(frames, from_client=True, opcode=_PONG),
        "server_pongs": _count(frames, from_client=False, opcode=_PONG),
        "subscribed": len(subscribed),
        "completed": len(completed & subscribed) if subscribed else len(completed),
        "longest_gap_s": round(max(gaps, default=0.0), 3),
    }


def _count(frames: Sequence[Row], *, from_client: bool, opcode: int | None = None) -> int:
    control = {_PING, _PONG, _CLOSE}
    return sum(
        row.get("from_client") is from_client
        and (row.get("opcode") == opcode if opcode else row.get("opcode") not in control)
        for row in frames
    )


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
