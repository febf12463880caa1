"""``events.jsonl``: what the recorder wrote as it happened.

Every event repeats enough to stand alone, so that a journal that was cut in the
middle still gives rows for what was open at that moment.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from analysis.knowledge.secrets import redact_text, redact_url
from analysis.model.frames import Row
from analysis.model.message import plural, say
from analysis.model.ws_message import MessageFacts
from analysis.read import fields
from analysis.read.exchange import Exchange
from analysis.read.journal_rows import fill_connection, lookup_row
from analysis.read.sockets import SocketEnd, frame_row
from analysis.read.streams import StreamFacts

MAX_LINE = 4 * 1024 * 1024
LIMITS: dict[str, int] = {
    say("requests"): 200_000,
    say("connections"): 200_000,
    say("lookups"): 200_000,
    say("websocket frames"): 200_000,
    say("chunks"): 2_000_000,
    say("markers"): 10_000,
}
"""How many of each kind of one journal are read; more are counted and left out."""

MAX_SIZE = 2**32
"""Octets of one chunk; more is no chunk of a proxy."""


@dataclass(slots=True)
class Journal:
    """The events, sorted by what they are about."""

    exchanges: dict[str, Exchange] = field(default_factory=dict)
    streams: dict[str, StreamFacts] = field(default_factory=dict)
    frames: dict[str, list[Row]] = field(default_factory=dict)
    socket_ends: dict[str, SocketEnd] = field(default_factory=dict)
    connections: dict[str, dict[str, object]] = field(default_factory=dict)
    lookups: list[Row] = field(default_factory=list)
    markers: list[Row] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    stopped: bool = False
    first_time: float | None = None
    last_time: float | None = None
    problems: list[str] = field(default_factory=list)

    def room(self, kind: str) -> bool:
        """Count one more of that kind; False when there are enough of them."""
        self.counts[kind] += 1
        return self.counts[kind] <= LIMITS[kind]


def read_journal(path: Path, name: str) -> Journal:
    """Read as far as it goes; lines that are damaged are counted in `problems`."""
    journal = Journal()
    damaged = 0
    with path.open("rb") as file:
        for line in _lines(file.readline):
            record = _parse(line)
            if record is None:
                damaged += 1
                continue
            time = fields.moment(record.get("t"))
            if time is not None:
                journal.first_time = time if journal.first_time is None else journal.first_time
                journal.last_time = max(time, journal.last_time or time)
            handler = _HANDLERS.get(fields.text(record, "e") or "")
            if handler is not None:
                handler(journal, record, time, name)
    _name_carried(journal)
    if damaged:
        journal.problems.append(
            plural(
                "{n} damaged line of {file} left out",
                "{n} damaged lines of {file} left out",
                damaged,
                file=name,
            )
        )
    for kind, limit in LIMITS.items():
        if (beyond := journal.counts[kind] - limit) > 0:
            journal.problems.append(
                say(
                    "{n} {kind} of {file} beyond the first {limit} left out",
                    n=beyond,
                    kind=kind,
                    file=name,
                    limit=limit,
                )
            )
    return journal


def _name_carried(journal: Journal) -> None:
    """Each connection's row gets the first exchange that it carried or was to carry."""
    for flow, exchange in journal.exchanges.items():
        row = journal.connections.get(exchange.connection or "")
        if row is not None:
            row.setdefault("flow", flow)


def _lines(readline: Callable[[int], bytes]) -> Iterator[bytes]:
    while line := readline(MAX_LINE):
        if not line.isspace():
            yield line


def _parse(line: bytes) -> Mapping[str, object] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _request(journal: Journal, record: Mapping[str, object], time: float | None, name: str) -> None:
    flow = fields.text(record, "flow", 64)
    if flow is None or not (flow in journal.exchanges or journal.room("requests")):
        return
    journal.exchanges[flow] = Exchange(
        source=name,
        flow=flow,
        method=fields.text(record, "method", 20),
        url=redact_url(fields.text(record, "url") or ""),
        http_version=fields.text(record, "http_version", 20),
        started=time,
        request_end=time,
        request_headers=_headers(record),
        cookie_bytes=fields.whole(record, "cookie_bytes"),
        header_bytes=fields.whole(record, "header_bytes"),
        cookie_conflicts=fields.whole(record, "cookie_conflicts"),
        connection=fields.text(record, "c", 64),
    )


def _headers(record: Mapping[str, object]) -> list[tuple[str, str]]:
    return [_header(name, value) for name, value in fields.headers(record, "headers")]


@lru_cache(maxsize=4096)
def _header(name: str, value: str) -> tuple[str, str]:
    """Thousands of requests carry the same headers: they are kept once."""
    return name, value


def _response(journal: Journal, record: Mapping[str, object], time: float | None, _: str) -> None:
    exchange = journal.exchanges.get(fields.text(record, "flow", 64) or "")
    if exchange is not None:
        exchange.status = fields.whole(record, "status")
        exchange.response_headers = _headers(record)
        exchange.response_start = time
        # the connection is chosen between request and response
        exchange.connection = fields.text(record, "c", 64) or exchange.connection


