"""TCP ports on which proxies listen by default (``proxy_ports.tsv``)."""

from __future__ import annotations

from functools import cache

from analysis.knowledge import table

AUTOCONFIG = "application/x-ns-proxy-autoconfig"
"""Content type of a proxy auto-configuration script."""


@cache
def proxy_ports() -> frozenset[int]:
    """All of them; other servers use some of these as well."""
    return frozenset(int(row["port"]) for row in _rows())


@cache
def shared_ports() -> frozenset[int]:
    """Those of them on which test servers and appliances listen as well."""
    return frozenset(int(row["port"]) for row in _rows() if row["shared"] == "yes")


def _rows() -> tuple[dict[str, str], ...]:
    required = ("port", "product", "shared", "source", "date", "confidence")
    return table.rows("proxy_ports", required)
