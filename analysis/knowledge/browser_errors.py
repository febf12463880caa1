"""Chromium's error codes that name a proxy's failure, or what else a failed request shows."""

from __future__ import annotations

from functools import cache

from analysis.knowledge import table

_FACTS = ("source", "date", "confidence")

INSIDE, QUIC, OWN = "inside", "quic", "own"


@cache
def proxy_errors(finding: str) -> frozenset[str]:
    """Codes by which the browser says what `finding` claims of its proxy."""
    rows = table.rows("proxy_errors", ("error", "finding", *_FACTS))
    return frozenset(row["error"] for row in rows if row["finding"] == finding)


@cache
def _kinds() -> tuple[tuple[str, str], ...]:
    rows = table.rows("request_errors", ("error", "kind", "reason", *_FACTS))
    return tuple((row["error"], row["kind"]) for row in rows)


def request_error(text: str | None) -> str | None:
    """What an error is about, by the start of its code: one of INSIDE, QUIC and OWN, or None."""
    at = (text or "").find("ERR_")
    code = (text or "")[at:] if at >= 0 else ""
    return next((kind for start, kind in _kinds() if code.startswith(start)), None)
