"""Sound inputs to damage, made here so that they need no file beside the project."""

from __future__ import annotations

import io
import json
import ssl
import struct
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.rrset
import packets_build as build
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
MOST = 40_000
"""Longer files are left to the tests that read the corpus as it is."""


def corpus(*patterns: str) -> list[bytes]:
    """The corpus' small files; none where it is not at hand."""
    paths = sorted(path for pattern in patterns for path in CORPUS.glob(pattern))
    return [path.read_bytes() for path in paths if 24 < path.stat().st_size < MOST]


@cache
def dns_messages() -> list[bytes]:
    query = dns.message.make_query("ws.chatgpt.com", "A", use_edns=0, id=7)
    answer = dns.message.make_response(query, recursion_available=True)
    answer.answer = [
        dns.rrset.from_text("ws.chatgpt.com.", 60, "IN", "CNAME", "edge.example.net."),
        dns.rrset.from_text("edge.example.net.", 60, "IN", "A", "104.18.32.47", "0.0.0.0"),
    ]
    soa = "ns. host. 1 2 3 4 5"
    answer.authority = [dns.rrset.from_text("chatgpt.com.", 60, "IN", "SOA", soa)]
    answer.use_edns(0, options=[dns.edns.EDEOption(15, "blocked"), dns.edns.EDEOption(17)])
    https = dns.message.make_query("chatgpt.com", "HTTPS", id=8)
    hints = dns.message.make_response(https)
    value = '1 . alpn="h3,h2" ipv4hint="104.18.32.47"'
    hints.answer = [dns.rrset.from_text("chatgpt.com.", 60, "IN", "HTTPS", value)]
    return [message.to_wire() for message in (query, answer, https, hints)]


@cache
def client_hellos() -> list[bytes]:
    out = []
    for highest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context()
        context.maximum_version = highest
        context.set_alpn_protocols(["h2", "http/1.1"])
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        connection = context.wrap_bio(incoming, outgoing, server_hostname="chatgpt.com")
        try:
            connection.do_handshake()
        except ssl.SSLWantReadError:
            out.append(outgoing.read())
    return out


@cache
def quic_initials() -> list[bytes]:
    configuration = QuicConfiguration(is_client=True, alpn_protocols=["h3"])
    configuration.server_name = "chatgpt.com"
    connection = QuicConnection(configuration=configuration)
    connection.connect(("192.0.2.1", 443), now=0.0)
    return [datagram for datagram, _ in connection.datagrams_to_send(now=0.0)]


def udp_payloads() -> list[bytes]:
    """First packets of what else runs over UDP: STUN, WireGuard, OpenVPN, IKEv2, DTLS."""
    return [
        struct.pack(">HHI", 1, 0, 0x2112A442) + bytes(12),
        b"\x01\0\0\0" + bytes(144),
        b"\x02\0\0\0" + bytes(88),
        b"\x38" + bytes(8) + b"\0\0\0\0\0",
        bytes(8) + bytes(8) + b"\x21\x20\x22\x08" + bytes(4) + struct.pack(">I", 28),
        b"\0\0\0\0" + bytes(8) + bytes(8) + b"\x21\x20\x22\x08" + bytes(4) + struct.pack(">I", 28),
        b"\x16\xfe\xfd" + bytes(8) + b"\0\x10" + bytes(16),
    ]


def tcp_openings() -> list[bytes]:
    """What a client may say first on a connection, beside TLS."""
    return [
        b"CONNECT chatgpt.com:443 HTTP/1.1\r\nHost: chatgpt.com:443\r\n\r\n",
        b"\x05\x01\x00\x05\x01\x00\x03\x0bchatgpt.com\x01\xbb",
        b"\x04\x01\x01\xbb\x00\x00\x00\x01me\x00chatgpt.com\x00",
        b"GET / HTTP/1.1\r\nHost: chatgpt.com\r\n\r\n",
        *(len(message).to_bytes(2) + message for message in dns_messages()),
    ]


