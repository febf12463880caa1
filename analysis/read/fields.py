"""Taking values out of untrusted JSON: the wanted type, or None."""

from __future__ import annotations

import math
from collections.abc import Mapping

from analysis.model.markup import sound

MAX_TEXT = 4000
MAX_LIST = 4096
_INT64 = 2**63
LAST_MOMENT = 253_402_300_800.0
"""The year 10000: no clock says more, and datetime cannot."""


def text(record: Mapping[str, object], key: str, limit: int = MAX_TEXT) -> str | None:
    """A string, cut to `limit` characters."""
    value = record.get(key)
    return sound(value[:limit]) if isinstance(value, str) else None


def number(record: Mapping[str, object], key: str) -> float | None:
    """A finite number."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def moment(value: object) -> float | None:
    """Seconds since 1970 as a clock could have given them."""
    found = number({"": value}, "")
    return found if found is not None and 0.0 <= found < LAST_MOMENT else None


def whole(record: Mapping[str, object], key: str) -> int | None:
    """An integer that fits 64 bits."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -_INT64 <= value < _INT64 else None


def flag(record: Mapping[str, object], key: str) -> bool | None:
    value = record.get(key)
    return value if isinstance(value, bool) else None


def texts(record: Mapping[str, object], key: str) -> list[str] | None:
    """A list of strings; other members are dropped."""
    value = record.get(key)
    if not isinstance(value, list):
        return None
    return [sound(item[:MAX_TEXT]) for item in value[:MAX_LIST] if isinstance(item, str)]


def numbers(record: Mapping[str, object], key: str) -> list[float]:
    """A list of finite numbers; other members are dropped."""
    value = record.get(key)
    if not isinstance(value, list):
        return []
    found = (number({"": item}, "") for item in value[:MAX_LIST])
    return [item for item in found if item is not None]


def wholes(record: Mapping[str, object], key: str) -> list[int]:
    """A list of integers; other members are dropped."""
    value = record.get(key)
    if not isinstance(value, list):
        return []
    found = (whole({"": item}, "") for item in value[:MAX_LIST])
    return [item for item in found if item is not None]


def mapping(record: Mapping[str, object], key: str) -> Mapping[str, object]:
    """An object; {} when it is anything else."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def headers(record: Mapping[str, object], key: str) -> list[tuple[str, str]]:
    """A list of [name, value] pairs."""
    value = record.get(key)
    found = []
    for item in value[:200] if isinstance(value, list) else []:
        if isinstance(item, list) and len(item) == 2:
            name, content = item
            if isinstance(name, str) and isinstance(content, str):
                found.append((sound(name[:200]), sound(content[:MAX_TEXT])))
    return found
