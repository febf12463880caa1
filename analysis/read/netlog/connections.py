"""Attempts to connect, by TCP, TLS and proxies, as rows of the connections table."""

from __future__ import annotations

import re
from collections.abc import Callable

from analysis.knowledge.secrets import redact_url
from analysis.read import fields
from analysis.read.netlog.connection import REFUSED, Connection, certificate_facts
from analysis.read.netlog.endpoints import endpoint
from analysis.read.netlog.events import Constants, Event
from analysis.read.netlog.links import Links
from analysis.read.rows import RowFrames

MAX_OPEN = 20_000
"""Connections that are kept in mind at once; the oldest is written down first."""

_MAX_ADDRESSES = 16
_STATUS_LINE = re.compile(r"HTTP/[0-9.]{1,3} ([0-9]{3})\b")
_CONNECT_LINE = re.compile(r"CONNECT ([^ ]{1,270}) HTTP/")
_PROXY_ENTRY = re.compile(r"(?:PROXY|HTTPS|SOCKS4?5?|QUIC) ([^; ]{1,300})")
_ATTEMPTS = frozenset({"TLS_STREAM_ATTEMPT", "TCP_STREAM_ATTEMPT"})
_STEPS = {
    "TCP_CONNECT_JOB_CONNECT": "tcp",
    "TRANSPORT_CONNECT_JOB_CONNECT": "tcp",
    "HTTP_PROXY_CONNECT_JOB_CONNECT": "proxy",
    "SOCKS_CONNECT_JOB_CONNECT": "proxy",
    "SSL_CONNECT_JOB_CONNECT": "tls",
    "TLS_STREAM_ATTEMPT_ALIVE": "tls",
    "TCP_STREAM_ATTEMPT_ALIVE": "tcp",
}


