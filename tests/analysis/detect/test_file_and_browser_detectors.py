"""Files, the browser's own state, errors and silence of streams, scripts without a page."""

from __future__ import annotations

from typing import Any

import pytest
from handmade import Row, answer, connection, document, exchange, found, script, serious, tables

from analysis.diagnose import diagnose
from analysis.model.connect_error import NO_REASON
from analysis.model.diagnosis import Severity
from analysis.model.frames import CaptureFacts, Tables

STORE = "files.oaiusercontent.com"


def api(flow: str = "f", **more: Any) -> Row:
    return exchange(flow, "/backend-api/files", method="POST", **more)


def put(flow: str = "p", **more: Any) -> Row:
    given = {"host": STORE, "method": "PUT", "cf_ray": None, "server": None}
    return exchange(flow, "/file-1/raw", **(given | more))


LOST = {"status": None, "error": "net::ERR_CONNECTION_RESET"}


def test_upload_host_blocked() -> None:
    report = exchange("r", "/backend-api/files/x/upload-failed", method="POST")
    finding = found(tables(http=[api(), put(**LOST), report]))["file.upload_host_blocked"]
    assert finding.subjects == (STORE,)
    assert finding.severity is Severity.CRITICAL
    assert "ERR_CONNECTION_RESET" in finding.summary


def test_the_browsers_question_before_the_upload_stands_for_it() -> None:
    question = put("o", method="OPTIONS", **LOST)
    finding = found(tables(http=[api(), question]))["file.upload_host_blocked"]
    assert {piece.flow_id for piece in finding.evidence} == {"o"}


def test_a_blocked_storage_name_explains_the_upload() -> None:
    given = tables(http=[api(), put(**LOST)], dns=[answer(STORE, "0.0.0.0")])
    made = {finding.id: finding for finding in diagnose(given).findings}
    assert made["file.upload_host_blocked"].explained_by == "dns.sinkhole"


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([api(), put(status=201)], id="it went through"),
        pytest.param([api(), put(**LOST), put("q", status=201)], id="a retry went through"),
        pytest.param([api(), put(status=None, error="Client disconnected.")], id="cancelled"),
        pytest.param(
            [api(), put("o", method="OPTIONS", **LOST), put(status=201)], id="asked again"
        ),
        pytest.param([api(), put(status=403, headers=["x-ms-request-id: 1"])], id="the storage"),
    ],
)
def test_uploads_that_blame_no_host(rows: list[Row]) -> None:
    assert "file.upload_host_blocked" not in found(tables(http=rows))


def test_a_filter_for_uploads_answers_in_place_of_the_storage() -> None:
    given = tables(http=[api(), put(status=403, content_type="text/html", server="gateway")])
    assert "file.upload_host_blocked" in found(given)


def link(**more: Any) -> Row:
    given = {"status": 403, "error_code": "AuthenticationFailed", "cf_ray": None, "date": 1000.0}
    return exchange("l", "/file-1", **({"host": STORE} | given | more))


def test_an_expired_link_says_since_when() -> None:
    finding = found(tables(http=[link(signed_until=400.0)]))["file.link_expired"]
    assert "10 minutes" in finding.summary
    early = found(tables(http=[link(signed_until=4000.0)]))["file.link_expired"]
    assert "clock" in early.summary
    assert early.confidence < finding.confidence


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(link(status=200, error_code=None, signed_until=4000.0), id="good"),
        pytest.param(link(host="example.com"), id="foreign"),
        pytest.param(link(error_code=None), id="refused without a word"),
    ],
)
def test_links_that_have_not_expired(row: Row) -> None:
    assert "file.link_expired" not in found(tables(http=[row]))


def test_file_too_large() -> None:
    given = tables(http=[api(file_bytes=536_870_913, error_code="file_too_large")])
    assert "537 MB" in found(given)["file.too_large"].summary
    assert "file.too_large" not in found(tables(http=[api(file_bytes=536_870_912)]))
    proxy = put(status=413, server="gateway")
    assert "file.too_large" not in found(tables(http=[proxy]))


