"""device.clock_skew, net.captive_portal, net.split_egress and voice.udp_blocked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from handmade import GOOD, Row, connection, document, exchange, found, handshakes, serious, tables

from analysis.diagnose import diagnose
from analysis.diagnose.masking import explain
from analysis.model.diagnosis import Severity
from analysis.model.frames import Tables

V6 = "2606:4700:4400::6812:202f"


def dated(ahead: float, count: int = 6, **more: object) -> list[Row]:
    """Answers whose Date is `ahead` seconds behind the machine's clock."""
    return [
        exchange(
            f"d{n}",
            started=1000.0 + 2 * n,
            **({"response_start": 1000.3 + 2 * n, "date": float(1000 + 2 * n - ahead)} | more),
        )
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("ahead", "words"),
    [(7200.0, "2 hours ahead"), (-400.0, "7 minutes behind"), (86400.0 * 400, "400 days ahead")],
    ids=["hours", "minutes-behind", "year"],
)
def test_clock_off(ahead: float, words: str) -> None:
    finding = found(tables(http=dated(ahead)))["device.clock_skew"]
    assert words in finding.summary
    assert len(finding.evidence) == 6


@pytest.mark.parametrize(
    "rows",
    [
        dated(3.0),
        dated(7200.0, cf_ray=None),
        dated(7200.0, from_cache=True),
        dated(7200.0, headers=["age: 7200"]),
        dated(7200.0, count=2),
        dated(7200.0, date=5000.0),
        [*dated(0.0), *dated(7200.0, count=3)],
    ],
    ids=["right", "no-edge", "cache", "aged", "two", "frozen-date", "disagree"],
)
def test_clock_not_shown_to_be_off(rows: list[Row]) -> None:
    assert "device.clock_skew" not in found(tables(http=rows))


def refused_by_date(host: str, begins: float, **more: Any) -> Row:
    """A connection at 100 that the browser refused; its certificate is valid for 1000 s."""
    return connection(
        **{
            "connection": host,
            "started": 100.0,
            "host": host,
            "tls_ms": None,
            "issuer": "C=US, O=Google Trust Services, CN=WE1",
            "not_before": begins,
            "not_after": begins + 1000.0,
            "verified": False,
            "error": "net::ERR_CERT_DATE_INVALID",
            "error_stage": "tls",
            **more,
        }
    )


SITES = ("chatgpt.com", "auth.openai.com", "example.org")


@pytest.mark.parametrize(
    ("begins", "words"),
    [(7300.0, "at least 2 hours behind"), (-87000.0, "at least 24 hours ahead")],
    ids=["not-yet", "over"],
)
def test_clock_by_every_certificate(begins: float, words: str) -> None:
    rows = [refused_by_date(host, begins) for host in SITES]
    findings = found(tables(connections=rows))
    assert words in findings["device.clock_skew"].summary
    follower = {item.id: item.explained_by for item in explain([*findings.values()])}
    assert follower["tls.cert_invalid"] == "device.clock_skew"


WELL_DATED: Row = {"not_before": 50.0, "not_after": 5000.0, "error": None, "error_stage": None}


@pytest.mark.parametrize(
    "rows",
    [
        [refused_by_date(host, 7300.0) for host in SITES[:2]],
        [
            refused_by_date(host, 7300.0)
            for host in ("chatgpt.com", "auth.openai.com", "a.oaistatic.com")
        ],
        [
            *(refused_by_date(host, 7300.0) for host in SITES),
            refused_by_date("a.org", 0, **WELL_DATED),
        ],
        [refused_by_date(host, 7300.0, issuer="CN=Corp Proxy CA") for host in SITES],
        [refused_by_date(host, 50.0) for host in SITES],
        [*(refused_by_date(host, 7300.0) for host in SITES), refused_by_date("a.org", -9000.0)],
    ],
    ids=["two-sites", "ours-alone", "one-works", "re-signed", "valid-by-the-clock", "both-ways"],
)
def test_certificates_that_tell_nothing_of_the_clock(rows: list[Row]) -> None:
    assert "device.clock_skew" not in found(tables(connections=rows))


