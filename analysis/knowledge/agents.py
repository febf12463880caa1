"""Programs that carry or inspect traffic, by the name of their process."""

from __future__ import annotations

from functools import cache

from analysis.knowledge import table


@cache
def path_agents() -> dict[str, str]:
    """Product by process name, in lower case and without ``.exe``."""
    required = ("process", "product", "source", "date", "confidence")
    return {row["process"]: row["product"] for row in table.rows("agents", required)}
