"""Values of a HAR: written by many programs, so numbers may be strings and dates odd."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from analysis.model.markup import sound
from analysis.read import fields

MAX_HEADERS = 200
MAX_BODY = 4 * 1024 * 1024
_NUMBER = re.compile(r"\s*[+-]?\d{1,20}(?:\.\d{0,20})?(?:[eE][+-]?\d{1,3})?\s*\Z")
_MILLISECONDS, _MICROSECONDS = 1e11, 1e14
"""A time beyond these (the years 5138 and 3170843 in seconds) counts smaller units."""

_ZONE = re.compile(r"([+-]\d\d)(\d\d)\Z")


def number(record: Mapping[str, object], key: str) -> float | None:
    """A finite number, also one written as a string."""
    value = record.get(key)
    if isinstance(value, str) and _NUMBER.match(value):
        value = float(value)
    return fields.number({"": value}, "")


def amount(record: Mapping[str, object], key: str) -> float | None:
    """A number that is not negative: HAR writes -1 for "does not apply"."""
    found = number(record, key)
    return found if found is not None and found >= 0 else None


def count(record: Mapping[str, object], key: str) -> int | None:
    """A whole number that is not negative, within 64 bits."""
    found = amount(record, key)
    return int(found) if found is not None and found < 2**63 else None


def moment(value: object) -> float | None:
    """Seconds since 1970 of an ISO 8601 date or of a number of seconds, milli- or microseconds.

    A date without a zone is taken for UTC.
    """
    found = number({"": value}, "")
    if found is not None:
        scale = 1e6 if found > _MICROSECONDS else 1e3 if found > _MILLISECONDS else 1.0
        return fields.moment(found / scale)
    if not isinstance(value, str):
        return None
    try:
        date = datetime.fromisoformat(_ZONE.sub(r"\1:\2", value.strip()[:40]))
        return fields.moment((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def pairs(record: Mapping[str, object]) -> list[tuple[str, str]]:
    """Headers as they stood; HTTP/2's pseudo-headers left out, joined cookies apart again."""
    return [pair for pair in _pairs(record) if not pair[0].startswith(":")]


def pseudo(record: Mapping[str, object], name: str) -> str | None:
    """An HTTP/2 pseudo-header (RFC 9113 section 8.3) such as ``:protocol``."""
    return next((value for key, value in _pairs(record) if key == name), None)


def _pairs(record: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    listed = record.get("headers")
    for item in listed[:MAX_HEADERS] if isinstance(listed, list) else []:
        if not isinstance(item, dict):
            continue
        name, value = fields.text(item, "name", 200), fields.text(item, "value")
        if name and value is not None:
            # Chromium joins the Set-Cookie headers of a response by line feeds
            for line in value.split("\n") if name.lower() == "set-cookie" else [value]:
                yield name, line


def body(content: Mapping[str, object]) -> bytes:
    """The octets of a body as the HAR gives it, up to MAX_BODY; b"" without one."""
    text = content.get("text")
    if not isinstance(text, str):
        return b""
    if fields.text(content, "encoding", 20) == "base64":
        return unpacked(text[: MAX_BODY // 3 * 4])
    return sound(text[:MAX_BODY]).encode()


def unpacked(text: str) -> bytes:
    """Base64 as far as it can be decoded; b"" when it cannot."""
    packed = text.encode("ascii", "ignore")
    try:
        return base64.b64decode(packed[: len(packed) // 4 * 4])
    except (binascii.Error, ValueError):
        return b""
