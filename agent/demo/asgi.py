"""The few ASGI shapes that the demo service needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

type Scope = dict[str, Any]
type Message = dict[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

MAX_BODY = 1 << 20  # bytes; nothing that the page sends comes near


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; `host` is without the port, `body` is cut at `MAX_BODY`.

    `peer` is the address of the connection's other end, `headers` have lower-case names.
    """

    method: str
    host: str
    path: str
    http_version: str
    client: str
    body: bytes
    query: str
    headers: dict[str, str]
    peer: tuple[str, int]


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Take the request from its scope and read its body to the end."""
    body = b""
    more = True
    while more:
        message = await receive()
        body = (body + message.get("body", b""))[:MAX_BODY]
        more = message.get("more_body", False)
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
    return Request(
        method=scope["method"],
        host=headers.get("host", "").partition(":")[0],
        path=scope["path"],
        http_version=scope["http_version"],
        client=scope["client"][0],
        body=body,
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        peer=tuple(scope["client"][:2]),
    )


async def start(send: Send, status: int, headers: Sequence[tuple[str, str]]) -> None:
    """Send the status and the headers."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in headers],
        }
    )


async def respond(
    send: Send, status: int, headers: Sequence[tuple[str, str]], body: bytes = b""
) -> None:
    """Send a whole response with its length."""
    await start(send, status, [*headers, ("content-length", str(len(body)))])
    await send({"type": "http.response.body", "body": body})
