"""What a websocket message of ChatGPT says of itself, without its text.

Only type words, sequence numbers and masked ids are taken; payload text is
read and forgotten.  Message shapes as reported for 2026 (hand-off of a turn to
``ws.chatgpt.com``) and Azure Web PubSub's reliable JSON subprotocol (2024).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from analysis.model.sse_events import SseScanner, is_word

MAX_MESSAGE = 1024 * 1024
"""Octets up to which a message is parsed; a larger one is only counted."""

MAX_ITEMS = 256
MAX_SEQUENCE = 2**63
_TRAILING_NUMBER = re.compile(r"(\d{1,12})\Z")
_TURN_ENDS = frozenset({"done", "conversation-turn-complete"})
_TURN_TOPIC = "conversation-turn-"
TEXT, MORE = "text", "more"
"""Words for a message whose last item adds to a text, or to what came before it."""

_SEQUENCE_WORDS = ("sequenceId", "sequence_id", "sequence_number", "seq")
"""What a message may call its own number; the first that is there counts."""


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """One message: type words, masked topic and item ids, sequence number.

    `subscribed` and `turn_end` name the masked turn topics that the message
    subscribes to or ends; `catchup_items` counts items repeated on subscribing.
    """

    kind: str = ""
    topic: str | None = None
    sequence: int | None = None
    items: tuple[str, ...] = ()
    subscribed: tuple[str, ...] = ()
    turn_end: tuple[str, ...] = ()
    error: bool = False


def mask(value: str, key: bytes) -> str:
    """A short name for an id: equal ids stay equal, the id cannot be read back.

    `key` must be random per capture and is not stored.
    """
    return hashlib.blake2b(
        value.encode("utf-8", "replace"), digest_size=5, key=key[:64]
    ).hexdigest()


def describe(content: bytes, key: bytes) -> MessageFacts:
    """Facts of one message; an unknown shape gives empty facts."""
    if len(content) > MAX_MESSAGE:
        return MessageFacts(kind="too-large")
    try:
        payload = json.loads(content)
    except (ValueError, RecursionError):
        return MessageFacts()
    entries = payload if isinstance(payload, list) else [payload]
    reader = _Reader(key)
    for entry in entries[:MAX_ITEMS]:
        if isinstance(entry, dict):
            reader.take(entry)
    return reader.facts()


class _Reader:
    """Collects the facts of the entries of one message."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.kinds: list[str] = []
        self.topic: str | None = None
        self.sequence: int | None = None
        self.items: list[str] = []
        self.subscribed: list[str] = []
        self.turn_end: list[str] = []
        self.error = False

    def facts(self) -> MessageFacts:
        return MessageFacts(
            "+".join(dict.fromkeys(self.kinds))[:128],
            self.topic,
            self.sequence,
            tuple(self.items[:MAX_ITEMS]),
            tuple(self.subscribed[:MAX_ITEMS]),
            tuple(self.turn_end[:MAX_ITEMS]),
            self.error,
        )

    def take(self, entry: dict[str, object]) -> None:
        words = [entry.get("type")]
        if entry.get("type") == "error":
            self.error = True
            words.append(_error_code(entry))
        command = entry.get("command")
        if isinstance(command, dict):
            words.append(command.get("type"))
            topic = command.get("topic_id")
            if command.get("type") == "subscribe" and isinstance(topic, str):
                self._take_topic(topic)
                if topic.startswith(_TURN_TOPIC):
                    self.subscribed.append(mask(topic, self.key))
        reply = entry.get("reply")
        if isinstance(reply, dict):
            words.append("reply")
            catchups = reply.get("catchups")
            for catchup in catchups[:MAX_ITEMS] if isinstance(catchups, list) else []:
                if isinstance(catchup, dict):
                    self._take_payload(catchup, catchup.get("topic_id"), words)
        self._take_payload(entry, entry.get("topic_id"), words)
        for word in _SEQUENCE_WORDS:
            sequence = entry.get(word)
            if isinstance(sequence, int) and not isinstance(sequence, bool):
                self.sequence = sequence if 0 <= sequence < MAX_SEQUENCE else None
                break
        known = [word for word in words if isinstance(word, str) and is_word(word)]
        if known:
            self.kinds.append("/".join(dict.fromkeys(known)))

    def _take_topic(self, topic: str) -> None:
        prefix = _TURN_TOPIC if topic.startswith(_TURN_TOPIC) else ""
        self.topic = prefix + mask(topic, self.key)

    def _take_payload(self, entry: dict[str, object], topic: object, words: list[object]) -> None:
        """Walk the nested payloads: stream-item lies two levels deep."""
        if isinstance(topic, str):
            self._take_topic(topic)
        payload: object = entry.get("payload")
        for _ in range(3):
            if not isinstance(payload, dict):
                return
            kind = payload.get("type")
            words.append(kind)
            item = payload.get("stream_item_id")
            if isinstance(item, (str, int)) and not isinstance(item, bool):
                self._take_item(str(item))
            encoded = payload.get("encoded_item")
            ended = isinstance(kind, str) and kind in _TURN_ENDS
            if isinstance(encoded, str):
                scanner = SseScanner()
                scanner.feed(encoded.encode("utf-8", "replace") + b"\n\n")
                ended |= scanner.ended
                self.error |= scanner.error_code is not None
                if scanner.in_text or scanner.goes_on:
                    words.append(TEXT if scanner.in_text else MORE)
            if ended and isinstance(topic, str):
                self.turn_end.append(mask(topic, self.key))
            payload = payload.get("payload")

    def _take_item(self, item: str) -> None:
        self.items.append(mask(item, self.key))
        number = _TRAILING_NUMBER.search(item)
        if number:
            self.sequence = int(number[1])


def _error_code(entry: dict[str, object]) -> object:
    """The machine-readable word of an error message: ``error.code``, or the type for want of it."""
    error = entry.get("error")
    return (error.get("code") or error.get("type")) if isinstance(error, dict) else None
