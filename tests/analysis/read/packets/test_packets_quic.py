"""QUIC Initials: the RFCs' own samples, and connections of the corpus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from packets_build import ethernet, pcap, udp, written
from packets_corpus import ROOT, captures, each

from analysis.read.packets import read_packets
from analysis.read.packets.address import Peers
from analysis.read.packets.conversations import Conversations
from analysis.read.packets.quic import client_keys, crypto_frames, initial_payloads, long_header
from analysis.read.packets.quic_flows import QuicFlows
from analysis.read.packets.reassembly import Origin

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


QUIC_COUNTS = {
    "tcpdump__quic_retry.pcap": (12, 11, True, None),
    "tcpdump__quic_vn.pcap": (11, 14, False, ["0x00000001", "0x1a2a3a4a"]),
    "zeek__quicv2-http3-443.pcap": (8, 6, False, None),
    "zeek__chromium-115.0.5790.110-api-cirrus-com.pcap": (9, 10, False, None),
}


@pytest.mark.parametrize("name", QUIC_COUNTS)
def test_counts_retry_and_offered_versions(name: str) -> None:
    if not ROOT.is_dir():
        pytest.skip("the shared captures are not beside this repository")
    (row,) = read_packets(ROOT / "quic" / name)["quic"].to_dict("records")
    up, down, retry, versions = QUIC_COUNTS[name]
    assert (row["client_packets"], row["server_packets"], row["retry"]) == (up, down, retry)
    offered = row["offered_versions"]
    assert (list(offered) if hasattr(offered, "__len__") else None) == versions
    assert row["answer_ms"] > 0
    assert row["last_time"] > row["time"]


def test_two_connections_from_one_port() -> None:
    conversations = Conversations()
    flows = QuicFlows(conversations)
    peers = Peers("10.0.0.1", 50000, "192.0.2.1", 443)
    for frame, destination in ((1, b"first-id"), (2, b"first-id"), (3, b"other-id")):
        flows.add(9, 4, initial(destination), Origin(frame, frame * 10**9, 64, 1), peers)
    numbers = np.array([1, 2, 3, 4])
    flow, source = np.full(4, 9, np.uint64), np.array([4, 5, 4, 5], np.uint64)
    conversations.count(flow, source, numbers, numbers * 10**9, np.full(4, 100))
    columns = flows.columns("x")
    assert columns["frame"] == [1, 3]
    assert columns["client_packets"] == [1, 1]
    assert columns["server_packets"] == [1, 1]
    assert columns["answer_ms"] == [1000.0, 1000.0]


def initial(destination: bytes) -> bytes:
    """A client's Initial with a PING, protected as RFC 9001 section 5 says."""
    keys = client_keys(1, destination)
    plain = b"\1" + bytes(1100)
    size = len(plain) + 16 + 1
    head = b"\xc0\0\0\0\1" + bytes((len(destination),)) + destination + b"\0\0"
    head += (0x4000 | size).to_bytes(2) + b"\0"
    sealed = AESGCM(keys.key).encrypt(keys.iv, plain, head)
    encryptor = Cipher(algorithms.AES(keys.header), modes.ECB()).encryptor()
    mask = encryptor.update(sealed[3:19])
    return bytes((head[0] ^ mask[0] & 15,)) + head[1:-1] + bytes((mask[1],)) + sealed


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