def test_a_large_image_that_is_refused_without_a_word() -> None:
    given = api(file_bytes=31_000_000, error_code=None, status=400)
    assert "31 MB" in found(tables(http=[given]))["file.too_large"].summary
    for fine in ({"status": 200}, {"file_bytes": 9_000_000}, {"error_code": "file_not_found"}):
        assert "file.too_large" not in found(tables(http=[given | fine]))


def download(**more: Any) -> Row:
    given = {"host": STORE, "content_length": 5000, "response_bytes": 1200, "error": "closed"}
    return exchange("d", "/file-1", **(given | more))


def test_download_cut() -> None:
    finding = found(tables(http=[download()]))["file.download_cut"]
    assert "1,200 of 5,000" in finding.summary


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([download(error=None, response_bytes=5000)], id="whole"),
        pytest.param([download(error=None)], id="body not kept"),
        pytest.param([download(error="Client disconnected.")], id="cancelled"),
        pytest.param(
            [download(), download(error=None, response_bytes=5000) | {"flow": "e"}], id="retried"
        ),
    ],
)
def test_downloads_that_were_not_cut(rows: list[Row]) -> None:
    assert "file.download_cut" not in found(tables(http=rows))


def test_a_gone_container_is_information() -> None:
    row = exchange("i", "/backend-api/conversation/x/interpreter/download")
    gone = row | {"error_code": "ace_pod_expired"}
    assert found(tables(http=[gone]))["file.interpreter_unavailable"].severity is Severity.INFO
    assert "file.interpreter_unavailable" not in found(tables(http=[row]))


def test_cookies_too_big() -> None:
    bare = {"status": 400, "content_type": "text/html"}
    large = document("p") | bare | {"cookie_bytes": 17_000, "request_header_bytes": 18_500}
    assert "18,500" in found(tables(http=[large]))["browser.cookies_too_big"].summary
    small = large | {"cookie_bytes": 900, "request_header_bytes": 1500}
    assert "browser.cookies_too_big" not in found(tables(http=[small]))
    other = large | {"content_type": "application/json", "error_message": "Invalid model"}
    assert "browser.cookies_too_big" not in found(tables(http=[other]))


def circle(count: int, every: float = 1.0) -> list[Row]:
    return [
        exchange(
            f"c{number}",
            "/api/auth/callback",
            status=302,
            started=100.0 + every * number,
            set_cookies=2,
            cookie_bytes=0,
        )
        for number in range(count)
    ]


def test_cookies_that_never_come_back_turn_in_circles() -> None:
    finding = found(tables(http=circle(5)))["browser.cookie_conflict"]
    assert finding.severity is Severity.WARNING
    assert "never come back" in finding.summary


@pytest.mark.parametrize(
    ("rows", "there"),
    [
        pytest.param(circle(2), False, id="a sign-in"),
        pytest.param(circle(6, every=100.0), False, id="now and then"),
        pytest.param([document() | {"cookie_conflicts": 1}], True, id="two values, no harm"),
    ],
)
def test_cookies_that_harm_nothing(rows: list[Row], there: bool) -> None:
    findings = found(tables(http=rows))
    assert ("browser.cookie_conflict" in findings) is there
    assert serious(tables(http=rows)) == set()


def old_page(**more: Any) -> Tables:
    rows = [script(1), script(2), script(3, "gone")]
    flows = [exchange("s1"), exchange("s2"), exchange("s3", status=404)]
    return tables(resources=rows, http=[document() | more, *flows])


def test_a_page_out_of_the_cache_follows_the_stale_build() -> None:
    made = {finding.id: finding for finding in diagnose(old_page(from_cache=True)).findings}
    assert made["browser.stale_cache"].explained_by == "script.stale_build"
    assert "browser.stale_cache" not in found(old_page())


BLOCKED = {"status": None, "error": "net::ERR_BLOCKED_BY_CLIENT", "cf_ray": None}


