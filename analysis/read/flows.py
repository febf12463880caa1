"""mitmproxy flow files, of every version mitmproxy itself reads, as tables."""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader, FileIO
from pathlib import Path
from typing import BinaryIO

from mitmproxy import dns, flow, http, io, websocket
from mitmproxy.net.dns import types

from analysis.knowledge.secrets import MASK, redact_text
from analysis.model.connect_error import error_stage, never_opened, tries
from analysis.model.cookies import cookie_conflicts
from analysis.model.diagnosis import Source, SourceKind
from analysis.model.errors import InputError
from analysis.model.frames import Row, Tables, frame_of_rows
from analysis.model.markup import sound
from analysis.model.sse_events import SseScanner
from analysis.model.ws_message import describe
from analysis.read.body_facts import BodyReader, declared_bytes
from analysis.read.exchange import Exchange, decoded
from analysis.read.fields import moment, whole
from analysis.read.redirects import link_redirects
from analysis.read.resources import resource_rows
from analysis.read.sockets import SocketEnd, frame_row, socket_row
from analysis.read.streams import StreamFacts, stream_row

MAX_FRAMES = 200_000
"""Websocket messages of one file that become rows; further ones are only counted."""

# the recorder puts a message's size in place of its text
_STAND_IN = re.compile(rb"\[(\d{1,10}) octets, text not kept\]")


@dataclass(slots=True)
class FlowFile:
    """What a flow file holds, before it becomes tables."""

    exchanges: dict[str, Exchange] = field(default_factory=dict)
    socket_ends: dict[str, SocketEnd] = field(default_factory=dict)
    connections: dict[str, Row] = field(default_factory=dict)
    streams: dict[str, StreamFacts] = field(default_factory=dict)
    lookups: list[Row] = field(default_factory=list)
    frames: dict[str, list[Row]] = field(default_factory=dict)
    messages: int = 0
    bodies: BodyReader = field(default_factory=BodyReader)
    problems: list[str] = field(default_factory=list)


class _Bounded(BufferedReader):
    """A file that never sets aside more memory for a read than it has octets."""

    def __init__(self, raw: FileIO) -> None:
        super().__init__(raw)
        self._whole = os.fstat(raw.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._whole if size is None or size < 0 else min(size, self._whole))


def looks_like_flows(first: bytes) -> bool:
    """True when a file begins like a tnetstring, as flow files do."""
    length, colon, _ = first[:12].partition(b":")
    return bool(colon) and length.isdigit()


def read_flows(path: Path, name: str | None = None) -> Tables:
    """A flow file as tables. Raises InputError when nothing in it can be read."""
    name = name or path.name
    content = load_flows(path, name)
    if not content.exchanges and not content.lookups and content.problems:
        raise InputError(
            f"{path} is no mitmproxy flow file that can be read ({content.problems[0]}); "
            "save it again with mitmproxy or mitmdump -w."
        )
    exchanges = list(content.exchanges.values())
    link_redirects(exchanges)
    times = [item.started for item in exchanges if item.started is not None]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    source = Source(
        name,
        SourceKind.FLOWS,
        digest,
        not content.problems,
        tuple(content.problems),
        min(times, default=None),
        max((end for item in exchanges if (end := item.ended or item.started)), default=None),
    )
    frames = {
        "http": frame_of_rows("http", (item.http_row() for item in exchanges)),
        "resources": frame_of_rows("resources", resource_rows(exchanges)),
        "connections": frame_of_rows("connections", content.connections.values()),
        "ws": frame_of_rows(
            "ws",
            [
                socket_row(
                    item, content.frames.get(item.flow, ()), content.socket_ends.get(item.flow)
                )
                for item in exchanges
                if item.is_websocket
            ],
        ),
        "ws_frames": frame_of_rows(
            "ws_frames", [row for rows in content.frames.values() for row in rows]
        ),
        "sse": frame_of_rows(
            "sse",
            (
                stream_row(item, content.streams.get(item.flow, StreamFacts()))
                for item in exchanges
                if item.is_stream
            ),
        ),
        "dns": frame_of_rows("dns", content.lookups),
    }
    return Tables.of(frames, [source])


def load_flows(path: Path, name: str) -> FlowFile:
    """Read as far as it goes; what stopped the reading is in `problems`."""
    content = FlowFile()
    odd = 0
    key = hashlib.blake2b(path.name.encode(), digest_size=32).digest()
    with _Bounded(FileIO(path)) as file:
        for item in _flows(file, content.problems):
            try:
                if isinstance(item, http.HTTPFlow):
                    _take_http(content, item, name, key)
                elif isinstance(item, dns.DNSFlow):
                    content.lookups.extend(_lookup_rows(item, name))
            # one odd flow, whose fields mitmproxy cannot make sense of, must not hide the rest
            except Exception:
                odd += 1
    if odd:
        content.problems.append(f"{odd} damaged {'flows' if odd > 1 else 'flow'} left out")
    return content


