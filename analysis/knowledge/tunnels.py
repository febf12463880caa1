"""Protocols of tunnels, by the names that people know (``tunnels.tsv``)."""

from __future__ import annotations

from functools import cache

from analysis.knowledge import table


@cache
def tunnel_protocols(*, alone: bool = False) -> dict[str, str]:
    """Name per protocol of the udp table; with `alone`, those that prove a tunnel by themselves."""
    rows = table.rows("tunnels", ("protocol", "name"))
    return {row["protocol"]: row["name"] for row in rows if table.flag(row, "alone") or not alone}
