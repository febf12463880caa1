"""The frames of one conversation turn, in the service's delta encoding v1.

Field names and order follow captures of the web client of 2026; the texts are made up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ANSWERS = (
    "This first answer arrives inside the event stream of its own request, one small piece after "
    "another, as an ordinary turn does.",
    "This second answer was handed over: its request ended at once, and these words come through "
    "the websocket that the page keeps open.",
)
MODEL = "gpt-demo"


@dataclass(frozen=True, slots=True)
class Turn:
    """Identifiers of one turn; all of them are random and worthless elsewhere."""

    conversation_id: str
    exchange_id: str
    message_id: str

    @property
    def topic(self) -> str:
        """The websocket topic of this turn."""
        return f"conversation-turn-{self.exchange_id}"


def answer_frames(turn: Turn, text: str, *, by_websocket: bool) -> list[str]:
    """All frames of a healthy answer, each as the text of one server-sent event."""
    message = {
        "id": turn.message_id,
        "author": {"role": "assistant"},
        "content": {"content_type": "text", "parts": [""]},
        "status": "in_progress",
        "end_turn": None,
        "metadata": {"model_slug": MODEL},
    }
    added = {"message": message, "conversation_id": turn.conversation_id, "error": None}
    finished = [
        {"p": "/message/status", "o": "replace", "v": "finished_successfully"},
        {"p": "/message/end_turn", "o": "replace", "v": True},
    ]
    metadata = {"model_slug": MODEL, "resume_with_websockets": True}
    complete = {"type": "message_stream_complete", "conversation_id": turn.conversation_id}
    words = text.split(" ")
    pieces = [words[0]] + [" " + word for word in words[1:]]
    return [
        *opening_frames(turn),
        _delta({"p": "", "o": "add", "v": added, "c": 0}),
        _delta({"p": "/message/content/parts/0", "o": "append", "v": pieces[0]}),
        *(_delta({"v": piece}) for piece in pieces[1:]),
        _delta({"p": "", "o": "patch", "v": finished}),
        _typed({"type": "server_ste_metadata", "metadata": metadata}),
        _typed(complete),
        *([] if by_websocket else [_typed({"type": "title_generation", "title": "A demo"})]),
        "data: [DONE]\n\n",
    ]


def hand_off_frames(turn: Turn) -> list[str]:
    """The short event stream of a turn whose answer comes over the websocket."""
    option = {"type": "subscribe_ws_topic", "topic_id": turn.topic}
    return [
        *opening_frames(turn),
        _typed(
            {
                "type": "stream_handoff",
                "conversation_id": turn.conversation_id,
                "turn_exchange_id": turn.exchange_id,
                "options": [option],
            }
        ),
        "data: [DONE]\n\n",
    ]


def opening_frames(turn: Turn) -> list[str]:
    """What every turn's stream starts with."""
    ids = {"conversation_id": turn.conversation_id}
    return [
        'event: delta_encoding\ndata: "v1"\n\n',
        _typed({"type": "resume_conversation_token", "kind": "topic", "token": "demo", **ids}),
        _typed({"type": "input_message", "input_message": {"author": {"role": "user"}}, **ids}),
    ]


def stream_item(turn: Turn, number: int, frame: str) -> dict[str, Any]:
    """The websocket message that carries one frame of the answer."""
    return _topic_message(
        turn,
        {
            "type": "conversation-turn-stream",
            "payload": {
                "type": "stream-item",
                "stream_item_id": str(number),
                "encoded_item": frame,
            },
        },
    )


def turn_done(turn: Turn) -> dict[str, Any]:
    """The websocket message after the last stream item."""
    return _topic_message(turn, {"type": "conversation-turn-stream", "payload": {"type": "done"}})


def gap_seconds(number: int) -> float:
    """The pause before event `number`: 20 to 60 ms, the same in every run."""
    return (20 + number * 37 % 41) / 1000


def _topic_message(turn: Turn, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "message", "topic_id": turn.topic, "payload": dict(payload)}


def _delta(value: Mapping[str, Any]) -> str:
    return f"event: delta\ndata: {_json(value)}\n\n"


def _typed(value: Mapping[str, Any]) -> str:
    return f"data: {_json(value)}\n\n"


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))
