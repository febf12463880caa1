"""What only a comparison shows of the browser: its old data, or an extension, is the fault.

The same machine by the same way (names, TLS, addresses and exit equal) works in a private
window, which has neither the cache nor the extensions.  Needs at least one fact of the
way that was compared, and none that differs.  Source: detection notes 10, 12 and 17.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.compare.differences import Compared
from analysis.detect.support import effect, finding, ranked
from analysis.model.comparison import Difference
from analysis.model.diagnosis import Evidence, Finding, Severity
from analysis.model.message import inside, say, some

_WAY = frozenset(
    {
        *("vpn.tunnel", "proxy.way", "dns.resolver", "dns.answer", "tcp.connect"),
        *("tls.issuer", "tls.handshake", "exit.place"),
    }
)
_TOLD = {
    "browser.stale_cache": ("browser.stale_cache", "script.stale_build"),
    "browser.extension_interferes": ("browser.extension_interferes",),
}


def browser_findings(
    compared: Compared, told: frozenset[str], *, suspect_worse: bool
) -> Iterator[Finding]:
    """Findings of the worse side; `told` are the ids that a diagnosis has already."""
    different = {item.factor for item in compared.differences}
    equal = {item.factor for item in compared.equal}
    if different & _WAY or not equal & _WAY:
        return
    by_factor = {item.factor: item for item in compared.differences}
    cache = by_factor.get("browser.cache")
    broken = [item for item in compared.differences if item.outcome and item.hosts]
    if (
        cache
        and _stored(cache, suspect_worse)
        and broken
        and not told & set(_TOLD["browser.stale_cache"])
    ):
        yield _stale(cache, broken)
    withheld = [
        item
        for item in compared.differences
        if item.factor in ("scripts.arrival", "http.answer")
        and "withheld" in compared.kinds[item.key]
    ]
    if withheld and not told & set(_TOLD["browser.extension_interferes"]):
        cause = "script.blocked_by_extension"
        yield _interferes(withheld, cause if cause in told else None)


def _stored(cache: Difference, suspect_worse: bool) -> bool:
    """It is the worse side whose page came out of a cache."""
    return any("cache" in value for value in (cache.suspect if suspect_worse else cache.baseline))


def _stale(cache: Difference, broken: Sequence[Difference]) -> Finding:
    names = ranked(name for item in broken for name in item.hosts)
    return finding(
        "browser.stale_cache",
        say(
            "The page of {hosts} works where it comes from the network and fails where it "
            "comes out "
            "of the browser's cache, by the same way.",
            hosts=some(names),
        ),
        confidence=0.6,
        subjects=names,
        evidence=_evidence((cache, *broken)),
        in_short=say("it works where it comes from the network"),
    )


def _interferes(withheld: Sequence[Difference], explained_by: str | None) -> Finding:
    names = ranked(name for item in withheld for name in item.hosts)
    what = some(tuple(dict.fromkeys(item.subject or inside(item.what) for item in withheld)))
    return finding(
        "browser.extension_interferes",
        say(
            "Requests that one run sends never leave the browser of the other, by the same way: "
            "{what}.",
            what=what,
        ),
        confidence=0.6,
        subjects=names,
        severity=effect(names[0], Severity.WARNING) if names else None,
        count=len(withheld),
        evidence=_evidence(withheld),
        explained_by=explained_by,
        in_short=what,
    )


def _evidence(items: Sequence[Difference]) -> list[Evidence]:
    return [piece for item in items for piece in (*item.baseline_evidence, *item.suspect_evidence)][
        :6
    ]
