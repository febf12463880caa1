"""The session as a picture: one lane per kind of event, the failing moments marked.

A lane with more events than can be told apart is drawn as bins, so that the
picture of a day stays as small as that of a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd
from markupsafe import Markup

from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.report.chart import FONT, Spec, draw
from analysis.report.proof import Proof, ended_in_error, lookups
from analysis.report.session import Session

LANES = (
    "DNS",
    "Connections",
    "TLS handshakes",
    "Requests",
    "Websocket frames",
    "Stream chunks",
    "Markers",
)
STATES = ("background", "normal", "proof", "error", "error-proof")

_MOST_MARKS = 500  # per lane; at 900 px wide more than that cannot be told apart
_BINS = 240
_MOST_FAILURES = 12
_WIDTH = 900
_NARROWEST = 0.0025  # of the width: about two pixels
_UNITS = ((7200.0, 3600.0, "hours"), (300.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))


@dataclass(frozen=True, slots=True)
class Timeline:
    """The drawing, how many events it shows per lane, and whether any lane was binned."""

    svg: Markup
    counts: tuple[tuple[str, int, int], ...]  # lane, events, of them marked as failing
    binned: tuple[str, ...]


def events_of(tables: Tables, proof: Proof) -> pd.DataFrame:
    """All events: ``lane``, ``first`` and ``last`` (s), ``state`` (an index into STATES)."""
    parts = []

    def add(
        lane: str,
        table: str,
        first: pd.Series[float],
        last: pd.Series[float],
        rows: pd.DataFrame | None = None,
    ) -> None:
        frame = tables[table] if rows is None else rows
        named, failed = proof.rows(table, frame), ended_in_error(table, frame)
        state = 1 + named.to_numpy(dtype=int) + 2 * failed.to_numpy(dtype=int)
        parts.append(_part(lane, first, last, state))

    dns = lookups(tables["dns"])
    add("DNS", "dns", dns["time"] - dns["latency_ms"].fillna(0) / 1000, dns["time"], dns)
    made = tables["connections"]
    if len(made):
        took = (made["tcp_ms"].fillna(0) + made["tls_ms"].fillna(0)) / 1000
        add("Connections", "connections", made["started"], made["started"] + took)
    else:
        tcp = tables["tcp"]
        add("Connections", "tcp", tcp["first_time"], tcp["last_time"])
    tls = tables["tls"]
    add("TLS handshakes", "tls", tls["time"], tls["time"] + tls["server_hello_ms"].fillna(0) / 1000)
    http = tables["http"]
    add("Requests", "http", http["started"], http["ended"].fillna(http["started"]))
    ws, end = tables["ws"], _last_time(tables)
    life = _part("Websocket frames", ws["opened"], ws["ended"].fillna(end), np.zeros(len(ws), int))
    parts.append(life)
    frames = tables["ws_frames"]
    ordinary = np.ones(len(frames), int)
    parts.append(_part("Websocket frames", frames["time"], frames["time"], ordinary))
    over = ws["ended"].fillna(ws["requested"])
    add("Websocket frames", "ws", over, over)
    chunks = tables["chunks"]
    parts.append(_part("Stream chunks", chunks["time"], chunks["time"], np.ones(len(chunks), int)))
    sse = tables["sse"]
    stopped = sse["last_chunk"].fillna(sse["started"])
    add("Stream chunks", "sse", stopped, stopped)
    marks = tables["markers"]
    parts.append(_part("Markers", marks["time"], marks["time"], np.ones(len(marks), int)))
    return pd.concat(parts, ignore_index=True)


def _part(
    lane: str, first: pd.Series[float], last: pd.Series[float], state: np.ndarray
) -> pd.DataFrame:
    begin = first.astype("float64").to_numpy()
    end = last.astype("float64").to_numpy()
    return pd.DataFrame({"lane": lane, "first": begin, "last": end, "state": state})


def _last_time(tables: Tables) -> float:
    times = [facts.ended for facts in tables.captures if facts.ended is not None]
    for name, column in (("ws_frames", "time"), ("http", "ended"), ("chunks", "time")):
        latest = tables[name][column].max()
        times += [] if pd.isna(latest) else [float(latest)]
    return max(times, default=float("nan"))


def draw_timeline(
    tables: Tables,
    proof: Proof,
    session: Session,
    numbered: tuple[tuple[int, Finding], ...],
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
        strip=False,
    )
    shown, binned = [], []
    for lane in LANES:
        rows = events[events["lane"] == lane]
        if len(rows) > _MOST_MARKS:
            rows = _bins(rows, length)
            binned.append(lane)
        shown.append(rows[["lane", "first", "last", "state", "strip"]])
    divisor, unit = next((size, name) for least, size, name in _UNITS if length >= least)
    marks = pd.concat(shown, ignore_index=True).sort_values("state", kind="stable")
    svg = draw(_spec(marks, _moments(numbered, begin, length), length, divisor, unit),
               title_id=title_id)  # fmt: skip
    real = events[events["state"] > 0]
    counts = tuple(
        (lane, int((real["lane"] == lane).sum()),
         int(((real["lane"] == lane) & (real["state"] > 1)).sum()))
        for lane in LANES
    )  # fmt: skip
    return Timeline(svg, counts, tuple(binned))


def _bins(rows: pd.DataFrame, length: float) -> pd.DataFrame:
    """Per bin one mark for its events, and over it one for those of the worst state.

    Marked events among others become a strip along the lower edge, unless they
    are errors that a finding names: one in a hundred must not look like a hundred.
    """
    width = length / _BINS
    place = (rows["first"] / width).astype(int).clip(0, _BINS - 1)
    layer = rows["state"].clip(0, 2)  # background, normal, and all that is worse
    marks = (
        rows.assign(place=place, layer=layer)
        .groupby(["place", "layer"], as_index=False)
        .agg(lane=("lane", "first"), last=("last", "max"), state=("state", "max"))
    )
    also_normal = marks.loc[marks["layer"] == 1, "place"]
    first = marks["place"] * width
    return marks.assign(
        first=first,
        last=marks["last"].where(marks["layer"] == 0, first + width),
        strip=(marks["state"] != STATES.index("error-proof"))
        & (marks["layer"] == 2)
        & marks["place"].isin(also_normal),
    )


def _moments(
    numbered: tuple[tuple[int, Finding], ...], begin: float, length: float
) -> list[dict[str, object]]:
    """Where findings begin; those that fall on the same spot share one line."""
    spots = sorted(
        (min(max(finding.first_seen - begin, 0.0), length), number)
        for number, finding in numbered
        if finding.first_seen is not None and np.isfinite(finding.first_seen)
    )[:_MOST_FAILURES]
    grouped = groupby(spots, key=lambda spot: round(spot[0] / length * 40))
    return [
        {"at": group[0][0], "label": " ".join(f"#{n}" for n in sorted(n for _, n in group))}
        for group in (list(members) for _, members in grouped)
    ]


def _spec(
    marks: pd.DataFrame,
    moments: list[dict[str, object]],
    length: float,
    divisor: float,
    unit: str,
) -> Spec:
    narrowest = length * _NARROWEST
    values = [
        {
            "lane": lane,
            "a": round(min(first, length - narrowest) / divisor, 5),
            "b": round(max(last, min(first, length - narrowest) + narrowest) / divisor, 5),
            "s": STATES[state],
            "strip": strip,
        }
        for lane, first, last, state, strip in marks.itertuples(index=False)
    ]
    x = {
        "field": "a",
        "type": "quantitative",
        "scale": {"domain": [0, length / divisor], "nice": False},
        "axis": {"title": f"{unit} since the start", "tickCount": 10},
    }
    y = {
        "field": "lane",
        "type": "nominal",
        "scale": {"domain": list(LANES)},
        "axis": {"title": None, "domain": False, "ticks": False, "labelLimit": 200,
                 "labelColor": "var(--ink)", "labelPadding": 10},
    }  # fmt: skip
    colour = {
        "field": "s",
        "type": "nominal",
        "scale": {
            "domain": list(STATES),
            "range": [f"var(--mark-{state})" for state in STATES],
        },
        "legend": None,
    }
    at = [{**moment, "at": float(str(moment["at"])) / divisor} for moment in moments]
    rule = {"field": "at", "type": "quantitative"}
    place = {"x": x, "x2": {"field": "b"}, "y": y, "color": colour}
    return {
        "width": _WIDTH,
        "height": {"step": 34},
        "layer": [
            {
                "data": {"values": [value for value in values if not value["strip"]]},
                "mark": {"type": "rect", "height": {"band": 0.5}},
                "encoding": place,
            },
            {
                "data": {"values": [value for value in values if value["strip"]]},
                "mark": {"type": "rect", "height": {"band": 0.16}, "yOffset": 6},
                "encoding": place,
            },
            {
                "data": {"values": at},
                "mark": {"type": "rule", "color": "var(--bad-mark)", "strokeDash": [4, 3]},
                "encoding": {"x": rule},
            },
            {
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
