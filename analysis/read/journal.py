"""``events.jsonl``: what the recorder wrote as it happened.

Every event repeats enough to stand alone, so that a journal that was cut in the
middle still gives rows for what was open at that moment.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from analysis.knowledge.secrets import redact_text, redact_url
from analysis.model.frames import Row
from analysis.model.ws_message import MessageFacts
from analysis.read import fields
from analysis.read.exchange import Exchange
from analysis.read.sockets import SocketEnd, frame_row
from analysis.read.streams import StreamFacts

MAX_LINE = 4 * 1024 * 1024
MAX_CHUNKS = 2_000_000
"""Chunk times of one journal that become rows."""

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
    chunks: list[Row] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    stopped: bool = False
    first_time: float | None = None
    last_time: float | None = None
    problems: list[str] = field(default_factory=list)


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
    if damaged:
        plural = "lines" if damaged > 1 else "line"
        journal.problems.append(f"{damaged} damaged {plural} of {name} left out")
    return journal


def _lines(readline: Callable[[int], bytes]) -> Iterator[bytes]:
    while line := readline(MAX_LINE):
        if line.strip():
            yield line


def _parse(line: bytes) -> Mapping[str, object] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _request(journal: Journal, record: Mapping[str, object], time: float | None, name: str) -> None:
    flow = fields.text(record, "flow", 64)
    if flow is None:
        return
    journal.exchanges[flow] = Exchange(
        source=name,
        flow=flow,
        method=fields.text(record, "method", 20),
        url=redact_url(fields.text(record, "url") or ""),
        http_version=fields.text(record, "http_version", 20),
        started=time,
        request_end=time,
        request_headers=fields.headers(record, "headers"),
        cookie_bytes=fields.whole(record, "cookie_bytes"),
        header_bytes=fields.whole(record, "header_bytes"),
        cookie_conflicts=fields.whole(record, "cookie_conflicts"),
        connection=fields.text(record, "c", 64),
    )


def _response(journal: Journal, record: Mapping[str, object], time: float | None, _: str) -> None:
    exchange = journal.exchanges.get(fields.text(record, "flow", 64) or "")
    if exchange is not None:
        exchange.status = fields.whole(record, "status")
        exchange.response_headers = fields.headers(record, "headers")
        exchange.response_start = time
        # the connection is chosen between request and response
        exchange.connection = fields.text(record, "c", 64) or exchange.connection


def _chunks(journal: Journal, record: Mapping[str, object], time: float | None, name: str) -> None:
    flow = fields.text(record, "flow", 64)
    if flow is None or time is None:
        return
    facts = journal.streams.setdefault(flow, StreamFacts())
    offsets, sizes = fields.numbers(record, "ms"), fields.wholes(record, "n")
    for offset, size in zip(offsets, sizes, strict=False):
        if len(journal.chunks) >= MAX_CHUNKS:
            break
        moment = fields.moment(time + offset / 1000)
        if moment is None or not 0 <= size <= MAX_SIZE:
            continue
        facts.times.append(moment)
        facts.sizes.append(size)
        journal.chunks.append({"source": name, "flow": flow, "time": moment, "size": size})
    _stream_facts(facts, fields.mapping(record, "sse"))


def _stream_facts(facts: StreamFacts, said: Mapping[str, object]) -> None:
    if not said:
        return
    facts.events = fields.whole(said, "events")
    facts.types = (fields.texts(said, "types") or [])[:64]
    facts.complete = bool(fields.flag(said, "complete"))
    facts.done = bool(fields.flag(said, "done"))
    facts.handoff = bool(fields.flag(said, "handoff"))
    facts.error_code = fields.text(said, "error_code", 100)


def _end(journal: Journal, record: Mapping[str, object], time: float | None, _: str) -> None:
    flow = fields.text(record, "flow", 64) or ""
    exchange = journal.exchanges.get(flow)
    if exchange is None:
        return
    journal.ended.add(flow)
    exchange.ended = time
    exchange.error = fields.text(record, "error", 300)
    exchange.response_bytes = fields.whole(record, "bytes")
    if flow in journal.streams or fields.mapping(record, "sse"):
        facts = journal.streams.setdefault(flow, StreamFacts())
        facts.ended = True
        _stream_facts(facts, fields.mapping(record, "sse"))


def _ws(journal: Journal, record: Mapping[str, object], time: float | None, name: str) -> None:
    flow = fields.text(record, "flow", 64)
    if flow is None:
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
    if flow is not None:
        journal.socket_ends[flow] = SocketEnd(
            time,
            fields.whole(record, "code"),
            fields.flag(record, "client"),
            fields.whole(record, "reason_bytes"),
        )
        journal.ended.add(flow)
        if flow in journal.exchanges:
            journal.exchanges[flow].ended = time


def _connection(
    journal: Journal, record: Mapping[str, object], time: float | None, name: str
) -> None:
    """Every event of a connection adds what it knows to the connection's row."""
    key = fields.text(record, "c", 64)
    if key is None:
        return
    row = journal.connections.setdefault(
        key, {"source": name, "connection": key, "started": time, "intercepted": True}
    )
    for column in ("host", "address", "via", "subject", "issuer", "root"):
        value = fields.text(record, column, 300)
        if value is not None:
            row[column] = redact_text(value, 300)
    for column in ("tcp_ms", "tls_ms", "not_before", "not_after"):
        if (found := fields.number(record, column)) is not None:
            row[column] = found
    for column in ("port", "local_port"):
        if (found_port := fields.whole(record, column)) is not None:
            row[column] = found_port
    if addresses := fields.texts(record, "addresses"):
        row["addresses"] = addresses
        row.setdefault("address", addresses[0])
    kind = fields.text(record, "e")
    error = fields.text(record, "error", 300)
    match kind:
        case "tls":
            row["tls_version"] = fields.text(record, "version", 30)
            row["alpn"] = fields.text(record, "alpn", 30)
            row["verified"] = fields.flag(record, "verified")
        case "connect_error":
            row["error"], row["error_stage"] = error, fields.text(record, "stage", 10)
        case "tls_error" if fields.text(record, "side") == "client":
            row["client_error"] = error
        case "tls_error":
            row["error"], row["error_stage"] = error, "tls"
        case "disconnected":
            row["ended"] = time
            if error:
                row.setdefault("error", error)


_DNS_INTS = ("src_port", "dst_port", "id", "rcode", "ttl_min")
_DNS_TEXTS = ("src", "dst", "qname", "qtype", "transport")
_DNS_FLAGS = ("recursion_available", "authoritative", "truncated")
_DNS_LISTS = ("answers", "cnames", "soa", "additional_soa", "ede_text")


def _lookup(journal: Journal, record: Mapping[str, object], time: float | None, name: str) -> None:
    row: dict[str, object] = {
        "source": name,
        "time": time,
        "protocol": "dns",
        "response": fields.text(record, "e") == "lookup_answer",
        "transport": "udp",
    }
    row.update((key, fields.whole(record, key)) for key in _DNS_INTS)
    row.update((key, value) for key in _DNS_TEXTS if (value := fields.text(record, key, 255)))
    row.update((key, fields.flag(record, key)) for key in _DNS_FLAGS)
    row.update((key, fields.texts(record, key)) for key in _DNS_LISTS)
    row["latency_ms"] = fields.number(record, "latency_ms")
    if row["response"]:
        row["ede"] = fields.wholes(record, "ede")
    journal.lookups.append(row)


def _marker(journal: Journal, record: Mapping[str, object], time: float | None, name: str) -> None:
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
