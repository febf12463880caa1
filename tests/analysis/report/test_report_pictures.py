"""The path, the timeline and the delay budget as drawings."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from report_samples import (
    BEGIN,
    SAMPLES,
    dropped_websocket,
    healthy,
    hostile,
    insufficient,
    sinkhole,
)

from analysis.model.diagnosis import Diagnosis, Locus, Status
from analysis.model.frames import Tables, frame_of_rows
from analysis.report.budget import PARTS, draw_stacks, legs_of, stacks_of
from analysis.report.clock_axis import step_of
from analysis.report.events import STATES
from analysis.report.language import Language
from analysis.report.path import path_of
from analysis.report.proof import Proof, ended_in_error, unanswered
from analysis.report.session import Session, session_of
from analysis.report.timeline import Timeline, draw_timeline
from bench.sessions import long_session


def _stacks(diagnosis: Diagnosis) -> str:
    return draw_stacks(stacks_of(legs_of(diagnosis), Language.EN), Language.EN, title_id="d")


def _instants(svg: str, state: str) -> int:
    """How many events of one state the drawing shows by themselves."""
    part = svg.split("instants_pathgroup")[1].split("moments_marks", maxsplit=1)[0]
    return sum(
        path.count("M") for path in re.findall(rf'd="([^"]+)" stroke="var\(--mark-{state}\)"', part)
    )


def _timeline(tables: Tables) -> Timeline:
    sample = sinkhole()
    session = session_of(sample.diagnosis, tables)
    numbered = tuple(enumerate(sample.diagnosis.findings[1:3], 1))
    proof = Proof.of_trouble(sample.diagnosis)
    drawn = draw_timeline(tables, proof, session, numbered, title_id="t")
    assert drawn is not None
    return drawn


@pytest.mark.parametrize(
    ("status", "locus", "broken"),
    [
        (Status.BLOCKED, Locus.DNS, "Resolver"),
        (Status.IMPAIRED, Locus.VPN_PROXY, "VPN or proxy"),
        (Status.DOWN, Locus.SERVICE, "ChatGPT"),
        (Status.BLOCKED, Locus.BROWSER, "Device"),
        (Status.OK, Locus.UNKNOWN, None),
        (Status.INSUFFICIENT, Locus.UNKNOWN, None),
        (Status.BLOCKED, Locus.UNKNOWN, None),
    ],
)
def test_the_verdicts_place_is_marked(status: Status, locus: Locus, broken: str | None) -> None:
    sample = sinkhole()
    verdict = replace(sample.diagnosis.verdict, status=status, locus=locus)
    for drawing in path_of(replace(sample.diagnosis, verdict=verdict), sample.tables):
        assert [station.name for station in drawing.stations if station.broken] == (
            [broken] if broken else []
        )
        assert not any(link.broken for link in drawing.links)


def test_a_fault_of_the_network_marks_the_way_and_no_station() -> None:
    sample = dropped_websocket()
    for drawing in path_of(sample.diagnosis, sample.tables):
        assert [link.broken for link in drawing.links] == [False, False, True, False]
        assert not any(station.broken for station in drawing.stations)
        assert "between VPN or proxy and Edge" in drawing.text


def test_stations_that_were_not_judged_say_so() -> None:
    sample = insufficient()
    lying, _ = path_of(sample.diagnosis, sample.tables)
    judged = {station.name: station.judged for station in lying.stations}
    assert judged == {
        "Device": True, "Resolver": False, "VPN or proxy": True, "Edge": False, "ChatGPT": False,
    }  # fmt: skip


def test_the_timeline_marks_what_is_named_as_proof() -> None:
    drawn = _timeline(sinkhole().tables)
    counts = {lane: (events, failing) for lane, events, failing in drawn.counts}
    assert counts["DNS"] == (6, 2)
    assert counts["Requests"] == (83, 1)
    assert counts["Markers"] == (1, 0)
    assert _instants(drawn.svg, "proof") == 2
    assert _instants(drawn.svg, "error-proof") == 2
    assert ">#1 #2<" in drawn.svg
    assert [moment.numbers for moment in drawn.moments] == [(1, 2)]
    assert not drawn.stepped


def test_a_long_session_gives_a_picture_of_bounded_size() -> None:
    rows = [
        {"source": "flows.mitm", "flow": f"f{n}", "started": BEGIN + n, "ended": BEGIN + n + 0.5,
         "status": 503 if n % 50 == 0 else 200}
        for n in range(20_000)
    ]  # fmt: skip
    frames = [
        {"source": "e", "flow": "w", "time": BEGIN + n / 2, "from_client": False, "opcode": 1}
        for n in range(40_000)
    ]
    given = {"http": frame_of_rows("http", rows), "ws_frames": frame_of_rows("ws_frames", frames)}
    drawn = _timeline(Tables.of(given))
    assert drawn.stepped == ("Requests", "Websocket frames")
    assert len(drawn.svg) < 200_000
    assert {lane: events for lane, events, _ in drawn.counts}["Requests"] == 20_000
    assert 1 <= _instants(drawn.svg, "error") <= 450  # of 400: as many as can be told apart
    assert _instants(drawn.svg, "normal") == 0


def test_failures_of_a_long_session_are_shown_from_its_start_to_its_end() -> None:
    diagnosis, tables = long_session(86_400.0, share=0.05)
    session = session_of(diagnosis, tables)
    drawn = draw_timeline(tables, Proof.of([]), session, (), title_id="t")
    assert drawn is not None
    assert "Requests" in drawn.stepped
    part = drawn.svg.split("instants_pathgroup")[1]
    (errors,) = re.findall(r'd="([^"]+)" stroke="var\(--mark-error\)"', part)
    lane = [float(x) for x, y in re.findall(r"M([\d.]+),([\d.]+)", errors) if 102 < float(y) < 136]
    assert len(lane) > 30
    assert min(lane) < 100
    assert max(lane) > 850


def test_there_is_no_timeline_without_events() -> None:
    sample = insufficient()
    session = session_of(sample.diagnosis, sample.tables)
    assert draw_timeline(sample.tables, Proof.of([]), session, (), title_id="t") is None


def test_drawings_load_nothing_and_take_their_colours_from_the_page() -> None:
    sample = dropped_websocket()
    drawings = [_timeline(sample.tables).svg, _stacks(sample.diagnosis)]
    for svg in drawings:
        assert not re.search(r"(?:href|src)=|url\(|<image|<style|<script", svg)
        assert set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg)) <= {
            "none", "var(--bad)", "var(--bad-mark)", "var(--ink)", "var(--muted)", "var(--line)",
            *(f"var(--mark-{state})" for state in STATES),
            *(f"var(--part-{part})" for part in PARTS),
        }  # fmt: skip


def test_the_time_axis_is_a_clock_for_a_long_session() -> None:
    rows = [{"source": "f", "flow": f"{n}", "started": BEGIN + n * 600} for n in range(13)]
    tables = Tables.of({"http": frame_of_rows("http", rows)})
    session = Session(BEGIN, BEGIN + 7200, None)
    drawn = draw_timeline(tables, Proof.of([]), session, (), title_id="t")
    assert drawn is not None
    assert ">0:30:00<" in drawn.svg
    assert ">2:00:00<" in drawn.svg


@pytest.mark.parametrize("length", [0.02, 0.7, 1, 42, 299, 300, 5000, 86_400, 9e6])
def test_a_time_axis_has_a_few_ticks(length: float) -> None:
    assert 1 <= length / step_of(length) <= 10.001


def test_hostile_names_stay_text_in_a_drawing() -> None:
    given = [{**leg, "part": part, "way": leg["leg"]}
             for leg in hostile().diagnosis.measurements["delay_budget"]  # type: ignore[attr-defined]
             for part in ("near", "behind")]  # fmt: skip
    svg = _stacks(replace(healthy().diagnosis, measurements={"delay_budget": given}))
    assert "<script" not in svg
    assert "<img" not in svg
    assert len(svg) < 100_000


def test_the_budget_tolerates_what_is_missing() -> None:
    diagnosis = healthy().diagnosis
    assert legs_of(diagnosis) == ()
    entries = [{"leg": "DNS", "median_ms": 3}, {"leg": "TCP"}, "x", {"leg": "a", "median_ms": True}]
    legs = legs_of(replace(diagnosis, measurements={"delay_budget": entries}))
    assert [(leg.name, leg.median_ms, leg.p95_ms, leg.n) for leg in legs] == [
        ("DNS", 3, None, None)
    ]
    assert legs_of(replace(diagnosis, measurements={"delay_budget": 7})) == ()


def test_a_new_connection_waits_for_each_leg_and_an_open_one_for_the_service() -> None:
    stacks = stacks_of(legs_of(dropped_websocket().diagnosis), Language.EN)
    assert [(stack.name, stack.parts) for stack in stacks] == [
        (
            "First request, new connection",
            (("lookup", 18.0), ("near", 42.0), ("behind", 23.0), ("both", 182.0)),
        ),
        ("Request, open connection", (("both", 182.0),)),
    ]
    svg = draw_stacks(stacks, Language.EN, title_id="d")
    assert ">265 ms<" in svg
    assert ">182 ms<" in svg


def test_each_way_has_its_own_stack() -> None:
    entries = [
        {"leg": "near", "part": "near", "median_ms": ms, "way": way}
        for way, ms in (("direct", 4.0), ("proxy.corp:3128", 1.0))
    ]
    entries.append({"leg": "edge", "part": "both", "median_ms": 90.0, "way": "all"})
    diagnosis = replace(healthy().diagnosis, measurements={"delay_budget": entries})
    stacks = stacks_of(legs_of(diagnosis), Language.EN)
    assert {stack.name: stack.total for stack in stacks} == {
        "First request, new connection, direct": 98.0,
        "Request, open connection, direct": 90.0,
        "First request, new connection, proxy.corp:3128": 92.0,
        "Request, open connection, proxy.corp:3128": 90.0,
    }


def test_legs_of_several_ways_are_told_apart() -> None:
    entries = [
        {"leg": "near leg", "median_ms": 3, "way": way} for way in ("direct", "proxy.corp:3128")
    ]
    diagnosis = replace(healthy().diagnosis, measurements={"delay_budget": entries})
    assert [leg.name for leg in legs_of(diagnosis)] == [
        "near leg, direct", "near leg, proxy.corp:3128",
    ]  # fmt: skip


def test_the_vpn_station_shows_what_a_finding_names() -> None:
    lying, _ = path_of(healthy().diagnosis, healthy().tables)
    assert lying.stations[2].detail == "wg0"
    bare = replace(healthy().diagnosis, findings=())
    assert path_of(bare, healthy().tables)[0].stations[2].detail == "none seen in use"


def test_a_query_without_its_response_is_unanswered() -> None:
    sample = sinkhole()
    dns = sample.tables["dns"]
    assert not unanswered(dns).any()
    lost = dns[dns["frame"] != 301]
    assert list(lost["frame"][unanswered(lost)]) == [300]


@pytest.mark.parametrize("name", SAMPLES)
def test_errors_are_told_row_by_row_for_every_table(name: str) -> None:
    for table, frame in SAMPLES[name]().tables.frames.items():
        failed = ended_in_error(table, frame)
        assert list(failed.index) == list(frame.index)
        assert failed.dtype == bool


def test_errors_are_what_the_row_itself_says() -> None:
    tables = sinkhole().tables
    http = tables["http"]
    assert list(http["flow"][ended_in_error("http", http)]) == ["ws-refused"]
    closed = dropped_websocket().tables["ws"]
    assert list(ended_in_error("ws", closed)) == [True]
    assert list(ended_in_error("ws", healthy().tables["ws"])) == [False]


def test_the_path_is_that_of_chatgpts_hosts() -> None:
    rows = [
        {"source": "x.pcap", "frame": n, "time": BEGIN + n, "sni": sni, "server": server}
        for n, (sni, server) in enumerate(
            [("search.example", "192.0.2.1")] * 5 + [("chatgpt.com", "104.18.32.47")]
        )
    ]
    tables = Tables.of({"tls": frame_of_rows("tls", rows)})
    lying, _ = path_of(replace(healthy().diagnosis, findings=()), tables)
    assert [station.detail for station in lying.stations[2:]] == [
        "not seen", "104.18.32.47", "chatgpt.com",
    ]  # fmt: skip
