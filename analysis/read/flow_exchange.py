"""The HTTP exchange in the state of a mitmproxy flow."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from mitmproxy.net.http.url import parse_authority

from analysis.knowledge.secrets import MASK
from analysis.model.cookies import cookie_conflicts
from analysis.model.markup import sound
from analysis.read import fields
from analysis.read.body_facts import MAX_SMALL, BodyReader, declared_bytes
from analysis.read.exchange import MAX_BODY, Exchange, decoded
from analysis.read.fields import moment

MAX_HEADERS = 200
MAX_VALUE = 4000
MAX_URL = 16_384

type Pairs = list[tuple[str, str]]


def exchange_of(state: Mapping[str, object], source: str, bodies: BodyReader) -> Exchange | None:
    """The exchange of an HTTP flow; None when the flow has no request.

    What the body of the response tells is taken; the body itself is not kept.
    """
    request, response = fields.mapping(state, "request"), fields.mapping(state, "response")
    if not request:
        return None
    server, error = fields.mapping(state, "server_conn"), fields.mapping(state, "error")
    headers, size = _headers(request)
    cookies = [value for name, value in headers if name == "cookie"]
    body = octets(request, "content")
    version = _word(request, "http_version", 20)
    host = _host(request, headers, version)
    exchange = Exchange(
        source=source,
        flow=fields.text(state, "id", 64) or "",
        method=_word(request, "method", 20).upper(),
        url=_url(request, host),
        http_version=version,
        started=moment(request.get("timestamp_start")),
        request_end=moment(request.get("timestamp_end")),
        request_headers=headers,
        request_bytes=len(body) if body is not None else None,
        cookie_bytes=_cookie_bytes(request),
        cookie_conflicts=_cookie_conflicts(cookies),
        header_bytes=size,
        file_bytes=declared_bytes(bytes(body[: MAX_SMALL + 1])) if body else None,
        address=address_text(server.get("peername")),
        connection=fields.text(server, "id", 64),
        error=fields.text(error, "msg"),
        ended=moment(error.get("timestamp")),
    )
    if response:
        _take_response(exchange, response, bodies)
    return exchange


def _take_response(exchange: Exchange, response: Mapping[str, object], bodies: BodyReader) -> None:
    status = fields.whole(response, "status_code")
    exchange.status = status if status is not None and 0 <= status < 1000 else None
    exchange.response_headers, _ = _headers(response)
    exchange.response_start = moment(response.get("timestamp_start"))
    exchange.ended = moment(response.get("timestamp_end")) or exchange.ended
    body = octets(response, "content")
    exchange.response_bytes = len(body) if body is not None else None
    if body and exchange.wants_body:
        encoding = exchange.header("content-encoding")
        exchange.look_at_body(decoded(bytes(body[:MAX_BODY]), encoding), bodies)


def octets(holder: Mapping[str, object], key: str) -> bytes | memoryview | None:
    """Octets, or a view of them; None for anything else."""
    value = holder.get(key)
    return value if isinstance(value, (bytes, memoryview)) else None


def address_text(value: object) -> str | None:
    """The host of a [host, port] pair."""
    first = value[0] if isinstance(value, (list, tuple)) and value else None
    return sound(first[:100]) if isinstance(first, str) and first else None


def _headers(message: Mapping[str, object]) -> tuple[Pairs, int]:
    """Name in lower case and value of each header, cut; and the size of them all in octets."""
    value = message.get("headers")
    found: Pairs = []
    size = 0
    for item in value if isinstance(value, (list, tuple)) else ():
        if not isinstance(item, (list, tuple)) or len(item) != 2:
            continue
        name, content = item
        if isinstance(name, bytes) and isinstance(content, bytes):
            size += len(name) + len(content) + 4
            if len(found) < MAX_HEADERS:
                found.append(_pair(name[:200], content[:MAX_VALUE]))
    return found, size


@lru_cache(maxsize=4096)
def _pair(name: bytes, value: bytes) -> tuple[str, str]:
    return name.decode("latin-1").lower(), value.decode("utf-8", "replace")


def _cookie_bytes(request: Mapping[str, object]) -> int:
    headers = request.get("headers")
    return sum(
        len(item[1])
        for item in (headers if isinstance(headers, (list, tuple)) else ())
        if isinstance(item, (list, tuple)) and len(item) == 2
        if isinstance(item[0], bytes) and item[0].lower() == b"cookie"
        if isinstance(item[1], bytes)
    )


def _cookie_conflicts(values: list[str]) -> int | None:
    """Missing where the recorder has masked the cookies."""
    masked = any(value.startswith(MASK) for value in values)
    return None if masked else cookie_conflicts(values)


def _word(holder: Mapping[str, object], key: str, limit: int) -> str:
    """Octets that stand for text."""
    value = holder.get(key)
    return sound(value[:limit].decode("utf-8", "replace")) if isinstance(value, bytes) else ""


def _host(request: Mapping[str, object], headers: Pairs, version: str) -> str:
    """The host as the client named it: a transparent capture has only the Host header."""
    authority = ""
    if version.startswith(("HTTP/2", "HTTP/3")):
        authority = _word(request, "authority", 300)
    for name, value in headers:
        if not authority and name == "host":
            authority = value[:300]
    return sound(_host_of(authority) if authority else fields.text(request, "host", 255) or "")


@lru_cache(maxsize=1024)
def _host_of(authority: str) -> str:
    return str(parse_authority(authority, check=False)[0])


def _url(request: Mapping[str, object], host: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    scheme = _word(request, "scheme", 10) or "http"
    port = fields.whole(request, "port")
    default = {"http": 80, "https": 443}.get(scheme)
    place = shown if port in {default, None} else f"{shown}:{port}"
    path = _word(request, "path", MAX_URL)
    return f"{scheme}://{place}{path if path.startswith('/') else '/'}"
