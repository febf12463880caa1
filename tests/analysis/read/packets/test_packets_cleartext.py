"""HTTP/1 in clear: which exchanges packets show, and what of them is never kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from packets_build import handshake, pcap, written

from analysis.read.packets import read_packets
from analysis.read.packets.cleartext import MAX_BODY, MAX_EXCHANGES, MAX_STEP

PROBE = b"GET /generate_204 HTTP/1.1\r\nHost: connectivitycheck.gstatic.com\r\n\r\n"
PORTAL = (
    b"HTTP/1.1 302 Found\r\nLocation: http://10.1.0.1/in?session=abc\r\nContent-Length: 2\r\n\r\n"
)
CONNECT = b"CONNECT chatgpt.com:443 HTTP/1.1\r\nHost: chatgpt.com:443\r\n\r\n"
DENIED = (
    b"HTTP/1.1 403 Forbidden\r\nServer: squid/6.6\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n"
    b"Via: 1.1 gw (squid/6.6)\r\nContent-Type: text/html\r\nContent-Length: 40\r\n\r\n"
)
PAGE = b"<html><title>ERROR: denied</title></html>"[:40]


def exchanges(folder: Path, *payloads: tuple[bool, bytes], port: int = 80) -> list[dict[str, Any]]:
    frames = handshake(payloads=payloads, ports=(50000, port))
    frame = read_packets(written(folder / "some.pcap", pcap(frames)))["cleartext"]
    return list(frame.astype(object).where(frame.notna(), None).to_dict("records"))


def test_request_and_answer(tmp_path: Path) -> None:
    (row,) = exchanges(tmp_path, (True, PROBE), (False, PORTAL + b"ok"))
    assert (row["method"], row["host"], row["port"], row["path"]) == (
        "GET",
        "connectivitycheck.gstatic.com",
        80,
        "/generate_204",
    )
    assert (row["status"], row["location"]) == (302, "http://10.1.0.1/in")
    assert row["stream"] == 0
    assert row["frame"] < row["response_frame"]


def test_a_proxy_that_refuses_names_itself(tmp_path: Path) -> None:
    (row,) = exchanges(tmp_path, (True, CONNECT), (False, DENIED + PAGE), port=3128)
    assert (row["method"], row["host"], row["port"]) == ("CONNECT", "chatgpt.com", 443)
    assert (row["status"], row["path"]) == (403, None)
    assert row["server"] == "squid/6.6"
    assert "x-squid-error: ERR_ACCESS_DENIED 0" in row["headers"]
    assert "ERROR: denied" in row["body_excerpt"]


def test_request_to_a_proxy_in_absolute_form(tmp_path: Path) -> None:
    asked = b"GET http://example.org:8080/a/b?q=1 HTTP/1.1\r\nHost: example.org:8080\r\n\r\n"
    (row,) = exchanges(tmp_path, (True, asked), (False, b"HTTP/1.0 200 OK\r\n\r\n"), port=3128)
    assert (row["host"], row["port"], row["path"], row["status"]) == (
        "example.org",
        8080,
        "/a/b",
        200,
    )


def test_nothing_secret_is_kept(tmp_path: Path) -> None:
    asked = (
        b"POST /login?token=hush HTTP/1.1\r\nHost: example.org\r\nCookie: id=hush\r\n"
        b"Proxy-Authorization: Basic aHVzaA==\r\nAuthorization: Bearer hush\r\n"
        b"Referer: http://example.org/?hush\r\nContent-Length: 13\r\n\r\npassword=hush"
    )
    told = (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: id=hush\r\nLocation: http://example.org/?k=hush\r\n"
        b"Content-Type: text/html\r\nContent-Length: 17\r\n\r\n<p>hush hush</p>\n"
    )
    (row,) = exchanges(tmp_path, (True, asked), (False, told))
    assert row["status"] == 200
    assert "hush" not in str(row).lower()
    assert "aHVzaA" not in str(row)


def test_exchanges_one_after_another(tmp_path: Path) -> None:
    post = b"POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbody"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    rows = exchanges(
        tmp_path,
        (True, post[:30]),
        (True, post[30:]),
        (
            False,
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
        ),
        (True, PROBE.replace(b"GET", b"HEAD")),
        (False, b"HTTP/1.1 204 No Content\r\n\r\n"),
        (True, PROBE),
        (False, chunked),
    )
    assert [row["method"] for row in rows] == ["POST", "HEAD", "GET"]
    assert [row["status"] for row in rows] == [201, 204, 200]


def test_an_answer_that_the_capture_lacks(tmp_path: Path) -> None:
    (row,) = exchanges(tmp_path, (True, PROBE))
    assert row["status"] is None
    assert row["response_frame"] is None


def test_a_body_that_is_not_whole(tmp_path: Path) -> None:
    (row,) = exchanges(
        tmp_path, (True, CONNECT), (False, DENIED.replace(b": 40", b": 9000") + PAGE), port=3128
    )
    assert (row["status"], row["content_length"]) == (403, 9000)
    assert "ERROR: denied" in row["body_excerpt"]


def test_a_page_that_somebody_reads_is_not_kept(tmp_path: Path) -> None:
    asked = b"GET / HTTP/1.1\r\nHost: news.example\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 23\r\n\r\n"
    page = head + b"<title>Headline</title>"
    (row,) = exchanges(tmp_path, (True, asked), (False, page))
    assert row["body_excerpt"] is None


@pytest.mark.parametrize(
    "payloads",
    [
        [(True, b"GET broken\r\n\r\n")],
        [(True, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 4000)],
        [(True, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
        [(False, b"HTTP/1.1 200 OK\r\n\r\n")],
        [(True, b"HELO mail.example\r\n")],
    ],
    ids=["no-version", "endless-head", "h2", "answer-alone", "smtp"],
)
def test_what_is_no_exchange(tmp_path: Path, payloads: list[tuple[bool, bytes]]) -> None:
    assert exchanges(tmp_path, *payloads) == []


def test_bounds(tmp_path: Path) -> None:
    many: list[tuple[bool, bytes]] = []
    for _ in range(MAX_EXCHANGES + 4):
        many += [(True, PROBE), (False, b"HTTP/1.1 204 No Content\r\n\r\n")]
    assert len(exchanges(tmp_path, *many)) == MAX_EXCHANGES
    long = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_STEP + 1)
    body = [(False, b"x" * 1400)] * (MAX_BODY // 1400 + 1)
    rows = exchanges(
        tmp_path, (True, PROBE), (False, long), *body, (True, PROBE), (False, PORTAL + b"ok")
    )
    assert [row["status"] for row in rows] == [200, None]


def test_a_script_that_chooses_a_proxy_leaves_the_proxies_alone(tmp_path: Path) -> None:
    asked = b"GET /wpad.dat HTTP/1.1\r\nHost: wpad.corp.example\r\n\r\n"
    script = (
        b"function FindProxyForURL(url, host) { if (isPlainHostName(host)) return 'DIRECT';"
        b" return 'PROXY proxy.corp.example:8080; SOCKS5 10.0.0.9:1080'; }"
    )
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ns-proxy-autoconfig\r\n"
    told = head + b"Content-Length: %d\r\n\r\n" % len(script) + script
    (row,) = exchanges(tmp_path, (True, asked), (False, told))
    assert row["body_excerpt"] == "PROXY proxy.corp.example:8080; SOCKS5 10.0.0.9:1080"
