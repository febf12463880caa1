"""The delay budget: what each leg between the browser and the service costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from analysis.model.diagnosis import Diagnosis
from analysis.model.message import Message, joined, say
from analysis.report.chart import draw
from analysis.report.language import Language
from analysis.report.safe import plain
from analysis.report.words import milliseconds

_MOST_LEGS = 16
_MOST_WAYS = 4

PARTS: dict[str, Message] = {
    "lookup": say("name lookup"),
    "near": say("to the near end (TCP and TLS)"),
    "behind": say("behind the near end (TLS)"),
    "edge": say("the edge"),
    "service": say("the service"),
    "both": say("edge and service, with the way there"),
}
"""What a first request waits for, one after another; colours are the page's ``--part-…``."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg: median and 95th percentile in ms over `n` measurements.

    `part` says where it stands in the way of a request, `way` is direct, a
    proxy, or all; `note` says where there are too few measurements.
    """

    name: str
    median_ms: float
    p95_ms: float | None
    n: int | None
    part: str = ""
    way: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """What one kind of request waits for on one way: (part, ms) in order."""

    name: str
    parts: tuple[tuple[str, float], ...]

    @property
    def total(self) -> float:
        return sum(ms for _, ms in self.parts)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def legs_of(diagnosis: Diagnosis, language: Language = Language.EN) -> tuple[Leg, ...]:
    """The legs in ``measurements["delay_budget"]``; entries without a median are left out.

    Where the session went several ways (direct and through a proxy), each leg's
    name ends in its way.
    """
    given = diagnosis.measurements.get("delay_budget")
    entries = [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    several_ways = len({str(entry.get("way")) for entry in entries}) > 1
    legs = []
    for entry in entries:
        median, count = _number(entry.get("median_ms")), _number(entry.get("n"))
        if median is not None:
            name = plain(str(entry.get("leg") or entry.get("name") or ""), 40)
            way = plain(str(entry.get("way") or ""), 40)
            if several_ways:
                name = language.text(joined([name, way_named(way)], ", "))
            n = None if count is None else int(count)
            p95, part = _number(entry.get("p95_ms")), str(entry.get("part") or "")
            note = plain(str(entry.get("note") or ""), 80)
            legs.append(Leg(name, median, p95, n, part, way, note))
    return tuple(legs[:_MOST_LEGS])


def way_named(way: str) -> str:
    """A way in words: a proxy by its address, which is a name already."""
    return {"direct": say("direct"), "all": say("all ways")}.get(way, way)


def stacks_of(legs: tuple[Leg, ...], language: Language) -> tuple[Stack, ...]:
    """What a request waits for on a new and on an open connection, way by way.

    Medians on top of each other: a typical case, not a measurement of one.
    """
    ways = list(dict.fromkeys(leg.way for leg in legs if leg.part in ("near", "behind")))
    stacks = []
    for way in ways[:_MOST_WAYS]:
        costs: dict[str, float] = {}
        for leg in legs:
            if leg.way in (way, "all"):
                costs.setdefault(leg.part, leg.median_ms)  # of several resolvers the busiest
        if "near" in costs:
            costs["near"] *= 2  # a round trip each for TCP and for TLS 1.3
        if "both" in costs:
            costs.pop("edge", None)
        opened = tuple((part, costs[part]) for part in PARTS if part in costs)
        later = tuple((part, ms) for part, ms in opened if part in ("edge", "service", "both"))
        for name, parts in (
            (say("First request, new connection"), opened),
            (say("Request, open connection"), later),
        ):
            if parts:
                what = name if len(ways) == 1 else joined([name, way_named(way)], ", ")
                stacks.append(Stack(language.text(what), parts))
    return tuple(stacks)


def draw_stacks(stacks: tuple[Stack, ...], language: Language, *, title_id: str) -> Markup:
    """A bar per stack, its parts one after another, and the sum at its end."""
    rows, ends = [], []
    for stack in stacks:
        at = 0.0
        for part, ms in stack.parts:
            rows.append({"name": stack.name, "part": part, "a": at, "b": at + ms})
            at += ms
        ends.append({"name": stack.name, "a": at, "text": language.text(milliseconds(at))})
    longest = max(stack.total for stack in stacks)
    x = {"type": "quantitative", "scale": {"domain": [0, longest * 1.1 or 1]}}
    title = language.text(say("milliseconds, medians on top of each other"))
    y = {
        "field": "name",
        "type": "nominal",
        "sort": [stack.name for stack in stacks],
        "axis": {
            "title": None,
            "domain": False,
            "ticks": False,
            "labelLimit": 340,
            "labelColor": "var(--ink)",
            "labelPadding": 10,
        },
    }
    colour = {
        "field": "part",
        "type": "nominal",
        "scale": {"domain": list(PARTS), "range": [f"var(--part-{part})" for part in PARTS]},
        "legend": None,
    }
    spec = {
        "width": 780,
        "height": {"step": 40},
        "encoding": {"y": y},
        "layer": [
            {
                "data": {"values": rows},
                "mark": {"type": "bar", "height": {"band": 0.6}},
                "encoding": {
                    "x": {"field": "a", **x, "axis": {"title": title, "tickCount": 6}},
                    "x2": {"field": "b"},
                    "color": colour,
                },
            },
            {
                "data": {"values": ends},
                "mark": {"type": "text", "align": "left", "dx": 6, "color": "var(--ink)"},
                "encoding": {"x": {"field": "a", **x}, "text": {"field": "text"}},
            },
        ],
    }
    return draw(spec, language, title_id=title_id)