def shown(host: str, number: int, **more: Any) -> dict[str, list[Row]]:
    """A TLS 1.2 handshake whose certificate begins two hours late, which the client refuses."""
    tls: Row = {
        "version": "TLSv1.2", "issuer": "CN=WE1,O=Google Trust Services", "subject": f"CN={host}",
        "not_before": 7300.0 + 101, "not_after": 9e6, "alert": 42, "alert_by": "client",
        "alert_frame": 9, **more,
    }  # fmt: skip
    return handshakes(1, sni=host, start=number, tls=tls)


def together(*parts: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {name: [row for part in parts for row in part[name]] for name in ("tcp", "tls")}


OUT_OF_DATE = [shown(host, number) for number, host in enumerate(SITES)]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param(OUT_OF_DATE, True, id="three-sites"),
        pytest.param(OUT_OF_DATE[:2], False, id="two-sites"),
        pytest.param(
            [*OUT_OF_DATE, *(shown("a.org", 3 + n, alert=None) for n in range(3))],
            False,
            id="as-many-are-taken",
        ),
        pytest.param([*OUT_OF_DATE, shown("a.org", 3, alert=None)], False, id="one-is-taken"),
        pytest.param(
            [*OUT_OF_DATE[:2], shown("a.org", 3, issuer="CN=Corp Proxy CA")], False, id="re-signed"
        ),
        pytest.param(
            [shown(host, number, not_before=1.0) for number, host in enumerate(SITES)],
            False,
            id="refused-for-another-reason",
        ),
        pytest.param(
            [shown(host, number, alert_by="server") for number, host in enumerate(SITES)],
            False,
            id="alerts-of-servers",
        ),
    ],
)
def test_clock_by_certificates_in_packets(
    parts: list[dict[str, list[Row]]], expected: bool
) -> None:
    findings = {item.id: item for item in diagnose(tables(**together(*parts))).findings}
    assert ("device.clock_skew" in findings) is expected
    if expected:
        assert findings["tls.cert_invalid"].explained_by == "device.clock_skew"
        assert findings["tls.cert_invalid"].measurements["reason"] == "date"
        assert findings["device.clock_skew"].evidence[0].frames


def test_clock_by_the_connectivity_test_beside_alerts_in_clear() -> None:
    tests = [probed(90, DAYS), probed(120, DAYS)]
    refused = shown("chatgpt.com", 0, not_before=DAYS - 1000)
    findings = {item.id: item for item in diagnose(tables(cleartext=tests, **refused)).findings}
    assert "40 days behind" in findings["device.clock_skew"].summary
    fine = shown("chatgpt.com", 0, not_before=1.0)
    assert "device.clock_skew" not in found(tables(cleartext=tests, **fine))


def probed(at: float, behind: float, **more: Any) -> Row:
    """An answer to Windows' connectivity test."""
    return {
        "source": "p.pcapng", "frame": int(at), "response_frame": int(at) + 1, "started": at,
        "response_start": at, "host": "www.msftconnecttest.com", "path": "/connecttest.txt",
        "status": 200, "date": float(round(at + behind)), "body_excerpt": None, **more,
    }  # fmt: skip


REFUSING: Row = {"client_sent": 552, "client_last_record": 19, "client_fin": 1}
DAYS = 40 * 86400.0


@pytest.mark.parametrize(
    ("tests", "tcp", "expected"),
    [
        pytest.param([probed(90, DAYS), probed(120, DAYS)], REFUSING, True, id="days-behind"),
        pytest.param([probed(90, -DAYS), probed(120, -DAYS)], REFUSING, True, id="ahead"),
        pytest.param([probed(90, DAYS), probed(120, DAYS)], {}, False, id="times-shifted-since"),
        pytest.param([probed(90, DAYS)], REFUSING, False, id="one-answer"),
        pytest.param([probed(90, DAYS), probed(120, DAYS - 30)], REFUSING, False, id="no-clock"),
        pytest.param([probed(90, 0), probed(120, 0)], REFUSING, False, id="right"),
        pytest.param(
            [probed(at, DAYS, headers=["age: 9"]) for at in (90, 120)], REFUSING, False, id="aged"
        ),
        pytest.param(
            [probed(at, DAYS, status=302) for at in (90, 120)], REFUSING, False, id="portal"
        ),
    ],
)
def test_clock_by_the_connectivity_test(tests: list[Row], tcp: Row, expected: bool) -> None:
    given = tables(cleartext=tests, **handshakes(3, tcp=tcp, tls={"hello_bytes": 517}))
    findings = {item.id: item for item in diagnose(given).findings}
    assert ("device.clock_skew" in findings) is expected
    if expected:
        assert findings["tls.intercept_breaks"].explained_by == "device.clock_skew"


