"""Which addresses of ChatGPT could not be opened by TCP, and which hosts that leaves dead.

Shared by tcp.unreachable, tcp.refused, net.firewall_ip_block and
net.ipv6_broken.  A host that was reached by any way (another address, another
family, a recorded exchange) is not dead: losing the race of two families is
normal.  Where nothing at all was heard from the network, the capture may hold
one direction only, and nothing is claimed.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.detect.attempts import Attempt, by_host, usable, wire
from analysis.detect.forgery import forged, marks_of
from analysis.detect.once import once
from analysis.detect.reach import reach_of
from analysis.detect.support import Record, records
from analysis.knowledge import threshold
from analysis.model.frames import Tables

_FILTERED = frozenset({(3, 9), (3, 10), (3, 13), (1, 1), (1, 5), (1, 6)})
"""ICMP type and code of "administratively prohibited" and kin (RFC 1812 5.2.7.1, RFC 4443 3.1);
type 1 is ICMPv6's destination unreachable."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """Attempts that TCP did not open, of hosts that nothing else reached either.

    One that is reset again and again as soon as it is open counts as refused.

    `told` are ICMP errors about them, `filtered` those of them that speak of a
    filter. `control` says that a destination other than ChatGPT's answered.
    """

    dead: tuple[Attempt, ...]
    refused: tuple[Attempt, ...]
    told: tuple[Record, ...]
    control: bool
    service_answered: bool

    @property
    def filtered(self) -> list[Record]:
        return [row for row in self.told if (row["type"], row["code"]) in _FILTERED]

    @property
    def addresses(self) -> list[str]:
        return sorted({item.server for item in (*self.dead, *self.refused)})


@once
def blocked(tables: Tables) -> Blocked:
    """What TCP could not open; forged refusals are left to tcp.reset_injected."""
    seen = wire(tables)
    hosts = by_host(item for item in seen.attempts if item.tcp["syn_frame"] is not None)
    reached = {
        host
        for host, found in hosts.items()
        if any(item.answered and not item.cut_at_once for item in found)
    }
    others = reach_of(tables, frozenset(hosts) - reached)
    reached |= {host for host, reach in others.items() if reach.worked}
    lost = [
        item
        for item in seen.attempts
        if any(usable(host) for host in item.hosts) and not set(item.hosts) & reached
    ]
    silent = [item for item in lost if item.silent]
    errors = {
        (row["server"], row["client_port"]) for row in _icmp(tables, {i.server for i in silent})
    }
    # a router's error answers the first SYN: nothing is sent again, and nothing needs waiting for
    dead = tuple(
        item for item in silent if item.dead or (item.server, item.tcp["client_port"]) in errors
    )
    at_once = [item for item in lost if item.cut_at_once]
    if len(at_once) < threshold("reset_tries"):
        at_once = []  # a server that starts anew may do that once
    refused = tuple(
        item
        for item in lost
        if (item.refused or item in at_once) and not forged(marks_of(item, seen))
    )
    answered = any(item.answered and not item.cut_at_once for item in seen.attempts)
    if not (seen.control or answered or _heard(tables)):
        dead = ()
    told = _icmp(tables, {item.server for item in (*dead, *refused)})
    return Blocked(dead, refused, told, seen.control, answered)


def _heard(tables: Tables) -> bool:
    """Something came in from the network: a name lookup's answer will do."""
    dns = tables["dns"]
    return bool(len(dns)) and bool((dns["response"].fillna(False) & dns["frame"].notna()).any())


def _icmp(tables: Tables, servers: set[str]) -> tuple[Record, ...]:
    icmp = tables["icmp"]
    if icmp.empty or not servers:
        return ()
    return tuple(records(icmp[icmp["server"].isin(servers).fillna(False)].head(200)))