def _flows(file: BinaryIO, problems: list[str]) -> Iterator[flow.Flow]:
    reader = iter(io.FlowReader(file).stream())
    count = 0
    while True:
        try:
            item = next(reader)
        except StopIteration:
            return
        # a hostile state makes mitmproxy raise whatever its fields raise
        except Exception as error:
            reason = redact_text(str(error) or type(error).__name__, 120)
            problems.append(f"the file cannot be read beyond flow {count}: {reason}")
            return
        count += 1
        yield item


def _take_http(content: FlowFile, item: http.HTTPFlow, name: str, key: bytes) -> None:
    exchange = _exchange(item, name, content.bodies)
    connection = _connection_row(item, name)
    content.exchanges[exchange.flow] = exchange
    content.connections.setdefault(item.server_conn.id, connection)
    # a flow that was saved twice is there once, as it was saved last
    content.frames.pop(exchange.flow, None)
    if item.websocket is not None:
        _take_socket(content, exchange.flow, item.websocket, name, key)
    if exchange.is_stream and item.response is not None and item.response.raw_content:
        scanner = SseScanner()
        raw = item.response.raw_content
        scanner.feed(decoded(raw, exchange.header("content-encoding")))
        content.streams[exchange.flow] = StreamFacts.of_scanner(scanner, ended=True)


def _take_socket(
    content: FlowFile, flow_id: str, socket: websocket.WebSocketData, name: str, key: bytes
) -> None:
    content.socket_ends[flow_id] = SocketEnd(
        moment(socket.timestamp_end),
        whole({"": socket.close_code}, ""),
        socket.closed_by_client,
        len((socket.close_reason or "").encode("utf-8", "replace")),
    )
    room = max(0, MAX_FRAMES - content.messages)
    content.messages += len(socket.messages)
    content.frames[flow_id] = [
        _message_row(message, flow_id, name, key) for message in socket.messages[:room]
    ]


def _message_row(message: websocket.WebSocketMessage, flow_id: str, name: str, key: bytes) -> Row:
    stand_in = _STAND_IN.fullmatch(message.content)
    return frame_row(
        name,
        flow_id,
        moment(message.timestamp),
        from_client=message.from_client,
        opcode=int(message.type),
        size=int(stand_in[1]) if stand_in else len(message.content),
        facts=describe(message.content, key),
    )


def _exchange(item: http.HTTPFlow, name: str, bodies: BodyReader) -> Exchange:
    request, response = item.request, item.response
    exchange = Exchange(
        source=name,
        flow=sound(item.id)[:64],
        method=sound(request.method[:20]),
        url=sound(_url(request)),
        http_version=sound(request.http_version[:20]),
        started=moment(request.timestamp_start),
        request_end=moment(request.timestamp_end),
        request_headers=_pairs(request.headers),
        request_bytes=len(request.raw_content) if request.raw_content is not None else None,
        cookie_bytes=sum(len(value) for value in request.headers.get_all("cookie")),
        cookie_conflicts=_cookie_conflicts(request.headers.get_all("cookie")),
        header_bytes=sum(len(k) + len(v) + 4 for k, v in request.headers.fields),
        file_bytes=declared_bytes(request.raw_content or b""),
        address=_address(item.server_conn.peername),
        connection=sound(item.server_conn.id)[:64],
        error=sound(item.error.msg) if item.error else None,
        ended=moment(item.error.timestamp) if item.error else None,
    )
    if response is not None:
        status = whole({"": response.status_code}, "")
        exchange.status = status if status is not None and 0 <= status < 1000 else None
        exchange.response_headers = _pairs(response.headers)
        exchange.response_start = moment(response.timestamp_start)
        exchange.ended = moment(response.timestamp_end) or exchange.ended
        raw = response.raw_content
        exchange.response_bytes = len(raw) if raw is not None else None
        if exchange.wants_body:
            exchange.look_at_body(decoded(raw, exchange.header("content-encoding")), bodies)
    return exchange


def _cookie_conflicts(values: list[str]) -> int | None:
    """Missing where the recorder has masked the cookies."""
    masked = any(value.startswith(MASK) for value in values)
    return None if masked else cookie_conflicts(values)


def _url(request: http.Request) -> str:
    """The address as the client named it: a transparent capture has only the Host header."""
    host, port = request.pretty_host, request.port
    shown = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}.get(request.scheme)
    place = shown if port == default else f"{shown}:{port}"
    path = request.path if request.path.startswith("/") else "/"
    return f"{request.scheme or 'http'}://{place}{path}"