def test_clock_of_the_snapshot() -> None:
    row = {"source": "b", "section": "clock", "name": "offset_s", "value": "-4000.5"}
    assert "behind" in found(tables(host=[row]))["device.clock_skew"].summary
    for value in ("2.0", "nan", "soon"):
        assert "device.clock_skew" not in found(tables(host=[row | {"value": value}]))


def test_clock_explains_a_certificate_outside_its_dates() -> None:
    error = "Certificate verify failed: certificate is not yet valid"
    lost = connection(
        1, host="auth.openai.com", tls_ms=None, verified=None, error=error, error_stage="tls"
    )
    diagnosis = diagnose(tables(http=dated(-86400.0 * 30), connections=[lost]))
    by_id = {item.id: item for item in diagnosis.findings}
    assert by_id["tls.cert_invalid"].explained_by == "device.clock_skew"
    assert diagnosis.verdict.primary == "device.clock_skew"


def unmarked(flow: str, **more: object) -> Row:
    return exchange(flow, **({"cf_ray": None, "server": "nginx"} | more))


PROBE = unmarked(
    "p", path="/generate_204", host="connectivitycheck.gstatic.com", scheme="http", status=302,
    location="http://10.1.0.1/login",
)  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [
        [unmarked("a", status=511)],
        [PROBE],
        [PROBE | {"status": 200, "response_bytes": 900, "location": None}],
        [unmarked("a", status=302, location="http://192.168.88.1/login")],
    ],
    ids=["511", "probe-redirected", "probe-page", "service-redirected"],
)
def test_portal(rows: list[Row]) -> None:
    finding = found(tables(http=rows))["net.captive_portal"]
    assert finding.severity is Severity.CRITICAL
    assert "proxy.denied" not in found(tables(http=rows))


@pytest.mark.parametrize(
    "rows",
    [
        [PROBE | {"status": 204, "location": None}],
        [PROBE | {"status": 200, "response_bytes": 0, "location": None}],
        [exchange("a", status=302, location="https://auth.openai.com/log-in")],
        [unmarked("a", status=302, location="https://auth.openai.com/log-in")],
        [unmarked("p", host="captive.apple.com", path="/hotspot-detect.html")],
        [unmarked("a", status=511, host="example.org")],
    ],
    ids=["204", "empty-200", "sign-in", "sign-in-no-headers", "apple", "other-host"],
)
def test_no_portal(rows: list[Row]) -> None:
    assert "net.captive_portal" not in found(tables(http=rows))


def test_a_portal_that_was_passed_is_a_note() -> None:
    given = tables(http=[PROBE, document() | {"started": 200.0}])
    assert found(given)["net.captive_portal"].severity is Severity.INFO
    assert serious(given) == set()


def trace(flow: str, egress: str, loc: str) -> Row:
    return exchange(flow, "/cdn-cgi/trace", egress=egress, trace=[f"loc={loc}", "colo=X"])


def test_two_exits_in_two_places() -> None:
    given = tables(http=[trace("a", "egress-1", "ID"), trace("b", "egress-2", "NL")])
    finding = found(given)["net.split_egress"]
    assert finding.severity is Severity.WARNING
    assert {piece.flow_id for piece in finding.evidence} == {"a", "b"}
    for other in (trace("b", "egress-1", "ID"), trace("b", "egress-2", "ID")):
        assert "net.split_egress" not in found(tables(http=[trace("a", "egress-1", "ID"), other]))


def by_tunnel(**routes: str) -> list[Row]:
    """The host table of a machine with eth0 and the tunnel wg0, and these default routes."""
    interfaces = [{"name": "eth0", "tunnel": False}, {"name": "wg0", "tunnel": True}]
    rows = [("interface", entry["name"], entry) for entry in interfaces]
    rows += [
        ("route", name, {"family": family, "interface": name})
        for family, names in routes.items()
        for name in names.split()
    ]
    return [
        {"source": "s", "section": section, "name": name, "value": json.dumps(said)}
        for section, name, said in rows
    ]


