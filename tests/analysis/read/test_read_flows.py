"""Flow files: real ones against what mitmproxy says of them, and damaged ones."""

from __future__ import annotations

import csv
import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mitmproxy.io import tnetstring
from mitmproxy.test import tflow
from read_made import START, check_schema, made_flow, made_socket, rows, write_flows

from analysis.model.errors import InputError
from analysis.read import flows as flows_reader
from analysis.read import read_source
from analysis.read.flows import looks_like_flows, read_flows

FILES = [
    "mitmproxy2swagger__test_flows",
    "mitmproxy__corrupted_gzip_body.mitm",
    "mitmproxy__dumpfile-018.mitm",
    "mitmproxy__dumpfile-10.mitm",
    "mitmproxy__error_log.mitm",
    "mitmproxy__successful_log.mitm",
    "mitmproxy__websocket.mitm",
]


def truth(corpus: Path, name: str) -> list[dict[str, str]]:
    with (corpus / "truth" / "flows" / f"{name}.flows.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize("name", FILES)
def test_real_files_give_what_mitmproxy_says_of_them(corpus: Path, name: str) -> None:
    tables = read_source(corpus / "flows" / name)
    check_schema(tables)
    expected = truth(corpus, name)
    http = rows(tables["http"])
    assert len(http) == len(expected)
    for row, true in zip(http, expected, strict=True):
        assert row["method"] == true["method"]
        assert row["http_version"] == true["http_version"]
        place = true["url"].partition("://")[2]
        default = {"https": 443, "http": 80, "wss": 443, "ws": 80}[row["scheme"]]
        port = "" if row["port"] == default else f":{row['port']}"
        assert f"{row['host']}{port}" == place.partition("/")[0]
        assert str(row["status"] or "") == true["status"]
        media = true["response_content_type"].partition(";")[0].lower()
        assert (row["content_type"] or "") == media
        if true["response_raw_bytes"]:
            assert row["response_bytes"] == int(true["response_raw_bytes"])
        assert row["started"] == pytest.approx(float(true["request_start"]))
        if true["response_end"]:
            assert row["ended"] == pytest.approx(float(true["response_end"]))
        assert bool(row["error"]) == bool(true["error"])
    assert tables.sources[0].complete


def test_real_websockets_count_their_messages_and_name_their_end(corpus: Path) -> None:
    name = "mitmproxy__websocket.mitm"
    tables = read_source(corpus / "flows" / name)
    for row, true in zip(rows(tables["ws"]), truth(corpus, name), strict=True):
        assert row["client_frames"] + row["server_frames"] == int(true["ws_messages"])
        assert row["close_code"] == int(true["ws_close_code"])
        assert row["closed_by"] == ("client" if true["ws_closed_by_client"] == "True" else "server")
        assert row["clean"]
    assert len(tables["ws_frames"]) == 5


def test_a_secret_of_a_real_address_is_masked(corpus: Path) -> None:
    tables = read_source(corpus / "flows" / "mitmproxy__websocket.mitm")
    paths = [row["path"] for row in rows(tables["http"])]
    assert paths[0] == "/v3/channel_123?api_key=[redacted]&notify_self"
    assert paths[1] == "/v3/channel_123"
    for frame in tables.frames.values():
        assert "VCXCEuvhGcBDP7" not in frame.to_csv()


def test_a_file_of_a_version_that_mitmproxy_no_longer_reads(corpus: Path) -> None:
    with pytest.raises(InputError, match="cannot be read") as caught:
        read_source(corpus / "flows" / "mitmproxy__dumpfile-010.mitm")
    assert "\n" not in str(caught.value)


def test_an_exchange_row_in_full(tmp_path: Path) -> None:
    headers = {"cf-ray": "8f0-AMS", "content-length": "13", "retry-after": "5"}
    item = made_flow("/backend-api/me", status=429, kind="application/json", headers=headers)
    assert item.response is not None
    item.response.raw_content = b'{"detail":{"code":"model_cap_exceeded","message":"Slow down"}}'
    item.request.headers["cookie"] = "session=SECRETSECRET"
    [row] = rows(read_flows(write_flows(tmp_path / "f.mitm", [item]))["http"])
    assert (row["status"], row["cf_ray"], row["retry_after"]) == (429, "8f0-AMS", "5")
    assert (row["error_code"], row["content_length"]) == ("model_cap_exceeded", 13)
    assert "Slow down" in row["body_excerpt"]
    assert row["cookie_bytes"] == len("session=SECRETSECRET")
    assert row["ttfb_ms"] == pytest.approx(40, abs=0.1)
    assert row["total_ms"] == pytest.approx(100, abs=0.1)
    assert row["started"] == START


def test_the_recorders_stand_ins_keep_the_size_of_a_message(tmp_path: Path) -> None:
    socket = made_socket([(True, b"[48211 octets, text not kept]"), (False, b"[2 octets]")])
    sizes = read_flows(write_flows(tmp_path / "f.mitm", [socket]))["ws_frames"]["size"].tolist()
    assert sizes == [48211, 10]


def test_a_flow_that_was_saved_twice_is_there_once(tmp_path: Path) -> None:
    socket = made_socket([(True, b"{}"), (False, b"{}")])
    tables = read_flows(write_flows(tmp_path / "f.mitm", [socket, socket]))
    assert (len(tables["http"]), len(tables["ws_frames"])) == (1, 2)


def test_messages_beyond_the_bound_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows_reader, "MAX_FRAMES", 5)
    sockets = [made_socket([(False, b"{}")] * 3, at=number) for number in range(3)]
    tables = read_flows(write_flows(tmp_path / "f.mitm", sockets))
    assert len(tables["ws_frames"]) == 5
    assert tables["ws"]["server_frames"].tolist() == [3, 2, 0]


