"""Journals that were cut, damaged or made by an enemy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from read_made import START, check_schema, line, make_bundle, request_line, response_line, rows

from analysis.read import read_source
from analysis.read.journal import LIMITS, Journal, read_journal

JOURNAL = "".join(
    [
        line("start", 0, format=1),
        line("connect", 0.1, c="c1", host="chatgpt.com", port=443),
        line("connected", 0.2, c="c1", address="104.18.32.47", local_port=50000, tcp_ms=9.5),
        line("tls", 0.3, c="c1", version="TLSv1.3", alpn="h2", tls_ms=20.0, verified=True),
        request_line("f1", "/backend-api/f/conversation", 1.0, c="c1", cookie_bytes=12),
        response_line("f1", 1.5, 200, "text/event-stream"),
        line("chunks", 2.0, flow="f1", ms=[0.0, 250.0], n=[10, 20], sse={"events": 2, "types": []}),
        line("end", 2.5, flow="f1", bytes=30, sse={"events": 3, "types": ["delta"], "done": True}),
        request_line("f2", "/p18/ws", 3.0, headers=[["upgrade", "websocket"]]),
        response_line("f2", 3.1, 101),
        line("ws", 4.0, flow="f2", client=True, op=1, n=40, kind="subscribe", sub=["t1"]),
        line("ws", 5.0, flow="f2", client=False, op=1, n=90, seq=1, turn_end=["t1"]),
        line("ws", 5.5, flow="f2", client=False, op=9, n=0),
        line("ws_end", 9.0, flow="f2", code=1001, client=False, reason_bytes=3),
        line("lookup", 9.1, id=7, qname="chatgpt.com", qtype="A", dst="127.0.0.53"),
        line(
            "lookup_answer", 9.2, id=7, qname="chatgpt.com", qtype="A", rcode=0, answers=["1.2.3.4"]
        ),
        line("marker", 9.5, text="here it hangs"),
        line("disconnected", 9.9, c="c1"),
        line("stop", 10.0, open=0),
    ]
).encode()


def parsed(tmp_path: Path, content: bytes) -> Journal:
    path = tmp_path / "events.jsonl"
    path.write_bytes(content)
    return read_journal(path, "events.jsonl")


def test_a_whole_journal(tmp_path: Path) -> None:
    tables = read_source(make_bundle(tmp_path / "b.chatpath", journal=[JOURNAL.decode()]))
    check_schema(tables)
    [stream] = rows(tables["sse"])
    assert (stream["chunks"], stream["bytes"], stream["events"]) == (2, 30, 3)
    assert (stream["end"], stream["ttft_ms"], stream["gap_max_ms"]) == ("done", 1000.0, 250.0)
    [socket] = rows(tables["ws"])
    assert (socket["close_code"], socket["closed_by"], socket["clean"]) == (1001, "server", True)
    assert (socket["client_frames"], socket["server_frames"], socket["server_pings"]) == (1, 1, 1)
    assert (socket["subscribed"], socket["completed"]) == (1, 1)
    assert (socket["idle_before_end_s"], socket["longest_gap_s"]) == (3.5, 1.0)
    [connection] = rows(tables["connections"])
    assert (connection["address"], connection["alpn"], connection["verified"]) == (
        *("104.18.32.47", "h2"),
        True,
    )
    assert connection["ended"] == pytest.approx(START + 9.9)
    assert tables["dns"]["response"].tolist() == [False, True]
    assert tables["markers"]["text"].tolist() == ["here it hangs"]
    assert tables.sources[0].complete


def test_a_journal_cut_at_every_octet_keeps_all_that_was_whole(tmp_path: Path) -> None:
    whole = parsed(tmp_path, JOURNAL)
    before: tuple[int, ...] = (0, 0, 0, 0)
    for cut in range(len(JOURNAL) + 1):
        found = parsed(tmp_path, JOURNAL[:cut])
        counts = (
            len(found.exchanges),
            sum(len(facts.times) for facts in found.streams.values()),
            sum(map(len, found.frames.values())),
            len(found.lookups),
        )
        assert all(a >= b for a, b in zip(counts, before, strict=True))
        before = counts
        last = JOURNAL[:cut].rpartition(b"\n")[2]
        torn = bool(last) and not JOURNAL[cut:].startswith(b"\n")
        assert bool(found.problems) == torn
    assert before == (2, 2, 3, 2)
    assert whole.stopped


@pytest.mark.parametrize(
    "damage",
    [
        b"\x00" * 4096,
        b"not json",
        b"[]",
        b'"text"',
        b"null",
        b'{"e":',
        b"[" * 100000,
        b'{"e":"chunks","t":' + b"9" * 5000 + b"}",
        b"\xff\xfe\xfa",
    ],
)
def test_a_damaged_line_is_counted_and_the_next_is_read(tmp_path: Path, damage: bytes) -> None:
    found = parsed(tmp_path, damage + b"\n" + JOURNAL)
    assert found.problems == ["1 damaged line of events.jsonl left out"]
    assert len(found.exchanges) == 2


def test_an_event_of_a_later_version_is_passed_over(tmp_path: Path) -> None:
    found = parsed(tmp_path, line("teleport", 1, flow="f1").encode() + JOURNAL)
    assert found.problems == []
    assert len(found.exchanges) == 2


@pytest.mark.parametrize(
    "facts",
    [
        {"ms": [1e308], "n": [1]},
        {"ms": [0, 0], "n": [2**62, 2**62]},
        {"ms": [0], "n": [-5]},
        {"ms": ["0", None, True], "n": [1, 2, 3]},
        {"ms": {"a": 1}, "n": "x"},
        {"ms": [0], "n": [10**30]},
    ],
)
def test_chunks_of_impossible_size_or_time_do_not_become_rows(
    tmp_path: Path, facts: dict[str, object]
) -> None:
    journal = [
        request_line("f1", "/s", 1),
        response_line("f1", 2, 200, "text/event-stream"),
        line("chunks", 3, flow="f1", **facts),
    ]
    tables = read_source(make_bundle(tmp_path / "b.chatpath", journal=journal))
    check_schema(tables)
    assert len(tables["chunks"]) == 0


def test_a_time_that_no_clock_gives_is_not_seen(tmp_path: Path) -> None:
    for time in ("1e300", "-1", "Infinity", "NaN", '"now"', "true", "253402300800"):
        found = parsed(tmp_path, b'{"e":"marker","t":%s,"text":"x"}\n' % time.encode())
        assert (found.first_time, found.last_time) == (None, None)
        assert found.markers[0]["time"] is None


FOREIGN: st.SearchStrategy[object] = st.sampled_from(
    [
        *(None, True, -1, 0, 2**63, 10**30, 1e308, float("nan"), float("inf"), "", "x" * 5000),
        *("\ud800", "\u202e\x1b[2J", [], [[]], [["a", "b"]], {}, {"events": 10**30}, ["\udfff"]),
        *("http://[::bad", "https://u:p@chatgpt.com:99999/?token=t", [None, 1, "a"]),
    ]
)


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_foreign_values_never_raise_and_every_row_fits(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    records = [json.loads(text) for text in JOURNAL.splitlines()]
    for _ in range(data.draw(st.integers(1, 6))):
        record = data.draw(st.sampled_from(records))
        key = data.draw(st.sampled_from([*record, "error", "url", "headers", "stage", "topic"]))
        record[key] = data.draw(FOREIGN)
    journal = [json.dumps(record) + "\n" for record in records]
    bundle = make_bundle(tmp_path_factory.mktemp("foreign") / "b.chatpath", journal=journal)
    check_schema(read_source(bundle))


def test_secrets_that_another_wrote_into_a_journal_are_masked(tmp_path: Path) -> None:
    journal = [
        request_line(
            "f1", "/x?access_token=SECRETSECRET1", 1, headers=[["cookie", "SECRETSECRET1"]]
        ),
        line("end", 2, flow="f1", error="Bearer SECRETSECRET1 was refused"),
        line("marker", 3, text="Bearer SECRETSECRET1"),
    ]
    tables = read_source(make_bundle(tmp_path / "b.chatpath", journal=journal))
    for name, frame in tables.frames.items():
        assert "SECRETSECRET1" not in frame.to_csv(), name


@pytest.mark.parametrize(
    ("kind", "event", "facts"),
    [
        ("requests", "request", {"flow": "f{}", "url": "https://chatgpt.com/"}),
        ("connections", "connect", {"c": "c{}", "host": "chatgpt.com"}),
        ("lookups", "lookup", {"id": 7, "qname": "chatgpt.com"}),
        ("websocket frames", "ws", {"flow": "f", "op": 1, "n": 4}),
        ("chunks", "chunks", {"flow": "f", "ms": [1.0], "n": [3]}),
        ("markers", "marker", {"text": "here"}),
    ],
)
def test_each_kind_of_event_is_bounded_and_says_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    event: str,
    facts: dict[str, object],
) -> None:
    monkeypatch.setitem(LIMITS, kind, 3)
    lines = [
        line(event, n, **{k: v.format(n) if isinstance(v, str) else v for k, v in facts.items()})
        for n in range(5)
    ]
    found = parsed(tmp_path, "".join(lines).encode())
    assert found.problems == [f"2 {kind} of events.jsonl beyond the first 3 left out"]
    kept = {
        "requests": len(found.exchanges),
        "connections": len(found.connections),
        "lookups": len(found.lookups),
        "websocket frames": sum(map(len, found.frames.values())),
        "chunks": sum(len(facts.times) for facts in found.streams.values()),
        "markers": len(found.markers),
    }
    assert kept[kind] == 3


def test_a_connection_names_the_first_exchange_it_carried(tmp_path: Path) -> None:
    found = parsed(
        tmp_path,
        "".join(
            [
                request_line("f1", "/a", 1.0, c="c1"),
                line("connect", 1.1, c="c1", host="chatgpt.com", port=443),
                request_line("f2", "/b", 1.2, c="c1"),
                line("connect_error", 1.3, c="c1", error="refused", stage="tcp"),
                line("connect", 1.4, c="c2", host="chatgpt.com", port=443),
            ]
        ).encode(),
    )
    assert [row.get("flow") for row in found.connections.values()] == ["f1", None]
