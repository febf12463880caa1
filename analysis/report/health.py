"""Websockets and streamed answers over time: does something still arrive, and how evenly.

Three drawings over the session's time: frames per second of all websockets,
each websocket with its silences, pings and end, and the gap before each chunk
of a streamed answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from analysis.detect.pings import PING, PONG, unanswered_pings
from analysis.model.frames import Tables
from analysis.model.message import Message, say
from analysis.report.cells import Record, number, word
from analysis.report.chart import Spec, draw
from analysis.report.clock_axis import LONG, clock_axis, clock_scale
from analysis.report.language import Language
from analysis.report.proof import ended_in_error
from analysis.report.safe import plain
from analysis.report.session import Session
from analysis.report.strokes import Stroke, series_colour, strokes

_WIDTH = 900
_BINS = 300
_MOST_SOCKETS = 8
_MOST_STREAMS = 8
_MOST_MARKS = 1500
_LANE = 26  # px
_SILENCE = 5.0  # s without a frame that are worth showing; nothing is claimed by it
_SERIES = ("background", "silence", "down", "up", "ping", "proof", "error-proof")


@dataclass(frozen=True, slots=True)
class SocketHealth:
    """One websocket: frames each way, pings, those without a pong, longest silence in s."""

    name: str
    opened: float | None
    ended: float | None
    up: int
    down: int
    pings: int
    unanswered: int
    longest_gap: float | None
    close_code: str
    failed: bool


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """One streamed answer: chunks, first part and gaps in ms, and how it ended."""

    name: str
    chunks: str
    first_ms: float | None
    gap_p95_ms: float | None
    gap_max_ms: float | None
    end: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Health:
    """What is shown; `charts` are (heading, drawing), all over `length` seconds."""

    length: float
    charts: tuple[tuple[Message, Markup], ...]
    sockets: tuple[SocketHealth, ...]
    streams: tuple[StreamHealth, ...]
    sockets_left_out: int
    streams_left_out: int


def health_of(
    tables: Tables, session: Session, language: Language, *, title_id: str
) -> Health | None:
    """None where the session holds no open websocket and no streamed answer."""
    ws = tables["ws"]
    ws = _worst_first("ws", ws[ws["opened"].notna()], "requested")
    sse = _worst_first("sse", tables["sse"], "started")
    if (ws.empty and sse.empty) or session.first is None or session.last is None:
        return None
    begin, length = session.first, max(session.last - session.first, 0.001)
    frames, chunks = tables["ws_frames"], tables["chunks"]
    frames = frames.assign(at=(frames["time"] - begin).clip(0, length))
    shown = ws.head(_MOST_SOCKETS).sort_values("opened", kind="stable")
    lives = [_socket(row, frames[frames["flow"] == row["flow"]], begin)
             for row in shown.to_dict("records")]  # fmt: skip
    canvas = _Canvas(begin, length, language, title_id)
    charts: list[tuple[Message, Markup]] = []
    if len(frames):
        charts.append((say("Websocket frames per second"), _rates(frames, canvas)))
    if lives:
        picture = _lives(shown, lives, frames, canvas)
        charts.append((say("Websockets: silences, pings and ends"), picture))
    if len(chunks):
        charts.append(
            (say("Streamed answers: seconds before each chunk"), _gaps(chunks, sse, canvas))
        )
    streams = sse.head(_MOST_STREAMS).sort_values("started", kind="stable")
    return Health(
        length,
        tuple(charts),
        tuple(lives),
        tuple(_stream(row) for row in streams.to_dict("records")),
        len(ws) - len(shown),
        len(sse) - len(streams),
    )


def _worst_first(table: str, frame: pd.DataFrame, time: str) -> pd.DataFrame:
    failed = ended_in_error(table, frame)
    return frame.assign(failed=failed).sort_values(
        ["failed", time], ascending=[False, True], kind="stable"
    )


def _name(row: Record) -> str:
    return plain(word(row, "host") + word(row, "path").partition("?")[0], 60)


def _socket(row: Record, frames: pd.DataFrame, begin: float) -> SocketHealth:
    opened, ended = number(row, "opened"), number(row, "ended")
    silence = number(row, "longest_gap_s")
    pings = frames["opcode"] == PING
    return SocketHealth(
        _name(row),
        None if opened is None else opened - begin,
        None if ended is None else ended - begin,
        int(number(row, "client_frames") or 0),
        int(number(row, "server_frames") or 0),
        int(pings.sum()) if len(frames) else _count(row, "client_pings", "server_pings"),
        len(unanswered_pings(frames)) if len(frames) else _lacking(row),
        silence,
        word(row, "close_code"),
        bool(row["failed"]),
    )


def _count(row: Record, *names: str) -> int:
    return sum(int(number(row, name) or 0) for name in names)


def _lacking(row: Record) -> int:
    """Pings without a pong where the frames themselves were not kept."""
    up = _count(row, "client_pings") - _count(row, "server_pongs")
    down = _count(row, "server_pings") - _count(row, "client_pongs")
    return max(up, 0) + max(down, 0)


def _stream(row: Record) -> StreamHealth:
    return StreamHealth(
        _name(row),
        word(row, "chunks"),
        number(row, "ttft_ms"),
        number(row, "gap_p95_ms"),
        number(row, "gap_max_ms"),
        word(row, "end"),
        bool(row["failed"]),
    )


@dataclass(frozen=True, slots=True)
class _Canvas:
    """What the three drawings share: begin (s since 1970), length in s, language, and the name."""

    begin: float
    length: float
    language: Language
    title_id: str

    def draw(self, layer: list[Spec], height: float) -> Markup:
        return draw(
            {"width": _WIDTH, "height": height, "layer": layer},
            self.language,
            title_id=self.title_id,
        )

    def encoding(self, y: Spec) -> Spec:
        title = (
            say("hours:minutes:seconds since the start")
            if self.length >= LONG
            else say("seconds since the start")
        )
        x = {
            "field": "x",
            "type": "quantitative",
            "scale": clock_scale(self.length),
            "axis": clock_axis(self.length, self.language.text(title)),
        }
        # the same room for labels everywhere, so that one moment is one place
        axis = {"minExtent": 44, "maxExtent": 44, "domain": False, "title": None, **y["axis"]}
        placed = {"field": "y", "type": "quantitative", **y, "axis": axis}
        return {"x": x, "y": placed, "color": series_colour(_SERIES)}


def _rates(frames: pd.DataFrame, canvas: _Canvas) -> Markup:
    """Data frames per second, from the server upwards and from the browser downwards."""
    width = max(canvas.length / _BINS, 1.0)
    data = frames[~frames["opcode"].isin([8, PING, PONG])]
    place = (data["at"] / width).fillna(0).astype(int)
    counted = data.assign(place=place).groupby(["place", "from_client"]).size().reset_index()
    rows: list[Stroke] = []
    for bin_, up, number_of in counted.itertuples(index=False):
        at = min((bin_ + 0.5) * width, canvas.length)
        rows.append((at, 0.0, at, number_of / width * (-1 if up else 1), "up" if up else "down"))
    y = {"axis": {"tickCount": 4, "grid": True, "labelExpr": "format(abs(datum.value), ',')"}}
    wide = min(max(0.7 * _WIDTH * width / canvas.length, 2.0), 14.0)
    return canvas.draw([strokes("instants", rows, width=wide, encoding=canvas.encoding(y))], 110)


def _lives(
    shown: pd.DataFrame, lives: list[SocketHealth], frames: pd.DataFrame, canvas: _Canvas
) -> Markup:
    """A lane per websocket: open, silent, each ping, and where it was cut."""
    spans: list[Stroke] = []
    instants: list[Stroke] = []
    for lane, (flow, life) in enumerate(zip(shown["flow"], lives, strict=True)):
        middle = lane + 0.5
        first = life.opened or 0.0
        last = canvas.length if life.ended is None else life.ended
        own = frames[frames["flow"] == flow].sort_values("at", kind="stable")
        spans.append((first, middle, last, middle, "background"))
        moments = np.concatenate([[first], own["at"].to_numpy(dtype="float64"), [last]])
        silences = np.flatnonzero(np.diff(moments) >= _SILENCE)[:_MOST_MARKS]
        spans += [(moments[n], middle, moments[n + 1], middle, "silence") for n in silences]
        lost = set(unanswered_pings(own))
        pings = own[own["opcode"] == PING].head(_MOST_MARKS)
        for at, time in pings[["at", "time"]].itertuples(index=False):
            state = "error-proof" if time in lost else "ping"
            instants.append((at, middle - 0.25, at, middle + 0.25, state))
        if life.failed and life.ended is not None:
            instants.append((last, middle - 0.42, last, middle + 0.42, "error-proof"))
    y = {
        "scale": {"domain": [0, len(lives)], "reverse": True, "nice": False},
        "axis": {
            "ticks": False,
            "grid": False,
            "values": [place + 0.5 for place in range(len(lives))],
            "labelExpr": "'#' + (floor(datum.value) + 1)",
            "labelColor": "var(--ink)",
            "labelPadding": 10,
        },
    }
    encoding = canvas.encoding(y)
    layer = [
        strokes("spans", spans, width=0.5 * _LANE, encoding=encoding),
        strokes("instants", instants, width=2, encoding=encoding),
    ]
    return canvas.draw(layer, _LANE * len(lives))


def _gaps(chunks: pd.DataFrame, sse: pd.DataFrame, canvas: _Canvas) -> Markup:
    """The longest gap before a chunk, step by step, in seconds."""
    ordered = chunks.sort_values(["flow", "time"], kind="stable")
    gap = ordered.groupby("flow")["time"].diff().to_numpy(dtype="float64", na_value=np.nan)
    at = (ordered["time"] - canvas.begin).clip(0, canvas.length)
    bad = ordered["flow"].isin(set(sse.loc[sse["failed"], "flow"].dropna())).to_numpy(dtype=bool)
    times = at.to_numpy(dtype="float64", na_value=np.nan)
    found = pd.DataFrame({"at": times, "gap": gap, "bad": bad}).dropna()
    found = found[found["gap"] >= 0]
    width = canvas.length / (2 * _BINS)
    found["place"] = (found["at"] / width).astype(int)
    worst = found.loc[found.groupby(["place", "bad"])["gap"].idxmax()] if len(found) else found
    rows: list[Stroke] = [
        (x, 0.0, x, y, "error-proof" if bad else "down")
        for x, y, bad in worst[["at", "gap", "bad"]].itertuples(index=False)
    ]
    y = {"axis": {"tickCount": 4, "grid": True}}
    return canvas.draw([strokes("instants", rows, width=2, encoding=canvas.encoding(y))], 110)
