"""The built-in client's websocket, by wsproto over an open TLS connection."""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import wsproto
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

_READ = 65536
_MAX_MESSAGE = 1 << 20
_ABNORMAL = 1006  # RFC 6455, section 7.1.5: ended without a close frame


class SocketClosedError(Exception):
    """The websocket ended or was refused; `code` is the close code, 1006 without one."""

    def __init__(self, code: int) -> None:
        super().__init__(f"websocket closed with {code}")
        self.code = code


class UpdatesClient:
    """An open websocket to the service's updates, past its `connect` command."""

    def __init__(self, stream: ssl.SSLSocket, url: str) -> None:
        self._stream = stream
        self._protocol = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self._pending: list[Any] = []
        self._text = ""
        self._commands = 0
        self._open = False
        target = urlsplit(url)
        try:
            self._write(Request(host=target.netloc, target=f"{target.path}?{target.query}"))
            while not self._open:
                self._read()
            presence = {"type": "presence", "state": "background"}
            self._command({"type": "connect", "presence": presence})
        except BaseException:
            stream.close()
            raise

    def follow(self, topic: str, offset: int) -> Iterator[tuple[str, str]]:
        """Subscribe and yield (stream item id, frame) until the turn is done."""
        self._command({"type": "subscribe", "topic_id": topic, "offset": str(offset)})
        while True:
            while not self._pending:
                self._read()
            message = self._pending.pop(0)
            for item in message.get("reply", {}).get("catchups", [message]):
                if item.get("topic_id") != topic or "payload" not in item:
                    continue
                payload = item["payload"]["payload"]
                if payload["type"] == "done":
                    return
                yield payload["stream_item_id"], payload["encoded_item"]

    def close(self) -> None:
        """Say goodbye and close, whatever state the connection is in."""
        with contextlib.suppress(OSError, LocalProtocolError):
            self._write(CloseConnection(code=1000))
        self._stream.close()

    def _command(self, command: dict[str, Any]) -> None:
        self._commands += 1
        text = json.dumps([{"id": self._commands, "command": command}])
        self._write(TextMessage(data=text))

    def _write(self, event: wsproto.events.Event) -> None:
        self._stream.sendall(self._protocol.send(event))

    def _read(self) -> None:
        data = self._stream.recv(_READ)
        if not data:
            raise SocketClosedError(_ABNORMAL)
        try:
            self._protocol.receive_data(data)
            for event in self._protocol.events():
                self._handle(event)
        except RemoteProtocolError as error:
            raise SocketClosedError(1002) from error

    def _handle(self, event: wsproto.events.Event) -> None:
        if isinstance(event, AcceptConnection):
            self._open = True
        elif isinstance(event, RejectConnection):
            raise SocketClosedError(_ABNORMAL)
        elif isinstance(event, CloseConnection):
            raise SocketClosedError(event.code)
        elif isinstance(event, Ping):
            self._write(event.response())
        elif isinstance(event, TextMessage):
            self._text += str(event.data)
            if len(self._text) > _MAX_MESSAGE:
                raise SocketClosedError(1009)
            if event.message_finished:
                value = json.loads(self._text)
                self._text = ""
                self._pending += value if isinstance(value, list) else [value]