def test_an_extension_that_stops_the_send() -> None:
    row = exchange("x", "/backend-api/f/conversation", method="POST", **BLOCKED)
    finding = found(tables(http=[document(), row]))["browser.extension_interferes"]
    assert "send and answer" in finding.summary
    harmless = exchange("x", "/ces/v1/t", method="POST", **BLOCKED)
    assert serious(tables(http=[document(), harmless])) == set()
    beacon = exchange("x", "/backend-api/sentinel/ping", method="POST", **BLOCKED)
    assert "browser.extension_interferes" not in found(tables(http=[document(), beacon]))


def test_a_stripped_header_shows_beside_calls_that_keep_it() -> None:
    good = exchange("g", "/backend-api/models", authorized=True, started=100.0)
    bare = [
        exchange(f"b{n}", f"/backend-api/{n}", status=401, authorized=False, started=101.0 + n)
        for n in range(2)
    ]
    assert "browser.extension_interferes" in found(tables(http=[good, *bare]))
    assert "browser.extension_interferes" not in found(tables(http=bare))


def asked(path: str = "/cdn/assets/1.js", **more: Any) -> Row:
    return exchange("s1", path, request_dest="script", **({**BLOCKED, **more}))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (asked(), "script.blocked_by_extension"),
        (asked(error="net::ERR_BLOCKED_BY_ADMINISTRATOR"), "script.blocked_by_policy"),
        (asked(error="net::ERR_BLOCKED_BY_CSP"), "script.blocked_by_policy"),
        (asked(error="net::ERR_BLOCKED_BY_ORB"), "script.blocked_by_policy"),
        (asked(error="net::ERR_BLOCKED_BY_RESPONSE"), "script.blocked_by_policy"),
        (asked(error="net::ERR_CONNECTION_RESET"), "script.blocked_by_network"),
    ],
)
def test_scripts_of_a_capture_without_bodies(row: Row, expected: str) -> None:
    findings = found(tables(http=[document(), row]))
    scripts = {name for name in findings if name.startswith("script.")}
    assert scripts == {expected}
    assert any(piece.flow_id == "s1" for piece in findings[expected].evidence)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([asked(host="o33249.ingest.sentry.io")], id="telemetry host"),
        pytest.param([asked("/ces/v1/t.js")], id="telemetry path"),
        pytest.param([asked(host="example.com")], id="foreign"),
        pytest.param([asked(), exchange("s2", "/cdn/assets/1.js", started=105.0)], id="came later"),
        pytest.param([asked(error="net::ERR_ABORTED")], id="given up"),
    ],
)
def test_scripts_that_nobody_misses(rows: list[Row]) -> None:
    assert serious(tables(http=[document(), *rows])) == set()


def one_of(last: Row, **answered: Any) -> Tables:
    flows = [exchange(f"s{n}", response_bytes=9000) for n in range(3)]
    rows = [script(0), script(1), script(2), last]
    return tables(resources=rows, http=[document(), *flows, exchange("s9", **answered)])


def test_an_empty_script_is_replaced() -> None:
    given = one_of(script(9), response_bytes=0)
    assert "empty" in found(given)["script.replaced"].summary
    assert serious(one_of(script(9), response_bytes=0, from_cache=True)) == set()
    assert serious(one_of(script(9), response_bytes=0, content_length=9000)) == set()


def test_a_503_of_the_edge_for_a_script_is_the_services() -> None:
    given = one_of(script(9, "refused", status=503), path="/cdn/assets/9.js", status=503)
    assert serious(given) == {"service.overloaded"}


def stream(**more: Any) -> Row:
    return {
        "source": "flows.mitm",
        "flow": "a1",
        "host": "chatgpt.com",
        "path": "/backend-api/f/conversation",
        "started": 100.0,
        "first_chunk": 101.0,
        "last_chunk": 110.0,
        "gap_p50_ms": 50.0,
        "gap_max_ms": 200.0,
        "complete": True,
        "end": "complete",
        **more,
    }


def test_an_error_inside_the_stream() -> None:
    failed = stream(end="error", complete=False, error="internal_error")
    assert "internal_error" in found(tables(sse=[failed]))["sse.server_error"].summary
    busy = stream(end="error", complete=False, error="server_is_overloaded")
    assert set(found(tables(sse=[busy]))) == {"service.overloaded"}
    assert serious(tables(sse=[stream()])) == set()


