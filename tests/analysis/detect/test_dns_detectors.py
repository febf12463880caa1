"""DNS filters: what fires, what looks like it and must not, and a second fault beside it."""

from __future__ import annotations

from typing import Any

import pytest
from handmade import GOOD, Row, answer, connection, found, handshakes, query, serious, tables

from analysis.detect import detect
from analysis.model.diagnosis import Severity


@pytest.mark.parametrize(
    ("address", "vendor"),
    [
        ("0.0.0.0", None),
        ("127.0.0.1", None),
        ("192.168.1.1", None),
        ("146.112.61.106", "Cisco Umbrella"),
        ("208.91.112.55", "Fortinet FortiGuard DNS"),
        ("204.110.220.2", "Securly"),
        ("::ffff:146.112.61.107", "Cisco Umbrella"),
        ("36.86.63.185", "Telkom Indonesia (Internet Positif)"),
    ],
)
def test_sinkhole(address: str, vendor: str | None) -> None:
    finding = found(tables(dns=[answer("ws.chatgpt.com", address)]))["dns.sinkhole"]
    assert finding.subjects == ("ws.chatgpt.com",)
    assert finding.severity is Severity.CRITICAL
    assert finding.vendor == vendor
    assert finding.evidence[0].filter == "frame.number in {2}"
    assert finding.remedy is not None
    assert "ws.chatgpt.com" in finding.remedy.ticket


def test_sinkhole_confidence_is_earned() -> None:
    alone = found(tables(dns=[answer("chatgpt.com", "0.0.0.0")]))["dns.sinkhole"]
    more = found(
        tables(
            dns=[
                answer("chatgpt.com", "0.0.0.0", ede=[15], ttl_min=2),
                answer("chatgpt.com", GOOD, frame=3, src="8.8.8.8"),
            ]
        )
    )["dns.sinkhole"]
    assert more.confidence > alone.confidence
    assert "EDE 15 Blocked" in more.summary
    assert "8.8.8.8 gives a real address" in more.summary


def test_one_finding_names_all_hosts_of_one_filter() -> None:
    names = ("ws.chatgpt.com", "chatgpt.com", "js.stripe.com")
    given = tables(dns=[answer(name, "146.112.61.104", frame=n) for n, name in enumerate(names, 1)])
    findings = [f for f in detect(given) if f.id == "dns.sinkhole"]
    assert len(findings) == 1
    assert findings[0].subjects == ("chatgpt.com", "ws.chatgpt.com", "js.stripe.com")
    assert findings[0].count == 3


def test_two_filters_give_two_findings() -> None:
    given = tables(
        dns=[answer("chatgpt.com", "146.112.61.104"), answer("ws.chatgpt.com", "208.91.112.55")]
    )
    assert sorted(f.vendor or "" for f in detect(given) if f.id == "dns.sinkhole") == [
        "Cisco Umbrella",
        "Fortinet FortiGuard DNS",
    ]


def test_a_lookup_seen_twice_counts_once() -> None:
    given = tables(
        dns=[answer("chatgpt.com", "0.0.0.0"), answer("chatgpt.com", "0.0.0.0", frame=None)]
    )
    assert found(given)["dns.sinkhole"].count == 1


def test_the_recorders_own_lookup_is_enough() -> None:
    finding = found(tables(dns=[answer("chatgpt.com", "0.0.0.0", frame=None)]))["dns.sinkhole"]
    assert finding.evidence[0].source == "p.pcapng"
    assert finding.evidence[0].frames == ()


@pytest.mark.parametrize(
    "row",
    [
        answer(
            "chatgpt.com",
            "chatgpt.com.cdn.cloudflare.net",
            GOOD,
            cnames=["chatgpt.com.cdn.cloudflare.net"],
        ),
        answer(
            "files.oaiusercontent.com", "x.azurefd.net", "13.107.246.1", cnames=["x.azurefd.net"]
        ),
        answer("chatgpt.com", qtype="AAAA"),
        answer("chatgpt.com", qtype="HTTPS"),
        answer("chatgtp.com", rcode=3),
        answer("wx.chatgpt.com", rcode=3, soa=["chatgpt.com ns1.cloudflare.com"]),
        answer("intranet.corp.example", "10.1.2.3"),
        answer("example.com", "0.0.0.0"),
        answer("js.stripe.com", rcode=3),
        answer("js.stripe.com", "0.0.0.0"),
        answer("o33249.ingest.sentry.io", "0.0.0.0"),
        answer("browser-intake-datadoghq.com", rcode=3),
        answer("chatgpt.com", "198.18.0.12"),
        answer("chatgpt.com", "203.0.113.7"),
        answer("chatgpt.com", "64:ff9b::6812:202f", qtype="AAAA"),
        answer("chatgpt.com", GOOD, ede=[3]),
        answer("chatgpt.com", rcode=2),
        answer("chatgpt.com", "0.0.0.0", protocol="mdns"),
    ],
)
def test_near_misses_stay_silent(row: dict[str, Any]) -> None:
    assert serious(tables(dns=[row])) == set()


