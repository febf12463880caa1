"""dns.block_cname: the answer is sent on by CNAME to a filter vendor's name.

CNAMEs to content networks (Cloudflare, Azure) are how healthy names look.
Source: vendor documentation, see vendors_dns.tsv.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.dns_answers import Answer, answers
from analysis.detect.dns_sinkhole import dns_evidence
from analysis.detect.reach import reach_of
from analysis.detect.support import earned, effect, finding, ranked
from analysis.knowledge.addresses import address
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import say, some


def find_dns_block_cname(tables: Tables) -> Iterator[Finding]:
    groups: dict[str, list[Answer]] = {}
    for answer in answers(tables):
        if answer.name_vendor:
            groups.setdefault(answer.name_vendor, []).append(answer)
    for vendor, found in groups.items():
        hosts = ranked(answer.host for answer in found)
        reach = reach_of(tables, frozenset(hosts))
        failed = any(reach[host].failed for host in hosts)
        sunk = any(answer.bogus or answer.address_vendor for answer in found)
        resolvers = tuple(dict.fromkeys(answer.resolver for answer in found))
        targets = tuple(dict.fromkeys(name for answer in found for name in _names(answer)))
        yield finding(
            "dns.block_cname",
            say(
                "{resolver} redirects {hosts} by CNAME to {targets}, a name of {vendor}.",
                resolver=some(resolvers),
                hosts=some(hosts),
                targets=some(targets),
                vendor=vendor,
            ),
            confidence=earned(
                0.92,
                (sunk, 0.4),
                (any(answer.filter_codes for answer in found), 0.4),
                (failed, 0.3),
            ),
            subjects=hosts,
            severity=effect(hosts[0]),
            vendor=vendor,
            count=len(found),
            times=[answer.row["time"] for answer in found],
            evidence=dns_evidence(found, say("answers redirected to the filter")),
            in_short=some(resolvers),
            measurements={"cnames": list(targets), "resolvers": list(resolvers)},
        )


def _names(answer: Answer) -> list[str]:
    named = list(answer.row["cnames"] or ())
    return named or [text for text in answer.row["answers"] or () if address(text) is None]
