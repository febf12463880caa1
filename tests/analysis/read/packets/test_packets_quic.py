"""QUIC Initials: the RFCs' own samples, and connections of the corpus."""

from __future__ import annotations

from pathlib import Path

import pytest
from packets_build import ethernet, pcap, udp, written
from packets_corpus import ROOT, captures, each

from analysis.read.packets import read_packets
from analysis.read.packets.quic import client_keys, crypto_frames, initial_payloads, long_header

DESTINATION = bytes.fromhex("8394c8f03e515708")


@pytest.mark.parametrize(
    ("version", "key", "iv", "header"),
    [
        (
            1,  # RFC 9001 appendix A.1
            "1f369613dd76d5467730efcbe3b1a22d",
            "fa044b2f42a3fd3b46fb255c",
            "9f50449e04a0e810283a1e9933adedd2",
        ),
        (
            0x6B3343CF,  # RFC 9369 appendix A.1
            "8b1a0bc121284290a29e0971b5cd045d",
            "91f73e2351d8fa91660e909f",
            "45b95e15235d6f45a6b19cbcb0294ba9",
        ),
    ],
)
def test_keys_of_the_rfcs(version: int, key: str, iv: str, header: str) -> None:
    keys = client_keys(version, DESTINATION)
    assert (keys.key.hex(), keys.iv.hex(), keys.header.hex()) == (key, iv, header)


@each(captures("quic"))
def test_every_connection_of_the_corpus_is_read(path: Path) -> None:
    rows = read_packets(path)["quic"].to_dict("records")
    assert rows
    for row in rows:
        assert row["ja4"].startswith(("q13", "q00")), "00 is for a draft of TLS 1.3"
        assert len(list(row["alpn"])) >= 1


def test_answered_or_not() -> None:
    if not ROOT.is_dir():
        pytest.skip("the shared captures are not beside this repository")
    blocked = read_packets(ROOT / "quic" / "gfw-report__quic_victim_client_anon.pcap")["quic"]
    assert set(blocked["sni"]) == {"http3check.net"}
    assert not blocked["answered"].all()
    chrome = "zeek__chromium-115.0.5790.110-api-cirrus-com.pcap"
    assert read_packets(ROOT / "quic" / chrome)["quic"]["answered"].tolist() == [True]


def test_what_only_looks_like_quic(tmp_path: Path) -> None:
    junk = b"\xc0\0\0\0\1\x08" + bytes(1300)
    frames = [ethernet(udp(junk, ports=(50000, 443))), ethernet(udp(b"\xc0", ports=(50000, 443)))]
    path = written(tmp_path / "some.pcap", pcap(frames))
    assert len(read_packets(path)["quic"]) == 0


@pytest.mark.parametrize("size", [0, 6, 7, 20, 60])
def test_short_headers_are_refused(size: int) -> None:
    octets = (b"\xc3\0\0\0\1\x08" + DESTINATION + b"\x08" + DESTINATION + bytes(60))[:size]
    header = long_header(octets)
    assert header is None or header.destination == DESTINATION
    assert initial_payloads(octets, client_keys(1, DESTINATION)) == []


def test_frames_that_lie_about_their_length() -> None:
    assert crypto_frames(b"\0\1\6\0\2ab") == [(0, b"ab")]
    assert crypto_frames(b"\6\0\x40\xffab") == []
    assert crypto_frames(b"\2\0\0\xff" + b"\xff" * 7) == []
    assert crypto_frames(b"\x1c") == []
