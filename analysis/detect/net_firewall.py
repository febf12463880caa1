"""net.firewall_ip_block: the service's addresses are blocked while their names resolve.

Several addresses that the lookups gave cannot be opened, none of the same hosts
works, and destinations of others do, while not all of others in the same networks
fail alike; or an ICMP error says outright that a filter stands there.  Does not
prove that the rule names ChatGPT: it may block the range of addresses for another
reason.  Source: detection notes 16, RFC 1812.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.reachability import blocked, lost_neighbours
from analysis.detect.support import earned, finding, packet_evidence, ranked
from analysis.detect.tcp_unreachable import severity_of, silent_by_errors
from analysis.knowledge import threshold
from analysis.knowledge.addresses import EDGE, address, in_group
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some

_HOSTS = 2
"""Of one host alone no more is known than that it was not reached."""


def find_net_firewall_ip_block(tables: Tables) -> Iterator[Finding]:
    seen = blocked(tables)
    lost = (*seen.dead, *seen.refused)
    if not lost:
        yield from _by_errors(tables)
        return
    places, told = seen.addresses, seen.filtered
    several = len(places) >= threshold("blocked_addresses")
    if not told and not (several and seen.control and not lost_neighbours(tables)):
        return
    hosts = ranked(host for item in lost for host in item.hosts)
    senders = sorted({row["src"] for row in told if row["src"]})
    signs: list[str] = [
        plural(
            "{n} address of it cannot be opened ({addresses})",
            "{n} addresses of it cannot be opened ({addresses})",
            len(places),
            addresses=some(places),
        )
    ]
    if told:
        signs.append(say("{senders} says by ICMP that a filter forbids it", senders=some(senders)))
    if seen.control:
        signs.append(say("other destinations answer"))
    rows = [item.tcp for item in lost]
    yield finding(
        "net.firewall_ip_block",
        say(
            "The names of {hosts} resolve, but {signs}.",
            hosts=some(hosts),
            signs=joined(signs, "; "),
        ),
        confidence=earned(
            0.7,
            (bool(told), 0.6),
            (len(places) > 2, 0.4),
            (seen.control, 0.4),
            (bool(seen.dead) != bool(seen.refused), 0.1),
        ),
        subjects=hosts,
        severity=severity_of(hosts),
        vendor=senders[0] if senders else None,
        count=len(rows),
        times=[row["first_time"] for row in rows],
        evidence=packet_evidence(rows, say("SYN, and what came back"), ("syn_frame", "reset_frame"))
        + packet_evidence(told, say("ICMP: administratively prohibited")),
        in_short=some(places),
        measurements={"addresses": places[:20], "signals": signs},
    )


def _by_errors(tables: Tables) -> Iterator[Finding]:
    """The same where recorder or browser name the addresses that they tried in vain.

    They are the edge's own, so that the names were answered rightly.
    """
    lost = silent_by_errors(tables)
    if lost is None or not lost.control or len(lost.places) < threshold("blocked_addresses"):
        return
    if len(lost.hosts) < _HOSTS:
        return
    known = [place for text in lost.places if (place := address(text)) is not None]
    if len(known) < len(lost.places) or not all(in_group(EDGE, place) for place in known):
        return
    signs = [
        plural(
            "{n} address of it cannot be opened ({addresses})",
            "{n} addresses of it cannot be opened ({addresses})",
            len(lost.places),
            addresses=some(lost.places),
        ),
        say("other destinations answer"),
    ]
    yield finding(
        "net.firewall_ip_block",
        say(
            "The names of {hosts} resolve, but {signs}.",
            hosts=some(lost.hosts),
            signs=joined(signs, "; "),
        ),
        confidence=earned(0.65, (len(lost.places) > 2, 0.3), (len(lost.hosts) > 1, 0.2)),
        subjects=lost.hosts,
        severity=severity_of(lost.hosts),
        count=lost.count,
        times=lost.times,
        evidence=lost.evidence,
        in_short=some(lost.places),
        measurements={"addresses": list(lost.places[:20]), "signals": signs},
    )
