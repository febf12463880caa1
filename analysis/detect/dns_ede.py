"""dns.ede_filtered: the resolver itself says that it filtered the name.

Extended DNS Errors 4, 15, 16 and 17 (RFC 8914).  Stale answers and upstream
trouble (3, 19, 22, 23) are not a filter.  Where the answer itself already shows
the block (an address, a redirection, a denial with a filter's SOA or of a known
filter), this points at that finding; other denials, no address and REFUSED do not
say whether somebody blocks, only the EDE does, so there this is the root.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.dns_answers import Answer, answers, good_by_host, healed
from analysis.detect.dns_nxdomain import shows_filter
from analysis.detect.dns_sinkhole import dns_evidence
from analysis.detect.support import earned, effect, finding, ranked
from analysis.knowledge.codes import ede
from analysis.knowledge.secrets import redact_text
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import joined, say, some


def find_dns_ede_filtered(tables: Tables) -> Iterator[Finding]:
    found = answers(tables)
    good = good_by_host(found)
    groups: dict[str | None, list[Answer]] = {}
    for answer in found:
        if answer.filter_codes and not healed(answer, good):
            groups.setdefault(_shown_as(answer), []).append(answer)
    for shown_as, marked in groups.items():
        hosts = ranked(answer.host for answer in marked)
        codes = sorted({code for answer in marked for code in answer.filter_codes})
        texts = tuple(
            dict.fromkeys(
                redact_text(text, 80)
                for answer in marked
                for text in answer.row["ede_text"] or ()
                if text
            )
        )[:3]
        resolvers = tuple(dict.fromkeys(answer.resolver for answer in marked))
        reasons = some(
            [
                say(
                    "EDE {code} {name}: {reading}",
                    code=str(code),
                    name=ede(code).name,
                    reading=ede(code).reading,
                )
                for code in codes
            ]
        )
        quoted = say('It adds: "{text}".', text=some(texts)) if texts else ""
        filtered = say(
            "{resolver} marks its answer for {hosts} as filtered ({reasons}).",
            resolver=some(resolvers),
            hosts=some(hosts),
            reasons=reasons,
        )
        yield finding(
            "dns.ede_filtered",
            joined([filtered, quoted]),
            confidence=earned(0.92, (shown_as is not None, 0.5), (bool(texts), 0.2)),
            subjects=hosts,
            severity=effect(hosts[0]),
            vendor=next((vendor for vendor in map(_vendor, marked) if vendor), None),
            count=len(marked),
            times=[answer.row["time"] for answer in marked],
            evidence=dns_evidence(marked, say("responses with an Extended DNS Error")),
            explained_by=shown_as,
            in_short=some(resolvers),
            measurements={"ede": codes, "resolvers": list(resolvers)},
        )


def _vendor(answer: Answer) -> str | None:
    return answer.address_vendor or answer.name_vendor or answer.soa_vendor or answer.likely_vendor


def _shown_as(answer: Answer) -> str | None:
    """The finding that shows the same block by the answer itself."""
    if answer.name_vendor:
        return "dns.block_cname"
    if answer.sunk:
        return "dns.sinkhole"
    return "dns.nxdomain_filter" if shows_filter(answer) else None
