"""What one NetLog event says, by the constants that its own file declares.

Numbers of event types, sources, phases and errors differ from version to
version of Chromium, so none of them is known here: a NetLog begins with a
``constants`` object that names them.
Source: Chromium net/log/netlog_util.cc and net/docs/crash-course-in-net-internals.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.model.markup import sound
from analysis.read import fields

MAX_CONSTANTS = 4096
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,99}\Z")
_DIGITS = re.compile(r"-?[0-9]{1,18}\Z")
_ABORTED = "ERR_ABORTED"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `kind` is its type's name, `time` in seconds since 1970 where it is known.

    `source` is the number of what it happened to and `of` the name of that
    thing's type (URL_REQUEST, SOCKET).  `begins` and `ends` are both false for
    an event without duration.
    """

    kind: str
    time: float | None
    source: int
    of: str
    begins: bool
    ends: bool
    params: Mapping[str, object]

    @property
    def dependency(self) -> int | None:
        """The number of the source that this one is bound to."""
        return fields.whole(fields.mapping(self.params, "source_dependency"), "id")


class Constants:
    """The names behind a NetLog's numbers, and what the browser says of itself."""

    def __init__(self, record: Mapping[str, object]) -> None:
        self.types = _by_number(record, "logEventTypes")
        self.sources = _by_number(record, "logSourceType")
        self.secure_dns = _by_number(record, "secureDnsMode", upper=False)
        self.client = fields.mapping(record, "clientInfo")
        self.capture_mode = fields.text(record, "logCaptureMode", 40)
        self._errors = {
            number: name if name.startswith("ERR_") else f"ERR_{name}"
            for number, name in _by_number(record, "netError").items()
        }
        phases = fields.mapping(record, "logEventPhase")
        self._begin = _number(phases.get("PHASE_BEGIN"))
        self._end = _number(phases.get("PHASE_END"))
        self._offset = _number(record.get("timeTickOffset"))

    @property
    def usable(self) -> bool:
        """Events cannot be told apart without the names of their types."""
        return bool(self.types and self.sources and self._begin is not None)

    def error(self, value: object) -> str | None:
        """``net::ERR_X`` for the number or name of a net error; None for success."""
        if isinstance(value, str) and _NAME.match(value):
            name = value if value.startswith("ERR_") else f"ERR_{value}"
            return None if name in {"ERR_OK", "ERR_IO_PENDING"} else f"net::{name}"
        number = _number(value)
        if number is None or number >= 0:
            return None
        name = self._errors.get(number, f"ERR_{-number}")
        return None if name == "ERR_IO_PENDING" else f"net::{name}"

    def failure(self, event: Event) -> str | None:
        """The error of an event, other than that the browser gave up itself."""
        error = self.error(event.params.get("net_error"))
        return None if error == f"net::{_ABORTED}" else error

    def event(self, record: Mapping[str, object]) -> Event | None:
        """The event of a record; None where it names no known type or source."""
        kind = self.types.get(_whole(record, "type"))
        source = fields.mapping(record, "source")
        number = fields.whole(source, "id")
        if kind is None or number is None:
            return None
        phase = fields.whole(record, "phase")
        return Event(
            kind,
            self.moment(record.get("time")),
            number,
            self.sources.get(_whole(source, "type"), ""),
            begins=phase is not None and phase == self._begin,
            ends=phase is not None and phase == self._end,
            params=fields.mapping(record, "params"),
        )

    def moment(self, ticks: object) -> float | None:
        """Seconds since 1970 for a time of the log, which counts milliseconds of the machine."""
        number = _number(ticks)
        if number is None or self._offset is None:
            return None
        return fields.moment((self._offset + number) / 1000)


def _whole(record: Mapping[str, object], key: str) -> int:
    found = fields.whole(record, key)
    return -1 if found is None else found


def _number(value: object) -> int | None:
    """An integer; Chromium writes those that may not fit a double as text."""
    if isinstance(value, str):
        return int(value) if _DIGITS.match(value) else None
    if isinstance(value, float):
        return int(value) if abs(value) < 2**53 else None
    return fields.whole({"": value}, "")


def _by_number(record: Mapping[str, object], key: str, *, upper: bool = True) -> dict[int, str]:
    found: dict[int, str] = {}
    for name, value in list(fields.mapping(record, key).items())[:MAX_CONSTANTS]:
        number = _number(value)
        if number is not None and (_NAME.match(name) or not upper):
            found[number] = sound(name[:100])
    return found
