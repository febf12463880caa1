"""Builds HAR files as Chrome saves them: sanitized, so without cookies and authorization."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

START = 1_790_000_000.0
EDGE, WS_EDGE, BLOB = "104.18.32.47", "104.18.39.21", "20.60.10.4"
JSON, HTML, JS = "application/json", "text/html; charset=utf-8", "text/javascript"
BUILD = "prod-4f1c0a9be2d37568a1b2c3d4e5f60718293a4b5c"
CHUNKS = ("2340486e-ochsjnnr5ckjjz3o.js", "7078.b973546175.js", "9c1f22aa-k3l4m5n6o7p8q9r0.js")
DOCUMENT = (
    f'<!DOCTYPE html><html lang="en-US" data-build="{BUILD}"><head><title>ChatGPT</title>'
    '<link rel="stylesheet" href="/cdn/assets/root-lk3j4h5g.css">'
    + "".join(f'<link rel="modulepreload" href="/cdn/assets/{name}">' for name in CHUNKS)
    + f'<script type="module" src="/cdn/assets/{CHUNKS[0]}"></script></head>'
    '<body><div id="root">ChatGPT</div></body></html>'
)
STREAM = "".join(
    f"{line}\n\n"
    for line in (
        'event: delta_encoding\ndata: "v1"',
        'event: delta\ndata: {"p":"","o":"add","v":{"message":{},"error":null},"c":0}',
        'event: delta\ndata: {"p":"/message/content/parts/0","o":"append","v":"x"}',
        'data: {"type":"message_stream_complete","conversation_id":"c"}',
        "data: [DONE]",
    )
)


@dataclass
class Har:
    """A HAR in the making; times are seconds from its start."""

    entries: list[dict[str, Any]] = field(default_factory=list)

    def ask(
        self,
        at: float,
        url: str,
        status: int = 200,
        body: str = "{}",
        kind: str = JSON,
        *,
        method: str = "GET",
        error: str | None = None,
        edge: bool = True,
        headers: dict[str, str] | None = None,
        request: dict[str, str] | None = None,
        posted: str | None = None,
        resource: str = "fetch",
        initiator: str | None = None,
        took: float = 0.12,
        address: str | None = EDGE,
        messages: list[dict[str, Any]] | None = None,
        length: int | None = None,
        cached: bool = False,
    ) -> dict[str, Any]:
        """One entry; `error` is Chrome's net error of a request without an answer."""
        when = START + at
        answer = {"date": _http_date(when + took), "content-type": kind}
        if edge:
            answer |= {"server": "cloudflare", "cf-ray": f"9a1b2c3d4e5f{len(self.entries):04x}-SIN"}
        answer |= headers or {}
        failed = error is not None and status in (0, 200)
        if failed:
            status, answer, body = 0, {}, ""
        asked = {"user-agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/141.0.0.0", **(request or {})}
        query = parse_qsl(urlsplit(url).query)
        entry: dict[str, Any] = {
            "_connectionId": None if failed else "812",
            "_initiator": {"type": "script" if initiator else "other", "url": initiator or ""},
            "_priority": "High",
            "_resourceType": resource,
            "cache": {},
            "connection": None if failed else "443",
            "request": {
                "method": method,
                "url": url,
                "httpVersion": "http/2.0",
                "headers": _pairs(asked),
                "queryString": [{"name": name, "value": value} for name, value in query],
                "cookies": [],
                "headersSize": -1,
                "bodySize": len(posted or ""),
            },
            "response": {
                "status": status,
                "statusText": "",
                "httpVersion": "" if failed else "http/2.0",
                "headers": _pairs(answer),
                "cookies": [],
                "content": {
                    "size": len(body) if length is None else length,
                    "mimeType": "x-unknown" if failed else kind.partition(";")[0],
                    **({"text": body} if body else {}),
                },
                "redirectURL": answer.get("location", ""),
                "headersSize": -1,
                "bodySize": -1,
                "_transferSize": 0 if failed else len(body) + 200,
                "_error": error,
            },
            "serverIPAddress": "" if failed or address is None else address,
            "startedDateTime": datetime.fromtimestamp(when, UTC).isoformat().replace("+00:00", "Z"),
            "time": took * 1000,
            "timings": {
                "blocked": 1.0,
                "dns": -1,
                "ssl": -1,
                "connect": -1,
                "send": 0.2,
                "wait": took * 900,
                "receive": took * 100,
                "_blocked_queueing": 0.5,
            },
        }
        if posted is not None:
            entry["request"]["postData"] = {"mimeType": JSON, "text": posted}
        if cached:
            entry["_fromCache"] = "disk"
        if messages is not None:
            entry["_webSocketMessages"] = messages
        self.entries.append(entry)
        return entry

    def api(self, at: float, path: str, status: int = 200, body: str = "{}", **more: Any) -> None:
        """A request of the page to the service's own interface."""
        more.setdefault("initiator", f"https://chatgpt.com/cdn/assets/{CHUNKS[0]}")
        self.ask(at, f"https://chatgpt.com{path}", status, body, **more)

    def page(self, at: float = 0.0, body: str = DOCUMENT, **more: Any) -> None:
        more = {"kind": HTML, "resource": "document", **more}
        self.ask(at, "https://chatgpt.com/", body=body, **more)

    def assets(self, at: float = 0.3, without: tuple[str, ...] = ()) -> None:
        """The styles and scripts of DOCUMENT."""
        base = "https://chatgpt.com/cdn/assets/"
        self.ask(at, f"{base}root-lk3j4h5g.css", body="a{}", kind="text/css", resource="stylesheet")
        for name in CHUNKS:
            if name not in without:
                self.ask(at, base + name, body="export{}", kind=JS, resource="script")

    def calls(self, at: float = 1.0) -> None:
        """What the page asks for when it starts."""
        self.api(at, "/api/auth/session", body='{"expires":"2026-12-01T00:00:00Z"}')
        self.api(at + 0.2, "/backend-api/me")
        self.api(at + 0.2, "/backend-api/models")
        self.api(at + 0.3, "/backend-api/conversations?offset=0&limit=28&order=updated")
        self.ask(at + 0.3, "https://ab.chatgpt.com/v1/initialize", method="POST")
        self.api(at + 0.4, "/ces/v1/t", 202, method="POST")

    def socket(self, at: float = 2.0, status: int = 101, **more: Any) -> None:
        """The user's websocket; open with two messages unless `status` says otherwise."""
        said = [
            {"type": "send", "time": START + at + 0.2, "opcode": 1, "data": '[{"id":1}]'},
            {
                "type": "receive",
                "time": START + at + 0.3,
                "opcode": 1,
                "data": '[{"type":"reply"}]',
            },
        ]
        more.setdefault("messages", said if status == 101 else None)
        upgrade = {"upgrade": "websocket", "connection": "Upgrade"}
        url = "wss://ws.chatgpt.com/p18/ws/user/user-x?verify=1790000000-abcdef"
        more = {"resource": "websocket", "address": WS_EDGE, "request": upgrade, **more}
        self.ask(at, url, status, "", "text/plain", **more)

    def turn(self, at: float = 5.0, body: str = STREAM, **more: Any) -> None:
        """A message is sent and answered."""
        if at >= 0:
            self.api(at, "/backend-api/sentinel/chat-requirements/prepare", method="POST")
            self.api(at + 0.2, "/backend-api/f/conversation/prepare", method="POST")
        more = {"kind": "text/event-stream; charset=utf-8", "took": 3.0, **more}
        self.api(at + 0.4, "/backend-api/f/conversation", body=body, method="POST", **more)

    def visit(self) -> None:
        """A healthy start: page, scripts, first calls, websocket."""
        self.page()
        self.assets()
        self.calls()
        self.socket()

    def save(self, path: Path) -> Path:
        self.entries.sort(key=lambda entry: str(entry["startedDateTime"]))
        creator = {"name": "WebInspector", "version": "537.36"}
        page = {"id": "page_1", "title": "https://chatgpt.com/", "pageTimings": {}}
        page["startedDateTime"] = self.entries[0]["startedDateTime"]
        for entry in self.entries:
            entry["pageref"] = "page_1"
        log = {"version": "1.2", "creator": creator, "pages": [page], "entries": self.entries}
        path.write_text(json.dumps({"log": log}, indent=1), encoding="utf-8")
        return path


def _pairs(headers: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers.items()]


def _http_date(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
