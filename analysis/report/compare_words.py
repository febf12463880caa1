"""What a comparison is called on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.model.comparison import Candidate, Comparison, DelayPair, Difference, Outcome, Spread
from analysis.model.message import Message, joined, plural, say
from analysis.report import words

OUTCOME: dict[Outcome, tuple[Message, str]] = {
    Outcome.SAME: (say("No difference"), "ok"),
    Outcome.DIFFERENT: (say("Different"), "impaired"),
    Outcome.INSUFFICIENT: (say("No verdict"), "insufficient"),
}
"""The outcome in words, and the status whose colour it has."""

AREA: dict[str, str] = {
    "device": say("This device"),
    "vpn-proxy": say("VPN or proxy"),
    "dns": say("Name resolution (DNS)"),
    "tcp": "TCP",
    "tls": "TLS",
    "quic": say("HTTP/3 (QUIC)"),
    "exit": say("Exit to the internet"),
    "http": say("Requests"),
    "browser": say("Browser"),
    "scripts": say("Scripts"),
    "stream": say("Streamed answers"),
    "websocket": say("Websocket"),
    "latency": say("Delay"),
    "network": say("Network path"),
    "service": say("ChatGPT service"),
    "account": say("Account"),
    "capture": say("The capture itself"),
}


def area(name: str) -> str:
    """The layer or place in words."""
    return AREA.get(name, name)


def subject(item: Difference | Candidate) -> str:
    """What a difference is about: its host or step, or the factor alone."""
    found = item.difference if isinstance(item, Candidate) else item
    return joined([found.what, found.subject], ": ")


def values(items: Sequence[str]) -> str:
    """The values of one side, at most three; repeats may have several."""
    shown = joined(items[:3], "; ")
    more = len(items) - 3
    return say("{values}; and {n} more", values=shown, n=more) if more > 0 else shown


def spread(of: Spread | None) -> str:
    """``18 ms (17 ms to 20 ms, 12 times)``: median, quartiles, number."""
    if of is None:
        return say("not measured")
    return plural(
        "{median} ({low} to {high}, {n} time)",
        "{median} ({low} to {high}, {n} times)",
        of.n,
        median=words.milliseconds(of.median_ms),
        low=words.milliseconds(of.low_ms),
        high=words.milliseconds(of.high_ms),
    )


def claimed(delays: Sequence[DelayPair]) -> list[DelayPair]:
    """Legs whose difference is above the noise."""
    return [item for item in delays if item.claimed]


def fact_names(comparison: Comparison) -> list[str]:
    """Facts of the whole session that any run has, in the order of the layers."""
    longest = max((run.facts for run in comparison.runs), key=len, default=())
    names = dict.fromkeys(name for name, _ in longest)
    return list(names | dict.fromkeys(name for run in comparison.runs for name, _ in run.facts))
