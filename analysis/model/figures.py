"""Figures inside a message: each language writes them in its own way.

The English form is made here, with the standard library alone, because it is
the value of every message; other languages have theirs from CLDR.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Number:
    """A number with `digits` decimals; `signed` shows a plus as well."""

    value: float
    digits: int = 0
    signed: bool = False

    def __str__(self) -> str:
        return f"{self.value:{'+' if self.signed else ''},.{self.digits}f}"


@dataclass(frozen=True, slots=True)
class Percent:
    """A share of 1 in per cent."""

    share: float
    digits: int = 0

    def __str__(self) -> str:
        return f"{self.share:.{self.digits}%}"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in UTC, to the second. Raises ValueError for one that no calendar has."""

    seconds: float

    def __post_init__(self) -> None:
        self.stamp()

    def stamp(self) -> datetime:
        """The moment as a date and a time of day in UTC."""
        try:
            return datetime.fromtimestamp(self.seconds, UTC)
        except (OverflowError, OSError) as error:
            raise ValueError(str(error)) from None

    def __str__(self) -> str:
        stamp = self.stamp()
        return f"{stamp.day} {stamp:%b %Y, %H:%M:%S} UTC"


type Figure = Number | Percent | Moment


def whole_percent(share: float) -> Percent:
    """A share of 1 as whole per cent; never 100% for less than certain.

    Raises ValueError for a share that is no number.
    """
    if not math.isfinite(share):
        raise ValueError(f"{share} is no share")
    share = min(max(share, 0.0), 1.0)
    return Percent(1.0 if share == 1 else min(round(share * 100), 99) / 100)
