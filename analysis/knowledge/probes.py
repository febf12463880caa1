"""Connectivity probes of browsers and systems, and the answer each must get."""

from __future__ import annotations

from functools import cache

from analysis.knowledge import table


@cache
def _probes() -> dict[str, tuple[tuple[str, int], ...]]:
    probes: dict[str, list[tuple[str, int]]] = {}
    required = ("host", "path", "status", "system", "source", "date", "confidence")
    for row in table.rows("probes", required):
        probes.setdefault(row["host"], []).append((row["path"], int(row["status"])))
    return {host: tuple(found) for host, found in probes.items()}


def probe_answer(host: str, path: str | None) -> int | None:
    """The status that a probe must get; with no path, that of any probe of the host."""
    for known, status in _probes().get(host, ()):
        if path is None or path.partition("?")[0] == known:
            return status
    return None
