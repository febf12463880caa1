"""dns.sinkhole: the answer is a null, loopback, private or known block address.

Needs a bogon that was not seen to work, or a vendor's block address, or a
public address outside the published ranges whose certificate was refused, or that
a response policy or a foreign CNAME gave and where nothing answered for the host.
The page that a block address serves names the filter.
Does not prove a block for fake-IP ranges (vpn.fake_ip_dns) nor for a private
answer with verified TLS (split DNS).  Source: OONI bogon rule, Pi-hole FTL.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.attempts import wire
from analysis.detect.certificates import hidden_alerts
from analysis.detect.cleartext import in_clear
from analysis.detect.dns_answers import Answer, answers, good_by_host
from analysis.detect.path_answers import named_product
from analysis.detect.reach import Reach, reach_of
from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    matters,
    noted,
    packet_evidence,
    ranked,
    records,
    where,
)
from analysis.knowledge import threshold
from analysis.knowledge.addresses import address, in_group
from analysis.knowledge.codes import ede
from analysis.model.diagnosis import Evidence, Finding
from analysis.model.frames import Tables
from analysis.model.message import joined, say, some

_CLOUDFLARE_FRONTED = ("chatgpt.com", "openai.com", "oaistatic.com")


def find_dns_sinkhole(tables: Tables) -> Iterator[Finding]:
    found = answers(tables)
    good = good_by_host(found)
    groups: dict[str | None, list[Answer]] = {}
    for answer in found:
        # an AAAA of :: beside a good A of the same resolver is only IPv6 switched off
        spared = answer.row["qtype"] == "AAAA" and not answer.address_vendor
        if answer.sunk and not (spared and _same_resolver(answer, good)):
            groups.setdefault(answer.address_vendor or answer.likely_vendor, []).append(answer)
    for vendor, sunk in groups.items():
        hosts = ranked(answer.host for answer in sunk)
        reach = reach_of(tables, frozenset(hosts))
        shown = None if vendor else _page_maker(tables, sunk)
        yield _sinkhole(vendor or shown, sunk, hosts, good, reach)
    hijacked = list(_hijacked(tables, found))
    yield from hijacked or _rewritten(tables, found)


def _same_resolver(answer: Answer, good: dict[str, list[Answer]]) -> bool:
    return any(other.resolver == answer.resolver for other in good.get(answer.host, ()))


def _page_maker(tables: Tables, sunk: list[Answer]) -> str | None:
    """The product whose page the block answer's address serves, in clear or to the recorder."""
    given = set(ranked_addresses(sunk))
    http = tables["http"]
    shown = records(http[http["address"].isin(given).fillna(False)]) if len(http) else []
    shown += [row for row in in_clear(tables) if row["address"] in given]
    return next(filter(None, map(named_product, shown)), None)


def _sinkhole(
    vendor: str | None,
    sunk: list[Answer],
    hosts: tuple[str, ...],
    good: dict[str, list[Answer]],
    reach: dict[str, Reach],
) -> Finding:
    given = ranked_addresses(sunk)
    null = any(item.is_unspecified for answer in sunk for item in answer.bogus)
    failed = [row for host in hosts for row in reach[host].failed]
    codes = sorted({code for answer in sunk for code in answer.filter_codes})
    short = [answer for answer in sunk if _short_lived(answer)]
    others = sorted(
        {other.resolver for host in hosts for other in good.get(host, ())}
        - {answer.resolver for answer in sunk}
    )
    known = vendor is not None and any(answer.address_vendor for answer in sunk)
    if known:
        signals: list[str] = [say("a known block address of {vendor}", vendor=vendor or "")]
    else:
        signals = [
            say("a null address, which is not the service's")
            if null
            else say("a private address, which is not the service's")
        ]
    if codes:
        named = some([f"EDE {c} {ede(c).name}" for c in codes])
        signals.append(say("the resolver says {codes}", codes=named))
    if failed:
        signals.append(say("connections there failed"))
    if others:
        signals.append(say("{resolver} gives a real address", resolver=some(others)))
    if short:
        signals.append(say("the answer lives for a few seconds only, as block answers do"))
    resolvers = tuple(dict.fromkeys(answer.resolver for answer in sunk))
    return finding(
        "dns.sinkhole",
        say(
            "{resolver} answers {hosts} with {addresses}, {signals}.",
            resolver=some(resolvers),
            hosts=some(hosts),
            addresses=some(given),
            signals=joined(signals, "; "),
        ),
        confidence=earned(
            0.9 if known or null else 0.7,
            (bool(codes), 0.6),
            (bool(failed), 0.5),
            (bool(others), 0.5),
            (bool(short), 0.1),
        ),
        subjects=hosts,
        severity=effect(hosts[0]),
        vendor=vendor,
        count=len(sunk),
        times=[answer.row["time"] for answer in sunk],
        evidence=_evidence(sunk, failed),
        in_short=some(resolvers),
        measurements={"addresses": list(given), "resolvers": list(resolvers), "signals": signals},
    )


def ranked_addresses(found: list[Answer]) -> tuple[str, ...]:
    """The distinct addresses of several answers, as text."""
    return tuple(dict.fromkeys(str(item) for answer in found for item in answer.addresses))


def _short_lived(answer: Answer) -> bool:
    ttl = answer.row["ttl_min"]
    return ttl is not None and ttl <= threshold("dns_short_ttl_s")


