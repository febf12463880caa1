"""HTTP/1 that packets carry in clear: the heads of requests and answers, as rows of a table.

Read are the first exchanges of a connection, requests to a proxy among them, each
up to a bounded size, and what answers a TLS ClientHello in clear.  Kept is what the
table says and nothing else: no cookie, no query, no credentials, and of a page only
the masked start of one that a proxy, a portal or an error sent.  Source: RFC 9112.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from analysis.read.packets.clock import seconds
from analysis.read.packets.reassembly import Origin

if TYPE_CHECKING:
    from analysis.model.frames import Row
    from analysis.read.exchange import Exchange

# what reads bodies and knows hosts is imported with the first exchange: most captures
# have none, and the second process would import it too

MAX_HEAD = 16_384
MAX_BODY = 16_384
"""Octets of a body that are looked at."""
MAX_STEP = 65_536
"""A longer body is not stepped over: what follows it on the connection is left out."""
MAX_EXCHANGES = 16
"""Exchanges of one connection; a page of the network comes with the first."""
MAX_ROWS = 20_000
"""Exchanges of all connections."""

_MAX_HEADERS = 100
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_REQUEST = re.compile(rb"([A-Z]{1,20}) ([!-~]{1,8000}) (HTTP/1\.[01])\Z")
_STATUS = re.compile(rb"(HTTP/1\.[01]) ([1-9]\d\d)(?: |\Z)")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,7})[^\r\n]{0,200}\r?\n")
_BODILESS = (204, 304)

_KEPT = (
    *("started", "method", "scheme", "host", "port", "path", "http_version", "status"),
    *("response_start", "content_type", "content_length", "response_bytes", "server", "via"),
    *("cf_ray", "cf_mitigated", "request_id", "location", "headers", "date", "address"),
    "body_excerpt",
)


class Head:
    """The head of a message that is there in full; `length` are its octets."""

    __slots__ = ("headers", "length", "line")

    def __init__(self, line: bytes, headers: list[tuple[str, str]], length: int) -> None:
        self.line = line
        self.headers = headers
        self.length = length

    def value(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def content_length(self) -> int | None:
        told = self.value("content-length")
        return int(told) if told and len(told) < 12 and told.isdecimal() else None

    @property
    def chunked(self) -> bool:
        return "chunked" in (self.value("transfer-encoding") or "").lower()


def head_of(octets: bytes) -> Head | None:
    """The head at the start of `octets`; None while its end is not there."""
    end = _HEAD_END.search(octets, 0, MAX_HEAD)
    if end is None:
        return None
    line, *rest = octets[: end.start()].split(b"\n")
    headers = []
    for entry in rest[:_MAX_HEADERS]:
        name, colon, value = entry.partition(b":")
        if colon and name:
            text = value.strip()[:4000].decode("utf-8", "replace")
            headers.append((name[:100].decode("latin-1").lower(), text))
    return Head(line.rstrip(b"\r"), headers, end.end())


class Room:
    """How many more exchanges of all connections are taken."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_ROWS


class Exchanges:
    """The exchanges of one connection, in order: answers belong to the oldest open request."""

    __slots__ = ("_open", "_room", "rows")

    def __init__(self, room: Room) -> None:
        self.rows: list[Row] = []
        self._open: list[tuple[Exchange, int]] = []
        self._room = room

    @property
    def full(self) -> bool:
        return len(self.rows) + len(self._open) >= MAX_EXCHANGES or not self._room.left

    @property
    def method(self) -> str | None:
        """What the next answer answers."""
        return self._open[0][0].method if self._open else None

    def ask(self, head: Head, port: int, packet: Origin) -> bool:
        """Take a request that came to `port`; False when it is none."""
        line = _REQUEST.match(head.line)
        if line is None:
            return False
        from analysis.read.exchange import Exchange

        method = line[1].decode("ascii")
        target = line[2].decode("ascii").partition("?")[0]
        if method == "CONNECT":
            target = f"http://{target}"
        elif not target.lower().startswith("http://"):
            host = head.value("host") or ""
            place = host if ":" in host.rpartition("]")[2] or port == 80 else f"{host}:{port}"
            target = f"http://{place}{target if target.startswith('/') else '/'}"
        self._room.left -= 1
        self._open.append(
            (
                Exchange(
                    source="",
                    flow="",
                    method=method,
                    url=target,
                    http_version=line[3].decode("ascii"),
                    started=seconds(packet.ns),
                ),
                packet.frame,
            )
        )
        return True

    def in_place_of_tls(self, name: str, port: int, hello: Origin) -> None:
        """What comes next answers a ClientHello for `name`; the request itself never came."""
        if self._open or self.full:
            return
        from analysis.read.exchange import Exchange

        self._room.left -= 1
        asked = Exchange(
            source="",
            flow="",
            method="",
            url=f"https://{name}:{port}",
            http_version="",
            started=seconds(hello.ns),
        )
        self._open.append((asked, hello.frame))

    def answer(self, head: Head, status: int, body: bytes, packet: Origin) -> None:
        """Take the answer to the oldest open request; `body` may be its start only."""
        if not self._open:
            return
        exchange, frame = self._open.pop(0)
        exchange.status = status
        exchange.response_headers = head.headers
        exchange.response_start = seconds(packet.ns)
        length = head.content_length
        exchange.response_bytes = len(body) if length is None else length
        if body and _of_interest(exchange):
            from analysis.model.decoding import decode_body
            from analysis.read.body_facts import BodyReader

            plain = _unchunked(body) if head.chunked else body
            shown = decode_body(plain[:MAX_BODY], exchange.header("content-encoding") or "")
            exchange.look_at_body(shown or b"", BodyReader())
        self.rows.append(_row(exchange, frame, packet.frame))

    def end(self) -> None:
        """Requests that nobody answered."""
        self.rows += [_row(exchange, frame, None) for exchange, frame in self._open]
        self._open.clear()


def status_of(head: Head) -> int | None:
    """The status that the first line of an answer states."""
    line = _STATUS.match(head.line)
    return int(line[2]) if line else None


def has_body(method: str | None, status: int) -> bool:
    """Whether octets of a body follow the head of an answer (RFC 9112 section 6.3)."""
    return method != "HEAD" and status >= 200 and status not in _BODILESS


def _of_interest(exchange: Exchange) -> bool:
    """A page that anybody reads in clear is nobody's business.

    An error, a portal's page and a script that says which proxy to use are.
    """
    from analysis.knowledge import hosts
    from analysis.knowledge.probes import probe_answer
    from analysis.knowledge.proxy_ports import AUTOCONFIG

    host = exchange.host
    failed = (exchange.status or 0) >= 400
    told = (exchange.header("content-type") or "").startswith(AUTOCONFIG)
    return failed or told or hosts().is_chatgpt(host) or probe_answer(host, None) is not None


def _unchunked(body: bytes) -> bytes:
    """The start of a chunked body, as far as it is there."""
    plain, at = bytearray(), 0
    while size := _CHUNK.match(body, at):
        length = int(size[1], 16)
        plain += body[size.end() : size.end() + length]
        at = size.end() + length + 2
        if not length or at >= len(body):
            break
    return bytes(plain)


def _row(exchange: Exchange, frame: int, response_frame: int | None) -> Row:
    whole = exchange.http_row()
    kept = {name: whole[name] for name in _KEPT}
    if exchange.method == "CONNECT":
        kept["path"] = None
    if not exchange.method:
        kept |= {"method": None, "path": None, "http_version": None}
    return {**kept, "frame": frame, "response_frame": response_frame}
