"""HAR files of browsers and proxies as tables."""

from __future__ import annotations

import base64
import csv
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from har_made import START, entry, page, socket, stamp, write_har
from mitmproxy.io.har import request_to_flow
from read_made import check_schema, made_flow, make_bundle, rows

from analysis.model.errors import InputError
from analysis.model.frames import Tables
from analysis.read import read_source

CORPUS = (
    "harviewer__chrome51",
    "harviewer__ff47",
    "mitmproxy__corrupted_gzip_body",
    "mitmproxy__error_log",
    "mitmproxy__firefox",
    "mitmproxy__successful_log",
    "mitmproxy__websocket",
    "perfcascade__capture-har_redirect-loop",
    "perfcascade__github.com.MODIFIED.151226_X7_b43d35e592fab70e0ba012fe11a41020",
)
MIB = 1024 * 1024


def read(tmp_path: Path, *entries: object, **log: object) -> Tables:
    tables = read_source(write_har(tmp_path / "x.har", entries, **log))
    check_schema(tables)
    return tables


def http_row(tmp_path: Path, made: object, **log: object) -> dict[str, Any]:
    (row,) = rows(read(tmp_path, made, **log)["http"])
    return row


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus_reads_as_listed(corpus: Path, name: str) -> None:
    with (corpus / "truth" / "har" / f"{name}.har.har.tsv").open(encoding="utf-8") as file:
        truth = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    tables = read_source(corpus / "har" / f"{name}.har")
    check_schema(tables)
    found = rows(tables["http"])
    assert tables.sources[0].problems == ()
    assert [row["flow"] for row in found] == [f"har-{n}" for n in range(1, len(truth) + 1)]
    assert [row["method"] for row in found] == [row["method"] for row in truth]
    assert [row["status"] or 0 for row in found] == [int(row["status"]) for row in truth]
    frames = rows(tables["ws_frames"])
    counts = [sum(frame["flow"] == row["flow"] for frame in frames) for row in found]
    assert counts == [int(row["ws_messages"] or 0) for row in truth]
    for row, listed in zip(found, truth, strict=True):
        assert row["started"] is not None
        wait = float(listed["wait_ms"] or -1)
        if row["response_start"] is not None and wait > 0:
            assert row["ttfb_ms"] == pytest.approx(wait, abs=0.5)


@pytest.mark.parametrize("name", [name for name in CORPUS if name.startswith("mitmproxy")])
def test_counts_are_those_of_mitmproxy(corpus: Path, name: str) -> None:
    path = corpus / "har" / f"{name}.har"
    items = json.loads(path.read_text(encoding="utf-8"))["log"]["entries"]
    flows = [request_to_flow(item) for item in items]
    tables = read_source(path)
    assert list(tables["http"]["host"]) == [flow.request.host for flow in flows]
    # its own reader leaves the messages out
    assert len(tables["ws"]) == sum("_webSocketMessages" in item for item in items)


def test_a_har_without_entries_in_a_log_is_refused(corpus: Path) -> None:
    with pytest.raises(InputError, match="no HAR that can be read"):
        read_source(corpus / "har" / "mitmproxy__brokenfile.har")


def test_an_entry_of_chromium_fills_the_exchange(tmp_path: Path) -> None:
    made = entry(
        "https://chatgpt.com/backend-api/me?token=abcdefghij0123456789#part",
        status=403,
        kind="application/json",
        text='{"detail": {"code": "unsupported_country", "message": "no"}}',
        resource="fetch",
        headers={"cf-ray": "9a-AMS", "Server": "cloudflare"},
        timings={"blocked": 5, "dns": 20, "connect": 60, "ssl": 35, "wait": 100, "receive": 2},
    )
    row = http_row(tmp_path, made)
    assert (row["flow"], row["host"], row["port"], row["status"]) == (
        *("har-1", "chatgpt.com", 443),
        403,
    )
    assert "abcdefghij" not in row["path"]
    assert row["http_version"] == "HTTP/2.0"
    assert row["started"] == pytest.approx(START)
    assert row["request_end"] == pytest.approx(START + 0.086)
    assert row["ttfb_ms"] == pytest.approx(100, abs=0.01)
    assert row["ended"] == pytest.approx(START + 0.188)
    assert row["error_code"] == "unsupported_country"
    assert row["cf_ray"] == "9a-AMS"
    assert row["address"] == "104.18.32.47"
    assert row["initiator"] == "https://chatgpt.com/"
    assert row["request_dest"] == "empty"
    assert row["error"] is None


