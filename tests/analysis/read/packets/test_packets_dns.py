"""The DNS parser against dnspython, and what hostile messages do to it."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from packets_build import ethernet, handshake, pcap, udp, written

from analysis.read.packets import read_packets
from analysis.read.packets.dns import Message, parse

LABEL = st.binary(min_size=1, max_size=12)
NAME = st.lists(LABEL, min_size=0, max_size=5).map(lambda labels: dns.name.Name([*labels, b""]))
TTL = st.integers(0, 2**31 - 1)


def text(name: dns.name.Name) -> str:
    """A name as the table writes it: RFC 1035 presentation, lower case, no final dot.

    Unlike dnspython's, UTF-8 is shown as the letters that it stands for.
    """
    labels = name.labels[:-1]
    return ".".join(_label(label) for label in labels).lower() or "."


def _label(label: bytes) -> str:
    try:
        letters = label.decode()
    except UnicodeDecodeError:
        letters = label.decode("ascii", "surrogateescape")
    return "".join(
        "\\" + c
        if c in ".\\"
        else c
        if c.isprintable() and not c.isspace()
        else "".join(f"\\{octet:03d}" for octet in c.encode("utf-8", "surrogateescape"))
        for c in letters
    )


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("Büro".encode(), "büro"),
        ("小佛專機".encode(), "小佛專機"),
        (b"B\xfcro", "b\\252ro"),
        ("a\u202eb".encode(), "a\\226\\128\\174b"),
        (b"a b", "a\\032b"),
        ("a\u00a0b".encode(), "a\\194\\160b"),
    ],
)
def test_names_beyond_ascii(label: bytes, shown: str) -> None:
    message = parse(header(questions=1) + bytes((len(label),)) + label + b"\0\0\1\0\1")
    assert message is not None
    assert message.qname == shown


@st.composite
def records(draw: st.DrawFn) -> dns.rrset.RRset:
    """A record of a type the table reads, or of one it steps over."""
    kind = draw(st.sampled_from(("A", "AAAA", "CNAME", "SOA", "TXT", "MX")))
    owner, other = draw(NAME), draw(NAME)
    data = {
        "A": lambda: str(IPv4Address(draw(st.integers(0, 2**32 - 1)))),
        "AAAA": lambda: str(IPv6Address(draw(st.integers(0, 2**128 - 1)))),
        "CNAME": other.to_text,
        "SOA": lambda: f"{other.to_text()} {draw(NAME).to_text()} 1 2 3 4 5",
        "TXT": lambda: '"some text"',
        "MX": lambda: f"10 {other.to_text()}",
    }[kind]()
    return dns.rrset.from_text(owner, draw(TTL), "IN", kind, data)


@st.composite
def messages(draw: st.DrawFn) -> dns.message.Message:
    """A message with up to four records in each section, and perhaps EDNS."""
    message = dns.message.make_query(draw(NAME), draw(st.sampled_from(("A", "HTTPS", "TYPE65400"))))
    message.id = draw(st.integers(0, 65535))
    if draw(st.booleans()):
        message = dns.message.make_response(message, recursion_available=draw(st.booleans()))
        message.answer = draw(st.lists(records(), max_size=4))
        message.authority = draw(st.lists(records(), max_size=2))
        message.additional = draw(st.lists(records(), max_size=2))
    if draw(st.booleans()):
        codes = draw(st.lists(st.integers(0, 65535), max_size=3))
        options = [dns.edns.EDEOption(code, f"text {code}") for code in codes]
        message.use_edns(0, options=options)
        if message.flags & dns.flags.QR:
            message.set_rcode(draw(st.integers(0, 4095)))
    return message


@given(messages())
@settings(max_examples=300, deadline=None)
def test_equal_to_dnspython(message: dns.message.Message) -> None:
    try:
        wire = message.to_wire()
    except dns.exception.DNSException:
        assume(False)
    # names are read back, because compression may have folded their case
    theirs = dns.message.from_wire(wire, one_rr_per_rrset=True)
    ours = parse(wire)
    assert ours is not None
    assert ours.whole
    assert ours.id == theirs.id
    assert ours.response == bool(theirs.flags & dns.flags.QR)
    assert ours.recursion_available == bool(theirs.flags & dns.flags.RA)
    assert ours.qname == text(theirs.question[0].name)
    assert ours.qtype == dns.rdatatype.to_text(theirs.question[0].rdtype)
    if ours.response:
        assert ours.rcode == theirs.rcode()
    expected = []
    for rrset in theirs.answer:
        if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            expected.append(rrset[0].address)
        elif rrset.rdtype == dns.rdatatype.CNAME:
            expected.append(text(rrset[0].target))
    assert ours.answers == expected
    assert ours.ttl_min == min((rrset.ttl for rrset in theirs.answer), default=None)
    assert ours.soa == [
        f"{text(rrset.name)} {text(rrset[0].mname)}"
        for rrset in theirs.authority
        if rrset.rdtype == dns.rdatatype.SOA
    ]
    assert ours.additional_soa == [
        text(rrset.name) for rrset in theirs.additional if rrset.rdtype == dns.rdatatype.SOA
    ]
    errors = [o for o in theirs.options if isinstance(o, dns.edns.EDEOption)]
    assert ours.ede == [int(error.code) for error in errors]
    assert ours.ede_text == [error.text or "" for error in errors]


@given(messages(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_cut_message_gives_what_stood_before(
    message: dns.message.Message, data: st.DataObject
) -> None:
    try:
        wire = message.to_wire()
    except dns.exception.DNSException:
        assume(False)
    whole = parse(wire)
    cut = data.draw(st.integers(12, len(wire)))
    part = parse(wire[:cut])
    assert whole is not None
    assert part is not None
    assert part.answers == whole.answers[: len(part.answers)]
    assert part.ede == whole.ede[: len(part.ede)]
    assert part.whole == (cut == len(wire))


@given(st.binary(min_size=12, max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_octets_are_parsed_without_an_error(octets: bytes) -> None:
    message = parse(octets)
    assert message is not None
    assert message.id == int.from_bytes(octets[:2])


def header(*, questions: int = 0, answers: int = 0) -> bytes:
    """The header of a response."""
    return struct.pack(">6H", 1, 0x8180, questions, answers, 0, 0)


@pytest.mark.parametrize(
    "body",
    [
        b"\xc0\x0c\0\1\0\1",  # a pointer to itself
        b"\1a\xc0\x0c\0\1\0\1",  # a pointer to its own name
        b"\xc0\x0e\xc0\x0c\0\1\0\1",  # two that point at each other
        b"\x40\0\0\1\0\1",  # a label type that does not exist
        b"\x3fabc",  # a label longer than the message
    ],
)
def test_names_that_never_end(body: bytes) -> None:
    message = parse(header(questions=1) + body)
    assert message is not None
    assert not message.whole
    assert message.qname is None


def test_a_message_of_pointers_to_pointers_takes_few_steps() -> None:
    # each name leads through all pointers before it: quadratic if nobody counts
    pointers = b"\0" + b"".join(
        (0xC000 | max(12, 13 + 2 * (i - 1) if i else 12)).to_bytes(2) for i in range(8000)
    )
    record = (0xC000 | 12 + 1 + 2 * 7999).to_bytes(2) + b"\0\1\0\1" + bytes(4) + b"\0\4" + b"abcd"
    message = parse(header(answers=4000) + b"\0" + pointers + record * 3000)
    assert message is not None
    assert not message.whole


def test_a_broken_name_in_a_record_spoils_only_that_record() -> None:
    broken = b"\0\0\5\0\1\0\0\0\5\0\2\xc0\x17"  # its target points at itself
    address = b"\0\0\1\0\1\0\0\0\5\0\4\1\2\3\4"
    message = parse(header(answers=2) + broken + address)
    assert message is not None
    assert (message.answers, message.whole) == (["1.2.3.4"], False)


def test_too_short_for_a_header() -> None:
    assert parse(b"\0" * 11) is None


QUERY = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\7ChatGPT\3com\0\0\1\0\1"
ANSWER = (
    b"\x12\x34\x81\x80\0\1\0\2\0\0\0\0\7ChatGPT\3com\0\0\1\0\1"
    b"\xc0\x0c\0\5\0\1\0\0\1\x2c\0\7\4edge\xc0\x14"
    b"\xc0\x29\0\1\0\1\0\0\0\x3c\0\4\xcb\0\x71\5"
)


def test_rows_over_udp(tmp_path: Path) -> None:
    frames = [ethernet(udp(QUERY)), ethernet(udp(ANSWER, to_server=False))] * 2
    rows = read_packets(written(tmp_path / "a.pcap", pcap(frames)))["dns"].to_dict("records")
    assert len(rows) == 4, "a repeated packet is a row of its own"
    query, answer = rows[:2]
    assert (query["qname"], query["qtype"], query["protocol"]) == ("chatgpt.com", "A", "dns")
    assert list(answer["answers"]) == ["edge.com", "203.0.113.5"]
    assert list(answer["cnames"]) == ["edge.com"]
    assert not answer["cut"]
    assert answer["ttl_min"] == 60
    assert answer["latency_ms"] == pytest.approx(10)
    assert (answer["ip_ttl"], answer["ip_id"]) == (61, 7)


def test_rows_over_tcp_however_it_is_cut(tmp_path: Path) -> None:
    up = len(QUERY).to_bytes(2) + QUERY
    down = len(ANSWER).to_bytes(2) + ANSWER
    payloads = [(True, up[:1]), (True, up[1:]), (False, down[:30]), (False, down[30:] + down)]
    frames = handshake(payloads=payloads, ports=(40000, 53))
    tables = read_packets(written(tmp_path / "a.pcap", pcap(frames)))
    rows = tables["dns"].to_dict("records")
    assert [(row["response"], row["transport"], row["frame"]) for row in rows] == [
        (False, "tcp", 5),
        (True, "tcp", 7),
        (True, "tcp", 7),
    ]
    assert rows[1]["latency_ms"] == pytest.approx(20)
    assert tables["tcp"]["app"].tolist() == ["dns"]


def test_other_ports_only_when_asked(tmp_path: Path) -> None:
    path = written(tmp_path / "a.pcap", pcap([ethernet(udp(QUERY, ports=(50000, 5335)))]))
    assert len(read_packets(path)["dns"]) == 0
    assert len(read_packets(path, dns_ports=frozenset({5335}))["dns"]) == 1


@pytest.mark.parametrize(("port", "name"), [(5353, "mdns"), (5355, "llmnr")])
def test_multicast_kinds_are_kept_apart(tmp_path: Path, port: int, name: str) -> None:
    path = written(tmp_path / "a.pcap", pcap([ethernet(udp(QUERY, ports=(50000, port)))]))
    assert read_packets(path)["dns"]["protocol"].tolist() == [name]


def test_a_snap_length_that_cuts_the_answer(tmp_path: Path) -> None:
    frame = ethernet(udp(ANSWER, to_server=False))
    path = written(tmp_path / "a.pcap", pcap([frame], snap=len(frame) - 5))
    (row,) = read_packets(path)["dns"].to_dict("records")
    assert list(row["answers"]) == ["edge.com"]
    assert row["cut"]


def test_defaults_of_a_message() -> None:
    message = parse(header())
    assert isinstance(message, Message)
    assert message.whole
    assert (message.qname, message.answers, message.ttl_min) == (None, [], None)


def test_behind_a_gap_the_length_may_stand_alone(tmp_path: Path) -> None:
    query = dns.message.make_query("chatgpt.com", "A").to_wire()
    missed = (True, bytes(40))
    said = [missed, (True, struct.pack(">H", len(query))), (True, query)]
    frames = handshake(payloads=said, ports=(40000, 53))
    del frames[3]
    path = written(tmp_path / "gap.pcap", pcap(frames))
    rows = read_packets(path)["dns"].to_dict("records")
    assert [(row["qname"], row["frame"], row["cut"]) for row in rows] == [("chatgpt.com", 5, False)]
