"""Words by which browsers and proxies say why they refused a certificate."""

from __future__ import annotations

from functools import cache

from analysis.knowledge import table


@cache
def _words() -> tuple[tuple[str, str], ...]:
    """Fragments in lower case with their reason, the most telling first."""
    rows = table.rows("certificate_errors", ("fragment", "reason", "source", "date", "confidence"))
    return tuple((row["fragment"], row["reason"]) for row in rows)


def certificate_error(text: str | None) -> str | None:
    """inspected, name, date, authority, proxy, revoked or other; None for another failure."""
    low = (text or "").lower()
    return next((reason for fragment, reason in _words() if fragment in low), None)
