"""One target per parser: sound seeds, and how a damaged one reaches the parser.

Every target goes in by the door that a user's file takes, `read_sources`, so
that what is tested is what can be attacked. What comes out is whole tables with
the problem listed, or InputError; and those tables can be judged and shown.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import fuzz_seeds as seeds
import packets_build as build

from analysis.diagnose import diagnose
from analysis.model.diagnosis import SCHEMA
from analysis.model.errors import InputError
from analysis.model.frames import Tables
from analysis.model.tables import SCHEMAS
from analysis.read import read_sources
from analysis.report.json_ import render_json
from analysis.report.text import render_text


@dataclass(frozen=True, slots=True)
class Target:
    """`seeds` are made when asked for; `file` wraps damaged octets into what a user would hold."""

    seeds: Callable[[], list[bytes]]
    file: Callable[[bytes], bytes]
    name: str = "input"


def _as_it_is(octets: bytes) -> bytes:
    return octets


def _datagram(port: int) -> Callable[[bytes], bytes]:
    def wrapped(octets: bytes) -> bytes:
        there = build.ethernet(build.udp(octets[:60_000], ports=(50000, port)))
        back = build.ethernet(build.udp(octets[:60_000], to_server=False, ports=(50000, port)))
        return build.pcap([there, back])

    return wrapped


def _segments(port: int, *, to_server: bool) -> Callable[[bytes], bytes]:
    """The octets in segments of 1,000, behind a hello of the client when the server speaks."""

    def wrapped(octets: bytes) -> bytes:
        pieces = [octets[at : at + 1000] for at in range(0, len(octets), 1000)]
        said = [(to_server, piece) for piece in pieces]
        if not to_server:
            said.insert(0, (True, seeds.client_hellos()[0]))
        return build.pcap(build.handshake(payloads=said, ports=(50000, port)))

    return wrapped


def _server_flights() -> list[bytes]:
    """What the corpus' TLS 1.2 servers answered: hello, chain, alerts."""
    hello = bytes.fromhex(
        "160303002a0200002603031111111111111111111111111111111111111111111111111111"
    )
    return [
        hello + bytes.fromhex("11111111111100c02f00") + b"\x00\x00",
        b"\x16\x03\x03\x00\x0a\x0b\x00\x00\x06\x00\x00\x03\x00\x00\x00",
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"\x17\x03\x03\x00\x13" + bytes(19),
    ]


def _ip_packets() -> list[bytes]:
    inner = build.tcp("S")
    return [
        inner,
        build.ipv6(6, inner[20:]),
        build.ipv4(47, b"\0\0\x08\0" + inner),
        build.ipv4(4, inner),
        build.ipv4(1, b"\x03\x04\0\0\0\0\x05\x14" + inner),
        build.ipv6(58, b"\x02\0\0\0\0\0\x05\0" + build.ipv6(6, inner[20:])),
        build.ipv6(0, b"\x06\0\x01\x04\0\0\0\0" + inner[20:]),
        build.ipv6(44, b"\x06\0\0\x01\0\0\0\x07" + inner[20:]),
        build.ipv4(50, bytes(40)),
        build.udp(bytes(8) + build.ethernet(inner), ports=(50000, 4789)),
    ]


def _ip(octets: bytes) -> bytes:
    return build.pcap([octets[:60_000]] * 3, link=build.RAW)


def _member(name: str) -> list[bytes]:
    return [members[name] for members in seeds.bundles()][:3]


def _bundle_with(name: str) -> Callable[[bytes], bytes]:
    """A zip with the member damaged and the others sound."""

    @cache
    def others() -> dict[str, bytes]:
        return next(seeds.bundles())

    return lambda octets: seeds.zipped({**others(), name: octets})


def _page(body: bytes) -> bytes:
    return seeds.har().replace(b'/cdn/assets/a.js\\"></script></html>', _json_text(body))


def _json_text(octets: bytes) -> bytes:
    return json.dumps(octets.decode("latin-1"))[1:-1].encode()


def _pages() -> list[bytes]:
    return [
        b'<html><head><script type="importmap">{"imports":{"a":"/cdn/assets/a.js"}}</script>'
        b'<link rel="modulepreload" href="/cdn/assets/b.js"><script src="/c.js"></script></head>'
        b"<body><!-- x --><style>body{}</style>text</body></html>",
        b'<base href="https://chatgpt.com/x/"><script async src=//cdn.oaistatic.com/a.js>',
    ]


TARGETS: dict[str, Target] = {
    "pcap": Target(
        lambda: [build.pcap(seeds.frames()), *seeds.corpus("*/*.pcap")], _as_it_is, "x.pcap"
    ),
    "pcapng": Target(lambda: [seeds.pcapng(), *seeds.corpus("*/*.pcapng")], _as_it_is, "x.pcapng"),
    "gzip": Target(
        lambda: [gzip.compress(build.pcap(seeds.frames()), mtime=0)], _as_it_is, "x.pcap.gz"
    ),
    "ip": Target(_ip_packets, _ip),
    "dns-udp": Target(seeds.dns_messages, _datagram(53)),
    "dns-mdns": Target(seeds.dns_messages, _datagram(5353)),
    "tcp-opening": Target(seeds.tcp_openings, _segments(8080, to_server=True)),
    "dns-tcp": Target(seeds.tcp_openings, _segments(53, to_server=True)),
    "tls-client": Target(seeds.client_hellos, _segments(443, to_server=True)),
    "tls-server": Target(_server_flights, _segments(443, to_server=False)),
    "quic": Target(seeds.quic_initials, _datagram(443)),
    "udp": Target(seeds.udp_payloads, _datagram(3478)),
    "ike": Target(seeds.udp_payloads, _datagram(4500)),
    "flows": Target(
        lambda: [*_member("flows.mitm"), *seeds.corpus("flows/*.mitm")], _as_it_is, "x.mitm"
    ),
    "har": Target(lambda: [seeds.har(), *seeds.corpus("har/*")], _as_it_is, "x.har"),
    "page": Target(_pages, _page, "x.har"),
    "netlog": Target(lambda: [seeds.netlog()], _as_it_is, "x.json"),
    "journal": Target(lambda: _member("events.jsonl"), _bundle_with("events.jsonl"), "x.zip"),
    "session": Target(lambda: _member("session.json"), _bundle_with("session.json"), "x.zip"),
    "zip": Target(
        lambda: [seeds.zipped(members) for members in seeds.bundles()], _as_it_is, "x.zip"
    ),
}


def read(content: bytes, name: str) -> Tables | None:
    """Tables of a file with this content; None when it is refused with a sentence."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            tables = read_sources([path])
        except InputError as error:
            said = str(error)
            assert said.endswith(".")
            assert "\n" not in said
            return None
    assert set(tables.frames) == set(SCHEMAS)
    for source in tables.sources:
        assert source.complete or source.problems
        assert all(problem.isprintable() for problem in source.problems)
    return tables


def judged(tables: Tables) -> None:
    """A damaged capture can be judged and shown as any other."""
    diagnosis = diagnose(tables)
    assert json.loads(render_json(diagnosis))["schema"] == SCHEMA
    text = render_text(diagnosis, width=None, color=False)
    assert not [letter for letter in text if letter < " " and letter != "\n"]
