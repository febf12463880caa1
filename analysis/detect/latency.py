"""vpn.latency and proxy.latency: the tunnel or proxy is what makes it slow.

Claims that connections are accepted near by and answered far away, on at least
three connections and in nearly all of them.  A far service (TCP and TLS equally
slow), one slow connection and a slow service (first byte late, TLS fast) are
none of it.  Source: delay budget, detection notes 7.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.delay import Budget, budgets, leg_evidence
from analysis.detect.presence import tunnels
from analysis.detect.support import (
    earned,
    finding,
    ranked,
)
from analysis.model.diagnosis import Finding
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import Message, joined, plural, say, some


def find_vpn_latency(tables: Tables) -> Iterator[Finding]:
    seen = tunnels(tables)
    for budget in budgets(tables):
        if budget.proxy is None and budget.enough and budget.apart:
            names = [tunnel.name for tunnel in seen]
            known = say("{tunnels} was seen on this machine.", tunnels=some(names)) if names else ""
            between = say(
                "TCP is answered near by and TLS far away, so a tunnel or local client sits "
                "between."
            )
            yield _latency(
                "vpn.latency",
                budget,
                joined([between, known]),
                names[0] if names else None,
                (bool(names), 0.5),
            )


def find_proxy_latency(tables: Tables) -> Iterator[Finding]:
    for budget in budgets(tables):
        if budget.proxy is not None and budget.enough and budget.apart:
            yield _latency(
                "proxy.latency",
                budget,
                say("The proxy {proxy} accepts at once and answers late.", proxy=budget.proxy),
                None,
                (True, 0.3),
            )


def _latency(
    finding_id: str,
    budget: Budget,
    reading: str,
    vendor: str | None,
    more: tuple[bool, float],
) -> Finding:
    legs = budget.legs
    hosts = ranked(leg.host for leg in legs)
    near, far, behind = budget.measured()
    in_short = plural(
        "{near} to the near end, {far} to the far end, {n} connection",
        "{near} to the near end, {far} to the far end, {n} connections",
        len(legs),
        near=_span(near["median_ms"]),
        far=_span(far["median_ms"]),
    )
    measured = plural(
        "Over {n} connection to {hosts} the TCP handshake takes {near} (median; 95 %: {near95}), "
        "the TLS answer {far} (95 %: {far95}).",
        "Over {n} connections to {hosts} the TCP handshake takes {near} (median; 95 %: {near95}), "
        "the TLS answer {far} (95 %: {far95}).",
        len(legs),
        hosts=some(hosts),
        near=_span(near["median_ms"]),
        near95=_span(near["p95_ms"]),
        far=_span(far["median_ms"]),
        far95=_span(far["p95_ms"]),
    )
    steady = min(leg.gap_ms for leg in legs) >= 0.5 * budget.gap
    return finding(
        finding_id,
        joined([measured, reading]),
        confidence=earned(
            0.7,
            (len(legs) >= 6, 0.3),
            (steady, 0.3),
            (budget.answered_near, 0.4),
            (budget.gap >= 150, 0.2),
            more,
        ),
        subjects=hosts,
        vendor=vendor,
        count=len(legs),
        times=[leg.time or None for leg in legs],
        evidence=leg_evidence(budget),
        in_short=in_short,
        measurements={
            "legs": [near, far, behind],
            "proxy": budget.proxy,
            "answered_near": budget.answered_near,
        },
    )


def _span(milliseconds: float) -> Message:
    if milliseconds < 1:
        return say("under 1 ms")
    return say("{n} ms", n=Number(milliseconds))
