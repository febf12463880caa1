"""A path that goes dead under an open websocket, as packets alone show it."""

from __future__ import annotations

import pytest
from handmade import Row, found, handshakes, tables

from analysis.model.diagnosis import Severity

HOST = "ws.chatgpt.com"
DEAD = {
    "client_unacked": 120,
    "client_retransmissions": 5,
    "client_lost_payload": 60,
    "client_max_payload": 900,
    "server_payload_time": 120.0,
    "client_payload_time": 160.0,
}


def capture(dead: Row, again: Row | None, hello: Row | None = None) -> dict[str, list[Row]]:
    rows = handshakes(1, sni=HOST, tcp=DEAD | dead)
    if again is not None:
        later = {"first_time": 165.0, "last_time": 190.0, **again}
        more = handshakes(1, sni=HOST, start=1, tcp=later, tls=hello)
        rows = {name: rows[name] + more[name] for name in rows}
    return rows


def test_fires_once_and_never_as_critical() -> None:
    finding = found(tables(**capture({}, {})))["ws.dropped"]
    assert finding.severity is Severity.WARNING
    assert finding.subjects == (HOST,)
    assert "resent in vain" in finding.summary
    assert finding.evidence


@pytest.mark.parametrize(
    ("dead", "again", "hello"),
    [
        pytest.param({}, None, None, id="no-control"),
        pytest.param({}, {}, {"server_hello_ms": None}, id="control-unanswered"),
        pytest.param({}, {"client": "10.0.0.9"}, None, id="own-address-changed"),
        pytest.param({}, {"first_time": 110.0}, None, id="control-was-earlier"),
        pytest.param({"client_unacked": 0}, {}, None, id="acknowledged-late"),
        pytest.param({"client_retransmissions": 2}, {}, None, id="resent-twice"),
        pytest.param({"client_lost_payload": 900}, {}, None, id="only-the-largest-lost"),
        pytest.param({"server_payload_time": 161.0}, {}, None, id="server-spoke-after"),
        pytest.param({"server_fin": 1, "fin_by": "server"}, {}, None, id="server-said-goodbye"),
    ],
)
def test_near_misses(dead: Row, again: Row | None, hello: Row | None) -> None:
    assert "ws.dropped" not in found(tables(**capture(dead, again, hello)))
