"""What an HTTP or SOCKS proxy answers, as packets show it."""

from __future__ import annotations

from pathlib import Path

import pytest
from packets_build import handshake, pcap, written

from analysis.read.packets import read_packets

ASKED = (True, b"CONNECT chatgpt.com:443 HTTP/1.1\r\nHost: chatgpt.com\r\n\r\n")


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ([(False, b"HTTP/1.1 200 Connection established\r\n\r\n")], 200),
        ([(False, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!")], 403),
        ([(False, b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9000\r\n\r\n<html>")], 503),
        (
            [
                (False, b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n"),
                ASKED,
                (False, b"HTTP/1.1 200 OK\r\n\r\n"),
            ],
            200,
        ),
        ([(False, b"garbage and more of it\r\n\r\n")], None),
        ([], None),
    ],
    ids=["granted", "refused", "body-cut", "login", "garbage", "unanswered"],
)
def test_answer_to_connect(
    tmp_path: Path, answers: list[tuple[bool, bytes]], status: int | None
) -> None:
    frames = handshake(payloads=[ASKED, *answers], ports=(50000, 3128))
    (row,) = read_packets(written(tmp_path / "some.pcap", pcap(frames)))["tcp"].to_dict("records")
    assert row["connect_status"] == status
    assert row["connect_host"] == "chatgpt.com:443"


GREETING, METHOD = (True, b"\5\1\0"), (False, b"\5\0")
REQUEST = (True, b"\5\1\0\3\13chatgpt.com\1\xbb")


@pytest.mark.parametrize(
    ("payloads", "host", "code"),
    [
        ([GREETING, METHOD, REQUEST, (False, b"\5\0\0\1" + bytes(6))], "chatgpt.com:443", 0),
        ([GREETING, METHOD, REQUEST, (False, b"\5\2\0\1" + bytes(6))], "chatgpt.com:443", 2),
        ([GREETING, METHOD, REQUEST, (False, b"\5\4\0\1")], "chatgpt.com:443", None),
        ([GREETING, (False, b"\5\xff")], None, 255),
        ([(True, b"\5\1\2"), (False, b"\5\2"), (True, b"\1\1u\1p"), (False, b"\1\1")], None, 255),
        (
            [
                *((True, b"\5\1\2"), (False, b"\5\2"), (True, b"\1\1u\1p"), (False, b"\1\0")),
                *(REQUEST, (False, b"\5\5\0\1" + bytes(6))),
            ],
            "chatgpt.com:443",
            5,
        ),
        (
            [(True, b"\4\1\1\xbb\0\0\0\1\0chatgpt.com\0"), (False, b"\0\x5b" + bytes(6))],
            "chatgpt.com:443",
            91,
        ),
        ([GREETING, METHOD, REQUEST], "chatgpt.com:443", None),
    ],
    ids=["granted", "denied", "cut", "no-method", "wrong-login", "login", "socks4", "unanswered"],
)
def test_answer_of_a_socks_proxy(
    tmp_path: Path, payloads: list[tuple[bool, bytes]], host: str | None, code: int | None
) -> None:
    frames = handshake(payloads=payloads, ports=(50000, 1080))
    (row,) = read_packets(written(tmp_path / "some.pcap", pcap(frames)))["tcp"].to_dict("records")
    assert (row["app"], row["connect_host"]) == ("socks", host)
    assert row["socks_reply"] == code


def test_a_login_that_was_left_out_of_the_capture(tmp_path: Path) -> None:
    payloads = [
        *((True, b"\5\1\2"), (False, b"\5\2"), (True, b"\1\1u\1p"), (False, b"\1\0")),
        *(REQUEST, (False, b"\5\2\0\1" + bytes(6))),
    ]
    frames = handshake(payloads=payloads, ports=(50000, 1080))
    del frames[5]
    (row,) = read_packets(written(tmp_path / "some.pcap", pcap(frames)))["tcp"].to_dict("records")
    assert (row["connect_host"], row["socks_reply"]) == ("chatgpt.com:443", 2)
