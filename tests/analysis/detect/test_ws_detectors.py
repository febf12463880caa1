"""Websockets: never open, cut, timed out, with gaps, silent, or closed with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from handmade import (
    Row,
    connection,
    document,
    dropped,
    exchange,
    found,
    frame,
    handshakes,
    serious,
    socket,
    tables,
)

from analysis.detect.ws_frames import missing
from analysis.model.diagnosis import Locus, Severity
from analysis.model.frames import CaptureFacts, Tables

WS = "ws.chatgpt.com"


def upgrade(status: int | None = None, **more: Any) -> Row:
    return socket(opened=None, status=status, **more)


def upgrade_exchange(status: int | None, **more: Any) -> Row:
    return exchange("w1", "/p1/ws/user/{id}", host=WS, status=status, upgrade="websocket", **more)


def test_connect_failed_without_an_answer() -> None:
    finding = found(tables(ws=[upgrade(error="timed out")]))["ws.connect_failed"]
    assert finding.severity is Severity.CRITICAL
    assert "timed out" in finding.summary
    assert finding.evidence[0].flow_id == "w1"


@pytest.mark.parametrize(("status", "locus"), [(403, Locus.NETWORK), (502, Locus.SERVICE)])
def test_connect_failed_by_the_services_edge(status: int, locus: Locus) -> None:
    given = tables(ws=[upgrade(status)], http=[upgrade_exchange(status)])
    finding = found(given)["ws.connect_failed"]
    assert finding.locus is locus
    assert "ws.upgrade_stripped" not in found(given)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, {}),
        (426, {}),
        (403, {"cf_ray": None, "server": "squid/6.6"}),
        (502, {"cf_ray": None, "server": None}),
        (403, {"cf_ray": None, "body_excerpt": "Blocked by your organization"}),
    ],
)
def test_upgrade_stripped(status: int, answer: dict[str, Any]) -> None:
    given = tables(ws=[upgrade(status)], http=[upgrade_exchange(status, **answer)])
    assert serious(given) == {"ws.upgrade_stripped"}


@pytest.mark.parametrize(
    ("issuer", "finding_id", "vendor"),
    [
        ("O=Netskope Inc., CN=ca.kantor.goskope.com", "ws.upgrade_stripped", "Netskope"),
        ("C=US, O=Google Trust Services, CN=WE1", "ws.connect_failed", None),
    ],
    ids=["behind an inspector", "straight"],
)
@pytest.mark.parametrize("status", [404, 426])
def test_a_plain_request_at_the_edge(
    status: int, issuer: str, finding_id: str, vendor: str | None
) -> None:
    given = tables(
        ws=[upgrade(status)],
        http=[upgrade_exchange(status)],
        connections=[connection(host=WS, issuer=issuer)],
    )
    assert serious(given) == {finding_id}
    assert found(given)[finding_id].vendor == vendor


def test_an_upgrade_required_by_another_than_the_edge_was_stripped() -> None:
    given = tables(
        ws=[upgrade(426)],
        http=[upgrade_exchange(426, cf_ray=None)],
        connections=[connection(host=WS, issuer="C=US, O=Google Trust Services, CN=WE1")],
    )
    assert serious(given) == {"ws.upgrade_stripped"}


def test_a_lost_upgrade_header_is_stripped() -> None:
    plain = exchange("w1", "/p1/ws/user/{id}", host=WS, status=400)
    finding = found(tables(http=[plain]))["ws.upgrade_stripped"]
    assert "lost before the recorder" in finding.summary


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(tables(ws=[upgrade(error="reset"), socket(2)]), id="healed by a retry"),
        pytest.param(tables(ws=[upgrade(error="Client disconnected.")]), id="page closed"),
        pytest.param(tables(ws=[upgrade(error="reset", host="example.com")]), id="another service"),
        pytest.param(
            tables(ws=[socket(ended=160.0, close_code=1000, clean=True, closed_by="server")]),
            id="normal closure",
        ),
        pytest.param(
            tables(ws=[socket(ended=160.0, close_code=1001, clean=True, closed_by="client")]),
            id="going away",
        ),
        pytest.param(tables(ws=[dropped(closed_by="client", subscribed=1)]), id="cut by the page"),
        pytest.param(
            tables([CaptureFacts("s", ended=161.1)], ws=[dropped(subscribed=1)]),
            id="cut by the end of the capture",
        ),
        pytest.param(tables(ws=[socket()]), id="open at the end"),
        pytest.param(
            tables(
                ws=[socket(subscribed=1, completed=0)],
                ws_frames=[frame(1, 110.0), frame(2, 170.0)],
            ),
            id="a model thinking for a minute",
        ),
    ],
)
def test_near_misses_stay_silent(given: Tables) -> None:
    assert serious(given) == set()


def test_no_connection_to_the_websocket_host() -> None:
    lost = connection(
        host=WS, tcp_ms=None, tls_ms=None, verified=None, error="refused", error_stage="tcp"
    )
    finding = found(tables(connections=[lost]))["ws.connect_failed"]
    assert "at the stage tcp" in finding.summary
    later = connection(2, host=WS)
    assert serious(tables(connections=[lost, later])) == set()


def test_a_handed_over_answer_without_any_socket() -> None:
    handed = {
        "source": "flows.mitm",
        "flow": "a1",
        "host": "chatgpt.com",
        "path": "/backend-api/f/conversation",
        "started": 103.0,
        "last_chunk": 104.0,
        "handoff": True,
        "end": "handoff",
    }
    later = exchange("x", "/backend-api/me", ended=140.0)
    finding = found(tables(http=[document(), later], sse=[handed]))["ws.connect_failed"]
    assert finding.confidence <= 0.6
    # started late: the socket may be older than the capture
    assert serious(tables(http=[later], sse=[handed])) == set()
    # ended too soon to tell
    assert serious(tables(http=[document()], sse=[handed])) == set()


def test_dropped() -> None:
    finding = found(tables(ws=[dropped(subscribed=1, completed=0)]))["ws.dropped"]
    assert finding.severity is Severity.CRITICAL
    assert finding.measurements["answers_due"] == 1
    assert finding.evidence[0].flow_id == "w1"


def test_one_drop_while_nothing_was_due_is_a_warning() -> None:
    later = exchange("x", ended=190.0)
    assert found(tables(ws=[dropped()], http=[later]))["ws.dropped"].severity is Severity.WARNING


def test_one_drop_as_the_last_thing_of_a_capture_is_info() -> None:
    assert found(tables(ws=[dropped()]))["ws.dropped"].severity is Severity.INFO


def test_packets_below_raise_confidence() -> None:
    wire = handshakes(1, sni=WS, tcp={"reset_by": "server", "reset_time": 161.0, "reset_frame": 77})
    own = {"source": "flows.mitm", "connection": "c1", "host": WS, "address": "104.18.32.47"}
    row = dropped(subscribed=1, connection="c1")
    alone = found(tables(ws=[row]))["ws.dropped"]
    both = found(tables(ws=[row], connections=[own | {"port": 443}], **wire))["ws.dropped"]
    assert both.confidence > alone.confidence
    assert both.count == 1
    assert any(77 in piece.frames for piece in both.evidence)
    other = found(tables(ws=[row], connections=[own | {"port": 443, "local_port": 5}], **wire))
    assert other["ws.dropped"].confidence == alone.confidence  # a reset of another connection


def test_dropped_in_packets_alone() -> None:
    reset = {"reset_by": "server", "reset_time": 150.0, "reset_frame": 77}
    finding = found(tables(**handshakes(1, sni=WS, tcp=reset)))["ws.dropped"]
    assert set(finding.evidence[0].frames) == {4, 77}


@pytest.mark.parametrize(
    "tcp",
    [
        {"reset_by": "client", "reset_time": 150.0},
        {"reset_by": "server", "reset_time": 150.0, "client_fin": 1},
        {"reset_by": "server", "reset_time": 150.0, "server_fin": 1},
        {"server_fin": 1, "client_fin": 1},
    ],
)
def test_benign_ends_in_packets(tcp: Row) -> None:
    assert serious(tables(**handshakes(1, sni=WS, tcp=tcp))) == set()


WHOLE = {
    "client_payload": 1000,
    "client_sent": 1000,
    "server_fin": 1,
    "client_fin": 1,
    "fin_by": "server",
    "fin_time": 160.0,
    "last_time": 160.0,
}


@pytest.mark.parametrize(
    ("silent", "answered", "judged"),
    [(1.0, 20.0, True), (0.4, 20.0, False), (1.0, 300.0, False), (1.5, 300.0, True)],
)
def test_a_fin_without_the_closing_handshake(silent: float, answered: float, judged: bool) -> None:
    tcp = WHOLE | {"client_payload_time": 160.0 - silent}
    findings = found(tables(**handshakes(1, sni=WS, far=answered, tcp=tcp)))
    assert ("ws.dropped" in findings) is judged
    if judged:  # stopping the capture sends no FIN, so its end does not excuse this one
        assert findings["ws.dropped"].severity is Severity.WARNING


def test_reset_at_the_hello_means_it_cannot_be_opened() -> None:
    reset = {"reset_by": "server", "reset_time": 100.2, "reset_frame": 77}
    bad = handshakes(2, sni=WS, far=None, tcp=reset)
    fine = handshakes(1, start=5)
    given = tables(tcp=bad["tcp"] + fine["tcp"], tls=bad["tls"] + fine["tls"])
    finding = found(given)["ws.connect_failed"]
    assert "other hosts of ChatGPT answered" in finding.summary
    assert "ws.dropped" not in found(given)


@pytest.mark.parametrize(("age", "owner"), [(60.0, "nginx"), (350.0, "AWS"), (77.0, None)])
def test_idle_timeout(age: float, owner: str | None) -> None:
    rows = [dropped(n) | {"idle_before_end_s": age + 0.2 * n} for n in range(3)]
    findings = found(tables(ws=rows))
    fits = findings["ws.idle_timeout"].measurements["fits"]
    assert (owner is None and fits is None) or (owner is not None and owner in str(fits))
    assert findings["ws.dropped"].explained_by == "ws.idle_timeout"


def over(*ages: float) -> Tables:
    """Sockets of a HAR: entries that end after so many seconds of silence, and no word of it."""
    return tables(
        ws=[
            socket(flow=f"w{n}", ended=None, close_code=None, clean=None, idle_before_end_s=age)
            for n, age in enumerate(ages)
        ]
    )


def test_ends_that_a_browser_leaves_untold_are_a_timer_at_one_age_alone() -> None:
    assert serious(over(300.1, 300.4, 299.9)) == {"ws.idle_timeout"}
    assert serious(over(300.1, 300.4)) == set()
    assert serious(over(31.0, 95.0, 300.4)) == set()
    assert serious(over(0.0, 0.0, 0.0)) == set()


def test_idle_timeout_in_packets_alone() -> None:
    cut = {"reset_by": "server", "reset_time": 220.0, "reset_frame": 5, "last_payload_time": 120.0}
    assert "ws.idle_timeout" in found(tables(**handshakes(3, sni=WS, tcp=cut)))


def test_fins_at_one_idle_age_are_a_timer_and_at_several_are_not() -> None:
    closed = {"server_fin": 1, "client_fin": 1, "last_time": 220.0, "last_payload_time": 120.0}
    given = tables(**handshakes(3, sni=WS, tcp=closed))
    assert serious(given) == {"ws.idle_timeout"}
    ages = [
        handshakes(1, sni=WS, start=n, tcp=closed | {"last_time": 140.0 + 30 * n})
        for n in (0, 1, 2)
    ]
    rows = {name: [row for part in ages for row in part[name]] for name in ("tcp", "tls")}
    assert serious(tables(**rows)) == set()


@pytest.mark.parametrize("ages", [(60.0, 60.1), (20.0, 60.0, 200.0), (2.0, 2.0, 2.0)])
def test_what_is_no_timer(ages: tuple[float, ...]) -> None:
    rows = [dropped(n) | {"idle_before_end_s": age} for n, age in enumerate(ages)]
    findings = found(tables(ws=rows))
    assert "ws.idle_timeout" not in findings
    assert findings["ws.dropped"].explained_by is None


def frames(*numbers: int) -> list[Row]:
    return [frame(number, 110.0 + place) for place, number in enumerate(numbers)]


def test_frames_lost() -> None:
    open_ = socket(subscribed=1, completed=0)
    given = tables(ws=[open_], ws_frames=frames(1, 2, 3, 4, 5, 9, 10, 11))
    finding = found(given)["ws.frames_lost"]
    assert finding.count == 3
    assert "the answer never ended" in finding.summary


@pytest.mark.parametrize(
    "numbers",
    [
        (1, 2, 3, 4, 5, 6),
        (1, 2, 3, 6, 7, 8, 4, 5),  # catch-ups fill the gap
        (10, 20, 30, 40, 50, 60),  # not consecutive by nature
        (1, 2, 9),  # too few to tell
        (5, 5, 6, 6, 7, 8, 9),  # repeats
    ],
)
def test_numbers_without_a_gap(numbers: tuple[int, ...]) -> None:
    assert missing(frames(*numbers)) == []


def test_a_frame_with_several_items_is_no_gap() -> None:
    rows = frames(1, 2, 3, 4, 7, 8)
    rows[4]["items"] = ["a", "b", "c"]
    assert missing(rows) == []


def test_numbers_that_run_over_the_whole_socket() -> None:
    rows = [frame(n, 100.0 + n, topic="ab"[n % 5 == 0]) for n in range(1, 20)]
    assert "ws.frames_lost" not in found(tables(ws=[socket()], ws_frames=rows))


def test_stalled() -> None:
    given = tables(
        ws=[socket(subscribed=1, completed=0, ended=400.0, close_code=1000, clean=True)],
        ws_frames=[frame(1, 110.0), frame(2, 111.0)],
    )
    assert found(given)["ws.stalled"].measurements["silence_s"] == 289.0


@pytest.mark.parametrize(
    ("kinds", "fires"),
    [
        pytest.param(("item/text", "item/more"), True, id="inside a text"),
        pytest.param(("item", "item/more"), False, id="inside a thought"),
        pytest.param(("item/text", "item"), False, id="after a text"),
    ],
)
def test_silence_inside_a_text_needs_less_patience(kinds: tuple[str, ...], fires: bool) -> None:
    given = tables(
        ws=[socket(subscribed=1, completed=0, ended=135.0, close_code=1000, clean=True)],
        ws_frames=[frame(n, 110.0 + n, kind=kind) for n, kind in enumerate(kinds)],
    )
    assert ("ws.stalled" in found(given)) is fires


@pytest.mark.parametrize(
    ("tcp", "fires"),
    [
        pytest.param({}, True, id="resent in vain"),
        pytest.param({"client_unacked": 0}, False, id="acknowledged at last"),
        pytest.param({"client_retransmissions": 1}, False, id="resent once"),
        pytest.param({"server_payload_time": 141.0}, False, id="the server spoke after it"),
    ],
)
def test_silence_over_a_dead_path_needs_less_patience(tcp: Row, fires: bool) -> None:
    below = {
        "source": "p.pcapng",
        "client_port": 40001,
        "first_frame": 3,
        "last_frame": 90,
        "client_unacked": 30,
        "client_retransmissions": 2,
        "client_payload_time": 140.0,
        "server_payload_time": 110.0,
    }
    given = tables(
        ws=[
            socket(
                subscribed=1,
                completed=0,
                ended=141.0,
                close_code=1000,
                clean=True,
                connection="c1",
            )
        ],
        ws_frames=[frame(1, 110.0)],
        connections=[connection(1, host=WS, local_port=40001)],
        tcp=[below | tcp],
    )
    assert ("ws.stalled" in found(given)) is fires


def test_a_second_idle_socket_is_not_stalled() -> None:
    handed = {"source": "f", "flow": "a", "host": "chatgpt.com", "started": 104.0, "handoff": True}
    rows = [socket(1), socket(2, subscribed=1, completed=1)]
    later = exchange("x", ended=600.0)
    assert serious(tables(ws=rows, sse=[handed], http=[later])) == set()
    assert serious(tables(ws=rows[:1], sse=[handed], http=[later])) == {"ws.stalled"}


def test_stalled_with_unanswered_pings() -> None:
    pings = [frame(None, 115.0 + 10 * n, from_client=True, opcode=9) for n in range(4)]
    given = tables(ws=[socket(subscribed=1)], ws_frames=[frame(1, 110.0), *pings])
    finding = found(given)["ws.stalled"]
    assert finding.measurements["pings_unanswered"] == 4
    answered = [row | {"from_client": False, "opcode": 10} for row in pings]
    healthy = tables(ws=[socket(subscribed=1)], ws_frames=[frame(1, 110.0), *pings, *answered])
    assert serious(healthy) == set()


@pytest.mark.parametrize(
    ("code", "locus"),
    [
        (1008, Locus.SERVICE),
        (1011, Locus.SERVICE),
        (1013, Locus.SERVICE),
        (4001, Locus.SERVICE),
        (1002, Locus.VPN_PROXY),
    ],
)
def test_closed_by_server(code: int, locus: Locus) -> None:
    row = socket(ended=160.0, close_code=code, clean=True, closed_by="server")
    findings = found(tables(ws=[row]))
    assert findings["ws.closed_by_server"].locus is locus
    assert "ws.dropped" not in findings
    assert serious(tables(ws=[row | {"closed_by": "client"}])) == set()


def restarted(number: int = 1, **more: Any) -> Row:
    end = {"ended": 150.0 + number, "close_code": 1012, "clean": True, "closed_by": "server"}
    return socket(number, **(end | more))


def later() -> Row:
    return socket(9, opened=155.0)


@pytest.mark.parametrize(
    ("rows", "felt"),
    [
        ([restarted(), later()], False),
        ([restarted()], True),
        ([restarted(), restarted(2), later()], True),
        ([restarted(subscribed=1, completed=0), later()], True),
        ([restarted(close_code=1011), later()], True),
    ],
    ids=["reopened", "left-closed", "twice", "amid-an-answer", "an-error"],
)
def test_one_restart_of_the_service_is_no_fault(rows: list[Row], felt: bool) -> None:
    assert ("ws.closed_by_server" in serious(tables(ws=rows))) is felt


def test_a_reason_and_a_cut_beside_each_other() -> None:
    rows = [
        socket(ended=160.0, close_code=1011, clean=True, closed_by="server"),
        dropped(2, subscribed=1),
    ]
    assert serious(tables(ws=rows)) == {"ws.closed_by_server", "ws.dropped"}


def abandoned(waited_s: float) -> dict[str, list[Row]]:
    """An upgrade that the page gave up without an answer."""
    end = 101.0 + waited_s
    row = upgrade(error="Client disconnected.", ended=end)
    seen = exchange(
        "w1", "/p1/ws/user/{id}", host=WS, status=None, cf_ray=None, server=None,
        started=101.0, ended=end, total_ms=1000 * waited_s, error="Client disconnected.",
        upgrade="websocket",
    )  # fmt: skip
    return {"ws": [row], "http": [document(), seen]}


def test_an_upgrade_given_up_after_seconds_while_the_page_went_on() -> None:
    given = abandoned(4.0)
    later = exchange("later", "/backend-api/me", started=140.0)
    finding = found(tables(ws=given["ws"], http=[*given["http"], later]))["ws.connect_failed"]
    assert "gave up waiting" in finding.summary


def test_an_upgrade_given_up_with_the_page() -> None:
    given = abandoned(4.0)
    assert "ws.connect_failed" not in found(tables(**given))
    soon = abandoned(1.0)
    later = exchange("later", "/backend-api/me", started=140.0)
    rows = [*soon["http"], later]
    assert "ws.connect_failed" not in found(tables(ws=soon["ws"], http=rows))
    opened = socket(2, opened=107.0, requested=106.5)
    rows = [*given["http"], later]
    assert "ws.connect_failed" not in found(tables(ws=[*given["ws"], opened], http=rows))


@pytest.mark.parametrize(
    ("frames", "stalled"), [(0, True), (None, False)], ids=["none", "unlisted"]
)
def test_an_export_without_messages_tells_no_silence(frames: int | None, stalled: bool) -> None:
    handed = {
        "source": "flows.mitm", "flow": "s", "host": "chatgpt.com", "started": 102.0,
        "path": "/backend-api/f/conversation", "handoff": True, "end": "handoff",
    }  # fmt: skip
    later = exchange("l", "/backend-api/me", started=800.0, ended=801.0)
    row = socket(server_frames=frames, client_frames=frames)
    assert ("ws.stalled" in found(tables(ws=[row], sse=[handed], http=[later]))) is stalled


@pytest.mark.parametrize(
    ("answer", "stripped"),
    [
        pytest.param({"server": "envoy", "via": "1.1 edge.gateway.example"}, True, id="gateway"),
        pytest.param({"server": "cloudflare"}, False, id="edge"),
        pytest.param({"server": None}, False, id="headers left out"),
    ],
)
def test_a_request_id_alone_is_not_the_services_mark(answer: Row, stripped: bool) -> None:
    """Envoy writes an x-request-id on whatever it answers itself."""
    upgrade = exchange(
        "w1", host="ws.chatgpt.com", status=403, cf_ray=None, request_id="5f2c",
        upgrade="websocket", **answer,
    )  # fmt: skip
    given = tables(ws=[socket(opened=None, status=403)], http=[upgrade])
    assert ("ws.upgrade_stripped" in found(given)) is stripped


def test_topics_that_count_far_apart_have_holes_of_their_own() -> None:
    numbers = {"a": (1, 2, 3, 4, 5, 9, 10, 14), "b": (500, 501, 502, 503, 504, 505)}
    rows = [frame(n, 110.0 + n / 10, topic=t) for t, of in numbers.items() for n in of]
    assert found(tables(ws=[socket()], ws_frames=rows))["ws.frames_lost"].count == 6


@pytest.mark.parametrize(
    ("numbers", "subscribed", "severity"),
    [
        pytest.param((1, 2, 3, 4, 5, 9, 10), 0, Severity.INFO, id="one-hole"),
        pytest.param((1, 2, 3, 4, 5, 9, 10, 12), 0, Severity.CRITICAL, id="two-holes"),
        pytest.param((1, 2, 3, 4, 5, 9, 10), 1, Severity.CRITICAL, id="and-no-end"),
    ],
)
def test_one_hole_in_an_answer_that_came_to_its_end(
    numbers: tuple[int, ...], subscribed: int, severity: Severity
) -> None:
    given = tables(ws=[socket(subscribed=subscribed)], ws_frames=frames(*numbers))
    assert found(given)["ws.frames_lost"].severity is severity


@pytest.mark.parametrize(
    ("after", "severity"),
    [
        pytest.param({"requested": 165.0, "opened": 165.1}, Severity.INFO, id="at-once"),
        pytest.param({"requested": 225.0, "opened": 225.1}, Severity.WARNING, id="much-later"),
        pytest.param({"opened": None, "status": None}, Severity.WARNING, id="in-vain"),
        pytest.param(None, Severity.WARNING, id="never"),
    ],
)
def test_a_socket_that_is_opened_again_at_once_was_not_missed(
    after: Row | None, severity: Severity
) -> None:
    again = [] if after is None else [socket(9, **({"requested": 165.0} | after))]
    later = exchange("x", ended=600.0)
    given = tables(ws=[dropped(), *again], http=[later])
    assert found(given)["ws.dropped"].severity is severity


@pytest.mark.parametrize(
    ("silence", "fired"), [(90_000.0, {"ws.idle_timeout"}), (30.0, set())], ids=["idle", "in-order"]
)
def test_a_client_that_answers_the_fin_with_its_own_farewell(
    silence: float, fired: set[str]
) -> None:
    said = WHOLE | {"client_payload_time": 160.01, "last_payload_time": 160.01}
    given = tables(**handshakes(3, sni=WS, tcp=said | {"fin_silence_ms": silence}))
    assert serious(given) - {"ws.dropped"} == fired