def _chunks(journal: Journal, record: Mapping[str, object], time: float | None, _: str) -> None:
    flow = fields.text(record, "flow", 64)
    if flow is None or time is None or not _is_known(journal, flow):
        return
    facts = journal.streams.setdefault(flow, StreamFacts())
    offsets, sizes = fields.numbers(record, "ms"), fields.wholes(record, "n")
    for offset, size in zip(offsets, sizes, strict=False):
        moment = fields.moment(time + offset / 1000)
        if moment is None or not 0 <= size <= MAX_SIZE or not journal.room("chunks"):
            continue
        facts.times.append(moment)
        facts.sizes.append(size)
    _stream_facts(facts, fields.mapping(record, "sse"))


def _is_known(journal: Journal, flow: str) -> bool:
    """A flow that has a place already; of others there are as many as requests at most."""
    return flow in journal.streams or len(journal.streams) < LIMITS["requests"]


def _stream_facts(facts: StreamFacts, said: Mapping[str, object]) -> None:
    if not said:
        return
    facts.events = fields.whole(said, "events")
    facts.types = (fields.texts(said, "types") or [])[:64]
    facts.complete = bool(fields.flag(said, "complete"))
    facts.done = bool(fields.flag(said, "done"))
    facts.handoff = bool(fields.flag(said, "handoff"))
    facts.error_code = fields.text(said, "error_code", 100)
    facts.in_text = bool(fields.flag(said, "in_text"))
    facts.text_gap_ms = fields.number(said, "text_gap_ms")


def _end(journal: Journal, record: Mapping[str, object], time: float | None, _: str) -> None:
    flow = fields.text(record, "flow", 64) or ""
    exchange = journal.exchanges.get(flow)
    if exchange is None:
        return
    exchange.ended = time
    exchange.error = fields.text(record, "error", 300)
    exchange.response_bytes = fields.whole(record, "bytes")
    if flow in journal.streams or fields.mapping(record, "sse"):
        facts = journal.streams.setdefault(flow, StreamFacts())
        facts.ended = True
        _stream_facts(facts, fields.mapping(record, "sse"))


def _ws(journal: Journal, record: Mapping[str, object], time: float | None, name: str) -> None:
    flow = fields.text(record, "flow", 64)
    if flow is None or not journal.room("websocket frames"):
        return
    facts = MessageFacts(
        fields.text(record, "kind", 128) or "",
        fields.text(record, "topic", 100),
        fields.whole(record, "seq"),
        tuple(fields.texts(record, "items") or ()),
        tuple(fields.texts(record, "sub") or ()),
        tuple(fields.texts(record, "turn_end") or ()),
    )
    row = frame_row(
        name,
        flow,
        time,
        from_client=fields.flag(record, "client"),
        opcode=fields.whole(record, "op"),
        size=fields.whole(record, "n"),
        facts=facts,
    )
    journal.frames.setdefault(flow, []).append(row)


def _ws_end(journal: Journal, record: Mapping[str, object], time: float | None, _: str) -> None:
    flow = fields.text(record, "flow", 64)
    if flow is not None and len(journal.socket_ends) < LIMITS["requests"]:
        journal.socket_ends[flow] = SocketEnd(
            time,
            fields.whole(record, "code"),
            fields.flag(record, "client"),
            fields.whole(record, "reason_bytes"),
        )
        if flow in journal.exchanges:
            journal.exchanges[flow].ended = time


def _connection(
    journal: Journal, record: Mapping[str, object], time: float | None, name: str
) -> None:
    """Every event of a connection adds what it knows to the connection's row."""
    key = fields.text(record, "c", 64)
    if key is None or not (key in journal.connections or journal.room("connections")):
        return
    row = journal.connections.setdefault(
        key, {"source": name, "connection": key, "started": time, "intercepted": True}
    )
    fill_connection(row, record, time)


def _lookup(journal: Journal, record: Mapping[str, object], time: float | None, name: str) -> None:
    if journal.room("lookups"):
        journal.lookups.append(lookup_row(record, time, name))


def _marker(journal: Journal, record: Mapping[str, object], time: float | None, name: str) -> None:
    if not journal.room("markers"):
        return
    journal.markers.append(
        {"source": name, "time": time, "text": redact_text(fields.text(record, "text") or "", 300)}
    )


def _stop(journal: Journal, _: Mapping[str, object], __: float | None, ___: str) -> None:
    journal.stopped = True


type _Handler = Callable[[Journal, Mapping[str, object], float | None, str], None]

_HANDLERS: dict[str, _Handler] = {
    "request": _request,
    "response": _response,
    "chunks": _chunks,
    "end": _end,
    "ws": _ws,
    "ws_end": _ws_end,
    "connect": _connection,
    "connected": _connection,
    "connect_error": _connection,
    "tls": _connection,
    "tls_error": _connection,
    "disconnected": _connection,
    "lookup": _lookup,
    "lookup_answer": _lookup,
    "marker": _marker,
    "stop": _stop,
}
