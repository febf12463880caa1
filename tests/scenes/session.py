"""A browser's session with ChatGPT as a list of exchanges, whatever tool records it.

Drawn from the published notes on how the web app talks, apart from the other
scenes: the writers beside this file put the same session down as a browser's,
a proxy's or mitmproxy's record.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any, Unpack

from session_parts import ASSETS, BOOT, CSS, SDK, Exchange, Options, document, sse, text_events

EDGE = ("104.18.32.47", "172.64.155.209")
SOCKET_EDGE = ("104.18.39.21", "172.64.148.235")
STORE = "20.60.88.132"
WS_URL = "wss://ws.chatgpt.com/p7/ws/user/user-Kx2?verify=1790000000-c2lnbmF0dXJl"
ELSEWHERE = {"o33249.ingest.sentry.io": "34.160.81.0", "js.stripe.com": "151.101.0.176"}


@dataclass
class Session:
    """What one person did; times are seconds after `start`."""

    seed: int = 1
    start: float = 1_791_203_417.0
    colo: str = "AMS"
    language: str = "en-US"
    agent: str = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/149.0.0.0 Safari/537.36"
    )
    connect: float = 0.014
    tls: float = 0.019
    lookup: float = 0.011
    protocol: str = "h2"
    issuer: tuple[str, str] = ("Google Trust Services", "WE1")
    proxy: str | None = None
    build: str = "prod-7e0b19c2d3f4a5968778695a4b3c2d1e0f9a8b7c"
    exchanges: list[Exchange] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def ray(self) -> str:
        return f"{self.random.getrandbits(64):016x}-{self.colo}"

    def uuid(self) -> str:
        bits = f"{self.random.getrandbits(128):032x}"
        return "-".join((bits[:8], bits[8:12], bits[12:16], bits[16:20], bits[20:]))

    def address(self, host: str) -> str:
        """Where the name leads."""
        if host.endswith("oaiusercontent.com"):
            return STORE
        if host.startswith("ws."):
            return SOCKET_EDGE[self.seed % 2]
        return ELSEWHERE.get(host, EDGE[self.seed % 2])

    def ask(self, at: float, url: str, **more: Unpack[Options]) -> Exchange:
        """One request and what came of it."""
        if url.startswith("/"):
            url = "https://chatgpt.com" + url
        edge = more.pop("edge", True)
        made = Exchange(at, url, **more)
        if made.peer is None and made.error not in ("name", "client-blocked", "csp", "policy"):
            made.peer = self.address(made.host)
        if edge and made.status:
            made.headers = {"server": "cloudflare", "cf-ray": self.ray(), **made.headers}
            if "/backend-api/" in url or "/api/auth" in url:
                known = {"cf-cache-status": "DYNAMIC", "x-oai-request-id": self.uuid()}
                made.headers = {**known, **made.headers}
            made.headers.setdefault("alt-svc", 'h3=":443"; ma=86400')
        self.exchanges.append(made)
        return made

    def api(
        self, at: float, path: str, status: int = 200, body: Any = None, **more: Any
    ) -> Exchange:
        """A call to /backend-api, or to a path of its own."""
        path = path if path.startswith(("/api", "/ces", "/v1")) else "/backend-api/" + path
        text = body if isinstance(body, bytes) else json.dumps({} if body is None else body)
        more.setdefault("wait", 0.05 + self.random.random() * 0.11)
        more.setdefault("resource", "fetch")
        more.setdefault("mime", "application/json")
        asked = {"authorization": "Bearer eyJhbGciOi.redacted.sig", "oai-language": self.language}
        more["asked"] = {**asked, **more.get("asked", {})}
        content = text if isinstance(text, bytes) else text.encode()
        return self.ask(at, path, status=status, body=content, **more)

    def page(self, at: float = 0.0, path: str = "/", **more: Any) -> Exchange:
        more.setdefault("mime", "text/html; charset=utf-8")
        more.setdefault("body", document(self.build, self.language))
        more.setdefault("wait", 0.17 + self.random.random() * 0.1)
        return self.ask(at, path, resource="document", **more)

    def asset(self, at: float, path: str, **more: Any) -> Exchange:
        """One static file of the page."""
        style = path.endswith(".css")
        more.setdefault("mime", "text/css; charset=utf-8" if style else "application/javascript")
        more.setdefault("body", b".a{color:red}" * 90 if style else b"export const a=1;" * 200)
        more.setdefault("wait", 0.012 + self.random.random() * 0.03)
        headers = {"cf-cache-status": "HIT", "cache-control": "public, max-age=31536000"}
        more["headers"] = {**headers, **more.get("headers", {})}
        return self.ask(
            at,
            path,
            resource="stylesheet" if style else "script",
            initiator="https://chatgpt.com/",
            **more,
        )

    def assets(self, at: float = 0.4, without: tuple[str, ...] = ()) -> None:
        for number, path in enumerate((CSS, *ASSETS, SDK)):
            if path not in without:
                self.asset(at + number * 0.006, path)

    def boot(self, at: float = 1.1, without: tuple[str, ...] = ()) -> None:
        """The calls of a page that starts."""
        expires = {"accessToken": "eyJ.redacted.sig", "expires": "2027-02-01T00:00:00.000Z"}
        self.api(at, "/api/auth/session", body={**expires, "user": {"id": "user-Kx2"}})
        for number, path in enumerate(BOOT):
            if path not in without:
                self.api(at + 0.2 + number * 0.017, path, body={"items": [], "total": 0})
        self.flags(at + 0.25)

    def flags(self, at: float, **more: Any) -> Exchange:
        return self.ask(
            at,
            "https://ab.chatgpt.com/v1/initialize?k=client-x",
            **{
                "method": "POST",
                "body": b'{"feature_gates":{}}',
                "mime": "application/json",
                "resource": "fetch",
                **more,
            },
        )

    def telemetry(self, at: float, number: int = 3, **more: Any) -> None:
        for n in range(number):
            self.ask(
                at + n * 2.1,
                "https://chatgpt.com/ces/v1/t",
                **{"method": "POST", "resource": "ping", "mime": "application/json", **more},
            )

    def arrive(self, at: float = 0.0, socket: bool = True) -> None:
        """The page, its files, its first calls and its websocket."""
        self.page(at)
        self.assets(at + 0.4)
        self.boot(at + 1.1)
        self.telemetry(at + 2.5)
        if socket:
            self.socket(at + 2.6)

    def sentinel(self, at: float) -> None:
        prepare = {"prepare_token": "p", "proofofwork": {"required": True, "seed": "0.1"}}
        where = "sentinel/chat-requirements/"
        self.api(at, where + "prepare", method="POST", body=prepare)
        self.api(at + 0.3, where + "finalize", method="POST", body={"token": "t"})
        self.api(
            at + 0.5, "f/conversation/prepare", method="POST", body={"conduit_token": "eyJ.c.d"}
        )

    def turn(
        self, at: float, words: int = 60, *, took: float = 4.0, guard: bool = True, **more: Any
    ) -> Exchange:
        """One question with its answer in the stream of the call itself."""
        if guard:
            self.sentinel(at)
        events = text_events(self.uuid(), words)
        more.setdefault("body", sse(events))
        more.setdefault("mime", "text/event-stream; charset=utf-8")
        more.setdefault("wait", 0.7)
        more.setdefault("receive", took)
        more.setdefault("status", 200)
        body = more.pop("body")
        status = more.pop("status")
        posted = json.dumps(
            {"action": "next", "messages": [{"content": "…"}], "model": "auto"}
        ).encode()
        return self.api(
            at + 0.8,
            "f/conversation",
            status,
            body,
            method="POST",
            posted=posted,
            **{**more, "asked": {"accept": "text/event-stream", **more.get("asked", {})}},
        )

    def socket(self, at: float, **more: Any) -> Exchange:
        """The websocket, with the call that names it."""
        if more.pop("named", True):
            self.api(at - 0.2, "celsius/ws/user", body={"websocket_url": WS_URL})
        more.setdefault("status", 101)
        more.setdefault("resource", "websocket")
        upgrade = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13"}
        more["asked"] = {
            **upgrade,
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
            "origin": "https://chatgpt.com",
            **more.get("asked", {}),
        }
        if more["status"] == 101:
            accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
            agreed = {
                "upgrade": "websocket",
                "connection": "Upgrade",
                "sec-websocket-accept": accept,
            }
            more["headers"] = {**agreed, **more.get("headers", {})}
            more.setdefault("messages", greeting(at + 0.1))
        return self.ask(at, more.pop("url", WS_URL), **more)


def greeting(at: float) -> list[tuple[float, bool, str]]:
    """(time, from the client, text) of the first frames."""
    presence = {"type": "connect", "presence": {"type": "presence", "state": "background"}}
    ask = [{"id": 1, "command": presence}]
    return [
        (at, True, json.dumps(ask)),
        (at + 0.08, False, json.dumps([{"id": 1, "reply": {"type": "connect"}}])),
    ]
