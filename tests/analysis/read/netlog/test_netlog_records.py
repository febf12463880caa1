"""NetLogs that are cut off, damaged, written anew or hostile."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from netlog_made import NetLog, page, read_text, request

from analysis.diagnose import diagnose
from analysis.model.errors import InputError
from analysis.read.netlog import requests


def problems(text: str | bytes, folder: Path) -> tuple[str, ...]:
    (source,) = read_text(text, folder).sources
    assert source.kind.value == "netlog"
    assert source.complete is not bool(source.problems)
    return source.problems


@pytest.mark.parametrize("polled", [None, {}, [{"a": [1]}]])
def test_a_whole_file_has_no_problem(tmp_path: Path, polled: object) -> None:
    log = page(NetLog())
    log.polled = polled
    assert problems(log.text(), tmp_path) == ()


def test_the_end_may_stand_on_lines_of_its_own(tmp_path: Path) -> None:
    text = page(NetLog()).text().rstrip().removesuffix("]}")
    assert problems(text + "\n]\n}\n", tmp_path) == ()
    assert problems(text + "]\n}\n", tmp_path) == ()


def test_a_file_that_a_killed_browser_left_is_read_to_its_end(tmp_path: Path) -> None:
    whole = page(NetLog()).text()
    events = whole.rstrip().removesuffix("]}")
    (said,) = problems(events + ",\n", tmp_path)
    assert said.startswith(f"the file is cut off behind event {len(page(NetLog()).events)}: ")
    expected = read_text(whole, tmp_path)
    pd.testing.assert_frame_equal(read_text(events, tmp_path)["http"], expected["http"])


def test_half_of_the_last_event_is_part_of_the_cut(tmp_path: Path) -> None:
    events = page(NetLog()).text().rstrip().removesuffix("]}")
    (said,) = problems(events[:-30], tmp_path)
    assert "cut off" in said


def test_a_request_that_was_open_at_the_cut_has_no_end(tmp_path: Path) -> None:
    log = request(NetLog(), 9, "https://chatgpt.com/a.js")
    log.events.pop()
    tables = log.read(tmp_path)
    assert tables["http"]["status"][0] == 200
    assert tables["http"]["ended"].isna().all()


def test_another_program_may_have_written_it_anew(tmp_path: Path) -> None:
    log = page(NetLog())
    expected = log.read(tmp_path)
    for text in (log.whole(), json.dumps(json.loads(log.whole()), indent=1)):
        found = read_text(text, tmp_path)
        assert found.sources[0].problems == ()
        for name in ("http", "connections", "host"):
            pd.testing.assert_frame_equal(found[name], expected[name])


def test_the_constants_may_stand_behind_the_events(tmp_path: Path) -> None:
    log = page(NetLog())
    text = json.dumps({"events": log.events, "constants": log.constants})
    assert len(read_text(text, tmp_path)["http"]) == 5


def test_a_damaged_event_costs_only_itself(tmp_path: Path) -> None:
    lines = page(NetLog()).text().split("\n")
    begin = next(number for number, line in enumerate(lines) if "chunk2" in line)
    lines[begin] = lines[begin].replace('"url":', '"url"', 1)
    tables = read_text("\n".join(lines), tmp_path)
    assert tables.sources[0].problems == ("1 damaged event left out",)
    assert "netlog-102" in set(tables["http"]["flow"])


@pytest.mark.parametrize(
    "constants",
    [
        {},
        {"logEventTypes": 7, "logSourceType": [], "logEventPhase": None},
        {"logEventTypes": {"REQUEST_ALIVE": "x"}, "logSourceType": {}, "logEventPhase": {}},
    ],
    ids=["empty", "wrong types", "no numbers"],
)
def test_without_constants_there_is_one_sentence(tmp_path: Path, constants: object) -> None:
    with pytest.raises(InputError, match="chrome://net-export"):
        read_text(json.dumps({"constants": constants, "events": []}), tmp_path)


def test_heavy_redaction_is_said(tmp_path: Path) -> None:
    log = page(NetLog())
    log.extra["logCaptureMode"] = "HeavilyRedacted"
    for event in log.events:
        event.pop("params", None)
    (said,) = problems(log.text(), tmp_path)
    assert "heavily redacted" in said


def test_it_is_read_200_times_up_to_any_place(tmp_path: Path) -> None:
    text = everything().text().encode()
    head = text.index(b"\n") + len(b'\n"events": [\n')
    places = random.Random(3)
    for _ in range(200):
        cut = places.randrange(head, len(text) - 3)
        tables = read_text(text[:cut], tmp_path)
        assert any("cut off" in said for said in tables.sources[0].problems)


def test_octets_that_fell_over_do_no_harm(tmp_path: Path) -> None:
    text = everything().text().encode()
    places = random.Random(4)
    for number in range(60):
        damaged = bytearray(text)
        for _ in range(1 + number % 8):
            damaged[places.randrange(len(damaged))] = places.randrange(256)
        try:
            tables = read_text(bytes(damaged), tmp_path)
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert len(tables.sources) == 1


ODD: tuple[object, ...] = (
    *(None, True, -1, 2**70, 1e308, "", "x", "\ud800", "9" * 40, [], {}, [[]], [{}], [None, 7]),
    *({"id": []}, {"id": 2**70}, {"id": 9}, [{"address": 7}], ["HTTP/1.1 xyz"], [":"], ["a:b"]),
)


@pytest.mark.parametrize("field", ["params", "source", "time", "phase", "type"])
def test_wrong_types_do_no_harm(tmp_path: Path, field: str) -> None:
    chance = random.Random(field)
    for number in range(6):
        log = everything()
        for event in chance.sample(log.events, len(log.events) // 3):
            if field == "params" and event.get("params"):
                key = chance.choice(sorted(event["params"]))
                event["params"] = {**event["params"], key: chance.choice(ODD)}
            else:
                event[field] = chance.choice(ODD)
        tables = log.read(tmp_path)
        if number == 0:
            diagnose(tables)


def test_any_order_of_events_does_no_harm(tmp_path: Path) -> None:
    chance = random.Random(5)
    for _ in range(3):
        log = everything()
        chance.shuffle(log.events)
        diagnose(log.read(tmp_path))


def test_what_is_kept_in_mind_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MAX_OPEN", 3)
    log = NetLog()
    for number in range(10):
        url = f"https://chatgpt.com/{number}"
        log.add("REQUEST_ALIVE", 20 + number, "URL_REQUEST", number / 10, "BEGIN", url=url)
    http = log.read(tmp_path)["http"]
    assert list(http["path"]) == [f"/{number}" for number in range(10)]


def test_bonds_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    log = NetLog()
    for source, other in ((9, 7), (7, 9)):
        bond: dict[str, Any] = {"source_dependency": {"id": other}}
        log.add("HTTP_STREAM_REQUEST_BOUND_TO_JOB", source, "URL_REQUEST", 0.0, **bond)
    request(log, 9, "https://chatgpt.com/a.js")
    assert log.read(tmp_path)["http"]["connection"].isna().all()


def everything() -> NetLog:
    """A log with an event of most types that are read."""
    log = page(NetLog())
    of = "URL_REQUEST"
    log.add("WEBSOCKET_ALIVE", 8, "WEBSOCKET_CHANNEL", 0.4, "BEGIN")
    log.add("REQUEST_ALIVE", 9, of, 0.4, "BEGIN", url="wss://ws.chatgpt.com/x")
    log.add("CANCELLED", 9, of, 0.5, net_error=-173)
    log.add("WEBSOCKET_RECV_FRAME_HEADER", 9, of, 0.6, opcode=1, payload_length=5)
    log.add("HTTP2_STREAM_ERROR", 9, of, 0.7, net_error="ERR_CONNECTION_CLOSED")
    log.add("WEBSOCKET_STATE_CHANGED", 8, "WEBSOCKET_CHANNEL", 0.8, new_state="CLOSED")
    log.add("REQUEST_ALIVE", 50, of, 0.4, "BEGIN", url="https://chatgpt.com/backend-api/x")
    log.add("UPLOAD_DATA_STREAM_INIT", 50, of, 0.4, "END", total_size=9)
    log.add("HTTP_CACHE_OPEN_OR_CREATE_ENTRY", 50, of, 0.4, "END", result="opened")
    stream = ["HTTP/1.1 200", "content-type: text/event-stream", "content-length: 7"]
    log.add("HTTP_TRANSACTION_READ_RESPONSE_HEADERS", 50, of, 0.5, headers=stream)
    log.add("URL_REQUEST_JOB_FILTERED_BYTES_READ", 50, of, 0.6, byte_count=5, bytes="eA==")
    log.add("URL_REQUEST_REDIRECTED", 50, of, 0.6, location="https://chatgpt.com/y")
    log.add("DNS_TRANSACTION", 60, "HOST_RESOLVER_IMPL_JOB", 0.0, source_dependency={"id": 61})
    log.add("DNS_TRANSACTION", 61, "DNS_TRANSACTION", 0.0, "BEGIN", hostname="a.b", query_type=1)
    log.add("UDP_CONNECT", 62, "UDP_SOCKET", 0.0, "BEGIN", address="10.0.0.53:53")
    log.add("DNS_TRANSACTION_ATTEMPT", 61, "DNS_TRANSACTION", 0.0, source_dependency={"id": 62})
    answer: dict[str, Any] = {"answer_count": 1, "rcode": 0}
    log.add("DNS_TRANSACTION_RESPONSE", 61, "DNS_TRANSACTION", 0.1, **answer)
    told = [{"query_type": "A", "endpoints": [{"address": "104.18.32.47"}]}]
    log.add(
        "HOST_RESOLVER_DNS_TASK_EXTRACTION_RESULTS",
        *(60, "HOST_RESOLVER_IMPL_JOB", 0.1),
        results=told,
    )
    log.add("QUIC_SESSION", 70, "QUIC_SESSION", 0.0, "BEGIN", host="chatgpt.com", port=443)
    log.add("QUIC_SESSION_PACKET_SENT", 70, "QUIC_SESSION", 0.1, size=9)
    log.add("QUIC_SESSION_PACKET_RECEIVED", 70, "QUIC_SESSION", 0.2, peer_address="1.2.3.4:443")
    log.add("PROXY_CONFIG_CHANGED", 1, "NONE", 0.0, new_config={"single_proxy": ["[a:1]"]})
    servers = {"servers": [{"server_template": "https://a.b/"}]}
    config: dict[str, Any] = {"nameservers": ["10.0.0.53:53"], "doh_config": servers}
    log.add("DNS_CONFIG_CHANGED", 1, "NONE", 0.0, **config)
    log.add("NETWORK_CHANGED", 1, "NONE", 0.0, new_connection_type="NONE")
    log.add("SSL_CERTIFICATES_RECEIVED", 3, "SOCKET", 0.0, certificates=["x"])
    tunnel = ["HTTP/1.1 407 No"]
    log.add("HTTP_TRANSACTION_READ_TUNNEL_RESPONSE_HEADERS", 3, "SOCKET", 0.0, headers=tunnel)
    log.add("PROXY_RESOLUTION_SERVICE_RESOLVED_PROXY_LIST", 4, "X", 0.0, proxy_info="PROXY a:1")
    return log
