"""The policy of `mitm.Mitm`, loaded by mitmdump: what a gateway does to what passes through it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader

DENIED = """<!DOCTYPE html><html><head><title>Web Page Blocked!</title></head><body>
<h1>FortiGuard Intrusion Prevention - Access Blocked</h1><h2>Web Page Blocked</h2>
<p>The page you have requested has been blocked because the URL is banned.</p>
<p>Category: Artificial Intelligence Technology</p></body></html>"""


class Gateway:
    """Settings, all absent by default:

    `stream` (bool): pass bodies on as they come, as a good gateway does; without it they are held
    back to their end, which is what mitmproxy does by itself.
    `upgrade`: `200`, `403`, `426` answers a websocket's upgrade so, `strip` takes the upgrade off
    the request, `hang` never answers it.
    `denied`: list of hosts (with those below) answered with a block page.
    `replaced`: list of path parts; a script so named comes back as the block page with 200.
    `via` (bool): says so in a Via header, as proxies should.
    `no_cookies` (bool): takes Set-Cookie off answers.
    """

    def __init__(self) -> None:
        self._settings: dict[str, Any] = {}

    def load(self, loader: Loader) -> None:
        loader.add_option("gateway_settings", str, "", "JSON file with the gateway's policy.")

    def configure(self, updated: set[str]) -> None:
        if "gateway_settings" in updated:
            self._settings = json.loads(Path(ctx.options.gateway_settings).read_text())

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if self._is_upgrade(flow) and self._settings.get("upgrade") == "strip":
            for name in ("Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"):
                flow.request.headers.pop(name, None)

    async def request(self, flow: http.HTTPFlow) -> None:
        host, path = flow.request.pretty_host, flow.request.path
        upgrade = self._settings.get("upgrade")
        if self._is_upgrade(flow) and upgrade == "hang":
            await asyncio.Event().wait()
        elif self._is_upgrade(flow) and upgrade in {"200", "403", "426"}:
            flow.response = _page(int(upgrade), DENIED)
        elif any(
            host == name or host.endswith("." + name) for name in self._settings.get("denied", ())
        ):
            flow.response = _page(403, DENIED)
        elif any(part in path for part in self._settings.get("replaced", ())):
            flow.response = _page(200, DENIED)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        assert flow.response is not None
        if self._settings.get("stream"):
            flow.response.stream = True
        if self._settings.get("via"):
            flow.response.headers["Via"] = "1.1 gateway.kantor.example"
        if self._settings.get("no_cookies"):
            flow.response.headers.pop("Set-Cookie", None)

    @staticmethod
    def _is_upgrade(flow: http.HTTPFlow) -> bool:
        return flow.request.headers.get("upgrade", "").lower() == "websocket"


def _page(status: int, text: str) -> http.Response:
    return http.Response.make(status, text, {"Content-Type": "text/html; charset=utf-8"})


addons = [Gateway()]