@pytest.mark.parametrize(
    ("routes", "servers", "fires"),
    [
        pytest.param({"ipv4": "wg0 eth0", "ipv6": "eth0"}, (GOOD, V6), True, id="a leak"),
        pytest.param({"ipv4": "wg0", "ipv6": "wg0"}, (GOOD, V6), False, id="takes both"),
        pytest.param({"ipv4": "eth0", "ipv6": "eth0"}, (GOOD, V6), False, id="takes none"),
        pytest.param({"ipv4": "wg0"}, (GOOD, V6), False, id="no IPv6 there"),
        pytest.param({"ipv4": "wg0", "ipv6": "eth0"}, (GOOD, GOOD), False, id="IPv6 not used"),
        pytest.param({"ipv4": "wg0", "ipv6": "eth0"}, (V6, V6), False, id="IPv4 not used"),
    ],
)
def test_one_address_family_beside_the_tunnel(
    routes: dict[str, str], servers: tuple[str, str], fires: bool
) -> None:
    made = [handshakes(1, start=10 * n, server=place) for n, place in enumerate(servers)]
    given = tables(
        tcp=[row for part in made for row in part["tcp"]],
        tls=[row for part in made for row in part["tls"]],
        host=by_tunnel(**routes),
    )
    finding = found(given).get("net.split_egress")
    assert (finding.severity if finding else None) == ("info" if fires else None)


def quic(**more: object) -> Row:
    row = {
        "source": "p.pcapng", "frame": 50, "time": 101.0, "client": "10.0.0.2",
        "server": "104.18.32.47", "server_port": 443, "sni": "chatgpt.com", "answered": True,
    }  # fmt: skip
    return row | more


@pytest.mark.parametrize(
    ("more", "expected"),
    [({}, True), ({"answered": False}, False), ({"client": "10.0.0.9"}, False),
     ({"sni": "www.google.com"}, False)],
    ids=["split", "unanswered", "other-machine", "other-host"],
)  # fmt: skip
def test_http3_round_the_proxy(more: Row, expected: bool) -> None:
    proxied = handshakes(
        2, server="10.1.1.8",
        tcp={"app": "connect", "connect_host": "chatgpt.com:443", "connect_status": 200},
    )  # fmt: skip
    given = tables(tcp=proxied["tcp"], quic=[quic(**more)])
    assert ("net.split_egress" in found(given)) is expected
    assert "net.split_egress" not in found(tables(quic=[quic()]))


def stun(server: str, **more: object) -> Row:
    row = {
        "source": "p.pcapng", "frame": 70, "time": 100.0, "protocol": "stun",
        "client": "10.0.0.2", "server": server, "server_port": 3478, "client_packets": 4,
        "server_packets": 0, "requests": 4, "responses": 0, "answered": False,
    }  # fmt: skip
    return row | more


VOICE = "172.214.226.198"
SETUP = exchange("v", "/realtime/vp?dcid=0", method="POST", status=201)


@pytest.mark.parametrize(
    ("rows", "http"),
    [([stun(VOICE)], []), ([stun(VOICE), stun("20.74.221.21")], []), ([stun("20.1.2.3")], [SETUP])],
    ids=["one", "two", "by-session"],
)
def test_voice_blocked(rows: list[Row], http: list[Row]) -> None:
    finding = found(tables(udp=rows, http=http))["voice.udp_blocked"]
    assert finding.severity is Severity.WARNING
    assert finding.evidence[0].frames


@pytest.mark.parametrize(
    ("rows", "http"),
    [
        ([stun(VOICE, answered=True, responses=1, server_packets=3)], []),
        ([stun(VOICE), stun("20.74.221.21", answered=True, responses=1)], []),
        ([stun("74.125.250.129", server_port=19302)], [SETUP]),
        ([stun("52.112.1.2")], []),
        ([stun(VOICE, requests=2)], []),
    ],
    ids=["answered", "one-of-two", "other-stun", "other-service", "given-up"],
)
def test_voice_not_blocked(rows: list[Row], http: list[Row]) -> None:
    assert "voice.udp_blocked" not in found(tables(udp=rows, http=http))


