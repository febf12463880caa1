"""Columns of the http table that come from headers, addresses and the order of exchanges."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from read_made import made_flow, make_bundle, request_line, response_line, rows, write_flows

from analysis.read import read_source
from analysis.read.flows import read_flows
from analysis.read.signed_link import signed_until


def row_of(tmp_path: Path, **made: Any) -> dict[str, Any]:
    request = made.pop("request", {})
    item = made_flow(made.pop("path", "/backend-api/me"), **made)
    for name, value in request.items():
        item.request.headers[name] = value
    [row] = rows(read_flows(write_flows(tmp_path / "f.mitm", [item]))["http"])
    return row


@pytest.mark.parametrize(
    ("url", "end"),
    [
        ("https://a/x?se=2026-07-01T00%3A00%3A00Z&sig=s", 1782864000.0),
        ("https://a/x?se=2026-07-01&sv=2024-08-04&sig=s", 1782864000.0),
        ("https://a/x?X-Amz-Date=20260701T000000Z&X-Amz-Expires=300&X-Amz-Signature=s", 1782864300),
        ("https://a/x?Expires=1782864000&Signature=s&Key-Pair-Id=k", 1782864000.0),
        ("https://a/x?expires=1782864000", None),
        ("https://a/x?se=never&sig=s", None),
        ("https://a/x?se=9999999-01-01&sig=s", None),
        ("https://a/x?X-Amz-Date=2026&X-Amz-Expires=300", None),
        ("https://a/x?Expires=" + "9" * 5000 + "&Signature=s", None),
        ("https://a/x", None),
        ("https://a/x?se", None),
    ],
)
def test_when_a_signed_link_ends(url: str, end: float | None) -> None:
    assert signed_until(url) == end


def test_cookies_are_counted_and_never_kept(tmp_path: Path) -> None:
    request = {"cookie": "a=SECRET1; b=SECRET2; a=SECRET3; c=1; c=1"}
    row = row_of(tmp_path, request=request, headers={"set-cookie": "a=SECRET4"})
    assert (row["cookie_conflicts"], row["set_cookies"], row["authorized"]) == (1, 1, False)
    assert "SECRET" not in str(row)


def test_a_sign_in_is_noted_and_never_kept(tmp_path: Path) -> None:
    row = row_of(tmp_path, request={"authorization": "Bearer SECRET", "user-agent": "Mozilla/5.0"})
    assert (row["authorized"], row["user_agent"]) == (True, "Mozilla/5.0")
    assert "SECRET" not in str(row)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("X-Squid-Error", "ERR_ACCESS_DENIED 0", "x-squid-error: ERR_ACCESS_DENIED 0"),
        ("Proxy-Authenticate", 'Basic realm="Corp"', 'proxy-authenticate: Basic realm="Corp"'),
        ("cf-error-type", "1016", "cf-error-type: 1016"),
        ("x-ms-error-code", "AuthenticationFailed", "x-ms-error-code: AuthenticationFailed"),
        ("x-ratelimit-remaining-requests", "0", "x-ratelimit-remaining-requests: 0"),
        ("x-codex-primary-used-percent", "100", "x-codex-primary-used-percent: 100"),
        (
            "x-openai-authorization-error",
            "token_expired",
            "x-openai-authorization-error: token_expired",
        ),
        (
            "x-error-json",
            base64.b64encode(b'{"error":{"code":"token_expired"}}').decode(),
            "x-error-json: token_expired",
        ),
        ("x-error-json", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", None),
        ("x-device-id", "abc", None),
    ],
)
def test_headers_that_name_a_cause(
    tmp_path: Path, name: str, value: str, shown: str | None
) -> None:
    row = row_of(tmp_path, status=401, headers={name: value}, kind="text/plain", body=b"no")
    assert (row["headers"] or []) == ([shown] if shown else [])
    words = [word for word in ("token_expired", "AuthenticationFailed") if word in (shown or "")]
    assert row["error_code"] == next(iter(words), None)


def test_a_redirect_names_where_it_came_from(tmp_path: Path) -> None:
    flows = [
        made_flow("/", status=302, headers={"location": "/auth/login?next=1"}),
        made_flow("/auth/login?next=1", at=1),
        made_flow("/auth/login?next=1", at=2),
        made_flow("/same", at=3, status=304, headers={"location": "/other"}),
        made_flow("/other", at=4),
    ]
    found = rows(read_flows(write_flows(tmp_path / "f.mitm", flows))["http"])
    assert [row["redirected_from"] for row in found] == [None, flows[0].id, None, None, None]


def test_the_recorders_count_of_cookies_stands_for_the_masked_ones(tmp_path: Path) -> None:
    item = made_flow("/a")
    item.request.headers["cookie"] = "[redacted] 90 octets"
    journal = [request_line(item.id, "/a", 1.0, cookie_conflicts=2), response_line(item.id, 2, 200)]
    bundle = make_bundle(tmp_path / "b.chatpath", journal=journal, flows=[item])
    [row] = rows(read_source(bundle)["http"])
    assert row["cookie_conflicts"] == 2
    [bare] = rows(read_flows(write_flows(tmp_path / "f.mitm", [item]))["http"])
    assert bare["cookie_conflicts"] is None


def test_an_announced_upload_keeps_its_size(tmp_path: Path) -> None:
    item = made_flow("/backend-api/files", kind="application/json", body=b'{"status":"success"}')
    item.request.content = b'{"file_name": "diary.txt", "file_size": 536870913}'
    [row] = rows(read_flows(write_flows(tmp_path / "f.mitm", [item]))["http"])
    assert (row["file_bytes"], row["job_state"]) == (536870913, "success")
    assert "diary" not in str(row)