def test_handshakes_are_those_of_the_connection_an_entry_opened(tmp_path: Path) -> None:
    opened = entry(
        "https://chatgpt.com/a.js",
        timings={"blocked": 5, "dns": 20, "connect": 60, "ssl": 35},
        _connectionId="77",
    )
    reused = entry("https://chatgpt.com/b.js", _connectionId="77")
    # the browser began this one before the request, and hides how long TCP took
    early = entry("https://chatgpt.com/c.js", timings={"dns": 0, "connect": 40, "ssl": 35})
    found = rows(read(tmp_path, opened, reused, early)["connections"])
    assert [(row["connection"], row["tcp_ms"], row["tls_ms"]) for row in found] == [
        ("77", 25.0, 35.0),
        ("4711", None, 35.0),
    ]
    assert found[0]["host"] == "chatgpt.com"
    assert found[0]["address"] == "104.18.32.47"
    assert found[0]["started"] == pytest.approx(START + 0.025)


def test_ssl_beside_connect_is_told_by_the_total(tmp_path: Path) -> None:
    made = entry("https://chatgpt.com/a.js", timings={"dns": 20, "connect": 40, "ssl": 30})
    made["time"] += 30  # as Firefox and mitmproxy add it
    (row,) = rows(read(tmp_path, made)["connections"])
    assert (row["tcp_ms"], row["tls_ms"]) == (40.0, 30.0)


