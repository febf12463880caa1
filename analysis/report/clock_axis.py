"""The time axis of every picture of the session: seconds since its start.

Sessions of some minutes and more are read as hours, minutes and seconds. The
page's script writes the ticks anew when it zooms, by the same rule.
"""

from __future__ import annotations

import math

from analysis.report.chart import Spec

LONG = 300.0  # seconds; from here on a clock is easier to read than seconds
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_MOST_TICKS = 10
_CLOCK = (
    "floor(datum.value / 3600) + ':' + pad(floor(datum.value / 60) % 60, 2, '0', 'left')"
    " + ':' + pad(floor(datum.value) % 60, 2, '0', 'left')"
)


def step_of(length: float) -> float:
    """The distance of ticks for a span of `length` seconds: at most ten of them."""
    for step in _STEPS:
        if 1 <= length / step <= _MOST_TICKS:
            return float(step)
    if length < 1:
        power = 10.0 ** math.floor(math.log10(length))
        return next(power * part for part in (0.1, 0.2, 0.5, 1) if length / (power * part) <= 10)
    return 86400.0 * math.ceil(length / 86400 / _MOST_TICKS)


def clock_axis(length: float, title: str) -> Spec:
    """The x axis for a session of `length` seconds."""
    step = step_of(length)
    axis: Spec = {
        "title": title,
        "values": [round(step * n, 6) for n in range(int(length / step + 1e-9) + 1)],
    }
    if length >= LONG:
        axis["labelExpr"] = _CLOCK
    return axis


def clock_scale(length: float) -> Spec:
    return {"domain": [0, length], "nice": False, "zero": False}
