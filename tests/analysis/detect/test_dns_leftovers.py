"""dns.dnssec_failure, .hosts_file, .doh_hidden, .doh_policy and allowlist.missing_entry."""

from __future__ import annotations

import pytest
from handmade import (
    GOOD,
    Row,
    answer,
    connection,
    exchange,
    found,
    handshakes,
    query,
    serious,
    tables,
)

from analysis.diagnose import diagnose
from analysis.model.diagnosis import Severity

CANARY = "use-application-dns.net"


@pytest.mark.parametrize("code", [1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 25, 27])
def test_dnssec_failure(code: int) -> None:
    given = tables(dns=[answer("chatgpt.com", rcode=2, ede=[code], frame=n) for n in (2, 3)])
    assert serious(given) == {"dns.dnssec_failure"}


@pytest.mark.parametrize(
    "rows",
    [
        [answer("chatgpt.com", rcode=2, ede=[7]), answer("chatgpt.com", GOOD, frame=3, at=101.0)],
        [answer("chatgpt.com", GOOD, ede=[6])],
        [answer("chatgpt.com", rcode=2, ede=[22])],
        [answer("example.org", rcode=2, ede=[7])],
    ],
    ids=["healed", "answered", "upstream", "other-name"],
)
def test_no_dnssec_failure(rows: list[Row]) -> None:
    assert "dns.dnssec_failure" not in found(tables(dns=rows))


@pytest.mark.parametrize("row", [{"rcode": 3}, {"rcode": 0}], ids=["nxdomain", "empty"])
def test_canary(row: Row) -> None:
    finding = found(tables(dns=[answer(CANARY, **row)]))["dns.doh_policy"]
    assert finding.severity is Severity.INFO


@pytest.mark.parametrize(
    "rows",
    [[answer(CANARY, "44.235.246.155")], [answer(CANARY, rcode=2)],
     [answer(CANARY, truncated=True)], [answer("example.org", rcode=3)]],
    ids=["answered", "servfail", "truncated", "other-name"],
)  # fmt: skip
def test_no_canary(rows: list[Row]) -> None:
    assert "dns.doh_policy" not in found(tables(dns=rows))


def doh(count: int = 2, sni: str = "dns.google") -> dict[str, list[Row]]:
    chat, resolver = handshakes(count), handshakes(1, sni=sni, server="8.8.8.8", start=50)
    return {name: chat[name] + resolver[name] for name in chat}


def test_hidden_lookups() -> None:
    finding = found(tables(**doh()))["dns.doh_hidden"]
    assert finding.vendor == "Google"
    assert finding.subjects == ("chatgpt.com",)
    assert finding.severity is Severity.INFO


def test_lookups_that_are_not_hidden() -> None:
    assert "dns.doh_hidden" not in found(tables(**doh(), dns=[answer("chatgpt.com", GOOD)]))
    assert "dns.doh_hidden" not in found(tables(**handshakes(2)))
    assert "dns.doh_hidden" not in found(tables(**doh(sni="www.google.com")))
    assert "dns.doh_hidden" not in found(tables(**handshakes(1, sni="dns.google")))


def astray(place: str, **more: object) -> Row:
    failed = {"tls_ms": None, "verified": None, "error_stage": "tcp", "error": "refused"}
    return connection(**({"host": "chatgpt.com", "address": place} | failed | more))  # type: ignore[arg-type]


OTHERS = [answer("ws.chatgpt.com", GOOD), answer("auth.openai.com", GOOD, frame=4)]


@pytest.mark.parametrize("place", ["127.0.0.1", "10.9.8.7", "93.184.215.14", "::1"])
def test_hosts_file_in_flows(place: str) -> None:
    diagnosis = diagnose(tables(dns=OTHERS, connections=[astray(place)]))
    assert diagnosis.verdict.primary == "dns.hosts_file"


def test_a_later_lookup_of_the_name_clears_no_hosts_file() -> None:
    # the recorder asks for itself once a connection has failed
    rows = [*OTHERS, answer("chatgpt.com", GOOD, frame=9, at=101.0)]
    finding = found(tables(dns=rows, connections=[astray("127.0.0.1")]))["dns.hosts_file"]
    assert finding.subjects == ("chatgpt.com",)
    denied = [*OTHERS, answer("chatgpt.com", rcode=3, frame=9, at=101.0)]
    assert "dns.hosts_file" not in found(tables(dns=denied, connections=[astray("127.0.0.1")]))


def test_hosts_file_in_packets() -> None:
    rows = handshakes(2, far=None, server="10.9.8.7")
    finding = found(tables(dns=OTHERS, **rows))["dns.hosts_file"]
    assert finding.subjects == ("chatgpt.com",)
    assert finding.evidence[0].frames


@pytest.mark.parametrize(
    ("dns", "row"),
    [
        ([*OTHERS, answer("chatgpt.com", "10.9.8.7", frame=9)], astray("10.9.8.7")),
        ([], astray("10.9.8.7")),
        (OTHERS, astray(GOOD)),
        (OTHERS, connection(address="10.9.8.7")),
        (OTHERS, astray("198.18.0.7")),
        (OTHERS, astray("10.1.1.8", via="10.1.1.8:3128")),
        (OTHERS, astray("52.239.1.1", host="files.oaiusercontent.com")),
    ],
    ids=["looked-up", "no-lookups", "service", "works", "fake-ip", "proxy", "azure"],
)
def test_no_hosts_file(dns: list[Row], row: Row) -> None:
    assert "dns.hosts_file" not in found(tables(dns=dns, connections=[row]))