@pytest.mark.parametrize(
    ("error", "stage"),
    [
        ("net::ERR_NAME_NOT_RESOLVED", "dns"),
        ("net::ERR_CONNECTION_REFUSED", "tcp"),
        ("net::ERR_CERT_AUTHORITY_INVALID", "tls"),
        ("net::ERR_TUNNEL_CONNECTION_FAILED", "proxy"),
        ("[Errno 111] Connect call failed ('10.0.0.1', 443)", "tcp"),
        ("net::ERR_CONNECTION_RESET", None),
        ("net::ERR_BLOCKED_BY_CLIENT", None),
        ("net::ERR_ABORTED", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_error_names_the_stage_only_where_it_can(
    tmp_path: Path, error: str, stage: str | None
) -> None:
    tables = read(tmp_path, entry("https://chatgpt.com/", status=0, error=error))
    (row,) = rows(tables["http"])
    assert row["status"] is None
    assert row["error"] == error
    stages = [found["error_stage"] for found in rows(tables["connections"])]
    assert stages == ([stage] if stage else [])


def test_firefox_gives_no_reason_and_a_port_for_a_connection(tmp_path: Path) -> None:
    made = entry("https://chatgpt.com/a.js", status=0, connection="443")
    row = http_row(tmp_path, made, creator={"name": "Firefox", "version": "140.0"})
    assert "cancelled or failed" in row["error"]
    assert row["connection"] is None


def test_what_firefox_had_in_its_cache(tmp_path: Path) -> None:
    """It names the cache's entry afterwards, if only as null, and counts no octets."""
    firefox = {"name": "Firefox", "version": "158.0"}
    made = entry("https://chatgpt.com/a.js", text="export const a=1", cache={"afterRequest": None})
    made["response"]["bodySize"] = 0
    row = http_row(tmp_path, made, creator=firefox)
    assert (row["from_cache"], row["response_bytes"]) == (True, None)
    fetched = http_row(tmp_path, made | {"cache": {}}, creator=firefox)
    assert (fetched["from_cache"], fetched["response_bytes"]) == (None, None)
    empty = entry("https://chatgpt.com/a.js", text="")
    empty["response"]["bodySize"] = 0
    assert http_row(tmp_path, empty, creator=firefox)["response_bytes"] == 0


@pytest.mark.parametrize(
    "marks",
    [
        pytest.param({"_fromCache": "disk"}, id="chromium-disk"),
        pytest.param({"_fetchType": "Memory Cache"}, id="safari-memory"),
        pytest.param({"_fetchType": "Service Worker"}, id="safari-worker"),
    ],
)
def test_what_came_from_a_cache_says_so(tmp_path: Path, marks: Any) -> None:
    row = http_row(tmp_path, entry("https://chatgpt.com/a.js", text="1", **marks))
    assert row["from_cache"] is True
    assert row["response_bytes"] is None


def test_a_service_workers_answer_is_from_a_cache(tmp_path: Path) -> None:
    made = entry("https://chatgpt.com/a.js")
    made["response"]["_fetchedViaServiceWorker"] = True
    assert http_row(tmp_path, made)["from_cache"] is True


def test_cookies_are_measured_and_never_kept(tmp_path: Path) -> None:
    made = entry("https://chatgpt.com/", headers={"set-cookie": "a=sesame1\nb=sesame2"})
    made["request"]["cookies"] = [
        {"name": "s", "value": "opensesame"},
        {"name": "s", "value": "othersesame"},
    ]
    tables = read(tmp_path, made)
    (row,) = rows(tables["http"])
    assert row["cookie_bytes"] == len("s=opensesame; s=othersesame")
    assert row["cookie_conflicts"] == 1
    assert row["set_cookies"] == 2
    assert "sesame" not in str([rows(frame) for frame in tables.frames.values()])


def test_an_export_without_cookies_does_not_say_that_there_were_none(tmp_path: Path) -> None:
    row = http_row(tmp_path, entry("https://chatgpt.com/"))
    missing = ("cookie_bytes", "cookie_conflicts", "set_cookies", "authorized")
    assert [row[column] for column in missing] == [None] * 4


def test_what_a_page_names_is_held_against_what_came(tmp_path: Path) -> None:
    names = [f"https://chatgpt.com/cdn/assets/{name}.js" for name in ("a", "b", "c", "d")]
    tables = read(
        tmp_path,
        page(names),
        entry(names[0], at=1, text="1"),
        entry(names[1], at=1, status=0, error="net::ERR_BLOCKED_BY_CLIENT"),
        entry(names[2], at=1, _fromCache="memory"),
    )
    outcomes = {row["url"]: (row["outcome"], row["flow"]) for row in rows(tables["resources"])}
    assert [outcomes[name] for name in names] == [
        ("loaded", "har-2"),
        ("failed", "har-3"),
        ("cached", "har-4"),
        ("never_asked", None),
    ]


def test_bodies_in_base64_are_read(tmp_path: Path) -> None:
    made = page(["https://chatgpt.com/cdn/assets/a.js"])
    content = made["response"]["content"]
    content["text"] = base64.b64encode(content["text"].encode()).decode()
    content["encoding"] = "base64"
    assert len(read(tmp_path, made)["resources"]) == 1


SUBSCRIBE = '{"command": {"type": "subscribe", "topic_id": "conversation-turn-secret1"}}'
DONE = '{"type": "message", "topic_id": "conversation-turn-secret1", "payload": {"type": "done"}}'


def test_a_socket_has_its_frames_and_no_invented_end(tmp_path: Path) -> None:
    tables = read(tmp_path, socket([("send", 1, SUBSCRIBE), ("receive", 2, DONE)]))
    (row,) = rows(tables["ws"])
    assert row["host"] == "ws.chatgpt.com"
    assert row["status"] == 101
    assert row["opened"] is not None
    assert (row["client_frames"], row["server_frames"]) == (1, 1)
    assert (row["subscribed"], row["completed"]) == (1, 1)
    # a HAR does not say how a socket ended
    assert (row["ended"], row["close_code"], row["clean"]) == (None, None, None)
    frames = rows(tables["ws_frames"])
    assert [frame["time"] for frame in frames] == [START + 1, START + 2]
    assert [frame["size"] for frame in frames] == [len(SUBSCRIBE), len(DONE)]
    assert "secret1" not in str(frames)


def test_a_socket_that_failed_carries_the_browsers_complaint(tmp_path: Path) -> None:
    complaint = "Error in connection establishment: net::ERR_NAME_NOT_RESOLVED"
    tables = read(tmp_path, socket([("error", 1, complaint)], status=0))
    (row,) = rows(tables["ws"])
    assert row["opened"] is None
    assert row["error"] == complaint
    assert rows(tables["connections"])[0]["error_stage"] == "dns"


def test_a_socket_that_broke_ends_with_the_complaint(tmp_path: Path) -> None:
    messages = [("receive", 1.0, "{}"), ("error", 5.0, "net::ERR_CONNECTION_RESET")]
    (row,) = rows(read(tmp_path, socket(messages))["ws"])
    assert (row["close_code"], row["clean"], row["idle_before_end_s"]) == (1006, False, 4.0)


def test_a_close_frame_gives_its_code(tmp_path: Path) -> None:
    made = socket([("receive", 1, "{}")])
    made["_webSocketMessages"].append(
        {"type": "receive", "time": START + 2, "opcode": 8, "data": "\x03\xf3bye"}
    )
    (row,) = rows(read(tmp_path, made)["ws"])
    assert (row["close_code"], row["closed_by"], row["clean"]) == (1011, "server", True)


def test_a_socket_whose_entry_ends_long_after_its_last_message(tmp_path: Path) -> None:
    made = socket([("receive", 1, "{}")])
    made["timings"] = {"send": 0, "wait": 90, "receive": 60_910}
    (row,) = rows(read(tmp_path, made)["ws"])
    assert (row["ended"], row["clean"], row["close_code"]) == (None, None, None)
    assert row["idle_before_end_s"] == 60.0
    made["_webSocketMessages"] = []
    (row,) = rows(read(tmp_path, made)["ws"])
    assert row["idle_before_end_s"] is None


def test_a_socket_in_an_export_without_timings(tmp_path: Path) -> None:
    made = socket([("receive", 1, "{}")])
    made["timings"] = {"send": 0, "wait": 0, "receive": 0}
    del made["time"]
    (row,) = rows(read(tmp_path, made)["ws"])
    assert row["opened"] == row["requested"]
    refused = socket([], status=403) | {"timings": {}}
    (row,) = rows(read(tmp_path, refused)["ws"])
    assert row["opened"] is None


def test_a_socket_over_http2_is_open_with_200(tmp_path: Path) -> None:
    made = socket([("receive", 1, "{}")], status=200)
    made["request"]["method"] = "CONNECT"
    (row,) = rows(read(tmp_path, made)["ws"])
    assert row["status"] == 101
    assert row["opened"] is not None


def test_binary_frames_are_measured_unpacked(tmp_path: Path) -> None:
    made = socket([])
    data = base64.b64encode(b"x" * 100).decode()
    made["_webSocketMessages"] = [{"type": "send", "time": START, "opcode": 2, "data": data}]
    (frame,) = rows(read(tmp_path, made)["ws_frames"])
    assert (frame["opcode"], frame["size"]) == (2, 100)


WHOLE = 'data: {"v": 1}\n\ndata: {"type": "message_stream_complete"}\n\ndata: [DONE]\n\n'


def stream(text: str | None, **more: Any) -> dict[str, Any]:
    return entry(
        "https://chatgpt.com/backend-api/f/conversation",
        kind="text/event-stream; charset=utf-8",
        text=text,
        resource="fetch",
        **more,
    )


@pytest.mark.parametrize(
    ("made", "end"),
    [
        pytest.param(stream(WHOLE), "complete", id="whole"),
        pytest.param(stream('data: {"v": 1}\n\n'), "cut", id="ended-early"),
        pytest.param(stream('data: {"v": 1}\n\n', timings={"receive": 0}), "open", id="going-on"),
        pytest.param(stream(None), "done", id="without-its-body"),
        pytest.param(stream('data: {"v": 1}\n\n', error="net::ERR_ABORTED"), "cut", id="error"),
    ],
)
def test_a_streams_end_is_told_by_its_body(tmp_path: Path, made: object, end: str) -> None:
    (row,) = rows(read(tmp_path, made)["sse"])
    assert row["end"] == end
    # a HAR holds no times of chunks
    assert (row["chunks"], row["gap_p95_ms"]) == (None, None)


@pytest.mark.parametrize(
    ("receive", "share"),
    [pytest.param(12, 1.0, id="at-once"), pytest.param(9000, None, id="paced")],
)
def test_a_body_that_came_at_once_leaves_no_room_for_pauses(
    tmp_path: Path, receive: int, share: float | None
) -> None:
    made = stream(WHOLE, timings={"wait": 8000, "receive": receive})
    (row,) = rows(read(tmp_path, made)["sse"])
    assert row["last_250ms_share"] == share
    assert (row["ttft_ms"] is None) == (share is None)


def test_a_redirect_is_followed_to_what_it_led_to(tmp_path: Path) -> None:
    first = entry("https://chatgpt.com/old", status=302)
    first["response"]["redirectURL"] = "/new"
    found = rows(read(tmp_path, first, entry("https://chatgpt.com/new", at=1))["http"])
    assert found[0]["location"] == "/new"
    assert [row["redirected_from"] for row in found] == [None, "har-1"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            {"type": "script", "stack": {"callFrames": [{"url": "https://a.example/x.js?k=1"}]}},
            "https://a.example/x.js",
            id="stack",
        ),
        pytest.param(
            {
                "type": "script",
                "stack": {
                    "callFrames": [],
                    "parent": {"callFrames": [{"url": "chrome-extension://abc/hook.js"}]},
                },
            },
            "chrome-extension://abc/hook.js",
            id="parent-of-the-stack",
        ),
        pytest.param({"type": "other"}, "other", id="kind"),
        pytest.param("https://github.com/", "https://github.com/", id="text"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_the_initiator_is_named(tmp_path: Path, said: object, expected: str | None) -> None:
    row = http_row(tmp_path, entry("https://chatgpt.com/a.js", _initiator=said))
    assert row["initiator"] == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(stamp(0), START, id="utc"),
        pytest.param("2025-06-15T17:06:40.000+02:00", START, id="offset"),
        pytest.param("2025-06-15T17:06:40.000+0200", START, id="offset-without-colon"),
        pytest.param("2025-06-15T15:06:40", START, id="no-zone"),
        pytest.param(START * 1000, START, id="milliseconds"),
        pytest.param(str(START), START, id="seconds-as-text"),
        pytest.param("yesterday", None, id="words"),
        pytest.param("9999-99-99T99:99:99Z", None, id="no-such-date"),
        pytest.param(None, None, id="nothing"),
        pytest.param([1], None, id="list"),
    ],
)
def test_dates_are_read_as_written(tmp_path: Path, said: object, expected: float | None) -> None:
    row = http_row(tmp_path, {**entry("https://chatgpt.com/"), "startedDateTime": said})
    assert row["started"] == (None if expected is None else pytest.approx(expected))


def test_numbers_as_text_count(tmp_path: Path) -> None:
    made = entry("https://chatgpt.com/a.js", timings={"wait": 100})
    made["response"]["status"] = "200"
    made["response"]["bodySize"] = "1234"
    made["timings"] = {name: str(value) for name, value in made["timings"].items()}
    row = http_row(tmp_path, made)
    assert (row["status"], row["response_bytes"]) == (200, 1234)
    assert row["ttfb_ms"] == pytest.approx(100, abs=0.01)


def test_an_address_that_is_content_leaves_only_its_scheme(tmp_path: Path) -> None:
    tables = read(tmp_path, entry("data:text/html,sesame"))
    (row,) = rows(tables["http"])
    assert row["scheme"] == "data"
    assert "sesame" not in str(row)


def test_the_program_that_wrote_it_is_a_fact(tmp_path: Path) -> None:
    tables = read(
        tmp_path, entry("https://chatgpt.com/"), browser={"name": "Firefox", "version": "140.0"}
    )
    facts = {row["name"]: row["value"] for row in rows(tables["host"])}
    assert facts == {"creator": "WebInspector 537.36", "browser": "Firefox 140.0"}


@pytest.mark.parametrize(
    "mark",
    [b"\xef\xbb\xbf", b"\n ", b'{"comment": "x", '],
    ids=["byte-order-mark", "blank", "comment"],
)
def test_what_stands_before_the_log_is_passed_over(tmp_path: Path, mark: bytes) -> None:
    path = write_har(tmp_path / "x.har", [entry("https://chatgpt.com/")])
    octets = path.read_bytes()
    path.write_bytes(mark + (octets[1:] if mark.startswith(b"{") else octets))
    assert len(read_source(path)["http"]) == 1


def test_a_gzipped_har_with_any_name_is_read(tmp_path: Path) -> None:
    path = write_har(tmp_path / "x.har", [entry("https://chatgpt.com/")])
    packed = tmp_path / "noname"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    tables = read_source(packed)
    assert len(tables["http"]) == 1
    assert tables.sources[0].kind == "har"


def test_a_cut_file_gives_what_came_and_says_where_it_ends(tmp_path: Path) -> None:
    path = write_har(tmp_path / "x.har", [entry(f"https://chatgpt.com/{n}") for n in range(5)])
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 3])
    tables = read_source(path)
    assert len(tables["http"]) == 3
    assert tables.sources[0].problems == ("the file is cut off behind entry 3",)
    assert not tables.sources[0].complete


