"""The status with which an HTTP proxy answers CONNECT, as packets show it."""

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
