"""Words by which browsers and proxies say that a TLS handshake failed."""

from __future__ import annotations

import re
from functools import cache

from analysis.knowledge import table


@cache
def _words() -> re.Pattern[str]:
    """Any fragment, with the rest of a code that it begins."""
    rows = table.rows("handshake_errors", ("fragment", "source", "date", "confidence"))
    return re.compile("|".join(re.escape(row["fragment"]) + r"\w*" for row in rows), re.I)


def handshake_error(text: str | None) -> str | None:
    """What says in an error text that the handshake failed; None when nothing does."""
    found = _words().search(text or "")
    return found[0] if found else None
