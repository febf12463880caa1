"""The records behind a finding, and the filters that find them again."""

from __future__ import annotations

import pytest
from mitmproxy import flowfilter
from mitmproxy.test import tflow
from report_samples import BEGIN, sinkhole

from analysis.model.diagnosis import Evidence
from analysis.model.frames import Tables, frame_of_rows
from analysis.report.exhibits import Exhibits
from analysis.report.flow_filter import flow_filter


def _tables() -> Tables:
    at = {"source": "p.pcapng", "client": "10.0.0.2", "server": "192.0.2.1"}
    ends = {**at, "client_port": 50000, "server_port": 443}
    tcp = {
        **ends, "stream": 4, "first_frame": 7, "syn_frame": 7, "synack_frame": 8, "last_frame": 31,
        "first_time": BEGIN + 1, "syn_rtt_ms": 20.0, "last_time": BEGIN + 3,
        "reset_frame": 30, "reset_by": "server", "reset_time": BEGIN + 2.5,
    }  # fmt: skip
    tls = {
        **ends, "frame": 9, "time": BEGIN + 1.1, "sni": "ws.chatgpt.com",
        "server_hello_frame": 10, "server_hello_ms": 40.0,
        "alert_frame": 11, "alert": 40, "alert_by": "server",
    }  # fmt: skip
    icmp = {"source": "p.pcapng", "frame": 40, "time": BEGIN + 4, "src": "192.0.2.9",
            "dst": "10.0.0.2", "type": 3, "code": 13}  # fmt: skip
    frames = {"tcp": [tcp], "tls": [tls], "icmp": [icmp]}
    return Tables.of({name: frame_of_rows(name, rows) for name, rows in frames.items()})


def test_each_packet_says_when_from_where_to_where_and_what() -> None:
    piece = Evidence.packets("p.pcapng", (7, 8, 9, 10, 11, 30, 31, 40, 99))
    exhibit = Exhibits(_tables(), [piece], BEGIN).of([piece])
    client, server = "10.0.0.2:50000", "192.0.2.1:443"
    shown = [(row.frame, row.time, row.sender, row.receiver, row.what) for row in exhibit.packets]
    assert shown == [
        (7, "+1.000 s", client, server, "TCP SYN"),
        (8, "+1.020 s", server, client, "TCP SYN-ACK"),
        (9, "+1.100 s", client, server, "TLS ClientHello ws.chatgpt.com"),
        (10, "+1.140 s", server, client, "TLS ServerHello"),
        (11, "", server, client, "TLS alert handshake_failure"),
        (30, "+2.500 s", server, client, "TCP RST"),
        (31, "+3.000 s", client, server, "TCP stream 4: last packet"),
        (40, "+4.000 s", "192.0.2.9", "10.0.0.2", "ICMP type 3 code 13"),
    ]  # fmt: skip
    assert exhibit.packets_left_out == 1  # frame 99 is in no table


def test_a_frame_of_another_file_is_not_taken_for_this_one() -> None:
    piece = Evidence.packets("other.pcapng", (7,))
    assert not Exhibits(_tables(), [piece], BEGIN).of([piece])


def test_a_flow_shows_its_request_and_outcome() -> None:
    sample = sinkhole()
    piece = Evidence.flow("flows.mitm", "ws-refused")
    exhibit = Exhibits(sample.tables, [piece], BEGIN).of([piece, piece])
    assert [row.request for row in exhibit.flows] == [
        "websocket ws.chatgpt.com/p8/ws/user/1?verify=‹masked›"
    ]
    assert exhibit.flows[0].outcome == "certificate verify failed"


@pytest.mark.parametrize(
    ("host", "path", "asked"),
    [
        ("chatgpt.com", "/backend-api/me", "/backend-api/me"),
        ("chatgpt.com", "/backend-api/{id}/x?token=[redacted]", "/backend-api/abc-1/x?token=s3"),
        ("chatgpt.com", "/a b(c)~d'\"e|f&!g", "/a b(c)~d'\"e|f&!g"),
        ("chatgpt.com", "/" + "long/" * 80, "/" + "long/" * 80),
        ("xn--bcher-kva.example", "/é", "/é"),
    ],
)
def test_a_filter_finds_its_flow_and_no_other(host: str, path: str, asked: str) -> None:
    flow, other = tflow.tflow(), tflow.tflow()
    for item, address in ((flow, asked), (other, "/elsewhere")):
        item.request.host, item.request.path = host, address
        item.request.headers["host"] = host
    match = flowfilter.parse(flow_filter("GET", host, path))
    assert match(flow)
    assert not match(other)


def test_a_request_without_a_host_has_no_filter() -> None:
    assert flow_filter("GET", "", "/x") == ""
