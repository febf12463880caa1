"""When a signed link ends, from its own parameters."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl

from analysis.read.fields import moment

_MARKS = ("se=", "expires=", "x-amz-date=")
_MAX_QUERY = 8192


def signed_until(url: str) -> float | None:
    """Seconds since 1970; None for a link that states no end.

    Azure's shared access signature has ``se`` (ISO 8601, UTC where it names no
    zone), Amazon's version 4 ``X-Amz-Date`` and ``X-Amz-Expires`` (seconds),
    version 2 and Google's ``Expires`` (seconds since 1970).
    """
    query = url.partition("?")[2][:_MAX_QUERY]
    low = query.lower()
    if not any(mark in low for mark in _MARKS):
        return None
    values = {name.lower(): value for name, value in parse_qsl(query)[:64]}
    if "sig" in values or "sv" in values:
        return _iso(values.get("se"))
    if "x-amz-date" in values:
        return _amazon(values["x-amz-date"], values.get("x-amz-expires", ""))
    expires = values.get("expires", "")
    signed = values.keys() & {"signature", "googleaccessid", "key-pair-id", "awsaccesskeyid"}
    return moment(float(expires)) if signed and _digits(expires) else None


def _iso(text: str | None) -> float | None:
    try:
        end = datetime.fromisoformat(text or "")
        return moment((end if end.tzinfo else end.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _amazon(date: str, expires: str) -> float | None:
    try:
        begun = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment(begun.timestamp() + int(expires)) if _digits(expires) else None


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12
