"""The delay budget: what each leg between the browser and the service costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from analysis.model.diagnosis import Diagnosis
from analysis.report.chart import draw
from analysis.report.safe import plain

_MOST_LEGS = 16


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg: median and 95th percentile in ms over `n` measurements."""

    name: str
    median_ms: float
    p95_ms: float | None
    n: int | None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def legs_of(diagnosis: Diagnosis) -> tuple[Leg, ...]:
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
            if several_ways:
                name = f"{name}, {plain(str(entry.get('way')), 40)}"
            n = None if count is None else int(count)
            legs.append(Leg(name, median, _number(entry.get("p95_ms")), n))
    return tuple(legs[:_MOST_LEGS])


def draw_budget(legs: tuple[Leg, ...], *, title_id: str) -> Markup:
    """A bar per leg to its median, with a tick at its 95th percentile."""
    rows = [{"leg": leg.name, "median": leg.median_ms, "p95": leg.p95_ms} for leg in legs]
    axis = {"title": "milliseconds", "tickCount": 6, "grid": True}
    y = {
        "field": "leg",
        "type": "nominal",
        "sort": [leg.name for leg in legs],
        "axis": {
            "title": None,
            "domain": False,
            "ticks": False,
            "labelLimit": 340,
            "labelColor": "var(--ink)",
            "labelPadding": 10,
        },
    }
    spec = {
        "width": 880,
        "height": {"step": 30},
        "data": {"values": rows},
        "encoding": {"y": y},
        "layer": [
            {
                "mark": {"type": "bar", "color": "var(--mark-normal)", "height": {"band": 0.55}},
                "encoding": {"x": {"field": "median", "type": "quantitative", "axis": axis}},
            },
            {
                "transform": [{"filter": "datum.p95 !== null"}],
                "mark": {"type": "tick", "color": "var(--ink)", "thickness": 2, "bandSize": 20},
                "encoding": {"x": {"field": "p95", "type": "quantitative"}},
            },
        ],
    }
    return draw(spec, title_id=title_id)
