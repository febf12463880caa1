"""proxy.denied, .auth_required, .dead_setting and .bypassed_by_websocket."""

from __future__ import annotations

import pytest
from handmade import (
    GOOD,
    Row,
    answer,
    connection,
    document,
    exchange,
    found,
    handshakes,
    script,
    serious,
    socket,
    tables,
)

from analysis.diagnose import diagnose
from analysis.model.diagnosis import Severity
from analysis.model.frames import Tables

PROXY = "10.1.1.8"


def page_of(flow: str = "d", **more: object) -> Row:
    """An answer that the edge did not make."""
    return exchange(
        flow,
        **({"status": 403, "cf_ray": None, "server": None, "content_type": "text/html"} | more),
    )


def tunnel(status: int | None, number: int = 0, host: str = "chatgpt.com", **more: object) -> Row:
    """A CONNECT on its own TCP connection, as packets show it."""
    return {
        "source": "p.pcapng",
        "stream": 100 + number,
        "client": "10.0.0.2",
        "server": PROXY,
        "server_port": 3128,
        "first_time": 100.0 + number,
        "first_frame": 900 + 10 * number,
        "last_frame": 905 + 10 * number,
        "syn_frame": 900 + 10 * number,
        "synack_frame": 901 + 10 * number,
        "app": "connect",
        "server_payload": 120,
        "connect_host": f"{host}:443",
        "connect_status": status,
        **more,
    }


@pytest.mark.parametrize(
    ("row", "vendor"),
    [
        (page_of(body_excerpt="Internet Security by Zscaler: blocked"), "Zscaler"),
        (page_of(headers=["x-squid-error: ERR_ACCESS_DENIED 0"]), "Squid"),
        (page_of(status=503, via="1.1 gw (squid/6.6)"), "Squid"),
        (page_of(status=302, location="https://gateway.zscaler.net/x"), "Zscaler"),
        (page_of(status=200, body_excerpt="FortiGuard Web page blocked"), "Fortinet FortiGuard"),
        (page_of(status=502, via="1.1 proxy.corp", server="corp-proxy"), None),
    ],
    ids=["zscaler", "squid-header", "squid-503", "redirect", "page-with-200", "nameless"],
)
def test_an_answer_of_a_proxy_is_denied(row: Row, vendor: str | None) -> None:
    finding = found(tables(http=[row]))["proxy.denied"]
    assert finding.severity is Severity.CRITICAL
    assert finding.vendor == vendor
    assert finding.subjects == ("chatgpt.com",)
    assert finding.evidence[0].flow_id == "d"


@pytest.mark.parametrize(
    "rows",
    [
        [exchange("d", status=403, via="1.1 gw (squid/6.6)")],
        [exchange("d", status=503, cf_ray=None, server=None)],
        [page_of(server="mitmproxy 12.2.3", status=502)],
        [page_of(content_type="application/json", request_id="req-1")],
        [page_of(host="rum.browser-intake-datadoghq.com", body_excerpt="zscaler")],
        [page_of(body_excerpt="zscaler"), exchange("later", started=105.0)],
        [page_of(status=404, body_excerpt="zscaler")],
    ],
    ids=["edge-403", "no-headers", "own-proxy", "service", "telemetry", "healed", "not-found"],
)
def test_no_refusal_of_a_proxy(rows: list[Row]) -> None:
    assert not {name for name in found(tables(http=rows)) if name == "proxy.denied"}


def test_scripts_and_upgrades_are_judged_by_their_own_detectors() -> None:
    given = tables(
        http=[document(), page_of(flow="s1", body_excerpt="zscaler")],
        resources=[script(0), script(1, "replaced", status=403)],
    )
    assert "proxy.denied" not in found(given)
    assert "script.replaced" in found(given)


@pytest.mark.parametrize("status", [403, 502, 503])
def test_connect_refused_in_packets(status: int) -> None:
    finding = found(tables(tcp=[tunnel(status), tunnel(status, 1)]))["proxy.denied"]
    assert finding.count == 2
    assert str(status) in finding.summary
    assert finding.evidence[0].frames == (900, 905)


def socks(reply: int | None, number: int = 0, host: str = "chatgpt.com") -> Row:
    """A request to a SOCKS proxy on its own TCP connection."""
    return tunnel(None, number, host, app="socks", server_port=1080, socks_reply=reply)