def test_voice_falls_back_to_tcp() -> None:
    rows = handshakes(1, server=VOICE, sni="x.example")["tcp"]
    finding = found(tables(udp=[stun(VOICE)], tcp=rows))["voice.udp_blocked"]
    assert finding.measurements["fallback"] is True


def carried(six_on: int, four_on: int) -> Tables:
    """A WireGuard tunnel sent from interface 0, and the service by both address families."""
    outer: Row = {"client": "192.168.1.64", "interface": 0}
    given = handshakes(1, sni="example.org", server="93.184.216.34", start=20, tcp=outer)
    for server, at, interface, client in (
        (V6, 0, six_on, "2a00:23c7::5" if six_on == 0 else "fd00::2"),
        (GOOD, 10, four_on, "10.2.0.2" if four_on else "192.168.1.64"),
    ):
        tcp: Row = {"client": client, "interface": interface}
        more = handshakes(2, server=server, start=at, tcp=tcp)
        given = {name: given[name] + more[name] for name in given}
    tunnel: Row = {
        "source": "p.pcapng", "frame": 1, "time": 90.0, "protocol": "wireguard", "answered": True,
        "client": "192.168.1.64", "server": "185.65.134.20", "server_port": 51820,
    }  # fmt: skip
    return tables(**given, udp=[tunnel])


def test_one_family_beside_the_tunnel_in_packets() -> None:
    finding = found(carried(0, 1))["net.split_egress"]
    assert finding.severity is Severity.INFO
    assert "a tunnel carries IPv4 alone" in finding.summary
    for six_on, four_on in ((1, 1), (0, 0)):
        assert "net.split_egress" not in found(carried(six_on, four_on))


def in_clear(at: float, behind: float, host: str = "neverssl.com", **more: Any) -> Row:
    """An answer without TLS to a machine whose clock is `behind`."""
    return exchange(
        f"p{at}", host=host, scheme="http", started=at, response_start=at, cf_ray=None,
        date=float(round(at + behind)), **more,
    )  # fmt: skip


LATE = [
    connection(host=host, tls_ms=None, error_stage="tls", error="net::ERR_CERT_DATE_INVALID")
    for host in ("chatgpt.com", "auth.openai.com")
]


@pytest.mark.parametrize(
    ("rows", "refused", "expected"),
    [
        pytest.param([in_clear(90, DAYS), in_clear(120, DAYS)], LATE, True, id="behind"),
        pytest.param([in_clear(90, DAYS)], LATE, False, id="one-answer"),
        pytest.param([in_clear(90, DAYS), in_clear(120, 900)], LATE, False, id="disagree"),
        pytest.param([in_clear(90, DAYS), in_clear(120, DAYS)], LATE[:1], False, id="one-host"),
        pytest.param([in_clear(90, 5), in_clear(120, 5)], LATE, False, id="right"),
        pytest.param(
            [in_clear(at, DAYS, headers=["age: 9000"]) for at in (90, 120)], LATE, False, id="aged"
        ),
        pytest.param(
            [in_clear(at, DAYS, from_cache=True) for at in (90, 120)], LATE, False, id="cached"
        ),
    ],
)
def test_clock_by_answers_in_clear(rows: list[Row], refused: list[Row], expected: bool) -> None:
    made = {i.id: i for i in diagnose(tables(http=rows, connections=refused)).findings}
    assert ("device.clock_skew" in made) is expected
    if expected:
        assert made["tls.cert_invalid"].explained_by == "device.clock_skew"


@pytest.mark.parametrize(
    ("location", "text", "vendor"),
    [
        ("http://10.5.50.1/login", "Hotspot login. Powered by MikroTik RouterOS", "MikroTik"),
        ("http://n1.network-auth.com/splash", None, "Cisco Meraki"),
        ("http://10.5.50.1/login", "Welcome to our Wi-Fi", None),
    ],
)
def test_whose_portal_it_is(location: str, text: str | None, vendor: str | None) -> None:
    asked = PROBE | {"location": location}
    page = exchange("l", host="10.5.50.1", cf_ray=None, server=None, body_excerpt=text)
    assert found(tables(http=[asked, page]))["net.captive_portal"].vendor == vendor