def dns_evidence(found: list[Answer], note: str) -> tuple[Evidence, ...]:
    """The responses by frame; the recorder's own note of a lookup by its file."""
    rows = [answer.row for answer in found]
    pieces = packet_evidence(rows, note)
    logged = sorted({row["source"] or "" for row in rows if row["frame"] is None})
    return pieces + tuple(
        noted(source, say("{note} (the recorder's own lookup)", note=note)) for source in logged
    )


def _evidence(sunk: list[Answer], failed: list[Record]) -> tuple[Evidence, ...]:
    pieces = dns_evidence(sunk, say("block answers"))
    for row in failed[:3]:
        if row.get("flow"):
            note = say("the request that failed")
            pieces += (Evidence.flow(row["source"] or "", row["flow"], note),)
    return pieces


def _hijacked(tables: Tables, found: list[Answer]) -> Iterator[Finding]:
    """Public addresses outside the published ranges that showed a wrong certificate."""
    refused: dict[str, Record] = {}
    for row in records(where(tables["connections"], "host", matters)):
        text = (row["error"] or "").lower()
        if row["error_stage"] == "tls" and any(
            word in text for word in ("certificate", "verif", "hostname mismatch")
        ):
            refused[row["address"] or ""] = row
    for row in hidden_alerts(tables):
        refused.setdefault(row["server"] or "", row)
    hits = [
        answer
        for answer in found
        if answer.good
        and answer.host.endswith(_CLOUDFLARE_FRONTED)
        and all(str(item) in refused for item in answer.addresses)
        and not any(in_group(group, item) for item in answer.addresses for group in _EXPECTED)
    ]
    if not hits:
        return
    hosts = ranked(answer.host for answer in hits)
    given = ranked_addresses(hits)
    resolvers = tuple(dict.fromkeys(answer.resolver for answer in hits))
    rows = [row for text, row in refused.items() if address(text) is not None and text in given]
    yield finding(
        "dns.sinkhole",
        say(
            "{resolver} answers {hosts} with {addresses}, outside the service's published ranges, "
            "and the certificate shown there was refused.",
            resolver=some(resolvers),
            hosts=some(hosts),
            addresses=some(given),
        ),
        confidence=0.75,
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(hits),
        times=[answer.row["time"] for answer in hits],
        evidence=_evidence(hits, rows),
        in_short=some(resolvers),
        measurements={"addresses": list(given), "resolvers": list(resolvers)},
    )


_EXPECTED = ("cloudflare", "openai")
_EDGE_NAMES = ("cloudflare.net", "cloudflare.com")
"""Where the service's own names may lead by CNAME."""


def _rewritten(tables: Tables, found: list[Answer]) -> Iterator[Finding]:
    """Public addresses that the resolver put in the true ones' place, and that lead nowhere.

    A policy zone signs what it changes by its SOA in the additional section, where
    no other positive answer has one (draft-vixie-dnsop-dns-rpz, section 2.2).
    """
    hits = [
        answer
        for answer in found
        if answer.good
        and answer.host.endswith(_CLOUDFLARE_FRONTED)
        and not any(in_group(group, item) for item in answer.addresses for group in _EXPECTED)
        and (answer.row["additional_soa"] or _strange_names(answer))
    ]
    reach = reach_of(tables, frozenset(answer.host for answer in hits))
    tried = [item for item in wire(tables).attempts if not item.shook_hands]
    lost = {place: item for item in tried if (place := address(item.server)) is not None}
    hits = [
        answer
        for answer in hits
        if not reach[answer.host].worked
        and (reach[answer.host].failed or any(item in lost for item in answer.addresses))
    ]
    if not hits:
        return
    hosts = ranked(answer.host for answer in hits)
    given = ranked_addresses(hits)
    resolvers = tuple(dict.fromkeys(answer.resolver for answer in hits))
    zones = some(sorted({zone for answer in hits for zone in answer.row["additional_soa"] or ()}))
    names = some(sorted({name for answer in hits for name in _strange_names(answer)}))
    signs = [
        say("a response policy zone changed the answer ({zones})", zones=zones) if zones else "",
        say("a CNAME leads to {names}", names=names) if names else "",
        say("connections there failed"),
    ]
    yield finding(
        "dns.sinkhole",
        say(
            "{resolver} answers {hosts} with {addresses}, outside the service's published ranges; "
            "{signs}.",
            resolver=some(resolvers),
            hosts=some(hosts),
            addresses=some(given),
            signs=joined([sign for sign in signs if sign], "; "),
        ),
        confidence=earned(0.7, (bool(zones), 0.6), (bool(names), 0.3)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(hits),
        times=[answer.row["time"] for answer in hits],
        evidence=_evidence(hits, [row for host in hosts for row in reach[host].failed]),
        in_short=some(resolvers),
        measurements={"addresses": list(given), "resolvers": list(resolvers)},
    )


def _strange_names(answer: Answer) -> list[str]:
    """CNAMEs that are neither the service's nor its edge's."""
    known = tuple(f".{name}" for name in (*_CLOUDFLARE_FRONTED, *_EDGE_NAMES))
    names = answer.row["cnames"] or ()
    return [name for name in names if not f".{name.rstrip('.').lower()}".endswith(known)]
