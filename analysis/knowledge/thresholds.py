"""Every number that a rule compares with, its unit, and why it is that number."""

from __future__ import annotations

from functools import cache

from analysis.knowledge import table


@cache
def _values() -> dict[str, float]:
    rows = table.rows("thresholds", ("name", "value", "reason", "source", "date"))
    values = {row["name"]: float(row["value"]) for row in rows}
    if len(values) != len(rows):
        raise ValueError("thresholds.tsv: a name is there twice")
    return values


def threshold(name: str) -> float:
    """The value of one threshold. Raises KeyError for an unknown name."""
    return _values()[name]
