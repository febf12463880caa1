"""Names of public resolvers that are asked over TLS, HTTPS or QUIC."""

from __future__ import annotations

from functools import cache

from analysis.knowledge import table
from analysis.knowledge.hosts import normal

DOT_PORT = 853
"""DNS over TLS (RFC 7858) and over QUIC (RFC 9250)."""


@cache
def _operators() -> dict[str, str]:
    required = ("name", "operator", "source", "date", "confidence")
    return {row["name"]: row["operator"] for row in table.rows("encrypted_dns", required)}


def encrypted_resolver(host: str) -> str | None:
    """Who runs the encrypted resolver of that name, or of a name below it (a profile's own)."""
    labels = normal(host)[:255].split(".")
    parents = (".".join(labels[start:]) for start in range(min(len(labels), 8)))
    return next((_operators()[name] for name in parents if name in _operators()), None)