def test_a_damaged_entry_costs_only_itself_and_keeps_its_number(tmp_path: Path) -> None:
    path = write_har(tmp_path / "x.har", [entry(f"https://chatgpt.com/{n}") for n in range(3)])
    text = path.read_text().replace('"url": "https://chatgpt.com/1"', '"url" "x"')
    path.write_text(text)
    tables = read_source(path)
    assert list(tables["http"]["flow"]) == ["har-1", "har-3"]
    assert tables.sources[0].problems == ("1 damaged entry left out",)


def test_a_body_larger_than_is_kept_leaves_its_exchange(tmp_path: Path) -> None:
    large = stream("data: {}\n\n" * (MIB))
    tables = read(tmp_path, large, entry("https://chatgpt.com/b.js"))
    assert list(tables["http"]["flow"]) == ["har-1", "har-2"]
    # of a stream whose end was not kept nothing is claimed
    assert list(tables["sse"]["end"]) == ["done"]


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_a_har_in_a_bundle_is_read_as_a_source_of_its_own(tmp_path: Path, packed: bool) -> None:
    path = make_bundle(tmp_path / "b.chatpath", flows=[made_flow("/")])
    never_left = entry("https://chatgpt.com/a.js")
    never_left["response"] |= {"status": 0, "_error": "net::ERR_BLOCKED_BY_CLIENT"}
    write_har(path / "browser.har", [never_left])
    (path / "odd.har").write_text("{}")
    if packed:
        path = Path(shutil.make_archive(str(tmp_path / "b"), "zip", path))
    tables = read_source(path)
    check_schema(tables)
    assert set(tables["http"]["source"]) == {"flows.mitm", "browser.har"}
    assert [source.kind for source in tables.sources] == ["bundle", "har"]
    assert any("odd.har cannot be read" in problem for problem in tables.sources[0].problems)


