"""Requests, streams and websockets of NetLogs."""

from __future__ import annotations

import base64
from pathlib import Path

import pandas as pd
import pytest
from netlog_made import ERRORS, START, NetLog, page, request, socket

from analysis.model.frames import Tables

SECRET = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0c2VjcmV0.c2lnbmF0dXJl"
OF = "URL_REQUEST"


def only(frame: pd.DataFrame) -> dict[str, object]:
    assert len(frame) == 1
    return {
        str(key): None if pd.api.types.is_scalar(value) and pd.isna(value) else value
        for key, value in frame.iloc[0].items()
    }


def test_a_request_is_an_exchange_with_its_connection(tmp_path: Path) -> None:
    log = socket(NetLog(), 2, "chatgpt.com")
    log.add("HTTP2_SESSION_INITIALIZED", 8, "HTTP2_SESSION", 0.06, source_dependency={"id": 3})
    log.add("REQUEST_ALIVE", 9, OF, 0.1, "BEGIN", url="https://chatgpt.com/backend-api/me")
    job = {"id": 7, "type": 3}
    log.add("HTTP_STREAM_REQUEST_BOUND_TO_JOB", 9, OF, 0.1, source_dependency=job)
    log.add(
        "HTTP2_SESSION_POOL_FOUND_EXISTING_SESSION",
        *(7, "HTTP_STREAM_JOB", 0.1),
        source_dependency={"id": 8},
    )
    sent = [
        ":method: POST",
        ":path: /backend-api/me",
        "accept: */*",
        "cookie: [77 bytes were stripped]",
    ]
    log.add("HTTP_TRANSACTION_SEND_REQUEST", 9, OF, 0.1, "BEGIN")
    log.add("HTTP_TRANSACTION_HTTP2_SEND_REQUEST_HEADERS", 9, OF, 0.1, headers=sent)
    log.add("HTTP_TRANSACTION_SEND_REQUEST", 9, OF, 0.11, "END")
    came = [
        "HTTP/1.1 200",
        "content-type: application/json",
        "cf-ray: 1-SIN",
        "set-cookie: [9 bytes were stripped]",
    ]
    log.add("HTTP_TRANSACTION_READ_RESPONSE_HEADERS", 9, OF, 0.21, headers=came)
    log.add("REQUEST_ALIVE", 9, OF, 0.3, "END")
    tables = log.read(tmp_path)
    row = only(tables["http"])
    assert (row["flow"], row["method"], row["host"]) == ("netlog-9", "POST", "chatgpt.com")
    assert (row["status"], row["http_version"], row["path"]) == (200, "HTTP/2.0", "/backend-api/me")
    assert row["started"] == pytest.approx(START + 0.1)
    assert (row["ttfb_ms"], row["total_ms"]) == (100.0, 200.0)
    assert (row["cookie_bytes"], row["cf_ray"], row["set_cookies"]) == (77, "1-SIN", 1)
    assert (row["connection"], row["address"]) == ("netlog-2", "104.18.32.47")
    assert row["error"] is None
    assert set(tables["connections"]["connection"]) == {"netlog-2"}


def test_numbers_mean_what_the_files_own_constants_say(tmp_path: Path) -> None:
    tables = [page(NetLog(first)).read(tmp_path) for first in (10, 700)]
    assert len(tables[0]["http"]) == 5
    for name in ("http", "connections", "host"):
        pd.testing.assert_frame_equal(tables[0][name], tables[1][name])


def test_an_error_has_the_name_of_the_files_own_constants(tmp_path: Path) -> None:
    log = request(NetLog(), 9, "https://chatgpt.com/a.js", status=None, error=-4321)
    log.extra["netError"] = {"OF_THIS_FILE": -4321}  # older versions leave the prefix out
    assert list(log.read(tmp_path)["http"]["error"]) == ["net::ERR_OF_THIS_FILE"]


def test_who_blocked_a_request_is_named(tmp_path: Path) -> None:
    log = NetLog()
    log.add("REQUEST_ALIVE", 9, OF, 0.0, "BEGIN", url="https://chatgpt.com/cdn/assets/a.js")
    log.add("DELEGATE_INFO", 9, OF, 0.0, "BEGIN", delegate_blocked_by="extension Blocker")
    log.add("CANCELLED", 9, OF, 0.01, net_error=ERRORS["ERR_BLOCKED_BY_CLIENT"])
    log.add("REQUEST_ALIVE", 9, OF, 0.01, "END", net_error=ERRORS["ERR_BLOCKED_BY_CLIENT"])
    row = only(log.read(tmp_path)["http"])
    assert row["error"] == "net::ERR_BLOCKED_BY_CLIENT (extension Blocker)"
    assert row["status"] is None


