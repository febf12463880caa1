"""The host of the scripts is reset after every ClientHello, in packets alone."""

from __future__ import annotations

from handmade import Row, exchange, found, handshakes, serious, tables

RESET: Row = {
    "reset_by": "server",
    "server_rst": 1,
    "reset_frame": 7,
    "reset_time": 100.2,
    "server_payload": 0,
    "server_sent": 0,
}
HOST = "cdn.oaistatic.com"


def both(*parts: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {name: [row for part in parts for row in part[name]] for name in ("tcp", "tls")}


def cut(count: int = 2, sni: str = HOST, start: int = 10) -> dict[str, list[Row]]:
    return handshakes(count, sni=sni, far=None, tcp=RESET, start=start)


def test_a_script_host_that_is_always_reset() -> None:
    finding = found(tables(**both(handshakes(), cut())))["script.blocked_by_network"]
    assert finding.subjects == (HOST,)
    assert finding.severity == "critical"
    assert {frame for item in finding.evidence for frame in item.frames} >= {104, 114, 7}
    assert finding.remedy is not None
    assert HOST in finding.remedy.ticket


def test_two_hosts_reset_alike_are_as_good_as_two_tries() -> None:
    given = both(handshakes(), cut(1), cut(1, sni="ab.chatgpt.com", start=20))
    finding = found(tables(**given))["script.blocked_by_network"]
    assert set(finding.subjects) == {HOST, "ab.chatgpt.com"}


def test_one_reset_is_no_rule() -> None:
    assert serious(tables(**both(handshakes(), cut(1)))) == set()


def test_a_host_that_answered_once_is_not_blocked() -> None:
    healed = handshakes(1, sni=HOST, start=30)
    assert serious(tables(**both(handshakes(), cut(), healed))) == set()


def test_without_any_other_host_it_is_not_about_scripts() -> None:
    assert "script.blocked_by_network" not in found(tables(**cut(4)))


def test_other_hosts_are_not_script_hosts() -> None:
    assert "script.blocked_by_network" not in found(
        tables(**both(handshakes(), cut(sni="files.oaiusercontent.com")))
    )


def test_recorded_exchanges_tell_more_surely() -> None:
    loaded = exchange("f1", "/a.js", host=HOST)
    given = tables(**both(handshakes(), cut()), http=[loaded])
    assert "script.blocked_by_network" not in found(given)


def test_beside_a_dropped_websocket_both_stand() -> None:
    socket = handshakes(
        1,
        sni="ws.chatgpt.com",
        start=40,
        tcp={**RESET, "server_payload": 9000, "server_sent": 9000, "reset_time": 150.0},
    )
    ids = set(found(tables(**both(handshakes(), cut(), socket))))
    assert "script.blocked_by_network" in ids
    assert any(name.startswith("ws.") for name in ids)