def test_a_lookup_of_mitmproxys_dns_mode(tmp_path: Path) -> None:
    tables = read_flows(write_flows(tmp_path / "f.mitm", [tflow.tdnsflow(resp=True)]))
    query, answer = rows(tables["dns"])
    assert (query["response"], answer["response"]) == (False, True)
    assert query["qname"] == answer["qname"] == "dns.google"
    assert list(answer["answers"]) == ["8.8.8.8", "8.8.4.4"]
    check_schema(tables)


ODD = {
    "path octets that are no text": lambda item: setattr(item.request.data, "path", b"/\xff\xfe"),
    "host octets that are no text": lambda item: setattr(
        item.request, "headers", type(item.request.headers)([(b"host", b"\xff\xfe.example")])
    ),
    "method octets that are no text": lambda item: setattr(item.request.data, "method", b"\xff"),
    "a length in other digits": lambda item: item.response.headers.__setitem__(
        "content-length", "\u00b2\u0663"
    ),
    "an endless length": lambda item: item.response.headers.__setitem__(
        "content-length", "9" * 5000
    ),
    "a date that is none": lambda item: item.response.headers.__setitem__(
        "date", "Thu, 99 Foo 99999999 99:99:99 +9999999"
    ),
    "a status beyond all": lambda item: setattr(item.response, "status_code", 10**30),
    "a status that is a truth": lambda item: setattr(item.response, "status_code", True),
    "a time that is no number": lambda item: setattr(item.request, "timestamp_start", float("nan")),
    "a time beyond all clocks": lambda item: setattr(item.request, "timestamp_start", 1e300),
    "an endless end": lambda item: setattr(item.response, "timestamp_end", float("inf")),
    "a port beyond all": lambda item: setattr(item.request, "port", 10**30),
    "an address that is none": lambda item: setattr(item.request, "path", "//[x/?#%%"),
    "a broken referer": lambda item: item.request.headers.__setitem__("referer", "http://[x?"),
}


@pytest.mark.parametrize("how", ODD)
def test_an_odd_flow_does_not_hide_the_others(tmp_path: Path, how: str) -> None:
    odd, good = made_flow("/odd.js"), made_flow("/good.js", at=1)
    ODD[how](odd)
    tables = read_flows(write_flows(tmp_path / "f.mitm", [odd, good]))
    check_schema(tables)
    assert "/good.js" in tables["http"]["path"].tolist()
    times = tables["http"]["started"].dropna().tolist()
    assert all(0 <= time < 253402300800 for time in times)


@pytest.fixture(scope="module")
def good_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    page = b'<html data-build="p"><script src="/cdn/assets/a.js"></script></html>'
    flows = [
        made_flow("/", kind="text/html", body=page),
        made_flow("/cdn/assets/a.js", at=1),
        made_socket([(True, b'[{"command":{"type":"subscribe","topic_id":"t"}}]')], at=2),
        made_flow("/backend-api/f/conversation", at=3, kind="text/event-stream", body=b"data: 1"),
        tflow.tdnsflow(resp=True),
    ]
    path = write_flows(tmp_path_factory.mktemp("flows") / "good.mitm", flows)
    return path.read_bytes()


def read_or_refuse(path: Path) -> int:
    """Rows of a damaged file; it is either read, or refused in one sentence."""
    try:
        tables = read_flows(path)
    except InputError as error:
        assert "\n" not in str(error)
        return 0
    check_schema(tables)
    return len(tables["http"])


