"""Delay budget: tunnels and proxies that make it slow, and what only looks like them."""

from __future__ import annotations

import pytest
from handmade import (
    answer,
    connection,
    document,
    dropped,
    exchange,
    found,
    handshakes,
    serious,
    tables,
)

from analysis.model.diagnosis import Severity
from analysis.model.frames import CaptureFacts, Tables

ZSCALER = "O=Zscaler Inc., CN=Zscaler Intermediate Root CA"
PUBLIC = "C=US, O=Google Trust Services, CN=WE1"


def test_vpn_latency_from_packets() -> None:
    finding = found(tables(**handshakes(4, near=0.4, far=190.0)))["vpn.latency"]
    legs = finding.measurements["legs"]
    assert isinstance(legs, list)
    assert [(leg["median_ms"], leg["p95_ms"], leg["n"]) for leg in legs] == [
        (0.4, 0.4, 4),
        (190.0, 190.0, 4),
        (189.6, 189.6, 4),
    ]
    assert finding.severity is Severity.WARNING
    assert {1, 2, 4, 5} <= set(finding.evidence[0].frames)


def test_vpn_latency_from_the_recorders_connections() -> None:
    rows = [connection(n, tcp_ms=0.5, tls_ms=320.0) for n in range(4)]
    assert "vpn.latency" in found(tables(connections=rows))


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(tables(**handshakes(6, near=180.0, far=190.0)), id="far away"),
        pytest.param(tables(**handshakes(2, near=0.4, far=190.0)), id="too few to separate"),
        pytest.param(tables(**handshakes(6, near=10.0, far=14.0)), id="healthy"),
        pytest.param(tables(**handshakes(6, near=0.3, far=92.0)), id="a local proxy, an edge near"),
        pytest.param(
            tables(**handshakes(6, near=0.4, far=190.0, sni="example.com")), id="not ChatGPT"
        ),
        pytest.param(
            tables(
                **handshakes(4),
                http=[exchange(f"a{n}", "/backend-api/f", ttfb_ms=9000.0) for n in range(4)],
            ),
            id="slow service behind a fast edge",
        ),
        pytest.param(
            tables(
                connections=[
                    connection(n, tcp_ms=40.0, tls_ms=95.0, tls_version="TLSv1.2") for n in range(5)
                ]
            ),
            id="two round trips of TLS 1.2",
        ),
    ],
)
def test_what_is_no_tunnel(given: Tables) -> None:
    assert serious(given) == set()


def asked(*waits: float) -> list[dict[str, object]]:
    """Requests over the connections that `handshakes` makes, answered after these ms."""
    return [
        exchange(f"a{n}", "/backend-api/f", ttfb_ms=wait, connection=f"c{n}")
        for n, wait in enumerate(waits)
    ]


@pytest.mark.parametrize(
    ("waits", "fires"),
    [
        pytest.param((19.0, 23.0, 26.0, 900.0), False, id="work at the handshake"),
        pytest.param((195.0, 201.0, 260.0, 900.0), True, id="far for requests too"),
        pytest.param((19.0, 201.0, 260.0, 900.0), True, id="one odd measurement"),
        pytest.param((), True, id="no request known"),
    ],
)
def test_requests_beside_packets_show_what_is_far(waits: tuple[float, ...], fires: bool) -> None:
    given = tables(**handshakes(4, near=0.1, far=150.0), http=asked(*waits))
    assert ("vpn.latency" in serious(given)) is fires


@pytest.mark.parametrize(("issuer", "fires"), [(ZSCALER, False), (PUBLIC, True)])
def test_a_recorders_own_times_disprove_a_tunnel_only_behind_an_inspector(
    issuer: str, fires: bool
) -> None:
    rows = [connection(n, tcp_ms=0.5, tls_ms=320.0, issuer=issuer) for n in range(4)]
    given = tables(connections=rows, http=asked(19.0, 23.0, 26.0))
    assert ("vpn.latency" in serious(given)) is fires


