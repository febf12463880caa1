"""Damaged and malicious files: no exception but InputError, nothing unbounded."""

from __future__ import annotations

import gzip
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packets_build import block, ethernet, handshake, interface, pcap, section, tcp, udp, written
from packets_corpus import ROOT, captures, each

from analysis.model.errors import InputError
from analysis.model.frames import Tables
from analysis.model.tables import SCHEMAS
from analysis.read.packets import looks_like_packets, read_packets

ROUNDS = 60


def read_octets(content: bytes) -> Tables | None:
    """Tables of a file with this content; None when it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "some.pcap", content)
        try:
            return read_packets(path)
        except InputError as error:
            assert str(error).endswith(".")
            return None


def sound(tables: Tables) -> None:
    """The result is whole: every table is there, and says what is wrong if not complete."""
    assert set(tables.frames) == set(SCHEMAS)
    (source,) = tables.sources
    assert source.complete == (not source.problems)
    assert source.sha256


@each(captures("malformed"))
def test_malformed_captures_of_the_corpus(path: Path) -> None:
    sound(read_packets(path))


@pytest.fixture(scope="module")
def good() -> list[bytes]:
    """Files to damage: made here, and from the corpus where it is at hand."""
    query = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\7chatgpt\3com\0\0\1\0\1"
    frames = [
        ethernet(udp(query)),
        *handshake(payloads=[(True, b"GET / HTTP/1.1\r\n")], ports=(5, 80)),
    ]
    records = b"".join(block(6, bytes(12) + len(f).to_bytes(4, "little") * 2 + f) for f in frames)
    corpus = [
        path.read_bytes()
        for path in captures()
        if 24 < path.stat().st_size < 20_000 and path.suffix != ".gz"
    ]
    return [pcap(frames), section() + interface() + records, *corpus]


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_truncation_anywhere(good: list[bytes], seed: int) -> None:
    chance = random.Random(seed)
    content = chance.choice(good)
    tables = read_octets(content[: chance.randrange(len(content))])
    if tables is not None:
        sound(tables)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_flipped_octets(good: list[bytes], seed: int) -> None:
    chance = random.Random(1000 + seed)
    content = bytearray(chance.choice(good))
    for _ in range(chance.choice((1, 10, 200))):
        content[chance.randrange(24, len(content))] = chance.choice((0, 255, chance.randrange(256)))
    tables = read_octets(bytes(content))
    if tables is not None:
        sound(tables)


@given(st.lists(st.binary(max_size=200), max_size=5), st.sampled_from((0, 1, 9, 51, 101, 113, 276)))
@settings(max_examples=60, deadline=None)
def test_any_octets_as_packets(frames: list[bytes], link: int) -> None:
    tables = read_octets(pcap(frames, link=link))
    assert tables is not None
    assert tables.sources[0].complete


@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=120)), max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_octets_on_a_connection(payloads: list[tuple[bool, bytes]]) -> None:
    for port in (443, 53, 1080):
        tables = read_octets(pcap(handshake(payloads=payloads, ports=(50000, port))))
        assert tables is not None
        assert len(tables["tcp"]) == 1


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "empty"), (b"hello, world", "neither"), (gzip.compress(b"hello", mtime=0), "neither")],
)
def test_no_capture_is_one_sentence(tmp_path: Path, content: bytes, word: str) -> None:
    with pytest.raises(InputError, match=word):
        read_packets(written(tmp_path / "notes.pcap", content))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="could not be opened"):
        read_packets(tmp_path / "absent.pcap")
    with pytest.raises(InputError, match="folder"):
        read_packets(tmp_path)


def test_cut_gzip_gives_what_unpacks(tmp_path: Path) -> None:
    chance = random.Random(1)
    frames = [ethernet(tcp("A", payload=chance.randbytes(900))) for _ in range(50)]
    packed = gzip.compress(pcap(frames))
    tables = read_packets(written(tmp_path / "cut.pcap.gz", packed[: len(packed) // 2]))
    assert 0 < tables["tcp"]["packets"].sum() < 50
    assert not tables.sources[0].complete


def test_impossible_packet_length_stops_with_a_problem(tmp_path: Path) -> None:
    good = pcap([ethernet(tcp("S"))])
    bad = bytes(8) + b"\xff\xff\xff\x7f" * 2
    tables = read_packets(written(tmp_path / "bad.pcap", good + bad + bytes(100)))
    assert len(tables["tcp"]) == 1
    assert "Packet 2 is damaged" in tables.sources[0].problems[0]


def test_pcapng_interface_that_was_never_described(tmp_path: Path) -> None:
    frame = ethernet(tcp("S"))
    head = (5).to_bytes(4, "little") + bytes(8) + len(frame).to_bytes(4, "little") * 2
    tables = read_packets(written(tmp_path / "x.pcapng", section() + block(6, head + frame)))
    assert len(tables["tcp"]) == 0


def test_recognition_by_first_octets() -> None:
    assert looks_like_packets(pcap([])[:4])
    assert looks_like_packets(pcap([], order=">", nano=True)[:4])
    assert looks_like_packets(section()[:4])
    assert looks_like_packets(gzip.compress(pcap([])))
    assert looks_like_packets(b"\x1f\x8b")
    assert not looks_like_packets(gzip.compress(b"GET / HTTP/1.1"))
    assert not looks_like_packets(b"HTTP")
    assert not looks_like_packets(b"")


def test_the_corpus_is_where_these_tests_look() -> None:
    if ROOT.is_dir():
        assert captures("malformed")