def test_telemetry_is_named_as_harmless() -> None:
    finding = found(tables(dns=[answer("o33249.ingest.sentry.io", "0.0.0.0")]))
    assert list(finding) == ["script.telemetry_blocked"]
    assert finding["script.telemetry_blocked"].severity is Severity.INFO


def test_fake_ip_is_inventory() -> None:
    assert found(tables(dns=[answer("chatgpt.com", "198.18.0.12")]))[
        "vpn.fake_ip_dns"
    ].severity is (Severity.INFO)


@pytest.mark.parametrize("address", ["10.20.30.40", "127.0.0.9"])
def test_a_private_answer_that_works_is_split_dns(address: str) -> None:
    lookup = answer("chatgpt.com", address)
    assert serious(tables(dns=[lookup], connections=[connection(address=address)])) == set()
    seen = handshakes(server=address)
    assert serious(tables(dns=[lookup], **seen)) == set()
    small = {"server_sent": 3000, "client_sent": 1400}
    seen = handshakes(server=address, tcp=small, tls={"hello_bytes": 517})
    assert serious(tables(dns=[lookup], **seen)) == set()


def test_a_block_page_whose_certificate_is_refused_is_no_split_dns() -> None:
    left = {"server_sent": 3000, "client_sent": 560}
    seen = handshakes(server="10.1.1.1", tcp=left, tls={"hello_bytes": 517})
    given = tables(dns=[answer("chatgpt.com", "10.1.1.1")], **seen)
    assert "dns.sinkhole" in found(given)


def test_a_neighbour_of_a_working_private_service_is_fine_too() -> None:
    given = tables(
        dns=[answer("chatgpt.com", "127.0.0.9"), answer("ab.chatgpt.com", "127.0.0.12", frame=3)],
        connections=[connection(address="127.0.0.9")],
    )
    assert serious(given) == set()


def test_a_sinkhole_beside_split_dns_is_still_found() -> None:
    given = tables(
        dns=[answer("chatgpt.com", "127.0.0.9"), answer("ws.chatgpt.com", "0.0.0.0", frame=3)],
        connections=[connection(address="127.0.0.9")],
    )
    assert found(given)["dns.sinkhole"].subjects == ("ws.chatgpt.com",)


def test_a_private_answer_whose_tls_failed_is_no_split_dns() -> None:
    refused = connection(
        address="10.20.30.40", verified=False, tls_ms=None, error="certificate", error_stage="tls"
    )
    given = tables(dns=[answer("chatgpt.com", "10.20.30.40")], connections=[refused])
    assert found(given)["dns.sinkhole"].confidence > 0.8


def test_null_aaaa_beside_a_good_a_is_only_ipv6_switched_off() -> None:
    given = tables(
        dns=[answer("chatgpt.com", GOOD), answer("chatgpt.com", "::", qtype="AAAA", frame=3)]
    )
    assert serious(given) == set()


def test_public_address_with_a_refused_certificate_is_hijacked() -> None:
    wrong = connection(
        address="203.0.113.80",
        verified=False,
        tls_ms=None,
        error="Certificate verify failed: hostname mismatch",
        error_stage="tls",
    )
    hijack = tables(dns=[answer("chatgpt.com", "203.0.113.80")], connections=[wrong])
    assert found(hijack)["dns.sinkhole"].confidence < 0.9
    genuine = tables(dns=[answer("chatgpt.com", GOOD)], connections=[wrong | {"address": GOOD}])
    assert "dns.sinkhole" not in found(genuine)  # inspection of TLS, not a false answer


