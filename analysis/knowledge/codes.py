"""Code points as open enums: a number never seen before still has a text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from analysis.knowledge import table
from analysis.model.figures import Number
from analysis.model.message import say

_FACTS = ("source", "date", "confidence")


@dataclass(frozen=True, slots=True)
class Ede:
    """An Extended DNS Error: `group` is filter, policy, upstream, dnssec and so on."""

    code: int
    name: str
    group: str
    reading: str


@cache
def _ede() -> dict[int, Ede]:
    return {
        int(row["code"]): Ede(int(row["code"]), row["name"], row["group"], say(row["reading"]))
        for row in table.rows("ede", ("code", "name", "group", "reading", *_FACTS))
    }


def ede(code: int) -> Ede:
    """What an Extended DNS Error code means (RFC 8914)."""
    return _ede().get(code) or Ede(code, f"EDE{code}", "other", say("not known"))


@dataclass(frozen=True, slots=True)
class CloseCode:
    """A websocket close code: `fault` is none, cut, path or service."""

    code: int
    name: str
    fault: str
    reading: str


@cache
def _close_codes() -> tuple[tuple[int, int, CloseCode], ...]:
    return tuple(
        (
            int(row["first"]),
            int(row["last"]),
            CloseCode(int(row["first"]), row["name"], row["fault"], say(row["reading"])),
        )
        for row in table.rows("close_codes", ("first", "last", "fault", "reading", *_FACTS))
    )


def close_code(code: int) -> CloseCode:
    """What a websocket close code means (RFC 6455 section 7.4)."""
    for first, last, entry in _close_codes():
        if first <= code <= last:
            return CloseCode(code, entry.name, entry.fault, entry.reading)
    return CloseCode(code, f"code {code}", "none", say("not registered"))


@cache
def _idle_timers() -> tuple[tuple[float, str], ...]:
    return tuple(
        (float(row["seconds"]), say(row["owner"]))
        for row in table.rows("idle_timers", ("seconds", "owner", *_FACTS))
    )


def fits_timer(timer: tuple[float, str] | None) -> str:
    """That a silence is as long as a known timer, for a sentence; empty without one."""
    if timer is None:
        return ""
    seconds, owner = timer
    return say("which fits {owner} ({seconds} s)", owner=owner, seconds=Number(seconds))


def idle_timer(seconds: float, spread: float) -> tuple[float, str] | None:
    """The known idle timer within `spread` (a share) of a silence, and its typical owner."""
    fitting = [timer for timer in _idle_timers() if abs(seconds - timer[0]) <= spread * timer[0]]
    return min(fitting, key=lambda timer: abs(seconds - timer[0]), default=None)
