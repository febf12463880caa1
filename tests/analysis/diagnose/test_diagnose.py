"""Verdicts: what is primary, what follows from it, and when nothing can be said."""

from __future__ import annotations

import json
import random

import pandas as pd
import pytest
from handmade import (
    GOOD,
    Row,
    answer,
    connection,
    document,
    dropped,
    exchange,
    handshakes,
    script,
    socket,
    tables,
)

from analysis.diagnose import diagnose
from analysis.diagnose.masking import RULES, explain
from analysis.knowledge import RULES_VERSION, findings
from analysis.model.diagnosis import Diagnosis, Finding, Locus, Severity, Source, SourceKind, Status
from analysis.model.frames import CaptureFacts, Tables


def explained(diagnosis: Diagnosis) -> dict[str, str | None]:
    return {finding.id: finding.explained_by for finding in diagnosis.findings}


def roots(diagnosis: Diagnosis) -> set[str]:
    return {
        finding.id
        for finding in diagnosis.findings
        if finding.explained_by is None and finding.severity.rank < 2
    }


def sunk_scripts() -> Tables:
    lost = script(9, "failed", host="cdn.oaistatic.com", error="Connect call failed", flow="s9")
    return tables(
        dns=[answer("cdn.oaistatic.com", "0.0.0.0"), answer("chatgpt.com", GOOD, frame=3)],
        resources=[*(script(n) for n in range(4)), lost],
        http=[document(), exchange("s9", host="cdn.oaistatic.com", status=None, error="refused")],
    )


def test_a_sinkhole_explains_the_script_that_did_not_arrive() -> None:
    diagnosis = diagnose(sunk_scripts())
    assert explained(diagnosis) == {
        "dns.sinkhole": None,
        "script.blocked_by_network": "dns.sinkhole",
        "allowlist.missing_entry": "dns.sinkhole",
    }
    assert diagnosis.verdict.primary == "dns.sinkhole"
    assert diagnosis.verdict.status is Status.BLOCKED
    assert diagnosis.verdict.locus is Locus.DNS
    assert diagnosis.primary is not None
    assert "cdn.oaistatic.com" in diagnosis.verdict.headline


def test_a_sinkhole_explains_the_websocket_that_cannot_be_opened() -> None:
    failed = socket(opened=None, status=None, error="Connect call failed")
    diagnosis = diagnose(tables(dns=[answer("ws.chatgpt.com", "0.0.0.0")], ws=[failed]))
    assert explained(diagnosis)["ws.connect_failed"] == "dns.sinkhole"
    assert roots(diagnosis) == {"dns.sinkhole"}


def test_a_sinkhole_of_another_host_explains_nothing() -> None:
    failed = socket(opened=None, status=None, error="timed out")
    diagnosis = diagnose(tables(dns=[answer("cdn.oaistatic.com", "0.0.0.0")], ws=[failed]))
    assert roots(diagnosis) == {"dns.sinkhole", "ws.connect_failed"}
    assert "Besides, independent of it" in diagnosis.verdict.headline


def test_a_lesser_finding_does_not_explain_a_worse_one() -> None:
    failed = socket(opened=None, status=None, error="timed out")
    servfail = [answer("ws.chatgpt.com", rcode=2, frame=2)]
    diagnosis = diagnose(tables(dns=servfail, ws=[failed]))
    assert explained(diagnosis)["ws.connect_failed"] is None


def test_an_idle_timer_is_the_root_of_its_cuts() -> None:
    rows = [dropped(n, idle_before_end_s=60.0) for n in range(3)]
    diagnosis = diagnose(tables(ws=rows))
    assert diagnosis.verdict.primary == "ws.idle_timeout"
    assert explained(diagnosis)["ws.dropped"] == "ws.idle_timeout"
    assert "60 s" in diagnosis.verdict.headline