def _pairs(headers: http.Headers) -> list[tuple[str, str]]:
    return [
        (name.decode("latin-1")[:200], value.decode("utf-8", "replace")[:4000])
        for name, value in headers.fields[:200]
    ]


def _connection_row(item: http.HTTPFlow, name: str) -> Row:
    server = item.server_conn
    address = server.address or ("", None)
    via = server.via[1] if server.via else None
    chain = server.certificate_list
    error = server.error or (
        item.error.msg if item.error and not server.timestamp_tcp_setup else None
    )
    row: dict[str, object] = {
        "source": name,
        "connection": sound(server.id)[:64],
        "started": moment(server.timestamp_start),
        "host": sound(server.sni or address[0] or item.request.pretty_host) or None,
        "port": whole({"": address[1]}, ""),
        "address": _address(server.peername),
        "via": sound(f"{via[0]}:{via[1]}") if via else None,
        "tcp_ms": _span(server.timestamp_start, server.timestamp_tcp_setup),
        "tls_ms": _span(server.timestamp_tcp_setup, server.timestamp_tls_setup),
        "tls_version": sound(server.tls_version)[:30] if server.tls_version else None,
        "alpn": server.alpn.decode("ascii", "replace") if server.alpn else None,
        "intercepted": True if server.tls else None,
        "error": redact_text(sound(error), 300) if error else None,
        "ended": moment(server.timestamp_end),
    }
    if server.error and not server.timestamp_tls_setup:
        row |= _failure(server.error, via=via is not None, at_tls=bool(server.timestamp_tcp_setup))
    elif error and not server.timestamp_start and never_opened(error):
        # connection_strategy=lazy tells the exchange of it, and leaves the connection untouched
        row |= _failure(error, via=via is not None, at_tls=False)
    if chain:
        leaf = chain[0]
        row["subject"] = _name(leaf.subject)
        row["issuer"] = _name(leaf.issuer)
        row["root"] = _name(chain[-1].issuer)
        row["not_before"] = leaf.notbefore.timestamp()
        row["not_after"] = leaf.notafter.timestamp()
    return row


def _address(peer: tuple[object, ...] | None) -> str | None:
    return sound(str(peer[0]))[:100] if peer else None


def _failure(error: str, *, via: bool, at_tls: bool) -> dict[str, object]:
    """At which stage a connection failed, and the addresses that were tried."""
    if at_tls:
        return {"error_stage": "tls"}
    failed: dict[str, object] = {"error_stage": error_stage(error, via=via)}
    if addresses := tries(error):
        failed |= {"addresses": addresses, "address": addresses[0]}
    return failed


def _name(parts: list[tuple[str, str]]) -> str:
    return redact_text(sound(", ".join(f"{key}={value}" for key, value in parts)), 200)


def _lookup_rows(item: dns.DNSFlow, name: str) -> Iterator[Row]:
    """A lookup that mitmproxy carried in its DNS mode."""
    server = item.server_conn.address or ("", None)
    for message, response in ((item.request, False), (item.response, True)):
        if message is None or not message.questions:
            continue
        question = message.questions[0]
        answers = [text for record in message.answers[:64] if (text := _answer(record))]
        yield {
            "source": name,
            "time": moment(message.timestamp),
            "protocol": "dns",
            "transport": item.client_conn.transport_protocol,
            ("src" if response else "dst"): server[0],
            ("src_port" if response else "dst_port"): whole({"": server[1]}, ""),
            "id": whole({"": message.id}, ""),
            "response": response,
            "qname": sound(question.name.rstrip(".").lower()[:255]),
            "qtype": types.to_str(question.type),
            "rcode": whole({"": message.response_code}, "") if response else None,
            "answers": answers if response else None,
            "recursion_available": message.recursion_available if response else None,
            "authoritative": message.authoritative_answer if response else None,
            "truncated": message.truncation,
            "latency_ms": _span(item.request.timestamp, message.timestamp) if response else None,
        }


def _answer(record: dns.ResourceRecord) -> str | None:
    """The address or CNAME target of a record."""
    try:
        match record.type:
            case types.A:
                return str(record.ipv4_address)
            case types.AAAA:
                return str(record.ipv6_address)
            case types.CNAME:
                return sound(record.domain_name.rstrip(".").lower()[:255])
    except (ValueError, struct.error):
        return None  # a record whose data does not fit its type
    return None


def _span(start: float | None, end: float | None) -> float | None:
    start, end = moment(start), moment(end)
    return None if start is None or end is None else round(max(0.0, end - start) * 1000, 3)
