"""Connectivity probes of browsers and systems, and the answer each must get."""

from __future__ import annotations

from functools import cache

from analysis.knowledge import table


@cache
def _probes() -> dict[str, tuple[tuple[str, int, str], ...]]:
    probes: dict[str, list[tuple[str, int, str]]] = {}
    required = ("host", "path", "status", "system", "source", "date", "confidence")
    for row in table.rows("probes", required):
        probes.setdefault(row["host"], []).append((row["path"], int(row["status"]), row["words"]))
    return {host: tuple(found) for host, found in probes.items()}


def _probe(host: str, path: str | None) -> tuple[int, str] | None:
    for known, status, words in _probes().get(host, ()):
        if path is None or path.partition("?")[0] == known:
            return status, words
    return None


def probe_answer(host: str, path: str | None) -> int | None:
    """The status that a probe must get; with no path, that of any probe of the host."""
    found = _probe(host, path)
    return found[0] if found else None


def probe_words(host: str, path: str | None) -> str | None:
    """The words in the body of a probe's own answer; None for an answer without a body."""
    found = _probe(host, path)
    return (found[1] or None) if found else None
