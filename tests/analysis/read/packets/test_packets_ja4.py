"""JA4 against FoxIO's published values, and its rules one by one."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from packets_corpus import ROOT, each

from analysis.read.packets import read_packets
from analysis.read.packets.hello import ClientHello
from analysis.read.packets.ja4 import ja4

PUBLISHED = [path for path in sorted(ROOT.glob("*/*.ja4.json")) if '"JA4.1"' in path.read_text()]


@each(PUBLISHED)
def test_published_fingerprints(path: Path) -> None:
    tables = read_packets(path.with_name(path.name.removesuffix(".ja4.json")))
    found: defaultdict[Any, set[str]] = defaultdict(set)
    for row in tables["tls"].to_dict("records"):
        found[row["stream"]].add(row["ja4"])
    for row in tables["quic"].to_dict("records"):
        found[f"port {row['client_port']}"].add(row["ja4"])
    for connection in json.loads(path.read_text()):
        for name, value in connection.items():
            if name.startswith("JA4."):
                quic = value.startswith("q")
                key = f"port {connection['srcport']}" if quic else connection["stream"]
                assert value in found[key]


NDPI = [path for path in sorted(ROOT.glob("expect/*/*.ndpi.out")) if "JA4: " in path.read_text()]


@each(NDPI)
def test_hashes_are_those_of_ndpi(path: Path) -> None:
    """nDPI judges whether the name is a domain, and takes other characters of the ALPN value.

    FoxIO's description, followed here, asks only whether there is a name, and
    takes the first and last character; so those three marks are left out.
    """
    tables = read_packets(ROOT / path.parent.name / path.name.removesuffix(".ndpi.out"))
    ours = {*tables["tls"]["ja4"].dropna(), *tables["quic"]["ja4"].dropna()}
    theirs = set(re.findall(r"JA4: ([tq]\w+)", path.read_text()))
    assert {_unmarked(value) for value in theirs} == {_unmarked(value) for value in ours}


def _unmarked(fingerprint: str) -> str:
    return fingerprint[:3] + fingerprint[4:8] + fingerprint[10:]


def hello(**changes: Any) -> ClientHello:
    """A TLS 1.3 hello with two ciphers and three extensions."""
    base: dict[str, Any] = {
        "version": 0x0303,
        "ciphers": (0x1302, 0x1301),
        "extensions": [0, 16, 43],
        "versions": (0x0304, 0x0303),
        "alpn": [b"h2"],
    }
    return ClientHello(**{**base, **changes})


@pytest.mark.parametrize(
    ("changes", "prefix"),
    [
        ({}, "t13d0203h2_"),
        ({"ciphers": (0x0A0A, 0x1302, 0x1301), "extensions": [0x1A1A, 0, 16, 43]}, "t13d0203h2_"),
        ({"extensions": [16, 43]}, "t13i0202h2_"),
        ({"versions": (0x3A3A, 0x0303)}, "t12d0203h2_"),
        ({"versions": ()}, "t12d0203h2_"),
        ({"versions": (0x0305,)}, "t00d0203h2_"),
        ({"alpn": []}, "t13d020300_"),
        ({"alpn": [b"http/1.1"]}, "t13d0203h1_"),
        ({"alpn": [b"x"]}, "t13d0203xx_"),
        ({"alpn": [b"\xab\xcd"]}, "t13d0203ad_"),
        ({"ciphers": tuple(range(1, 151))}, "t13d9903h2_"),
    ],
)
def test_first_part(changes: dict[str, Any], prefix: str) -> None:
    assert ja4(hello(**changes), "t").startswith(prefix)


def test_order_of_ciphers_and_extensions_does_not_matter() -> None:
    turned = hello(ciphers=(0x1301, 0x1302), extensions=[43, 16, 0])
    assert ja4(turned, "t") == ja4(hello(), "t")


def test_order_of_signature_algorithms_matters() -> None:
    one, other = hello(signatures=(0x0403, 0x0804)), hello(signatures=(0x0804, 0x0403))
    assert ja4(one, "t") != ja4(other, "t")


def test_parts_without_content_are_zeros() -> None:
    empty = ClientHello(version=0x0303)
    assert ja4(empty, "q") == "q12i000000_000000000000_000000000000"