@pytest.mark.parametrize(
    ("rcode", "text", "primary"),
    [
        (0, "", "dns.ede_filtered"),
        (3, "", "dns.ede_filtered"),
        (3, "gravity", "dns.nxdomain_filter"),
    ],
)
def test_an_extended_error_and_its_denial_have_one_root(
    rcode: int, text: str, primary: str
) -> None:
    denial = answer("chatgpt.com", rcode=rcode, ede=[15], ede_text=[text])
    diagnosis = diagnose(tables(dns=[denial]))
    assert diagnosis.verdict.primary == primary
    assert roots(diagnosis) == {primary}


def test_a_pointer_to_a_finding_that_is_not_there_is_dropped() -> None:
    lone = Finding("ws.dropped", Locus.NETWORK, Severity.CRITICAL, 0.8, "x", ("ws.chatgpt.com",))
    assert explain([lone.explained("ws.idle_timeout")])[0].explained_by is None


def test_two_independent_faults_give_two_roots_and_the_worse_is_primary() -> None:
    given = tables(
        **handshakes(4, near=0.4, far=200.0),
        dns=[answer("ws.chatgpt.com", "146.112.61.106")],
    )
    diagnosis = diagnose(given)
    assert roots(diagnosis) == {"vpn.latency", "dns.sinkhole"}
    assert diagnosis.verdict.primary == "dns.sinkhole"
    assert "Cisco Umbrella" in diagnosis.verdict.headline


@pytest.mark.parametrize(
    ("given", "status", "primary"),
    [
        (tables(**handshakes(4, near=0.4, far=200.0)), Status.IMPAIRED, "vpn.latency"),
        (tables(ws=[dropped(subscribed=1)]), Status.IMPAIRED, "ws.dropped"),
        (tables(dns=[answer("chatgpt.com", rcode=3)]), Status.BLOCKED, "dns.nxdomain_filter"),
        (tables(http=[document()]), Status.OK, None),
        (tables(**handshakes(2)), Status.OK, None),
        (
            tables(http=[document()], dns=[answer("o33249.ingest.sentry.io", "0.0.0.0")]),
            Status.OK,
            "script.telemetry_blocked",
        ),
        (tables(dns=[answer("chatgpt.com", GOOD)]), Status.INSUFFICIENT, None),
        (tables(dns=[answer("example.com", "0.0.0.0")]), Status.INSUFFICIENT, None),
        (Tables.of(), Status.INSUFFICIENT, None),
    ],
)
def test_status_and_primary(given: Tables, status: Status, primary: str | None) -> None:
    verdict = diagnose(given).verdict
    assert (verdict.status, verdict.primary) == (status, primary)


@pytest.mark.parametrize(("complete", "status"), [(True, Status.IMPAIRED), (False, Status.BLOCKED)])
def test_answers_that_come_without_the_websocket(complete: bool, status: Status) -> None:
    refused = [socket(n, opened=None, status=403) for n in range(3)]
    answer = {
        "source": "flows.mitm", "flow": "a1", "host": "chatgpt.com", "started": 90.0,
        "path": "/backend-api/f/conversation", "complete": complete, "end": "complete",
    }  # fmt: skip
    verdict = diagnose(tables(ws=refused, sse=[answer] if complete else [])).verdict
    assert (verdict.primary, verdict.status) == ("ws.connect_failed", status)


def test_a_service_that_fails_is_down() -> None:
    refused = socket(opened=None, status=503)
    edge = exchange("w1", "/ws/user/x", host="ws.chatgpt.com", status=503, upgrade="websocket")
    verdict = diagnose(tables(ws=[refused], http=[edge])).verdict
    assert (verdict.status, verdict.locus) == (Status.DOWN, Locus.SERVICE)


