"""NetLogs made for tests, with numbers of their own for types, sources and errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analysis.model.frames import Tables
from analysis.read import read_source

START = 1_700_000_000.0
TICKS = 5000
"""What the machine's tick counter says at START."""

ERRORS = {
    "ERR_ABORTED": -3,
    "ERR_BLOCKED_BY_CLIENT": -20,
    "ERR_CONNECTION_RESET": -101,
    "ERR_CONNECTION_REFUSED": -102,
    "ERR_NAME_NOT_RESOLVED": -105,
    "ERR_TUNNEL_CONNECTION_FAILED": -111,
    "ERR_PROXY_CONNECTION_FAILED": -130,
    "ERR_WS_UPGRADE": -173,
    "ERR_CERT_AUTHORITY_INVALID": -202,
}
PHASES = {"PHASE_NONE": 0, "PHASE_BEGIN": 1, "PHASE_END": 2}
EDGE = ["server: cloudflare", "cf-ray: 8f0a0a0a0a0a0a0a-SIN"]


class NetLog:
    """A log that grows event by event; `first` moves all numbers, as versions of Chromium do."""

    def __init__(self, first: int = 10) -> None:
        self._first = first
        self._types: dict[str, int] = {}
        self._sources: dict[str, int] = {}
        self.events: list[dict[str, Any]] = []
        self.extra: dict[str, Any] = {}
        self.polled: object = None

    def add(
        self, kind: str, source: int, of: str, at: float, phase: str = "NONE", **params: Any
    ) -> NetLog:
        """One event `at` seconds after START."""
        event: dict[str, Any] = {
            "phase": PHASES[f"PHASE_{phase}"],
            "source": {
                "id": source,
                "start_time": str(TICKS),
                "type": _number(self._sources, of, self._first),
            },
            "time": str(TICKS + round(at * 1000)),
            "type": _number(self._types, kind, self._first),
        }
        self.events.append({"params": params, **event} if params else event)
        return self

    def span(
        self, kind: str, source: int, of: str, start: float, end: float, **params: Any
    ) -> NetLog:
        """Begin and end; `net_error` belongs to the end, as `params` to the beginning."""
        outcome = {"net_error": params.pop("net_error")} if "net_error" in params else {}
        self.add(kind, source, of, start, "BEGIN", **params)
        return self.add(kind, source, of, end, "END", **outcome)

    @property
    def constants(self) -> dict[str, Any]:
        return {
            "clientInfo": {"name": "Chromium", "version": "156.0.1.2", "os_type": "Linux: 6.1"},
            "logCaptureMode": "Default",
            "logEventPhase": PHASES,
            "logEventTypes": self._types,
            "logFormatVersion": 1,
            "logSourceType": self._sources,
            "netError": ERRORS,
            "secureDnsMode": {"Automatic": 1, "Off": 0, "Secure": 2},
            "timeTickOffset": round(START * 1000) - TICKS,
            **self.extra,
        }

    def text(self) -> str:
        """As Chromium writes it: the constants, a line for each event, the end."""
        lines = [_json(event) for event in self.events]
        head = f'{{"constants":{_json(self.constants)},\n"events": [\n'
        if self.polled is None:
            return head + ",\n".join(lines) + "]}\n"
        return head + ",\n".join(lines) + f'],\n"polledData": {_json(self.polled)}}}\n'

    def whole(self) -> str:
        """The same on one line, as another program may write it."""
        return json.dumps({"constants": self.constants, "events": self.events})

    def read(self, folder: Path) -> Tables:
        return read_text(self.text(), folder)


def read_text(text: str | bytes, folder: Path) -> Tables:
    path = folder / "netlog.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_source(path)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _number(known: dict[str, int], name: str, first: int) -> int:
    return known.setdefault(name, first + len(known))


def request(
    log: NetLog,
    source: int,
    url: str,
    at: float = 0.0,
    *,
    status: int | None = 200,
    error: int | None = None,
    kind: str = "text/javascript",
    dest: str = "script",
    request_headers: tuple[str, ...] = (),
    headers: tuple[str, ...] = (),
    initiator: str = "https://chatgpt.com",
) -> NetLog:
    """A request over HTTP/2 that took a tenth of a second; without status it was never sent."""
    of = "URL_REQUEST"
    log.add("REQUEST_ALIVE", source, of, at, "BEGIN", url=url)
    log.add(
        "URL_REQUEST_START_JOB",
        *(source, of, at, "BEGIN"),
        **{"initiator": initiator, "method": "GET", "request_type": "other", "url": url},
    )
    if status is not None:
        log.add("HTTP_TRANSACTION_SEND_REQUEST", source, of, at + 0.01, "BEGIN")
        sent = [":method: GET", ":path: /", f"sec-fetch-dest: {dest}", *request_headers]
        log.add("HTTP_TRANSACTION_HTTP2_SEND_REQUEST_HEADERS", source, of, at + 0.01, headers=sent)
        log.add("HTTP_TRANSACTION_SEND_REQUEST", source, of, at + 0.02, "END")
        came = [f"HTTP/1.1 {status}", f"content-type: {kind}", *EDGE, *headers]
        log.add("HTTP_TRANSACTION_READ_RESPONSE_HEADERS", source, of, at + 0.05, headers=came)
        log.add("URL_REQUEST_JOB_FILTERED_BYTES_READ", source, of, at + 0.08, byte_count=100)
    outcome = {} if error is None else {"net_error": error}
    return log.add("REQUEST_ALIVE", source, of, at + 0.1, "END", **outcome)


def socket(log: NetLog, job: int, host: str, at: float = 0.0, **tls: Any) -> NetLog:
    """A connect job with its socket (`job` + 1) that reached TLS at 104.18.32.47."""
    number = job + 1
    of = "SSL_CONNECT_JOB"
    log.add("CONNECT_JOB", job, of, at, "BEGIN")
    group = f"https://{host} <https://chatgpt.com same_site>"
    log.add("SOCKET_POOL_CONNECT_JOB_CREATED", job, of, at, group_id=group)
    log.add("SSL_CONNECT_JOB_CONNECT", job, of, at, "BEGIN")
    bond = {"id": job, "type": 1}
    log.add("SOCKET_ALIVE", number, "SOCKET", at, "BEGIN", source_dependency=bond)
    place = "104.18.32.47:443"
    log.add("TCP_CONNECT", number, "SOCKET", at, "BEGIN", address_list=[place])
    ends = {"local_address": "192.0.2.7:50000", "remote_address": place}
    log.add("TCP_CONNECT", number, "SOCKET", at + 0.02, "END", **ends)
    log.add("SSL_CONNECT", number, "SOCKET", at + 0.02, "BEGIN")
    outcome = {"next_proto": "h2", "version": "TLS 1.3", **tls}
    log.add("SSL_CONNECT", number, "SOCKET", at + 0.05, "END", **outcome)
    failed = {"net_error": tls["net_error"]} if "net_error" in tls else {}
    return log.add("SSL_CONNECT_JOB_CONNECT", job, of, at + 0.05, "END", **failed)


def page(log: NetLog, source: int = 100) -> NetLog:
    """ChatGPT's document, its connection and a few scripts that came."""
    socket(log, 2, "chatgpt.com")
    url = "https://chatgpt.com/"
    request(log, source, url, kind="text/html", dest="document", initiator="not an origin")
    for number in range(4):
        asked = f"https://chatgpt.com/cdn/assets/chunk{number}-abc.js"
        request(log, source + 1 + number, asked, 0.2 + number / 100)
    return log
