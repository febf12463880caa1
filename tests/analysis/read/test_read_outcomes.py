"""What became of a page's scripts, of streams and of websockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from read_made import (
    START,
    line,
    made_flow,
    made_socket,
    make_bundle,
    request_line,
    response_line,
    rows,
    write_flows,
)

from analysis.model.page import Page, PageResource
from analysis.read import read_source, resources
from analysis.read.body_facts import BodyFacts
from analysis.read.exchange import Exchange, SlimExchange
from analysis.read.flows import read_flows
from analysis.read.resources import resource_rows

SCRIPT = "/cdn/assets/2340486e-ochsjnnr5ckjjz3o.js"
PAGE = f'<html data-build="prod-1"><script src="{SCRIPT}"></script></html>'.encode()


def page(at: float = 0.0, body: bytes = PAGE) -> http.HTTPFlow:
    return made_flow("/", at=at, kind="text/html", body=body)


def outcomes(tmp_path: Path, *flows: http.HTTPFlow) -> list[dict[str, Any]]:
    return rows(read_flows(write_flows(tmp_path / "f.mitm", flows))["resources"])


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (made_flow(SCRIPT, at=1), "loaded"),
        (made_flow(SCRIPT, at=1, kind=None), "loaded"),
        (made_flow(SCRIPT, at=1, status=304, kind=None), "cached"),
        (made_flow(SCRIPT, at=1, status=None, error="connection refused"), "failed"),
        (made_flow(SCRIPT, at=1, error="reset by peer"), "failed"),
        (made_flow(SCRIPT, at=1, kind="text/html", body=b"<title>Blocked</title>"), "replaced"),
        (made_flow(SCRIPT, at=1, kind="image/gif"), "replaced"),
        (made_flow(SCRIPT, at=1, status=404, kind="text/html"), "gone"),
        (made_flow(SCRIPT, at=1, status=410, kind=None), "gone"),
        (made_flow(SCRIPT, at=1, status=403, kind="text/html"), "refused"),
        (made_flow(SCRIPT, at=1, status=302, kind=None), "refused"),
        (made_flow(SCRIPT, at=1, status=None), "pending"),
        (made_flow(SCRIPT + "?v=2", at=1), "never_asked"),
        (made_flow(SCRIPT, host="cdn.oaistatic.com", at=1), "never_asked"),
    ],
)
def test_outcome_of_a_script(tmp_path: Path, answer: http.HTTPFlow, outcome: str) -> None:
    [row] = outcomes(tmp_path, page(), answer)
    assert row["outcome"] == outcome
    assert row["url"] == "https://chatgpt.com" + SCRIPT
    assert (row["kind"], row["needed"]) == ("script", True)
    assert row["flow"] == (None if outcome == "never_asked" else answer.id)


def test_a_style_is_not_a_script(tmp_path: Path) -> None:
    body = b'<html data-build="p"><link rel="stylesheet" href="/cdn/assets/root-1.css"></html>'
    wrong = made_flow("/cdn/assets/root-1.css", at=1, kind="text/javascript")
    right = made_flow("/cdn/assets/root-1.css", at=1, kind="text/css")
    assert outcomes(tmp_path, page(body=body), wrong)[0]["outcome"] == "replaced"
    assert outcomes(tmp_path, page(body=body), right)[0]["outcome"] == "loaded"


def test_a_retry_heals_and_the_first_of_equals_is_named(tmp_path: Path) -> None:
    failed = made_flow(SCRIPT, at=1, status=None, error="timed out")
    good, again = made_flow(SCRIPT, at=2), made_flow(SCRIPT, at=3)
    [row] = outcomes(tmp_path, page(), again, failed, good)
    assert (row["outcome"], row["flow"], row["error"]) == ("loaded", good.id, None)


def test_what_was_asked_before_the_page_does_not_answer_it(tmp_path: Path) -> None:
    early, late = made_flow(SCRIPT, at=1), made_flow(SCRIPT, at=11, status=404)
    first, second = outcomes(tmp_path, page(0), early, page(10), late)
    assert (first["outcome"], second["outcome"]) == ("loaded", "gone")


def test_only_pages_of_the_service_that_arrived_are_judged(tmp_path: Path) -> None:
    elsewhere = made_flow("/", host="portal.example", kind="text/html", body=PAGE)
    refused = made_flow("/", status=403, kind="text/html", body=PAGE)
    assert outcomes(tmp_path, elsewhere, refused) == []


def test_a_script_that_nobody_needs_is_not_needed(tmp_path: Path) -> None:
    body = b'<html data-build="p"><script src="https://js.stripe.com/v3/"></script></html>'
    assert [row["needed"] for row in outcomes(tmp_path, page(body=body))] == [False]


def test_the_number_of_rows_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "MAX_ROWS", 10)
    named = tuple(PageResource(f"https://chatgpt.com/{n}.js", "script") for n in range(8))
    pages = [
        Exchange(
            "f",
            str(n),
            url="https://chatgpt.com/",
            status=200,
            response_headers=[("content-type", "text/html")],
            facts=BodyFacts(page=Page("", "b", named, "")),
        )
        for n in range(3)
    ]
    assert len(list(resource_rows([page.slim() for page in pages]))) == 10


def test_work_grows_with_the_session_and_not_with_its_square(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = 0
    judge = resources._outcome

    def counted(exchange: SlimExchange, kind: str) -> str:
        nonlocal looked
        looked += 1
        return judge(exchange, kind)

    monkeypatch.setattr(resources, "_outcome", counted)
    named = (PageResource("https://chatgpt.com" + SCRIPT, "script"),)
    html, script = [("content-type", "text/html")], [("content-type", "text/javascript")]
    session: list[Exchange] = []
    for n in range(2000):
        loaded = Exchange("f", f"p{n}", url="https://chatgpt.com/", started=START + n, status=200)
        loaded.response_headers = html
        loaded.facts = BodyFacts(page=Page("", "b", named, ""))
        asked = Exchange("f", f"s{n}", url=named[0].url, started=START + n + 0.5, status=200)
        asked.response_headers = script
        session += [loaded, asked]
    found = list(resource_rows([exchange.slim() for exchange in session]))
    assert [row["flow"] for row in found] == [f"s{n}" for n in range(2000)]
    assert looked <= 2000


STREAM = "text/event-stream"


def stream_end(tmp_path: Path, path: str, *events: str) -> str:
    journal = [request_line("f", path, 1), response_line("f", 2, 200, STREAM), *events]
    [row] = rows(read_source(make_bundle(tmp_path / "b.chatpath", journal=journal))["sse"])
    return str(row["end"])


def said(**facts: object) -> dict[str, object]:
    return {"events": 3, "types": ["delta"], **facts}


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ([line("end", 5, flow="f", bytes=9, sse=said(complete=True, done=True))], "complete"),
        ([line("end", 5, flow="f", bytes=9, sse=said(done=True))], "done"),
        ([line("end", 5, flow="f", bytes=9, sse=said(handoff=True, done=True))], "handoff"),
        ([line("end", 5, flow="f", bytes=9, sse=said(error_code="rate_limit"))], "error"),
        ([line("end", 5, flow="f", bytes=9, sse=said(error_code=""))], "error"),
        ([line("end", 5, flow="f", bytes=9, sse=said())], "cut"),
        ([line("end", 5, flow="f", sse=said(), error="connection closed")], "cut"),
        ([line("end", 5, flow="f", sse=said(), error="Client disconnected.")], "cancelled"),
        ([line("chunks", 3, flow="f", ms=[0], n=[5], sse=said())], "open"),
        ([], "open"),
    ],
)
def test_how_a_turns_stream_ended(tmp_path: Path, events: list[str], end: str) -> None:
    assert stream_end(tmp_path, "/backend-api/f/conversation", *events) == end


def test_a_stream_that_is_no_turn_just_ends(tmp_path: Path) -> None:
    ended = line("end", 5, flow="f", bytes=9, sse=said())
    assert stream_end(tmp_path, "/backend-api/notifications", ended) == "done"


def test_pace_of_a_stream(tmp_path: Path) -> None:
    journal = [
        request_line("f", "/backend-api/f/conversation", 1),
        response_line("f", 1.5, 200, STREAM),
        line("chunks", 2, flow="f", ms=[0, 100, 200], n=[10, 10, 10]),
        line("chunks", 4, flow="f", ms=[0], n=[70]),
    ]
    [row] = rows(read_source(make_bundle(tmp_path / "b.chatpath", journal=journal))["sse"])
    assert (row["chunks"], row["bytes"], row["ttft_ms"], row["span_ms"]) == (4, 100, 1000, 2000)
    assert (row["gap_p50_ms"], row["gap_max_ms"]) == (100, 1800)
    assert row["last_250ms_share"] == 0.7
    assert row["end"] == "open"


def socket(tmp_path: Path, item: http.HTTPFlow) -> dict[str, Any]:
    [row] = rows(read_flows(write_flows(tmp_path / "f.mitm", [item]))["ws"])
    return row


def test_a_websocket_that_was_closed_properly(tmp_path: Path) -> None:
    row = socket(tmp_path, made_socket([(True, b"{}"), (False, b"{}")], by_client=True))
    assert (row["close_code"], row["clean"], row["closed_by"]) == (1000, True, "client")
    assert (row["idle_before_end_s"], row["longest_gap_s"]) == (8.0, 1.0)
    assert row["close_reason_bytes"] == 3
    assert row["opened"] == pytest.approx(START + 0.05)


@pytest.mark.parametrize("code", [1006, None])
def test_a_websocket_without_a_close_frame_is_1006(tmp_path: Path, code: int | None) -> None:
    row = socket(tmp_path, made_socket(code=code, by_client=None))
    assert (row["close_code"], row["clean"], row["closed_by"]) == (1006, False, None)
    assert row["idle_before_end_s"] == pytest.approx(9.95)


def test_a_websocket_that_was_still_open(tmp_path: Path) -> None:
    row = socket(tmp_path, made_socket([(False, b"{}")], code=None, by_client=None, ended=None))
    assert (row["ended"], row["close_code"], row["clean"]) == (None, None, None)
    assert row["idle_before_end_s"] is None
    assert row["server_frames"] == 1


@pytest.mark.parametrize("status", [403, 200, 426, 502])
def test_an_upgrade_that_was_answered_otherwise(tmp_path: Path, status: int) -> None:
    row = socket(tmp_path, made_socket(status=status))
    assert (row["status"], row["opened"], row["ended"], row["close_code"]) == (
        *(status, None, None),
        None,
    )


def test_an_upgrade_without_any_answer(tmp_path: Path) -> None:
    item = made_flow("/ws", host="ws.chatgpt.com", status=None, error="Connection reset")
    item.request.headers["upgrade"] = "WebSocket"
    row = socket(tmp_path, item)
    assert (row["status"], row["opened"], row["error"]) == (None, None, "Connection reset")


def test_turns_that_were_subscribed_and_ended(tmp_path: Path) -> None:
    def subscribe(topic: str) -> bytes:
        return b'[{"command":{"type":"subscribe","topic_id":"%s"}}]' % topic.encode()

    def done(topic: str) -> bytes:
        return b'{"type":"message","topic_id":"%s","payload":{"type":"done"}}' % topic.encode()

    one, two = "conversation-turn-1", "conversation-turn-2"
    messages = [(True, subscribe(one)), (True, subscribe(two)), (False, done(one))]
    row = socket(tmp_path, made_socket([*messages, (False, done("conversation-turn-9"))]))
    assert (row["subscribed"], row["completed"]) == (2, 1)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, b'{"detail":{"code":"token_expired","message":"x"}}', "token_expired"),
        (401, b'{"error":{"code":"invalid_api_key","type":"auth"}}', "invalid_api_key"),
        (429, b'{"error":{"code":null,"type":"requests"}}', "requests"),
        (
            404,
            b'{"detail":{"code":"tokenless_resume_unavailable"}}',
            "tokenless_resume_unavailable",
        ),
        (200, b'{"status":"error","error_code":"file_too_large"}', "file_too_large"),
        (
            403,
            b'{"code":"unsupported_country_region_territory"}',
            "unsupported_country_region_territory",
        ),
        (200, b'{"code":"not_an_error","type":"thing"}', None),
        (401, b'{"detail":"Access token is missing"}', None),
        (401, b'"Unauthorized"', None),
        (500, b'{"error":{"code":"sk-abc123def456ghi789jkl"}}', None),
        (500, b'{"error":{"code":["a"],"type":{}}}', None),
        (500, b"[" * 100000, None),
        (500, b"{", None),
    ],
)
def test_the_code_of_an_error_body(
    tmp_path: Path, status: int, body: bytes, code: str | None
) -> None:
    item = made_flow("/backend-api/x", status=status, kind="application/json", body=body)
    [row] = rows(read_flows(write_flows(tmp_path / "f.mitm", [item]))["http"])
    assert row["error_code"] == code


@pytest.mark.parametrize(
    ("status", "kind", "body", "words"),
    [
        (
            401,
            "application/json",
            b'{"detail":"Access token is missing"}',
            "Access token is missing",
        ),
        (
            403,
            "text/html",
            b"<title>Just a moment...</title><p>Ray 1</p>",
            "Just a moment... Ray 1",
        ),
        (200, "text/html", b"<title>Blocked</title>Category: AI", "Blocked Category: AI"),
        (
            403,
            "application/xml",
            b"<Error><Code>AuthenticationFailed</Code></Error>",
            "Authentication",
        ),
        (502, "text/plain", b"error code: 502", "error code: 502"),
        (502, None, b"upstream connect error", "upstream connect error"),
    ],
)
def test_the_excerpt_of_an_error_body(
    tmp_path: Path, status: int, kind: str | None, body: bytes, words: str
) -> None:
    item = made_flow("/x", status=status, kind=kind, body=body)
    [row] = rows(read_flows(write_flows(tmp_path / "f.mitm", [item]))["http"])
    assert words in row["body_excerpt"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", PAGE.replace(b"</html>", b"<title>My chat</title>Hello</html>")),
        ("application/json", b'{"title":"My chat"}'),
        ("text/plain", b"My chat"),
        ("image/png", b"\x89PNG"),
    ],
)
def test_a_good_answer_of_the_service_has_no_excerpt(
    tmp_path: Path, kind: str, body: bytes
) -> None:
    item = made_flow("/x", kind=kind, body=body)
    [row] = rows(read_flows(write_flows(tmp_path / "f.mitm", [item]))["http"])
    assert row["body_excerpt"] is None
