"""Loss, size limits, zero windows and times without network; QUIC and alerts."""

from __future__ import annotations

import pytest
from handmade import GOOD, Row, answer, connection, exchange, found, handshakes, serious, tables

from analysis.diagnose import diagnose
from analysis.model.diagnosis import Locus
from analysis.model.frames import CaptureFacts, Tables


def counted(count: int = 4, **more: object) -> dict[str, list[Row]]:
    """Connections with all their octets in the capture, and counters of segments."""
    whole: Row = {
        "client_sent": 6000, "client_payload": 6000, "server_sent": 40000,
        "server_payload": 40000, "client_data_packets": 25, "server_data_packets": 50,
        "client_retransmissions": 0, "server_retransmissions": 0, "retransmissions": 0,
        "spurious_retransmissions": 0,
    }  # fmt: skip
    return handshakes(count, tcp=whole | more)


def test_loss_by_direction() -> None:
    given = counted(server_retransmissions=5, retransmissions=5)
    finding = found(tables(**given))["tcp.loss"]
    assert (finding.severity, finding.subjects) == ("warning", ("chatgpt.com",))
    assert "10% of the segments received (20 of 200)" in finding.summary
    assert finding.measurements["received"] == 0.1
    assert "sent" not in finding.measurements


def test_what_was_lost_before_the_capture_is_loss_too() -> None:
    finding = found(tables(**counted(server_gap_fills=5)))["tcp.loss"]
    assert finding.measurements["received"] == 0.1


def test_severe_loss() -> None:
    finding = found(tables(**counted(client_retransmissions=5, retransmissions=5)))["tcp.loss"]
    assert "Severe" in finding.summary
    assert finding.measurements["sent"] == 0.2


@pytest.mark.parametrize(
    "more",
    [
        {"server_retransmissions": 2},
        {"server_retransmissions": 5, "spurious_retransmissions": 5},
        {"server_retransmissions": 5, "server_payload": 30000},
        {"server_retransmissions": 3, "server_data_packets": 10},
        {"server_retransmissions": None, "server_data_packets": None},
    ],
    ids=["below", "spurious", "capture-gap", "few", "not-seen"],
)
def test_no_loss(more: Row) -> None:
    assert "tcp.loss" not in found(tables(**counted(**more)))


def test_a_hello_resent_in_vain_is_no_loss() -> None:
    given = counted(client_retransmissions=9, retransmissions=9)
    for row in given["tls"]:
        row["server_hello_ms"] = None
    assert "tcp.loss" not in found(tables(**given))


DOUBLING = [900, 1100, 1500, 2300, 3900, 7100]


@pytest.mark.parametrize(
    ("more", "lossy"),
    [
        ({"client_resent_ms": DOUBLING, "client_lost_payload": 30}, False),
        ({"client_resent_ms": DOUBLING, "client_lost_payload": None}, True),
        (
            {"client_resent_ms": [900, 1100, 1300, 1500, 1700, 1900], "client_lost_payload": 30},
            True,
        ),
        ({"client_resent_ms": None, "client_lost_payload": 30}, True),
    ],
    ids=["in-vain", "acknowledged", "steady", "times-unknown"],
)
def test_one_segment_repeated_in_vain_is_lost_once(more: Row, lossy: bool) -> None:
    given = counted(client_retransmissions=6, retransmissions=6, **more)
    assert ("tcp.loss" in found(tables(**given))) == lossy


def test_a_sampler_of_every_segment_shows_loss() -> None:
    given = counted(server_retransmissions=9, retransmissions=9)
    whole = CaptureFacts("b", packets_sampled=90, ended=1000.0, whole=(f"{GOOD}/32", "nonsense"))
    assert "tcp.loss" in found(tables([whole], **given))
    other = CaptureFacts("b", packets_sampled=90, ended=1000.0, whole=("203.0.113.0/24",))
    assert "tcp.loss" not in found(tables([other], **given))