def test_a_socks_proxy_refuses_by_its_rules() -> None:
    finding = found(tables(tcp=[socks(2), socks(2, 1), socks(0, 2, "example.org")]))["proxy.denied"]
    assert (finding.count, finding.subjects) == (2, ("chatgpt.com",))
    assert "SOCKS code 2, not allowed by its rules" in finding.summary
    assert [piece.frames for piece in finding.evidence] == [(900, 905), (910, 915)]


@pytest.mark.parametrize(
    "rows",
    [
        [socks(0), socks(0, 1)],
        [socks(90)],
        [socks(4), socks(0, 1)],
        [socks(2, host="games.example.org")],
        [socks(8, host="[2606:4700::1]"), socks(0, 1)],
        [socks(None)],
    ],
    ids=["granted", "granted-4", "healed", "another-host", "no-ipv6", "unanswered"],
)
def test_a_socks_proxy_that_does_no_harm(rows: list[Row]) -> None:
    assert "proxy.denied" not in found(tables(tcp=rows))


def unlet(count: int, first: int = 0, **more: object) -> list[Row]:
    """Greetings or logins that a SOCKS proxy refuses, before any host is named."""
    return [
        socks(255, first + number)
        | {"connect_host": None, "last_time": 100.5 + first + number, **more}
        for number in range(count)
    ]


def test_a_socks_proxy_that_refuses_the_login() -> None:
    given = tables(tcp=unlet(6))
    finding = found(given)["proxy.auth_required"]
    assert (finding.severity, finding.count) == ("critical", 6)
    assert "SOCKS proxy 10.1.1.8:1080" in finding.summary
    assert "proxy.denied" not in found(given)
    assert diagnose(given).verdict.primary == "proxy.auth_required"


def through_socks(number: int, error: str | None, **more: object) -> Row:
    """A connection that the recorder makes through a SOCKS proxy."""
    failed = {"error": error, "error_stage": "proxy", "tcp_ms": None, "tls_ms": None}
    via = {"via": f"{PROXY}:1080", "address": PROXY}
    return connection(number, **via, **(failed if error else {}), **more)


def test_the_recorder_is_refused_the_login() -> None:
    rows = [through_socks(n, "SOCKS proxy refused the login (code 255)") for n in range(3)]
    finding = found(tables(connections=rows))["proxy.auth_required"]
    assert (finding.count, finding.subjects) == (3, ("chatgpt.com",))
    assert set(serious(tables(connections=rows))) <= {
        "proxy.auth_required",
        "allowlist.missing_entry",
    }
    assert diagnose(tables(connections=rows)).verdict.primary == "proxy.auth_required"
    healed = [*rows, through_socks(9, None)]
    assert "proxy.auth_required" not in found(tables(connections=healed))


def test_the_recorder_is_refused_a_host_by_a_socks_proxy() -> None:
    rows = [through_socks(n, "SOCKS proxy refused chatgpt.com:443 (code 2)") for n in range(2)]
    finding = found(tables(connections=rows))["proxy.denied"]
    assert finding.count == 2
    assert "SOCKS code 2, not allowed by its rules" in finding.summary
    both = tables(connections=rows, tcp=[socks(2), socks(2, 1)])
    assert found(both)["proxy.denied"].count == 2
    assert "proxy.denied" not in found(tables(connections=[*rows, through_socks(9, None)]))


def test_a_login_that_was_good_once_makes_the_proxy_known() -> None:
    assert "proxy.auth_required" in found(tables(tcp=[socks(0), *unlet(2, 1)]))


@pytest.mark.parametrize(
    "given",
    [
        tables(tcp=unlet(3)),
        tables(tcp=[*unlet(6), socks(0, 6, "www.example.org")]),
        tables(tcp=[*unlet(6), socks(2, 6)]),
        tables(tcp=unlet(6), dns=[answer("chatgpt.com", "104.18.32.47")]),
        tables(tcp=[*unlet(6), *handshakes(1, sni="www.example.org")["tcp"]]),
    ],
    ids=["few", "let-in-later", "refused-otherwise", "chatgpt-goes-straight", "web-goes-straight"],
)
def test_a_socks_login_that_is_no_concern_of_chatgpts(given: Tables) -> None:
    assert "proxy.auth_required" not in found(given)


@pytest.mark.parametrize("code", ["SOCKS_CONNECTION_FAILED", "TUNNEL_CONNECTION_FAILED"])
def test_the_browser_says_that_a_proxy_refused(code: str) -> None:
    row = exchange("h", status=None, cf_ray=None, error=f"net::ERR_{code}")
    findings = found(tables(http=[row]))
    assert "proxy.denied" in findings
    assert "proxy.dead_setting" not in findings


