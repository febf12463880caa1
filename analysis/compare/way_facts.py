"""Facts of the machine and of the way out: clock, tunnel, proxy, resolver, exit."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.compare.facts import Fact, evidence_of, fact, listed
from analysis.detect.clock import clock_skew
from analysis.detect.dns_answers import answers
from analysis.detect.presence import tunnels
from analysis.detect.support import Record, matters, of_service, records, where, without_own_leg
from analysis.diagnose.delay_legs import exit_facts
from analysis.knowledge.addresses import address
from analysis.model.diagnosis import Evidence
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import joined, say


def way_facts(tables: Tables) -> Iterator[Fact]:
    """At most one fact of each of these factors."""
    for find in (_clock, _tunnel, _proxy, _resolver, _exit):
        yield from find(tables)


def _clock(tables: Tables) -> Iterator[Fact]:
    skew = clock_skew(tables)
    if skew is not None:
        ahead, minutes = skew.ahead_s > 0, Number(abs(skew.ahead_s) / 60)
        way = say("ahead") if ahead else say("behind")
        shown = (
            say("about {minutes} min ahead", minutes=minutes)
            if ahead
            else say("about {minutes} min behind", minutes=minutes)
        )
        yield fact("device.clock", way, shown=shown, fault=True, evidence=skew.evidence)
    elif len(tables["http"]) and tables["http"]["date"].notna().any():
        yield fact("device.clock", say("right"))


def _tunnel(tables: Tables) -> Iterator[Fact]:
    found = tunnels(tables)
    if found:
        evidence = [tunnel.evidence for tunnel in found]
        yield fact("vpn.tunnel", listed(tunnel.name for tunnel in found), evidence=evidence)
    elif _shows_tunnels(tables):
        yield fact("vpn.tunnel", say("none seen"))


def _shows_tunnels(tables: Tables) -> bool:
    """Packets of the network, a snapshot of the machine or a trace page would show one."""
    host, http = tables["host"], tables["http"]
    snapshot = len(host) and bool((host["section"] == "interface").fillna(False).any())
    trace = len(http) and bool(http["trace"].notna().any())
    return bool(len(tables["tcp"]) or snapshot or trace)


def _proxy(tables: Tables) -> Iterator[Fact]:
    via: dict[str, Evidence | None] = {}
    straight = False
    connections = tables["connections"]
    for row in records(where(connections, "host", matters)):
        if row["via"]:
            pieces = evidence_of(
                row, say("connection to {host} through {proxy}", host=row["host"], proxy=row["via"])
            )
            via.setdefault(row["via"], pieces[0] if pieces else None)
        straight = straight or not row["via"]
    for row, host in _on_the_wire(tables):
        if row["connect_host"]:
            proxy = f"{row['server']}:{row['server_port']}"
            pieces = evidence_of(row, say("CONNECT {host} through {proxy}", host=host, proxy=proxy))
            via.setdefault(proxy, pieces[0] if pieces else None)
        else:
            straight = True
    if via:
        evidence = [piece for piece in via.values() if piece]
        value = listed(via)
        if straight:
            value = say("{proxies} and straight", proxies=value)
        yield fact("proxy.way", value, evidence=evidence)
    elif straight:
        yield fact("proxy.way", say("none: straight"))


def _on_the_wire(tables: Tables) -> Iterator[tuple[Record, str]]:
    """Connections in packets that are for a listed host: by CONNECT, or by ClientHello."""
    tcp = without_own_leg(tables["tcp"], tables)
    if tcp.empty:
        return
    columns = ["source", "server", "server_port", "connect_host", "first_frame"]
    asked = tcp[tcp["connect_host"].notna()]
    for row in records(asked[columns]):
        host = row["connect_host"].rpartition(":")[0]
        if of_service(host):
            yield row, host
    hellos = where(without_own_leg(tables["tls"], tables), "sni", of_service)
    if hellos.empty:
        return
    hellos = hellos[["source", "stream", "sni"]].drop_duplicates()
    joined = tcp[tcp["connect_host"].isna()].merge(hellos, on=["source", "stream"])
    for row in records(joined[[*columns, "sni"]].head(1)):
        yield row, row["sni"]


def _resolver(tables: Tables) -> Iterator[Fact]:
    found = {answer.resolver: answer.row for answer in answers(tables) if address(answer.resolver)}
    if found:
        evidence = [
            piece
            for row in found.values()
            for piece in evidence_of(row, say("answer of this resolver"))
        ]
        yield fact("dns.resolver", listed(found), evidence=evidence)
        return
    configured = records(where(tables["host"], "section", lambda name: name == "resolver"))
    names = {_without_port(row["value"] or "") for row in configured}
    if names - {""}:
        yield fact("dns.resolver", listed(names))


def _without_port(text: str) -> str:
    host, colon, port = text.rpartition(":")
    return host.strip("[]") if colon and port.isdigit() and address(host.strip("[]")) else text


def _exit(tables: Tables) -> Iterator[Fact]:
    """Exit addresses are renamed in every capture, so the place stands for the exit."""
    found = {name: _words(value) for name, value in exit_facts(tables).items()}
    place: list[str] = []
    if found.get("loc"):
        place.append(say("country {code}", code=listed(found["loc"])))
    place += [
        f"{name} {'/'.join(found[name])}"
        for name in ("warp", "gateway")
        if found.get(name) and found[name] != ["off"]
    ]
    if place:
        yield fact("exit.place", joined(place, ", "))
    if found.get("colo"):
        yield fact("exit.colo", listed(found["colo"]))


def _words(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
