"""The session as a picture: one lane per kind of event, the failing moments marked.

A lane with more events than can be told apart is drawn as steps, so that the
picture of a day stays as small as that of a minute; what failed is drawn over
them by itself, once per step and state.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd
from markupsafe import Markup

from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import say
from analysis.report.chart import FONT, Spec, draw
from analysis.report.clock_axis import LONG, clock_axis, clock_scale
from analysis.report.events import LANES, STATES, events_of
from analysis.report.language import Language
from analysis.report.proof import Proof
from analysis.report.session import Session
from analysis.report.strokes import series_colour, strokes

_MOST_MARKS = 1200  # per lane
_STEPS = 450  # of a lane with more; as many of its events of each failing state
_MOST_FAILURES = 12
WIDTH = 900
_LANE = 34  # px
_HALF = 0.25  # of a lane, above and below its middle


@dataclass(frozen=True, slots=True)
class Moment:
    """Where findings begin: seconds since the start, and their numbers in the report."""

    at: float
    numbers: tuple[int, ...]

    @property
    def label(self) -> str:
        return " ".join(f"#{number}" for number in self.numbers)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The drawing of `length` seconds, how many events it shows per lane, and what begins when."""

    svg: Markup
    length: float
    counts: tuple[tuple[str, int, int], ...]  # lane, events, of them marked as failing
    stepped: tuple[str, ...]
    moments: tuple[Moment, ...]


def draw_timeline(
    tables: Tables,
    proof: Proof,
    session: Session,
    numbered: tuple[tuple[int, Finding], ...],
    language: Language = Language.EN,
    *,
    title_id: str,
) -> Timeline | None:
    """The picture, or None when the capture holds no event with a time.

    `numbered` are the findings with the number the report gives them; those
    with a time get a line at the moment they were first seen.
    """
    events = events_of(tables, proof)
    events = events[np.isfinite(events["first"]) & (events["first"] > 0)]
    if events.empty or session.first is None or session.last is None:
        return None
    begin = session.first
    length = max(session.last - begin, 0.001)
    events = events.assign(
        first=(events["first"] - begin).clip(0, length),
        last=(events["last"].fillna(events["first"]) - begin).clip(0, length),
    )
    instants, spans, stepped = [], [], []
    for lane in LANES:
        rows = events[events["lane"] == lane]
        if len(rows) <= _MOST_MARKS:
            instants.append(rows[rows["state"] > 0])
            spans.append(rows[rows["last"] > rows["first"]])
            continue
        stepped.append(lane)
        instants.append(_failing(rows, length))
        spans.append(_steps(rows, length))
    moments = _moments(numbered, begin, length)
    spec = _spec(pd.concat(instants), pd.concat(spans), moments, length, language)
    real = events[events["state"] > 0]
    counts = tuple(
        (lane, int((real["lane"] == lane).sum()),
         int(((real["lane"] == lane) & (real["state"] > 1)).sum()))
        for lane in LANES
    )  # fmt: skip
    return Timeline(
        draw(spec, language, title_id=title_id), length, counts, tuple(stepped), moments
    )


def _failing(rows: pd.DataFrame, length: float) -> pd.DataFrame:
    """Of what is marked the first event of each state in each step: all over the session."""
    marked = rows[rows["state"] > STATES.index("normal")]
    place = (marked["first"] / length * _STEPS).astype(int)
    return marked[~marked.assign(place=place).duplicated(["place", "state"])]


def _steps(rows: pd.DataFrame, length: float) -> pd.DataFrame:
    """One span per step that holds events; what is open all the while stays as it is."""
    width = length / _STEPS
    background = rows[rows["state"] == 0]
    place = (rows.loc[rows["state"] > 0, "first"] / width).astype(int).clip(0, _STEPS - 1)
    first = place.drop_duplicates().sort_values() * width
    filled = pd.DataFrame(
        {
            "lane": rows["lane"].iloc[0],
            "first": first,
            "last": first + width,
            "state": STATES.index("normal"),
        }
    )
    return pd.concat([background, filled])


def _moments(
    numbered: tuple[tuple[int, Finding], ...], begin: float, length: float
) -> tuple[Moment, ...]:
    """Where findings begin; those that fall on the same spot share one line."""
    spots = sorted(
        (min(max(finding.first_seen - begin, 0.0), length), number)
        for number, finding in numbered
        if finding.first_seen is not None and np.isfinite(finding.first_seen)
    )[:_MOST_FAILURES]
    grouped = groupby(spots, key=lambda spot: round(spot[0] / length * 40))
    return tuple(
        Moment(group[0][0], tuple(sorted(number for _, number in group)))
        for group in (list(members) for _, members in grouped)
    )


def _spec(
    instants: pd.DataFrame,
    spans: pd.DataFrame,
    moments: tuple[Moment, ...],
    length: float,
    language: Language,
) -> Spec:
    middle = {lane: place + 0.5 for place, lane in enumerate(LANES)}
    title = (
        say("hours:minutes:seconds since the start")
        if length >= LONG
        else say("seconds since the start")
    )
    names = json.dumps([language.text(lane) for lane in LANES])
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": clock_scale(length),
        "axis": clock_axis(length, language.text(title)),
    }
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [0, len(LANES)], "reverse": True, "nice": False},
        "axis": {
            "title": None,
            "domain": False,
            "ticks": False,
            "grid": False,
            "values": list(middle.values()),
            "labelExpr": f"{names}[floor(datum.value)]",
            "labelLimit": 200,
            "labelColor": "var(--ink)",
            "labelPadding": 10,
        },
    }
    place = {"x": x, "y": y, "color": series_colour(STATES)}
    spans = spans.sort_values("state", kind="stable")  # the worst is drawn last, over the others
    instants = instants.sort_values("state", kind="stable")
    thick = [
        (first, middle[lane], last, middle[lane], STATES[state])
        for lane, first, last, state in spans[["lane", "first", "last", "state"]].itertuples(
            index=False
        )
    ]
    thin = [
        (first, middle[lane] - _HALF, first, middle[lane] + _HALF, STATES[state])
        for lane, first, state in instants[["lane", "first", "state"]].itertuples(index=False)
    ]
    at = [{"x": moment.at, "label": moment.label} for moment in moments]
    rule = {"field": "x", "type": "quantitative"}
    return {
        "width": WIDTH,
        "height": _LANE * len(LANES),
        "layer": [
            strokes("spans", thick, width=2 * _HALF * _LANE, encoding=place),
            strokes("instants", thin, width=2, encoding=place),
            {
                "name": "moments",
                "data": {"values": at},
                "mark": {"type": "rule", "color": "var(--bad-mark)", "strokeDash": [4, 3]},
                "encoding": {"x": rule},
            },
            {
                "name": "moment-labels",
                "data": {"values": at},
                "mark": {
                    "type": "text",
                    "y": -8,
                    "font": FONT,
                    "fontSize": 12,
                    "fontWeight": "bold",
                    "color": "var(--bad)",
                },
                "encoding": {"x": rule, "text": {"field": "label"}},
            },
        ],
    }