@pytest.mark.parametrize(
    ("more", "vendor"),
    [
        ({"rcode": 3}, None),
        ({"rcode": 3, "recursion_available": False}, "Quad9"),
        ({"rcode": 3, "soa": ["chatgpt.com cleanbrowsing.rpz.noc.org"]}, "CleanBrowsing"),
        ({"rcode": 3, "additional_soa": ["rpz.corp.example"]}, None),
        ({"rcode": 0, "ede": [17]}, None),
        ({"rcode": 0, "soa": ["chatgpt.com localhost"]}, None),
        ({"rcode": 5, "ede": [15]}, None),
    ],
)
def test_nxdomain_filter(more: dict[str, Any], vendor: str | None) -> None:
    finding = found(tables(dns=[answer("chatgpt.com", **more)]))["dns.nxdomain_filter"]
    assert finding.severity is Severity.CRITICAL
    assert finding.vendor == vendor
    assert finding.confidence >= 0.65


def test_a_wildcard_name_needs_proof_that_it_exists() -> None:
    denied = answer("new.chatgpt.com", rcode=3)
    assert "dns.nxdomain_filter" not in found(tables(dns=[denied]))
    elsewhere = answer("new.chatgpt.com", GOOD, frame=3, src="8.8.8.8")
    assert found(tables(dns=[denied, elsewhere]))["dns.nxdomain_filter"].severity is (
        Severity.WARNING
    )


def test_a_denial_that_a_retry_heals_is_nothing() -> None:
    given = tables(dns=[answer("chatgpt.com", rcode=3), answer("chatgpt.com", GOOD, frame=3)])
    assert serious(given) == set()


def test_refused_is_a_filter_only_where_the_resolver_answers_others() -> None:
    refused = [answer("chatgpt.com", rcode=5, frame=n) for n in (2, 3)]
    alone = found(tables(dns=refused))
    assert "dns.nxdomain_filter" not in alone
    # nobody gets to ChatGPT with it, so it is as bad as a filter
    assert alone["dns.resolver_failing"].severity is Severity.CRITICAL
    selective = found(tables(dns=[*refused, answer("example.com", "93.184.216.34", frame=5)]))
    assert "dns.resolver_failing" not in selective
    assert "dns.nxdomain_filter" in selective


def test_block_cname() -> None:
    row = answer(
        "chatgpt.com",
        "ad-block.dns.adguard.com",
        "94.140.14.35",
        cnames=["ad-block.dns.adguard.com"],
    )
    findings = found(tables(dns=[row]))
    assert findings["dns.block_cname"].vendor == "AdGuard DNS"
    assert "dns.sinkhole" not in findings


@pytest.mark.parametrize("code", [4, 15, 16, 17])
def test_ede_filtered(code: int) -> None:
    row = answer("chatgpt.com", rcode=2, ede=[code], ede_text=["\u202eregex <b>\x1b[31m"])
    finding = found(tables(dns=[row]))["dns.ede_filtered"]
    assert finding.explained_by is None
    assert "\u202e" not in finding.summary
    assert "\x1b" not in finding.summary


@pytest.mark.parametrize("code", [3, 19, 22, 23])
def test_upstream_trouble_is_no_filter(code: int) -> None:
    given = tables(dns=[answer("chatgpt.com", rcode=2, ede=[code], frame=n) for n in (2, 3)])
    assert serious(given) == {"dns.resolver_failing"}


def test_ede_beside_a_block_answer_points_at_it() -> None:
    finding = found(tables(dns=[answer("chatgpt.com", "0.0.0.0", ede=[17])]))["dns.ede_filtered"]
    assert finding.explained_by == "dns.sinkhole"


def test_injected() -> None:
    forged = answer("chatgpt.com", "8.7.198.45", frame=2, ip_ttl=44) | {"id": 9}
    genuine = answer("chatgpt.com", GOOD, frame=3, at=100.02, ip_ttl=57) | {"id": 9}
    finding = found(tables(dns=[forged, genuine]))["dns.injected"]
    assert finding.evidence[0].frames == (2, 3)
    assert "TTLs differ" in finding.summary


def test_duplicates_and_separate_queries_are_not_injection() -> None:
    twice = [answer("chatgpt.com", GOOD, frame=n) | {"id": 9} for n in (2, 3)]
    assert "dns.injected" not in found(tables(dns=twice))
    rotated = [answer("chatgpt.com", GOOD), answer("chatgpt.com", "172.64.155.209", frame=3)]
    assert "dns.injected" not in found(tables(dns=rotated))


