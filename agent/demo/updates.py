"""The websocket of the demo service and the answers that go through it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from agent.demo.asgi import Receive, Scope, Send
from agent.demo.turns import Turn, gap_seconds, stream_item, turn_done


class LiveTurn:
    """A handed-over answer that grows item by item, whether somebody listens or not."""

    def __init__(self, turn: Turn, frames: list[str]) -> None:
        self.turn = turn
        self._frames = frames
        self._grown = asyncio.Condition()
        self.items: list[dict[str, Any]] = []

    @property
    def finished(self) -> bool:
        """Whether the last item has been made."""
        return len(self.items) == len(self._frames)

    async def produce(self) -> None:
        """Make the items at the pace of a real answer."""
        for number, frame in enumerate(self._frames):
            await asyncio.sleep(gap_seconds(number))
            async with self._grown:
                self.items.append(stream_item(self.turn, number, frame))
                self._grown.notify_all()

    async def wait_beyond(self, count: int) -> None:
        """Return once there are more than `count` items, or none will follow."""
        async with self._grown:
            await self._grown.wait_for(lambda: len(self.items) > count or self.finished)


class UpdatesSocket:
    """One open websocket: answers `connect` and `subscribe`, then sends the topic's items.

    `drop_after` cuts the transport below it after that many live items; zero cuts it as soon as
    a topic is subscribed. `drop` does the cutting.
    """

    def __init__(
        self,
        topics: dict[str, LiveTurn],
        *,
        drop: Callable[[], None],
        drop_after: Callable[[], int | None],
    ) -> None:
        self._topics = topics
        self._drop = drop
        self._drop_after = drop_after
        self._feeds: set[asyncio.Task[None]] = set()

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the socket until the client has gone."""
        await receive()  # websocket.connect
        if b"verify=" not in scope["query_string"]:
            await send({"type": "websocket.close"})  # before accept: answers 403
            return
        await send({"type": "websocket.accept"})
        try:
            while (message := await receive())["type"] == "websocket.receive":
                await self._commands(message.get("text") or "", send)
        finally:
            for feed in self._feeds:
                feed.cancel()
            await asyncio.gather(*self._feeds, return_exceptions=True)

    async def _commands(self, text: str, send: Send) -> None:
        try:
            entries = [(entry["id"], entry["command"]) for entry in json.loads(text)]
        except (ValueError, TypeError, KeyError):
            await _send(send, {"type": "error", "message": "Malformed command."})
            return
        for number, command in entries:
            live = self._topics.get(str(command.get("topic_id")))
            if command.get("type") == "subscribe" and live is not None:
                feed = asyncio.create_task(
                    self._feed(number, live, int(command.get("offset", 0)), send)
                )
                self._feeds.add(feed)
            else:
                await _send(send, {"id": number, "reply": {"type": command.get("type")}})

    async def _feed(self, number: int, live: LiveTurn, offset: int, send: Send) -> None:
        limit = self._drop_after()
        if limit == 0:
            self._drop()
            return
        catchups = live.items[offset:]
        position = offset + len(catchups)
        reply = {"type": "subscribe", "topic_id": live.turn.topic, "catchups": catchups}
        await _send(send, {"id": number, "reply": reply})
        sent = 0
        while position < len(live.items) or not live.finished:
            await live.wait_beyond(position)
            for item in live.items[position:]:
                await _send(send, item)
                position += 1
                sent += 1
                if limit is not None and sent >= limit:
                    self._drop()
                    return
        await _send(send, turn_done(live.turn))


async def _send(send: Send, message: dict[str, Any]) -> None:
    await send({"type": "websocket.send", "text": json.dumps([message], separators=(",", ":"))})
