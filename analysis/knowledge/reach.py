"""How much of ChatGPT goes with a host: everything, files alone, or something between."""

from __future__ import annotations

import re
from functools import cache

from analysis.knowledge import table
from analysis.knowledge.hosts import host_regex, normal

BETWEEN = 1
"""Answers that are handed over, sign-in, scripts: much, not all."""


@cache
def _rows() -> tuple[tuple[re.Pattern[str], int], ...]:
    required = ("pattern", "rank", "without", "source", "date", "confidence")
    rows = table.rows("reach", required)
    return tuple((re.compile(host_regex(row["pattern"])), int(row["rank"])) for row in rows)


def reach_rank(host: str) -> int:
    """0 for the host without which nothing works; more for less."""
    name = normal(host)[:255]
    return next((rank for regex, rank in _rows() if regex.fullmatch(name)), BETWEEN)
