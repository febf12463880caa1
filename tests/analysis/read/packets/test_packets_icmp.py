"""ICMP errors and the activity per second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from packets_build import (
    CLIENT,
    SERVER,
    ethernet,
    ipv4,
    ipv6,
    pcap,
    tcp,
    udp,
    udp_datagram,
    written,
)

from analysis.read.packets import icmp, read_packets
from analysis.read.packets.icmp import quoted

LOST = tcp("S", ports=(50000, 443))


def errors(tmp_path: Path, packets: list[bytes]) -> list[dict[str, Any]]:
    frames = [ethernet(packet) for packet in packets]
    return read_packets(written(tmp_path / "a.pcap", pcap(frames)))["icmp"].to_dict("records")


@pytest.mark.parametrize(
    ("head", "kind", "code", "mtu"),
    [
        (b"\3\1\0\0\0\0\0\0", 3, 1, None),
        (b"\3\4\0\0\0\0\x05\x14", 3, 4, 1300),
        (b"\3\4\0\0\0\0\0\0", 3, 4, None),
        (b"\x0b\0\0\0\0\0\0\0", 11, 0, None),
    ],
    ids=["unreachable", "too_big", "too_big_old", "time_exceeded"],
)
def test_errors_name_the_packet(
    tmp_path: Path, head: bytes, kind: int, code: int, mtu: int | None
) -> None:
    (row,) = errors(tmp_path, [ipv4(1, head + LOST[:28], to_server=False)])
    assert (row["src"], row["dst"]) == (SERVER, CLIENT)
    assert (row["type"], row["code"]) == (kind, code)
    assert (None if pd.isna(row["mtu"]) else row["mtu"]) == mtu
    assert (row["protocol"], row["client"], row["server"]) == ("tcp", CLIENT, SERVER)
    assert (row["client_port"], row["server_port"]) == (50000, 443)


def test_too_big_in_ipv6(tmp_path: Path) -> None:
    about = ipv6(0, b"\x11\0" + bytes(6) + b"\xc3\x50\x01\xbb\0\0\0\0")
    (row,) = errors(tmp_path, [ipv6(58, b"\2\0\0\0" + (1280).to_bytes(4) + about)])
    assert (row["type"], row["mtu"], row["protocol"]) == (2, 1280, "udp")
    assert (row["client"], row["client_port"]) == ("2001:db8::1", 50000)
    assert (row["server"], row["server_port"]) == ("2001:db8::2", 443)


@pytest.mark.parametrize("size", [0, 1, 12, 19, 20, 21, 23])
def test_short_quotes(tmp_path: Path, size: int) -> None:
    (row,) = errors(tmp_path, [ipv4(1, b"\3\1" + bytes(6) + LOST[:size])])
    assert (not pd.isna(row["client"])) == (size >= 20)
    assert pd.isna(row["client_port"])


def test_a_later_fragment_has_no_ports() -> None:
    about = quoted(ipv4(17, b"\1\2\3\4\5\6\7\x08", fragment=100))
    assert about is not None
    assert (about.protocol, about.client_port) == ("udp", None)


def test_echo_is_no_error(tmp_path: Path) -> None:
    assert errors(tmp_path, [ipv4(1, b"\x08\0" + bytes(30)), ipv6(58, b"\x80\0" + bytes(30))]) == []


def test_too_many_are_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(icmp, "MAX_ERRORS", 2)
    frames = [ethernet(ipv4(1, b"\3\1" + bytes(6) + LOST))] * 3
    tables = read_packets(written(tmp_path / "a.pcap", pcap(frames)))
    assert len(tables["icmp"]) == 2
    assert "first 2 ICMP errors" in tables.sources[0].problems[0]


def test_activity_per_second(tmp_path: Path) -> None:
    frames = [
        ethernet(packet)
        for packet in (
            tcp("S", ports=(1, 443)),
            tcp("SA", to_server=False, ports=(1, 443)),
            tcp("S", ports=(2, 443)),
            udp(b"x", ports=(1, 443)),
            ipv4(1, bytes(8)),
            tcp("S", ports=(443, 1)),
        )
    ]
    path = written(tmp_path / "a.pcap", pcap(frames, step=0.25))
    first, second = read_packets(path)["activity"].to_dict("records")
    assert (first["time"], second["time"]) == (1_700_000_000.0, 1_700_000_001.0)
    assert (first["packets"], second["packets"]) == (4, 2)
    assert first["bytes"] == sum(map(len, frames[:4]))
    assert (first["connections"], first["senders"]) == (3, 2)
    assert (second["connections"], second["senders"]) == (1, 1)


def test_what_a_machine_says_to_itself_is_no_sender(tmp_path: Path) -> None:
    lookup = udp(b"x")
    inside = lookup[:12] + bytes((127, 0, 0, 1, 127, 0, 0, 53)) + lookup[20:]
    six = ipv6(17, udp_datagram(b"x", to_server=True, ports=(1, 53)))
    own = six[:8] + (bytes(15) + b"\1") * 2 + six[40:]
    frames = [ethernet(packet) for packet in (inside, own, lookup)]
    (second,) = read_packets(written(tmp_path / "a.pcap", pcap(frames, step=0.1)))[
        "activity"
    ].to_dict("records")
    assert (second["packets"], second["senders"]) == (3, 1)


def test_seconds_out_of_order_and_without_time(tmp_path: Path) -> None:
    later = pcap([ethernet(LOST)] * 3, start=1000, step=-1)
    rows = read_packets(written(tmp_path / "a.pcap", later))["activity"]
    assert rows["time"].tolist() == [998.0, 999.0, 1000.0]
    assert rows["packets"].tolist() == [1, 1, 1]
    timeless = written(tmp_path / "b.pcap", pcap([ethernet(LOST)], start=0))
    assert len(read_packets(timeless)["activity"]) == 0


def _about(port: int, octets: int = 40) -> bytes:
    """An ICMP error about a connection from `port`, which quotes so many octets of its SYN."""
    segment = tcp("S", ports=(port, 443))
    return ethernet(ipv4(1, b"\x03\x01\0\0\0\0\0\0" + segment[:octets], to_server=False))


def test_quoted_connections_take_numbers_as_in_wireshark(tmp_path: Path) -> None:
    # the numbers are those that tshark 4.0 gives to these frames
    frames = [
        ethernet(tcp("S", ports=(1000, 443))),
        _about(1000),
        _about(2000),
        _about(2500, octets=28),
        ethernet(tcp("S", ports=(3000, 443))),
        ethernet(tcp("S", ports=(2000, 443))),
        ethernet(tcp("S", ports=(2500, 443))),
        _about(5200, octets=36),
        _about(5300, octets=35),
        ethernet(tcp("S", ports=(6000, 443))),
    ]
    table = read_packets(written(tmp_path / "a.pcap", pcap(frames)))["tcp"]
    numbers = dict(zip(table["client_port"], table["stream"], strict=True))
    assert numbers == {1000: 0, 2000: 1, 3000: 2, 2500: 3, 6000: 5}


def test_who_asks_for_an_address_joins(tmp_path: Path) -> None:
    asked = udp(b"x", ports=(68, 67))
    nobody = asked[:12] + bytes(4) + bytes((255,) * 4) + asked[20:]
    frames = [ethernet(packet) for packet in (nobody, asked)]
    (second,) = read_packets(written(tmp_path / "a.pcap", pcap(frames, step=0.1)))[
        "activity"
    ].to_dict("records")
    assert (second["packets"], second["joins"]) == (2, 1)
