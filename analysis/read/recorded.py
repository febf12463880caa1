"""What the recorder wrote of exchanges in two files, put together again.

The journal has an exchange's times, headers and the pace of its body, the flow
file what its body told; either may be cut off or missing.
"""

from __future__ import annotations

from collections.abc import Iterable

from analysis.read.exchange import Exchange
from analysis.read.exchange_tables import ExchangeTables
from analysis.read.flows import SavedFlow
from analysis.read.journal import Journal


def take_recorded(tables: ExchangeTables, journal: Journal, flows: Iterable[SavedFlow]) -> None:
    """Put every exchange into `tables` once; the journal's are used up by it."""
    merged: set[str] = set()
    for saved in flows:
        flow = saved.exchange.flow
        if flow in merged:
            continue
        exchange = saved.exchange
        logged = journal.exchanges.pop(flow, None)
        if logged is not None:
            merged.add(flow)
            exchange = _merged(logged, exchange)
        tables.take(
            exchange,
            frames=journal.frames.pop(flow, []) or saved.frames,
            end=journal.socket_ends.get(flow) or saved.end,
            stream=journal.streams.get(flow) or saved.stream,
        )
    for flow, exchange in journal.exchanges.items():
        tables.take(
            exchange,
            frames=journal.frames.pop(flow, []),
            end=journal.socket_ends.get(flow),
            stream=journal.streams.get(flow),
        )
    for flow, frames in journal.frames.items():
        tables.take_frames(flow, frames)


def _merged(logged: Exchange, stored: Exchange) -> Exchange:
    """The journal's facts, and the body's from the flow file."""
    logged.source = stored.source
    logged.facts = stored.facts
    logged.file_bytes, logged.address = stored.file_bytes, stored.address
    if logged.status is None:
        # the journal is written in batches: its last half second may be lost
        logged.status = stored.status
        logged.response_headers = stored.response_headers
    logged.ended = logged.ended or stored.ended
    logged.request_end = stored.request_end or logged.request_end
    logged.response_start = stored.response_start or logged.response_start
    logged.request_bytes = None
    logged.error = logged.error if logged.error is not None else stored.error
    return logged
