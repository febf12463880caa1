"""One entry of a HAR as an exchange and, where it opened one, a connection.

HAR 1.2 as Chromium, Firefox, Safari and proxies write it; names with an
underscore are theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.knowledge.secrets import redact_text, redact_url
from analysis.model.connect_error import NO_REASON, net_error_stage, tries
from analysis.model.cookies import cookie_conflicts
from analysis.model.frames import Row
from analysis.model.markup import sound
from analysis.read import fields, har_values
from analysis.read.body_facts import BodyReader, declared_bytes
from analysis.read.exchange import Exchange, Headers
from analysis.read.har_recorder import by_client, own_failure
from analysis.read.har_times import Times, read_times

_VERSIONS = {
    **{"h2": "HTTP/2.0", "http/2": "HTTP/2.0", "http/2.0": "HTTP/2.0", "2.0": "HTTP/2.0"},
    **{"h3": "HTTP/3", "http/3": "HTTP/3", "http/3.0": "HTTP/3"},
    **{"1.1": "HTTP/1.1", "1.0": "HTTP/1.0"},
}
# Chromium's resource types as Sec-Fetch-Dest (Fetch Metadata) names them
_DESTINATIONS = {
    **{"document": "document", "script": "script", "stylesheet": "style", "image": "image"},
    **{"font": "font", "xhr": "empty", "fetch": "empty", "eventsource": "empty"},
    **{"websocket": "websocket", "manifest": "manifest"},
}
_FROM_CACHE = frozenset({"memory cache", "disk cache", "service worker"})
_NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class HarEntry:
    """An exchange, what it was for as the browser names it, and the connection it opened."""

    exchange: Exchange
    destination: str | None
    connection: Row | None


def read_entry(
    record: Mapping[str, object], source: str, number: int, creator: str, bodies: BodyReader
) -> HarEntry:
    """Entry `number` (from 1) of the HAR; what is missing or of a wrong type is None."""
    request, response = fields.mapping(record, "request"), fields.mapping(record, "response")
    status = har_values.count(response, "status")
    failure = own_failure(response)
    status = status if status and status < 1000 and failure is None else None
    times = read_times(record)
    cached = _cached(record, response, creator)
    exchange = Exchange(
        source=source,
        flow=f"har-{number}",
        method=fields.text(request, "method", 20),
        url=_url(request),
        http_version=_version(request, response),
        started=times.started,
        request_end=times.sent if status else None,
        request_headers=_request_headers(record, request),
        request_bytes=har_values.count(request, "bodySize"),
        status=status,
        response_start=times.answered if status else None,
        ended=times.ended,
        error=failure or _error(record, response, status, creator),
        connection=_connection_id(record, creator),
        from_cache=cached or None,
        address=_address(record),
        initiator=_initiator(record),
    )
    _take_cookies(exchange, request)
    exchange.header_bytes = sum(len(k) + len(v) + 4 for k, v in exchange.request_headers) or None
    exchange.file_bytes = declared_bytes(har_values.body(fields.mapping(request, "postData")))
    content = fields.mapping(response, "content")
    if status:
        exchange.response_headers = _response_headers(response, content)
        exchange.response_bytes = None if cached else _response_octets(exchange, response, content)
        if exchange.wants_body:
            exchange.look_at_body(har_values.body(content), bodies)
    resource = (fields.text(record, "_resourceType", 40) or "").lower()
    opened = _connection(exchange, times, number)
    if opened is not None:
        exchange.connection = str(opened["connection"])
    return HarEntry(exchange, _DESTINATIONS.get(resource), opened)


def _url(request: Mapping[str, object]) -> str:
    """The address; of a data: or blob: one, which carries content, only the scheme."""
    url = fields.text(request, "url", 16_384) or ""
    scheme = url[:40].partition(":")[0]
    return f"{scheme}:" if scheme.lower() in {"data", "blob", "javascript"} else url


def _version(request: Mapping[str, object], response: Mapping[str, object]) -> str | None:
    """HTTP version on the client's side; the answer's counts, the request may guess."""
    for record in (response, request):
        text = (fields.text(record, "httpVersion", 20) or "").strip()
        if text and text.lower() not in {"unknown", "undefined"}:
            return _VERSIONS.get(text.lower(), text.upper())
    return None


def _request_headers(record: Mapping[str, object], request: Mapping[str, object]) -> Headers:
    headers = har_values.pairs(request)
    resource = fields.text(record, "_resourceType", 40) == "websocket"
    url = (fields.text(request, "url", 10) or "").lower()
    named = any(name.lower() == "upgrade" for name, _ in headers)
    # one that failed at once, and one over HTTP/2 (RFC 8441), carry no Upgrade header
    if not named and (resource or url.startswith(("ws:", "wss:"))):
        headers.append(("Upgrade", "websocket"))
    return headers


def _response_headers(response: Mapping[str, object], content: Mapping[str, object]) -> Headers:
    """Headers, with what the HAR says elsewhere where a sanitised export dropped them."""
    headers = har_values.pairs(response)
    known = {name.lower() for name, _ in headers}
    kind = fields.text(content, "mimeType", 200)
    if kind and kind != "x-unknown" and "content-type" not in known:
        headers.append(("Content-Type", kind))
    target = fields.text(response, "redirectURL")
    if target and "location" not in known:
        headers.append(("Location", target))
    return headers


def _take_cookies(exchange: Exchange, request: Mapping[str, object]) -> None:
    """Size and conflicts of the cookies sent; missing without any, as exports leave them out."""
    sent = [value for name, value in exchange.request_headers if name.lower() == "cookie"]
    listed = request.get("cookies")
    if not sent and isinstance(listed, list):
        sent = [
            f"{fields.text(item, 'name') or ''}={fields.text(item, 'value') or ''}"
            for item in listed[: har_values.MAX_HEADERS]
            if isinstance(item, dict)
        ]
        sent = ["; ".join(sent)] if sent else []
    if sent:
        exchange.cookie_bytes = sum(map(len, sent))
        exchange.cookie_conflicts = cookie_conflicts(sent)


def _response_octets(
    exchange: Exchange, response: Mapping[str, object], content: Mapping[str, object]
) -> int | None:
    """The body as it arrived; over HTTP/2 Chromium only gives it together with the headers."""
    size = har_values.count(response, "bodySize")
    if size == 0 and exchange.status != _NOT_MODIFIED and har_values.count(content, "size"):
        return None  # no octet came on the wire, but there is a body: some store had it
    if size is None and exchange.header("content-encoding") is None:
        size = har_values.count(content, "size")
    return har_values.count(response, "_transferSize") or None if size is None else size


def _error(
    record: Mapping[str, object], response: Mapping[str, object], status: int | None, creator: str
) -> str | None:
    for holder in (response, record):
        said = holder.get("_error")
        if isinstance(said, dict):
            words = (fields.text(said, key, 300) for key in ("code", "message"))
            said = ": ".join(word for word in words if word)
        if isinstance(said, str) and said:
            return sound(said[:1000])
    return NO_REASON if status is None and creator.startswith("Firefox") else None


def _cached(record: Mapping[str, object], response: Mapping[str, object], creator: str) -> bool:
    """Served without the network, as each browser says it."""
    source = (fields.text(record, "_fetchType", 40) or "").lower()
    worker = response.get("_fetchedViaServiceWorker") is True
    if worker or source in _FROM_CACHE or fields.text(record, "_fromCache", 20):
        return True
    if not creator.startswith("Firefox") or response.get("status") != 200:
        return False
    # Firefox states what its cache holds afterwards, if only as null, for what the cache answered;
    # it gives neither timings nor an address for it
    unmeasured = record.get("timings") == {} and not record.get("serverIPAddress")
    return unmeasured or "afterRequest" in fields.mapping(record, "cache")


def _connection_id(record: Mapping[str, object], creator: str) -> str | None:
    if creator.startswith("Firefox"):
        return None  # it writes the server's port there
    found = fields.text(record, "_connectionId", 64) or fields.text(record, "connection", 64)
    return found if found and found != "0" else None


def _address(record: Mapping[str, object]) -> str | None:
    text = (fields.text(record, "serverIPAddress", 60) or "").strip("[] ")
    return redact_text(text, 60) or None


def _connection(exchange: Exchange, times: Times, number: int) -> Row | None:
    """The connection that this entry opened, or failed to."""
    stage = None
    if exchange.status is None and exchange.error:
        stage = net_error_stage(exchange.error)
    refused = by_client(exchange.error)
    if stage is None and times.tcp_ms is None and times.tls_ms is None and not refused:
        return None
    row = exchange.http_row()
    error = str(row["error"]) if stage else None
    return {
        "source": exchange.source,
        "connection": exchange.connection or f"har-{number}",
        "started": times.connecting,
        "host": row["host"],
        "port": row["port"],
        "address": exchange.address,
        "addresses": (tries(error) if error else None) or None,
        "dns_ms": times.dns_ms,
        "tcp_ms": times.tcp_ms,
        "tls_ms": times.tls_ms,
        "error": error,
        "error_stage": stage,
        "client_error": str(row["error"]) if refused else None,
    }


def _initiator(record: Mapping[str, object]) -> str | None:
    """Who asked: the script or page at the top of the stack, else the kind (parser, script)."""
    said = record.get("_initiator")
    if isinstance(said, str):
        return _place(said)
    if not isinstance(said, dict):
        return None
    stack = fields.mapping(said, "stack")
    for _ in range(8):
        frames = stack.get("callFrames")
        for frame in frames[:32] if isinstance(frames, list) else []:
            url = fields.text(frame, "url") if isinstance(frame, dict) else None
            if url:
                return _place(url)
        stack = fields.mapping(stack, "parent")
    return _place(fields.text(said, "url") or "") or fields.text(said, "type", 20)


def _place(url: str) -> str | None:
    return redact_url(url.partition("?")[0].partition("#")[0])[:500] or None