FIDDLER = {"name": "Fiddler Everywhere", "version": "7"}


@pytest.mark.parametrize(
    ("title", "text", "stage"),
    [
        ("Fiddler - DNS Lookup Failed", "[Fiddler] DNS Lookup for 'a' failed.", "dns"),
        ("Bad Gateway", "[Fiddler] DNS Lookup for 'a' failed. No such host is known", "dns"),
        ("", "[Fiddler] The connection to 'a' failed.<br/>Error: TimedOut (0x274c)", "tcp"),
        (
            "Fiddler - Connection Failed",
            "[Fiddler] The connection to 'a' failed. <br />Error: TimedOut (0x274c).",
            "tcp",
        ),
        (
            "Fiddler - Connection Failed",
            "[Fiddler] The connection to 'a' failed. Failed to negotiate HTTPS connection with",
            "tls",
        ),
    ],
)
def test_a_page_of_the_recorder_itself_is_no_answer(
    tmp_path: Path, title: str, text: str, stage: str
) -> None:
    made = entry("https://chatgpt.com/a", status=502, kind="text/html", text=text)
    made["response"]["statusText"] = title
    tables = read(tmp_path, made, creator=FIDDLER)
    (row,) = rows(tables["http"])
    assert row["status"] is None
    assert row["error"].startswith("Fiddler")
    assert "'a'" not in row["error"]
    assert list(tables["connections"]["error_stage"]) == [stage]


