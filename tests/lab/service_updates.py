"""The lab's websocket: the demo's, with the faults of a scene's plan."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from agent.demo.asgi import Receive, Scope, Send
from agent.demo.updates import LiveTurn, UpdatesSocket
from tests.lab.service_plan import Socket


class LabUpdates(UpdatesSocket):
    """One open websocket. `first` is False for those that the page opens after a failure."""

    def __init__(
        self, topics: dict[str, LiveTurn], drop: Callable[[], None], plan: Socket, *, first: bool
    ) -> None:
        again = plan.drop_after is not None and (first or plan.always)
        limit = (plan.drop_after if first else 0) if again else None
        super().__init__(topics, drop=drop, drop_after=lambda: limit)
        self._plan = plan
        self._closing = plan.close_after is not None and (first or plan.always)
        self._items = 0
        self._closed = False

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def faulty(message: dict[str, object]) -> None:
            if self._closed:
                return
            if message["type"] == "websocket.send" and not await self._passes(message, send):
                return
            await send(message)

        await super().run(scope, receive, faulty)

    async def _passes(self, message: dict[str, object], send: Send) -> bool:
        """Whether the message goes out; live items are counted, and closing happens here."""
        value = json.loads(str(message["text"]))[0]
        if value.get("type") != "message":
            if self._plan.skip and value.get("reply", {}).get("catchups"):
                value["reply"]["catchups"] = [
                    item for item in value["reply"]["catchups"] if not self._lost(item)
                ]
                message["text"] = json.dumps([value])
            return True
        if self._items == 0:
            await asyncio.sleep(self._plan.pause)
        self._items += 1
        if self._closing and self._items > (self._plan.close_after or 0):
            self._closed = True
            await send(
                {
                    "type": "websocket.close",
                    "code": self._plan.code,
                    "reason": self._plan.reason,
                }
            )
            return False
        silent = self._plan.silent_after
        if silent is not None and self._items > silent:
            return False
        return not self._lost(value)

    def _lost(self, item: dict[str, object]) -> bool:
        payload = item.get("payload")
        inner = payload.get("payload") if isinstance(payload, dict) else None
        number = inner.get("stream_item_id") if isinstance(inner, dict) else None
        return number is not None and int(number) in self._plan.skip