def routed(interface: str) -> dict[str, object]:
    return {"section": "route", "name": "ipv4", "value": interface}


@pytest.mark.parametrize(
    ("near", "interface", "number", "hauled"),
    [
        pytest.param(450.0, "wg0", 4, True, id="round the world"),
        pytest.param(450.0, "eth0", 4, False, id="no tunnel"),
        pytest.param(90.0, "wg0", 4, False, id="a neighbouring country"),
        pytest.param(450.0, "wg0", 2, False, id="too few"),
    ],
)
def test_a_tunnel_that_all_of_it_goes_through(
    near: float, interface: str, number: int, hauled: bool
) -> None:
    # in a tunnel of packets TCP is as far away as TLS, and so is the resolver
    lookups = [
        answer("chatgpt.com", "104.18.32.47", frame=900 + n, latency_ms=near + 20) for n in range(4)
    ]
    given = tables(
        **handshakes(number, near=near, far=near + 8), host=[routed(interface)], dns=lookups
    )
    assert serious(given) == ({"vpn.latency"} if hauled else set())


@pytest.mark.parametrize(
    ("outside", "octets", "near", "hauled"),
    [
        pytest.param("192.168.7.4", 90_000, 390.0, True, id="from inside the tunnel"),
        pytest.param("192.168.7.4", 90_000, 80.0, False, id="and the edge is near"),
        pytest.param("10.0.0.2", 90_000, 390.0, False, id="beside the tunnel"),
        pytest.param("10.0.0.77", 90_000, 390.0, False, id="a neighbour's tunnel"),
        pytest.param("192.168.7.4", 9_000, 390.0, False, id="the tunnel carries less"),
        pytest.param("2001:db8::4", 90_000, 390.0, False, id="the other family"),
    ],
)
def test_a_tunnel_seen_from_both_sides(
    outside: str, octets: int, near: float, hauled: bool
) -> None:
    udp = {
        "source": "p.pcapng", "frame": 1, "time": 99.0, "protocol": "wireguard",
        "client": outside, "client_port": 41641, "server": "203.0.113.9", "server_port": 51820,
        "client_bytes": octets // 3, "server_bytes": octets, "answered": True,
    }  # fmt: skip
    given = tables(**handshakes(4, near=near, far=near + 8, tcp={"bytes": 20_000}), udp=[udp])
    assert serious(given) == ({"vpn.latency"} if hauled else set())


def test_one_slow_connection_is_noise() -> None:
    fine, slow = handshakes(5), handshakes(1, near=0.4, far=900.0, start=5)
    given = tables(tcp=fine["tcp"] + slow["tcp"], tls=fine["tls"] + slow["tls"])
    assert serious(given) == set()


def test_chatpaths_own_leg_is_never_judged() -> None:
    own = handshakes(
        5,
        near=0.1,
        far=300.0,
        server="127.0.0.1",
        tcp={"server_port": 8080, "app": "connect"},
        tls={"server_port": 8080},
    )
    facts = CaptureFacts("session.json", listen="127.0.0.1:8080", mode="proxy")
    assert found(tables([facts], **own)) == {}


@pytest.mark.parametrize(
    ("leg", "server", "judged"),
    [
        ("browser", "127.0.0.1", False),
        ("other", "127.0.0.3", False),
        ("other", "104.18.32.47", True),
        ("upstream", "127.0.0.3", True),
    ],
)
def test_legs_of_a_proxied_session(leg: str, server: str, judged: bool) -> None:
    rows = handshakes(5, near=0.1, far=300.0, server=server, tcp={"leg": leg}, tls={"leg": leg})
    assert ("vpn.latency" in found(tables(**rows))) is judged


