"""Every table of every shared capture against Wireshark's own answer, field by field.

Where chatpath differs on purpose the difference is in a table below, with its reason.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import dns.rdatatype
import pandas as pd
import pytest
from packets_corpus import capture_of, each, rows, truths

from analysis.read.packets import read_packets

NO_DNS_PORT = "DNS on a port that is not a DNS port; Wireshark guesses, chatpath does not"
DNS_IN_HTTP = "DNS carried in clear HTTP/2 is not unpacked"
NO_HEADER = "fewer octets than a DNS header has"
CUT_QUESTION = "Wireshark shows a name only when the rest of the question is there too"
BAD_LABEL = "the question has a label type that does not exist: what follows is not the type"
DNS_LEFT_OUT = {
    ("suricata-verify__dns_over_https.pcap", None): DNS_IN_HTTP,
    ("ndpi__fuzz-2006-06-26-2594.pcap", None): NO_DNS_PORT,
}
SIMULTANEOUS = "both sides sent a SYN; the column counts the client's"
TCP_DIFFERENT = {("suricata-verify__split-handshake-4whs.pcap", "syns"): SIMULTANEOUS}
SSL2 = "SSL 2.0: only the ClientHello is read"
DECRYPTED = "Wireshark decrypts with the keys in the capture"
TLS_DIFFERENT = {
    ("zeek__ssl-v2.pcap", "server_hello_frame"): SSL2,
    ("zeek__ssl-v2.pcap", "not_before"): SSL2,
    ("wireshark__tls12-dsb.pcapng", "alert"): DECRYPTED,
    ("ja4__chrome-cloudflare-quic-with-secrets.pcapng", "not_before"): DECRYPTED,
}
MERGED = "Wireshark decrypts the first connection only; the captured Initials are all alike"
RETRIED = "Wireshark does not decrypt the Initial that came before the version negotiation"
MORE_HELLOS = {
    "censorship-detection__tripwire-1597963966.pcap": (
        "ClientHellos behind a forged reset, which Wireshark takes for retransmissions, "
        "and on port 80, where Wireshark expects HTTP"
    )
}
FIRST_INITIAL = "the row names the first Initial, Wireshark the one that completes the hello"
QUIC_DIFFERENT = {
    "gfw-report__quic_victim_client_anon.pcap": MERGED,
    "tcpdump__quic_vn.pcap": RETRIED,
    "ndpi__quic_frags_ch_in_multiple_packets.pcapng": FIRST_INITIAL,
}


def table(path: Path, name: str) -> list[dict[str, Any]]:
    """Rows of a table with None for every missing value."""
    frame = read_packets(path)[name]
    return [{key: _plain(value) for key, value in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return None if not isinstance(value, list) and pd.isna(value) else value


TCP_COLUMNS = {
    "stream": "stream",
    "client": "a_addr",
    "client_port": "a_port",
    "server": "b_addr",
    "server_port": "b_port",
    "packets": "packets",
    "bytes": "bytes",
    "client_payload": "payload_a_to_b",
    "server_payload": "payload_b_to_a",
    "retransmissions": "retransmissions",
    "out_of_order": "out_of_order",
    "lost_segments": "lost_segments",
    "dup_acks": "dup_acks",
    "zero_window": "zero_window",
    "client_fin": "fin_a",
    "server_fin": "fin_b",
    "client_rst": "rst_a",
    "server_rst": "rst_b",
    "syns": "syn",
}


@each(truths("tcp"))
def test_tcp_table_is_wiresharks(path: Path) -> None:
    capture = capture_of(path)
    expected, found = rows(path), table(capture, "tcp")
    assert len(found) == len(expected)
    for want, have in zip(expected, found, strict=True):
        for ours, theirs in TCP_COLUMNS.items():
            if (capture.name, ours) not in TCP_DIFFERENT:
                assert str(have[ours]) == want[theirs], (want["stream"], ours)
        rtt = float(want["initial_rtt"]) * 1e3 if want["initial_rtt"] else None
        assert have["initial_rtt_ms"] == (rtt and pytest.approx(rtt, abs=1e-6))
        for ours in ("first_time", "last_time"):
            assert (have[ours] or 0) == pytest.approx(float(want[ours]), abs=1e-6)


def _shown(names: str) -> str:
    """The first of several questions; Wireshark has words for the root and for no name at all."""
    first = names.split(";", maxsplit=1)[0].lower()
    return {"<root>": ".", "<unknown extended label>": ""}.get(first, first)


def _comparable(name: str) -> str:
    """Octets that are not printable are escaped here; Wireshark writes dots or U+FFFD for them."""
    if "\\" in name or "\ufffd" in name or "..." in name:
        return re.sub(r"\\(\d{3}|[abfnrtv]|\\)?|\ufffd|\.", "", name)
    return name


@each(truths("dns"))
def test_dns_table_is_wiresharks(path: Path) -> None:
    capture = capture_of(path)
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in table(capture, "dns"):
        found[row["frame"]].append(row)
    for want in rows(path):
        number = int(want["frame"])
        if not found[number]:
            on_port = {want["sport"], want["dport"]} & {"53", "5353", "5355"}
            assert (capture.name, None) in DNS_LEFT_OUT
            assert not on_port or not want["qname"], NO_HEADER
            continue
        have = found[number].pop(0)
        assert have["protocol"] == want["layer"]
        assert have["transport"] == want["transport"]
        assert (have["src"], str(have["src_port"])) == (want["src"], want["sport"])
        assert (have["dst"], str(have["dst_port"])) == (want["dst"], want["dport"])
        assert have["id"] == int(want["id"], 16)
        assert have["response"] == (want["qr"] == "R")
        assert have["truncated"] == (want["tc"] == "1")
        if want["qname"]:
            assert _comparable(have["qname"] or "") == _comparable(_shown(want["qname"]))
        else:
            assert have["qtype"] is None, CUT_QUESTION
        if want["qtype"] and have["qname"] is not None:
            assert have["qtype"] == dns.rdatatype.to_text(int(want["qtype"].split(";")[0]))
        else:
            assert have["qtype"] is None, BAD_LABEL
        # Wireshark has no field for the upper bits that EDNS adds
        rcode = "" if have["rcode"] is None else str(have["rcode"] & 15)
        assert rcode == want["rcode"]
        assert [str(code) for code in have["ede"]] == [c for c in want["ede"].split(";") if c]
        # Wireshark's fields gather all sections, the column holds the answer section
        everything = [
            text.lower()
            for name in ("a", "aaaa", "cname")
            for text in want[name].split(";")
            if text
        ]
        assert Counter(have["answers"]) <= Counter(everything)
    assert not [row for left in found.values() for row in left]


@each(truths("tls"))
def test_client_hellos_are_wiresharks(path: Path) -> None:
    capture = capture_of(path)
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for name in ("tls", "quic"):
        for row in table(capture, name):
            found[row["frame"]].append(row)
    if capture.name in QUIC_DIFFERENT:
        names = {row["sni"] for row in rows(path) if row["sni"]}
        assert names <= {row["sni"] for mine in found.values() for row in mine}
        return
    for want in rows(path):
        for _ in range(want["hs_types"].split(";").count("1")):
            have = found[int(want["frame"])].pop(0)
            assert (have["sni"] or "") == want["sni"].lower()
            assert have["alpn"] == [name for name in want["alpn"].split(";") if name]
            if want["transport"] == "tcp":
                assert str(have["stream"]) == want["stream"]
                assert have["ech"] == (want["ech"] == "yes")
    left = [row for mine in found.values() for row in mine]
    if capture.name in MORE_HELLOS:
        assert all(row["ja4"] for row in left)
    else:
        assert not left


@each(truths("tls"))
def test_what_servers_answer_is_wiresharks(path: Path) -> None:
    capture = capture_of(path)
    theirs: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows(path):
        if row["transport"] == "tcp":
            theirs[row["stream"]].append(row)
    for have in table(capture, "tls"):
        messages = [row for row in theirs[str(have["stream"])] if int(row["frame"]) > have["frame"]]
        hellos = [int(row["frame"]) for row in messages if "2" in row["hs_types"].split(";")]
        alerts = [int(row["alert_desc"].split(";")[0]) for row in messages if row["alert_desc"]]
        leaves = [row for row in messages if row["cert_not_before"]]
        want = {
            "server_hello_frame": hellos[0] if hellos else None,
            "alert": alerts[0] if alerts else None,
            "not_before": bool(leaves) or None,
        }
        for column, value in want.items():
            if (capture.name, column) not in TLS_DIFFERENT:
                mine = have[column] is not None or None if column == "not_before" else have[column]
                assert mine == value, (have["frame"], column)
        if leaves and have["issuer"] is not None and (issuer := leaves[0]["cert_issuer_cn"]):
            # a name without CN shows in Wireshark with the next certificate's
            names = (f"CN={issuer.split(';')[0]}", f"O={issuer.split(';')[0]}")
            assert any(name in have["issuer"] for name in names)
