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
from analysis.model.frames import Tables
from analysis.model.message import some


def find_vpn_latency(tables: Tables) -> Iterator[Finding]:
    seen = tunnels(tables)
    for budget in budgets(tables):
        if budget.proxy is None and budget.enough and budget.apart:
            names = [tunnel.name for tunnel in seen]
            known = f" {some(names)} was seen on this machine." if names else ""
            yield _latency(
                "vpn.latency",
                budget,
                "TCP is answered near by and TLS far away, so a tunnel or local client sits "
                f"between.{known}",
                names[0] if names else None,
                (bool(names), 0.5),
            )


def find_proxy_latency(tables: Tables) -> Iterator[Finding]:
    for budget in budgets(tables):
        if budget.proxy is not None and budget.enough and budget.apart:
            yield _latency(
                "proxy.latency",
                budget,
                f"The proxy {budget.proxy} accepts at once and answers late.",
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
    in_short = (
        f"{_span(near['median_ms'])} to the near end, {_span(far['median_ms'])} to the far end, "
        f"{len(legs)} connections"
    )
    steady = min(leg.gap_ms for leg in legs) >= 0.5 * budget.gap
    return finding(
        finding_id,
        f"Over {len(legs)} connections to {some(hosts)} the TCP handshake takes "
        f"{_span(near['median_ms'])} (median; 95 %: {_span(near['p95_ms'])}), the TLS answer "
        f"{_span(far['median_ms'])} (95 %: {_span(far['p95_ms'])}). {reading}",
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


def _span(milliseconds: float) -> str:
    return "under 1 ms" if milliseconds < 1 else f"{milliseconds:.0f} ms"
