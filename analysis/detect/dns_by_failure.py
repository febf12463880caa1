"""dns.sinkhole, .nxdomain_filter and .resolver_failing where only a lookup's outcome is captured.

A flow file holds no DNS, but says where a connection led or that the name was
denied.  A null or known block address that was tried, and a denial while other
names worked, show the filter all the same; with less certainty than the answer
itself would.  Source: OONI bogon rule; error texts of asyncio and getaddrinfo.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.dns_answers import answers, is_bogus
from analysis.detect.dns_hosts_file import misled_hosts
from analysis.detect.error_answers import storage
from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    flow_evidence,
    matters,
    noted,
    ranked,
    records,
    where,
)
from analysis.knowledge.addresses import Address, address, vendor_of_address
from analysis.model.connect_error import name_denied, try_again
from analysis.model.diagnosis import Evidence, Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some, times_over

_INVALID_ADDRESS = "ERR_ADDRESS_INVALID"
"""Chromium's word for an address of the null network; Windows refuses it without a packet."""


def _unlooked(tables: Tables) -> list[Record]:
    """Failed connections to hosts that matter and whose lookup was not captured."""
    # where other lookups were captured and this one was not, it is a hosts file
    looked_up = {answer.host for answer in answers(tables)} | misled_hosts(tables) | _asked(tables)
    rows = records(where(tables["connections"], "host", matters))
    return [row for row in rows if row["error_stage"] and row["host"] not in looked_up]


def _asked(tables: Tables) -> set[str]:
    """Names whose queries were captured and sent again: if nothing came back, nobody denied it.

    To a browser a name is not resolved either way.
    """
    frame = tables["dns"]
    if frame.empty:
        return set()
    sent: dict[tuple[str, str], int] = {}
    for row in records(where(frame[~frame["response"].fillna(True)], "qname", matters)):
        key = row["qname"], row["qtype"] or ""
        sent[key] = sent.get(key, 0) + 1
    return {name for (name, _), count in sent.items() if count > 1}


def find_dns_sinkhole_by_failure(tables: Tables) -> Iterator[Finding]:
    groups: dict[str | None, list[tuple[Record, Address]]] = {}
    for row in _unlooked(tables):
        tried = [address(text) for text in row["addresses"] or [row["address"] or ""]]
        known = [item for item in tried if item is not None]
        vendor = next((name for name in map(vendor_of_address, known) if name), None)
        if row["via"] is None and known and (vendor or all(map(is_bogus, known))):
            groups.setdefault(vendor, []).append((row, known[0]))
    for vendor, found in groups.items():
        rows = [row for row, _ in found]
        hosts = ranked(row["host"] for row in rows)
        places = tuple(dict.fromkeys(str(place) for _, place in found))
        null = all(place.is_unspecified for _, place in found)
        what = (
            say("a known block address of {vendor}", vendor=vendor)
            if vendor
            else say("not an address of the service")
        )
        yield finding(
            "dns.sinkhole",
            plural(
                "{n} connection to {hosts} went to {places}, {what}, and failed. The lookup "
                "itself is not in the capture.",
                "{n} connections to {hosts} went to {places}, {what}, and failed. The lookup "
                "itself is not in the capture.",
                len(rows),
                hosts=some(hosts),
                places=some(places),
                what=what,
            ),
            confidence=earned(0.8 if vendor or null else 0.55, (len(rows) > 1, 0.2)),
            subjects=hosts,
            severity=effect(hosts[0]),
            vendor=vendor,
            count=len(rows),
            times=[row["started"] for row in rows],
            evidence=_evidence(tables, rows),
            in_short=say("of this machine"),
            measurements={"addresses": list(places)},
        )


def find_dns_sinkhole_by_invalid_address(tables: Tables) -> Iterator[Finding]:
    """The browser alone saw the address, and says that nobody can connect to it."""
    rows = [row for row in _unlooked(tables) if _INVALID_ADDRESS in (row["error"] or "")]
    if not rows:
        return
    hosts = ranked(row["host"] for row in rows)
    yield finding(
        "dns.sinkhole",
        say(
            "{hosts} got an address that nothing can be reached at, such as 0.0.0.0, {times}: so "
            "says the browser. The lookup itself is not in the capture.",
            hosts=some(hosts),
            times=times_over(len(rows)),
        ),
        confidence=earned(0.55, (len(rows) > 1, 0.3)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(rows),
        times=[row["started"] for row in rows],
        evidence=_evidence(tables, rows),
        in_short=say("of this machine"),
    )


def find_dns_nxdomain_by_failure(tables: Tables) -> Iterator[Finding]:
    rows = [row for row in _unlooked(tables) if name_denied(row["error"] or "")]
    rows = [row for row in rows if row["error_stage"] == "dns"]
    reached = {
        row["host"] for row in records(tables["connections"]) if row["tls_ms"] or row["tcp_ms"]
    }
    rows = [row for row in rows if row["host"] not in reached]
    if not rows:
        return
    hosts = ranked(row["host"] for row in rows)
    yield finding(
        "dns.nxdomain_filter",
        say(
            "The system resolver denied {hosts} {times}, although it exists, while other names "
            "worked.",
            hosts=some(hosts),
            times=times_over(len(rows)),
        )
        if reached
        else say(
            "The system resolver denied {hosts} {times}, although it exists.",
            hosts=some(hosts),
            times=times_over(len(rows)),
        ),
        confidence=earned(0.55, (bool(reached), 0.5), (len(rows) > 1, 0.2)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(rows),
        times=[row["started"] for row in rows],
        evidence=_evidence(tables, rows),
        explained_by=_in_effect(hosts),
        in_short=say("of this machine"),
    )


def _in_effect(hosts: tuple[str, ...]) -> str | None:
    """Where files alone are lost: of a lookup that nobody saw no more is known than that."""
    return "file.upload_host_blocked" if hosts and all(map(storage, hosts)) else None


def find_dns_resolver_failing_by_failure(tables: Tables) -> Iterator[Finding]:
    rows = [row for row in _unlooked(tables) if try_again(row["error"] or "")]
    reached = {row["host"] for row in records(tables["connections"]) if row["tls_ms"]}
    rows = [row for row in rows if row["host"] not in reached]
    if len(rows) < 2:  # one that a retry heals is nothing
        return
    hosts = ranked(row["host"] for row in rows)
    yield finding(
        "dns.resolver_failing",
        say(
            "The system resolver could not look up {hosts}, {times}, while other names worked.",
            hosts=some(hosts),
            times=times_over(len(rows)),
        )
        if reached
        else say(
            "The system resolver could not look up {hosts}, {times}, and no other name worked.",
            hosts=some(hosts),
            times=times_over(len(rows)),
        ),
        confidence=earned(0.65, (len(rows) > 2, 0.3), (len(hosts) > 1, 0.2)),
        subjects=hosts,
        count=len(rows),
        times=[row["started"] for row in rows],
        evidence=_evidence(tables, rows),
        explained_by=_in_effect(hosts),
        in_short=say("of this machine"),
    )


def _evidence(tables: Tables, rows: list[Record]) -> tuple[Evidence, ...]:
    """The exchanges that failed with the connections, else the recorder's note of them."""
    lost = {(row["source"], row["connection"]) for row in rows}
    http = records(tables["http"])
    flows = [row for row in http if (row["source"], row["connection"]) in lost]
    pieces = flow_evidence(flows, say("the request that failed"))
    if pieces:
        return pieces
    notes = dict.fromkeys((row["source"] or "", f"{row['host']}: {row['error']}") for row in rows)
    return tuple(noted(source, note) for source, note in list(notes)[:5])