def test_a_redirect_is_two_exchanges_that_name_each_other(tmp_path: Path) -> None:
    log = NetLog()
    log.add("REQUEST_ALIVE", 9, OF, 0.0, "BEGIN", url="http://chatgpt.com/")
    log.add("URL_REQUEST_START_JOB", 9, OF, 0.0, "BEGIN", url="http://chatgpt.com/", method="GET")
    moved = ["HTTP/1.1 301 Moved Permanently", "location: https://chatgpt.com/?token=abc"]
    log.add("HTTP_TRANSACTION_READ_RESPONSE_HEADERS", 9, OF, 0.1, headers=moved)
    target = "https://chatgpt.com/?token=abc"
    log.add("URL_REQUEST_REDIRECTED", 9, OF, 0.1, location=target)
    log.add("URL_REQUEST_START_JOB", 9, OF, 0.1, "BEGIN", url=target, method="GET")
    log.add("HTTP_TRANSACTION_READ_RESPONSE_HEADERS", 9, OF, 0.2, headers=["HTTP/1.1 200"])
    log.add("REQUEST_ALIVE", 9, OF, 0.3, "END")
    http = log.read(tmp_path)["http"]
    assert list(http["flow"]) == ["netlog-9", "netlog-9.2"]
    assert list(http["status"]) == [301, 200]
    assert list(http["scheme"]) == ["http", "https"]
    assert http["redirected_from"][1] == "netlog-9"
    assert http["path"][1] == "/?token=[redacted]"


@pytest.mark.parametrize(
    ("kind", "end", "expected"),
    [
        ("HTTP_CACHE_OPEN_OR_CREATE_ENTRY", {"result": "opened"}, True),
        ("HTTP_CACHE_OPEN_OR_CREATE_ENTRY", {"result": "created"}, None),
        ("HTTP_CACHE_OPEN_ENTRY", {}, True),
        ("HTTP_CACHE_OPEN_ENTRY", {"net_error": -2}, None),
    ],
)
def test_what_was_opened_in_the_cache_and_not_asked_for_is_from_there(
    tmp_path: Path, kind: str, end: dict[str, object], expected: bool | None
) -> None:
    log = NetLog().add("REQUEST_ALIVE", 9, OF, 0.0, "BEGIN", url="https://chatgpt.com/a.js")
    log.add(kind, 9, OF, 0.0, "BEGIN").add(kind, 9, OF, 0.01, "END", **end)
    log.add("REQUEST_ALIVE", 9, OF, 0.02, "END")
    assert only(log.read(tmp_path)["http"])["from_cache"] is expected


def test_a_revalidated_entry_is_not_from_the_cache_alone(tmp_path: Path) -> None:
    log = NetLog().add("REQUEST_ALIVE", 9, OF, 0.0, "BEGIN", url="https://chatgpt.com/a.js")
    log.add("HTTP_CACHE_OPEN_OR_CREATE_ENTRY", 9, OF, 0.01, "END", result="opened")
    log.add("HTTP_TRANSACTION_SEND_REQUEST", 9, OF, 0.01, "BEGIN")
    log.add("HTTP_TRANSACTION_READ_RESPONSE_HEADERS", 9, OF, 0.2, headers=["HTTP/1.1 304"])
    row = only(log.add("REQUEST_ALIVE", 9, OF, 0.3, "END").read(tmp_path)["http"])
    assert (row["status"], row["from_cache"]) == (304, None)


def test_no_secret_of_a_log_with_everything_reaches_a_table(tmp_path: Path) -> None:
    log = NetLog()
    request(
        log,
        *(9, f"https://user:{SECRET}@chatgpt.com/backend-api/me?token={SECRET}#{SECRET}"),
        request_headers=(
            f"cookie: session={SECRET}; session=other",
            f"authorization: Bearer {SECRET}",
            f"referer: https://chatgpt.com/?access_token={SECRET}",
            f"oai-device-id: {SECRET}",
        ),
        headers=(f"set-cookie: session={SECRET}", f"location: https://chatgpt.com/?code={SECRET}"),
    )
    data = base64.b64encode(f'{{"accessToken":"{SECRET}"}}'.encode()).decode()
    log.add("URL_REQUEST_JOB_FILTERED_BYTES_READ", 9, OF, 0.09, byte_count=70, bytes=data)
    log.add("SSL_HANDSHAKE_MESSAGE_SENT", 3, "SOCKET", 0.0, bytes=data)
    pac = f"http://pac.example/x.pac?key={SECRET}"
    config = {"pac_url": pac, "single_proxy": [f"[user:{SECRET}@10.0.0.1:3128]"]}
    log.add("PROXY_CONFIG_CHANGED", 1, "NONE", 0.0, new_config=config)
    log.extra["clientInfo"] = {"name": "Chrome", "command_line": f"chrome --password={SECRET}"}
    tables = log.read(tmp_path)
    assert only(tables["http"])["cookie_conflicts"] == 1
    assert "10.0.0.1:3128" in written(tables)
    for part in SECRET.split("."):
        assert part not in written(tables)


