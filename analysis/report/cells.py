"""Cells of the tables of what was seen: one value of a row as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import dns.rcode
import numpy as np

from analysis.model.message import joined, say
from analysis.report.words import milliseconds, octets, since

type Record = Mapping[Any, Any]
type CellText = Callable[[Record], str]

_MOST_PARTS = 3
_LARGEST = 1e18  # no figure of a capture is beyond; its digits would break the layout
_LONGEST = 1e9  # 30 years: a span beyond comes from a time that is none


def number(row: Record, name: str) -> float | None:
    """A finite number, or None when the value was not seen."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and abs(value) < _LARGEST else None


def word(row: Record, name: str) -> str:
    """A value as it is; an empty string when it was not seen."""
    value = row.get(name)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if isinstance(value, (list, tuple, np.ndarray)):
        parts = [str(part) for part in value]
        shown = ", ".join(parts[:_MOST_PARTS])
        if len(parts) <= _MOST_PARTS:
            return shown
        return joined([shown, say("(+{n} more)", n=len(parts) - _MOST_PARTS)])
    figure = number(row, name)
    return "" if figure is None else f"{figure:.0f}"


def words(*names: str, between: str = " ") -> CellText:
    """The values of several columns, those that were seen."""
    return lambda row: joined((word(row, name) for name in names), between)


def address(host: str, path: str) -> CellText:
    """Host and path as one."""
    return lambda row: word(row, host) + word(row, path)


def delay(name: str) -> CellText:
    """A span in ms."""
    return lambda row: "" if (value := number(row, name)) is None else milliseconds(value)


def seconds(name: str) -> CellText:
    """A span in s."""
    return lambda row: "" if (value := number(row, name)) is None else milliseconds(value * 1000)


def offset(name: str, begin: float | None) -> CellText:
    """A time as the span since `begin`: ``+3.100 s``."""

    def cell(row: Record) -> str:
        at = number(row, name)
        if at is None or begin is None or abs(at - begin) > _LONGEST:
            return ""
        return since(at - begin)

    return cell


def size(name: str) -> CellText:
    """A size in octets."""
    return lambda row: "" if (value := number(row, name)) is None else octets(value)


def rcode(row: Record) -> str:
    """A DNS response code by name, as in RFC 6895; unknown ones by number."""
    code = number(row, "rcode")
    if code is None:
        return say("no answer seen") if row.get("response") is False else ""
    try:
        return dns.rcode.to_text(dns.rcode.Rcode.make(int(code)))
    except ValueError:
        return f"RCODE{code:.0f}"


def frames(row: Record) -> str:
    """Data frames of a websocket, up and down."""
    up, down = word(row, "client_frames"), word(row, "server_frames")
    return f"{up or '?'} / {down or '?'}" if up or down else ""