def test_a_file_cut_anywhere_gives_what_comes_before_the_cut(
    tmp_path: Path, good_file: bytes
) -> None:
    path = tmp_path / "cut.mitm"
    ends = [0]
    while ends[-1] < len(good_file):
        size, _, _ = good_file[ends[-1] :].partition(b":")
        ends.append(ends[-1] + len(size) + 1 + int(size) + 1)
    for cut in sorted({*random.Random(3).sample(range(1, len(good_file)), 30), *ends[1:]}):
        path.write_bytes(good_file[:cut])
        whole = sum(end <= cut for end in ends[1:])
        assert read_or_refuse(path) == min(whole, 4)
        if whole > 0 and cut not in ends:
            [source] = read_flows(path).sources
            assert not source.complete
            assert f"beyond flow {whole}" in source.problems[0]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_flipped_octets_never_raise_anything_else(
    tmp_path: Path, good_file: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(good_file)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "flipped.mitm"
    path.write_bytes(damaged)
    read_or_refuse(path)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_state_with_foreign_values_never_raises_anything_else(
    tmp_path: Path, good_file: bytes, data: st.DataObject
) -> None:
    state = tnetstring.loads(good_file)
    foreign = st.sampled_from([None, True, -1, 10**30, 1e300, float("nan"), "", "\u202e", b"\xff"])
    here: object = state
    for _ in range(6):
        if isinstance(here, dict) and here:
            key = data.draw(st.sampled_from(sorted(here)))
        elif isinstance(here, list) and here:
            key = data.draw(st.integers(0, len(here) - 1))
        else:
            break
        if data.draw(st.booleans()) or not isinstance(here[key], (dict, list)):
            here[key] = data.draw(foreign)
            break
        here = here[key]
    path = tmp_path / "foreign.mitm"
    path.write_bytes(tnetstring.dumps(state))
    read_or_refuse(path)


@pytest.mark.parametrize(
    "content",
    [b"1:", b"999999999999:", b"5:abc", b"0:~", b"4:null,", b"12:", b"3:1:x", b"1:]" * 9000],
)
def test_what_only_looks_like_a_flow_file_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "bad.mitm"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_source(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_length_beyond_the_file_sets_no_memory_aside(tmp_path: Path) -> None:
    path = tmp_path / "long.mitm"
    path.write_bytes(b"2000000000:short")
    tracemalloc.start()
    with pytest.raises(InputError, match="Invalid data format"):
        read_source(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_deep_nesting_is_refused_in_one_sentence(tmp_path: Path) -> None:
    content = b""
    for _ in range(5000):
        content = b"%d:%s]" % (len(content), content)
    path = tmp_path / "deep.mitm"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_source(path)


@pytest.mark.parametrize(
    ("first", "looks"),
    [(b"1234:8:", True), (b":1", False), (b"GET /", False), (b"12x:", False), (b"", False)],
)
def test_how_a_flow_file_begins(first: bytes, looks: bool) -> None:
    assert looks_like_flows(first) is looks


def test_bodies_are_looked_at_and_forgotten(tmp_path: Path) -> None:
    secret = "the user's own words in an answer"
    flows = [
        made_flow("/a", kind="application/json", body=f'{{"v":"{secret}"}}'.encode()),
        made_flow("/b", kind="text/event-stream", body=f'data: {{"v":"{secret}"}}\n\n'.encode()),
        made_flow("/c", kind="text/plain", body=secret.encode()),
        made_flow("/x", host="files.oaiusercontent.com", kind="text/html", body=secret.encode()),
        made_socket([(False, f'{{"type":"message","data":"{secret}"}}'.encode())]),
    ]
    tables = read_flows(write_flows(tmp_path / "f.mitm", flows))
    for name, frame in tables.frames.items():
        assert secret not in frame.to_csv(), name


@pytest.mark.parametrize(
    ("words", "stage", "addresses"),
    [
        ("[Errno 111] Connect call failed ('0.0.0.0', 443)", "tcp", ["0.0.0.0"]),
        ("[Errno -2] Name or service not known", "dns", None),
        ("Client disconnected.", None, None),
    ],
)
def test_a_lazy_connections_failure_is_told_by_its_exchange(
    tmp_path: Path, words: str, stage: str | None, addresses: list[str] | None
) -> None:
    """With connection_strategy=lazy mitmproxy leaves the connection itself untouched."""
    flow = tflow.tflow(err=True)
    assert flow.error
    flow.error.msg = words
    server = flow.server_conn
    server.error = server.peername = server.via = None
    server.timestamp_start = server.timestamp_tcp_setup = server.timestamp_tls_setup = None
    (row,) = rows(read_flows(write_flows(tmp_path / "a.mitm", [flow]))["connections"])
    assert row["error_stage"] == stage
    assert row["addresses"] == addresses


def test_a_refused_certificate_may_be_told_by_the_exchange_alone(tmp_path: Path) -> None:
    """The handshake's own times do not make it one that worked."""
    flow = tflow.tflow(err=True)
    assert flow.error
    flow.error.msg = "Certificate verify failed: certificate is not yet valid"
    flow.server_conn.error = None
    (row,) = rows(read_flows(write_flows(tmp_path / "a.mitm", [flow]))["connections"])
    assert (row["error_stage"], row["tls_ms"]) == ("tls", None)
    assert "not yet valid" in row["error"]
