"""The table of what can account for what."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from analysis.knowledge import findings
from analysis.knowledge.factors import factors


def test_the_lowest_layer_comes_first() -> None:
    order = list(factors())
    ladder = [
        "vpn.tunnel",
        "dns.resolver",
        "dns.answer",
        "tcp.connect",
        "tls.handshake",
        "ws.state",
    ]
    assert [name for name in order if name in ladder] == ladder


def test_nothing_is_explained_from_above() -> None:
    """A cause stands below its effect, so no chain can run in a circle."""
    found = factors()
    upwards = [
        (factor.id, name)
        for factor in found.values()
        for name in factor.explains
        if found[name.partition("=")[0]].rank <= factor.rank
    ]
    # a stream may go on over the websocket, and stops with it
    assert [pair for pair in upwards if pair != ("ws.state", "sse.state")] == []


def test_every_pattern_names_a_finding() -> None:
    known = [entry.id for entry in findings()]
    idle = [
        (factor.id, pattern)
        for factor in factors().values()
        for pattern in factor.findings
        if not any(fnmatchcase(name, pattern) for name in known)
    ]
    assert idle == []


@pytest.mark.parametrize(
    ("cause", "effect", "kind", "can"),
    [
        ("dns.resolver", "dns.answer", "false", True),
        ("dns.resolver", "ws.state", "cut", False),
        ("exit.place", "http.answer", "refused", True),
        ("exit.place", "http.answer", "failed", False),
        ("vpn.tunnel", "scripts.arrival", "withheld", False),
        ("vpn.tunnel", "scripts.arrival", "unreached", True),
    ],
)
def test_can_explain(cause: str, effect: str, kind: str, can: bool) -> None:
    assert factors()[cause].can_explain(effect, frozenset({kind})) is can