def test_connect_granted_later_is_nothing() -> None:
    assert serious(tables(tcp=[tunnel(503), tunnel(200, 1)])) == set()
    assert "proxy.denied" not in found(tables(tcp=[tunnel(403, host="example.org")]))


def test_connect_refused_in_the_recorders_words() -> None:
    error = "Upstream proxy 10.1.1.8:3128 refused HTTP CONNECT request: 403 Forbidden"
    row = connection(via="10.1.1.8:3128", tls_ms=None, error=error, error_stage="proxy")
    assert "proxy.denied" in found(tables(connections=[row]))
    login = row | {"error": error.replace("403 Forbidden", "407 Login")}
    assert "proxy.auth_required" in found(tables(connections=[login]))


@pytest.mark.parametrize(
    ("status", "reason", "head", "vendor"),
    [
        (403, "Request blocked by Privoxy", None, "Privoxy"),
        (403, "Filtered", {"server": "tinyproxy/1.11.1"}, "Tinyproxy"),
        (403, "Filtered", {"server": "tinyproxy/1.11.1", "status": 500}, None),
        (404, "No such domain", {"body_excerpt": "404 - No such domain (Privoxy@gw)"}, "Privoxy"),
        (403, "Forbidden", None, None),
    ],
    ids=["reason", "packets", "another-answer", "page", "nameless"],
)
def test_who_refused_the_recorders_connect(
    status: int, reason: str, head: Row | None, vendor: str | None
) -> None:
    error = f"Upstream proxy 10.1.1.8:3128 refused HTTP CONNECT request: {status} {reason}"
    row = connection(via="10.1.1.8:3128", tls_ms=None, error=error, error_stage="proxy")
    seen = {"source": "p.pcapng", "stream": 1, "method": "CONNECT", "host": "chatgpt.com"}
    heads = [{**seen, "status": status, **head}] if head else []
    finding = found(tables(connections=[row], cleartext=heads))["proxy.denied"]
    assert finding.vendor == vendor


@pytest.mark.parametrize("status", [403, 503])
def test_one_that_opens_tls_refuses(status: int) -> None:
    row = page_of(status=status, connection="c1", body_excerpt="Maaf, tidak diizinkan")
    leaf = connection(issuer="O=PT Kantor Pusat, CN=Kantor Pusat Internal CA")
    assert "proxy.denied" in found(tables(http=[row], connections=[leaf]))
    public = leaf | {"issuer": "C=US, O=Google Trust Services, CN=WE1"}
    assert "proxy.denied" not in found(tables(http=[row], connections=[public]))
    by_edge = row | {"cf_ray": "8f2d1c3b4a5d6e7f-SIN"}
    assert "proxy.denied" not in found(tables(http=[by_edge], connections=[leaf]))


@pytest.mark.parametrize(
    "given",
    [
        tables(tcp=[tunnel(407), tunnel(407, 1)]),
        tables(http=[page_of(status=407)]),
        tables(
            http=[exchange("h", status=None, cf_ray=None, error="net::ERR_PROXY_AUTH_REQUESTED")]
        ),
    ],
    ids=["packets", "flows", "har"],
)
def test_login_asked_for(given: object) -> None:
    findings = found(given)  # type: ignore[arg-type]
    assert findings["proxy.auth_required"].severity is Severity.CRITICAL
    assert "proxy.denied" not in findings


def test_one_407_before_a_login_is_normal() -> None:
    assert serious(tables(tcp=[tunnel(407), tunnel(200, 1)])) == set()


@pytest.mark.parametrize(
    "code", ["ERR_PROXY_CONNECTION_FAILED", "ERR_MANDATORY_PROXY_CONFIGURATION_FAILED"]
)
def test_dead_setting_by_the_browsers_code(code: str) -> None:
    row = exchange("h", status=None, cf_ray=None, server=None, error=f"net::{code}")
    assert "proxy.dead_setting" in found(tables(http=[row, row | {"flow": "i"}]))


def test_dead_setting_by_the_recorder() -> None:
    error = "[Errno 111] Connect call failed ('127.0.0.1', 3129)"
    failed = {"tcp_ms": None, "tls_ms": None, "verified": None, "error_stage": "tcp"}
    rows = [connection(n, via="127.0.0.1:3129", error=error, **failed) for n in (1, 2)]
    diagnosis = diagnose(tables(connections=rows))
    assert diagnosis.verdict.primary == "proxy.dead_setting"
    alive = tables(connections=[*rows, connection(3, via="127.0.0.1:3129")])
    assert "proxy.dead_setting" not in found(alive)


