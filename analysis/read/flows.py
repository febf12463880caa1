"""mitmproxy flow files, of every version mitmproxy itself reads, as tables."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mitmproxy.net.dns import types

from analysis.model.diagnosis import Source, SourceKind
from analysis.model.digest import FileDigest
from analysis.model.errors import InputError
from analysis.model.frames import Row, Tables
from analysis.model.markup import sound
from analysis.model.message import plural, say
from analysis.model.sse_events import SseScanner
from analysis.model.ws_message import describe
from analysis.read import fields
from analysis.read.body_facts import BodyReader
from analysis.read.exchange import MAX_BODY, Exchange, decoded
from analysis.read.exchange_tables import ExchangeTables
from analysis.read.fields import moment, whole
from analysis.read.flow_connection import connection_row
from analysis.read.flow_datagrams import stun_row
from analysis.read.flow_exchange import exchange_of, octets
from analysis.read.flow_state import FlowStates, State
from analysis.read.rows import RowFrames
from analysis.read.sockets import SocketEnd, frame_row
from analysis.read.streams import StreamFacts

if TYPE_CHECKING:
    from mitmproxy import dns

MAX_FRAMES = 200_000
"""Websocket messages of one file that become rows; further ones are left out."""

# the recorder puts a message's size in place of its text
_STAND_IN = re.compile(rb"\[(\d{1,10}) octets, text not kept\]")


@dataclass(frozen=True, slots=True)
class SavedFlow:
    """One exchange of a flow file, with its websocket or what its stream said."""

    exchange: Exchange
    frames: list[Row]
    end: SocketEnd | None
    stream: StreamFacts | None


class FlowFile:
    """Iterates over a file's exchanges, as far as it can be read.

    What else it holds is complete once the iteration is: rows of `connections`, `lookups` and
    `datagrams`, and `problems`.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._key = hashlib.blake2b(path.name.encode(), digest_size=32).digest()
        self._bodies = BodyReader()
        self._opened: set[str] = set()
        self._left_out = 0
        self._room = MAX_FRAMES
        self.connections = RowFrames("connections")
        self.lookups = RowFrames("dns")
        self.datagrams = RowFrames("udp")
        self.problems: list[str] = []

    def __iter__(self) -> Iterator[SavedFlow]:
        states = FlowStates(self._path)
        odd = 0
        for state in states:
            # one odd flow, whose fields make no sense, must not hide the rest
            try:
                saved = self._take(state)
            except Exception:
                odd += 1
                continue
            if saved is not None:
                yield saved
        self.problems += states.problems
        if odd := odd + states.damaged:
            self.problems.append(
                plural("{n} damaged flow left out", "{n} damaged flows left out", odd)
            )
        if self._left_out:
            self.problems.append(
                say(
                    "{n} websocket messages beyond the first {most} left out",
                    n=self._left_out,
                    most=MAX_FRAMES,
                )
            )

    def _take(self, state: State) -> SavedFlow | None:
        if state.get("type") == "dns":
            self._take_lookup(state)
        if state.get("type") == "udp" and (row := stun_row(state, self._name)) is not None:
            self.datagrams.add(row)
        if state.get("type") != "http":
            return None
        exchange = exchange_of(state, self._name, self._bodies)
        if exchange is None:
            return None
        if exchange.connection and exchange.connection not in self._opened:
            self._opened.add(exchange.connection)
            self.connections.add(connection_row(state, exchange))
        socket = fields.mapping(state, "websocket")
        return SavedFlow(
            exchange,
            self._frames(exchange.flow, socket) if socket else [],
            _socket_end(socket) if socket else None,
            _stream(exchange, state) if exchange.is_stream else None,
        )

    def _frames(self, flow_id: str, socket: Mapping[str, object]) -> list[Row]:
        messages = socket.get("messages")
        listed = messages if isinstance(messages, (list, tuple)) else []
        taken = listed[: self._room]
        self._room -= len(taken)
        self._left_out += len(listed) - len(taken)
        rows = (_message_row(item, flow_id, self._name, self._key) for item in taken)
        return [row for row in rows if row is not None]

    def _take_lookup(self, state: State) -> None:
        # few captures hold lookups, and this loads nearly all of mitmproxy
        from mitmproxy import dns, flow

        item = flow.Flow.from_state(dict(state))
        if isinstance(item, dns.DNSFlow):
            for row in _lookup_rows(item, self._name):
                self.lookups.add(row)


def looks_like_flows(first: bytes) -> bool:
    """True when a file begins like a tnetstring, as flow files do."""
    length, colon, _ = first[:12].partition(b":")
    return bool(colon) and length.isdigit()


def read_flows(path: Path, name: str | None = None) -> Tables:
    """A flow file as tables. Raises InputError when nothing in it can be read."""
    name = name or path.name
    content = FlowFile(path, name)
    exchanges = ExchangeTables()
    for saved in content:
        exchanges.take(saved.exchange, frames=saved.frames, end=saved.end, stream=saved.stream)
    lookups, datagrams = content.lookups.frame(), content.datagrams.frame()
    if not len(exchanges) and not len(lookups) and not len(datagrams) and content.problems:
        raise InputError(
            say(
                "{path} is no mitmproxy flow file that can be read ({problem}); save it "
                "again with mitmproxy or mitmdump -w.",
                path=str(path),
                problem=content.problems[0],
            )
        )
    source = Source(
        name,
        SourceKind.FLOWS,
        FileDigest(path),
        not content.problems,
        tuple(content.problems),
        exchanges.first,
        exchanges.last,
    )
    frames = {
        **exchanges.frames(),
        "connections": content.connections.frame(),
        "dns": lookups,
        "udp": datagrams,
    }
    return Tables.of(frames, [source])


def _socket_end(socket: Mapping[str, object]) -> SocketEnd:
    reason = fields.text(socket, "close_reason")
    return SocketEnd(
        moment(socket.get("timestamp_end")),
        whole(socket, "close_code"),
        fields.flag(socket, "closed_by_client"),
        len((reason or "").encode("utf-8", "replace")),
    )


def _message_row(message: object, flow_id: str, name: str, key: bytes) -> Row | None:
    """A message: opcode, from the client, content, time, dropped, injected."""
    if not isinstance(message, (list, tuple)) or len(message) < 4:
        return None
    opcode, from_client, content, time = message[:4]
    if not isinstance(content, bytes):
        return None
    stand_in = _STAND_IN.fullmatch(content)
    return frame_row(
        name,
        flow_id,
        moment(time),
        from_client=from_client if isinstance(from_client, bool) else None,
        opcode=whole({"": opcode}, ""),
        size=int(stand_in[1]) if stand_in else len(content),
        facts=describe(content, key),
    )


def _stream(exchange: Exchange, state: State) -> StreamFacts | None:
    body = octets(fields.mapping(state, "response"), "content")
    if not body:
        return None
    scanner = SseScanner()
    scanner.feed(decoded(bytes(body[:MAX_BODY]), exchange.header("content-encoding")))
    return StreamFacts.of_scanner(scanner, ended=True)


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
