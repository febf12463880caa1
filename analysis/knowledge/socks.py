"""What a SOCKS proxy answers: codes that grant, and those that refuse, in words."""

from __future__ import annotations

from functools import cache

from analysis.knowledge import table
from analysis.model.message import Message, say

GRANTED = (0, 90)
LOGIN = 255
"""In the tcp table: the login is missing or wrong."""


@cache
def _readings() -> dict[int, str]:
    required = ("code", "reading", "source", "date", "confidence")
    return {int(row["code"]): row["reading"] for row in table.rows("socks_replies", required)}


def socks_reading(code: int) -> Message:
    """A code with its meaning: ``SOCKS code 2, not allowed by its rules``."""
    meaning = _readings().get(code)
    if meaning is None:
        return say("SOCKS code {code}", code=str(code))
    return say("SOCKS code {code}, {meaning}", code=str(code), meaning=say(meaning))
