"""One HTTP exchange as rows of the tables, from whichever file it was read.

The flow file, the journal and (later) HAR all end here, so that a column means
the same whatever the capture was.  Everything is masked again: a capture that
others made still has its secrets.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from analysis.knowledge import hosts
from analysis.knowledge.secrets import redact_text, redact_url, secret_header
from analysis.model.decoding import decode_body
from analysis.model.error_header import ERROR_HEADERS, header_code
from analysis.model.page import Page
from analysis.read.body_facts import HTML, NOTHING, BodyFacts, BodyReader, tells
from analysis.read.signed_link import signed_until

if TYPE_CHECKING:
    from analysis.model.frames import Row

_LENGTH = re.compile(r"[0-9]{1,15}\Z")
# response headers that name a product on the path or tell what a proxy or the service did
_TELLING = re.compile(
    r"(?:x-cache.*|x-squid.*|x-bluecoat.*|x-zscaler.*|x-forefront.*|x-fortinet.*|x-iboss.*"
    r"|x-netskope.*|x-mcafee.*|x-mwg.*|x-cisco.*|x-umbrella.*|x-websense.*|x-sophos.*|x-barracuda.*"
    r"|x-forcepoint.*|x-smoothwall.*|x-lightspeed.*"
    r"|x-checkpoint.*|x-ironport.*|x-proxy.*|x-varnish|blocked-by|proxy-.*|x-amz-cf-id|x-azure-ref"
    r"|cf-error-type|cf-error-origin|cf-cache-status|x-envoy-upstream-service-time|x-accel-buffering"
    r"|content-security-policy|x-frame-options|clear-site-data|x-ms-error-code|x-ms-request-id"
    r"|x-openai-.*|openai-processing-ms|x-codex-.*|x-ratelimit-.*|x-chatpath-.*|content-encoding|age"
    r"|alt-svc|sec-websocket-extensions|sec-websocket-accept|connection|upgrade|transfer-encoding"
    r"|warning)\Z"
)

MAX_BODY = 4 * 1024 * 1024
"""Octets of a body that are looked at, before and after decoding."""

type Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class SlimExchange:
    """The little of an `Exchange` that is kept until the end of the capture.

    `page` is set for documents of the service only.
    """

    source: str
    flow: str
    url: str
    started: float | None
    status: int | None
    media_type: str | None
    error: str | None
    from_cache: bool | None
    page: Page | None

    @property
    def is_html(self) -> bool:
        return self.media_type in HTML


@dataclass(slots=True)
class Exchange:
    """What a capture tells of one exchange; None is "not seen".

    `url` is absolute; times are seconds since 1970. Of the response body only
    the `facts` are kept, see `look_at_body`.
    """

    source: str
    flow: str
    method: str | None = None
    url: str = ""
    http_version: str | None = None
    started: float | None = None
    request_end: float | None = None
    request_headers: Headers = ()
    request_bytes: int | None = None
    cookie_bytes: int | None = None
    header_bytes: int | None = None
    status: int | None = None
    response_headers: Headers = ()
    response_start: float | None = None
    response_bytes: int | None = None
    ended: float | None = None
    error: str | None = None
    connection: str | None = None
    from_cache: bool | None = None
    cookie_conflicts: int | None = None
    file_bytes: int | None = None
    address: str | None = None
    initiator: str | None = None
    redirected_from: str | None = None
    facts: BodyFacts = NOTHING

    def header(self, name: str, *, request: bool = False) -> str | None:
        """The first header of that (lower-case) name."""
        for key, value in self.request_headers if request else self.response_headers:
            if key.lower() == name:
                return value
        return None

    @property
    def page(self) -> Page | None:
        """The document, where the response is one and its body was looked at."""
        return self.facts.page

    @property
    def host(self) -> str:
        return _host(self.url)

    @property
    def path(self) -> str:
        """Path and query, masked."""
        parts = urlsplit(self.url) if _parses(self.url) else urlsplit("")
        path = parts.path or "/"
        return redact_url(f"{path}?{parts.query}" if parts.query else path)[:1000]

    @property
    def media_type(self) -> str | None:
        value = self.header("content-type")
        return value.partition(";")[0].strip().lower()[:100] if value is not None else None

    @property
    def is_html(self) -> bool:
        return self.media_type in HTML

    @property
    def is_websocket(self) -> bool:
        upgrade = self.header("upgrade", request=True)
        return upgrade is not None and upgrade.lower() == "websocket"

    @property
    def is_stream(self) -> bool:
        return self.media_type == "text/event-stream"

    @property
    def content_length(self) -> int | None:
        length = self.header("content-length")
        return int(length) if length and _LENGTH.match(length) else None

    @property
    def via(self) -> str | None:
        return _short(self.header("via"))

    @property
    def shown_error(self) -> str | None:
        """Why it failed, masked."""
        return redact_text(self.error, 300) if self.error else None

    @property
    def wants_body(self) -> bool:
        """The body can tell something: a page's scripts, an error's code or sentence."""
        return tells(self.media_type, self.status, self.url)

    def look_at_body(self, body: bytes, reader: BodyReader) -> None:
        """Take what the response body (without its content coding) tells, and forget it."""
        self.facts = reader.facts(self.media_type, self.status, self.url, self.host, body)

    def slim(self) -> SlimExchange:
        """What finding the resources of pages needs, once the rows are made."""
        # only the service's own pages are looked into
        ours = self.is_html and self.page is not None and hosts().is_chatgpt(self.host)
        media = self.media_type
        return SlimExchange(
            self.source,
            self.flow,
            self.url,
            self.started,
            self.status,
            intern(media) if media is not None else None,
            self.error,
            self.from_cache,
            self.page if ours else None,
        )

    def http_row(self) -> Row:
        """The exchange as a row of the http table."""
        parts = urlsplit(self.url) if _parses(self.url) else urlsplit("")
        scheme = parts.scheme or None
        if self.is_websocket and scheme in {"http", "https"}:
            scheme = {"http": "ws", "https": "wss"}[scheme]
        # a websocket or a stream that was cut has its end in `ended`, too
        accept = self.header("accept", request=True)
        referer = self.header("referer", request=True)
        location = self.header("location")
        upgrade = self.header("upgrade", request=True)
        facts = self.facts
        return {
            "source": self.source,
            "flow": self.flow,
            "started": self.started,
            "method": self.method,
            "scheme": scheme,
            "host": self.host or None,
            "port": _port(self.url),
            "path": self.path,
            "http_version": self.http_version,
            "status": self.status,
            "content_type": self.media_type,
            "request_bytes": self.request_bytes,
            "response_bytes": self.response_bytes,
            "request_end": self.request_end,
            "response_start": self.response_start,
            "ended": self.ended,
            "ttfb_ms": _span(self.request_end or self.started, self.response_start),
            "total_ms": _span(self.started, self.ended),
            "error": self.shown_error,
            "connection": self.connection,
            "request_accept": _short(accept),
            "request_dest": _short(self.header("sec-fetch-dest", request=True)),
            "referer": redact_url(referer.partition("?")[0])[:500] if referer else None,
            "upgrade": upgrade.lower()[:50] if upgrade else None,
            "cookie_bytes": self.cookie_bytes,
            "request_header_bytes": self.header_bytes,
            "content_length": self.content_length,
            "server": _short(self.header("server")),
            "via": self.via,
            "cf_ray": _short(self.header("cf-ray")),
            "cf_mitigated": _short(self.header("cf-mitigated")),
            "request_id": _short(self.header("x-oai-request-id") or self.header("x-request-id")),
            "location": redact_url(location.partition("?")[0])[:500] if location else None,
            "retry_after": _short(self.header("retry-after")),
            "from_cache": self.from_cache,
            "headers": list(self._telling_headers()) or None,
            "date": _date(self.header("date")),
            "error_code": facts.error_code or self._header_code(),
            "error_type": facts.error_type,
            "error_message": facts.error_message,
            "error_param": facts.error_param,
            "job_state": facts.job_state,
            "file_bytes": self.file_bytes if self.file_bytes is not None else facts.file_bytes,
            "signed_until": signed_until(self.url),
            "cookie_conflicts": self.cookie_conflicts,
            "set_cookies": (
                None if self.status is None else _count(self.response_headers, "set-cookie")
            ),
            "authorized": (
                bool(_count(self.request_headers, "authorization"))
                if self.request_headers
                else None
            ),
            "user_agent": _short(self.header("user-agent", request=True)),
            "address": self.address,
            "egress": facts.egress,
            "trace": facts.trace,
            "status_page": facts.status_page,
            "initiator": self.initiator,
            "redirected_from": self.redirected_from,
            "body_excerpt": facts.excerpt,
        }

    def _telling_headers(self) -> Iterable[str]:
        for name, value in self.response_headers[:100]:
            if told := _telling(name.lower(), value):
                yield told

    def _header_code(self) -> str | None:
        """The code of an error that the service put into a header."""
        if (self.status or 0) < 400:
            return None
        values = (value for name, value in self.response_headers if name.lower() in ERROR_HEADERS)
        return next((code for value in values if (code := header_code(value))), None)


def _count(headers: Headers, name: str) -> int:
    return sum(key.lower() == name for key, _ in headers)


def decoded(body: bytes | None, encoding: str | None) -> bytes:
    """A bounded start of a body without its content coding; b"" when it cannot be decoded."""
    if not body:
        return b""
    return decode_body(body[:MAX_BODY], encoding or "") or b""


@lru_cache(maxsize=4096)
def _telling(name: str, value: str) -> str | None:
    """The header as the table shows it; None for one that tells nothing."""
    if name in ERROR_HEADERS:
        code = header_code(value)
        return f"{name}: {code}" if code else None
    if _TELLING.match(name) and not secret_header(name):
        return f"{name}: {redact_text(value, 200)}"
    return None


@lru_cache(maxsize=8192)
def shown_url(url: str) -> str:
    """The address without fragment as it may be shown; addresses are compared so."""
    return redact_url(url.partition("#")[0])


def _parses(url: str) -> bool:
    try:
        _ = urlsplit(url).port
    except ValueError:
        return False
    return True


def _host(url: str) -> str:
    return ((urlsplit(url).hostname if _parses(url) else None) or "").rstrip(".").lower()[:255]


def _port(url: str) -> int | None:
    if not _parses(url):
        return None
    parts = urlsplit(url)
    return parts.port or {"http": 80, "ws": 80, "https": 443, "wss": 443}.get(parts.scheme)


@lru_cache(maxsize=4096)
def _short(value: str | None) -> str | None:
    return redact_text(value, 200) if value is not None else None


def _span(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(max(0.0, end - start) * 1000, 3)


def _date(value: str | None) -> float | None:
    if not value:
        return None
    try:
        return email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
