"""What a comparison is called on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.model.comparison import Candidate, Comparison, DelayPair, Difference, Outcome, Spread
from analysis.report import words

OUTCOME: dict[Outcome, tuple[str, str]] = {
    Outcome.SAME: ("No difference", "ok"),
    Outcome.DIFFERENT: ("Different", "impaired"),
    Outcome.INSUFFICIENT: ("No verdict", "insufficient"),
}
"""The outcome in words, and the status whose colour it has."""

AREA: dict[str, str] = {
    "device": "This device",
    "vpn-proxy": "VPN or proxy",
    "dns": "Name resolution (DNS)",
    "tcp": "TCP",
    "tls": "TLS",
    "quic": "HTTP/3 (QUIC)",
    "exit": "Exit to the internet",
    "http": "Requests",
    "browser": "Browser",
    "scripts": "Scripts",
    "stream": "Streamed answers",
    "websocket": "Websocket",
    "latency": "Delay",
    "network": "Network path",
    "service": "ChatGPT service",
    "account": "Account",
    "capture": "The capture itself",
}


def area(name: str) -> str:
    """The layer or place in words."""
    return AREA.get(name, name)


def subject(item: Difference | Candidate) -> str:
    """What a difference is about: its host or step, or the factor alone."""
    found = item.difference if isinstance(item, Candidate) else item
    return f"{found.what}: {found.subject}" if found.subject else found.what


def values(items: Sequence[str]) -> str:
    """The values of one side, at most three; repeats may have several."""
    shown = "; ".join(items[:3])
    return f"{shown}; and {len(items) - 3} more" if len(items) > 3 else shown


def spread(of: Spread | None) -> str:
    """``18 ms (17 ms to 20 ms, 12 times)``: median, quartiles, number."""
    if of is None:
        return "not measured"
    low, high = words.milliseconds(of.low_ms), words.milliseconds(of.high_ms)
    return f"{words.milliseconds(of.median_ms)} ({low} to {high}, {words.count(of.n, 'time')})"


def claimed(delays: Sequence[DelayPair]) -> list[DelayPair]:
    """Legs whose difference is above the noise."""
    return [item for item in delays if item.claimed]


def fact_names(comparison: Comparison) -> list[str]:
    """Facts of the whole session that any run has, in the order of the layers."""
    longest = max((run.facts for run in comparison.runs), key=len, default=())
    names = dict.fromkeys(name for name, _ in longest)
    return list(names | dict.fromkeys(name for run in comparison.runs for name, _ in run.facts))
