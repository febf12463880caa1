"""TCP ports on which proxies listen by default (``proxy_ports.tsv``)."""

from __future__ import annotations

from functools import cache

from analysis.knowledge import table


@cache
def proxy_ports() -> frozenset[int]:
    """All of them; other servers use some of these as well."""
    required = ("port", "product", "source", "date", "confidence")
    return frozenset(int(row["port"]) for row in table.rows("proxy_ports", required))
