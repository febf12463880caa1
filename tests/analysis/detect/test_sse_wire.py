"""An answer that is cut or stands still, as packets alone show it."""

from __future__ import annotations

import pytest
from handmade import Row, found, handshakes, tables

from analysis.diagnose import diagnose

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


STALL = {
    "server_records": 120,
    "server_record_gap_p50_ms": 55.0,
    "server_records_before_gap": 60,
    "server_quiet_gap_ms": 9000.0,
    "quiet_gap_marks": 4,
    "quiet_gap_frames": [400, 402, 404, 406],
}


def test_an_answer_held_up_by_the_path() -> None:
    finding = found(tables(**handshakes(1, tcp=STALL)))["sse.stalled"]
    assert finding.severity == "warning"
    assert finding.confidence < 0.8
    assert [piece.frames for piece in finding.evidence] == [(400, 402, 404, 406)]


@pytest.mark.parametrize(
    ("tcp", "host"),
    [
        pytest.param({"quiet_gap_marks": 2}, "chatgpt.com", id="the-model-thinks"),
        pytest.param({"server_quiet_gap_ms": 2500.0}, "chatgpt.com", id="short"),
        pytest.param({"server_record_gap_p50_ms": 400.0, "server_quiet_gap_ms": 3800.0},
                     "chatgpt.com", id="slow-pace"),
        pytest.param({"server_records_before_gap": 6}, "chatgpt.com", id="at-the-start"),
        pytest.param({"server_records_before_gap": 114}, "chatgpt.com", id="at-the-end"),
        pytest.param({"server_record_gap_p50_ms": 15_000.0}, "chatgpt.com", id="keep-alives"),
        pytest.param({}, "www.example.com", id="another-site"),
    ],
)  # fmt: skip
def test_silence_that_is_no_stall(tcp: Row, host: str) -> None:
    assert "sse.stalled" not in found(tables(**handshakes(1, sni=host, tcp=STALL | tcp)))


def test_what_lies_below_a_stall_explains_it() -> None:
    shut = {"client_zero_window": 2, "client_zero_window_ms": 8000.0}
    by_id = {item.id: item for item in diagnose(tables(**handshakes(1, tcp=STALL | shut))).findings}
    assert by_id["sse.stalled"].explained_by == "tcp.zero_window"
