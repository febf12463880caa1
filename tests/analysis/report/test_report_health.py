"""The page load, and websockets and streams over time."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest
from report_samples import BEGIN, dropped_websocket, healthy, insufficient

from analysis.detect.pings import PING, PONG, unanswered_pings
from analysis.model.frames import Row, Tables, frame_of_rows
from analysis.report.health import Health, health_of
from analysis.report.language import Language
from analysis.report.session import Session
from analysis.report.waterfall import Waterfall, draw_waterfall


def _frames(*events: tuple[float, int, bool]) -> pd.DataFrame:
    return frame_of_rows(
        "ws_frames",
        [
            {"source": "e", "flow": "w", "time": BEGIN + at, "opcode": code, "from_client": up}
            for at, code, up in events
        ],
    )


def _health(tables: Tables, length: float = 42.0) -> Health | None:
    session = Session(BEGIN, BEGIN + length, None)
    return health_of(tables, session, Language.EN, title_id="h")


@pytest.mark.parametrize(
    ("events", "lost"),
    [
        ([(1, PING, True), (2, PONG, False)], []),
        ([(1, PING, True), (2, PONG, True)], [1]),  # its own pong answers nothing
        ([(1, PING, True), (2, PING, True), (3, PONG, False)], []),  # one pong for both
        ([(1, PING, True), (2, PONG, False), (3, PING, True)], [3]),
        ([(1, PING, False), (2, PING, True), (3, PONG, True)], [2]),
        ([(1, PONG, False)], []),  # an unasked pong is a heartbeat
    ],
)
def test_a_ping_is_answered_by_a_later_pong_from_the_other_side(
    events: list[tuple[float, int, bool]], lost: list[float]
) -> None:
    assert unanswered_pings(_frames(*events)) == [BEGIN + at for at in lost]


def test_a_websocket_shows_its_pings_silences_and_end() -> None:
    sample = dropped_websocket()
    pings = _frames((6, PING, True), (6.1, PONG, False), (16, PING, True), (26, PING, True))
    frames = pd.concat([sample.tables["ws_frames"], pings.assign(flow="ws-1")], ignore_index=True)
    health = _health(Tables.of({**sample.tables.frames, "ws_frames": frames}))
    assert health is not None
    socket = health.sockets[0]
    assert (socket.pings, socket.unanswered, socket.failed) == (3, 2, True)
    assert (socket.opened, socket.ended) == (pytest.approx(2.75), pytest.approx(33.0))
    headings = [heading for heading, _ in health.charts]
    assert headings == [
        "Websocket frames per second",
        "Websockets: silences, pings and ends",
        "Streamed answers: seconds before each chunk",
    ]
    lives = health.charts[1][1]
    strokes = re.findall(r'd="([^"]+)" stroke="var\(--mark-([\w-]+)\)"', lives)
    marks = {series: path.count("M") for path, series in strokes}
    assert marks == {"background": 1, "silence": 3, "ping": 1, "error-proof": 3}


def test_a_day_of_frames_gives_drawings_of_bounded_size() -> None:
    frames = frame_of_rows(
        "ws_frames",
        [
            {"source": "e", "flow": f"w{n % 20}", "time": BEGIN + n * 4, "opcode": 1 + n % 10,
             "from_client": n % 3 == 0}
            for n in range(20_000)
        ],
    )  # fmt: skip
    ws = frame_of_rows(
        "ws",
        [
            {"source": "f", "flow": f"w{n}", "host": "ws.chatgpt.com", "path": "/", "status": 101,
             "requested": BEGIN + n, "opened": BEGIN + n + 0.1}
            for n in range(20)
        ],
    )  # fmt: skip
    health = _health(Tables.of({"ws": ws, "ws_frames": frames}), 86_400.0)
    assert health is not None
    assert (len(health.sockets), health.sockets_left_out) == (8, 12)
    assert sum(len(drawing) for _, drawing in health.charts) < 250_000


def test_without_websocket_and_stream_there_is_no_health() -> None:
    assert _health(insufficient().tables) is None


def _page(*resources: dict[str, Any], asked: int = 0) -> Tables:
    page = {"flow": "p", "started": BEGIN, "response_start": BEGIN + 0.1, "ended": BEGIN + 0.2,
            "host": "chatgpt.com", "path": "/", "method": "GET", "status": 200}  # fmt: skip
    http: list[Row] = [{"source": "f", **page}]
    rows: list[Row] = [
        {"source": "f", "page": "p", "kind": "script", "needed": True, **item} for item in resources
    ]
    for n in range(asked):
        flow = f"s{n}"
        http.append({"source": "f", "flow": flow, "started": BEGIN + 0.2 + n / 100,
                     "response_start": BEGIN + 0.3 + n / 100, "ended": BEGIN + 0.4 + n / 100,
                     "host": "chatgpt.com", "path": f"/cdn/assets/{n}.js?v=1"})  # fmt: skip
        rows.append({"source": "f", "page": "p", "flow": flow, "outcome": "loaded",
                     "url": f"https://chatgpt.com/cdn/assets/{n}.js"})  # fmt: skip
    frames = {"http": http, "resources": rows}
    return Tables.of({name: frame_of_rows(name, given) for name, given in frames.items()})


def _waterfall(tables: Tables) -> Waterfall | None:
    return draw_waterfall(tables, Language.EN, title_id="w")


def test_scripts_that_did_not_arrive_come_last_and_say_why() -> None:
    never = {"url": "https://chatgpt.com/cdn/assets/gone.js", "outcome": "never_asked"}
    drawn = _waterfall(_page(never, asked=3))
    assert drawn is not None
    assert [row.name for row in drawn.rows] == ["chatgpt.com", "0.js", "1.js", "2.js", "gone.js"]
    assert drawn.rows[1].first == pytest.approx(0.2)
    assert drawn.rows[1].answered == pytest.approx(0.3)
    assert [(row.name, row.missing) for row in drawn.missing] == [("gone.js", "never asked for")]
    assert "✗ never asked for" in drawn.svg


def test_many_requests_leave_room_for_all_that_is_missing() -> None:
    lost = [
        {"url": f"https://chatgpt.com/{n}.css", "outcome": "failed", "flow": f"none{n}"}
        for n in range(3)
    ]
    drawn = _waterfall(_page(*lost, asked=80))
    assert drawn is not None
    assert (len(drawn.rows), len(drawn.missing), drawn.left_out) == (36, 3, 48)


def test_without_a_page_there_is_no_waterfall() -> None:
    assert _waterfall(insufficient().tables) is None
    assert _waterfall(Tables.of({"http": healthy().tables["http"]})) is None


def test_hostile_addresses_stay_text_in_the_waterfall() -> None:
    url = "https://x/<script>alert(1)</script>" + "a" * 100_000 + "\u202e.js"
    drawn = _waterfall(_page({"url": url, "outcome": "never_asked"}))
    assert drawn is not None
    assert "<script" not in drawn.svg
    assert "\u202e" not in drawn.svg
    assert len(drawn.svg) < 20_000
