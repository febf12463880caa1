"""Large files are read by two processes, and nothing in the tables shows it."""

import random
import struct
import subprocess
from collections.abc import Callable, Iterator
from io import BytesIO, FileIO
from mmap import mmap
from pathlib import Path
from types import NoneType
from typing import Any

import dns.message
import numpy as np
import pytest
from packets_build import (
    ETHERNET,
    enhanced,
    ethernet,
    handshake,
    interface,
    ipv4,
    ipv6,
    pcap,
    section,
    tcp,
    udp,
    written,
)

from analysis.model.errors import InputError
from analysis.model.frames import Tables
from analysis.read.packets import helper, read_packets, reading
from analysis.read.packets.address import Endpoints
from analysis.read.packets.block import Block
from analysis.read.packets.container import blocks
from analysis.read.packets.fragments import Fragments
from analysis.read.packets.helper import Helper, Shared
from analysis.read.packets.ip import datagrams
from analysis.read.packets.quiet import quiet_runs
from analysis.read.packets.relay import Sender, received
from analysis.read.packets.segments import Segments, segments_of
from analysis.read.packets.tcp_tables import Connections, Spoken

_FEW = 1 << 60


def _capture() -> bytes:
    """Connections of every kind that the processes share, mixed with lookups."""
    chance = random.Random(4)
    query = dns.message.make_query("chatgpt.com", "A", id=7).to_wire()
    frames = [ethernet(udp(query))]
    for number in range(40):
        ports = (40_000 + number, (443, 53, 1080, 80)[number % 4])
        payloads = {
            443: [(True, b"\x16\x03\x01\x00\x05hello"), (False, bytes(900))],
            53: [(True, struct.pack("!H", len(query)) + query)],
            1080: [(True, b"\5\1\0"), (False, b"\5\0"), (True, b"\5\1\0\3\7abc.net\1\xbb")],
            80: [(True, b"GET / HTTP/1.1\r\n")],
        }[ports[1]]
        more = [(True, b"\x16\x03\x01")] if ports[1] == 1080 else []
        frames += handshake(
            payloads=[*payloads, (False, b"\5\0\0\1\1\2\3\4\0\x50"), *more], ports=ports
        )
    chance.shuffle(frames)
    return pcap(frames, link=ETHERNET)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("helper") / "some.pcap", _capture())


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper, "_processors", lambda: 2)
    monkeypatch.setattr(helper, "WORTH", 1)


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What helpers have sent: the connections, and what was said on them."""
    found: list[object] = []
    for part in (Helper.connections, Helper.spoken):

        def noted(self: Helper, part: Callable[[Helper], object] = part) -> object:
            found.append(part(self))
            return found[-1]

        monkeypatch.setattr(Helper, part.__name__, noted)
    return found


def _alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> Tables:
    with monkeypatch.context() as patch:
        patch.setattr(helper, "WORTH", _FEW)
        return read_packets(path)


def _equal(some: Tables, other: Tables) -> bool:
    return all(some[name].equals(other[name]) for name in some.frames)


def test_two_processes_give_the_same_tables(
    capture: Path, results: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = read_packets(capture)
    assert list(map(type, results)) == [Connections, Spoken]
    alone = _alone(capture, monkeypatch)
    assert len(alone["dns"]) > 1
    assert alone["tcp"]["stream"].max() >= len(alone["tcp"])  # what SOCKS carries counts
    assert _equal(together, alone)
    assert together.sources == alone.sources


def _odd_packets() -> list[bytes]:
    """Segments in two fragments, in a tunnel, over IPv6, and cut short."""
    hello = b"\x16\x03\x01\x00\x05hello" + bytes(40)
    whole = tcp("PA", seq=100, ack=200, payload=hello)[20:]
    fragments = [ipv4(6, whole[:32], fragment=0x2000), ipv4(6, whole[32:], fragment=4)]
    inner = tcp("PA", seq=7, ack=9, payload=hello, ports=(50_001, 443))
    return [
        *handshake(payloads=[], ports=(50_000, 443)),
        *map(ethernet, fragments),
        ethernet(ipv4(47, b"\0\0\x08\0" + inner)),
        ethernet(ipv6(6, tcp("S", seq=1, ports=(50_002, 443))[20:])),
        ethernet(tcp("PA", seq=3, payload=hello, ports=(50_003, 443)))[:70],
    ]


def test_what_is_not_in_the_file_as_it_is_reaches_the_helper(
    tmp_path: Path, results: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    packets = [
        enhanced(frame, index, number=index % 2) for index, frame in enumerate(_odd_packets())
    ]
    content = b"".join([section(), interface(), interface(), *packets])
    path = written(tmp_path / "odd.pcapng", content)
    together = read_packets(path)
    assert list(map(type, results)) == [Connections, Spoken]
    assert set(together["tcp"]["app"].dropna()) == {"tls"}
    assert set(together["tcp"]["interface"]) == {0, 1}
    assert _equal(together, _alone(path, monkeypatch))


def _first_block(path: Path) -> tuple[Block, Segments]:
    with path.open("rb") as stream:
        found = next(blocks(stream, path.name, [], packed=False))
        datagram = datagrams(found, Fragments())
        segments = segments_of(found, datagram, Endpoints().ends(datagram))
    assert segments is not None
    return found, segments


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    path = written(tmp_path / "area", b"")
    with FileIO(path, "r+") as file:
        file.truncate(helper.AREA)
        with mmap(file.fileno(), helper.AREA) as area:
            yield Shared(file, area)


def test_a_file_that_becomes_shorter_ends_the_helper(tmp_path: Path, shared: Shared) -> None:
    path = written(tmp_path / "some.pcap", _capture())
    block, segments = _first_block(path)
    pipe, done = BytesIO(), BytesIO()
    Sender(pipe, done, shared).send(block, segments, quiet_runs(segments))
    path.write_bytes(_capture()[:1000])
    pipe.seek(0)
    with FileIO(path) as capture, pytest.raises(EOFError, match="shorter"):
        list(received(pipe, done, shared.area, capture))


def test_what_is_lent_is_not_written_to(tmp_path: Path, shared: Shared) -> None:
    path = written(tmp_path / "some.pcap", _capture())
    block, segments = _first_block(path)
    pipe, back, given = BytesIO(), BytesIO(b"....."), BytesIO()
    sender = Sender(pipe, back, shared)
    quiet = quiet_runs(segments)
    for _ in range(11):
        sender.send(block, segments, quiet)
    # six may wait: five had to be given back, and their places are used again
    assert len(back.read()) == 0
    with pytest.raises(EOFError, match="gone"):
        sender.wait()
    sender.end()
    pipe.seek(0)
    with FileIO(path) as capture:
        taken = list(received(pipe, given, shared.area, capture))
    assert given.getvalue() == b"." * 11
    for some, runs in taken:
        assert all(
            (getattr(some, name) == getattr(segments, name)).all()
            for name in Segments.__slots__
            if name != "data"
        )
        assert runs.runs() == quiet.runs()
        assert (runs.finish == quiet.finish).all()
        assert all(map(np.array_equal, runs.data + runs.renewed, quiet.data + quiet.renewed))


def test_an_area_that_is_full_is_said(tmp_path: Path, shared: Shared) -> None:
    path = written(tmp_path / "some.pcap", _capture())
    block, segments = _first_block(path)
    with mmap(shared.file.fileno(), 4096) as small, pytest.raises(OSError, match="more than"):
        Sender(BytesIO(), BytesIO(), Shared(shared.file, small)).send(
            block, segments, quiet_runs(segments)
        )


@pytest.mark.parametrize(
    ("start", "sent"),
    [
        pytest.param("raise SystemExit(3)", [NoneType], id="at once"),
        pytest.param(
            helper._START.replace(
                "serve(",
                "import analysis.read.packets.following as f; f.Following.spoken = exit; serve(",
            ),
            [Connections, NoneType],
            id="half way",
        ),
        pytest.param("print(b'.' * 99)", [NoneType], id="that talks nonsense"),
    ],
)
def test_a_helper_that_dies_is_made_up_for(
    capture: Path,
    results: list[object],
    start: str,
    sent: list[type],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(helper, "_START", start)
    assert _equal(read_packets(capture), _alone(capture, monkeypatch))
    assert list(map(type, results)) == sent


def test_without_processes_one_does_all(
    capture: Path, results: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(subprocess, "Popen", refused)
    assert _equal(read_packets(capture), _alone(capture, monkeypatch))
    assert results == []


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(KeyboardInterrupt(), id="interrupted"),
        pytest.param(InputError("It is cut off."), id="unreadable"),
    ],
)
def test_no_helper_stays_behind(
    capture: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def noted(*args: Any, **more: Any) -> subprocess.Popen[bytes]:
        started.append(start(*args, **more))
        return started[-1]

    def stopped(*_: object) -> None:
        raise error

    monkeypatch.setattr(subprocess, "Popen", noted)
    monkeypatch.setattr(reading, "datagrams", stopped)
    with pytest.raises(type(error)):
        read_packets(capture)
    assert [process.returncode is not None for process in started] == [True]


def test_both_stop_where_the_file_ended_at_first(tmp_path: Path) -> None:
    path = written(tmp_path / "growing.pcap", _capture())
    limit = path.stat().st_size
    with path.open("ab") as stream:
        stream.write(_capture()[24:])
    with path.open("rb") as stream:
        found = list(blocks(stream, path.name, [], packed=False, limit=limit))
    assert sum(map(len, found)) == found[-1].frame[-1]
    assert found[-1].offset[-1] + found[-1].caplen[-1] == limit
