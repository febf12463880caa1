"""Header lines of a NetLog's events.

By default Chromium strips the values of cookies and logins and notes their
length; a log taken with everything holds them, so they are never passed on.
"""

from __future__ import annotations

import re

from analysis.model.cookies import cookie_conflicts
from analysis.model.markup import sound
from analysis.read import fields
from analysis.read.exchange import Exchange, Headers
from analysis.read.netlog.events import Event

MAX_HEADERS = 200
_STRIPPED = re.compile(r"\[([0-9]{1,9}) bytes were stripped\]")
_STATUS_LINE = re.compile(r"(HTTP/[0-9.]{1,3}) ([0-9]{3})\b")
_VERSIONS = {
    "HTTP_TRANSACTION_SEND_REQUEST_HEADERS": "HTTP/1.1",
    "HTTP_TRANSACTION_HTTP2_SEND_REQUEST_HEADERS": "HTTP/2.0",
    "HTTP_TRANSACTION_QUIC_SEND_REQUEST_HEADERS": "HTTP/3",
}


def read_request_headers(exchange: Exchange, event: Event) -> None:
    """What was sent, into the exchange."""
    headers = _pairs(event)
    if not headers:
        exchange.http_version = _VERSIONS.get(event.kind)
        return
    pseudo = {name: value for name, value in headers if name.startswith(":")}
    plain = [(name, value) for name, value in headers if not name.startswith(":")]
    if pseudo.get(":protocol") == "websocket":
        plain.append(("upgrade", "websocket"))
    cookies = [value for name, value in plain if name.lower() == "cookie"]
    exchange.http_version = _VERSIONS.get(event.kind)
    exchange.request_headers = plain
    exchange.cookie_bytes = sum(map(_length, cookies))
    exchange.header_bytes = sum(len(name) + _length(value) + 4 for name, value in headers)
    if cookies and not any(map(_STRIPPED.search, cookies)):
        exchange.cookie_conflicts = cookie_conflicts(cookies)
    line = (fields.text(event.params, "line", 100) or "").split(" ")
    method = line[0] if len(line) > 1 else pseudo.get(":method")
    if method and method != "CONNECT":  # how HTTP/2 opens a websocket (RFC 8441)
        exchange.method = sound(method[:20])


def read_response_headers(exchange: Exchange, event: Event) -> None:
    """The status and what came with it, into the exchange."""
    lines = fields.texts(event.params, "headers") or [""]
    match = _STATUS_LINE.match(lines[0])
    if match:
        exchange.status = int(match[2])
        # for HTTP/2 and 3, too, the line is written as if it were HTTP/1.1
        exchange.http_version = exchange.http_version or match[1]
        exchange.response_headers = _pairs(event, skip=1)


def _pairs(event: Event, skip: int = 0) -> Headers:
    lines = (fields.texts(event.params, "headers") or [])[skip : skip + MAX_HEADERS]
    found = []
    for line in lines:
        # the name of a pseudo header begins with a colon itself
        name, colon, value = line[1:].partition(":") if line[:1] == ":" else line.partition(":")
        if colon:
            name = f":{name}" if line[:1] == ":" else name
            found.append((name[:200], value.strip()))
    return found


def _length(value: str) -> int:
    stripped = _STRIPPED.search(value)
    return int(stripped[1]) if stripped else len(value)
