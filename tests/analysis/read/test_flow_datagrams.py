"""UDP flows of mitmproxy: voice's STUN as rows of the udp table."""

from __future__ import annotations

from pathlib import Path

import pytest
from mitmproxy import connection, udp
from mitmproxy.io import FlowWriter
from read_made import check_schema, made_flow, rows

from analysis.detect import detect
from analysis.read import read_source

REQUEST = b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(20)
RESPONSE = b"\x01\x01\x00\x08\x21\x12\xa4\x42" + bytes(20)
ADDRESS = "4.151.200.38"


def talk(*messages: tuple[bool, bytes], port: int = 3478) -> udp.UDPFlow:
    client = connection.Client(
        peername=("10.0.0.1", 56_001), sockname=("10.0.0.53", port), timestamp_start=100.0
    )
    server = connection.Server(address=(ADDRESS, port))
    server.peername = (ADDRESS, port)
    client.transport_protocol = server.transport_protocol = "udp"
    made = udp.UDPFlow(client, server)
    made.messages = [
        udp.UDPMessage(by_client, content, 100.0 + number)
        for number, (by_client, content) in enumerate(messages)
    ]
    return made


def save(path: Path, *flows: object) -> Path:
    with path.open("wb") as file:
        writer = FlowWriter(file)
        for made in flows:
            writer.add(made)
    return path


def test_a_search_without_an_answer(tmp_path: Path) -> None:
    made = talk(*[(True, REQUEST)] * 4)
    tables = read_source(save(tmp_path / "v.mitm", made_flow("/"), made))
    check_schema(tables)
    (row,) = rows(tables["udp"])
    assert (row["protocol"], row["server"], row["server_port"]) == ("stun", ADDRESS, 3478)
    assert (row["client"], row["requests"], row["responses"]) == ("10.0.0.1", 4, 0)
    assert (row["answered"], row["answer_ms"], row["last_time"]) == (False, None, 103.0)
    (found,) = [item for item in detect(tables) if item.id == "voice.udp_blocked"]
    assert found.evidence


@pytest.mark.parametrize(
    "messages",
    [
        [(True, REQUEST), (True, REQUEST), (True, REQUEST), (False, RESPONSE)],
        [(True, REQUEST), (True, REQUEST)],
    ],
    ids=["answered", "page-closed"],
)
def test_a_search_that_is_no_block(tmp_path: Path, messages: list[tuple[bool, bytes]]) -> None:
    tables = read_source(save(tmp_path / "v.mitm", made_flow("/"), talk(*messages)))
    (row,) = rows(tables["udp"])
    assert row["answered"] is (len(messages) == 4)
    assert "voice.udp_blocked" not in {item.id for item in detect(tables)}


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"\x16\xfe\xfd" + bytes(40)])
def test_other_datagrams_are_left_out(tmp_path: Path, content: bytes) -> None:
    tables = read_source(save(tmp_path / "v.mitm", made_flow("/"), talk((True, content))))
    assert len(tables["udp"]) == 0
    assert tables.sources[0].problems == ()
