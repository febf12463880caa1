"""Streamed answers, and what the capture says of itself."""

from __future__ import annotations

from typing import Any

import pytest
from handmade import Row, answer, connection, document, exchange, found, handshakes, serious, tables

from analysis.diagnose import diagnose
from analysis.model.diagnosis import Severity, Source, SourceKind, Status
from analysis.model.frames import CaptureFacts, Tables, concat


def stream(**more: Any) -> Row:
    return {
        "source": "flows.mitm",
        "flow": "a1",
        "host": "chatgpt.com",
        "path": "/backend-api/f/conversation",
        "started": 100.0,
        "first_chunk": 100.6,
        "last_chunk": 110.0,
        "chunks": 80,
        "bytes": 20000,
        "events": 80,
        "ttft_ms": 600.0,
        "last_250ms_share": 0.05,
        "complete": True,
        "end": "complete",
        "http_version": "HTTP/2.0",
        **more,
    }


AT_ONCE = {
    "first_chunk": 109.8,
    "ttft_ms": 9800.0,
    "last_250ms_share": 0.99,
}


def test_cut() -> None:
    finding = found(tables(sse=[stream(complete=False, end="cut", error="reset")]))["sse.cut"]
    assert finding.severity is Severity.CRITICAL
    assert finding.evidence[0].flow_id == "a1"


@pytest.mark.parametrize(
    "row",
    [
        stream(),
        stream(end="cancelled"),
        stream(complete=False, end="cancelled"),
        stream(complete=False, end="handoff", handoff=True),
        stream(complete=False, end="open"),
        stream(complete=False, end="cut", host="example.com"),
        stream(**AT_ONCE),
        stream(**AT_ONCE, content_length=900, bytes=900),
        stream(content_length=20000),
    ],
)
def test_near_misses_stay_silent(row: Row) -> None:
    assert serious(tables(sse=[row])) == set()


@pytest.mark.parametrize(
    ("error", "blamed"),
    [
        pytest.param("connection lost", set(), id="by the end of the capture, perhaps"),
        pytest.param(None, {"sse.cut"}, id="by its server, which ended it properly"),
    ],
)
def test_cut_right_before_the_capture_ends(error: str | None, blamed: set[str]) -> None:
    row = stream(complete=False, end="cut", error=error)
    assert serious(tables([CaptureFacts("s", ended=110.2)], sse=[row])) == blamed


@pytest.mark.parametrize(
    "mark", [{"content_length": 20000}, {"via": "1.1 proxy"}, {"http_version": "HTTP/1.1"}]
)
def test_buffered(mark: Row) -> None:
    assert "sse.buffered" in found(tables(sse=[stream(**AT_ONCE) | mark]))


def test_the_proxy_that_names_itself_on_a_buffered_stream_is_the_vendor() -> None:
    row = stream(**AT_ONCE) | {"via": "1.1 gw03.corp.example (McAfee Web Gateway 12.2.4)"}
    assert found(tables(sse=[row]))["sse.buffered"].vendor == "Skyhigh Web Gateway (McAfee)"


@pytest.mark.parametrize(
    ("issuer", "change", "fires"),
    [
        pytest.param(
            "O=Zscaler Inc., CN=Zscaler Root CA", {"chunks": 1, "events": 91}, True, id="all"
        ),
        pytest.param(
            "O=Zscaler Inc., CN=Zscaler Root CA", {"chunks": 40}, False, id="piece by piece"
        ),
        pytest.param("C=US, O=Let's Encrypt, CN=R12", {"chunks": 1}, False, id="no inspection"),
    ],
)
def test_buffered_by_a_gateway_without_other_marks(issuer: str, change: Row, fires: bool) -> None:
    given = tables(sse=[stream(**AT_ONCE) | change], connections=[connection(issuer=issuer)])
    finding = found(given).get("sse.buffered")
    assert (finding.vendor if finding else None) == ("Zscaler" if fires else None)


def test_lossy() -> None:
    facts = CaptureFacts("session.json", packets_dropped=12, end_state="abrupt")
    finding = found(tables([facts]))["capture.lossy"]
    assert finding.severity is Severity.INFO
    assert "dropped 12 packets" in finding.summary
    assert "abruptly" in finding.summary


def test_lossy_by_its_packets_and_sources() -> None:
    late = handshakes(1, tcp={"syn_frame": None, "lost_segments": 3})
    cut = Tables.of(
        sources=[Source("a/b.pcap", SourceKind.PCAP, complete=False, problems=("cut short",))]
    )
    finding = found(concat([tables(**late), cut]))["capture.lossy"]
    for part in ("cut short", "3 segments not captured", "1 connection begun before"):
        assert part in finding.summary
    assert "capture.lossy" not in found(tables(**handshakes(2)))


