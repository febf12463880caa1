"""The websocket messages of a HAR entry (``_webSocketMessages``) as frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.model.frames import Row
from analysis.model.markup import sound
from analysis.model.ws_message import MAX_MESSAGE, describe
from analysis.read import fields, har_values
from analysis.read.exchange import Exchange
from analysis.read.sockets import SocketEnd, frame_row

_TEXT, _BINARY, _CLOSE = 1, 2, 8
_NO_CODE = 1005
"""RFC 6455 section 7.4.1: a close frame without a code."""


@dataclass(slots=True)
class HarSocket:
    """Frames of one socket, how it ended where a frame tells, and the browser's complaint.

    `key` masks the ids in messages, see `analysis.model.ws_message.mask`.  `watched` is True
    where the export lists messages at all, if only none; those of Safari and Firefox do not.
    """

    source: str
    flow: str
    key: bytes
    frames: list[Row] = field(default_factory=list)
    end: SocketEnd | None = None
    error: str | None = None
    watched: bool = False

    @property
    def received(self) -> bool:
        return any(row["from_client"] is False for row in self.frames)

    def take(self, message: object) -> None:
        """One message; only its size, type words and masked ids are kept."""
        if not isinstance(message, dict):
            return
        time = har_values.moment(message.get("time"))
        kind = fields.text(message, "type", 20)
        data = message.get("data")
        text = sound(data) if isinstance(data, str) else ""
        if kind == "error":
            self.error = text[:1000] or "websocket error"
            self.end = SocketEnd(time, None, None, None)
            return
        if kind not in {"send", "receive"}:
            return
        opcode = har_values.count(message, "opcode")
        octets = har_values.unpacked(text) if opcode == _BINARY else text.encode()
        by_client = kind == "send"
        if opcode == _CLOSE and self.end is None:
            self.end = SocketEnd(time, _close_code(message, text), by_client, None)
        self.frames.append(
            frame_row(
                self.source,
                self.flow,
                time,
                from_client=by_client,
                opcode=opcode if opcode is None or opcode < 16 else None,
                # a text this long may have been cut on reading
                size=len(octets) if len(octets) <= MAX_MESSAGE else None,
                facts=describe(octets, self.key),
            )
        )


def _close_code(message: Mapping[str, object], text: str) -> int:
    """The code of a close frame: beside it, or its first two octets."""
    code = har_values.count(message, "code")
    raw = text[:2].encode("latin-1", "replace")
    if code is None and len(raw) == 2:
        code = int.from_bytes(raw)
    return code if code is not None and 1000 <= code < 5000 else _NO_CODE


def opened(exchange: Exchange, socket: HarSocket) -> bool:
    """True for a socket that was open without a 101: HTTP/2 answers 200 (RFC 8441 section 5)."""
    fine = 200 <= (exchange.status or 0) < 300
    return fine and (exchange.method == "CONNECT" or socket.received)
