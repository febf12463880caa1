"""The pieces a session is made of: its files, its calls, the events of an answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, TypedDict
from urllib.parse import urlsplit

CSS = "/cdn/assets/root-m3q8x1zt.css"
SDK = "/sentinel/20261004b71e/sdk.js"
MODULES = (
    "/cdn/assets/1f0c77ab-q7w2e9r4t1y6u3i8.js",
    "/cdn/assets/4411.0ab93c77de.js",
    "/cdn/assets/80be21d4-zx81cv72bn63ml54.js",
    "/cdn/assets/9207.5d1f6e0b2a.js",
    "/cdn/assets/b3a9d6e0-p0o9i8u7y6t5r4e3.js",
    "/cdn/assets/c77e1102-a1s2d3f4g5h6j7k8.js",
    "/cdn/assets/5180.c40d9e8f71.js",
    "/cdn/assets/e25f9a38-l1k2j3h4g5f6d7s8.js",
)
LATER = tuple(f"/cdn/assets/{6100 + n}.{0xA1B2C3D4E5 + n * 7919:010x}.js" for n in range(14))
ASSETS = (*MODULES, *LATER)
BOOT = (
    "me",
    "accounts/check/v4-2023-04-27",
    "models",
    "settings/user",
    "conversations?offset=0&limit=28&order=updated&is_archived=false&is_starred=false",
    "conversation/init",
    "gizmos/bootstrap?limit=8",
    "user_system_messages",
    "images/bootstrap",
    "tasks",
    "connectors/check",
    "pins",
    "system_hints?mode=basic",
    "sidebar",
    "memories?include_memory_entries=false",
    "prompt_library/?limit=4",
    "checkout_pricing_config/countries",
)


class Options(TypedDict, total=False):
    """What may be said of an exchange beside its time and address."""

    method: str
    status: int
    mime: str
    body: bytes
    headers: dict[str, str]
    asked: dict[str, str]
    posted: bytes
    resource: str
    initiator: str | None
    error: str | None
    peer: str | None
    wait: float
    receive: float
    messages: list[tuple[float, bool, str]]
    ended: float | None
    close: tuple[int, str, bool] | None
    cached: bool
    edge: bool
    length: int | None
    lookup: float | None
    blocked: float


@dataclass
class Exchange:
    """A request and its answer.

    `error` is a word of `session_failures.WORDS`; `close` is the websocket's
    (code, reason, by the client); `length` is the answer's declared size where
    it differs from what came.
    """

    at: float
    url: str
    method: str = "GET"
    status: int = 200
    mime: str = "application/json"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    posted: bytes = b""
    resource: str = "fetch"
    initiator: str | None = None
    error: str | None = None
    peer: str | None = None
    wait: float = 0.06
    receive: float = 0.008
    messages: list[tuple[float, bool, str]] = field(default_factory=list)
    ended: float | None = None
    close: tuple[int, str, bool] | None = None
    cached: bool = False
    length: int | None = None
    lookup: float | None = None
    blocked: float = 0.002

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


def document(build: str, language: str = "en-US", scripts: tuple[str, ...] = MODULES) -> bytes:
    """The app's page, which names its style, its scripts and the first modules."""
    links = "".join(f'<link rel="modulepreload" href="{path}"/>' for path in scripts[1:])
    imports = "".join(f'import * as route{n} from "{path}";' for n, path in enumerate(scripts[1:4]))
    return (
        f'<!DOCTYPE html><html lang="{language}" data-build="{build}" data-seq="48211907"><head>'
        f'<title>ChatGPT</title><link rel="stylesheet" href="{CSS}"/>{links}'
        f'<script src="{SDK}" async></script></head><body><div id="root"></div>'
        f'<script type="module" async nonce="n">import "{scripts[0]}";{imports}</script>'
        "</body></html>"
    ).encode()


def text_events(conversation: str, words: int = 60) -> list[Any]:
    """The events of a whole answer, in their order."""
    message = {"message": {"id": "m1", "author": {"role": "assistant"}, "content": {"parts": [""]}}}
    opening = {"p": "", "o": "add", "v": {**message, "conversation_id": conversation}, "c": 0}
    path = "/message/content/parts/0"
    finished = [{"p": "/message/status", "o": "replace", "v": "finished_successfully"}]
    return [
        ("delta_encoding", "v1"),
        {"type": "resume_conversation_token", "token": "eyJ.r.s", "conversation_id": conversation},
        ("delta", opening),
        ("delta", {"p": path, "o": "append", "v": "The"}),
        *(("delta", {"v": f" word{n}"}) for n in range(words)),
        ("delta", {"p": "", "o": "patch", "v": finished}),
        {"type": "server_ste_metadata", "metadata": {"model_slug": "gpt-5"}},
        {"type": "message_stream_complete", "conversation_id": conversation},
        "[DONE]",
    ]


def handoff_events(conversation: str, topic: str) -> list[Any]:
    """The short stream that sends the page to its websocket for the answer."""
    option = {"type": "subscribe_ws_topic", "topic_id": topic}
    return [
        ("delta_encoding", "v1"),
        {"type": "resume_conversation_token", "token": "eyJ.r.s"},
        {
            "type": "stream_handoff",
            "conversation_id": conversation,
            "turn_exchange_id": "x1",
            "options": [option],
        },
        "[DONE]",
    ]


def sse(events: list[Any]) -> bytes:
    """Events as the text of a stream."""
    lines = []
    for event in events:
        if isinstance(event, tuple):
            lines.append(f"event: {event[0]}\ndata: {json.dumps(event[1])}\n\n")
        else:
            data = event if isinstance(event, str) else json.dumps(event)
            lines.append(f"data: {data}\n\n")
    return "".join(lines).encode()


def item(topic: str, number: int, event: Any) -> str:
    """A websocket frame that carries one event of the answer."""
    payload = {
        "type": "stream-item",
        "stream_item_id": str(number),
        "encoded_item": sse([event]).decode(),
    }
    wrapped = {"type": "conversation-turn-stream", "payload": payload}
    return json.dumps([{"type": "message", "topic_id": topic, "payload": wrapped}])


def answer_frames(
    at: float, topic: str, words: int = 14, every: float = 0.3, without: tuple[int, ...] = ()
) -> list[tuple[float, bool, str]]:
    """Subscription and frames of an answer that comes over the websocket."""
    command = {"type": "subscribe", "topic_id": topic, "offset": "0"}
    reply = {"type": "subscribe", "topic_id": topic, "catchups": []}
    frames = [
        (at, True, json.dumps([{"id": 2, "command": command}])),
        (at + 0.07, False, json.dumps([{"id": 2, "reply": reply}])),
    ]
    events = text_events("c1", words)
    for number, event in enumerate(events):
        if number not in without:
            frames.append((at + 0.5 + number * every, False, item(topic, number + 1, event)))
    return frames