def test_a_sampler_keeps_too_little_for_shares() -> None:
    facts = CaptureFacts("b", packets_sampled=90, ended=1000.0)
    given = counted(server_retransmissions=9, retransmissions=9)
    assert "tcp.loss" not in found(tables([facts], **given))


def test_loss_of_another_site_is_not_judged() -> None:
    given = handshakes(
        4, sni="www.example.org", tcp={"server_data_packets": 99, "server_retransmissions": 30}
    )
    assert serious(tables(**given)) == set()


LOST: Row = {
    "client_lost_payload": 1380, "client_retransmissions": 4, "retransmissions": 4,
    "client_sent": 1900, "client_unacked": 1380, "client_max_payload": 1380, "client_mss": 1460,
    "server_payload": 0, "server_sent": 0, "dup_acks": 1, "last_time": 160.0,
}  # fmt: skip


def small(**more: object) -> dict[str, list[Row]]:
    return handshakes(
        2,
        sni="www.example.org",
        start=50,
        tcp={"client_max_payload": 517, "client_unacked": 0, **more},
    )


def join(*parts: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {name: [row for part in parts for row in part[name]] for name in ("tcp", "tls")}


def test_large_segments_vanish() -> None:
    diagnosis = diagnose(tables(**join(handshakes(3, far=None, tcp=LOST), small())))
    assert diagnosis.verdict.primary == "tcp.mtu_blackhole"
    assert diagnosis.primary is not None
    assert "1,380 octets" in diagnosis.primary.summary
    assert diagnosis.primary.measurements["client_mss"] == [1460]


def test_the_servers_large_segments_vanish() -> None:
    gap: Row = {
        "server_payload": 90, "server_sent": 4200, "server_max_payload": 90, "dup_acks": 3,
        "client_unacked": 0, "last_time": 160.0,
    }  # fmt: skip
    ids = found(tables(**handshakes(2, far=None, tcp=gap)))
    assert "tcp.mtu_blackhole" in ids


@pytest.mark.parametrize(
    "given",
    [
        join(handshakes(3, far=None, tcp=LOST), small(client_max_payload=1400)),
        join(handshakes(1, far=None, tcp=LOST), small()),
        join(handshakes(3, far=None, tcp=LOST | {"client_lost_payload": 517}), small()),
        join(
            handshakes(
                3,
                far=None,
                tcp=LOST | {"dup_acks": 0, "client_unacked": 1900, "client_retransmissions": 4},
            ),
            small(),
        ),
    ],
    ids=["size-passes-elsewhere", "one", "small-lost", "nothing-passed"],
)
def test_no_size_limit(given: dict[str, list[Row]]) -> None:
    assert "tcp.mtu_blackhole" not in found(tables(**given))


TAIL: Row = LOST | {"dup_acks": 0, "client_unacked": 1900}


def test_the_tail_of_a_hello_passes_and_its_full_segment_does_not() -> None:
    given = join(handshakes(3, far=None, tcp=TAIL | {"client_selected": 350}), small())
    assert "tcp.mtu_blackhole" in found(tables(**given))


def test_a_full_segment_that_passes_is_no_limit() -> None:
    given = join(handshakes(3, far=None, tcp=TAIL | {"client_selected": 1380}), small())
    assert "tcp.mtu_blackhole" not in found(tables(**given))


def test_icmp_too_big_is_told() -> None:
    told: Row = {
        "source": "p.pcapng", "frame": 700, "time": 101.0, "src": "10.9.0.1", "type": 3, "code": 4,
        "mtu": 1280, "server": GOOD,
    }  # fmt: skip
    given = tables(**join(handshakes(3, far=None, tcp=LOST), small()), icmp=[told])
    finding = found(given)["tcp.mtu_blackhole"]
    assert finding.measurements["icmp_mtu"] == [1280]
    assert "10.9.0.1" in finding.summary


PQ: Row = {"groups": [4588, 29], "hello_segments": 2, "hello_bytes": 1730}
DROPPED: Row = {
    "client_sent": 1800, "client_unacked": 0, "server_payload": 0, "server_sent": 0,
    "last_time": 160.0, "client_max_payload": 1380,
}  # fmt: skip


def test_a_large_hello_is_dropped_and_a_small_one_works() -> None:
    lost = handshakes(3, far=None, tls=PQ, tcp=DROPPED)
    works = handshakes(2, start=50, tls={"groups": [29], "hello_segments": 1})
    finding = found(tables(**join(lost, works)))["tls.pq_hello_dropped"]
    assert finding.confidence > 0.8
    diagnosis = diagnose(tables(**join(lost, works)))
    assert diagnosis.verdict.primary == "tls.pq_hello_dropped"


def test_alert_47_to_a_large_hello() -> None:
    alert: Row = {"alert": 47, "alert_by": "server", "alert_frame": 8}
    lost = handshakes(2, far=None, tls=PQ | alert, tcp={"server_payload": 7})
    diagnosis = diagnose(tables(**lost))
    by_id = {finding.id: finding for finding in diagnosis.findings}
    assert diagnosis.verdict.primary == "tls.pq_hello_dropped"
    assert by_id["tls.pq_hello_dropped"].confidence < 0.8
    assert by_id["tls.handshake_failure"].explained_by == "tls.pq_hello_dropped"


def test_large_hellos_that_pass() -> None:
    assert serious(tables(**handshakes(3, tls=PQ))) == set()
    one = handshakes(1, far=None, tls=PQ, tcp=DROPPED)
    assert "tls.pq_hello_dropped" not in found(tables(**join(one, handshakes(2, start=50))))


def test_the_client_takes_no_more() -> None:
    shut: Row = {
        "client_zero_window": 4,
        "client_zero_window_ms": 4200.0,
        "client_longest_zero_window_ms": 3000.0,
        "zero_window": 4,
    }
    finding = found(tables(**handshakes(2, tcp=shut)))["tcp.zero_window"]
    assert (finding.severity, finding.locus) == ("warning", Locus.DEVICE)
    assert "this machine" in finding.summary


def test_the_far_end_takes_no_more() -> None:
    shut: Row = {
        "server_zero_window": 4,
        "server_zero_window_ms": 4200.0,
        "server_longest_zero_window_ms": 1000.0,
    }
    finding = found(tables(**handshakes(1, tcp=shut)))["tcp.zero_window"]
    assert finding.locus is Locus.UNKNOWN


def test_many_moments_that_hold_the_flow_up() -> None:
    shut: Row = {"client_zero_window_ms": 5100.0, "client_longest_zero_window_ms": 700.0}
    assert "tcp.zero_window" in found(tables(**handshakes(1, tcp=shut)))


@pytest.mark.parametrize(
    ("ms", "longest"),
    [(None, None), (300.0, 300.0), (1650.0, 550.0), (4900.0, 900.0)],
    ids=["time-not-seen", "a-moment", "three-moments", "many-moments"],
)
def test_a_window_shut_for_moments(ms: float | None, longest: float | None) -> None:
    shut: Row = {
        "client_zero_window": 2,
        "client_zero_window_ms": ms,
        "client_longest_zero_window_ms": longest,
    }
    assert "tcp.zero_window" not in found(tables(**handshakes(2, tcp=shut)))


def seconds(silent: range, alone: bool) -> list[Row]:
    """A minute of activity; in `silent` seconds nobody is heard, or only this machine."""
    rows = []
    for second in range(100, 160):
        if second in silent and not alone:
            continue
        rows.append(
            {
                "source": "p.pcapng",
                "time": float(second),
                "packets": 8,
                "bytes": 900,
                "connections": 3,
                "senders": 1 if second in silent else 4,
            }
        )
    return rows


def test_the_machine_was_offline() -> None:
    given = handshakes(4, tcp={"client_retransmissions": 3})
    finding = found(tables(**given, activity=seconds(range(120, 140), True)))["net.offline_gap"]
    assert finding.severity == "warning"
    assert finding.measurements["gaps_s"] == [20]
    assert "4 connections" in finding.summary


def test_connections_of_others_are_not_judged() -> None:
    given = handshakes(4, sni="www.example.org", tcp={"client_retransmissions": 3})
    assert serious(tables(**given, activity=seconds(range(120, 140), True))) == set()


def test_a_quiet_machine_is_not_offline() -> None:
    silent = seconds(range(120, 150), alone=False)
    resent = handshakes(4, tcp={"client_retransmissions": 3})
    assert "net.offline_gap" not in found(tables(**resent, activity=silent))
    alone = seconds(range(120, 150), alone=True)
    assert "net.offline_gap" not in found(tables(**handshakes(4), activity=alone))
    one = handshakes(1, tcp={"client_retransmissions": 3})
    assert "net.offline_gap" not in found(tables(**one, activity=alone))


def one_resends(*, again: int = 3, **more: object) -> dict[str, list[Row]]:
    """Three servers fall silent together, one of them amid data; `again` come back after it."""
    parts = []
    for number, name in enumerate(("chatgpt.com", "ws.chatgpt.com", "www.example.org")):
        server = f"104.18.{32 + number}.47"
        busy: Row = {"client_retransmissions": 4, "last_time": 133.0}
        still: Row = {"last_time": 119.0} | more
        parts.append(
            handshakes(1, sni=name, server=server, start=number, tcp=still if number else busy)
        )
        if number < again:
            parts.append(handshakes(1, sni=name, server=server, start=41 + number))
    return join(*parts)


def one_alone() -> list[Row]:
    rows = seconds(range(120, 140), alone=True)
    return [row | {"connections": 1} if row["senders"] == 1 else row for row in rows]


def test_the_machine_was_offline_while_one_connection_sent() -> None:
    given = tables(**one_resends(), activity=one_alone())
    finding = found(given)["net.offline_gap"]
    assert "3 connections stopped together" in finding.summary
    assert diagnose(given).verdict.primary == "net.offline_gap"


@pytest.mark.parametrize(
    "given",
    [
        one_resends(again=2),
        one_resends(fin_time=118.0, client_fin=1),
        one_resends(last_time=104.0),
        join(*(handshakes(1, start=n, tcp={"client_retransmissions": 4}) for n in range(3))),
    ],
    ids=["one-not-missed", "closed-in-order", "silent-before", "one-server"],
)
def test_one_connection_that_dies_is_no_time_offline(given: dict[str, list[Row]]) -> None:
    assert "net.offline_gap" not in found(tables(**given, activity=one_alone()))


def slept(*, gap: int = 80, servers: int = 2, **more: object) -> Tables:
    """Nobody sends for a while; then connections of before are reset."""
    parts = []
    for number in range(servers):
        reset: Row = {
            "reset_by": "server", "reset_time": 120.3 + gap, "last_time": 120.3 + gap,
            "last_payload_time": 120.2 + gap, "client_payload_time": 120.2 + gap, **more,
        }  # fmt: skip
        server = f"104.18.{32 + number}.47"
        parts.append(handshakes(1, start=number, server=server, tcp=reset))
    rows = [
        {"source": "p.pcapng", "time": float(second), "packets": 8, "bytes": 900,
         "connections": 3, "senders": 4}
        for second in (*range(100, 121), *range(120 + gap, 160 + gap))
    ]  # fmt: skip
    return tables(**join(*parts), activity=rows)


def test_a_machine_that_slept_finds_its_connections_gone() -> None:
    finding = found(slept())["net.offline_gap"]
    assert finding.measurements["gaps_s"] == [79]
    assert "2 connections stopped together" in finding.summary


@pytest.mark.parametrize(
    "given",
    [
        slept(gap=40),
        slept(servers=1),
        slept(reset_by="client"),
        slept(reset_time=240.0),
        slept(client_payload_time=119.0, last_payload_time=119.0),
    ],
    ids=["short", "one", "own-reset", "much-later", "nobody-asked"],
)
def test_a_capture_that_is_empty_for_a_while(given: Tables) -> None:
    assert "net.offline_gap" not in found(given)


def test_what_is_too_large_for_the_path_is_no_time_offline() -> None:
    given = tables(**handshakes(4, far=None, tcp=LOST), activity=seconds(range(120, 140), True))
    assert set(found(given)) & {"net.offline_gap", "tcp.mtu_blackhole"} == {"tcp.mtu_blackhole"}


def test_connections_that_were_never_answered_do_not_show_a_time_offline() -> None:
    mute: Row = {"client_retransmissions": 3, "server_payload": 0}
    given = tables(**handshakes(4, tcp=mute), activity=seconds(range(120, 140), True))
    assert "net.offline_gap" not in found(given)


def test_the_browser_says_that_the_network_changed() -> None:
    lost = [
        exchange(f"f{n}", status=None, error="net::ERR_NETWORK_CHANGED", started=100.0 + n)
        for n in range(3)
    ]
    assert "net.offline_gap" in found(tables(http=lost))
    assert "net.offline_gap" not in found(tables(http=lost[:1]))


def by_family(host: str, number: int, *addresses: str, six: bool = False) -> Row:
    """A connection whose host has these addresses; opened by IPv6 or IPv4."""
    reached = next(text for text in addresses if (":" in text) is six)
    return connection(number, host=host, address=reached, addresses=list(addresses))


V6 = "2606:4700:4400::6812:202f"
RACED = [
    by_family(host, number, V6, GOOD)
    for number, host in enumerate(("chatgpt.com", "ab.chatgpt.com") * 3)
]


def test_ipv6_that_a_browser_tries_first_and_in_vain() -> None:
    finding = found(tables(connections=RACED))["net.ipv6_broken"]
    assert (finding.severity, finding.count) == ("info", 6)
    assert finding.subjects == ("ab.chatgpt.com", "chatgpt.com")


@pytest.mark.parametrize(
    "rows",
    [
        [*RACED, by_family("www.example.org", 9, V6, GOOD, six=True)],
        RACED[:3],
        RACED[::2],
        [
            by_family(host, n, GOOD, V6)
            for n, host in enumerate(("chatgpt.com", "ab.chatgpt.com") * 3)
        ],
        [row | {"via": "10.0.0.9:3128"} for row in RACED],
        [row | {"addresses": [GOOD]} for row in RACED],
    ],
    ids=["one-by-ipv6", "few", "one-host", "ipv4-first", "by-proxy", "no-ipv6"],
)
def test_ipv6_not_shown_to_be_broken(rows: list[Row]) -> None:
    assert "net.ipv6_broken" not in found(tables(connections=rows))


def initial(at: float, number: int = 1, **more: object) -> Row:
    return {
        "source": "p.pcapng", "frame": 300 + number, "time": at, "client": "10.0.0.2",
        "client_port": 50000 + number, "server": GOOD, "server_port": 443, "sni": "chatgpt.com",
        "answered": False, "client_packets": 3, **more,
    }  # fmt: skip


def test_quic_without_an_answer_is_info() -> None:
    finding = found(tables(**handshakes(2), quic=[initial(99.9)]))["quic.blocked"]
    assert finding.severity == "info"
    assert finding.measurements["fallback_ms"] == 100


def test_quic_that_delays_each_time_is_a_warning() -> None:
    waits = [initial(99.5, 1), initial(100.5, 2), initial(101.5, 3)]
    finding = found(tables(**handshakes(3), quic=waits))["quic.blocked"]
    assert finding.severity == "warning"


def test_quic_that_only_a_browser_tells_of() -> None:
    """A NetLog knows the name, and of TCP that it worked; what it cost is not told."""
    told = initial(99.5, frame=None, server=None)
    findings = found(tables(connections=[connection()], quic=[told]))
    assert findings["quic.blocked"].severity == "info"
    assert findings["quic.blocked"].evidence
    failed = connection(tls_ms=None, error="net::ERR_CONNECTION_RESET")
    for row in (failed, connection(host="ws.chatgpt.com"), connection(via="proxy:8080")):
        assert "quic.blocked" not in found(tables(connections=[row], quic=[told]))
    came = told | {"answered": True}
    assert "quic.blocked" not in found(tables(connections=[connection()], quic=[told, came]))


def test_quic_by_its_address() -> None:
    given = tables(
        **handshakes(2), quic=[initial(99.9, sni=None)], dns=[answer("chatgpt.com", GOOD)]
    )
    assert "quic.blocked" in found(given)


@pytest.mark.parametrize(
    "rows",
    [
        [initial(99.9), initial(99.95, 2, answered=True)],
        [initial(99.9, client_packets=1)],
        [initial(99.9, sni="www.example.org")],
    ],
    ids=["answered-once", "one-packet", "another-site"],
)
def test_quic_is_not_blocked(rows: list[Row]) -> None:
    assert "quic.blocked" not in found(tables(**handshakes(2), quic=rows))


def alerted(code: int, by: str, **more: object) -> dict[str, list[Row]]:
    told: Row = {"alert": code, "alert_by": by, "alert_frame": 8, **more}
    return handshakes(2, far=None, tls=told, tcp={"server_payload": 7})


def test_an_alert_names_its_sender() -> None:
    finding = found(tables(**alerted(40, "server")))["tls.handshake_failure"]
    assert "handshake_failure (40" in finding.summary
    assert finding.measurements == {
        "alerts": [40], "alert_by": "server", "in_short": "alert 40 by the server's side",
    }  # fmt: skip


@pytest.mark.parametrize(("code", "word"), [(45, "expired"), (46, "certificate_unknown")])
def test_a_certificate_that_was_not_seen_is_refused(code: int, word: str) -> None:
    given = alerted(code, "client")
    assert diagnose(tables(**given)).verdict.primary == "tls.cert_invalid"
    assert word in found(tables(**given))["tls.cert_invalid"].summary
    assert "tls.handshake_failure" not in found(tables(**given))


def test_an_unknown_authority_is_an_inspectors() -> None:
    given = tables(**alerted(48, "client"))
    assert diagnose(given).verdict.primary == "tls.intercept_breaks"
    assert "tls.cert_invalid" not in found(given)


@pytest.mark.parametrize("code", [0, 90], ids=["close-notify", "cancelled"])
def test_an_orderly_end_is_no_failure(code: int) -> None:
    assert "tls.handshake_failure" not in found(tables(**alerted(code, "client")))


def test_an_alert_that_a_retry_heals() -> None:
    given = join(alerted(70, "server"), handshakes(1, start=40))
    assert serious(tables(**given)) == set()


@pytest.mark.parametrize(
    ("tries", "program", "by", "blamed"),
    [
        pytest.param(2, "t10d", "server", True, id="an-old-program"),
        pytest.param(1, "t10d", "server", False, id="twice-only"),
        pytest.param(2, "t13d", "server", False, id="the-same-program"),
        pytest.param(2, "t10d", "client", False, id="by-the-client"),
    ],
)
def test_a_program_that_is_never_let_in(tries: int, program: str, by: str, blamed: bool) -> None:
    fine = handshakes(2, start=40, tls={"ja4": "t13d"})
    lost = [alerted(70, by, ja4=program) for _ in range(tries)]
    given = tables(**join(*lost, fine))
    assert ("tls.handshake_failure" in found(given)) is blamed