def test_allowlist_follows_what_blocks() -> None:
    given = tables(dns=[answer("chatgpt.com", "0.0.0.0"), answer("ws.chatgpt.com", GOOD, frame=5)])
    by_id = {item.id: item for item in diagnose(given).findings}
    assert by_id["allowlist.missing_entry"].explained_by == "dns.sinkhole"
    assert by_id["allowlist.missing_entry"].measurements["entries"] == ["chatgpt.com"]


def test_apex_trap() -> None:
    rows = [answer("chatgpt.com", rcode=3), answer("ab.chatgpt.com", GOOD, frame=5)]
    given = tables(dns=rows, **handshakes(1, sni="ab.chatgpt.com"))
    finding = found(given)["allowlist.missing_entry"]
    assert finding.measurements["apex_trap"] == ["chatgpt.com"]
    assert "wildcard" in finding.summary


@pytest.mark.parametrize(
    "rows",
    [
        [answer("chatgpt.com", GOOD)],
        [answer("rum.browser-intake-datadoghq.com", "0.0.0.0")],
        [answer("retired-name.chatgpt.com", rcode=3)],
        [answer("chatgpt.com", rcode=3), answer("chatgpt.com", GOOD, frame=7, at=101.0)],
        [answer("example.org", "0.0.0.0")],
    ],
    ids=["fine", "telemetry", "retired", "healed", "foreign"],
)
def test_allowlist_silent(rows: list[Row]) -> None:
    assert "allowlist.missing_entry" not in found(tables(dns=rows))


def test_a_feature_host_is_a_note() -> None:
    finding = found(tables(dns=[answer("js.stripe.com", "0.0.0.0")]))["allowlist.missing_entry"]
    assert finding.severity is Severity.INFO


@pytest.mark.parametrize("protocol", ["wireguard", "openvpn", "ike", "esp"])
def test_tunnel_on_the_wire(protocol: str) -> None:
    row = {
        "source": "p.pcapng", "frame": 3, "time": 1.0, "protocol": protocol, "client": "10.0.0.2",
        "server": "185.65.135.70", "answered": True,
    }  # fmt: skip
    assert found(tables(udp=[row]))["vpn.detected"].evidence[0].frames == (3,)
    assert "vpn.detected" not in found(tables(udp=[row | {"answered": False}]))
    assert "vpn.detected" not in found(tables(udp=[row | {"protocol": "stun"}]))


def test_a_fake_address_of_either_family_is_a_local_proxy() -> None:
    rows = [
        answer("chatgpt.com", "198.18.0.9"),
        answer("chatgpt.com", "fc00::9", frame=3, qtype="AAAA"),
    ]
    findings = found(tables(dns=rows))
    assert "dns.sinkhole" not in findings
    assert "vpn.fake_ip_dns" in findings


@pytest.mark.parametrize(
    ("line", "product"),
    [("warp=on", "Cloudflare WARP"), ("gateway=on", "Cloudflare Gateway"), ("warp=off", None)],
)
def test_the_trace_page_names_cloudflares_client(line: str, product: str | None) -> None:
    row = exchange("t", "/cdn-cgi/trace", trace=["colo=SIN", line])
    finding = found(tables(http=[row])).get("vpn.detected")
    assert (finding.vendor if finding else None) == product


ELSEWHERE = [answer("www.example.org", "93.184.215.14"), answer("mail.example.net", "9.9.9.8")]


@pytest.mark.parametrize("place", ["10.9.8.7", "91.195.240.94"])
def test_lookups_of_other_sites_show_that_none_was_hidden(place: str) -> None:
    rows = handshakes(2, far=None, server=place)
    assert found(tables(dns=ELSEWHERE, **rows))["dns.hosts_file"].subjects == ("chatgpt.com",)


def test_a_certificate_refused_at_a_foreign_address() -> None:
    refused = {"client_fin": 1, "client_sent": 547, "client_last_record": 19}
    rows = handshakes(2, server="91.195.240.94", tcp=refused, tls={"hello_bytes": 512})
    diagnosis = diagnose(tables(dns=ELSEWHERE, **rows))
    assert diagnosis.verdict.primary == "dns.hosts_file"


@pytest.mark.parametrize(
    ("dns", "rows"),
    [
        (ELSEWHERE, handshakes(2, far=None)),
        (ELSEWHERE, handshakes(2, server="91.195.240.94")),
        ([*ELSEWHERE, answer("edge.example.org", "91.195.240.94")],
         handshakes(2, far=None, server="91.195.240.94")),
        ([row | {"dst": "10.0.0.77"} for row in ELSEWHERE],
         handshakes(2, far=None, server="10.9.8.7")),
        ([query("www.example.org")], handshakes(2, far=None, server="10.9.8.7")),
        ([row | {"protocol": "mdns"} for row in ELSEWHERE],
         handshakes(2, far=None, server="10.9.8.7")),
    ],
    ids=["service", "works", "given-for-another", "other-machine", "unanswered", "mdns"],
)  # fmt: skip
def test_no_hosts_file_without_chatgpts_lookups(dns: list[Row], rows: dict[str, list[Row]]) -> None:
    assert "dns.hosts_file" not in found(tables(dns=dns, **rows))


def test_no_hosts_file_beside_encrypted_lookups() -> None:
    lost = handshakes(2, far=None, server="10.9.8.7")
    resolver = handshakes(1, sni="dns.google", server="8.8.8.8", start=50)
    rows = {name: lost[name] + resolver[name] for name in lost}
    assert "dns.hosts_file" not in found(tables(dns=ELSEWHERE, **rows))