def test_dead_setting_in_packets_and_variables_that_disagree() -> None:
    host = [
        {"source": "b", "section": "proxy", "name": "HTTPS_PROXY", "value": f"http://{PROXY}:3128"},
        {"source": "b", "section": "proxy", "name": "https_proxy", "value": "http://10.9.9.9:1"},
    ]
    dead = {"synack_frame": None, "connect_host": None, "app": None, "reset_by": "server"}
    rows = [tunnel(None, n, **dead, reset_frame=902 + 10 * n, syns=1) for n in (0, 1)]
    finding = found(tables(tcp=rows, host=host))["proxy.dead_setting"]
    assert finding.measurements["letters_disagree"] is True
    assert "proxy.dead_setting" not in found(tables(tcp=[*rows, tunnel(200, 2)], host=host))
    assert "proxy.dead_setting" not in found(tables(tcp=rows))
    assert "proxy.dead_setting" not in found(tables(host=host))


def straight(**more: object) -> dict[str, list[Row]]:
    """A direct try at the websocket host beside pages through a proxy."""
    rows = handshakes(1, far=None, sni="ws.chatgpt.com", tcp={"reset_by": "server", **more})
    return {"tcp": [tunnel(200), *rows["tcp"]], "tls": rows["tls"]}


def test_websocket_goes_round_the_proxy_and_fails() -> None:
    findings = {item.id: item for item in diagnose(tables(**straight())).findings}
    assert findings["proxy.bypassed_by_websocket"].severity is Severity.CRITICAL
    assert findings["proxy.bypassed_by_websocket"].explained_by is None
    assert findings["ws.connect_failed"].explained_by == "proxy.bypassed_by_websocket"


def test_websocket_beside_the_proxy_that_works_is_no_fault() -> None:
    rows = handshakes(1, sni="ws.chatgpt.com")
    given = tables(tcp=[tunnel(200), *rows["tcp"]], tls=rows["tls"])
    assert "proxy.bypassed_by_websocket" not in found(given)
    without_proxy = straight()["tcp"][1:]
    assert "proxy.bypassed_by_websocket" not in found(tables(tcp=without_proxy))


def test_websocket_without_the_proxy_in_flows() -> None:
    direct = connection(9, host="ws.chatgpt.com", via=None, address=GOOD)
    lost = socket(1, opened=None, status=None, error="connection refused", connection="c9")
    pages = [connection(n, via="10.1.1.8:3128") for n in (1, 2)]
    given = tables(ws=[lost], connections=[*pages, direct])
    assert found(given)["proxy.bypassed_by_websocket"].subjects == ("ws.chatgpt.com",)
    given = tables(ws=[lost], connections=[connection(1), direct])
    assert "proxy.bypassed_by_websocket" not in found(given)


def test_healthy_traffic_through_a_proxy_is_silent() -> None:
    given = tables(
        tcp=[tunnel(200, n) for n in range(4)],
        dns=[answer("chatgpt.com", GOOD)],
        http=[document(), exchange("a", via="1.1 gw (squid/6.6)")],
        connections=[connection(n, via="10.1.1.8:3128") for n in range(3)],
    )
    assert serious(given) == set()


def test_a_message_too_long_for_the_proxy() -> None:
    row = page_of(status=413, via="1.1 gw", server="gateway", path="/backend-api/f/conversation")
    assert "413" in found(tables(http=[row]))["proxy.denied"].summary
    assert "proxy.denied" not in found(tables(http=[exchange("d", status=413)]))


def test_a_page_in_place_of_data() -> None:
    row = page_of(status=200, server="gateway", path="/backend-api/f/conversation")
    asked = [document(), row]
    assert found(tables(http=asked))["proxy.denied"].vendor is None
    for fine in (
        {"request_dest": "document"},
        {"path": "/c/{id}"},
        {"cf_ray": "8f2d1c3b4a5d6e7f-SIN"},
        {"content_type": "application/json"},
        {"server": None, "content_type": None},
    ):
        assert "proxy.denied" not in found(tables(http=[document(), row | fine]))
    assert "proxy.denied" not in found(tables(http=[row]))


@pytest.mark.parametrize("status", [403, 451])
def test_a_nameless_page_that_refuses_the_site(status: int) -> None:
    row = page_of(status=status, server="Apache", request_dest="document")
    assert "proxy.denied" in found(tables(http=[row]))
    assert "proxy.denied" not in found(tables(http=[row | {"host": "cdn.openai.com"}]))
    for server in (None, "cloudflare"):
        assert "proxy.denied" not in found(tables(http=[row | {"server": server}]))


