"""What each DNS part does to an answer, asked from the client's namespace."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.lab import network
from tests.lab.network import Network
from tests.lab.parts.bind import Bind
from tests.lab.parts.dnsmasq import Dnsmasq
from tests.lab.parts.knot_resolver import KnotResolver
from tests.lab.parts.odd_resolver import OddResolver
from tests.lab.parts.program import Program
from tests.lab.parts.unbound import Unbound

pytestmark = pytest.mark.skipif(network.why_not() is not None, reason=str(network.why_not()))

UPSTREAM = ("9.9.9.9",)
ASK = """
import sys, dns.message, dns.query, dns.flags, dns.rcode, dns.edns
query = dns.message.make_query(sys.argv[1], "A", use_edns=0)
try:
    answer = dns.query.udp(query, "202.134.0.155", timeout=float(sys.argv[2]))
except dns.exception.Timeout:
    print("silence")
    raise SystemExit
records = [item.to_text() for found in answer.answer for item in found]
ede = [f"EDE{int(o.code)}" for o in answer.options if isinstance(o, dns.edns.EDEOption)]
bit = "RA" if answer.flags & dns.flags.RA else "no-RA"
print(dns.rcode.to_text(answer.rcode()), bit, *ede, *records)
"""
WS_TRUE = ("104.18.39.21", "172.64.148.235")
NAME = "ws.chatgpt.com"


@pytest.fixture(scope="module")
def lab() -> Iterator[Network]:
    with Network(seed=3) as made:
        yield made


@pytest.mark.parametrize(
    ("kind", "settings", "told"),
    [
        (Unbound, {}, ["NOERROR", "RA", *WS_TRUE]),
        (Unbound, {"policy": {NAME: "CNAME ."}, "unset_ra": True}, ["NXDOMAIN", "no-RA"]),
        (Unbound, {"policy": {NAME: "CNAME *."}}, ["NOERROR", "RA"]),
        (Unbound, {"refused": [NAME]}, ["REFUSED", "RA"]),
        (Unbound, {"bogus": [NAME]}, ["SERVFAIL", "RA", "EDE9"]),
        (Unbound, {"policy": {NAME: "CNAME rpz-drop."}}, ["silence"]),
        (
            Unbound,
            {"policy": {NAME: "CNAME block.example."}, "zone": {"block.example": ["192.0.2.7"]}},
            ["NOERROR", "RA", "block.example.", "192.0.2.7"],
        ),
        (Bind, {}, ["NOERROR", "RA", *WS_TRUE]),
        (Bind, {"policy": {NAME: "CNAME ."}}, ["NXDOMAIN", "RA"]),
        (Bind, {"failing": ["chatgpt.com"]}, ["SERVFAIL", "RA"]),
        (Bind, {"closed": True}, ["REFUSED", "no-RA", "EDE18"]),
        (KnotResolver, {}, ["NOERROR", "RA", *WS_TRUE]),
        (KnotResolver, {"policy": {NAME: "policy.DENY"}}, ["NXDOMAIN", "RA", "EDE15"]),
        (KnotResolver, {"policy": {NAME: "policy.REFUSE"}}, ["REFUSED", "RA", "EDE18"]),
        (Dnsmasq, {"blocked": {NAME: ["0.0.0.0", "::"]}}, ["NOERROR", "RA", "0.0.0.0"]),
        (Dnsmasq, {"blocked": {"example.org": ["0.0.0.0"]}}, ["NOERROR", "RA", *WS_TRUE]),
        (
            OddResolver,
            {"rules": {NAME: {"rcode": "NXDOMAIN", "ede": [[15, "AI"]], "recursion": False}}},
            ["NXDOMAIN", "no-RA", "EDE15"],
        ),
        (OddResolver, {"rules": {"*": {"silent": True}}}, ["silence"]),
        (OddResolver, {"rules": {"*": {"ede": [[3, ""]]}}}, ["NOERROR", "RA", "EDE3", *WS_TRUE]),
    ],
)
def test_part_answers_as_it_should(
    lab: Network, kind: type[Program], settings: dict[str, Any], told: list[str]
) -> None:
    needed: list[type[Program]] = [kind] if kind is Unbound else [Unbound, kind]
    for part in needed:
        if (reason := part.why_not()) is not None:
            pytest.skip(reason)
    with ExitStack() as stack:
        if kind is not Unbound:
            stack.enter_context(Unbound(lab.resolver, listen=UPSTREAM))
        part = stack.enter_context(kind(lab.resolver, **settings))
        seconds = "0.3" if told == ["silence"] else "20"
        said = lab.client.run([sys.executable, "-c", ASK, NAME, seconds]).stdout.split()
        assert sorted(said) == sorted(told)
        assert any(letter.isdigit() for letter in part.version())
