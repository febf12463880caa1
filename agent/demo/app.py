"""The demo service as an ASGI application: which request gets which answer."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.demo import api, pages
from agent.demo.asgi import Receive, Request, Scope, Send, read_request, respond, start
from agent.demo.turns import ANSWERS, Turn, answer_frames, gap_seconds, hand_off_frames
from agent.demo.updates import LiveTurn, UpdatesSocket

_JSON = "application/json"
STREAM = "text/event-stream; charset=utf-8"
_SOCKET_PATH = f"/p18/ws/user/{api.USER_ID}"


@dataclass(frozen=True, slots=True)
class Faults:
    """What the service itself does wrong.

    `drop_websocket_after` resets the TCP connection below the websocket after so many live
    items of the handed-over turn, and every later websocket as soon as it subscribes.
    """

    drop_websocket_after: int | None = None


class DemoApp:
    """Application state of one service.

    `public_port` and `websocket_port` are the ports that its URLs carry; `abort` resets the
    connection of a client address. `sse_sent` has the Unix time in seconds at which each event
    of the latest inline answer was sent, `requests` what was asked: (HTTP version, method, host,
    path), `secrets` every token, cookie value and signature that was given out. `outcome` is what
    the page reported, after `done` is set.
    """

    def __init__(self, faults: Faults, abort: Callable[[tuple[str, int]], None]) -> None:
        self.public_port = 443
        self.websocket_port: int | None = None
        self.done = threading.Event()
        self.outcome: dict[str, Any] = {}
        self.sse_sent: list[float] = []
        self.requests: list[tuple[str, str, str, str]] = []
        self.failures: list[Exception] = []
        self.secrets: set[str] = set()
        self._faults = faults
        self.abort = abort
        self._turns = 0
        self._drops = 0
        self.live: dict[str, LiveTurn] = {}
        self._producers: set[asyncio.Task[None]] = set()
        self._answers = api.static_answers()
        self.secrets.update(
            value
            for answer in self._answers.values()
            for name, value in answer.items()
            if name.lower().endswith("token")
        )

    @property
    def page_url(self) -> str:
        """The address of the page."""
        return self.origins()["page"] + "/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry point."""
        try:
            if scope["type"] == "http":
                await self.http(await read_request(scope, receive), send)
            elif scope["type"] == "websocket":
                await self.websocket(scope, receive, send)
            else:
                await self._lifespan(receive, send)
        except Exception as error:
            self.failures.append(error)
            raise

    async def http(self, request: Request, send: Send) -> None:
        """Answer one request."""
        self.requests.append((request.http_version, request.method, request.host, request.path))
        asset = pages.assets().get(request.path)
        route = (request.method, request.path)
        if asset is not None and request.method == "GET":
            await respond(send, 200, api.edge_headers(asset.content_type, cached=True), asset.body)
        elif route == ("GET", "/"):
            await self.document(send)
        elif route == ("GET", "/cdn-cgi/trace"):
            text = api.trace(request.host, request.client, request.http_version)
            await respond(send, 200, api.edge_headers("text/plain", cached=False), text.encode())
        elif route == ("POST", "/backend-api/f/conversation"):
            await self.conversation(request, send)
        elif route == ("POST", "/demo/done"):
            await self._finish(request, send)
        elif request.method == "OPTIONS":
            await respond(send, 204, [*self.cross_origin(), ("access-control-max-age", "600")])
        else:
            await self._json(request, send)

    async def document(self, send: Send) -> None:
        """The page itself; a new session begins with it."""
        self._turns = 0
        headers, body = self.page()
        await respond(send, 200, headers, body)

    def page(self) -> tuple[list[tuple[str, str]], bytes]:
        """Headers, policy and cookies among them, and text of the page."""
        nonce = secrets.token_urlsafe(12)
        origins = self.origins()
        headers = [
            *api.edge_headers("text/html; charset=utf-8", cached=False),
            ("content-security-policy", pages.content_security_policy(origins, nonce)),
            *(cookies := api.cookies()),
        ]
        self.secrets.update(value.partition(";")[0].partition("=")[2] for _, value in cookies)
        return headers, pages.document(origins, nonce)

    async def _json(self, request: Request, send: Send) -> None:
        headers = api.edge_headers(_JSON, cached=False)
        status, value = 200, self._answers.get((request.method, request.path))
        if request.path == "/backend-api/celsius/ws/user":
            verify = f"{int(time.time())}-{secrets.token_urlsafe(24)}"
            self.secrets.add(verify)
            value = {"websocket_url": f"{self.origins()['ws']}{_SOCKET_PATH}?verify={verify}"}
        elif request.path.endswith("/stream_status"):
            streaming = any(not live.finished for live in self.live.values())
            value = {"status": "IS_STREAMING" if streaming else "COMPLETE"}
        elif value is None:
            status, value = 404, {"detail": "Not Found"}
        if request.host.startswith("ab."):
            headers += self.cross_origin()
        await respond(send, status, headers, json.dumps(value).encode())

    async def conversation(self, request: Request, send: Send) -> None:
        """Odd turns are answered inline, even ones are handed over to the websocket."""
        turn = Turn(str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4()))
        inline = self.is_inline(self._turns)
        text = ANSWERS[0 if inline else 1]
        self._turns += 1
        frames = answer_frames(turn, text, by_websocket=not inline)
        if not inline:
            live = self.live[turn.topic] = LiveTurn(turn, frames)
            producer = asyncio.create_task(live.produce())
            self._producers.add(producer)
            producer.add_done_callback(self._producers.discard)
            frames = hand_off_frames(turn)
        sent: list[float] = []
        if inline:
            self.sse_sent = sent  # before the first goes out: its reader may be done before us
        await self.stream(request, send, frames, sent)

    def is_inline(self, number: int) -> bool:
        """Whether turn `number`, from 0, is answered in its own event stream."""
        return number % 2 == 0

    async def stream(
        self, request: Request, send: Send, frames: list[str], sent: list[float]
    ) -> None:
        """Send the frames of a turn as server-sent events; `sent` gets the time of each."""
        await start(send, 200, api.edge_headers(STREAM, cached=False))
        for number, frame in enumerate(frames):
            await asyncio.sleep(gap_seconds(number))
            sent.append(time.time())
            await send({"type": "http.response.body", "body": frame.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _finish(self, request: Request, send: Send) -> None:
        try:
            outcome = json.loads(request.body)
        except ValueError:
            outcome = None
        if not isinstance(outcome, dict):
            await respond(send, 400, api.edge_headers(_JSON, cached=False), b"{}")
            return
        await respond(send, 200, api.edge_headers(_JSON, cached=False), b"{}")
        self.outcome = outcome
        self.done.set()

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One websocket, from its upgrade to its end."""
        if scope["path"] != _SOCKET_PATH:
            await receive()
            await send({"type": "websocket.close"})
            return
        host, port = scope["client"][:2]
        await self.updates(lambda: self.abort((host, port))).run(scope, receive, send)

    def updates(self, drop: Callable[[], None]) -> UpdatesSocket:
        """The server's end of a new websocket; `drop` cuts the transport below it."""
        return UpdatesSocket(self.live, drop=drop, drop_after=self._next_drop)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for producer in tuple(self._producers):
            producer.cancel()
        await asyncio.gather(*self._producers, return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})

    def _next_drop(self) -> int | None:
        if self._faults.drop_websocket_after is None:
            return None
        self._drops += 1
        return self._faults.drop_websocket_after if self._drops == 1 else 0

    def origins(self) -> dict[str, str]:
        """The origin of each sub-service, under `page`, `ab`, `cdn` and `ws`."""

        def origin(scheme: str, host: str, port: int) -> str:
            return f"{scheme}://{host}" + ("" if port == 443 else f":{port}")

        return {
            "page": origin("https", "chatgpt.com", self.public_port),
            "ab": origin("https", "ab.chatgpt.com", self.public_port),
            "cdn": origin("https", "cdn.oaistatic.com", self.public_port),
            "ws": origin("wss", "ws.chatgpt.com", self.websocket_port or self.public_port),
        }

    def cross_origin(self) -> list[tuple[str, str]]:
        """Headers that let the page read an answer of another origin."""
        return [
            ("access-control-allow-origin", self.origins()["page"]),
            ("access-control-allow-headers", "content-type"),
            ("access-control-allow-methods", "GET, POST"),
            ("vary", "Origin"),
        ]