def test_insufficient_says_what_would_settle_it() -> None:
    verdict = diagnose(tables(dns=[answer("chatgpt.com", GOOD)])).verdict
    assert "only dns could be judged" in verdict.headline
    assert "Capture again" in verdict.headline
    assert verdict.confidence == 0.0


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        pytest.param(SourceKind.PCAP, "packets alone do not show", id="packets"),
        pytest.param(SourceKind.HAR, "requests alone do not show", id="har"),
        pytest.param(SourceKind.BUNDLE, "Capture again from before", id="bundle"),
    ],
)
def test_insufficient_names_the_one_capture_that_would_settle_it(
    kind: SourceKind, says: str
) -> None:
    given = tables(dns=[answer("chatgpt.com", GOOD)])
    with_source = Tables(given.frames, (Source("x", kind),))
    assert says in diagnose(with_source).verdict.headline


def test_a_page_alone_in_a_netlog_is_no_proof_that_it_ran() -> None:
    netlog = (Source("netlog.json", SourceKind.NETLOG),)
    page = tables(http=[document()])
    assert diagnose(Tables(page.frames, netlog)).verdict.status is Status.INSUFFICIENT
    ran = tables(http=[document(), exchange("a", "/backend-api/me", status=200)])
    assert diagnose(Tables(ran.frames, netlog)).verdict.status is Status.OK


def test_the_captures_own_losses_are_no_cause() -> None:
    facts = CaptureFacts("session.json", packets_dropped=5)
    verdict = diagnose(tables([facts], http=[document()])).verdict
    assert (verdict.status, verdict.primary) == (Status.OK, None)


def test_coverage_names_every_area_and_the_reason() -> None:
    facts = CaptureFacts("session.json", packets_reason="no right to sniff")
    areas = {area.area: area for area in diagnose(tables([facts])).coverage}
    assert list(areas) == [
        "dns",
        "tcp",
        "tls",
        "quic",
        "http",
        "service",
        "stream",
        "websocket",
        "scripts",
        "files",
        "voice",
        "latency",
        "capture",
    ]
    assert "no right to sniff" in areas["tcp"].reason
    assert areas["websocket"].reason.startswith("no websocket was opened. To judge it, send a")
    assert "neither shown nor excluded" in areas["service"].reason
    assert [name for name, area in areas.items() if area.assessed] == ["capture"]


def test_coverage_of_a_full_session() -> None:
    given = tables(
        **handshakes(3),
        dns=[answer("chatgpt.com", GOOD)],
        http=[document()],
        resources=[script(1)],
        ws=[socket()],
        sse=[{"source": "f", "flow": "a", "host": "chatgpt.com", "complete": True}],
    )
    assessed = {area.area for area in diagnose(given).coverage if area.assessed}
    layers = {"dns", "tcp", "tls", "http", "stream", "websocket", "scripts", "latency"}
    assert assessed == layers | {"service"}


def test_two_connections_cannot_be_separated() -> None:
    areas = {area.area: area for area in diagnose(tables(**handshakes(2))).coverage}
    assert not areas["latency"].assessed
    assert "cannot be separated" in areas["latency"].reason


def test_measurements() -> None:
    given = tables(
        **handshakes(4, near=10.0, far=14.0),
        dns=[answer("chatgpt.com", GOOD), answer("chatgpt.com", rcode=3, frame=9, at=900.0)],
        ws=[socket(), dropped(2, subscribed=1, server_frames=7)],
        sse=[{"source": "f", "flow": "a", "host": "chatgpt.com", "ttft_ms": 612.0, "end": "done"}],
    )
    figures = diagnose(given).measurements
    legs = {leg["leg"]: leg for leg in figures["delay_budget"]}
    assert legs["resolver 10.0.0.53"]["separable"] is False
    assert "cannot be separated" in legs["resolver 10.0.0.53"]["note"]
    assert legs["near leg (TCP handshake)"] == {
        "leg": "near leg (TCP handshake)",
        "part": "near",
        "median_ms": 10.0,
        "p95_ms": 10.0,
        "n": 4,
        "way": "direct",
        "separable": True,
    }
    assert figures["dns"] == [
        {
            "resolver": "10.0.0.53",
            "answers": 2,
            "failed": 1,
            "median_ms": 12.0,
            "p95_ms": 12.0,
            "n": 2,
        }
    ]
    assert figures["websockets"]["close_codes"] == {"1006": 1}
    assert figures["streams"] == {"streams": 1, "ends": {"done": 1}, "first_octet_median_ms": 610.0}


