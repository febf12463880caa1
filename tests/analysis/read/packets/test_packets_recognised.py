"""Tunnels and other recognised protocols: what is one, what only looks like one."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from packets_build import CLIENT, SERVER, ethernet, ipv4, pcap, udp, written
from packets_corpus import ROOT, captures, each

from analysis.model.frames import Tables
from analysis.read.packets import read_packets

type Sent = tuple[bool, bytes]

STUN_ASK = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)
STUN_ANSWER = b"\1\1\0\x08\x21\x12\xa4\x42" + bytes(20)
DTLS_HELLO = b"\x16\xfe\xfd" + bytes(8) + b"\0\x20" + b"\1\0\0\x14\0\0\0\0\0\0\0\x14" + bytes(20)
DTLS_ANSWER = DTLS_HELLO[:13] + b"\2" + DTLS_HELLO[14:]
WG_ASK, WG_ANSWER = b"\1\0\0\0" + b"a" * 144, b"\2\0\0\0" + b"b" * 88
SESSION = b"8\1\2\3\4\5\6\7\x08"
VPN_ASK = SESSION + bytes(5)
VPN_ANSWER = b"@12345678" + b"\1\0\0\0\0" + SESSION[1:] + bytes(4)
VPN_ASK_HMAC = SESSION + b"h" * 20 + struct.pack(">II", 1, 1_700_000_000) + bytes(5)
IKE = b"i" * 8 + bytes(8) + b"\x21\x20\x22\x08" + bytes(4) + (40).to_bytes(4) + bytes(12)
IKE_ANSWER = b"i" * 8 + b"r" * 8 + b"\x21\x20\x22\x20" + bytes(4) + (40).to_bytes(4) + bytes(12)
L2TP = b"\xc8\x02\0\x14" + bytes(8) + b"\x80\x08\0\0\0\0\0\1"
L2TP_ANSWER = L2TP[:-1] + b"\2"
NTP_ASK, NTP_ANSWER = b"\x23" + bytes(47), b"\x24" + bytes(47)


def tables(tmp_path: Path, frames: list[bytes], **how: Any) -> Tables:
    return read_packets(written(tmp_path / "some.pcap", pcap(frames, **how)))


def talk(sent: list[Sent], port: int) -> list[bytes]:
    """Frames of a conversation between port 50000 and `port`."""
    return [ethernet(udp(octets, to_server=up, ports=(50000, port))) for up, octets in sent]


@pytest.mark.parametrize(
    ("protocol", "port", "ask", "answer"),
    [
        ("stun", 3478, STUN_ASK, STUN_ANSWER),
        ("stun", 45_000, STUN_ASK, STUN_ANSWER),
        ("dtls", 443, DTLS_HELLO, DTLS_ANSWER),
        ("wireguard", 51820, WG_ASK, WG_ANSWER),
        ("wireguard", 500, WG_ASK, WG_ANSWER),
        ("openvpn", 1194, VPN_ASK, VPN_ANSWER),
        ("openvpn", 443, VPN_ASK_HMAC, VPN_ANSWER),
        ("ike", 500, IKE, IKE_ANSWER),
        ("ike", 4500, bytes(4) + IKE, bytes(4) + IKE_ANSWER),
        ("l2tp", 1701, L2TP, L2TP_ANSWER),
        ("ntp", 123, NTP_ASK, NTP_ANSWER),
    ],
    ids=[
        *("stun", "stun_elsewhere", "dtls", "wireguard", "wireguard_elsewhere", "openvpn"),
        *("openvpn_hmac", "ike", "ike_nat", "l2tp", "ntp"),
    ],
)
def test_asked_and_answered(
    tmp_path: Path, protocol: str, port: int, ask: bytes, answer: bytes
) -> None:
    frames = talk([(True, ask), (True, ask), (False, answer)], port)
    (row,) = tables(tmp_path, frames)["udp"].to_dict("records")
    assert row["protocol"] == protocol
    assert (row["client"], row["client_port"]) == (CLIENT, 50000)
    assert (row["server"], row["server_port"]) == (SERVER, port)
    assert (row["client_packets"], row["server_packets"]) == (2, 1)
    assert (row["requests"], row["responses"], row["answered"]) == (2, 1, True)
    assert row["answer_ms"] == pytest.approx(20)
    assert row["client_bytes"] == 2 * len(frames[0])


def test_a_capture_that_begins_with_the_answer(tmp_path: Path) -> None:
    (row,) = tables(tmp_path, talk([(False, WG_ANSWER)], 51820))["udp"].to_dict("records")
    assert (row["client"], row["client_port"], row["server_port"]) == (CLIENT, 50000, 51820)
    assert (row["client_packets"], row["server_packets"]) == (0, 1)


@pytest.mark.parametrize(
    ("name", "port", "ask", "answer"),
    [
        ("WireGuard", 51820, WG_ASK, WG_ANSWER),
        ("OpenVPN", 1194, VPN_ASK, VPN_ANSWER),
        ("IPsec", 500, IKE, IKE_ANSWER),
    ],
    ids=["wireguard", "openvpn", "ike"],
)
def test_a_tunnel_is_a_fact_of_the_host_once_it_is_answered(
    tmp_path: Path, name: str, port: int, ask: bytes, answer: bytes
) -> None:
    assert len(tables(tmp_path, talk([(True, ask)] * 3, port))["host"]) == 0
    (row,) = tables(tmp_path, talk([(True, ask), (False, answer)], port))["host"].to_dict("records")
    assert (row["section"], row["name"]) == ("tunnel", name)
    assert CLIENT in row["value"]
    assert SERVER in row["value"]


def test_neither_stun_nor_ntp_nor_dtls_is_a_tunnel(tmp_path: Path) -> None:
    frames = talk([(True, STUN_ASK), (False, STUN_ANSWER)], 3478)
    frames += talk([(True, NTP_ASK), (False, NTP_ANSWER)], 123)
    frames += talk([(True, DTLS_HELLO), (False, DTLS_ANSWER)], 443)
    found = tables(tmp_path, frames)
    assert len(found["udp"]) == 3
    assert len(found["host"]) == 0


def wireguard_data(number: int, index: bytes = b"same") -> bytes:
    return b"\4\0\0\0" + index + number.to_bytes(8, "little") + bytes(32)


def esp(number: int, spi: bytes = b"spi1") -> bytes:
    return spi + number.to_bytes(4) + bytes(60)


def openvpn_data(number: int, peer: bytes = b"H\0\0\0") -> bytes:
    return peer + number.to_bytes(4) + bytes(60)


@pytest.mark.parametrize(
    ("protocol", "port", "data"),
    [
        ("wireguard", 51820, wireguard_data),
        ("esp", 4500, esp),
        ("openvpn", 1194, openvpn_data),
    ],
    ids=["wireguard", "esp", "openvpn"],
)
def test_data_alone_is_believed_after_three_in_a_row(
    tmp_path: Path, protocol: str, port: int, data: Any
) -> None:
    two = talk([(True, data(8)), (True, data(9))], port)
    assert len(tables(tmp_path, two)["udp"]) == 0
    found = tables(tmp_path, two + talk([(True, data(10)), (False, data(1))], port))
    (row,) = found["udp"].to_dict("records")
    assert (row["protocol"], row["client_packets"], row["server_packets"]) == (protocol, 3, 1)
    assert len(found["host"]) == 1
    falling = talk([(True, data(number)) for number in (90, 60, 30, 9, 3)], port)
    assert len(tables(tmp_path, falling)["udp"]) == 0


def test_another_identifier_each_time_is_no_tunnel(tmp_path: Path) -> None:
    frames = talk([(True, wireguard_data(n, b"idx%d" % n)) for n in range(9)], 51820)
    assert len(tables(tmp_path, frames)["udp"]) == 0


@pytest.mark.parametrize(
    ("protocol", "payload", "name", "tunnel"),
    [
        (50, esp(1), "esp", "IPsec"),
        (51, b"\4\4\0\0" + esp(1), "ah", "IPsec"),
        (47, b"\x30\x01\x88\x0b" + bytes(20), "pptp", "PPTP"),
        (47, b"\0\0\x88\xbe" + bytes(20), "gre", "GRE"),
    ],
    ids=["esp", "ah", "pptp", "gre"],
)
def test_tunnels_without_ports(
    tmp_path: Path, protocol: int, payload: bytes, name: str, tunnel: str
) -> None:
    frames = [ethernet(ipv4(protocol, payload, to_server=up)) for up in (True, False, True)]
    found = tables(tmp_path, frames)
    (row,) = found["udp"].to_dict("records")
    assert (row["protocol"], row["client"], row["server"]) == (name, CLIENT, SERVER)
    assert (row["client_packets"], row["server_packets"]) == (2, 1)
    assert pd.isna(row["client_port"])
    assert found["host"]["name"].tolist() == [tunnel]


@pytest.mark.parametrize(
    ("protocol", "head", "name"),
    [(4, b"", "ipip"), (47, b"\0\0\x08\0", "gre")],
    ids=["ipip", "gre"],
)
def test_what_is_inside_and_what_carried_it(
    tmp_path: Path, protocol: int, head: bytes, name: str
) -> None:
    frames = [ethernet(ipv4(protocol, head + udp(NTP_ASK, ports=(50000, 123))))] * 2
    rows = tables(tmp_path, frames)["udp"].to_dict("records")
    assert [(row["protocol"], row["client_packets"]) for row in rows] == [(name, 2), ("ntp", 2)]


@pytest.mark.parametrize(
    "payload",
    [
        WG_ASK[:-1],
        b"\1\1\0\0" + WG_ASK[4:],
        STUN_ASK + b"more",
        STUN_ASK.replace(b"\x21\x12", b"\x21\x13"),
        DTLS_HELLO[:-1],
        VPN_ASK[:-1] + b"\1",
        b"8 octets of text",
        IKE[:-1],
        b"",
        b"\4\0\0\0",
    ],
    ids=range(10),
)
def test_near_misses(tmp_path: Path, payload: bytes) -> None:
    frames = talk([(True, payload), (False, payload)] * 4, 500)
    assert len(tables(tmp_path, frames)["udp"]) == 0


def test_random_octets_are_no_tunnel(tmp_path: Path) -> None:
    chance = random.Random(5)
    frames = [
        frame
        for port in (443, 500, 1194, 1701, 3478, 4500, 51820)
        for _ in range(60)
        for frame in talk([(True, chance.randbytes(chance.randrange(8, 300)))], port)
    ]
    assert len(tables(tmp_path, frames)["udp"]) == 0


def test_ports_of_tunnels_inside_dns_are_left_alone(tmp_path: Path) -> None:
    assert len(tables(tmp_path, talk([(True, STUN_ASK)], 53))["udp"]) == 0


@each([path for path in captures() if path.parent.name != "vpn"])
def test_no_tunnel_outside_the_captures_of_vpns(path: Path) -> None:
    found = read_packets(path)
    assert set(found["udp"]["protocol"]) <= {"ntp", "stun", "dtls"}
    assert not (found["host"]["section"] == "tunnel").any()


NDPI = {
    "arkime__IKEv1.pcap": [("ike", 13), ("esp", 296)],
    "ndpi__esp.pcapng": [("ike", 4), ("esp", 2)],
    "ndpi__openvpn-tlscrypt.pcap": [("openvpn", 13)],
    "ndpi__wireguard.pcap": [("wireguard", 22), ("wireguard", 30)],
}


@pytest.mark.parametrize("name", NDPI)
def test_tunnels_of_the_corpus_are_ndpis(name: str) -> None:
    if not ROOT.is_dir():
        pytest.skip("the shared captures are not beside this repository")
    rows = read_packets(ROOT / "vpn" / name)["udp"].to_dict("records")
    counts = [(row["protocol"], row["client_packets"] + row["server_packets"]) for row in rows]
    assert counts == NDPI[name]
