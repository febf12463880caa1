"""What is no difference: order, ids, one request more, other times, other addresses."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from pairs import keys, pair_of
from scene_har import CHUNKS, EDGE, Har
from scene_visit import visit
from scene_wire import Wire

from analysis.compare.step_facts import path_shape
from analysis.model.comparison import Outcome


def well(har: Har) -> None:
    har.visit()
    har.turn()


def one_more(har: Har) -> None:
    well(har)
    har.api(9, "/backend-api/tasks")
    har.api(10, "/backend-api/models")


def other_order(har: Har) -> None:
    well(har)
    calls = [entry for entry in har.entries if "/backend-api/" in entry["request"]["url"]]
    times = [entry["startedDateTime"] for entry in calls]
    random.Random(7).shuffle(times)
    for entry, when in zip(calls, times, strict=True):
        entry["startedDateTime"] = when


def other_ids(har: Har) -> None:
    well(har)
    for number in (1, 2, 3):
        name = f"6910{number}f8a-7c2c-8329-9d1e-0a1b2c3d4e5f"
        har.api(8 + number, f"/backend-api/conversation/{name}")


def other_times(har: Har) -> None:
    well(har)
    for number, entry in enumerate(har.entries):
        entry["timings"]["wait"] *= 1.3 + number % 3 / 10


def other_addresses(har: Har) -> None:
    well(har)
    for entry in har.entries:
        if entry["serverIPAddress"] == EDGE:
            entry["serverIPAddress"] = "172.64.155.209"


def other_release(har: Har) -> None:
    """The page of the next day: all of its scripts have other names."""
    renamed = {name: f"9{name[1:]}" for name in CHUNKS}
    har.visit()
    har.turn()
    for entry in har.entries:
        text = entry["response"]["content"].get("text", "")
        for old, new in renamed.items():
            entry["request"]["url"] = entry["request"]["url"].replace(old, new)
            text = text.replace(old, new)
        if text:
            entry["response"]["content"]["text"] = text


def one_error_healed(har: Har) -> None:
    well(har)
    har.api(9, "/backend-api/models", 502, "<html>502</html>")
    har.api(10, "/backend-api/models")


def session_refreshed(har: Har) -> None:
    well(har)
    har.api(9, "/backend-api/me", 401, '{"detail":{"code":"token_expired"}}')
    har.api(9.2, "/api/auth/session", body='{"expires":"2026-12-01T00:00:00Z"}')
    har.api(9.5, "/backend-api/me")


def telemetry_blocked(har: Har) -> None:
    well(har)
    for at in (8, 9):
        har.ask(at, "https://chatgpt.com/ces/v1/t", error="net::ERR_BLOCKED_BY_CLIENT")


def left_early(har: Har) -> None:
    well(har)
    for at in (8, 9):
        har.api(at, "/backend-api/models", error="net::ERR_ABORTED")


@pytest.mark.parametrize(
    "other",
    [
        one_more,
        other_order,
        other_ids,
        other_times,
        other_addresses,
        other_release,
        one_error_healed,
        session_refreshed,
        telemetry_blocked,
        left_early,
    ],
)
def test_browser_sessions_that_do_not_differ(other: Any, tmp_path: Path) -> None:
    for baseline, suspect in ((well, other), (other, well)):
        pair = pair_of(Har, baseline, suspect, tmp_path)
        assert pair.outcome is Outcome.SAME, pair.headline
        assert keys(pair) == set()


def test_a_request_that_one_run_lacks_is_told_and_is_no_difference(tmp_path: Path) -> None:
    pair = pair_of(Har, well, one_more, tmp_path)
    gap = next(item for item in pair.not_compared if item.factor == "http.answer")
    assert gap.reason == "1 seen in the suspect only"


@pytest.mark.parametrize("rtt", [0.018, 0.022, 0.05], ids=["alike", "a-little", "near-by"])
def test_packets_that_do_not_differ(rtt: float, tmp_path: Path) -> None:
    def later(wire: Wire) -> None:
        visit(wire, 900, rtt=rtt)

    pair = pair_of(Wire, visit, later, tmp_path)
    assert pair.outcome is Outcome.SAME, pair.headline
    assert keys(pair) == set()


# --- nothing to pair


def test_different_sites_say_so(tmp_path: Path) -> None:
    def elsewhere(har: Har) -> None:
        har.ask(0, "https://example.org/", edge=False, address="192.0.2.10", resource="document")

    for baseline, suspect in ((well, elsewhere), (elsewhere, well)):
        pair = pair_of(Har, baseline, suspect, tmp_path)
        assert pair.outcome is Outcome.INSUFFICIENT
        assert pair.headline.startswith("Nothing can be paired")
        assert pair.candidate is None
    pair = pair_of(Har, elsewhere, elsewhere, tmp_path)
    assert "neither capture asks for a host of ChatGPT" in pair.headline


def test_two_surfaces_of_the_service_are_different_sites(tmp_path: Path) -> None:
    def api(har: Har) -> None:
        har.ask(0, "https://api.openai.com/v1/responses", method="POST")

    pair = pair_of(Har, well, api, tmp_path)
    assert pair.outcome is Outcome.INSUFFICIENT
    assert "api.openai.com" in pair.headline


# --- names of steps


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/", "/"),
        ("/backend-api/conversations?offset=0&limit=28", "/backend-api/conversations"),
        (
            "/backend-api/conversation/{id}/stream_status",
            "/backend-api/conversation/{id}/stream_status",
        ),
        ("/cdn/assets/root-lk3j4h5g.css", "/cdn/assets/*.css"),
        ("/sentinel/20261104d3f1/sdk.js", "/sentinel/{id}/*.js"),
        ("/p18/ws/user/user-x", "/p18/ws/user/user-x"),
        ("/a/b/c/d/e/f/g", "/a/b/c/d/e/…"),
    ],
    ids=["root", "query", "id", "asset", "build", "words", "deep"],
)
def test_path_shape(path: str, shape: str) -> None:
    assert path_shape(path) == shape


@pytest.mark.parametrize("size", [100_000])
def test_a_hostile_path_stays_short(size: int) -> None:
    assert len(path_shape("/" + "a" * size)) < 200
    assert len(path_shape("/a" * size)) < 200
