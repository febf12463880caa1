"""The report's own words: what a status, a place, a number is called.

Wording of findings is never made here; it comes with the diagnosis.
"""

from __future__ import annotations

import math

from analysis.model.diagnosis import Finding, Locus, Severity, Status, Verdict
from analysis.model.figures import Moment, Number, whole_percent
from analysis.model.message import Message, figure, joined, say

STATUS: dict[Status, tuple[str, str]] = {
    Status.OK: (say("Working"), say("Nothing that a user would notice.")),
    Status.IMPAIRED: (say("Impaired"), say("ChatGPT works, but slower or only in part.")),
    Status.BLOCKED: (say("Blocked"), say("Something between the user and ChatGPT prevents it.")),
    Status.DOWN: (say("Service down"), say("The service itself fails.")),
    Status.INSUFFICIENT: (say("No verdict"), say("The evidence carries no verdict.")),
}

BROKEN_PLACE: dict[Status, str] = {
    Status.IMPAIRED: say("impaired here"),
    Status.BLOCKED: say("blocked here"),
    Status.DOWN: say("fails here"),
}

LOCUS: dict[Locus, str] = {
    Locus.BROWSER: say("Browser"),
    Locus.DEVICE: say("This device"),
    Locus.DNS: say("Name resolution (DNS)"),
    Locus.NETWORK: say("Network path"),
    Locus.VPN_PROXY: say("VPN or proxy"),
    Locus.SERVICE: say("ChatGPT service"),
    Locus.ACCOUNT: say("Account"),
    Locus.CAPTURE: say("The capture itself"),
    Locus.UNKNOWN: say("Not known"),
}

SEVERITY: dict[Severity, str] = {
    Severity.CRITICAL: say("Critical"),
    Severity.WARNING: say("Warning"),
    Severity.INFO: say("Information"),
}

_WHO = {
    "it": say("IT or network team"),
    "user": say("The person at the machine"),
    "service": say("The service (OpenAI)"),
}


def who(finding: Finding | None, status: Status) -> str:
    """Who must act on a finding; without one, nobody, or not known."""
    if finding is None or finding.remedy is None:
        return say("Nobody") if status is Status.OK else say("Not known")
    return _WHO.get(finding.remedy.who, finding.remedy.who)


def sure(verdict: Verdict) -> str:
    """How sure the verdict is; where there is none, there is nothing to be sure of."""
    if verdict.status is Status.INSUFFICIENT:
        return say("No verdict")
    return percent(verdict.confidence)


def sentence(text: str) -> str:
    """`text` with a capital at its start, unless it starts with a name of its own."""
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first.isascii() and first.isalpha() else text


def percent(share: float) -> str:
    """A share of 1 as whole per cent; never 100% for less than certain."""
    return figure(whole_percent(share)) if math.isfinite(share) else say("unknown")


def milliseconds(value: float) -> Message:
    """A span given in ms, in the unit a person would say."""
    if abs(value) >= 60_000:
        return say("{n} min", n=Number(value / 60_000, 1))
    if abs(value) >= 1000:
        return say("{n} s", n=Number(value / 1000, 2))
    return say("{n} ms", n=Number(value, 0 if abs(value) >= 10 else 1))


def since(seconds: float) -> Message:
    """A moment of the session as the span since its start: ``+3.100 s``."""
    return say("{offset} s", offset=Number(seconds, 3, signed=True))


def octets(value: float) -> str:
    """A size in octets, in binary units."""
    size, units = float(value), ["B", "KiB", "MiB", "GiB", "TiB"]
    while abs(size) >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return joined([figure(Number(size, 0 if units[0] == "B" else 1)), units[0]])


def moment(seconds: float | None) -> Message | None:
    """A time as ``22 Nov 2026, 13:05:12 UTC``; None where it is none."""
    try:
        return None if seconds is None else figure(Moment(seconds))
    except ValueError:
        return None  # a hostile capture may carry any number as a time


def span(first: float | None, last: float | None) -> Message | None:
    """A period: ``22 Nov 2026, 13:05:12 UTC, for 42 s``."""
    begin = moment(first)
    if begin is None or first is None or last is None or last <= first:
        return begin
    seconds = last - first
    if seconds < 1:
        length = milliseconds(seconds * 1000)
    elif seconds < 120:
        length = say("{n} s", n=Number(seconds))
    elif seconds < 7200:
        length = say("{n} min", n=Number(seconds / 60))
    else:
        length = say("{n} h", n=Number(seconds / 3600, 1))
    return say("{begin}, for {length}", begin=begin, length=length)
