"""The report's own words: what a status, a place, a number is called.

Wording of findings is never made here; it comes with the diagnosis.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from analysis.model.diagnosis import Finding, Locus, Severity, Status, Verdict

STATUS: dict[Status, tuple[str, str]] = {
    Status.OK: ("Working", "Nothing that a user would notice."),
    Status.IMPAIRED: ("Impaired", "ChatGPT works, but slower or only in part."),
    Status.BLOCKED: ("Blocked", "Something between the user and ChatGPT prevents it."),
    Status.DOWN: ("Service down", "The service itself fails."),
    Status.INSUFFICIENT: ("No verdict", "The evidence carries no verdict."),
}

BROKEN_PLACE: dict[Status, str] = {
    Status.IMPAIRED: "impaired here",
    Status.BLOCKED: "blocked here",
    Status.DOWN: "fails here",
}

LOCUS: dict[Locus, str] = {
    Locus.BROWSER: "Browser",
    Locus.DEVICE: "This device",
    Locus.DNS: "Name resolution (DNS)",
    Locus.NETWORK: "Network path",
    Locus.VPN_PROXY: "VPN or proxy",
    Locus.SERVICE: "ChatGPT service",
    Locus.ACCOUNT: "Account",
    Locus.CAPTURE: "The capture itself",
    Locus.UNKNOWN: "Not known",
}

SEVERITY: dict[Severity, str] = {
    Severity.CRITICAL: "Critical",
    Severity.WARNING: "Warning",
    Severity.INFO: "Information",
}

_WHO = {
    "it": "IT or network team",
    "user": "The person at the machine",
    "service": "The service (OpenAI)",
}


def who(finding: Finding | None, status: Status) -> str:
    """Who must act on a finding; without one, nobody, or not known."""
    if finding is None or finding.remedy is None:
        return "Nobody" if status is Status.OK else "Not known"
    return _WHO.get(finding.remedy.who, finding.remedy.who)


def sure(verdict: Verdict) -> str:
    """How sure the verdict is; where there is none, there is nothing to be sure of."""
    if verdict.status is Status.INSUFFICIENT:
        return "No verdict"
    return percent(verdict.confidence)


def sentence(text: str) -> str:
    """`text` with a capital at its start, unless it starts with a name of its own."""
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first.isascii() and first.isalpha() else text


def percent(share: float) -> str:
    """A share of 1 as whole per cent; never 100% for less than certain."""
    if not math.isfinite(share):
        return "unknown"
    share = min(max(share, 0.0), 1.0)
    return f"{100 if share == 1 else min(round(share * 100), 99)}%"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 row``, ``12,345 rows``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def milliseconds(value: float) -> str:
    """A span given in ms, in the unit a person would say."""
    if abs(value) >= 60_000:
        return f"{value / 60_000:,.1f} min"
    if abs(value) >= 1000:
        return f"{value / 1000:,.2f} s"
    return f"{value:.0f} ms" if abs(value) >= 10 else f"{value:.1f} ms"


def octets(value: float) -> str:
    """A size in octets, in binary units."""
    size, units = float(value), ["B", "KiB", "MiB", "GiB", "TiB"]
    while abs(size) >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:,.0f} {units[0]}" if units[0] == "B" else f"{size:,.1f} {units[0]}"


def moment(seconds: float | None) -> str | None:
    """A time as ``22 Nov 2026, 13:05:12 UTC``; None where it is none."""
    try:
        stamp = None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None  # a hostile capture may carry any number as a time
    return None if stamp is None else f"{stamp.day} {stamp:%b %Y, %H:%M:%S} UTC"


def span(first: float | None, last: float | None) -> str | None:
    """A period: ``22 Nov 2026, 13:05:12 UTC, for 42 s``."""
    begin = moment(first)
    if begin is None or first is None or last is None or last <= first:
        return begin
    seconds = last - first
    if seconds < 120:
        length = f"{seconds:.0f} s" if seconds >= 1 else milliseconds(seconds * 1000)
    elif seconds < 7200:
        length = f"{seconds / 60:.0f} min"
    else:
        length = f"{seconds / 3600:.1f} h"
    return f"{begin}, for {length}"
