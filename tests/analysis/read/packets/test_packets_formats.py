"""Containers and link layers: the same packet must be found however it is wrapped."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import pytest
from packets_build import (
    CLIENT,
    NULL,
    PPP,
    RAW,
    SERVER,
    SLL,
    SLL2,
    block,
    enhanced,
    ethernet,
    interface,
    ipv4,
    ipv6,
    pcap,
    section,
    tcp,
    udp,
    udp_datagram,
    written,
)

from analysis.model.diagnosis import SourceKind
from analysis.model.frames import Tables
from analysis.read.packets import read_packets

QUERY = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\7chatgpt\3com\0\0\1\0\1"
PLAIN = udp(QUERY)


def read(tmp_path: Path, content: bytes) -> Tables:
    return read_packets(written(tmp_path / "some.pcap", content))


def names(tables: Tables) -> list[str]:
    return tables["dns"]["qname"].tolist()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap_variants(tmp_path: Path, order: str, nano: bool) -> None:
    content = pcap([ethernet(PLAIN)] * 2, order=order, nano=nano, start=1_700_000_000.25)
    tables = read(tmp_path, content)
    assert names(tables) == ["chatgpt.com"] * 2
    assert tables["dns"]["time"].tolist() == pytest.approx([1_700_000_000.25, 1_700_000_000.26])
    (source,) = tables.sources
    assert (source.kind, source.path, source.complete) == (SourceKind.PCAP, "some.pcap", True)
    assert source.sha256 == hashlib.sha256(content).hexdigest()
    assert source.first_seen == pytest.approx(1_700_000_000.25)
    assert source.last_seen == pytest.approx(1_700_000_000.26)


def test_gzip_of_several_members(tmp_path: Path) -> None:
    content = pcap([ethernet(PLAIN)] * 3)
    packed = gzip.compress(content[:100]) + gzip.compress(content[100:]) + bytes(8)
    tables = read(tmp_path, packed)
    assert names(tables) == ["chatgpt.com"] * 3
    assert tables.sources[0].complete


def test_name_of_the_source(tmp_path: Path) -> None:
    path = written(tmp_path / "x.pcap", pcap([ethernet(PLAIN)]))
    tables = read_packets(path, "packets.pcapng")
    assert tables["dns"]["source"].tolist() == ["packets.pcapng"]
    assert tables.sources[0].path == "packets.pcapng"


def test_no_packets_is_fine(tmp_path: Path) -> None:
    tables = read(tmp_path, pcap([]))
    assert tables.sources[0].complete
    assert tables.sources[0].first_seen is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_interfaces_and_resolutions(tmp_path: Path, order: str) -> None:
    frame = ethernet(PLAIN)

    def resolution(value: int) -> bytes:
        return struct.pack(order + "HHBxxx", 9, 1, value)

    offset = struct.pack(order + "HHq", 14, 8, 1_700_000_000)
    content = (
        section(order)
        + interface(order=order)
        + interface(order=order, options=resolution(9))
        + interface(RAW, order=order, options=resolution(3) + offset)
        + interface(order=order, options=resolution(0x80 | 10))
        + enhanced(frame, 1_700_000_000_500_000, order=order)
        + enhanced(frame, 1_700_000_000_500_000_000, number=1, order=order)
        + enhanced(PLAIN, 500, number=2, order=order)
        + enhanced(frame, 1_700_000_000 * 1024 + 512, number=3, order=order)
    )
    tables = read(tmp_path, content)
    assert tables["dns"]["frame"].tolist() == [1, 2, 3, 4]
    assert tables["dns"]["time"].tolist() == pytest.approx([1_700_000_000.5] * 4)


def test_pcapng_simple_and_old_packet_blocks(tmp_path: Path) -> None:
    frame = ethernet(PLAIN)
    simple = block(3, struct.pack("<I", len(frame)) + frame)
    stamp = 1_700_000_000_000_000
    old = block(
        2,
        struct.pack("<HHIIII", 0, 0, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
        + frame,
    )
    tables = read(tmp_path, section() + interface() + simple + old + block(5, bytes(12)))
    rows = tables["dns"].to_dict("records")
    assert [row["frame"] for row in rows] == [1, 2]
    assert tables["dns"]["time"].isna().tolist() == [True, False]
    assert rows[1]["time"] == pytest.approx(1_700_000_000)


def test_pcapng_sections_of_either_order(tmp_path: Path) -> None:
    parts = [
        section(order)
        + interface(order=order)
        + enhanced(ethernet(PLAIN), 1_700_000_000_000_000, order=order)
        for order in "<><"
    ]
    tables = read(tmp_path, b"".join(parts))
    assert tables["dns"]["frame"].tolist() == [1, 2, 3]


def vlan(number: int, kind: int = 0x8100) -> bytes:
    return struct.pack(">HH", kind, number)


@pytest.mark.parametrize(
    ("link", "frame"),
    [
        (1, ethernet(PLAIN, tags=vlan(5))),
        (1, ethernet(PLAIN, tags=vlan(5, 0x88A8) + vlan(6))),
        (1, ethernet(struct.pack(">BBHHH", 0x11, 0, 1, 9, 0x0021) + PLAIN, kind=0x8864)),
        (1, ethernet(struct.pack(">II", 16 << 12, 17 << 12 | 0x100) + PLAIN, kind=0x8847)),
        (1, ethernet(b"\xaa\xaa\3\0\0\0\x08\0" + PLAIN, kind=8 + len(PLAIN))),
        (SLL, bytes(14) + b"\x08\0" + PLAIN),
        (SLL2, b"\x08\0" + bytes(18) + PLAIN),
        (RAW, PLAIN),
        (12, PLAIN),
        (228, PLAIN),
        (NULL, b"\2\0\0\0" + PLAIN),
        (NULL, b"\0\0\0\2" + PLAIN),
        (108, b"\0\0\0\2" + PLAIN),
        (PPP, b"\xff\3\0\x21" + PLAIN),
        (PPP, b"\x21" + PLAIN),
        (51, struct.pack(">BBHHH", 0x11, 0, 1, 9, 0x0021) + PLAIN),
        (1, ethernet(ipv4(17, PLAIN[20:], options=b"\x94\4\0\0"))),
        (1, ethernet(ipv4(4, PLAIN))),
        (1, ethernet(ipv4(47, b"\0\0\x08\0" + PLAIN))),
        (1, ethernet(ipv4(47, b"\x30\0\x08\0" + bytes(8) + PLAIN))),
        (1, ethernet(ipv4(47, b"\0\0\x65\x58" + ethernet(PLAIN)))),
        (1, ethernet(udp(b"\x08" + bytes(7) + ethernet(PLAIN), ports=(3333, 4789)))),
    ],
)
def test_wrappings(tmp_path: Path, link: int, frame: bytes) -> None:
    (row,) = read(tmp_path, pcap([frame], link=link))["dns"].to_dict("records")
    assert (row["qname"], row["src"], row["dst"]) == ("chatgpt.com", CLIENT, SERVER)


@pytest.mark.parametrize("link", [105, 147, 65000])
def test_link_types_without_ip_give_nothing(tmp_path: Path, link: int) -> None:
    tables = read(tmp_path, pcap([ethernet(PLAIN)], link=link))
    assert len(tables["dns"]) == 0
    assert tables.sources[0].complete


def test_ipv6_with_extension_headers(tmp_path: Path) -> None:
    datagram = udp_datagram(QUERY, to_server=True, ports=(50000, 53))
    hop_by_hop, destination = b"\x3c\0" + bytes(6), b"\x11\1" + bytes(14)
    frame = ethernet(ipv6(0, hop_by_hop + destination + datagram))
    (row,) = read(tmp_path, pcap([frame]))["dns"].to_dict("records")
    assert (row["src"], row["dst"], row["ip_ttl"]) == ("2001:db8::1", "2001:db8::2", 60)
    assert row["qname"] == "chatgpt.com"


def test_ipv4_fragments_in_any_order(tmp_path: Path) -> None:
    whole = udp_datagram(QUERY, to_server=True, ports=(50000, 53))
    first, last = ipv4(17, whole[:16], fragment=0x2000), ipv4(17, whole[16:], fragment=2)
    for pieces in ([first, last], [last, first]):
        rows = read(tmp_path, pcap([ethernet(p) for p in pieces]))["dns"].to_dict("records")
        assert [(row["frame"], row["qname"]) for row in rows] == [(2, "chatgpt.com")]


def test_ipv6_fragments(tmp_path: Path) -> None:
    whole = udp_datagram(QUERY, to_server=True, ports=(50000, 53))
    pieces = [
        ipv6(44, struct.pack(">BBHI", 17, 0, 1, 77) + whole[:16]),
        ipv6(44, struct.pack(">BBHI", 17, 0, 16, 77) + whole[16:]),
    ]
    rows = read(tmp_path, pcap([ethernet(p) for p in pieces]))["dns"].to_dict("records")
    assert [row["qname"] for row in rows] == ["chatgpt.com"]


def test_a_lone_fragment_is_not_taken_for_a_packet(tmp_path: Path) -> None:
    frame = ethernet(ipv4(17, PLAIN[20:], fragment=0x2000))
    assert len(read(tmp_path, pcap([frame]))["dns"]) == 0


def test_ethernet_padding_is_not_payload(tmp_path: Path) -> None:
    frame = ethernet(tcp("A")) + bytes(6)
    (row,) = read(tmp_path, pcap([frame]))["tcp"].to_dict("records")
    assert (row["client_payload"], row["bytes"]) == (0, 60)


def test_many_blocks_number_frames_through(tmp_path: Path) -> None:
    bulk = ethernet(udp(bytes(60_000), ports=(1, 2)))
    frames = [bulk] * 80 + [ethernet(PLAIN)] + [bulk] * 80 + [ethernet(PLAIN)]
    tables = read(tmp_path, pcap(frames))
    assert tables["dns"]["frame"].tolist() == [81, 162]


@pytest.mark.parametrize("kind", [9, 0x0BAD, 0x40000BAD, 0x204])
def test_blocks_that_are_no_packets_take_numbers_as_in_wireshark(tmp_path: Path, kind: int) -> None:
    packet = ethernet(tcp("S"))
    other = block(kind, struct.pack("<I", 32473) + b"content!")
    ignored = block(0x77, bytes(16))
    content = section() + interface() + enhanced(packet, 1) + other + ignored + enhanced(packet, 2)
    (row,) = read_packets(written(tmp_path / "a.pcapng", content))["tcp"].to_dict("records")
    assert (row["packets"], row["first_frame"], row["last_frame"]) == (2, 1, 3)


@pytest.mark.parametrize(("offset", "packets"), [(0, 1), (185, 0)])
def test_of_fragments_that_were_cut_the_first_is_read(
    tmp_path: Path, offset: int, packets: int
) -> None:
    piece = ipv4(6, tcp("A")[20:] + bytes(1460), fragment=0x2000 | offset)
    path = written(tmp_path / "a.pcap", pcap([ethernet(piece)], snap=96))
    assert read_packets(path)["tcp"]["packets"].tolist() == [1] * packets


def test_a_snap_length_is_told(tmp_path: Path) -> None:
    long = [ethernet(tcp("A", payload=bytes(200))), ethernet(tcp("A", payload=bytes(300)))]
    cut = read_packets(written(tmp_path / "cut.pcap", pcap(long, snap=96)))["host"]
    assert list(zip(cut["section"], cut["name"], cut["value"], strict=True)) == [
        ("capture", "cut packets", "2"),
        ("capture", "snap length", "96"),
    ]
    assert read_packets(written(tmp_path / "whole.pcap", pcap(long)))["host"].empty


def statistics(dropped: int, *, order: str = "<", code: int = 5) -> bytes:
    """An interface statistics block that counts drops."""
    option = struct.pack(order + "HHQ", code, 8, dropped)
    return block(5, struct.pack(order + "III", 0, 0, 0) + option + bytes(4), order)


@pytest.mark.parametrize("order", ["<", ">"])
def test_what_the_capture_counts_as_dropped_is_a_problem(tmp_path: Path, order: str) -> None:
    frame = enhanced(ethernet(tcp("S")), 1, order=order)
    head = section(order) + interface(order=order) + frame
    tables = read(tmp_path, head + statistics(3, order=order) + statistics(41, order=order))
    assert "41 packets" in str(tables.sources[0].problems[0])


@pytest.mark.parametrize("count", [0, 2**64 - 1], ids=["none", "not-kept"])
def test_no_drops_are_no_problem(tmp_path: Path, count: int) -> None:
    content = section() + interface() + enhanced(ethernet(tcp("S")), 1) + statistics(count)
    assert read(tmp_path, content).sources[0].problems == ()
