"""Records websockets: frames by time, direction, size and ids, and who closed; never their text."""

from __future__ import annotations

import logging
import re
import secrets

from mitmproxy import connection, http, websocket

from addons.exchanges import records
from addons.masking import masked_copy, placeholder
from addons.recording import Recording
from analysis.model.ws_message import describe

KEPT_MESSAGES = 500
"""Messages of one websocket that have a stand-in in the flow file; the journal has all."""

_PING_LOG = re.compile(r"Received WebSocket (ping|pong) from (client|server)")
_LOGGER = logging.getLogger("mitmproxy.proxy.server")


class SocketRecorder:
    """Websockets of listed hosts; ids are masked with a key that is not stored."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._key = secrets.token_bytes(32)
        self._sockets: dict[str, list[websocket.WebSocketMessage]] = {}
        self._by_client: dict[tuple[str, int], str] = {}
        self._pings = _PingHandler(self)

    def running(self) -> None:
        # pings and pongs have no hook: mitmproxy only logs them
        _LOGGER.addHandler(self._pings)

    def done(self) -> None:
        _LOGGER.removeHandler(self._pings)

    def client_disconnected(self, client: connection.Client) -> None:
        if client.peername:
            self._by_client.pop(client.peername[:2], None)

    def websocket_start(self, flow: http.HTTPFlow) -> None:
        if not records(flow):
            return
        self._sockets[flow.id] = []
        if flow.client_conn.peername:
            self._by_client[flow.client_conn.peername[:2]] = flow.id
        self._recording.event("ws_open", {"flow": flow.id})

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        kept = self._sockets.get(flow.id)
        if flow.websocket is None or kept is None:
            return
        message = flow.websocket.messages[-1]
        content = message.content
        facts = describe(content, self._key)
        self._recording.event(
            "ws",
            {
                "flow": flow.id,
                "client": message.from_client,
                "op": int(message.type),
                "n": len(content),
                "kind": facts.kind or None,
                "topic": facts.topic,
                "seq": facts.sequence,
                "items": list(facts.items) or None,
                "sub": list(facts.subscribed) or None,
                "turn_end": list(facts.turn_end) or None,
                "error": facts.error or None,
            },
            message.timestamp,
        )
        if len(kept) < KEPT_MESSAGES:
            kept.append(
                placeholder(int(message.type), message.from_client, len(content), message.timestamp)
            )
        # mitmproxy keeps every message for the life of the socket; it has been sent on already
        del flow.websocket.messages[:-1]

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        kept = self._sockets.pop(flow.id, None)
        if flow.websocket is None or kept is None:
            return
        socket = flow.websocket
        facts = {
            "flow": flow.id,
            "code": socket.close_code,
            "client": socket.closed_by_client,
            "reason_bytes": len((socket.close_reason or "").encode()),
        }
        self._recording.event("ws_end", facts, socket.timestamp_end)
        copy = masked_copy(flow, b"")
        if copy.websocket is not None:
            copy.websocket.messages = kept
        self._recording.write_flow(copy)

    def ping(self, client: tuple[str, int], word: str, sender: str) -> None:
        """A ping or pong passed on the websocket of this client connection."""
        flow_id = self._by_client.get(client)
        if flow_id is not None:
            opcode = 9 if word == "ping" else 10
            self._recording.event(
                "ws", {"flow": flow_id, "client": sender == "client", "op": opcode, "n": 0}
            )


class _PingHandler(logging.Handler):
    """Finds pings and pongs in mitmproxy's own log; their payload is not looked at."""

    def __init__(self, recorder: SocketRecorder) -> None:
        super().__init__(logging.INFO)
        self.recorder = recorder

    def emit(self, record: logging.LogRecord) -> None:
        match = _PING_LOG.match(record.getMessage())
        client = getattr(record, "client", None)
        if match and client:
            self.recorder.ping(tuple(client[:2]), match[1], match[2])
