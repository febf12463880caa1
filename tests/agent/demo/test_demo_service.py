"""The service on the wire: protocols, event stream, hand-over, drop."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from agent.demo.app import Faults
from agent.demo.certificates import Certificates
from agent.demo.pages import SCRIPTS, assets
from agent.demo.service import DemoService
from agent.demo.turns import ANSWERS, gap_seconds

CONVERSATION = "/backend-api/f/conversation"


class Loopback(httpx.AsyncHTTPTransport):
    """Sends every request to the service while keeping the name for SNI and Host."""

    def __init__(self, service: DemoService, trust: ssl.SSLContext, *, http2: bool) -> None:
        super().__init__(verify=trust, http1=not http2, http2=http2)
        self._address = service.address

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["sni_hostname"] = request.url.host
        request.headers["host"] = request.url.netloc.decode()
        host, port = self._address
        request.url = request.url.copy_with(host=host, port=port)
        return await super().handle_async_request(request)


def client(
    service: DemoService, trust: ssl.SSLContext, *, http2: bool = False
) -> httpx.AsyncClient:
    transport = Loopback(service, trust, http2=http2)
    return httpx.AsyncClient(transport=transport, base_url=service.url, timeout=30)


async def chunks(response: httpx.Response) -> AsyncIterator[str]:
    async for text in response.aiter_text():
        yield text


def websocket(service: DemoService, trust: ssl.SSLContext, url: str) -> connect:
    host, port = service.address
    return connect(
        url,
        ssl=trust,
        host=host,
        port=port,
        server_hostname="ws.chatgpt.com",
        proxy=None,
        open_timeout=30,
    )


async def hand_over(http: httpx.AsyncClient) -> tuple[str, dict[str, Any]]:
    """Do both turns' requests; the websocket's address and the hand-over of the second."""
    url = (await http.get("/backend-api/celsius/ws/user")).json()["websocket_url"]
    await http.post(CONVERSATION, json={})
    body = (await http.post(CONVERSATION, json={})).text
    values = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: {")]
    return url, next(value for value in values if value["type"] == "stream_handoff")


async def subscribe(socket: ClientConnection, topic: str) -> None:
    presence = {"type": "presence", "state": "background"}
    await socket.send(json.dumps([{"id": 1, "command": {"type": "connect", "presence": presence}}]))
    assert json.loads(await socket.recv()) == [{"id": 1, "reply": {"type": "connect"}}]
    command = {"type": "subscribe", "topic_id": topic, "offset": "0"}
    await socket.send(json.dumps([{"id": 2, "command": command}]))


@pytest.mark.parametrize(("http2", "version"), [(False, "HTTP/1.1"), (True, "HTTP/2")])
def test_page_and_its_scripts_over_both_protocols(
    service: DemoService, trust: ssl.SSLContext, http2: bool, version: str
) -> None:
    async def run() -> None:
        async with client(service, trust, http2=http2) as http:
            page = await http.get("/")
            assert (page.status_code, page.http_version) == (200, version)
            assert page.headers["server"] == "cloudflare"
            assert re.fullmatch("[0-9a-f]{16}-[A-Z]{3}", page.headers["cf-ray"])
            assert "alt-svc" not in page.headers
            assert re.search('data-build="prod-[0-9a-f]{40}"', page.text)
            named = re.findall('<script type="module" src="([^"]+)"', page.text)
            assert len(named) == len(SCRIPTS)
            for path in named:
                assert re.fullmatch("/cdn/assets/[0-9a-f]{8}-[0-9a-z]{16}[.]js", path)
                script = await http.get(path)
                assert script.headers["content-type"].startswith("text/javascript")
                assert script.content == assets()[path].body
            missing = await http.get("/cdn/assets/00000000-0000000000000000.js")
            assert missing.status_code == 404

    asyncio.run(run())


def test_scripts_import_each_other_by_hashed_path() -> None:
    sources = [asset.body.decode() for path, asset in assets().items() if path.endswith(".js")]
    imported = {path for text in sources for path in re.findall('"(/cdn/assets/[^"]+)"', text)}
    assert imported <= assets().keys()
    assert len(imported) >= len(SCRIPTS) - 1
    assert not any('"./' in text for text in sources)


def test_urls_carry_the_port_only_when_it_is_not_443(
    service: DemoService, trust: ssl.SSLContext
) -> None:
    async def run() -> tuple[str, str]:
        async with client(service, trust) as http:
            first = await http.get("/backend-api/celsius/ws/user")
            service.app.public_port = 443
            second = await http.get("/backend-api/celsius/ws/user")
        return first.json()["websocket_url"], second.json()["websocket_url"]

    own, standard = asyncio.run(run())
    assert own.startswith(f"wss://ws.chatgpt.com:{service.address[1]}/p18/ws/user/")
    assert standard.startswith("wss://ws.chatgpt.com/p18/ws/user/")
    assert service.url == "https://chatgpt.com/"


@pytest.mark.parametrize("http2", [False, True])
def test_first_answer_arrives_event_by_event(
    service: DemoService, trust: ssl.SSLContext, http2: bool
) -> None:
    async def run() -> list[str]:
        async with (
            client(service, trust, http2=http2) as http,
            http.stream("POST", CONVERSATION, json={}) as response,
        ):
            assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert "content-length" not in response.headers
            return [text async for text in chunks(response)]

    received = asyncio.run(run())
    frames = "".join(received).split("\n\n")[:-1]
    assert len(received) == len(frames) == len(service.app.sse_sent)
    assert 20 <= len(frames) <= 40
    assert frames[0] == 'event: delta_encoding\ndata: "v1"'
    assert frames[-1] == "data: [DONE]"
    assert any("message_stream_complete" in frame for frame in frames)
    assert all(0.02 <= gap_seconds(number) <= 0.06 for number in range(len(frames)))


def test_second_answer_comes_over_the_websocket(
    service: DemoService, trust: ssl.SSLContext
) -> None:
    async def run() -> list[dict[str, Any]]:
        async with client(service, trust) as http:
            url, handed = await hand_over(http)
            topic = handed["options"][0]["topic_id"]
            async with websocket(service, trust, url) as socket:
                await subscribe(socket, topic)
                reply = json.loads(await socket.recv())[0]
                assert reply["id"] == 2
                items = list(reply["reply"]["catchups"])
                while not items or items[-1]["payload"]["payload"]["type"] != "done":
                    items += json.loads(await socket.recv())
            status = await http.get(f"/backend-api/conversation/{topic}/stream_status")
            assert status.json() == {"status": "COMPLETE"}
        return [item["payload"]["payload"] for item in items]

    *items, _ = asyncio.run(run())
    assert [item["stream_item_id"] for item in items] == [str(n) for n in range(len(items))]
    frames = [item["encoded_item"] for item in items]
    appended = [json.loads(f.split("data: ")[1])["v"] for f in frames if '{"v":"' in f]
    assert "".join(appended).strip() == ANSWERS[1].partition(" ")[2]


def test_dropped_websocket_ends_without_a_close_frame(
    certificates: Certificates, trust: ssl.SSLContext
) -> None:
    async def run(service: DemoService) -> list[int]:
        counts = []
        async with client(service, trust) as http:
            url, handed = await hand_over(http)
            for _ in range(2):
                received = 0
                async with websocket(service, trust, url) as socket:
                    await subscribe(socket, handed["options"][0]["topic_id"])
                    with pytest.raises(websockets.ConnectionClosedError) as closed:
                        while True:
                            message = json.loads(await socket.recv())[0]
                            received += "reply" not in message
                    assert closed.value.rcvd is None
                counts.append(received)
        return counts

    with DemoService("127.0.0.1", 0, certificates, Faults(drop_websocket_after=3)) as service:
        # What was written just before the reset may be lost on the way: at most, not exactly.
        first, second = asyncio.run(run(service))
    assert first <= 3
    assert second == 0
    assert service.app.failures == []


@pytest.mark.parametrize("path", ["/p18/ws/user/somebody?verify=1", "/p18/ws/user/{user}"])
def test_websocket_that_is_not_ours_is_refused(
    service: DemoService, trust: ssl.SSLContext, path: str
) -> None:
    async def run() -> int:
        async with client(service, trust) as http:
            url = (await http.get("/backend-api/celsius/ws/user")).json()["websocket_url"]
        origin, _, own = url.partition("/p18/ws/user/")
        user = own.partition("?")[0]
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with websocket(service, trust, origin + path.format(user=user)):
                pass
        return refused.value.response.status_code

    assert asyncio.run(run()) == 403


def test_report_of_the_page_is_kept(service: DemoService, trust: ssl.SSLContext) -> None:
    async def run() -> None:
        async with client(service, trust) as http:
            assert (await http.post("/demo/done", content=b"[1]")).status_code == 400
            assert not service.done.is_set()
            assert (await http.post("/demo/done", json={"ok": True})).status_code == 200

    asyncio.run(run())
    assert service.done.wait(10)
    assert service.outcome == {"ok": True}


def test_port_is_free_again_after_the_end(certificates: Certificates) -> None:
    with DemoService("127.0.0.1", 0, certificates) as service:
        address = service.address
        idle = socket.create_connection(address)
    with idle:
        idle.settimeout(30)
        assert idle.recv(1) == b""
    with socket.create_server(address):
        pass