def test_an_error_frame_on_the_websocket() -> None:
    frame = {"source": "f", "flow": "w1", "time": 100.0, "from_client": False, "opcode": 1}
    given = tables(ws_frames=[frame | {"kind": "message/conversation-turn-stream/error"}])
    assert "sse.server_error" in found(given)
    assert "sse.server_error" not in found(tables(ws_frames=[frame | {"kind": "message"}]))
    busy = frame | {"kind": "error/server_is_overloaded"}
    assert set(found(tables(ws_frames=[busy]))) == {"service.overloaded"}
    over = frame | {"kind": "error/websocket_connection_limit_reached"}
    assert found(tables(ws_frames=[over])) == {}


def silent(end: str, ended: float, **more: Any) -> Tables:
    row = stream(end=end, complete=False, **more)
    http = exchange("a1", "/backend-api/f/conversation", ended=ended, connection="c1")
    return tables(sse=[row], http=[http])


def test_a_client_that_gave_up_waiting_shows_a_stall() -> None:
    assert "80 s" in found(silent("cancelled", 190.0))["sse.stalled"].summary
    assert "sse.stalled" not in found(silent("cancelled", 115.0))


def test_silence_of_a_thinking_model_is_no_fault() -> None:
    long = stream(gap_max_ms=90_000.0)
    assert serious(tables(sse=[long])) == set()


@pytest.mark.parametrize(
    ("row", "fires"),
    [
        pytest.param({"text_gap_ms": 14_000.0}, True, id="between two pieces of a text"),
        pytest.param({"text_gap_ms": 4_000.0}, False, id="a short pause"),
        pytest.param({"text_gap_ms": 14_000.0, "gap_p50_ms": 3_000.0}, False, id="slow all along"),
    ],
)
def test_silence_inside_a_text_is_no_thinking(row: Row, fires: bool) -> None:
    given = tables(sse=[stream(gap_max_ms=14_000.0) | row])
    assert ("sse.stalled" in found(given)) is fires


def test_a_client_that_left_in_the_middle_of_a_text_need_not_wait_long() -> None:
    assert "sse.stalled" in found(silent("cancelled", 125.0, in_text=True))


def test_loss_below_a_silent_stream_is_the_path() -> None:
    packets = {
        "source": "p.pcapng",
        "stream": 1,
        "client_port": 40001,
        "first_frame": 3,
        "retransmissions": 6,
    }
    parts = {
        "http": [exchange("a1", "/backend-api/f/conversation", connection="c1")],
        "connections": [connection(1, local_port=40001)],
        "tcp": [packets],
    }
    finding = found(tables(sse=[stream(gap_max_ms=20_000.0)], **parts))["sse.stalled"]
    assert finding.measurements["with_packet_trouble"] == 1
    assert "sse.stalled" not in found(tables(sse=[stream(gap_max_ms=900.0)], **parts))


def test_what_the_capture_cut_off_is_not_a_stall() -> None:
    facts = [CaptureFacts("b.chatpath", ended=111.0)]
    row = stream(end="open", complete=False)
    assert "sse.stalled" not in found(tables(facts, sse=[row]))


DAY = 86400.0


def kept(age: float, **more: Any) -> Row:
    """The session's own state, out of a store of the browser."""
    given = {"from_cache": True, "started": 100.0 + 30 * DAY, "date": 100.0 + 30 * DAY - age}
    return exchange("k", "/api/auth/session", **(given | more))


def now(flow: str, path: str, at: float, **more: Any) -> Row:
    return exchange(flow, path, started=30 * DAY + at, date=30 * DAY + at, **more)


REFUSED = [
    now(f"r{n}", f"/backend-api/{n}", 101.0 + n, status=401, error_code="token_expired")
    for n in range(2)
]


