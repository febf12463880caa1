"""dns.nxdomain_filter: the resolver denies an essential name that exists.

NXDOMAIN for any type, or no address or REFUSED for type A.  AAAA without an
address is normal.  A name that only a bare wildcard covers may be a typo or
retired, so it needs a second signal: a filter's SOA or RPZ mark, an EDE, RA=0
(Quad9), or a proof that the name exists.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.dns_answers import (
    NXDOMAIN,
    REFUSED,
    Answer,
    answers,
    good_by_host,
    healed,
)
from analysis.detect.dns_sinkhole import dns_evidence
from analysis.detect.reach import reach_of
from analysis.detect.support import earned, effect, finding, ranked, records, rule_of
from analysis.knowledge.codes import ede
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import joined, say, some

_WORDS = {
    NXDOMAIN: say("NXDOMAIN (no such name)"),
    REFUSED: "REFUSED",
    0: say("no address"),
}


def find_dns_nxdomain_filter(tables: Tables) -> Iterator[Finding]:
    found = answers(tables)
    good = good_by_host(found)
    addressed = {(answer.resolver, answer.host) for answer in found if answer.addresses}
    denied = [
        answer
        for answer in found
        if answer.denied
        and not answer.name_vendor
        and not healed(answer, good)
        # without AAAA or HTTPS the client still has its A; a false A is a finding of its own
        and (answer.row["qtype"] == "A" or (answer.resolver, answer.host) not in addressed)
    ]
    if not denied:
        return
    reach = reach_of(tables, frozenset(answer.host for answer in denied))
    answering = _answering_resolvers(tables)
    groups: dict[str | None, list[tuple[Answer, list[str]]]] = {}
    for answer in denied:
        signals = _signals(answer, good, reach[answer.host].worked)
        if _credible(answer, signals, answering):
            vendor = answer.soa_vendor or answer.likely_vendor
            vendor = vendor or ("Quad9" if _quad9(answer) else None)
            groups.setdefault(vendor, []).append((answer, signals))
    for vendor, members in groups.items():
        yield _filtered(vendor, members)


def _signals(answer: Answer, good: dict[str, list[Answer]], reached: bool) -> list[str]:
    signals: list[str] = []
    if answer.soa_vendor:
        signals.append(say("the SOA names {vendor}", vendor=answer.soa_vendor))
    if answer.row["additional_soa"]:
        signals.append(say("the response policy zone shows itself in the additional section"))
    if _local_soa(answer):
        signals.append(say("the SOA is one made locally"))
    if answer.filter_codes:
        names = [f"EDE {code} {ede(code).name}" for code in answer.filter_codes]
        signals.append(say("the resolver says {codes}", codes=some(names)))
    if _quad9(answer):
        signals.append(say("recursion is not offered in the denial, as Quad9 does for a block"))
    if any(other.resolver != answer.resolver for other in good.get(answer.host, ())):
        signals.append(say("another resolver gives an address"))
    elif answer.host in good or reached:
        signals.append(say("the same capture reaches the name"))
    return signals


def _quad9(answer: Answer) -> bool:
    row = answer.row
    return answer.rcode == NXDOMAIN and row["recursion_available"] is False and not row["soa"]


def _local_soa(answer: Answer) -> bool:
    mnames = [entry.split()[-1].rstrip(".").lower() for entry in answer.row["soa"] or () if entry]
    return any(
        name in ("localhost", "blocked", "fake-for-negative-caching.adguard.com") for name in mnames
    )


def shows_filter(answer: Answer) -> bool:
    """The denial is a filter's by itself, without the EDE."""
    named = answer.soa_vendor or answer.likely_vendor or answer.row["additional_soa"]
    return answer.rcode == NXDOMAIN and (bool(named) or _local_soa(answer) or _quad9(answer))


def _credible(answer: Answer, signals: list[str], answering: frozenset[str]) -> bool:
    rule = rule_of(answer.host)
    assert rule is not None
    if answer.rcode == REFUSED and not (answer.filter_codes or answer.soa_vendor):
        # a resolver that refuses everything is dns.resolver_failing
        return rule.essential and not rule.wildcard and answer.resolver in answering
    if rule.wildcard or not rule.essential:
        return bool(signals)
    return True


def _answering_resolvers(tables: Tables) -> frozenset[str]:
    """Resolvers that gave any address to any question."""
    frame = tables["dns"]
    if frame.empty:
        return frozenset()
    fine = frame[frame["response"].fillna(False) & (frame["rcode"] == 0).fillna(False)]
    return frozenset(row["src"] for row in records(fine[["src", "answers"]]) if row["answers"])


def _filtered(vendor: str | None, members: list[tuple[Answer, list[str]]]) -> Finding:
    denied = [answer for answer, _ in members]
    signals = list(dict.fromkeys(signal for _, found in members for signal in found))
    hosts = ranked(answer.host for answer in denied)
    resolvers = tuple(dict.fromkeys(answer.resolver for answer in denied))
    kinds = tuple(dict.fromkeys(_WORDS.get(answer.rcode, _WORDS[0]) for answer in denied))
    carried = all(answer.filter_codes and not shows_filter(answer) for answer in denied)
    proof = joined(signals, "; ") or say("the name is one of the service's published ones")
    plain = 0.7 if NXDOMAIN in {answer.rcode for answer in denied} else 0.65
    return finding(
        "dns.nxdomain_filter",
        say(
            "{resolver} answers {hosts} with {kinds}, although the name exists: {proof}.",
            resolver=some(resolvers),
            hosts=some(hosts),
            kinds=some(kinds),
            proof=proof,
        ),
        confidence=earned(plain, *((True, 0.55) for _ in signals[:4])),
        subjects=hosts,
        severity=effect(hosts[0]),
        vendor=vendor,
        count=len(denied),
        times=[answer.row["time"] for answer in denied],
        evidence=dns_evidence(denied, say("denials")),
        # a denial that no filter has marked is what the EDE makes of it
        explained_by="dns.ede_filtered" if carried and vendor is None else None,
        in_short=some(resolvers),
        measurements={"resolvers": list(resolvers), "signals": signals},
    )
