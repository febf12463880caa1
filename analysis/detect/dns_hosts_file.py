"""dns.hosts_file: a name was reached without a lookup, at an address that is not the service's.

The capture shows the machine's lookups, but none for this name or only ones that
gave it other, good addresses (the recorder itself asks after a failure), and the
connection goes to a private or null address, or to a public one outside the
service's published ranges, and fails there.  Lookups of other sites show as well
that none was hidden, unless an encrypted resolver was talked to.  An address that
works is split DNS or a local service; one looked up before the capture began is
possible and said.
Source: detection notes 15; Cloudflare errors 1003 and 1034.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.detect.certificates import hidden_alerts
from analysis.detect.dns_answers import answers, good_by_host, is_bogus, working_addresses
from analysis.detect.dns_encrypted import encrypted_lookups
from analysis.detect.once import once
from analysis.detect.path_answers import fronted
from analysis.detect.support import (
    MAX_EVIDENCE,
    earned,
    effect,
    finding,
    matters,
    noted,
    packet_evidence,
    ranked,
    records,
    rule_of,
    where,
    without_own_leg,
)
from analysis.knowledge.addresses import Address, address, in_group, vendor_of_address
from analysis.model.diagnosis import Evidence, Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some


@dataclass(frozen=True, slots=True)
class Misled:
    """One connection to a host at an address that no lookup in the capture gave."""

    host: str
    place: Address
    time: float | None
    evidence: tuple[Evidence, ...]
    client: str | None = None


@dataclass(frozen=True, slots=True)
class _Lookups:
    """Names of ChatGPT asked for, addresses that any answer gave, whose lookups were seen."""

    names: frozenset[str]
    given: frozenset[str]
    clients: frozenset[str]

    def shows(self, item: Misled) -> bool:
        """True when a lookup of the name would have been in the capture."""
        return bool(self.names) or item.client in self.clients


def _looked_up(tables: Tables) -> _Lookups:
    dns = tables["dns"]
    if dns.empty:
        return _Lookups(frozenset(), frozenset(), frozenset())
    names = frozenset(where(dns, "qname", matters)["qname"])
    given = frozenset(text for found in dns["answers"].dropna() for text in found)
    answered = dns[dns["response"].fillna(False) & (dns["protocol"] == "dns").fillna(False)]
    told = answered[answered["answers"].notna() & answered["frame"].notna()]
    clients: set[str] = set() if encrypted_lookups(tables)[0] else set(told["dst"].dropna())
    return _Lookups(names, given, frozenset(clients))


def _well_answered(tables: Tables) -> frozenset[str]:
    """Names that a lookup in the capture gave a good address: no filter led astray from there."""
    return frozenset(good_by_host(answers(tables)))


@once
def misled(tables: Tables) -> list[Misled]:
    """Failed connections that only a hosts file, or an older lookup, explains."""
    found = [*_by_packets(tables), *_by_recorder(tables)]
    found = [
        item for item in found if _foreign(item) and item.place not in working_addresses(tables)
    ]
    if not found:
        return []
    # where the capture shows no lookups at all, nothing follows from a missing one
    seen = _looked_up(tables)
    led = seen.names - _well_answered(tables)
    return [
        item
        for item in found
        if seen.shows(item) and item.host not in led and str(item.place) not in seen.given
    ]


def _foreign(item: Misled) -> bool:
    rule = rule_of(item.host)
    if rule is None or rule.wildcard or vendor_of_address(item.place):
        return False
    if is_bogus(item.place):
        return True
    groups = ("cloudflare", "openai", "voice", "fake-ip", "documentation")
    return fronted(item.host) and not any(in_group(group, item.place) for group in groups)


def _by_packets(tables: Tables) -> list[Misled]:
    hellos, tcp = without_own_leg(tables["tls"], tables), tables["tcp"]
    if hellos.empty or tcp.empty:
        return []
    failed = hellos[hellos["server_hello_ms"].isna() | hellos["alert"].notna()]
    failed = where(failed, "sni", matters)
    plain = tcp[tcp["connect_host"].isna()][["source", "stream"]]
    rows = records(failed.merge(plain, on=["source", "stream"])) + hidden_alerts(tables)
    return [
        Misled(
            row["sni"],
            place,
            row["time"],
            packet_evidence([row], say("ClientHello to that place")),
            row["client"],
        )
        for row in rows
        if (place := address(row["server"] or "")) is not None
    ]


def _by_recorder(tables: Tables) -> list[Misled]:
    found = []
    for row in records(where(tables["connections"], "host", matters)):
        place = address(row["address"] or "")
        if row["error_stage"] in ("tcp", "tls") and row["via"] is None and place is not None:
            note = say(
                "connection {connection} to {host} at {address}: {error}",
                connection=str(row["connection"]),
                host=row["host"],
                address=str(place),
                error=row["error"] or "",
            )
            piece = noted(row["source"] or "", note)
            found.append(Misled(row["host"], place, row["started"], (piece,)))
    return found


def misled_hosts(tables: Tables) -> frozenset[str]:
    return frozenset(item.host for item in misled(tables))


def find_dns_hosts_file(tables: Tables) -> Iterator[Finding]:
    found = misled(tables)
    if not found:
        return
    hosts = ranked(item.host for item in found)
    places = tuple(dict.fromkeys(str(item.place) for item in found))
    bogus = all(is_bogus(item.place) for item in found)
    local = all(item.place.is_loopback or item.place.is_unspecified for item in found)
    yield finding(
        "dns.hosts_file",
        plural(
            "{n} connection to {hosts} went to {places}, {what}, and failed. No lookup in the "
            "capture gave that address: a hosts file most likely does.",
            "{n} connections to {hosts} went to {places}, {what}, and failed. No lookup in the "
            "capture gave that address: a hosts file most likely does.",
            len(found),
            hosts=some(hosts),
            places=some(places),
            what=say("not an address of the service")
            if bogus
            else say("outside its published ranges"),
        ),
        confidence=earned(0.5, (bogus, 0.3), (local, 0.4), (len(found) > 1, 0.3)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(found),
        times=[item.time for item in found],
        evidence=[piece for item in found[:MAX_EVIDENCE] for piece in item.evidence],
        in_short=some(places),
        measurements={"addresses": list(places)},
    )
