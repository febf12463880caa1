"""Builds mitmproxy flow files through mitmproxy's own classes, as ``mitmdump -w`` writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from mitmproxy import certs, connection, flow, http, websocket
from mitmproxy.connection import ConnectionState
from mitmproxy.io import FlowWriter
from scene_certificates import leaf
from wsproto.frame_protocol import Opcode

START = 1_790_000_000.0
EDGE = "104.18.32.47"
CF = {"server": "cloudflare", "cf-ray": "98a1b2c3d4e5f607-FRA"}
BUILD = "prod-0123456789abcdef0123456789abcdef01234567"
SCRIPTS = tuple(
    f"/cdn/assets/{number:08x}-{'k3x9q1z7m2p5w8r4'[::step]:0<16}.js"
    for number, step in ((0x2340486E, 1), (0x1F00AB12, -1), (0x5566AA01, 1), (0x77001122, -1))
)
TOPIC = "conversation-turn-6c1f0d2e"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)


def page_html(scripts: tuple[str, ...] = SCRIPTS) -> bytes:
    """A document in the form of 2026, naming its scripts."""
    tags = "".join(f'<link rel="modulepreload" href="{s}"/>' for s in scripts[1:])
    return (
        f'<!DOCTYPE html><html lang="en-US" data-build="{BUILD}" data-seq="812345"><head>'
        f'<title>ChatGPT</title><link rel="stylesheet" href="/cdn/assets/root-a1b2c3d4.css"/>{tags}'
        f'</head><body><div id="root"></div><script type="module" src="{scripts[0]}"></script>'
        "</body></html>"
    ).encode()


@dataclass
class Flows:
    """A flow file in the making; times are seconds from its start."""

    tcp: float = 0.018
    tls: float = 0.022
    issuer: tuple[str, str] = ("Google Trust Services", "WE1")
    via: tuple[str, int] | None = None
    flows: list[http.HTTPFlow] = field(default_factory=list)
    servers: dict[str, connection.Server] = field(default_factory=dict)

    def server(self, host: str, time: float, *, address: str = EDGE) -> connection.Server:
        """The upstream connection to `host`, opened at first use."""
        if host not in self.servers:
            begin = START + time - self.tcp - self.tls - 0.02
            self.servers[host] = connection.Server(
                address=(host, 443),
                peername=self.via or (address, 443),
                sockname=("192.168.1.20", 50100 + len(self.servers)),
                state=ConnectionState.CLOSED,
                tls=True,
                certificate_list=[certs.Cert(leaf(*self.issuer)[0])],
                alpn=b"h2",
                tls_version="TLSv1.3",
                cipher="TLS_AES_128_GCM_SHA256",
                sni=host,
                timestamp_start=begin,
                timestamp_tcp_setup=begin + self.tcp,
                timestamp_tls_setup=begin + self.tcp + self.tls,
                via=("http", self.via) if self.via else None,
            )
        return self.servers[host]

    def client(self, host: str, time: float) -> connection.Client:
        return connection.Client(
            peername=("127.0.0.1", 51000 + len(self.flows)),
            sockname=("127.0.0.1", 8080),
            state=ConnectionState.CLOSED,
            tls=True,
            alpn=b"h2",
            tls_version="TLSv1.3",
            sni=host,
            timestamp_start=START + time - 0.08,
            timestamp_tls_setup=START + time - 0.07,
        )

    def add(
        self,
        time: float,
        url: str,
        status: int | None = 200,
        *,
        kind: str = "application/json",
        body: bytes = b"{}",
        method: str = "GET",
        wait: float = 0.09,
        spread: float = 0.02,
        headers: dict[str, str] | None = None,
        dest: str = "empty",
        error: str | None = None,
        connected: bool = True,
        edge: bool = True,
        request_headers: dict[str, str] | None = None,
    ) -> http.HTTPFlow:
        """One exchange; `status` None is a request without an answer, `error` says why."""
        host = url.split("/")[2]
        upstream = (
            self.server(host, time)
            if connected
            else connection.Server(address=(host, 443), sni=host, error=error)
        )
        made = http.HTTPFlow(self.client(host, time), upstream)
        sent = {"user-agent": CHROME, "accept": "*/*", "sec-fetch-dest": dest}
        if dest != "document":
            sent["referer"] = "https://chatgpt.com/"
        made.request = http.Request.make(method, url, headers=sent | (request_headers or {}))
        made.request.http_version = "HTTP/2.0"
        made.request.timestamp_start = START + time
        made.request.timestamp_end = START + time + 0.001
        if status is not None:
            answer = {"content-type": kind} | (CF if edge else {}) | (headers or {})
            made.response = http.Response.make(status, body, answer)
            made.response.http_version = "HTTP/2.0"
            made.response.timestamp_start = START + time + wait
            made.response.timestamp_end = START + time + wait + spread
        if error:
            made.error = flow.Error(error, START + time + wait)
        self.flows.append(made)
        return made

    def script(self, time: float, path: str, status: int | None = 200, **more: object) -> None:
        """A script of the page, healthy unless told otherwise."""
        given: dict[str, object] = {
            "kind": "text/javascript; charset=utf-8",
            "body": b'import"./a.js";export const x=1;' * 40,
            "dest": "script",
        }
        self.add(time, f"https://chatgpt.com{path}", status, **(given | more))  # type: ignore[arg-type]

    def document(self, time: float = 0.2, body: bytes | None = None, **more: object) -> None:
        given: dict[str, object] = {
            "kind": "text/html; charset=utf-8",
            "body": body or page_html(),
            "dest": "document",
        }
        self.add(time, "https://chatgpt.com/", **(given | more))  # type: ignore[arg-type]

    def style(self, time: float = 0.4) -> None:
        url = "https://chatgpt.com/cdn/assets/root-a1b2c3d4.css"
        self.add(time, url, kind="text/css", body=b"a{b:c}", dest="style")

    def boot(self, time: float = 0.2, *, scripts: tuple[str, ...] = SCRIPTS) -> None:
        """Document, style, scripts, session and flags, all well."""
        self.document(time)
        self.style(time + 0.2)
        for index, path in enumerate(scripts):
            self.script(time + 0.25 + index / 50, path)
        self.calls(time + 0.6)

    def calls(self, time: float) -> None:
        session = json.dumps({"expires": "2026-12-01T00:00:00Z", "user": {}}).encode()
        self.add(time, "https://chatgpt.com/api/auth/session", body=session)
        for index, path in enumerate(("me", "models", "settings/user", "celsius/ws/user")):
            self.add(time + 0.1 + index / 20, f"https://chatgpt.com/backend-api/{path}")
        self.add(time + 0.2, "https://ab.chatgpt.com/v1/initialize", method="POST")

    def turn(
        self, time: float, *, handoff: bool = False, complete: bool = True, wait: float = 0.5
    ) -> None:
        """A turn answered inside the SSE stream, or handed off to the websocket."""
        self.add(time, "https://chatgpt.com/backend-api/f/conversation/prepare", method="POST")
        events = ['event: delta_encoding\ndata: "v1"\n\n']
        if handoff:
            option = {"type": "subscribe_ws_topic", "topic_id": TOPIC}
            events.append(_data({"type": "stream_handoff", "options": [option]}))
            events.append("data: [DONE]\n\n")
        else:
            events += [
                'event: delta\ndata: {"p":"/message/content/parts/0","o":"append","v":"ab"}\n\n'
            ] * 20
            if complete:
                events.append(_data({"type": "message_stream_complete"}))
                events.append("data: [DONE]\n\n")
        self.add(
            time + 0.2,
            "https://chatgpt.com/backend-api/f/conversation",
            method="POST",
            kind="text/event-stream; charset=utf-8",
            body="".join(events).encode(),
            wait=wait,
            spread=0.1 if handoff else 3.0,
            request_headers={"accept": "text/event-stream"},
        )

    def socket(
        self,
        time: float,
        *,
        status: int | None = 101,
        messages: list[tuple[float, bool, object]] | None = None,
        end: float | None = None,
        code: int | None = None,
        by_client: bool | None = None,
        kind: str = "text/html",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        edge: bool = True,
        error: str | None = None,
        connected: bool = True,
    ) -> http.HTTPFlow:
        """The user's websocket; `messages` are (time, from client, JSON)."""
        url = "https://ws.chatgpt.com/p18/ws/user/u-1?verify=1790000000-abcdef"
        made = self.add(
            time,
            url,
            status,
            kind=kind,
            body=body,
            headers=headers,
            edge=edge,
            error=error,
            connected=connected,
            request_headers={
                "connection": "Upgrade",
                "upgrade": "websocket",
                "sec-websocket-version": "13",
                "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
        )
        made.request.http_version = "HTTP/1.1"
        if status == 101 and made.response:
            made.response.http_version = "HTTP/1.1"
            made.response.headers["upgrade"] = "websocket"
            made.websocket = websocket.WebSocketData(
                messages=[
                    websocket.WebSocketMessage(
                        Opcode.TEXT, up, json.dumps(value).encode(), START + when
                    )
                    for when, up, value in messages or []
                ],
                closed_by_client=by_client,
                close_code=code,
                timestamp_end=None if end is None else START + end,
            )
            made.server_conn.timestamp_end = None if end is None else START + end
        return made

    def save(self, path: Path) -> Path:
        with path.open("wb") as file:
            writer = FlowWriter(file)
            for made in self.flows:
                writer.add(made)
        return path


def _data(value: object) -> str:
    return f"data: {json.dumps(value)}\n\n"


def subscribe(time: float, number: int = 2, topic: str = TOPIC) -> tuple[float, bool, object]:
    """The client's subscription to a turn."""
    command = {"type": "subscribe", "topic_id": topic, "offset": "0"}
    return time, True, [{"id": number, "command": command}]


def item(
    time: float, number: int, text: str = "", topic: str = TOPIC
) -> tuple[float, bool, object]:
    """One stream item of a turn."""
    encoded = text or 'event: delta\ndata: {"v":"ab"}\n\n'
    inner = {"type": "stream-item", "stream_item_id": f"{number}", "encoded_item": encoded}
    payload = {"type": "conversation-turn-stream", "payload": inner}
    return time, False, [{"type": "message", "topic_id": topic, "payload": payload}]


def done(time: float, number: int, topic: str = TOPIC) -> tuple[float, bool, object]:
    """The item that ends a turn."""
    text = 'data: {"type":"message_stream_complete"}\n\ndata: [DONE]\n\n'
    return item(time, number, text, topic)


def connect(time: float) -> list[tuple[float, bool, object]]:
    """The client's first message and its reply."""
    command = {"type": "connect", "presence": {"type": "presence", "state": "background"}}
    return [
        (time, True, [{"id": 1, "command": command}]),
        (time + 0.05, False, [{"id": 1, "reply": {"type": "connect"}}]),
    ]