def test_proxy_latency_and_presence() -> None:
    through = handshakes(
        4,
        near=2.0,
        far=240.0,
        server="10.0.0.8",
        tcp={"server_port": 3128, "app": "connect", "connect_host": "chatgpt.com:443"},
        tls={"server_port": 3128},
    )
    findings = found(tables(**through))
    assert "10.0.0.8:3128" in findings["proxy.latency"].summary
    assert findings["proxy.detected"].severity is Severity.INFO
    assert "vpn.latency" not in findings


def test_a_fast_proxy_is_only_inventory() -> None:
    rows = [connection(n, via="10.0.0.8:3128", tcp_ms=2.0, tls_ms=30.0) for n in range(4)]
    given = tables(connections=rows)
    assert serious(given) == set()
    assert found(given)["proxy.detected"].subjects == ("10.0.0.8:3128",)


def test_tunnel_on_the_host_raises_confidence_and_is_named() -> None:
    host = [{"source": "session.json", "section": "route", "name": "default", "value": "wg0"}]
    plain = found(tables(**handshakes(4, near=0.4, far=190.0)))["vpn.latency"]
    known = found(tables(**handshakes(4, near=0.4, far=190.0), host=host))["vpn.latency"]
    assert known.confidence > plain.confidence
    assert known.vendor == "tunnel interface wg0"


@pytest.mark.parametrize(
    ("section", "name", "value", "seen"),
    [
        ("tunnel", "WireGuard", "10.0.0.2 > 203.0.113.9:51820", True),
        ("agent", "agent", "Cloudflare WARP", True),
        ("route", "ipv4", "utun4", True),
        ("agent", "agent", "CrowdStrike Falcon", False),
        ("route", "ipv4", "eth0", False),
        ("interface", "tun0", "up", False),
    ],
)
def test_vpn_detected_from_the_host(section: str, name: str, value: str, seen: bool) -> None:
    host = [{"source": "session.json", "section": section, "name": name, "value": value}]
    findings = found(tables(host=host))
    assert ("vpn.detected" in findings) is seen
    assert serious(tables(host=host)) == set()


def test_small_mss_with_a_gap_is_a_tunnel_but_alone_it_is_not() -> None:
    small = {"client_mss": 1380}
    assert "vpn.detected" not in found(tables(**handshakes(4, tcp=small)))
    assert "vpn.detected" in found(tables(**handshakes(4, near=0.4, far=190.0, tcp=small)))


def test_a_second_fault_beside_it() -> None:
    given = tables(
        **handshakes(4, near=0.4, far=190.0),
        dns=[answer("ws.chatgpt.com", "0.0.0.0")],
        http=[document()],
        ws=[dropped(subscribed=1)],
    )
    assert {"vpn.latency", "dns.sinkhole", "ws.dropped"} <= serious(given)


@pytest.mark.parametrize(
    ("issuer", "vendor"),
    [
        ("CN=Zscaler Intermediate Root CA (zscaler.net), O=Zscaler Inc.", "Zscaler"),
        ("CN=ca.corp.goskope.com", "Netskope"),
        ("CN=WE1, O=Google Trust Services", None),
        ("CN=mitmproxy, O=mitmproxy", None),
    ],
)
def test_tls_intercepted_is_inventory(issuer: str, vendor: str | None) -> None:
    given = tables(connections=[connection(issuer=issuer)])
    finding = found(given).get("tls.intercepted")
    assert (finding.vendor if finding else None) == vendor
    assert serious(given) == set()


def test_a_slow_proxy_is_slow_for_whatever_it_is_asked_for() -> None:
    slow = {"via": "10.0.0.8:3128", "address": "10.0.0.8", "tcp_ms": 1.2, "tls_ms": 2800.0}
    ours = connection(1, **slow)
    others = [connection(n, host=f"{n}.example.org", **slow) for n in (2, 3, 4)]
    assert "proxy.latency" in found(tables(connections=[ours, *others]))
    assert "proxy.latency" not in found(tables(connections=others))
