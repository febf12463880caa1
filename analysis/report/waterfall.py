"""A page load as a waterfall, with the scripts and styles that never arrived."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from analysis.model.frames import Tables
from analysis.model.message import Message, say
from analysis.report.cells import Record, number, word
from analysis.report.chart import draw
from analysis.report.clock_axis import clock_axis, clock_scale
from analysis.report.language import Language
from analysis.report.safe import plain

_MOST_ROWS = 36
_MOST_MISSING = 16
_NAME = 44  # columns
_LONGEST = 600.0  # s: what is asked for later belongs to no page load
_ARRIVED = ("loaded", "cached", "pending")
_SHORTEST = 0.003  # of the width

_OUTCOMES: dict[str, Message] = {
    "never_asked": say("never asked for"),
    "failed": say("failed"),
    "replaced": say("replaced by something else"),
    "gone": say("no longer there"),
    "refused": say("refused"),
}


@dataclass(frozen=True, slots=True)
class WaterfallRow:
    """One request, or one script without: times in s since the page was asked for.

    `first` is None for what was never asked for; `missing` says why it did not arrive.
    """

    name: str
    first: float | None
    answered: float | None
    last: float | None
    missing: str


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The drawing of one page load; `left_out` requests are not in it."""

    svg: Markup
    page: str
    rows: tuple[WaterfallRow, ...]
    left_out: int

    @property
    def missing(self) -> tuple[WaterfallRow, ...]:
        return tuple(row for row in self.rows if row.missing)


def draw_waterfall(tables: Tables, language: Language, *, title_id: str) -> Waterfall | None:
    """The page load that lacks most, else the first one; None without any."""
    resources, http = tables["resources"], tables["http"]
    if resources.empty or http.empty:
        return None
    bad = resources[resources["outcome"].notna() & ~resources["outcome"].isin(_ARRIVED)]
    # the page that lacks most comes first; then, without any lack, the first one
    pages = [*bad["page"].value_counts().index, *resources["page"].dropna().head(1)]
    if not pages:
        return None
    flow = pages[0]
    page = http[http["flow"] == flow]
    if page.empty or pd.isna(page["started"].iloc[0]):
        return None
    begin = float(page["started"].iloc[0])
    named = resources[resources["page"] == flow].to_dict("records")
    asked = {record["flow"]: record for record in _requests(http, named)}
    rows = [_row(record, begin, "", language) for record in page.to_dict("records")]
    missing = []
    for resource in named:
        why = "" if resource["outcome"] in _ARRIVED else word(resource, "outcome")
        record = asked.get(resource["flow"])
        if why:
            text = language.text(_OUTCOMES.get(why, why))
            missing.append(_row(record or {}, begin, text, language, word(resource, "url")))
        elif record:
            rows.append(_row(record, begin, "", language))
    missing = missing[:_MOST_MISSING]
    rows = [row for row in rows if row.first is not None and row.first < _LONGEST]
    rows.sort(key=lambda row: row.first or 0.0)
    left_out = max(len(rows) - (_MOST_ROWS - len(missing)), 0)
    shown = (*rows[: _MOST_ROWS - len(missing)], *missing)
    where = plain(
        word(page.to_dict("records")[0], "host") + word(page.to_dict("records")[0], "path"), 80
    )
    return Waterfall(_svg(shown, language, title_id), where, shown, left_out)


def _requests(http: pd.DataFrame, named: Sequence[Record]) -> Iterable[Record]:
    flows = {resource["flow"] for resource in named if isinstance(resource["flow"], str)}
    return http[http["flow"].isin(flows)].to_dict("records")


def _row(
    record: Record, begin: float, missing: str, language: Language, url: str = ""
) -> WaterfallRow:
    name = url or word(record, "host") + word(record, "path")
    name = name.partition("?")[0].rstrip("/").rpartition("/")[2] or name
    started, answered = number(record, "started"), number(record, "response_start")
    ended = number(record, "ended")
    first = None if started is None else max(started - begin, 0.0)

    def since(at: float | None) -> float | None:
        return None if at is None or first is None else max(at - begin, first)

    return WaterfallRow(plain(name, _NAME), first, since(answered), since(ended), missing)


def _svg(rows: tuple[WaterfallRow, ...], language: Language, title_id: str) -> Markup:
    ends = [row.last or row.first or 0.0 for row in rows]
    length = max(max(ends, default=0.0), 0.05) * 1.02
    least = length * _SHORTEST
    bars, texts = [], []
    for place, row in enumerate(rows, 1):
        name = f"{place}  {row.name}"
        first, last = row.first or 0.0, row.last or row.first or 0.0
        kind = "missing" if row.missing else "receive"
        if row.first is not None:
            middle = row.answered if row.answered is not None else last
            middle = min(max(middle, first), last)
            bars.append({"name": name, "a": first, "b": max(middle, first + least), "kind": "wait"})
            if last > middle or row.missing:
                bars.append(
                    {"name": name, "a": middle, "b": max(last, middle + least), "kind": kind}
                )
        if row.missing:
            texts.append({"name": name, "a": last, "text": f"✗ {row.missing}"})
    names = [f"{place}  {row.name}" for place, row in enumerate(rows, 1)]
    kinds = ("wait", "receive", "missing")
    x = {"type": "quantitative", "scale": clock_scale(length)}
    axis = clock_axis(length, language.text(say("seconds since the page was asked for")))
    return draw(
        {
            "width": 700,
            "height": {"step": 17},
            "encoding": {
                "y": {
                    "field": "name",
                    "type": "nominal",
                    "scale": {"domain": names},
                    "axis": {
                        "title": None, "domain": False, "ticks": False, "labelLimit": 320,
                        "labelColor": "var(--ink)", "labelPadding": 10, "labelAlign": "right",
                    },
                },
            },
            "layer": [
                {
                    "data": {"values": bars},
                    "mark": {"type": "bar", "height": {"band": 0.66}},
                    "encoding": {
                        "x": {"field": "a", **x, "axis": axis},
                        "x2": {"field": "b"},
                        "color": {
                            "field": "kind",
                            "type": "nominal",
                            "scale": {
                                "domain": list(kinds),
                                "range": [f"var(--load-{kind})" for kind in kinds],
                            },
                            "legend": None,
                        },
                    },
                },
                {
                    "data": {"values": texts},
                    "mark": {"type": "text", "align": "left", "dx": 6, "color": "var(--bad)"},
                    "encoding": {
                        "x": {"field": "a", **x, "axis": axis},
                        "text": {"field": "text"},
                    },
                },
            ],
        },
        language,
        title_id=title_id,
    )  # fmt: skip
