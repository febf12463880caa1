"""Many marks as few lines: the drawing of ten thousand events stays small and quick.

Vega draws a line per series and breaks it where a value is missing, so all
instants of one colour are one path, and all spans another. An instant keeps
its width when the page zooms in; a span grows with the time it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable

from analysis.report.chart import Spec

type Stroke = tuple[float, float, float, float, str]
"""From (x1, y1) to (x2, y2), and the series, which is the name of a colour."""


def strokes(name: str, rows: Iterable[Stroke], *, width: float, encoding: Spec) -> Spec:
    """A layer named `name`; `encoding` says what x, y and the colour of ``s`` are.

    Coordinates are in the data's own units; the layer's rows travel as CSV,
    which Vega reads faster than as many objects.
    """
    lines = ["x,y,s"]
    for x1, y1, x2, y2, series in rows:
        lines += [f"{x1:.7g},{y1:.6g},{series}", f"{x2:.7g},{y2:.6g},{series}", f",,{series}"]
    return {
        "name": name,
        "data": {
            "values": "\n".join(lines),
            "format": {"type": "csv", "parse": {"x": "number", "y": "number", "s": "string"}},
        },
        "mark": {
            "type": "line",
            "strokeWidth": width,
            "strokeCap": "butt",
            "invalid": "break-paths-show-domains",
        },
        "encoding": {**encoding, "order": {"value": None}},
    }


def series_colour(names: Iterable[str]) -> Spec:
    """Series named as the page's colours ``--mark-…``, drawn in this order."""
    names = list(names)
    return {
        "field": "s",
        "type": "nominal",
        "scale": {"domain": names, "range": [f"var(--mark-{name})" for name in names]},
        "legend": None,
    }