def test_order_does_not_depend_on_the_order_of_rows() -> None:
    rows: list[Row] = [
        answer(name, address, frame=n, at=100.0 + n)
        for n, (name, address) in enumerate(
            [
                ("chatgpt.com", "146.112.61.104"),
                ("ws.chatgpt.com", "0.0.0.0"),
                ("auth.openai.com", "208.91.112.55"),
                ("js.stripe.com", "0.0.0.0"),
            ]
        )
    ]
    first = diagnose(tables(dns=rows)).to_json()
    random.Random(7).shuffle(rows)
    assert diagnose(tables(dns=rows)).to_json() == first


def test_the_diagnosis_is_plain_json() -> None:
    given = tables(
        **handshakes(4, near=0.4, far=200.0),
        dns=[answer("chatgpt.com", "0.0.0.0", ede=[15])],
        connections=[connection()],
        ws=[dropped(subscribed=1)],
    )
    out = json.loads(json.dumps(diagnose(given).to_json(), allow_nan=False))
    assert out["tool"]["rules_version"] == RULES_VERSION
    assert out["verdict"]["primary"] == "dns.sinkhole"
    assert out["findings"][0]["severity"] == "critical"


def test_masking_rules_name_findings_of_the_catalogue() -> None:
    for rule in RULES:
        assert rule.follower in findings()
        assert all(cause in findings() for cause in rule.causes)
        assert rule.follower not in rule.causes


def test_a_hostile_row_is_judged_without_an_error() -> None:
    odd = answer("chatgpt.com", "not an address", "", "0.0.0.0%eth0", "::ffff:0.0.0.0")
    odd |= {"ede": [99999], "soa": [""], "ttl_min": -1, "time": None, "src": None}
    hostile = tables(
        dns=[odd],
        ws=[socket(ended=float("inf"), close_code=65535, clean=True)],
        http=[exchange("x", None, host="chatgpt.com")],
    )
    assert isinstance(diagnose(hostile), Diagnosis)


def test_large_tables_are_filtered_before_they_are_walked() -> None:
    frame = tables(dns=[answer("example.com", "93.184.216.34", at=float(n)) for n in range(50)])
    many = pd.concat([frame["dns"]] * 2000, ignore_index=True)
    assert diagnose(Tables.of({"dns": many})).findings == ()


def snapped(length: int) -> list[Row]:
    facts = {"cut packets": "400", "snap length": str(length)}
    return [
        {"source": "p.pcap", "section": "capture", "name": name, "value": value}
        for name, value in facts.items()
    ]


def test_packets_cut_short_ask_for_whole_ones() -> None:
    diagnosis = diagnose(tables(host=snapped(96), tcp=handshakes(2)["tcp"]))
    reasons = {area.area: area.reason for area in diagnosis.coverage}
    assert "capture full packets" in reasons["tls"]
    assert "96 octets" in diagnosis.verdict.headline
    assert "capture full packets" not in reasons["voice"]


@pytest.mark.parametrize(
    "given",
    [
        tables(host=snapped(1514), tcp=handshakes(2)["tcp"]),
        tables([CaptureFacts("b", packets_sampled=40)], host=snapped(96)),
    ],
    ids=["long-enough", "sampled"],
)
def test_packets_that_are_long_enough(given: Tables) -> None:
    assert all("full packets" not in area.reason for area in diagnose(given).coverage)


def test_tls_is_no_proof_where_every_answer_is_a_refusal() -> None:
    reached = handshakes(3)
    assert diagnose(tables(**reached)).verdict.status == "ok"
    odd = exchange("a", "/somewhere", status=403, cf_ray=None, server=None)
    assert diagnose(tables(http=[odd], **reached)).verdict.status == "insufficient"
    fine = exchange("b", "/backend-api/me", started=130.0)
    assert diagnose(tables(http=[odd, fine], **reached)).verdict.status == "ok"
