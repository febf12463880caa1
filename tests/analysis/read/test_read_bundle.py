"""Bundles: whole, broken in each part, packed, hostile, and two as one session."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from read_made import (
    START,
    check_schema,
    line,
    made_flow,
    made_socket,
    make_bundle,
    request_line,
    response_line,
    rows,
)
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from analysis.model.errors import InputError
from analysis.read import bundle as reader
from analysis.read import is_bundle_path, read_source, read_sources

PARTS = ["session.json", "events.jsonl", "flows.mitm"]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    first = made_flow("/cdn/assets/a.js", at=1)
    second = made_flow("/backend-api/me", at=2, status=401, kind="application/json")
    assert second.response is not None
    second.response.raw_content = b'{"detail":{"code":"token_expired","message":"Sign in"}}'
    journal = [
        line("start", 0),
        request_line(first.id, "/cdn/assets/a.js", 1),
        response_line(first.id, 1.1, 200, "text/javascript"),
        line("end", 1.2, flow=first.id, bytes=1),
        request_line(second.id, "/backend-api/me", 2),
        response_line(second.id, 2.1, 401, "application/json"),
        line("end", 2.2, flow=second.id, bytes=55),
        line("stop", 3),
    ]
    return make_bundle(tmp_path / "whole.chatpath", journal=journal, flows=[first, second])


def test_an_exchange_has_the_journals_times_and_the_flow_files_body(whole: Path) -> None:
    tables = read_source(whole)
    check_schema(tables)
    script, refused = rows(tables["http"])
    assert script["source"] == refused["source"] == "flows.mitm"
    assert (refused["status"], refused["error_code"]) == (401, "token_expired")
    assert refused["response_bytes"] == 55
    assert refused["ended"] == pytest.approx(START + 2.2)
    [source] = tables.sources
    assert (source.complete, source.problems) == (True, ())
    [facts] = tables.captures
    assert (facts.end_state, facts.packets_reason) == ("complete", "recorded with the addon alone")


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_part_is_named_and_the_others_are_read(whole: Path, part: str) -> None:
    (whole / part).unlink()
    tables = read_source(whole)
    check_schema(tables)
    assert len(tables["http"]) == 2
    assert f"{part} is missing" in tables.sources[0].problems
    assert not tables.sources[0].complete


@pytest.mark.parametrize("part", PARTS)
def test_an_empty_part_does_not_hide_the_others(whole: Path, part: str) -> None:
    (whole / part).write_bytes(b"")
    tables = read_source(whole)
    check_schema(tables)
    assert len(tables["http"]) == 2


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("junk", [b"\xff\x00\x1b[2J" * 50, b"{" * 5000, b"7:\xff", b"[]"])
def test_a_damaged_part_is_a_problem_and_the_others_are_read(
    whole: Path, part: str, junk: bytes
) -> None:
    (whole / part).write_bytes(junk)
    tables = read_source(whole)
    check_schema(tables)
    assert len(tables["http"]) == 2
    [source] = tables.sources
    assert not source.complete
    assert any(part in problem for problem in source.problems)
    assert all("\n" not in problem and "\x1b" not in problem for problem in source.problems)


def test_packets_that_cannot_be_read_are_a_problem(whole: Path) -> None:
    (whole / "packets.pcapng").write_bytes(b"no packets")
    tables = read_source(whole)
    assert len(tables["http"]) == 2
    assert "packets.pcapng" in tables.sources[0].problems[0]


def test_packets_that_should_be_there_are_missed(whole: Path) -> None:
    session = json.loads((whole / "session.json").read_text())
    session["packets"] = {"sampled": True, "written": 5}
    (whole / "session.json").write_text(json.dumps(session))
    assert read_source(whole).sources[0].problems == ("packets.pcapng is missing",)


def test_a_bundle_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "empty.chatpath"
    folder.mkdir()
    (folder / "events.jsonl").write_bytes(b"")
    with pytest.raises(InputError, match="record the session again"):
        read_source(folder)


def test_a_session_that_is_still_recording_ended_abruptly(whole: Path) -> None:
    session = json.loads((whole / "session.json").read_text())
    session["state"] = "recording"
    del session["ended"]
    (whole / "session.json").write_text(json.dumps(session))
    tables = read_source(whole)
    assert "abruptly" in tables.sources[0].problems[0]
    assert tables.captures[0].end_state == "abrupt"
    assert tables.captures[0].ended == START + 3


def test_what_only_the_flow_file_knows_of_the_last_moment_is_taken_from_there(
    tmp_path: Path,
) -> None:
    item = made_flow("/cdn/assets/a.js", at=1, headers={"cf-ray": "8f0-AMS"})
    journal = [request_line(item.id, "/cdn/assets/a.js", 1)]
    tables = read_source(make_bundle(tmp_path / "b.chatpath", journal=journal, flows=[item]))
    [row] = rows(tables["http"])
    assert (row["status"], row["cf_ray"]) == (200, "8f0-AMS")
    assert row["ended"] == pytest.approx(START + 1.1)


def test_without_its_journal_a_websocket_is_read_from_the_flow_file(tmp_path: Path) -> None:
    stand_in = b"[900 octets, text not kept]"
    socket = made_socket([(True, stand_in), (False, stand_in)], code=1006, by_client=False)
    bundle = make_bundle(tmp_path / "b.chatpath", flows=[socket])
    (bundle / "events.jsonl").unlink()
    tables = read_source(bundle)
    [row] = rows(tables["ws"])
    assert (row["close_code"], row["clean"], row["client_frames"]) == (1006, False, 1)
    assert tables["ws_frames"]["size"].tolist() == [900, 900]


HOSTILE_SESSIONS = [
    {"started": 1e300, "ended": "never", "packets": [], "host": {"resolvers": [None, "\ud800"]}},
    {"state": {}, "mode": ["x"], "listen": 5, "tool": {"\ud800": "\ud800"}, "format": 10**30},
    {"host": {"interfaces": [{"name": "\ud800"}] * 500, "routes": {"a": 1}, "proxies": []}},
    {"packets": {"written": 10**30, "dropped": -1, "reason": "\ud800" * 900}},
    {"dns_ports": ["x", -1, 10**30]},
]


@pytest.mark.parametrize("session", HOSTILE_SESSIONS)
def test_a_hostile_session_file_gives_tables_that_fit(
    tmp_path: Path, session: dict[str, object]
) -> None:
    check_schema(read_source(make_bundle(tmp_path / "b.chatpath", session=session)))


def zipped(folder: Path, place: str = "") -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in sorted(folder.iterdir()):
            archive.write(part, place + part.name)
    return path


@pytest.mark.parametrize("place", ["", "whole.chatpath/", "a/b/c/", "../../", "/etc/"])
def test_a_zip_reads_like_its_folder_and_writes_nowhere_else(
    whole: Path, place: str, tmp_path: Path
) -> None:
    path = zipped(whole, place)
    before = sorted(tmp_path.parent.rglob("*"))
    assert is_bundle_path(path)
    tables = read_source(path)
    assert sorted(tmp_path.parent.rglob("*")) == before
    assert rows(tables["http"]) == rows(read_source(whole)["http"])
    assert tables.sources[0].complete


def test_a_zip_without_a_bundle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(InputError, match="without a chatpath bundle"):
        read_source(path)


def test_parts_of_two_bundles_in_one_zip_are_not_mixed(whole: Path, tmp_path: Path) -> None:
    other = make_bundle(tmp_path / "other.chatpath", session={"mode": "other"})
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(other / "session.json", "other/session.json")
        for part in PARTS:
            archive.write(whole / part, f"whole/{part}")
    tables = read_source(path)
    assert len(tables["http"]) == 0
    assert "flows.mitm is missing" in tables.sources[0].problems


def flip_data(path: Path) -> None:
    """Damage the packed octets of the first entry, past its header."""
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("events.jsonl")
    names = struct.unpack_from("<HH", content, entry.header_offset + 26)
    at = entry.header_offset + 30 + sum(names) + entry.compress_size // 2
    content[at : at + 8] = b"\xff" * 8
    path.write_bytes(content)


def test_a_damaged_entry_of_a_zip_is_a_problem_and_the_others_are_read(whole: Path) -> None:
    path = zipped(whole)
    flip_data(path)
    tables = read_source(path)
    check_schema(tables)
    assert len(tables["http"]) == 2
    assert "events.jsonl is damaged in the zip" in tables.sources[0].problems[0]


@pytest.mark.parametrize("cut", [0.2, 0.6, 0.95])
def test_a_cut_zip_is_refused_in_one_sentence(whole: Path, cut: float) -> None:
    path = zipped(whole)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * cut)])
    with pytest.raises(InputError, match="pack the bundle again"):
        read_source(path)


def test_a_zip_bomb_is_cut_at_the_bound(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = whole / "events.jsonl"
    journal.write_bytes(journal.read_bytes() + b" " * 30_000_000)
    monkeypatch.setattr(reader, "MAX_SESSION", 1_000_000)
    monkeypatch.setattr(reader, "_COPY", 65536)
    written: list[int] = []
    read_journal = reader.read_journal

    def measure(path: Path, name: str) -> object:
        written.append(path.stat().st_size)
        return read_journal(path, name)

    monkeypatch.setattr(reader, "read_journal", measure)
    path = zipped(whole)
    tables = read_source(path)
    assert written[0] <= 100 * path.stat().st_size + 1_000_000 < 30_000_000
    assert any("unpacks to more" in problem for problem in tables.sources[0].problems)


def test_two_captures_are_one_session_with_their_own_names(whole: Path, tmp_path: Path) -> None:
    other = make_bundle(tmp_path / "other.chatpath", flows=[made_flow("/cdn/assets/b.js")])
    tables = read_sources([whole, other])
    check_schema(tables)
    assert set(tables["http"]["source"]) == {
        "whole.chatpath/flows.mitm",
        "other.chatpath/flows.mitm",
    }
    assert [source.path for source in tables.sources] == ["whole.chatpath", "other.chatpath"]
    assert len(tables.captures) == 2
    assert set(read_source(whole)["http"]["source"]) == {"flows.mitm"}


def write(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("gone.mitm", lambda path: None, "does not exist"),
        ("empty.pcap", lambda path: path.touch(), "is empty"),
        ("text.pcap", write(b"these are only words"), "neither a chatpath bundle"),
        ("page.har", write(b'{"log": {}}'), "no HAR that can be read"),
        ("folder", lambda path: path.mkdir(), "without a chatpath bundle"),
        ("bad.zip", write(b"PK\x03\x04" + b"x" * 40), "cannot be opened"),
    ],
)
def test_bad_input_is_refused_in_one_sentence_with_the_next_step(
    tmp_path: Path, name: str, make: Callable[[Path], None], words: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(InputError, match=words) as caught:
        read_source(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3


def test_har_beside_a_recording_counts_nothing_twice(whole: Path) -> None:
    """What the recorder saw too stands there once; what never left the browser is new."""
    before = read_source(whole)["http"]
    known, *_ = before[["host", "path"]].itertuples(index=False)
    (whole / "page.har").write_text(_har(f"https://{known.host}{known.path}", "/cdn/x.js"))
    after = read_source(whole)["http"]
    assert list(after["path"])[len(before) :] == ["/cdn/x.js"]


def _har(recorded: str, blocked: str) -> str:
    def entry(url: str, status: int, error: str | None) -> dict[str, object]:
        return {
            "startedDateTime": "2026-11-01T10:00:00.000Z",
            "time": 1,
            "request": {"method": "GET", "url": url, "headers": []},
            "response": {"status": status, "headers": [], "content": {}, "_error": error},
            "timings": {},
        }

    entries = [
        entry(recorded, 200, None),
        entry(f"https://chatgpt.com{blocked}", 0, "net::ERR_BLOCKED_BY_CLIENT"),
    ]
    return json.dumps({"log": {"version": "1.2", "entries": entries}})


def test_what_udp_and_icmp_packets_say_is_in_the_bundles_tables(whole: Path) -> None:
    client = IP(src="192.168.77.20", dst="20.162.96.163")
    asked = client / UDP(sport=50000, dport=3478) / bytes.fromhex("000100002112a442" + "00" * 12)
    told = IP(src="192.168.77.1", dst="192.168.77.20") / ICMP(type=3, code=3) / asked
    wrpcap(str(whole / "packets.pcapng"), [Ether() / asked, Ether() / told])
    tables = read_source(whole)
    [talk] = rows(tables["udp"])
    assert (talk["protocol"], talk["server"], talk["requests"]) == ("stun", "20.162.96.163", 1)
    [message] = rows(tables["icmp"])
    assert (message["type"], message["code"]) == (3, 3)
