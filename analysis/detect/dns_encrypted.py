"""dns.doh_hidden and dns.doh_policy: what can be said of lookups that are encrypted, or may not be.

Hidden: names of ChatGPT were used without a lookup in the capture, while an
encrypted resolver was talked to.  Policy: the network answers Mozilla's canary
name so that browsers leave encrypted DNS off, as filters do.  Both are notes.
Source: RFC 8484, RFC 7858; Firefox DoHHeuristics; detection notes 2.1 and 15.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.detect.dns_answers import NXDOMAIN
from analysis.detect.support import (
    MAX_EVIDENCE,
    Record,
    finding,
    matters,
    noted,
    packet_evidence,
    ranked,
    records,
    where,
    without_own_leg,
)
from analysis.knowledge.encrypted_dns import DOT_PORT, encrypted_resolver
from analysis.model.diagnosis import Evidence, Finding
from analysis.model.frames import Tables
from analysis.model.message import say, some

CANARY = "use-application-dns.net"


def _known(name: str) -> bool:
    return encrypted_resolver(name) is not None


def find_dns_doh_hidden(tables: Tables) -> Iterator[Finding]:
    used = _used_names(tables)
    dns = tables["dns"]
    looked_up = set(where(dns, "qname", matters)["qname"]) if len(dns) else set()
    hidden = used - looked_up
    operators, evidence = encrypted_lookups(tables)
    # one name from the cache is nothing: nearly all of them must be without a lookup
    if not evidence or not used or 2 * len(hidden) < len(used) or looked_up & used:
        return
    hosts = ranked(hidden)
    who = some(tuple(dict.fromkeys(operators)))
    yield finding(
        "dns.doh_hidden",
        say(
            "{hosts} was used without a visible lookup, while {resolver} was asked by encrypted "
            "DNS: name lookups could not be judged.",
            hosts=some(hosts),
            resolver=who,
        ),
        confidence=0.8,
        subjects=hosts,
        vendor=operators[0],
        count=len(hosts),
        evidence=evidence[:MAX_EVIDENCE],
        in_short=who,
    )


def _used_names(tables: Tables) -> set[str]:
    """Hosts of ChatGPT that packets show in use; flows alone never show lookups."""
    names: set[str] = set()
    for frame in (without_own_leg(tables["tls"], tables), tables["quic"]):
        names |= set(where(frame, "sni", matters)["sni"].dropna())
    return {name for name in names if not _known(name)}


def encrypted_lookups(tables: Tables) -> tuple[list[str], list[Evidence]]:
    """Operators of encrypted resolvers that were talked to, and where that shows."""
    operators: list[str] = []
    evidence: list[Evidence] = []
    for frame in (without_own_leg(tables["tls"], tables), tables["quic"]):
        for row in records(where(frame, "sni", _known)):
            operators.append(encrypted_resolver(row["sni"]) or "")
            evidence += packet_evidence([row], say("encrypted DNS to {host}", host=row["sni"]))
    tcp = tables["tcp"]
    if len(tcp):
        over_tls: pd.DataFrame = tcp[(tcp["server_port"] == DOT_PORT).fillna(False)]
        for row in records(over_tls[over_tls["synack_frame"].notna()]):
            operators.append(row["server"])
            evidence += packet_evidence([row], say("DNS over TLS"), ("first_frame",))
    for row in records(where(tables["host"], "section", lambda name: name == "resolver")):
        if "https://" in (row["value"] or ""):
            operators.append(say("the browser's own resolver"))
            evidence.append(noted(row["source"] or "", f"{row['name']}: {row['value']}"))
    return operators, evidence


def find_dns_doh_policy(tables: Tables) -> Iterator[Finding]:
    dns = tables["dns"]
    if dns.empty:
        return
    answered = dns[dns["response"].fillna(False)]
    rows = records(where(answered, "qname", lambda name: name == CANARY))
    denied = [row for row in rows if _switches_off(row)]
    if not denied or len(denied) < len(rows):
        return
    resolvers = tuple(dict.fromkeys(row["src"] or say("the system resolver") for row in denied))
    yield finding(
        "dns.doh_policy",
        say(
            "{resolver} answers {name} so that browsers leave encrypted DNS off: this network "
            "filters names, or wants to see them.",
            resolver=some(resolvers),
            name=CANARY,
        ),
        confidence=0.9,
        count=len(denied),
        times=[row["time"] for row in denied],
        evidence=packet_evidence(denied, say("answer to the canary name"))
        or [noted(denied[0]["source"] or "", say("{name} is denied", name=CANARY))],
        in_short=some(resolvers),
    )


def _switches_off(row: Record) -> bool:
    """NXDOMAIN, or no address for either type: Mozilla's canary rule."""
    if row["rcode"] == NXDOMAIN:
        return True
    return row["rcode"] == 0 and not row["answers"] and not (row["truncated"] or row["cut"])