class Connections:
    """Takes the events of connect jobs and sockets."""

    def __init__(self, name: str, constants: Constants, links: Links) -> None:
        self._name, self._constants, self._links = name, constants, links
        self._open: dict[int, Connection] = {}
        self._proxy: str | None = None
        self.rows = RowFrames("connections")
        self.on: dict[str, Callable[[Event], None]] = {
            **dict.fromkeys(_STEPS, self._step),
            "CONNECT_JOB": self._job,
            "SOCKET_POOL_CONNECT_JOB_CREATED": self._created,
            "PROXY_RESOLUTION_SERVICE_RESOLVED_PROXY_LIST": self._proxies,
            "TCP_CONNECT": self._tcp,
            "SSL_CONNECT": self._tls,
            "SSL_CERTIFICATES_RECEIVED": self._certificates,
            "HTTP_TRANSACTION_SEND_TUNNEL_HEADERS": self._asked,
            "HTTP_TRANSACTION_READ_TUNNEL_RESPONSE_HEADERS": self._tunnel,
            "SOCKET_READ_ERROR": self._broken,
            "SOCKET_WRITE_ERROR": self._broken,
            "SOCKET_ALIVE": self._socket,
        }

    def found(self, source: int, url: str) -> tuple[str | None, str | None, str | None]:
        """Id, address and ALPN protocol of the connection that a request for `url` led to."""
        for step in reversed(self._links.path(source)):
            if (item := self._open.get(step)) is not None:
                item.be_for(url)  # a websocket's job does not say itself what it is for
                address = item.address if item.via is None else None
                return _flow(step), address, item.alpn
        return None, None, None

    def finish(self) -> None:
        """Write down what is still open."""
        while self._open:
            self._write(next(iter(self._open)))

    def _of(self, event: Event) -> Connection | None:
        """The connection of a job, or of the socket that a job made."""
        for step in reversed(self._links.path(event.source)):
            if (item := self._open.get(step)) is not None:
                return item
        return None

    def _begin(self, event: Event) -> Connection:
        item = self._open.get(event.source)
        if item is None:
            item = self._open[event.source] = Connection(event.time)
            if len(self._open) > MAX_OPEN:
                self._write(next(iter(self._open)))
        return item

    def _job(self, event: Event) -> None:
        if event.begins:
            self._begin(event)

    def _created(self, event: Event) -> None:
        item = self._begin(event)
        item.be_for(fields.text(event.params, "group_id", 1000) or "")

    def _step(self, event: Event) -> None:
        item = self._begin(event)
        if _STEPS[event.kind] == "proxy":
            item.via = item.via or self._proxy or "unknown"
        if event.of in _ATTEMPTS and event.begins:
            item.be_for(fields.text(event.params, "host_port", 300) or "")
        if not event.ends:
            return
        if error := self._constants.failure(event):
            item.fail(error)
        elif event.params.get("net_error") in (None, 0):
            item.succeed()

    def _proxies(self, event: Event) -> None:
        match = _PROXY_ENTRY.search(fields.text(event.params, "proxy_info", 1000) or "")
        self._proxy = redact_url(match[1].rpartition("@")[2])[:200] if match else self._proxy

    def _socket(self, event: Event) -> None:
        item = self._of(event) if event.ends and event.of == "SOCKET" else None
        if item is not None:
            item.ended = event.time

    def _tcp(self, event: Event) -> None:
        item = self._of(event) or self._begin(event)
        if event.begins:
            item.tcp_begun = event.time
            for text in fields.texts(event.params, "address_list") or []:
                address, _ = endpoint(text)
                if address and address not in item.addresses[:_MAX_ADDRESSES]:
                    item.addresses.append(address)
            item.address = item.address or next(iter(item.addresses), None)
        elif event.ends and (error := self._constants.failure(event)):
            item.fail(error)
        elif event.ends:
            address, _ = endpoint(fields.text(event.params, "remote_address", 100))
            local = fields.text(event.params, "local_address", 100)
            local = local or fields.text(event.params, "source_address", 100)
            item.address = address or item.address
            item.local_port = endpoint(local)[1]
            item.tcp_ms = _span(item.tcp_begun, event.time)

    def _tls(self, event: Event) -> None:
        item = self._of(event)
        if item is None:
            return
        if event.begins:
            item.tls_begun = event.time
        elif event.ends and (error := self._constants.failure(event)):
            if "ERR_CERT_" in error:
                item.verified = False
            item.fail(error)
        elif event.ends:
            version = fields.text(event.params, "version", 30)
            item.tls_ms = _span(item.tls_begun, event.time)
            item.tls_version = version.replace("TLS ", "TLSv") if version else None
            item.alpn = fields.text(event.params, "next_proto", 30) or None

    def _certificates(self, event: Event) -> None:
        chain = event.params.get("certificates")
        item = self._of(event)
        if item is not None and isinstance(chain, list) and chain:
            item.certificate = certificate_facts(chain)

    def _asked(self, event: Event) -> None:
        """The request to a proxy names the host, where no job was logged that does."""
        item = self._of(event)
        line = _CONNECT_LINE.match(fields.text(event.params, "line", 300) or "")
        if item is not None and line:
            item.via = item.via or self._proxy or "unknown"
            item.be_for(line[1])

    def _tunnel(self, event: Event) -> None:
        item = self._of(event)
        lines = fields.texts(event.params, "headers") or [""]
        status = _STATUS_LINE.match(lines[0])
        if item is not None and status and int(status[1]) >= 400:
            item.error, item.stage = f"{REFUSED} {status[1]}", "proxy"

    def _broken(self, event: Event) -> None:
        item = self._of(event)
        error = self._constants.failure(event)
        if item is None or error is None or item.error is not None:
            return
        if item.tls_ms is not None or (item.tls_begun is None and item.tcp_ms is not None):
            item.error = error  # it had been open
            item.closed_by = "server" if "ERR_CONNECTION_" in error else None

    def _write(self, source: int) -> None:
        item = self._open.pop(source)
        if item.host is None and item.address is None and item.error is None:
            return
        row: dict[str, object] = {
            "source": self._name,
            "connection": _flow(source),
            "started": item.started,
            "host": item.host,
            "port": item.port,
            "address": item.address,
            "addresses": item.addresses[:_MAX_ADDRESSES] or None,
            "local_port": item.local_port,
            "via": item.via,
            "tcp_ms": item.tcp_ms,
            "tls_ms": item.tls_ms,
            "tls_version": item.tls_version,
            "alpn": item.alpn,
            "verified": item.verified,
            "error": item.error,
            "error_stage": item.stage,
            "ended": item.ended,
            "closed_by": item.closed_by,
        }
        self.rows.add(row | dict(item.certificate))


def _flow(source: int) -> str:
    return f"netlog-{source}"


def _span(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(max(0.0, end - start) * 1000, 3)