def test_a_bad_gateway_of_somebody_else_stays_one(tmp_path: Path) -> None:
    made = entry("https://chatgpt.com/a", status=502, kind="text/html", text="Bad gateway")
    assert http_row(tmp_path, made, creator=FIDDLER)["status"] == 502


def test_a_client_that_refuses_charles_is_told_apart(tmp_path: Path) -> None:
    made = entry("https://chatgpt.com", status=0)
    made["request"]["method"] = "CONNECT"
    words = "SSL handshake with client failed: certificate_unknown"
    made["response"] = {"_charlesStatus": "FAILED", "status": None, "comment": words}
    tables = read(tmp_path, made, creator={"name": "Charles Proxy", "version": "5.0"})
    (row,) = rows(tables["connections"])
    assert (row["client_error"], row["error"]) == (words, None)


def test_messages_that_an_export_does_not_list_are_not_none(tmp_path: Path) -> None:
    quiet = socket([])
    bare = {key: value for key, value in socket([]).items() if key != "_webSocketMessages"}
    counts = [row["server_frames"] for row in rows(read(tmp_path, quiet, bare)["ws"])]
    assert counts == [0, None]


def test_the_storages_word_stands_for_a_body_that_was_left_out(tmp_path: Path) -> None:
    made = entry(
        "https://files.oaiusercontent.com/files/1/raw?se=2026-01-01T00%3A00%3A00Z&sig=x",
        status=403,
        kind="application/xml",
        headers={"x-ms-error-code": "AuthenticationFailed"},
    )
    assert http_row(tmp_path, made)["error_code"] == "AuthenticationFailed"