def frames() -> list[bytes]:
    """Ethernet frames of a small session."""
    lookups = [
        build.udp(message, to_server=not message[2] & 0x80)  # the QR bit says who sends it
        for message in dns_messages()
    ]
    hello = client_hellos()[-1]
    answer = b"\x15\x03\x03\x00\x02\x02\x28"
    return [
        *(build.ethernet(packet) for packet in lookups),
        *build.handshake(payloads=[(True, hello), (False, answer)], ports=(50000, 443)),
        *(build.ethernet(build.udp(octets, ports=(50001, 443))) for octets in quic_initials()),
        build.ethernet(build.tcp("R", to_server=False, seq=200)),
    ]


def pcapng() -> bytes:
    """A pcapng file with two interfaces."""
    blocks = [build.enhanced(frame, 1000 * i, number=i % 2) for i, frame in enumerate(frames())]
    return build.section() + build.interface() * 2 + b"".join(blocks)


def har() -> bytes:
    """A HAR with a page, a blocked script and a websocket."""
    started = "2026-11-01T10:00:00.000Z"
    request = {"method": "GET", "headers": [], "queryString": [], "cookies": [], "bodySize": 0}
    timings = {"dns": 1, "connect": 2, "ssl": 1, "send": 0, "wait": 10, "receive": 1}
    response: dict[str, Any] = {"status": 200, "statusText": "OK", "headers": [], "bodySize": 10}
    page = '<html><script src="/cdn/assets/a.js"></script></html>'
    entries = [
        {
            "startedDateTime": started,
            "time": 14,
            "request": {**request, "url": "https://chatgpt.com/"},
            "response": {**response, "content": {"mimeType": "text/html", "text": page}},
            "timings": timings,
        },
        {
            "startedDateTime": started,
            "time": 0,
            "request": {**request, "url": "https://chatgpt.com/cdn/assets/a.js"},
            "response": {**response, "status": 0, "_error": "net::ERR_BLOCKED_BY_CLIENT"},
            "timings": {"dns": -1},
        },
        {
            "startedDateTime": started,
            "time": 5,
            "request": {**request, "url": "wss://ws.chatgpt.com/"},
            "response": {**response, "status": 101},
            "timings": timings,
            "_webSocketMessages": [{"type": "receive", "time": 1.7e9, "opcode": 1, "data": "{}"}],
        },
    ]
    creator = {"name": "chatpath tests", "version": "1"}
    log = {"version": "1.2", "creator": creator, "pages": [], "entries": entries}
    return json.dumps({"log": log}).encode()


def netlog() -> bytes:
    """A NetLog with one request that an extension blocked."""
    constants = {
        "logFormatVersion": 1,
        "timeTickOffset": "1700000000000",
        "logEventTypes": {"REQUEST_ALIVE": 1, "URL_REQUEST_START_JOB": 2, "FAILED": 3},
        "logEventPhase": {"PHASE_NONE": 0, "PHASE_BEGIN": 1, "PHASE_END": 2},
        "logSourceType": {"NONE": 0, "URL_REQUEST": 1},
        "netError": {"ERR_BLOCKED_BY_CLIENT": -20},
        "clientInfo": {"name": "Chrome", "version": "140"},
    }
    source = {"id": 5, "type": 1, "start_time": "10"}
    url = "https://chatgpt.com/cdn/assets/a.js"
    events = [
        {"phase": 1, "source": source, "time": "10", "type": 1, "params": {"url": url}},
        {"phase": 1, "source": source, "time": "11", "type": 2, "params": {"url": url}},
        {"phase": 0, "source": source, "time": "12", "type": 3, "params": {"net_error": -20}},
        {"phase": 2, "source": source, "time": "13", "type": 1},
    ]
    lines = ",\n".join(json.dumps(event) for event in events)
    return f'{{"constants": {json.dumps(constants)},\n"events": [\n{lines}]}}'.encode()


def bundles() -> Iterator[dict[str, bytes]]:
    """The members of the project's own small bundles."""
    for path in sorted((ROOT / "captures").glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            yield {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip with these members."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 1, 0, 0, 0)), content)
    return held.getvalue()
