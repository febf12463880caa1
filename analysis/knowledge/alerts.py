"""TLS alerts as an open enum (IANA TLS Alerts registry)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from analysis.knowledge import table
from analysis.model.message import say


@dataclass(frozen=True, slots=True)
class Alert:
    """`group` is none (an orderly end), certificate or handshake."""

    code: int
    name: str
    group: str
    reading: str


@cache
def _alerts() -> dict[int, Alert]:
    required = ("code", "name", "group", "reading", "source", "date", "confidence")
    return {
        int(row["code"]): Alert(int(row["code"]), row["name"], row["group"], say(row["reading"]))
        for row in table.rows("alerts", required)
    }


def alert(code: int) -> Alert:
    """What an alert says; a code never seen before is of the handshake."""
    return _alerts().get(code) or Alert(code, f"alert {code}", "handshake", say("not registered"))
