"""When and on which machine the session took place."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from analysis.diagnose.surroundings import machine
from analysis.model.diagnosis import Diagnosis
from analysis.model.frames import Tables

_TIMES = {
    "http": ("started", "ended"),
    "connections": ("started", "ended"),
    "dns": ("time",),
    "tcp": ("first_time", "last_time"),
    "tls": ("time",),
    "ws": ("requested", "ended"),
    "ws_frames": ("time",),
    "chunks": ("time",),
    "markers": ("time",),
}
_LATEST = 253_402_300_799.0  # end of the year 9999: a time beyond is not one


@dataclass(frozen=True, slots=True)
class Session:
    """First and last moment (seconds since 1970, UTC) and the machine's own words for itself."""

    first: float | None
    last: float | None
    machine: str | None


def sane(times: Iterable[object]) -> list[float]:
    """The times that can be shown; a hostile capture may carry any number."""
    return [
        float(time)
        for time in times
        if isinstance(time, (int, float)) and math.isfinite(time) and 0 < time < _LATEST
    ]


def session_of(diagnosis: Diagnosis, tables: Tables) -> Session:
    """The period the capture names, else the one its sources or rows span."""
    firsts = sane(facts.started for facts in tables.captures)
    lasts = sane(facts.ended for facts in tables.captures)
    for source in diagnosis.sources:
        firsts += [] if firsts else sane([source.first_seen])
        lasts += sane([source.last_seen])
    if not firsts or not lasts:
        spans = [tables[name][list(columns)] for name, columns in _TIMES.items()]
        seen = sane(value for frame in spans for value in (frame.min().min(), frame.max().max()))
        firsts, lasts = firsts or seen, lasts or seen
    return Session(min(firsts, default=None), max(lasts, default=None), machine(tables) or None)