def test_timeout() -> None:
    asked = [query("chatgpt.com", frame=n, at=100.0 + n) for n in (1, 2, 3)]
    other = answer("example.com", "93.184.216.34", frame=9, at=120.0)
    assert found(tables(dns=[*asked, other]))["dns.timeout"].count == 3


def test_timeout_of_a_resolver_without_a_name() -> None:
    """A browser's log tells of the lookup, not always whom it asked."""
    asked = [query("chatgpt.com", frame=n, at=100.0 + n, dst=None) for n in (1, 2, 3)]
    other = answer("example.com", "93.184.216.34", frame=9, at=120.0, src=None)
    finding = found(tables(dns=[*asked, other]))["dns.timeout"]
    assert finding.summary.startswith("The system resolver left 3 queries for chatgpt.com")


def test_unanswered_queries_that_mean_nothing() -> None:
    asked = [query("chatgpt.com", frame=n, at=100.0 + n) for n in (1, 2, 3)]
    assert "dns.timeout" not in found(tables(dns=asked))  # no way back in the capture
    cut_off = [*asked, answer("example.com", "93.184.216.34", frame=9, at=104.0)]
    assert "dns.timeout" not in found(tables(dns=cut_off))  # the capture ended too soon
    healed = [*asked, answer("chatgpt.com", GOOD, frame=9, at=120.0)]
    assert "dns.timeout" not in found(tables(dns=healed))


NAMES = ("chatgpt.com", "ws.chatgpt.com", "ab.chatgpt.com")


def lookups(wait: float, *, first_answers: bool = False) -> list[Row]:
    """Each name is asked of 8.8.8.8, and `wait` seconds later of the second resolver."""
    rows = []
    for number, name in enumerate(NAMES):
        at = 100.0 + 20 * number
        rows += [
            query(name, frame=number * 9 + 1, at=at, dst="8.8.8.8"),
            query(name, frame=number * 9 + 2, at=at + wait),
            answer(name, GOOD, frame=number * 9 + 3, at=at + wait + 0.01),
        ]
    if first_answers:
        rows.append(answer("example.org", "93.184.216.34", frame=90, at=101.0, src="8.8.8.8"))
    return rows


def test_a_dead_first_resolver_makes_every_lookup_wait() -> None:
    finding = found(tables(dns=lookups(2.0)))["dns.timeout"]
    assert finding.severity == "warning"
    assert "8.8.8.8 never answers" in finding.summary
    assert (finding.measurements["median_ms"], finding.measurements["n"]) == (2000.0, 3)


def test_a_resolver_that_is_asked_beside_another_costs_nothing() -> None:
    assert not serious(tables(dns=lookups(0.002)))
    assert not serious(tables(dns=lookups(2.0, first_answers=True)))
    assert not serious(tables(dns=lookups(2.0)[:6]))  # two lookups say nothing of a resolver


def test_a_query_sent_again_unchanged_found_no_answer_even_if_none_is_in_the_capture() -> None:
    asked = [query("chatgpt.com", frame=n, at=at, id=7) for n, at in ((1, 100.0), (2, 105.0))]
    later = query("example.org", frame=3, at=110.0)
    assert found(tables(dns=[*asked, later]))["dns.timeout"].count == 2
    copies = [query("chatgpt.com", frame=n, at=100.0, id=7) for n in (1, 2)]  # as on loopback
    assert "dns.timeout" not in found(tables(dns=[*copies, later]))


@pytest.mark.parametrize("address", [GOOD, "198.18.0.7", "0.0.0.0"])
@pytest.mark.parametrize("rcode", [0, 3, 5])
def test_what_becomes_of_aaaa_beside_an_a_is_no_denial(address: str, rcode: int) -> None:
    rows = [answer("chatgpt.com", address), answer("chatgpt.com", qtype="AAAA", rcode=rcode)]
    assert "dns.nxdomain_filter" not in found(tables(dns=rows))


def test_an_answer_that_is_not_whole_denies_nothing() -> None:
    refused = answer("chatgpt.com", frame=3, qtype="AAAA", rcode=5)
    for partial in ({"cut": True}, {"truncated": True}):
        given = tables(dns=[answer("chatgpt.com", **partial), refused])
        assert serious(given) == set()
    assert "dns.nxdomain_filter" in found(tables(dns=[answer("chatgpt.com")]))


