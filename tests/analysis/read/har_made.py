"""HAR files as Chromium would write them, made for the tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

START = 1_750_000_000.0
CHROME = {"name": "WebInspector", "version": "537.36"}

type Entry = dict[str, Any]


def entry(
    url: str,
    *,
    at: float = 0.0,
    status: int = 200,
    kind: str = "text/javascript",
    text: str | None = None,
    error: str | None = None,
    resource: str = "script",
    headers: Mapping[str, str] | None = None,
    timings: dict[str, float] | None = None,
    **more: object,
) -> Entry:
    """One entry that began `at` seconds after START; it took 60 ms unless `timings` differ."""
    listed: dict[str, float] = dict.fromkeys(("dns", "connect", "ssl"), -1.0)
    listed |= {"blocked": 1.0, "send": 1.0, "wait": 50.0, "receive": 8.0} | (timings or {})
    content: Entry = {"size": len(text or ""), "mimeType": kind if status else "x-unknown"}
    if text is not None:
        content["text"] = text
    answered = [{"name": "content-type", "value": kind}] if status else []
    answered += [{"name": name, "value": value} for name, value in (headers or {}).items()]
    return {
        "_initiator": {"type": "parser", "url": "https://chatgpt.com/", "lineNumber": 3},
        "_priority": "High",
        "_resourceType": resource,
        "cache": {},
        "connection": "4711",
        "request": {
            "method": "GET",
            "url": url,
            "httpVersion": "h2",
            "headers": [{"name": ":authority", "value": "chatgpt.com"}],
            "queryString": [],
            "cookies": [],
            "headersSize": -1,
            "bodySize": 0,
        },
        "response": {
            "status": status,
            "statusText": "",
            "httpVersion": "h2" if status else "",
            "headers": answered,
            "cookies": [],
            "content": content,
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
            "_transferSize": 0,
            "_error": error,
        },
        "serverIPAddress": "104.18.32.47" if status else "",
        "startedDateTime": stamp(at),
        "time": sum(value for name, value in listed.items() if value > 0 and name != "ssl"),
        "timings": listed,
        **more,
    }


def stamp(at: float) -> str:
    return datetime.fromtimestamp(START + at, UTC).isoformat().replace("+00:00", "Z")


def page(scripts: Iterable[str], *, at: float = 0.0, **more: Any) -> Entry:
    """ChatGPT's document, which names `scripts`."""
    named = "".join(f'<script src="{script}"></script>' for script in scripts)
    return entry(
        "https://chatgpt.com/",
        at=at,
        kind="text/html; charset=utf-8",
        text=f'<!doctype html><html data-build="b1"><title>ChatGPT</title>{named}</html>',
        resource="document",
        headers={"cf-ray": "9abc-AMS"},
        **more,
    )


def socket(messages: Iterable[tuple[str, float, str]], **more: Any) -> Entry:
    """A websocket; each message is its direction, seconds after START and text."""
    return entry(
        "wss://ws.chatgpt.com/p1/ws/user/u-1?verify=1234567890-abcdefghij",
        status=more.pop("status", 101),
        kind="",
        resource="websocket",
        _webSocketMessages=[
            {"type": kind, "time": START + at, "opcode": 1, "data": data}
            for kind, at, data in messages
        ],
        **more,
    )


def write_har(path: Path, entries: Iterable[object], **log: object) -> Path:
    whole = {"version": "1.2", "creator": CHROME, "pages": [], "entries": list(entries), **log}
    path.write_text(json.dumps({"log": whole}), encoding="utf-8")
    return path