@pytest.mark.parametrize(
    ("text", "vendor"),
    [
        ("Access to the page has been blocked in accordance with company policy.", "Palo Alto"),
        ("a web page which is in violation of your Internet usage policy", "Fortinet"),
        ("Based on your organization's access policies, access has been blocked", "Cisco"),
        ("This website is blocked by your network administrator. Cloudflare Gateway", "Cloudflare"),
        ("This website has been blocked by your network administrator.", "a web filter"),
    ],
)
def test_the_maker_by_its_own_sentence(text: str, vendor: str) -> None:
    made = found(tables(http=[page_of(body_excerpt=text)]))["proxy.denied"].vendor
    assert made is not None
    assert vendor in made


def knocked(port: int, count: int = 4) -> list[Row]:
    dead = {"synack_frame": None, "connect_host": None, "app": None, "reset_by": "server"}
    return [
        tunnel(None, n, **dead, server_port=port, server_payload=0, last_time=101.0 + n)
        for n in range(count)
    ]


def script_for(port: int) -> Row:
    return {
        "source": "p.pcapng", "frame": 3, "response_frame": 4, "started": 99.0, "status": 200,
        "host": "wpad.corp.example", "path": "/wpad.dat", "method": "GET",
        "content_type": "application/x-ns-proxy-autoconfig",
        "body_excerpt": f"PROXY {PROXY}:{port}",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "heads", "dead"),
    [
        pytest.param(knocked(3128), [], True, id="a-port-of-proxies-alone"),
        pytest.param(knocked(8080), [], False, id="a-port-of-test-servers-too"),
        pytest.param(knocked(8080), [script_for(8080)], True, id="named-by-a-script"),
        pytest.param(knocked(8080), [script_for(9090)], False, id="the-script-names-another"),
        pytest.param(knocked(3128, 2), [], False, id="too-few"),
    ],
)
def test_a_dead_proxy_beside_programs_that_go_straight(
    rows: list[Row], heads: list[Row], dead: bool
) -> None:
    web = handshakes(2, sni="teams.example", server="203.0.113.9", tcp={"last_time": 110.0})
    given = tables(tcp=[*rows, *web["tcp"]], tls=web["tls"], cleartext=heads)
    assert ("proxy.dead_setting" in found(given)) is dead


def test_the_proxy_names_itself_to_somebody_else() -> None:
    error = "Upstream proxy 10.1.1.8:3128 refused HTTP CONNECT request: 407 Authentication Required"
    ours = exchange("a", status=None, cf_ray=None, server=None, error=error)
    other = page_of("b", host="example.org", status=407, server="squid/5.7")
    assert found(tables(http=[ours, other]))["proxy.auth_required"].vendor == "Squid"


@pytest.mark.parametrize(
    ("heads", "hosts", "dead"),
    [
        pytest.param([script_for(8080)], "example.org", True, id="looked-up-by-the-script"),
        pytest.param([script_for(8080)], "chatgpt.com", False, id="and-reached-without-it"),
        pytest.param([], "example.org", False, id="no-script"),
    ],
)
def test_a_script_that_looks_the_name_up(heads: list[Row], hosts: str, dead: bool) -> None:
    web = handshakes(2, sni=hosts, server="203.0.113.9", tcp={"last_time": 110.0})
    given = tables(
        tcp=[*knocked(8080), *web["tcp"]], tls=web["tls"], cleartext=heads,
        dns=[answer("chatgpt.com", GOOD)],
    )  # fmt: skip
    assert ("proxy.dead_setting" in found(given)) is dead


@pytest.mark.parametrize(
    ("at", "host", "asked"),
    [
        pytest.param(90.0, "chatgpt.com", True, id="before"),
        pytest.param(110.0, "chatgpt.com", False, id="after"),
        pytest.param(110.0, "auth.openai.com", True, id="to-another-host"),
    ],
)
def test_who_was_let_in_has_logged_in(at: float, host: str, asked: bool) -> None:
    """The 407 was to the CONNECT, or to another page than the one that came."""
    login = page_of("l", status=407, server="squid/6.10", method="CONNECT")
    fine = exchange("f", "/cdn/assets/1.js", host=host, started=at)
    assert ("proxy.auth_required" in found(tables(http=[login, fine]))) is asked