@pytest.mark.parametrize(("count", "fires"), [(2, False), (3, True)], ids=["two", "three"])
def test_lossy_by_a_snap_length(count: int, fires: bool) -> None:
    rows = [answer("chatgpt.com", frame=n + 1, cut=True, answers=None) for n in range(count)]
    finding = found(tables(dns=rows)).get("capture.lossy")
    assert (finding is not None and "capture full packets" in finding.summary) is fires


def test_own_effect() -> None:
    facts = CaptureFacts("session.json", mode="proxy")
    challenged = [document(), exchange("x", cf_mitigated="challenge", status=403)]
    finding = found(tables([facts], http=challenged))["capture.own_effect"]
    assert finding.severity is Severity.INFO
    assert "capture.own_effect" not in found(tables(http=challenged))
    pinned = [connection(client_error="The client does not trust the proxy's certificate")]
    assert "capture.own_effect" in found(tables([facts], connections=pinned))


LEFT = connection(
    client_error="The client disconnected during the handshake. If this happens consistently for "
    "chatgpt.com, this may indicate that the client does not trust the proxy's certificate."
)


@pytest.mark.parametrize(
    ("given", "blamed"),
    [
        pytest.param({"connections": [LEFT] * 2}, False, id="a-browser-that-closes"),
        pytest.param({"connections": [LEFT] * 3}, True, id="consistently"),
        pytest.param(
            {"connections": [LEFT] * 3, "http": [exchange("x")]},
            False,
            id="beside-others-that-work",
        ),
    ],
)
def test_a_client_that_leaves_in_the_handshake(given: dict[str, list[Row]], blamed: bool) -> None:
    findings = found(tables([CaptureFacts("b", mode="proxy")], **given))
    assert ("capture.own_effect" in findings) is blamed


@pytest.mark.parametrize(("waited", "fires"), [(90.0, True), (30.0, False)])
def test_a_stream_that_was_begun_and_brought_nothing(waited: float, fires: bool) -> None:
    row = {
        "source": "flows.mitm", "flow": "st", "host": "chatgpt.com",
        "path": "/backend-api/f/conversation", "started": 100.0, "chunks": 0, "end": "open",
    }  # fmt: skip
    given = tables([CaptureFacts("b", ended=100.0 + waited)], sse=[row])
    assert ("sse.stalled" in found(given)) is fires
    given = tables([CaptureFacts("b", ended=100.0 + waited)], sse=[row | {"chunks": None}])
    assert "sse.stalled" not in found(given)


CUT: Row = {"complete": False, "end": "cut", "last_chunk": None}


def stop(at: float, **more: Any) -> Row:
    path = "/backend-api/stop_conversation"
    return exchange("stop", path, method="POST", started=at, **more)


@pytest.mark.parametrize(
    ("row", "blamed"),
    [
        pytest.param(stop(109.0), False, id="while it ran"),
        pytest.param(stop(109.0, status=404), True, id="refused"),
        pytest.param(stop(90.0), True, id="of the answer before"),
        pytest.param(stop(112.0), True, id="after it was cut"),
        pytest.param(stop(109.0, host="example.com"), True, id="of another site"),
    ],
)
def test_a_stream_that_the_user_stopped_is_not_cut(row: Row, blamed: bool) -> None:
    answered = exchange("a1", "/backend-api/f/conversation", method="POST", ended=110.0)
    given = tables(sse=[stream(**CUT)], http=[answered, row])
    assert ("sse.cut" in found(given)) is blamed


def test_a_client_that_refuses_another_recorders_certificate() -> None:
    words = "SSL handshake with client failed: certificate_unknown"
    row = connection(tls_ms=None, client_error=words)
    finding = found(tables(connections=[row]))["capture.own_effect"]
    assert finding.subjects == ("chatgpt.com",)


@pytest.mark.parametrize(("lost", "primary"), [(20, "capture.lossy"), (1, None)])
def test_a_capture_that_misses_much_is_said_first(lost: int, primary: str | None) -> None:
    given = tables(**handshakes(4, tcp={"packets": 200, "lost_segments": lost}))
    verdict = diagnose(given).verdict
    assert (verdict.primary, verdict.status) == (primary, Status.OK)


@pytest.mark.parametrize(
    ("more", "held"),
    [
        pytest.param({"content_length": 20000}, True, id="a-length"),
        pytest.param({"via": "1.1 gateway.example"}, True, id="a-proxy"),
        pytest.param({}, False, id="no-mark"),
        pytest.param({"content_length": 900, "bytes": 900}, False, id="a-short-answer"),
    ],
)
def test_buffered_in_an_export_without_bodies(more: Row, held: bool) -> None:
    rows = [stream(flow=f"a{n}", **AT_ONCE) | {"events": None, "chunks": None} for n in range(2)]
    given = tables(sse=[row | more for row in rows])
    assert ("sse.buffered" in found(given)) is held
