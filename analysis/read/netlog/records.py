"""The parts of a NetLog file, one after the other, within bounds.

Chromium writes the constants on the first line, then one event a line, and at
the end the state of the browser (``polledData``); a browser that was killed
leaves the file cut off.  A file that some other program wrote anew, without
lines, is walked as any JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from analysis.model.message import plural, say
from analysis.read.json_stream import CutJsonError, DamagedJsonError, JsonStream

MAX_LINE = 16 * 1024 * 1024
"""Octets of one line that is looked at; a longer one is passed over."""

_HEAD = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:constants|events)"\s*:')
_EVENTS = re.compile(rb'\s*"events"\s*:\s*\[\s*\Z')
_POLLED = re.compile(rb'\]?\s*,?\s*"polledData"\s*:')
# keys are sorted, so that the type of the event stands last
_TYPE = re.compile(rb'"type":([0-9]{1,6})\}(\]\}?)?\Z')
_CLOSING = re.compile(rb"\]\s*\}?\Z")

type Record = Mapping[str, object]


def looks_like_netlog(first: bytes) -> bool:
    """True when a file begins as a NetLog does."""
    return _HEAD.match(first) is not None


class NetLogFile:
    """A NetLog to be read from start to end; what is wrong with it is in `problems`.

    `constants` are there at once, `polled` when `events` has come to its end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.count = 0
        self.polled: Record = {}
        self.problems: list[str] = []
        self._damaged = 0
        self._closed = False
        with path.open("rb") as file:
            first = file.readline(MAX_LINE)
            self._lined = _EVENTS.match(file.readline(MAX_LINE)) is not None
        self.constants = _inner(first, "constants") if self._lined else self._find("constants")

    def events(self, wanted: frozenset[int]) -> Iterator[Record]:
        """Events of the `wanted` types, and those whose type shows only when they are parsed."""
        yield from self._by_line(wanted) if self._lined else self._by_value()
        if not self._closed:
            self.problems.append(
                say(
                    "the file is cut off behind event {count}: the browser was ended while it "
                    "wrote",
                    count=self.count,
                )
            )
        if self._damaged:
            self.problems.append(
                plural("{n} damaged event left out", "{n} damaged events left out", self._damaged)
            )

    def _by_line(self, wanted: frozenset[int]) -> Iterator[Record]:
        with self._path.open("rb") as file:
            file.readline(MAX_LINE)
            file.readline(MAX_LINE)
            cut = False
            while line := file.readline(MAX_LINE):
                text = line.strip(b" \r\n,")
                kind = _TYPE.search(text[-20:])
                if kind and int(kind[1]) not in wanted and text.startswith(b"{"):
                    self.count += 1
                    self._closed = self._closed or kind[2] is not None
                    cut = False
                    continue
                if _POLLED.match(text):
                    self.polled = _polled(text)
                    self._closed = True
                    continue
                record = self._record(text)
                cut = record is None
                if record:
                    self.count += 1
                    yield record
        if cut and not self._closed:
            self._damaged -= 1  # it is the end of the file that cut this one

    def _record(self, text: bytes) -> Record | None:
        """The event on a line; {} where there is none, None where it is damaged."""
        record = _parsed(text)
        if record is None and (closing := _CLOSING.search(text)):
            # the array is closed behind the last event, or on a line of its own
            before = text[: closing.start()].strip()
            record = _parsed(before) if before else {}
            self._closed = self._closed or record is not None
        if not text or (self._closed and text == b"}"):
            return {}
        self._damaged += record is None
        return record

    def _by_value(self) -> Iterator[Record]:
        with self._path.open("rb") as file:
            stream = JsonStream(file)
            try:
                for key in stream.members():
                    if key == "events":
                        for _ in stream.items():
                            yield from self._value(stream)
                    elif key == "polledData":
                        self.polled = _first(stream.value(MAX_LINE))
                self._closed = True
            except CutJsonError:
                return
            except DamagedJsonError:
                self._damaged += 1

    def _value(self, stream: JsonStream) -> Iterator[Record]:
        try:
            record = stream.value(MAX_LINE)
        except DamagedJsonError:
            record = None
        if isinstance(record, dict):
            self.count += 1
            yield record
        else:
            self._damaged += 1

    def _find(self, wanted: str) -> Record:
        """A member of the whole; some programs write it behind the events."""
        with self._path.open("rb") as file:
            stream = JsonStream(file)
            try:
                for key in stream.members():
                    if key == wanted:
                        found = stream.value(MAX_LINE)
                        return found if isinstance(found, dict) else {}
            except (CutJsonError, DamagedJsonError):
                pass
        return {}


def _parsed(text: bytes) -> Record | None:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _inner(line: bytes, key: str) -> Record:
    """The member `key` of an object whose first line this is."""
    record = _parsed(line.removeprefix(b"\xef\xbb\xbf").rstrip(b" \r\n,") + b"}")
    inner = record.get(key) if record else None
    return inner if isinstance(inner, dict) else {}


def _polled(text: bytes) -> Record:
    """The last line's ``polledData``, an object or a list of one for each profile."""
    text = text.lstrip(b"], ")
    for ending in (b"", b"}"):
        record = _parsed(b"{" + text + ending)
        if record is not None:
            return _first(record.get("polledData"))
    return {}


def _first(value: object) -> Record:
    if isinstance(value, list):
        merged: dict[str, object] = {}
        for item in value[:16]:
            if isinstance(item, dict):
                merged = {**item, **merged}
        return merged
    return value if isinstance(value, dict) else {}