def test_slow() -> None:
    slow = [answer("chatgpt.com", GOOD, frame=n, latency_ms=900.0) for n in (2, 3, 4)]
    finding = found(tables(dns=slow))["dns.slow"]
    assert finding.measurements["n"] == 3
    first_only = [answer("chatgpt.com", GOOD, frame=2, latency_ms=900.0)]
    first_only += [answer("chatgpt.com", GOOD, frame=n) for n in (3, 4, 5)]
    assert "dns.slow" not in found(tables(dns=first_only))


@pytest.mark.parametrize(
    ("denial", "follower", "root"),
    [
        ({"rcode": 0}, "dns.nxdomain_filter", "dns.ede_filtered"),
        ({"rcode": 5}, "dns.nxdomain_filter", "dns.ede_filtered"),
        ({"rcode": 3}, "dns.nxdomain_filter", "dns.ede_filtered"),
        (
            {"rcode": 3, "additional_soa": ["rpz.example. ns.example."]},
            "dns.ede_filtered",
            "dns.nxdomain_filter",
        ),
        ({"rcode": 3, "ede_text": ["gravity"]}, "dns.ede_filtered", "dns.nxdomain_filter"),
        ({"rcode": 3, "recursion_available": False}, "dns.ede_filtered", "dns.nxdomain_filter"),
    ],
    ids=["no-address", "refused", "nxdomain", "policy-zone", "pi-hole", "quad9"],
)
def test_which_of_ede_and_denial_is_the_root(denial: Row, follower: str, root: str) -> None:
    findings = found(tables(dns=[answer("chatgpt.com", ede=[15], **denial)]))
    assert findings[follower].explained_by == root
    assert findings[root].explained_by is None


ELSEWHERE = "45.83.220.10"


def refused_at(place: str) -> Row:
    return {
        "source": "p.pcapng", "stream": 4, "client": "10.0.0.2", "server": place,
        "server_port": 443, "first_time": 101.0, "first_frame": 40, "last_frame": 41,
        "syn_frame": 40, "syns": 1, "reset_by": "server", "reset_frame": 41, "server_payload": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "marks",
    [
        {"additional_soa": ["filter.rpz"]},
        {"answers": ["blokir.isp.example", ELSEWHERE], "cnames": ["blokir.isp.example"]},
    ],
    ids=["policy-zone", "foreign-name"],
)
def test_a_public_address_in_the_true_ones_place(marks: Row) -> None:
    given = tables(dns=[answer("chatgpt.com", ELSEWHERE, **marks)], tcp=[refused_at(ELSEWHERE)])
    finding = found(given)["dns.sinkhole"]
    assert finding.subjects == ("chatgpt.com",)
    assert finding.severity is Severity.CRITICAL
    assert ELSEWHERE in finding.summary


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (answer("chatgpt.com", ELSEWHERE), ELSEWHERE),
        (answer("chatgpt.com", GOOD, additional_soa=["filter.rpz"]), GOOD),
        (answer("chatgpt.com", GOOD, cnames=["chatgpt.com.cdn.cloudflare.net"]), GOOD),
        (answer("chatgpt.com", ELSEWHERE, cnames=["chatgpt.com.cdn.cloudflare.net"]), ELSEWHERE),
        (answer("chatgpt.com", ELSEWHERE, additional_soa=["filter.rpz"]), "93.184.216.34"),
    ],
    ids=["no-mark", "edge-by-policy", "edge-by-name", "edge-name", "never-tried"],
)
def test_answers_that_no_policy_is_shown_to_have_changed(row: Row, place: str) -> None:
    assert "dns.sinkhole" not in found(tables(dns=[row], tcp=[refused_at(place)]))


def test_a_policy_that_leads_to_a_proxy_which_works() -> None:
    rows = [answer("chatgpt.com", ELSEWHERE, additional_soa=["office.rpz"])]
    assert serious(tables(dns=rows, connections=[connection(address=ELSEWHERE)])) == set()


def test_one_question_of_each_type_is_no_retry() -> None:
    asked = [query("chatgpt.com", frame=n, qtype=kind) for n, kind in enumerate(("A", "HTTPS"))]
    other = answer("example.com", "93.184.216.34", frame=9, at=120.0)
    assert "dns.timeout" not in found(tables(dns=[*asked, other]))
    again = query("chatgpt.com", frame=3, at=101.0, qtype="HTTPS")
    assert "dns.timeout" in found(tables(dns=[*asked, again, other]))
