"""Requests of the browser (sources of type URL_REQUEST) as exchanges.

A request that is redirected is one exchange for each address: ``netlog-7``,
then ``netlog-7.2``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator

from analysis.knowledge.secrets import redact_url
from analysis.model.frames import Row
from analysis.model.ws_message import MessageFacts
from analysis.read import fields
from analysis.read.body_facts import MAX_BODY, BodyReader
from analysis.read.exchange import Exchange, SlimExchange
from analysis.read.netlog.connections import Connections
from analysis.read.netlog.events import Constants, Event
from analysis.read.netlog.request import (
    Request,
    address_of,
    take_cache,
    take_delegate,
    take_request_headers,
    take_response_headers,
    take_sending,
    take_upload,
)
from analysis.read.resources import resource_rows
from analysis.read.rows import RowFrames
from analysis.read.sockets import SocketEnd, frame_row, socket_row
from analysis.read.streams import stream_row

MAX_OPEN = 10_000
"""Requests that are kept in mind at once; the oldest is written down as it is."""

MAX_FRAMES = 200_000
MAX_CHUNKS = 1_000_000
"""Websocket frames and chunks of streams of one file that become rows."""

MAX_KEPT = 50_000
"""Exchanges of one file that are held against what its pages name."""

_UPGRADED = "net::ERR_WS_UPGRADE"
_BLOCKED = "net::ERR_BLOCKED_BY_"
_CLOSE, _CONTINUATION = 8, 0
_NO_CODE = 1005
"""RFC 6455 section 7.4.1: a NetLog shows that a close frame came, not what it says."""

_DESTINATIONS = {"main frame": "document", "sub frame": "iframe"}
_INITIATORS = frozenset({"not an origin", "null", ""})


class Requests:
    """Takes the events of requests and of websocket channels."""

    def __init__(self, name: str, constants: Constants, connections: Connections) -> None:
        self._name, self._constants, self._connections = name, constants, connections
        self._open: dict[int, Request] = {}
        self._channels: dict[int, int] = {}
        self._channel: int | None = None
        self._reader = BodyReader()
        self._frames_left, self._chunks_left = MAX_FRAMES, MAX_CHUNKS
        self._kept: list[SlimExchange] = []
        self._pages = 0
        self.rows = {
            table: RowFrames(table) for table in ("http", "ws", "ws_frames", "sse", "chunks")
        }
        self.on: dict[str, Callable[[Event], None]] = {
            "REQUEST_ALIVE": self._alive,
            "WEBSOCKET_ALIVE": self._channel_alive,
            "WEBSOCKET_STATE_CHANGED": self._channel_state,
        }
        steps: dict[str, Callable[[Request, Event], None]] = {
            "URL_REQUEST_START_JOB": self._start,
            "URL_REQUEST_REDIRECTED": self._redirected,
            "UPLOAD_DATA_STREAM_INIT": take_upload,
            "HTTP_TRANSACTION_SEND_REQUEST": take_sending,
            "HTTP_TRANSACTION_SEND_REQUEST_HEADERS": take_request_headers,
            "HTTP_TRANSACTION_HTTP2_SEND_REQUEST_HEADERS": take_request_headers,
            "HTTP_TRANSACTION_QUIC_SEND_REQUEST_HEADERS": take_request_headers,
            "HTTP_TRANSACTION_READ_RESPONSE_HEADERS": take_response_headers,
            "HTTP_CACHE_OPEN_ENTRY": take_cache,
            "HTTP_CACHE_OPEN_OR_CREATE_ENTRY": take_cache,
            "URL_REQUEST_JOB_FILTERED_BYTES_READ": self._body,
            "DELEGATE_INFO": take_delegate,
            "CANCELLED": self._failed,
            "FAILED": self._failed,
            "HTTP2_STREAM_ERROR": self._broken,
            "WEBSOCKET_SENT_FRAME_HEADER": self._frame,
            "WEBSOCKET_RECV_FRAME_HEADER": self._frame,
        }
        for kind, step in steps.items():
            self.on[kind] = self._of_request(step)

    def _of_request(self, step: Callable[[Request, Event], None]) -> Callable[[Event], None]:
        def take(event: Event) -> None:
            request = self._open.get(event.source)
            if request is not None:
                step(request, event)

        return take

    def finish(self) -> None:
        """Write down what had not ended."""
        while self._open:
            self._write(next(iter(self._open)))

    def resources(self) -> Iterator[Row]:
        """Rows of the resources table: of pages whose body the log holds, which is seldom."""
        return resource_rows(self._kept if self._pages else [])

    def _alive(self, event: Event) -> None:
        request = self._open.get(event.source)
        if event.begins and request is None and event.of == "URL_REQUEST":
            self._begin(event)
        elif event.ends and request is not None:
            error = self._constants.error(event.params.get("net_error"))
            if error == _UPGRADED or request.upgraded:
                request.upgraded = True  # it lives on as a websocket
                return
            request.exchange.error = request.exchange.error or error
            request.exchange.ended = event.time
            self._write(event.source)

    def _begin(self, event: Event) -> None:
        exchange = Exchange(
            self._name, f"netlog-{event.source}", url=address_of(event), started=event.time
        )
        request = self._open[event.source] = Request(exchange)
        if exchange.url[:6].lower().startswith(("ws:", "wss:")):
            exchange.request_headers = [("upgrade", "websocket")]
            # a channel makes its request at once, and nothing else names the two together
            request.channel, self._channel = self._channel, None
            if request.channel is not None:
                self._channels[request.channel] = event.source
        if len(self._open) > MAX_OPEN:
            self._write(next(iter(self._open)))

    def _start(self, request: Request, event: Event) -> None:
        exchange = request.exchange
        if event.ends:
            error = self._constants.error(event.params.get("net_error"))
            exchange.error = exchange.error or (None if error == _UPGRADED else error)
        if not event.begins:
            return
        exchange.url = address_of(event) or exchange.url
        exchange.method = fields.text(event.params, "method", 20) or exchange.method
        initiator = fields.text(event.params, "initiator", 1000) or ""
        exchange.initiator = None if initiator in _INITIATORS else redact_url(initiator)[:300]
        kind = fields.text(event.params, "request_type", 40) or ""
        request.destination = _DESTINATIONS.get(kind)

    def _redirected(self, request: Request, event: Event) -> None:
        before = request.exchange
        before.ended = event.time
        self._add(request, event.source)
        hop = request.hop + 1
        request = self._open[event.source] = Request(
            Exchange(
                self._name,
                f"netlog-{event.source}.{hop}",
                method=before.method,
                url=fields.text(event.params, "location", 16_384) or before.url,
                started=event.time,
                initiator=before.initiator,
                redirected_from=before.flow,
            ),
            hop,
            request.destination,
        )

    def _failed(self, request: Request, event: Event) -> None:
        error = self._constants.error(event.params.get("net_error"))
        if error == _UPGRADED:
            request.upgraded = True
        elif request.exchange.error is None:
            request.exchange.error = error

    def _broken(self, request: Request, event: Event) -> None:
        error = self._constants.error(event.params.get("net_error"))
        if request.upgraded and request.end is None and error:
            request.exchange.error = error
            request.end = SocketEnd(event.time, None, False, None)

    def _body(self, request: Request, event: Event) -> None:
        exchange = request.exchange
        size = fields.whole(event.params, "byte_count") or 0
        if not 0 < size < 2**40:
            return
        request.octets += size
        if exchange.is_stream and event.time is not None and self._chunks_left > 0:
            self._chunks_left -= 1
            request.stream.times.append(event.time)
            request.stream.sizes.append(size)
        data = event.params.get("bytes")
        if isinstance(data, str) and exchange.wants_body and len(request.body) < MAX_BODY:
            try:
                request.body += base64.b64decode(data)
            except (binascii.Error, ValueError):
                request.body.clear()

    def _frame(self, request: Request, event: Event) -> None:
        opcode = fields.whole(event.params, "opcode")
        size = fields.whole(event.params, "payload_length")
        by_client = event.kind == "WEBSOCKET_SENT_FRAME_HEADER"
        if opcode is None or opcode == _CONTINUATION or self._frames_left <= 0:
            return
        self._frames_left -= 1
        request.frames.append(
            dict(
                frame_row(
                    self._name,
                    request.exchange.flow,
                    event.time,
                    from_client=by_client,
                    opcode=opcode,
                    size=size,
                    facts=MessageFacts(),
                )
            )
        )
        if opcode == _CLOSE and request.end is None:
            # two octets of it are the code
            reason = max(0, size - 2) if size is not None else None
            request.end = SocketEnd(event.time, _NO_CODE, by_client, reason)

    def _channel_alive(self, event: Event) -> None:
        if event.begins:
            self._channel = event.source
        elif event.ends:
            self._close(event, gone=True)

    def _channel_state(self, event: Event) -> None:
        if event.params.get("new_state") == "CLOSED":
            self._close(event, gone=False)

    def _close(self, event: Event, *, gone: bool) -> None:
        """The channel is closed; `gone` when the browser dropped it, as with its page."""
        source = self._channels.pop(event.source, None)
        request = self._open.get(source) if source is not None else None
        if source is None or request is None or not request.upgraded:
            return
        if request.end is None and not gone:
            request.end = SocketEnd(event.time, None, False, None)
        request.exchange.ended = event.time
        self._write(source)

    def _write(self, source: int) -> None:
        request = self._open.pop(source)
        if request.channel is not None:
            self._channels.pop(request.channel, None)
        self._add(request, source)

    def _add(self, request: Request, source: int) -> None:
        exchange = request.exchange
        if request.body:
            exchange.look_at_body(bytes(request.body[:MAX_BODY]), self._reader)
        exchange.connection, address, alpn = self._connections.found(source, exchange.url)
        exchange.address = exchange.address or address
        if exchange.http_version is None and request.sent:
            exchange.http_version = {"h2": "HTTP/2.0", "http/1.1": "HTTP/1.1"}.get(alpn or "")
        if request.cached and not request.sent:
            exchange.from_cache, exchange.connection, exchange.address = True, None, None
        if exchange.header("content-encoding") is None:
            # the log counts octets behind the content coding
            exchange.response_bytes = request.octets or None
        if request.blocker and (exchange.error or "").startswith(_BLOCKED):
            exchange.error = f"{exchange.error} ({request.blocker})"
        row = dict(exchange.http_row())
        row["request_dest"] = row["request_dest"] or request.destination
        self.rows["http"].add(row)
        self._pages += exchange.facts.page is not None
        if len(self._kept) < MAX_KEPT:
            self._kept.append(exchange.slim())
        if exchange.is_websocket:
            self._add_socket(request)
        elif exchange.is_stream and exchange.status:
            self._add_stream(request)

    def _add_socket(self, request: Request) -> None:
        exchange = request.exchange
        if request.upgraded:
            exchange.status = 101  # over HTTP/2 it is a 200 (RFC 8441 section 5)
        self.rows["ws"].add(socket_row(exchange, request.frames, request.end))
        for row in request.frames:
            self.rows["ws_frames"].add(row)

    def _add_stream(self, request: Request) -> None:
        exchange, facts = request.exchange, request.stream
        facts.ended = exchange.ended is not None
        self.rows["sse"].add(stream_row(exchange, facts))
        for time, size in zip(facts.times, facts.sizes, strict=True):
            self.rows["chunks"].add(
                {"source": self._name, "flow": exchange.flow, "time": time, "size": size}
            )
