"""The delay budget names every leg of the way, and says which cannot be separated."""

from __future__ import annotations

from typing import Any

from handmade import Row, answer, connection, exchange, handshakes, tables

from analysis.diagnose import diagnose
from analysis.diagnose.measurements import measurements
from analysis.model.frames import Tables


def legs(given: Tables) -> dict[str, Row]:
    figures: dict[str, Any] = measurements(given)
    return {leg["leg"]: leg for leg in figures.get("delay_budget", ())}


def calls(edge: int, api: int) -> list[Row]:
    traces = [
        exchange(f"t{n}", "/cdn-cgi/trace", ttfb_ms=40.0 + n, trace=["colo=SIN", "loc=ID"])
        for n in range(edge)
    ]
    return traces + [exchange(f"a{n}", "/backend-api/me", ttfb_ms=240.0 + n) for n in range(api)]


def test_every_leg_has_median_p95_and_n() -> None:
    given = tables(
        **handshakes(3, near=8.0, far=90.0),
        dns=[answer("chatgpt.com", frame=n, latency_ms=5.0 * n) for n in (1, 2, 3)],
        http=calls(3, 4),
        sse=[{"source": "f", "flow": "s", "host": "chatgpt.com", "ttft_ms": 612.0}],
    )
    found = legs(given)
    assert {name: leg["median_ms"] for name, leg in found.items()} == {
        "resolver 10.0.0.53": 10.0,
        "near leg (TCP handshake)": 8.0,
        "whole way (TLS answer)": 90.0,
        "behind the near end": 82.0,
        "edge (its trace page)": 41.0,
        "service (API call less the edge)": 200.5,
        "stream (first part of an answer)": 610.0,
    }
    assert all(leg["p95_ms"] >= leg["median_ms"] for leg in found.values())
    assert {name for name, leg in found.items() if not leg["separable"]} == {
        "stream (first part of an answer)"
    }


def test_an_edge_measured_once_is_not_taken_off_the_service() -> None:
    found = legs(tables(http=calls(1, 4)))
    assert found["edge and service (API call)"]["median_ms"] == 241.5
    assert "cannot be separated" in found["edge (its trace page)"]["note"]


def test_legs_of_a_proxy_carry_its_name() -> None:
    proxied = [connection(n, via="10.1.1.8:3128") for n in range(3)]
    assert {leg["way"] for leg in legs(tables(connections=proxied)).values()} == {"10.1.1.8:3128"}


def test_exit_facts() -> None:
    http = calls(1, 1)
    http[0]["egress"] = "egress-1"
    host = [{"source": "b", "section": "os", "name": "timezone", "value": "Asia/Jakarta"}]
    assert diagnose(tables(http=http, host=host)).measurements["exit"] == {
        "colo": ["SIN"],
        "loc": ["ID"],
        "exits": ["egress-1"],
        "machine_timezone": ["Asia/Jakarta"],
    }


def test_requirements_score_every_entry() -> None:
    given = tables(
        http=[exchange("a")],
        dns=[answer("ws.chatgpt.com", "0.0.0.0")],
    )
    figures: dict[str, Any] = diagnose(given).measurements
    scored = {item["entry"]: item for item in figures["requirements"]}
    assert scored["chatgpt.com"]["status"] == "ok"
    assert scored["chatgpt.com"]["on_list"] is False
    assert scored["ws.chatgpt.com"]["status"] == "blocked"
    assert scored["ws.chatgpt.com"]["blocked"] == ["ws.chatgpt.com"]
    assert scored["js.stripe.com"]["status"] == "not_seen"
    assert scored["*.chatgpt.com"]["status"] == "not_seen"
    assert len(scored) == 33
