"""Writes a session down as the HAR of Chrome, Firefox, Safari, Charles, Fiddler or mitmproxy."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from session import Session
from session_failures import chrome, mitmproxy, safari
from session_parts import Exchange

CREATORS = {
    "chrome": ("WebInspector", "537.36"),
    "firefox": ("Firefox", "151.0"),
    "safari": ("WebKit Web Inspector", "1.0"),
    "charles": ("Charles Proxy", "5.0.2"),
    "fiddler": ("Fiddler", "5.0.20253.3311"),
    "mitmproxy": ("mitmproxy", "12.2.3"),
}
PRIORITY = {"document": "VeryHigh", "stylesheet": "VeryHigh", "script": "High", "fetch": "High"}
PROTOCOL = {
    "chrome": {"h3": "h3", "h2": "http/2.0", "h1": "http/1.1"},
    "firefox": {"h3": "HTTP/3", "h2": "HTTP/2", "h1": "HTTP/1.1"},
}
LOCAL = ("client-blocked", "csp", "policy")


def save_har(session: Session, path: Path, writer: str) -> Path:
    """Writes the session in the dialect of `writer`, a key of CREATORS."""
    seen: dict[str, int] = {}
    entries = [
        _entry(session, made, writer, seen)
        for made in sorted(session.exchanges, key=lambda made: made.at)
        if not (made.error in LOCAL and writer in ("charles", "fiddler", "mitmproxy"))
    ]
    name, version = CREATORS[writer]
    log: dict[str, Any] = {"version": "1.2", "creator": {"name": name, "version": version}}
    if writer == "firefox":
        log["browser"] = {"name": name, "version": version}
    if writer in ("chrome", "firefox", "safari"):
        page = {"startedDateTime": _time(session.start), "id": "page_1", "title": "ChatGPT"}
        log["pages"] = [{**page, "pageTimings": {"onContentLoad": 812.4, "onLoad": 1519.8}}]
    log["entries"] = entries
    path.write_text(json.dumps({"log": log}, ensure_ascii=False), encoding="utf-8")
    return path


def _entry(session: Session, made: Exchange, writer: str, seen: dict[str, int]) -> dict[str, Any]:
    fresh = made.host not in seen and not made.cached and made.error not in LOCAL
    if fresh and made.error not in ("name", "refused", "timeout", "offline"):
        seen[made.host] = 4_000 + len(seen)
    timings = _timings(session, made, fresh)
    entry: dict[str, Any] = {
        "startedDateTime": _time(session.start + made.at),
        "time": round(sum(value for value in timings.values() if value > 0), 3),
        "request": _request(session, made, writer),
        "response": _response(session, made, writer),
        "cache": {},
        "timings": timings,
    }
    if writer in ("chrome", "firefox", "safari"):
        entry["pageref"] = "page_1"
    if made.peer and made.error not in (*LOCAL, "refused", "timeout") and not made.cached:
        entry["serverIPAddress"] = made.peer
        entry["connection"] = str(seen.get(made.host, ""))
    if writer == "chrome":
        _mark_chrome(entry, made)
    elif writer == "firefox" and made.status and made.url.startswith(("https", "wss")):
        entry["_securityState"] = "secure"
        if made.cached:
            entry["cache"] = {"afterRequest": None}
            entry["response"]["bodySize"] = 0
            entry["response"]["content"].pop("text", None)
    elif writer == "safari":
        entry["_fetchType"] = "Disk Cache" if made.cached else "Network Load"
        entry["_priority"] = PRIORITY.get(made.resource, "low").lower()
    elif writer == "charles":
        entry["request"].pop("postData", None) if not made.posted else None
        entry["response"]["_charlesStatus"] = "FAILED" if made.error else "COMPLETE"
    elif writer == "mitmproxy" and made.resource == "websocket":
        entry["_resourceType"] = "websocket"
    if made.messages and writer in ("chrome", "mitmproxy", "safari", "fiddler"):
        entry["_webSocketMessages"] = [
            {
                "type": "send" if up else "receive",
                "time": session.start + when,
                "opcode": 1,
                "data": text,
            }
            for when, up, text in made.messages
        ]
    return entry


def _mark_chrome(entry: dict[str, Any], made: Exchange) -> None:
    entry["_resourceType"] = made.resource
    entry["_priority"] = PRIORITY.get(made.resource, "Low")
    entry["_initiator"] = (
        {"type": "parser", "url": made.initiator, "lineNumber": 1}
        if made.initiator
        else {"type": "other"}
        if made.resource == "document"
        else {"type": "script", "stack": {"callFrames": [_frame(made)]}}
    )
    entry["timings"]["_blocked_queueing"] = 0.9
    if made.cached:
        entry["_fromCache"] = "disk"


def _frame(made: Exchange) -> dict[str, Any]:
    url = "https://chatgpt.com/cdn/assets/4411.0ab93c77de.js"
    return {"functionName": "", "scriptId": "41", "url": url, "lineNumber": 0, "columnNumber": 9}


def _timings(session: Session, made: Exchange, fresh: bool) -> dict[str, float]:
    """Milliseconds; −1 for what did not happen."""
    none = {"blocked": made.blocked * 1000, "dns": -1.0, "ssl": -1.0, "connect": -1.0}
    if made.cached:
        return {**none, "send": 0, "wait": 0.4, "receive": 1.1}
    if made.error in LOCAL:
        return {**none, "send": 0, "wait": 0, "receive": 0}
    lookup = made.lookup if made.lookup is not None else session.lookup
    if made.error == "name":
        return {**none, "dns": lookup * 1000, "send": 0, "wait": 0, "receive": 0}
    if made.error in ("refused", "timeout", "offline", "proxy"):
        blocked = (made.blocked + made.wait) * 1000
        return {**none, "blocked": blocked, "send": 0, "wait": 0, "receive": 0}
    parts = dict(none)
    if fresh:
        parts["dns"] = lookup * 1000
        parts["ssl"] = session.tls * 1000
        parts["connect"] = (session.connect + session.tls) * 1000
    receive = made.receive
    if made.resource == "websocket" and made.ended is not None:
        receive = made.ended - made.at
    return {**parts, "send": 0.31, "wait": made.wait * 1000, "receive": receive * 1000}


def _request(session: Session, made: Exchange, writer: str) -> dict[str, Any]:
    target = urlsplit(made.url)
    headers = {"accept": "*/*", "accept-language": session.language, "user-agent": session.agent}
    headers |= made.asked
    if writer in ("chrome", "firefox"):  # both leave secrets out since 2024
        headers = {key: headers[key] for key in headers if key not in ("authorization", "cookie")}
    if writer == "chrome" and made.status and session.protocol != "h1":
        pseudo = {":authority": made.host, ":method": made.method, ":path": target.path}
        headers = {**pseudo, ":scheme": "https", **headers}
    request: dict[str, Any] = {
        "method": made.method,
        "url": made.url,
        "httpVersion": _protocol(session, made, writer),
        "cookies": [],
        "headers": _pairs(headers),
        "queryString": [{"name": name, "value": value} for name, value in parse_qsl(target.query)],
        "headersSize": sum(len(k) + len(v) + 4 for k, v in headers.items())
        if writer in ("firefox", "fiddler", "mitmproxy")
        else -1,
        "bodySize": len(made.posted),
    }
    if made.posted:
        request["postData"] = {"mimeType": "application/json", "text": made.posted.decode()}
    return request


def _response(session: Session, made: Exchange, writer: str) -> dict[str, Any]:
    headers = {}
    if made.status:
        date = formatdate(session.start + made.at + made.wait, usegmt=True)
        headers = {"date": date, "content-type": made.mime, **made.headers}
        if made.status == 101:
            headers.pop("content-type")
    content: dict[str, Any] = {"size": len(made.body), "mimeType": made.mime if made.status else ""}
    if made.status and made.body:
        try:
            content["text"] = made.body.decode()
        except UnicodeDecodeError:
            content |= {"text": base64.b64encode(made.body).decode(), "encoding": "base64"}
    if writer == "chrome" and not made.status:
        content = {"size": 0, "mimeType": "x-unknown"}
    response: dict[str, Any] = {
        "status": made.status,
        "statusText": _phrase(made.status) if session.protocol == "h1" else "",
        "httpVersion": _protocol(session, made, writer) if made.status else "",
        "cookies": [],
        "headers": _pairs(headers),
        "content": content,
        "redirectURL": made.headers.get("location", ""),
        "headersSize": -1,
        "bodySize": len(made.body) if made.status and not made.cached else -1,
    }
    if writer == "chrome":
        response["_transferSize"] = 0 if made.cached or not made.status else len(made.body) + 310
        response["_error"] = chrome(made.error) if made.error else None
        response["_fetchedViaServiceWorker"] = False
    elif writer == "safari":
        response["_transferSize"] = len(made.body)
        if made.error:
            response["_error"] = safari(made.error)
    elif writer == "mitmproxy" and made.error:
        response["_error"] = mitmproxy(made.error, made.peer)
    return response


def _protocol(session: Session, made: Exchange, writer: str) -> str:
    if made.resource == "websocket":
        return "http/1.1" if writer == "chrome" else "HTTP/1.1"
    named = PROTOCOL.get(writer, PROTOCOL["firefox"])
    return named[session.protocol]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _time(moment: float) -> str:
    return (
        datetime.fromtimestamp(moment, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def _pairs(headers: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers.items()]
