"""ChatGPT as the lab has it: the demo's service with every recipe and fault of a scene's plan."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from agent.demo import api, pages
from agent.demo.app import STREAM, DemoApp, Faults
from agent.demo.asgi import Receive, Request, Scope, Send, respond, start
from agent.demo.turns import gap_seconds
from agent.demo.updates import UpdatesSocket
from tests.lab import service_dns, service_files, service_pages
from tests.lab.service_plan import Answer, ServicePlan
from tests.lab.service_updates import LabUpdates

TELEMETRY = (
    "https://o33249.ingest.sentry.io",
    "https://rum.browser-intake-datadoghq.com",
    "https://api.oaistatsig.com",
)
FILES = "https://files.oaiusercontent.com"
STALE_CHUNK = "/cdn/assets/7c1d20aa-q0zx81mbv2k9w4ft.js"
_STATIC = ("/cdn/", "/sentinel/", "/cdn-cgi/challenge-platform/")


class LabApp(DemoApp):
    """The whole service of one scene; `pace` stretches or shrinks the gaps between events."""

    def __init__(
        self, plan: ServicePlan, abort: Callable[[tuple[str, int]], None], pace: float = 1.0
    ) -> None:
        super().__init__(Faults(), abort)
        self.plan = plan
        self.pace = pace
        self._taken: Counter[int] = Counter()
        self._inline = 0
        self._sockets = 0

    async def http(self, request: Request, send: Send) -> None:
        rule = self._rule(request)
        if rule is not None:
            await asyncio.sleep(rule.delay)
        dynamic = not request.path.startswith(_STATIC)
        if self.plan.slow and dynamic:
            await asyncio.sleep(self.plan.slow)
        if rule is not None and rule.do != "pass":
            await self._by_rule(rule, request, send)
        elif _too_many_cookies(request, self.plan.cookie_limit):
            headers = [("content-type", "text/html"), ("server", "cloudflare"), ("cf-ray", "-")]
            await respond(send, 400, headers, service_pages.COOKIES.encode())
        elif not await self._special(request, send):
            await super().http(request, send)

    def page(self) -> tuple[list[tuple[str, str]], bytes]:
        headers, body = super().page()
        wider = " ".join((*TELEMETRY, FILES, "https://*.oaiusercontent.com"))
        headers = [
            (name, value.replace("connect-src", f"connect-src {wider}").replace(*self.plan.policy))
            if name == "content-security-policy"
            else (name, value)
            for name, value in headers
        ]
        count, size = self.plan.cookies
        for _ in range(count):
            value = secrets.token_hex(size // 2)
            headers.append(
                ("set-cookie", f"conv_key_{secrets.token_hex(8)}={value}; Path=/; Secure")
            )
        if self.plan.stale:
            body = body.replace(
                pages.asset_path("markdown").encode(), STALE_CHUNK.encode()
            ).replace(pages.BUILD.encode(), b"prod-" + b"5f0c" * 10)
        return headers, body

    def is_inline(self, number: int) -> bool:
        kinds = self.plan.turns
        return kinds[min(number, len(kinds) - 1)] == "inline"

    async def stream(
        self, request: Request, send: Send, frames: list[str], sent: list[float]
    ) -> None:
        plan = self.plan.stream
        self._inline += 1
        faulty = plan.turn in {0, self._inline}
        if not faulty:
            plan = type(plan)()
        frames = _longer(frames, self.plan.answer_words)
        if plan.buffer:
            await asyncio.sleep(sum(gap_seconds(number) for number in range(len(frames))))
            headers = [*api.edge_headers(STREAM, cached=False), ("via", "1.1 proxy")]
            await respond(send, 200, headers, "".join(frames).encode())
            return
        await start(send, 200, api.edge_headers(STREAM, cached=False))
        held = ""
        for number, frame in enumerate(frames):
            await asyncio.sleep(gap_seconds(number) * self.pace)
            if number == plan.pause_at:
                await asyncio.sleep(plan.pause)
            if number == plan.cut_at:
                if not plan.clean:
                    self.abort(request.peer)
                    return
                break
            if number == plan.error_at:
                frame = _error_frame()  # noqa: PLW2901
            if plan.hold_first and number == 0:
                held = frame
                continue
            sent.append(time.time())
            body = (held + frame).encode()
            held = ""
            await send({"type": "http.response.body", "body": body, "more_body": True})
            if number == plan.error_at:
                break
        await send({"type": "http.response.body", "body": b""})

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        plan = self.plan.socket
        if plan.refuse is not None:
            await receive()
            kind = "text/html" if plan.body.startswith("<") else "application/json"
            headers = (
                api.edge_headers(kind, cached=False) if plan.edge else [("content-type", kind)]
            )
            encoded = [(name.encode(), value.encode()) for name, value in headers]
            await send(
                {
                    "type": "websocket.http.response.start",
                    "status": plan.refuse,
                    "headers": encoded,
                }
            )
            await send({"type": "websocket.http.response.body", "body": plan.body.encode()})
        elif plan.hang:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        elif plan.reset:
            self.abort(tuple(scope["client"][:2]))
        else:
            await super().websocket(scope, receive, send)

    def updates(self, drop: Callable[[], None]) -> UpdatesSocket:
        self._sockets += 1
        return LabUpdates(self.live, drop, self.plan.socket, first=self._sockets == 1)

    def _rule(self, request: Request) -> Answer | None:
        for number, rule in enumerate(self.plan.answer):
            if rule.fits(request.method, request.host, request.path):
                self._taken[number] += 1
                turn = self._taken[number] - rule.skip
                if turn > 0 and (rule.times is None or turn <= rule.times):
                    return rule
        return None

    async def _by_rule(self, rule: Answer, request: Request, send: Send) -> None:
        if rule.do == "reset":
            self.abort(request.peer)
            return
        if rule.do == "hang":
            await asyncio.Event().wait()
        headers = api.edge_headers(rule.type, cached=False) if rule.edge else []
        given = {name.lower() for name in rule.headers}
        headers = [item for item in headers if item[0] not in given]
        if not rule.edge and "content-type" not in given:
            headers.append(("content-type", rule.type))
        headers += [(name.lower(), value) for name, value in rule.headers.items()]
        if "access-control-allow-origin" not in given and request.headers.get("origin"):
            headers += service_files.cross_origin(request)
        body = rule.text().encode()
        if rule.do == "cut":
            await start(send, rule.status, [*headers, ("content-length", str(rule.length))])
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await asyncio.sleep(0.2)  # what was sent should be on the wire before the end
            self.abort(request.peer)
            return
        await respond(send, rule.status, headers, body)

    async def _special(self, request: Request, send: Send) -> bool:
        """Answers that the demo does not need; False when this is none of them."""
        if request.path == STALE_CHUNK:
            await respond(send, 404, api.edge_headers("text/html", cached=False), b"Not Found")
            return True
        if self.plan.stale and request.path == pages.asset_path("app"):
            old = pages.assets()[request.path]
            body = old.body.replace(pages.asset_path("markdown").encode(), STALE_CHUNK.encode())
            await respond(send, 200, api.edge_headers(old.content_type, cached=True), body)
            return True
        if request.path == "/cdn-cgi/trace" and self.plan.trace:
            lines = api.trace(request.host, request.client, request.http_version).splitlines()
            pairs = dict(line.partition("=")[::2] for line in lines) | self.plan.trace
            text = "".join(f"{name}={value}\n" for name, value in pairs.items())
            await respond(send, 200, api.edge_headers("text/plain", cached=False), text.encode())
            return True
        if request.path == "/api/auth/session" and not self.plan.signed_in:
            await respond(send, 200, api.edge_headers("application/json", cached=False), b"{}")
            return True
        if request.host == service_dns.HOST:
            await service_dns.answer(request, send)
            return True
        if request.host == "status.openai.com":
            value = service_pages.status(self.plan.indicator, self.plan.component)
            headers = [*api.edge_headers("application/json", cached=False)]
            headers += service_files.cross_origin(request)
            await respond(send, 200, headers, json.dumps(value).encode())
            return True
        found = service_pages.site(request.host, request.path)
        if found is not None:
            await respond(send, 200, api.edge_headers(found[0], cached=True), found[1].encode())
            return True
        return await service_files.answer(request, send, self.plan)


def _too_many_cookies(request: Request, limit: int) -> bool:
    return request.host.endswith("chatgpt.com") and len(request.headers.get("cookie", "")) > limit


def _error_frame() -> str:
    value: dict[str, Any] = {
        "message": None,
        "conversation_id": None,
        "error": "Something went wrong while generating the response.",
    }
    return f"data: {json.dumps(value)}\n\n"


def _longer(frames: list[str], words: int) -> list[str]:
    """The answer with so many further words before its end."""
    if not words:
        return frames
    middle = next(index for index, frame in enumerate(frames) if '"patch"' in frame)
    more = ['event: delta\ndata: {"v":" word"}\n\n'] * words
    return [*frames[:middle], *more, *frames[middle:]]