@pytest.mark.parametrize(
    ("rows", "stale"),
    [
        pytest.param([kept(20 * DAY), *REFUSED], True, id="weeks old, refused since"),
        pytest.param([kept(20 * DAY), now("g", "/backend-api/me", 101.0)], False, id="accepted"),
        pytest.param([kept(60.0), *REFUSED], False, id="a minute old"),
        pytest.param([kept(20 * DAY, from_cache=None), *REFUSED], False, id="from the network"),
        pytest.param(
            [kept(20 * DAY), *(row | {"date": row["started"] - 20 * DAY} for row in REFUSED)],
            False,
            id="the clock is wrong",
        ),
    ],
)
def test_old_answers_of_a_service_worker(rows: list[Row], stale: bool) -> None:
    made = {finding.id: finding for finding in diagnose(tables(http=rows)).findings}
    assert ("browser.stale_cache" in made) is stale
    if stale:
        assert made["account.session_expired"].explained_by == "browser.stale_cache"


def test_silence_at_the_storage_alone_is_the_uploads() -> None:
    lost = {"status": None, "error": "net::ERR_CONNECTION_TIMED_OUT"}
    rows = [api(), put(**lost), put("q", started=130.0, **lost)]
    way = {
        "host": STORE, "tcp_ms": None, "tls_ms": None, "error": lost["error"], "error_stage": "tcp",
    }  # fmt: skip
    ways = [connection(1, **way), connection(2, **way)]
    made = diagnose(tables(http=rows, connections=ways))
    assert made.verdict.primary == "file.upload_host_blocked"
    login = [connection(n, **(way | {"host": "auth.openai.com"})) for n in (3, 4)]
    everywhere = diagnose(tables(http=rows, connections=[*ways, *login]))
    assert everywhere.verdict.primary == "tcp.unreachable"


def test_a_name_that_only_the_recorders_system_denies_is_the_uploads() -> None:
    lost = {"status": None, "error": "[Fiddler] DNS Lookup failed. No such host is known"}
    way = connection(host=STORE, tcp_ms=None, tls_ms=None, error_stage="dns", error=lost["error"])
    rows = [api(), put(**lost)]
    made = {item.id: item for item in diagnose(tables(http=rows, connections=[way])).findings}
    assert made["dns.nxdomain_filter"].explained_by == "file.upload_host_blocked"


def test_a_download_of_which_the_recorder_keeps_no_part() -> None:
    words = "peer closed connection (received 1200 bytes, expected 5000)"
    row = download(response_bytes=None, error=words)
    assert "1,200 of 5,000" in found(tables(http=[row]))["file.download_cut"].summary
    stopped = download(response_bytes=None, error="Client disconnected.")
    assert "file.download_cut" not in found(tables(http=[stopped]))


@pytest.mark.parametrize(("reports", "blamed"), [(2, True), (1, False), (0, False)])
def test_uploads_that_firefox_says_nothing_of(reports: int, blamed: bool) -> None:
    told = [
        exchange(f"r{n}", "/backend-api/files/x/upload-failed", method="POST")
        for n in range(reports)
    ]
    rows = [api(), put(status=None, error=NO_REASON), *told]
    assert ("file.upload_host_blocked" in found(tables(http=rows))) is blamed


@pytest.mark.parametrize(
    ("gaps", "fresh", "expired"),
    [
        pytest.param((0.0, 0.1, 0.2), 1, True, id="three-files"),
        pytest.param((0.0, 0.1, 0.2), 3, False, id="each-renewed"),
        pytest.param((0.0, 0.6), 1, False, id="a-second-try"),
    ],
)
def test_links_that_a_page_asks_for_together(
    gaps: tuple[float, ...], fresh: int, expired: bool
) -> None:
    """Ids are masked: the links of one chat's files look alike."""
    old = [
        link(signed_until=400.0, started=100.0 + gap, ended=100.5 + gap) | {"flow": f"o{gap}"}
        for gap in gaps
    ]
    new = [
        link(status=200, error_code=None, started=130.0 + n) | {"flow": f"n{n}"}
        for n in range(fresh)
    ]
    assert ("file.link_expired" in found(tables(http=[*old, *new]))) is expired
