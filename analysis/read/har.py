"""HAR 1.2 files of browsers and proxies as tables, entry by entry.

An entry's flow id is ``har-N``, with N counted from 1 as viewers show them.
The file is never held whole; what is kept of an entry is its row.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from analysis.knowledge.secrets import redact_text
from analysis.model.diagnosis import Source, SourceKind
from analysis.model.digest import FileDigest
from analysis.model.errors import InputError
from analysis.model.frames import Row, Tables
from analysis.model.message import plural, say
from analysis.model.sse_events import SseScanner
from analysis.read import fields, har_values
from analysis.read.body_facts import BodyReader
from analysis.read.exchange import Exchange, SlimExchange, shown_url
from analysis.read.har_entry import HarEntry, read_entry
from analysis.read.har_socket import HarSocket, opened
from analysis.read.json_stream import (
    CutJsonError,
    DamagedJsonError,
    JsonStream,
    Readable,
)
from analysis.read.packets.gunzip import Gunzip
from analysis.read.redirects import redirect_target
from analysis.read.resources import resource_rows
from analysis.read.rows import RowFrames
from analysis.read.sockets import socket_row
from analysis.read.streams import StreamFacts, stream_row

MAX_FRAMES = 200_000
"""Websocket messages of one file that become rows; further ones are left out."""

MAX_REDIRECTS = 10_000
_GZIP = b"\x1f\x8b"
# a comment may stand before the log
_HEAD = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{[^{}\[\]]{0,2000}?"log"\s*:')


def looks_like_har(first: bytes) -> bool:
    """True when a file begins as a HAR does, also gzipped."""
    if first.startswith(_GZIP):
        first = Gunzip(BytesIO(first)).read(4096)
    return _HEAD.match(first) is not None


def read_har(path: Path, name: str | None = None) -> Tables:
    """A HAR as tables. Raises InputError when it holds no list of entries that can be read."""
    reader = _Reader(name or path.name)
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        reader.read(Gunzip(file) if packed else file)
    if not reader.listed or (not reader.count and reader.problems):
        reason = reader.problems[0] if reader.problems else say("it holds no list of entries")
        raise InputError(
            say(
                "{path} is no HAR that can be read ({reason}); save it again from the "
                "browser's network panel.",
                path=str(path),
                reason=reason,
            )
        )
    return reader.tables(FileDigest(path))


class _Reader:
    """Walks the log and fills the tables."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[str] = []
        self.listed = False
        self.count = 0
        self._damaged = 0
        self._creator = ""
        self._bodies = BodyReader()
        self._host: list[Row] = []
        self._rows = {
            table: RowFrames(table) for table in ("http", "connections", "ws", "ws_frames", "sse")
        }
        self._exchanges: list[SlimExchange] = []
        self._redirects: dict[str, str] = {}
        self._key = hashlib.blake2b(name.encode(), digest_size=32).digest()
        self._bodies = BodyReader()
        self._messages = 0

    def read(self, file: Readable) -> None:
        stream = JsonStream(file)
        with self._end_noted():
            for key in stream.members():
                if key == "log":
                    self._read_log(stream)
        if self._damaged:
            self.problems.append(
                plural("{n} damaged entry left out", "{n} damaged entries left out", self._damaged)
            )
        if self._messages > MAX_FRAMES:
            left = self._messages - MAX_FRAMES
            self.problems.append(
                say(
                    "{n} websocket messages beyond the first {most} left out",
                    n=left,
                    most=MAX_FRAMES,
                )
            )

    @contextmanager
    def _end_noted(self) -> Iterator[None]:
        try:
            yield
        except CutJsonError:
            self.problems.append(
                say(
                    "the file is cut off behind entry {place}",
                    place=str(self.count + self._damaged),
                )
            )
        except DamagedJsonError as error:
            place = self.count + self._damaged
            self.problems.append(
                say(
                    "the file is damaged behind entry {place}: {error}",
                    place=str(place),
                    error=str(error),
                )
            )

    def _read_log(self, stream: JsonStream) -> None:
        for key in stream.members():
            if key == "entries":
                self.listed = True
                for _ in stream.items():
                    self._read_entry(stream)
            elif key in {"creator", "browser"}:
                self._note(key, stream)

    def _note(self, key: str, stream: JsonStream) -> None:
        """Which program wrote the HAR, and of which browser."""
        try:
            record = stream.value(64 * 1024)
        except DamagedJsonError:
            return
        words = record if isinstance(record, dict) else {}
        name = fields.text(words, "name", 80) or ""
        if key == "creator":
            self._creator = name
        text = redact_text(f"{name} {fields.text(words, 'version', 40) or ''}", 120)
        if text:
            self._host.append(
                {"source": self.name, "section": "capture", "name": key, "value": text}
            )

    def _read_entry(self, stream: JsonStream) -> None:
        depth, cut = stream.depth, stream.cut_strings
        number = self.count + self._damaged + 1
        record: dict[str, object] = {}
        socket = HarSocket(self.name, f"har-{number}", self._key)
        try:
            for key in stream.members():
                if key == "_webSocketMessages":
                    self._read_messages(stream, socket)
                else:
                    record[key] = stream.value()
        except DamagedJsonError:
            record.clear()
            stream.leave(depth)
        if not record:
            self._damaged += 1
            return
        self.count += 1
        if socket.error:
            record.setdefault("_error", socket.error)
        entry = read_entry(record, self.name, number, self._creator, self._bodies)
        if entry.exchange.is_websocket:
            self._take_socket(entry.exchange, socket)
        elif entry.exchange.is_stream and entry.exchange.status:
            whole = stream.cut_strings == cut
            self._rows["sse"].add(_stream(entry.exchange, record, whole=whole))
        self._take(entry)

    def _read_messages(self, stream: JsonStream, socket: HarSocket) -> None:
        socket.watched = True
        for _ in stream.items():
            self._messages += 1
            if self._messages <= MAX_FRAMES:
                socket.take(stream.value())

    def _take_socket(self, exchange: Exchange, socket: HarSocket) -> None:
        seen = replace(exchange, status=101) if opened(exchange, socket) else exchange
        if seen.status == 101 and seen.response_start is None:
            # an export without timings; the browser itself tells that the socket was open
            seen = replace(seen, response_start=seen.started)
        # without a message the entry's time may be that of the upgrade alone
        over = exchange.ended if socket.frames else None
        self._rows["ws"].add(
            socket_row(seen, socket.frames, socket.end, over=over, watched=socket.watched)
        )
        for row in socket.frames:
            self._rows["ws_frames"].add(row)

    def _take(self, entry: HarEntry) -> None:
        exchange = entry.exchange
        exchange.redirected_from = self._redirects.pop(shown_url(exchange.url), None)
        row = dict(exchange.http_row())
        row["request_dest"] = row["request_dest"] or entry.destination
        for column in ("set_cookies", "authorized"):
            row[column] = row[column] or None  # browsers leave them out of what they export
        self._rows["http"].add(row)
        redirects = 300 <= (exchange.status or 0) < 400 and len(self._redirects) < MAX_REDIRECTS
        if redirects and (target := redirect_target(exchange)):
            self._redirects[shown_url(target)] = exchange.flow
        if entry.connection is not None:
            self._rows["connections"].add(entry.connection)
        self._exchanges.append(exchange.slim())

    def tables(self, digest: FileDigest) -> Tables:
        http = self._rows["http"].frame()
        started, ended = http["started"].min(), http["ended"].max()
        source = Source(
            self.name,
            SourceKind.HAR,
            digest,
            not self.problems,
            tuple(self.problems),
            fields.moment(started),
            fields.moment(ended) or fields.moment(http["started"].max()),
        )
        resources, host = RowFrames("resources"), RowFrames("host")
        for row in resource_rows(self._exchanges):
            resources.add(row)
        for row in self._host:
            host.add(row)
        frames = {table: rows.frame() for table, rows in self._rows.items()}
        return Tables.of(
            {**frames, "http": http, "resources": resources.frame(), "host": host.frame()},
            [source],
        )


def _stream(exchange: Exchange, record: Mapping[str, object], *, whole: bool) -> Row:
    """A streamed body; without it, or with only its start, its end is not known."""
    content = fields.mapping(fields.mapping(record, "response"), "content")
    body = har_values.body(content) if whole else b""
    facts = StreamFacts()
    if body and len(body) < har_values.MAX_BODY:
        scanner = SseScanner()
        scanner.feed(body)
        facts = StreamFacts.of_scanner(scanner, ended=exchange.ended is not None)
    timings = fields.mapping(record, "timings")
    if not har_values.amount(timings, "receive") and not (facts.complete or facts.done):
        # Chromium gives no time of receiving to what was still coming on export
        exchange = replace(exchange, ended=None)
        facts.ended = False
    return stream_row(exchange, facts)