def written(tables: Tables) -> str:
    return "".join(frame.to_json(orient="records") for frame in tables.frames.values())


def test_chunks_of_a_stream_have_their_times(tmp_path: Path) -> None:
    log = NetLog().add(
        "REQUEST_ALIVE", 9, OF, 0.0, "BEGIN", url="https://chatgpt.com/backend-api/f/conversation"
    )
    log.add("HTTP_TRANSACTION_SEND_REQUEST", 9, OF, 0.0, "BEGIN")
    came = ["HTTP/1.1 200", "content-type: text/event-stream; charset=utf-8"]
    log.add("HTTP_TRANSACTION_READ_RESPONSE_HEADERS", 9, OF, 0.2, headers=came)
    for at in (0.5, 0.6, 0.9):
        log.add("URL_REQUEST_JOB_FILTERED_BYTES_READ", 9, OF, at, byte_count=50)
    log.add("FAILED", 9, OF, 1.0, net_error=ERRORS["ERR_CONNECTION_RESET"])
    log.add("REQUEST_ALIVE", 9, OF, 1.0, "END", net_error=ERRORS["ERR_CONNECTION_RESET"])
    tables = log.read(tmp_path)
    row = only(tables["sse"])
    assert (row["chunks"], row["bytes"], row["ttft_ms"], row["gap_max_ms"]) == (3, 150, 500, 300)
    assert (row["end"], row["error"]) == ("cut", "net::ERR_CONNECTION_RESET")
    assert list(tables["chunks"]["time"]) == pytest.approx([START + 0.5, START + 0.6, START + 0.9])


def websocket(log: NetLog, *, h2: bool = True) -> NetLog:
    """A websocket that is open from 0.1 on and carried a message each way."""
    log.add("WEBSOCKET_ALIVE", 8, "WEBSOCKET_CHANNEL", 0.0, "BEGIN", state="FRESHLY_CONSTRUCTED")
    log.add("REQUEST_ALIVE", 9, OF, 0.0, "BEGIN", url="wss://ws.chatgpt.com/p1/ws/user/x")
    log.add("HTTP_TRANSACTION_SEND_REQUEST", 9, OF, 0.01, "BEGIN")
    if h2:
        sent = [":method: CONNECT", ":protocol: websocket", ":authority: ws.chatgpt.com"]
        log.add("HTTP_TRANSACTION_HTTP2_SEND_REQUEST_HEADERS", 9, OF, 0.01, headers=sent)
    else:
        sent = ["Host: ws.chatgpt.com", "Upgrade: websocket", "Connection: Upgrade"]
        log.add(
            "HTTP_TRANSACTION_SEND_REQUEST_HEADERS",
            *(9, OF, 0.01),
            **{"headers": sent, "line": "GET /p1/ws/user/x HTTP/1.1\r\n"},
        )
    line = "HTTP/1.1 200" if h2 else "HTTP/1.1 101 Switching Protocols"
    log.add("HTTP_TRANSACTION_READ_RESPONSE_HEADERS", 9, OF, 0.1, headers=[line])
    log.add("CANCELLED", 9, OF, 0.1, net_error=ERRORS["ERR_WS_UPGRADE"])
    log.add("REQUEST_ALIVE", 9, OF, 0.1, "END", net_error=ERRORS["ERR_WS_UPGRADE"])
    log.add("WEBSOCKET_SENT_FRAME_HEADER", 9, OF, 0.2, opcode=1, payload_length=72)
    return log.add("WEBSOCKET_RECV_FRAME_HEADER", 9, OF, 0.3, opcode=1, payload_length=480)


