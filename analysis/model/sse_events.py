"""What a server-sent-event stream says of itself, without its text.

The scanner keeps event names and the words of a few machine-readable fields;
the answer's text passes through and is forgotten.  Wire format: WHATWG HTML,
server-sent events; ChatGPT's own event words: delta encoding v1 as reported
for 2026.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

MAX_LINE = 256 * 1024
"""Octets of one line that are looked at; the rest of a longer line is skipped."""

MAX_TYPES = 64
MAX_PIECE = 24
MAX_DIGITS = 4
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}\Z")
_PIECES = re.compile(r"[_.:-]")
_TEXT_PART = re.compile(
    rb'"/message/content/parts/|"response\.output_text\.delta"|"delta"\s*:\s*\{\s*"content"'
)
MORE = re.compile(rb'\{\s*"v"\s*:\s*"')
"""Delta encoding: an event without path and operation goes on with the last ones."""
_HEAD = 256
"""Octets of an event in which its path and operation stand."""
_COMPLETE = frozenset({"message_stream_complete", "response.completed"})
_ERRORS = frozenset({"error", "response.failed"})


def is_word(text: str) -> bool:
    """True for a type word or code: its looks are not those of a token or an id."""
    if not _WORD.match(text) or sum(map(str.isdigit, text)) > MAX_DIGITS:
        return False
    return not any(_opaque(piece) for piece in _PIECES.split(text))


def _opaque(piece: str) -> bool:
    digits = any(map(str.isdigit, piece))
    mixed = piece != piece.lower() and piece != piece.upper()
    return len(piece) > MAX_PIECE or (digits and mixed and len(piece) > MAX_DIGITS)


@dataclass(slots=True)
class SseScanner:
    """Feed octets as they arrive; read the fields at any time.

    `events` counts dispatched events; `types` lists distinct event types in
    order of first appearance; `complete` is set by message_stream_complete,
    `done` by ``[DONE]``, `handoff` by stream_handoff; `error_code` is a
    machine-readable word ("" when an error carried none), None without error.
    `in_text` tells that the last event was a piece of a text, `goes_on` that it was
    a piece of what the event before it was; `text_gap` is the longest time between
    two pieces of a text in a row, in the caller's seconds.
    """

    events: int = 0
    types: list[str] = field(default_factory=list)
    complete: bool = False
    done: bool = False
    handoff: bool = False
    error_code: str | None = None
    in_text: bool = False
    goes_on: bool = False
    text_gap: float = 0.0
    _text_time: float | None = None
    _now: float | None = None
    _line: bytearray = field(default_factory=bytearray)
    _skipping: bool = False
    _event: str = ""
    _has_data: bool = False
    _last_cr: bool = False

    def feed(self, data: bytes, now: float | None = None) -> None:
        """Take the next octets of the stream, cut anywhere, that came at `now`."""
        self._now = now
        if not data:
            return
        if self._last_cr and data[:1] == b"\n":
            data = data[1:]  # the LF of a CRLF that was cut between two chunks
            self._last_cr = False
        if not data:
            return
        self._last_cr = data.endswith(b"\r")
        lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        rest = lines.pop()
        for line in lines:
            if not self._line and not self._skipping and len(line) <= MAX_LINE:
                self._take_line(line)  # the usual case, without a copy
                continue
            self._extend(line)
            self._take_line(bytes(self._line))
            self._line.clear()
            self._skipping = False
        self._extend(rest)

    def _extend(self, part: bytes) -> None:
        if self._skipping:
            return
        room = MAX_LINE - len(self._line)
        if len(part) > room:
            self._skipping = True
        self._line += part[:room]

    def _take_line(self, line: bytes) -> None:
        if not line:
            if self._has_data:
                self.events += 1
            self._event, self._has_data = "", False
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._event = value.decode("utf-8", "replace")
            self._note_type(self._event)
            if self._event in _ERRORS:
                self.error_code = self.error_code or ""
        elif name == b"data":
            self._has_data = True
            self._note_text(value)
            self._take_data(value)

    def _note_text(self, value: bytes) -> None:
        self.goes_on = MORE.match(value) is not None
        self.in_text = _is_text(value) or (self.in_text and self.goes_on)
        if not self.in_text:
            self._text_time = None
            return
        if self._text_time is not None and self._now is not None:
            self.text_gap = max(self.text_gap, self._now - self._text_time)
        self._text_time = self._now

    def _note_type(self, word: str) -> None:
        if word not in self.types and len(self.types) < MAX_TYPES and is_word(word):
            self.types.append(word)

    def _take_data(self, value: bytes) -> None:
        if value == b"[DONE]":
            self.done = True
            self._note_type("DONE")
            return
        if self._skipping or not value.startswith(b"{"):
            return
        if b'"type"' not in value and b'"error"' not in value:
            return  # a text delta: nothing to learn, so not worth parsing
        try:
            payload = json.loads(value)
        except (ValueError, RecursionError):
            return
        self._take_payload(payload)

    def _take_payload(self, payload: object) -> None:
        if not isinstance(payload, dict):
            return
        kind = payload.get("type")
        if isinstance(kind, str):
            self._note_type(kind)
            self.complete |= kind in _COMPLETE
            self.handoff |= kind == "stream_handoff"
            if kind in _ERRORS:
                self.error_code = self.error_code or ""
        # the first delta of a turn wraps the message and its error in "v"
        inner = payload.get("v")
        response = payload.get("response")
        for holder in (payload, inner, response):
            error = holder.get("error") if isinstance(holder, dict) else None
            if error:
                code = error.get("code") or error.get("type") if isinstance(error, dict) else None
                word = code if isinstance(code, str) and is_word(code) else ""
                self.error_code = self.error_code or word

    @property
    def ended(self) -> bool:
        """The stream said that it is over."""
        return self.complete or self.done


def _is_text(value: bytes) -> bool:
    """True for an event that adds to a text; one that also ends the message is none."""
    return (
        _TEXT_PART.search(value, 0, _HEAD) is not None
        and b'"/message/status"' not in value
        and b'"replace"' not in value[:_HEAD]
    )
