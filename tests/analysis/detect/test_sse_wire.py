"""An answer that is cut, as packets alone show it."""

from __future__ import annotations

import pytest
from handmade import Row, found, handshakes, tables

CUT = {
    "server_records": 80,
    "server_record_gap_p50_ms": 55.0,
    "server_payload_time": 108.0,
    "reset_time": 108.2,
    "reset_by": "server",
    "reset_frame": 412,
    "client_fin": 0,
    "server_fin": 0,
}


def capture(tcp: Row, host: str = "chatgpt.com") -> dict[str, list[Row]]:
    return handshakes(1, sni=host, tcp=CUT | tcp)


def test_a_reset_in_mid_answer_is_a_cut() -> None:
    finding = found(tables(**capture({})))["sse.cut"]
    assert finding.subjects == ("chatgpt.com",)
    assert finding.confidence < 0.8  # the records are encrypted
    assert [piece.frames for piece in finding.evidence] == [(412,)]


@pytest.mark.parametrize(
    ("tcp", "host"),
    [
        pytest.param({"reset_by": "client"}, "chatgpt.com", id="the-browser-went-away"),
        pytest.param({"server_fin": 1}, "chatgpt.com", id="said-goodbye"),
        pytest.param({"client_fin": 1}, "chatgpt.com", id="the-browser-said-goodbye"),
        pytest.param({"reset_time": 400.0}, "chatgpt.com", id="idle"),
        pytest.param({"server_records": 6}, "chatgpt.com", id="a-call"),
        pytest.param({"server_record_gap_p50_ms": 15_000.0}, "chatgpt.com", id="keep-alives"),
        pytest.param({}, "www.example.com", id="another-site"),
    ],
)
def test_near_misses(tcp: Row, host: str) -> None:
    assert "sse.cut" not in found(tables(**capture(tcp, host)))