@pytest.mark.parametrize("h2", [True, False])
def test_a_websocket_that_is_cut_has_no_close_frame(tmp_path: Path, h2: bool) -> None:
    log = websocket(NetLog(), h2=h2)
    log.add("WEBSOCKET_STATE_CHANGED", 8, "WEBSOCKET_CHANNEL", 2.3, new_state="CLOSED")
    tables = log.read(tmp_path)
    row = only(tables["ws"])
    assert (row["status"], row["close_code"], row["clean"]) == (101, 1006, False)
    assert row["opened"] == pytest.approx(START + 0.1)
    assert row["ended"] == pytest.approx(START + 2.3)
    assert (row["client_frames"], row["server_frames"], row["idle_before_end_s"]) == (1, 1, 2.0)
    assert list(tables["ws_frames"]["size"]) == [72, 480]
    http = only(tables["http"])
    assert (http["upgrade"], http["scheme"], http["method"]) == (
        ("websocket", "wss", None if h2 else "GET")
    )


def test_a_broken_http2_stream_tells_why_the_websocket_ended(tmp_path: Path) -> None:
    log = websocket(NetLog())
    log.add("HTTP2_STREAM_ERROR", 9, OF, 1.0, net_error="ERR_CONNECTION_CLOSED")
    row = only(log.read(tmp_path)["ws"])
    assert (row["error"], row["closed_by"]) == ("net::ERR_CONNECTION_CLOSED", "server")


@pytest.mark.parametrize(
    ("kind", "by"),
    [("WEBSOCKET_SENT_FRAME_HEADER", "client"), ("WEBSOCKET_RECV_FRAME_HEADER", "server")],
)
def test_a_close_frame_is_a_clean_end(tmp_path: Path, kind: str, by: str) -> None:
    log = websocket(NetLog()).add(kind, 9, OF, 1.0, opcode=8, payload_length=12)
    log.add("WEBSOCKET_STATE_CHANGED", 8, "WEBSOCKET_CHANNEL", 1.1, new_state="CLOSED")
    row = only(log.read(tmp_path)["ws"])
    assert (row["clean"], row["closed_by"], row["close_reason_bytes"]) == (True, by, 10)


def test_a_websocket_that_was_open_at_the_end_has_no_end(tmp_path: Path) -> None:
    row = only(websocket(NetLog()).read(tmp_path)["ws"])
    assert row["opened"] is not None
    assert (row["ended"], row["close_code"], row["clean"]) == (None, None, None)


def test_a_websocket_that_never_opened_has_its_error(tmp_path: Path) -> None:
    log = NetLog().add("REQUEST_ALIVE", 9, OF, 0.0, "BEGIN", url="wss://ws.chatgpt.com/x")
    log.add("REQUEST_ALIVE", 9, OF, 0.1, "END", net_error=ERRORS["ERR_NAME_NOT_RESOLVED"])
    row = only(log.read(tmp_path)["ws"])
    assert (row["opened"], row["error"]) == (None, "net::ERR_NAME_NOT_RESOLVED")


def test_the_body_of_a_log_with_everything_names_what_was_never_asked_for(tmp_path: Path) -> None:
    html = "<!doctype html><title>ChatGPT</title>" + "".join(
        f'<script src="/cdn/assets/chunk{number}-abc.js"></script>' for number in range(6)
    )
    log = NetLog().add("REQUEST_ALIVE", 100, OF, 0.0, "BEGIN", url="https://chatgpt.com/")
    came = ["HTTP/1.1 200", "content-type: text/html"]
    log.add("HTTP_TRANSACTION_READ_RESPONSE_HEADERS", 100, OF, 0.05, headers=came)
    data = base64.b64encode(html.encode()).decode()
    log.add("URL_REQUEST_JOB_FILTERED_BYTES_READ", 100, OF, 0.06, byte_count=len(html), bytes=data)
    log.add("REQUEST_ALIVE", 100, OF, 0.1, "END")
    for number in range(5):
        request(log, 110 + number, f"https://chatgpt.com/cdn/assets/chunk{number}-abc.js", 0.2)
    resources = log.read(tmp_path)["resources"]
    assert list(resources["outcome"]) == ["loaded"] * 5 + ["never_asked"]
    assert set(resources["page"]) == {"netlog-100"}


def test_a_log_without_bodies_claims_nothing_of_the_page(tmp_path: Path) -> None:
    assert page(NetLog()).read(tmp_path)["resources"].empty


def test_a_data_address_is_kept_without_its_content(tmp_path: Path) -> None:
    log = request(NetLog(), 9, "data:text/html,private", status=None)
    assert "private" not in written(log.read(tmp_path))
