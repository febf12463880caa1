"""Which addresses of ChatGPT could not be opened by TCP, and which hosts that leaves dead.

Shared by tcp.unreachable, tcp.refused, net.firewall_ip_block and
net.ipv6_broken.  A host that was reached by any way (another address, another
family, a recorded exchange) is not dead: losing the race of two families is
normal; one that refuses from some moment on has fallen.  Where nothing at all was
heard from the network, the capture may hold one direction only, and nothing is claimed.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.detect.attempts import Attempt, Wire, by_host, names_of_addresses, usable, wire
from analysis.detect.forgery import forged, marks_of
from analysis.detect.once import once
from analysis.detect.reach import reach_of
from analysis.detect.support import Record, records, rule_of, syns_sent, where, without_own_leg
from analysis.knowledge import threshold
from analysis.knowledge.addresses import EDGE, address, in_group
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
    fallen: tuple[Attempt, ...] = ()
    """Refusals of an address that had worked before, and worked no more afterwards."""

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
    return Blocked(dead, refused, told, seen.control, answered, _fallen(tables, seen, hosts))


def _fallen(tables: Tables, seen: Wire, hosts: dict[str, list[Attempt]]) -> tuple[Attempt, ...]:
    """Tries that a host refuses itself since some moment, for long and without exception.

    What starts anew listens again within seconds, and who still gets data is not cut off.
    """
    found: dict[int, Attempt] = {}
    for host, tries in hosts.items():
        worked = [item for item in tries if item.shook_hands]
        begun = max((item.began for item in worked), default=None)
        if begun is None:
            continue
        since = sorted((i for i in tries if i.began > begun), key=lambda i: i.began)
        places = {item.server for item in worked}
        if (
            len(since) < threshold("fallen_tries")
            or since[-1].began - since[0].began < threshold("fallen_s")
            or not all(item.refused and item.server in places for item in since)
            or any(forged(marks_of(item, seen)) for item in since)
            or any((item.tcp["server_payload_time"] or 0.0) > since[0].began for item in worked)
            or _by_other_means(tables, host, since[0].began)
        ):
            continue
        found |= {id(item): item for item in since}
    return tuple(found.values())


def _by_other_means(tables: Tables, host: str, after: float) -> bool:
    """The host answered by HTTP/3, or to the recorder, later than that."""
    quic, http = tables["quic"], tables["http"]
    if len(quic):
        live = quic[quic["answered"].fillna(False) & (quic["last_time"] > after).fillna(False)]
        if (live["sni"] == host).fillna(False).any():
            return True
    if http.empty:
        return False
    told = http[http["status"].notna() & (http["started"] > after).fillna(False)]
    return bool((told["host"] == host).fillna(False).any())


@once
def lost_neighbours(tables: Tables) -> tuple[Record, ...]:
    """Connections to names of others in the networks of the service's edge that fail as it does.

    Empty unless they are of several names, and nothing at all in these networks was reached:
    then it is the way to the whole edge that is cut, whoever is asked for there.
    """
    seen = blocked(tables)
    lost = (*seen.dead, *seen.refused)
    if not lost or not all(_at_edge(item.server) for item in lost):
        return ()
    tcp = without_own_leg(tables["tcp"], tables)
    edge = where(tcp, "server", _at_edge)
    opened = edge["synack_frame"].notna() | (edge["server_payload"] > 0).fillna(False)
    if opened.any():
        return ()
    names = names_of_addresses(tables)
    own = {item.server for item in lost}
    silent, refused = bool(seen.dead), bool(seen.refused)
    rows = [
        row
        for row in records(edge[edge["syn_frame"].notna()])
        if row["server"] not in own
        and not any(rule_of(name) for name in names.get(row["server"], ()))
        and names.get(row["server"])
        and (
            (silent and row["reset_by"] is None and syns_sent(row) >= threshold("syn_tries"))
            or (refused and row["reset_by"] == "server")
        )
    ]
    foreign = {min(names[row["server"]]) for row in rows}
    return tuple(rows) if len(foreign) >= threshold("neighbours") else ()


def _at_edge(text: str) -> bool:
    place = address(text)
    return place is not None and in_group(EDGE, place)


def _heard(tables: Tables) -> bool:
    """Something came in from the network: a name lookup's answer will do."""
    dns = tables["dns"]
    return bool(len(dns)) and bool((dns["response"].fillna(False) & dns["frame"].notna()).any())


def _icmp(tables: Tables, servers: set[str]) -> tuple[Record, ...]:
    icmp = tables["icmp"]
    if icmp.empty or not servers:
        return ()
    return tuple(records(icmp[icmp["server"].isin(servers).fillna(False)].head(200)))
