"""Times: integers of nanoseconds inside, floats of seconds in the tables."""

from __future__ import annotations


def seconds(ns: int | None) -> float | None:
    """Seconds since 1970; None for the 0 of a packet without time."""
    return ns / 1e9 if ns else None


def milliseconds(ns: int | None) -> float | None:
    """A span."""
    return None if ns is None else ns / 1e6
