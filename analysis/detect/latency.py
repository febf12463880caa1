"""vpn.latency and proxy.latency: the tunnel or proxy is what makes it slow.

Claims that connections are accepted near by and answered far away, on at least
three connections and in nearly all of them.  A far service (TCP and TLS equally
slow), one slow connection and a slow service (first byte late, TLS fast) are
none of it.

A tunnel of packets accepts nothing, so in one all is equally far.  Where the
default route leads through it, or the session's packets come from an inside
address while those of the tunnel carry as much from another one, or every SYN
offers a tunnel's segment size, and even the nearest edge, which has sites near most
people, is as far away as another continent, the path is hauled.  Does not prove
that the way without the tunnel is short: that takes a comparison.  Source: delay
budget, detection notes 7.2 and 7.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from analysis.detect.delay import Budget, budgets, leg_evidence
from analysis.detect.presence import Tunnel, tunnels
from analysis.detect.support import (
    earned,
    finding,
    ranked,
    without_own_leg,
)
from analysis.knowledge import threshold
from analysis.knowledge.addresses import address
from analysis.model.diagnosis import Evidence, Finding
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
        elif budget.proxy is None and budget.enough and budget.nearest >= threshold("hauled_ms"):
            carrying = [item for item in seen if item.carries or _inside(budget, item)]
            if carrying:
                yield _hauled(budget, _through(carrying[0]), carrying[0].evidence)
            elif sizes := _tunnel_sizes(tables, budget):
                yield _hauled(budget, _by_size(sizes))


def _inside(budget: Budget, tunnel: Tunnel) -> bool:
    """Every connection comes from an address inside the tunnel, which carried them all."""
    outside = address(tunnel.outside or "")
    if outside is None:
        return False
    near = ip_network(f"{outside}/{24 if outside.version == 4 else 64}", strict=False)
    clients = [address(leg.row.get("client") or "") for leg in budget.legs]
    if any(one is None or one.version != outside.version or one in near for one in clients):
        return False
    return tunnel.octets >= sum(leg.row.get("bytes") or 0 for leg in budget.legs)


def _tunnel_sizes(tables: Tables, budget: Budget) -> tuple[int, ...]:
    """MSS of the budget's SYNs, where all are a tunnel's and no plain one is as far.

    The client itself offers what the interface that it sends by can take; a connection by a
    plain interface that is as far away shows that the distance is the line's.
    """
    offered = {leg.row.get("client_mss") for leg in budget.legs}
    if not all(
        size and threshold("mss_least") <= size < threshold("mss_plain") for size in offered
    ):
        return ()
    tcp = without_own_leg(tables["tcp"], tables)
    plain = tcp[(tcp["client_mss"] >= threshold("mss_plain")).fillna(False)]
    far = (plain["syn_rtt_ms"] >= threshold("hauled_ms")).fillna(False)
    return () if far.any() else tuple(sorted(size for size in offered if size))


def _by_size(sizes: tuple[int, ...]) -> Message:
    return say(
        "Their SYNs offer a maximum segment size of {sizes}, as an interface of a tunnel does and "
        "a plain line does not.",
        sizes=some([str(size) for size in sizes]),
    )


def _hauled(budget: Budget, way: Message, *more: Evidence) -> Finding:
    hosts = ranked(leg.host for leg in budget.legs)
    near = budget.measured()[0]
    far = _span(near["median_ms"])
    return finding(
        "vpn.latency",
        joined([_far_away(budget, hosts, far), way]),
        confidence=earned(0.6, (len(budget.legs) >= 6, 0.2)),
        subjects=hosts,
        vendor=None,
        count=len(budget.legs),
        times=[leg.time or None for leg in budget.legs],
        evidence=(*leg_evidence(budget), *more),
        in_short=say("{far} there and back", far=far),
        measurements={"legs": [near], "proxy": None, "answered_near": False},
    )


def _far_away(budget: Budget, hosts: tuple[str, ...], far: Message) -> Message:
    return plural(
        "Over {n} connection to {hosts} TCP alone takes {far} (median), and never less than "
        "{least}: all of it is far.",
        "Over {n} connections to {hosts} TCP alone takes {far} (median), and never less than "
        "{least}: all of it is far.",
        len(budget.legs),
        hosts=some(hosts),
        far=far,
        least=_span(budget.nearest),
    )


def _through(tunnel: Tunnel) -> Message:
    if tunnel.carries:
        return say("The default route leads through a tunnel ({tunnel}).", tunnel=tunnel.name)
    return say(
        "They come from the inside of a tunnel, whose packets {address} sends ({tunnel}).",
        address=tunnel.outside or "",
        tunnel=tunnel.name,
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
