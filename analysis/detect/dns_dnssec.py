"""dns.dnssec_failure: the resolver could not validate the name's signatures.

SERVFAIL with an Extended DNS Error of the DNSSEC group (1, 2, 5 to 12, 25, 27)
that no later answer heals.  A wrong clock is the usual cause of a signature that
is expired or not yet valid everywhere; a filter that forges answers behind a
validating resolver is another.  Source: RFC 8914, RFC 4033 section 5.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.clock import clock_skew
from analysis.detect.dns_answers import SERVFAIL, Answer, answers, good_by_host
from analysis.detect.dns_sinkhole import dns_evidence
from analysis.detect.reach import reach_of
from analysis.detect.support import earned, effect, finding, ranked
from analysis.knowledge.codes import ede
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import joined, say, some, times_over

_TIMES = (7, 8)
"""Signature Expired, Signature Not Yet Valid."""


def unvalidated(answer: Answer) -> bool:
    """The resolver says that validation is why there is no answer."""
    codes = answer.row["ede"] or ()
    return answer.rcode == SERVFAIL and any(ede(code).group == "dnssec" for code in codes)


def find_dns_dnssec_failure(tables: Tables) -> Iterator[Finding]:
    found = answers(tables)
    good = good_by_host(found)
    failing = [answer for answer in found if unvalidated(answer) and answer.host not in good]
    reach = reach_of(tables, frozenset(answer.host for answer in failing))
    failing = [answer for answer in failing if not reach[answer.host].worked]
    if not failing:
        return
    hosts = ranked(answer.host for answer in failing)
    resolvers = tuple(dict.fromkeys(answer.resolver for answer in failing))
    codes = sorted({code for answer in failing for code in answer.row["ede"] or ()})
    skewed = any(code in _TIMES for code in codes) and clock_skew(tables) is not None
    invalid = say(
        "{resolver} cannot validate {hosts}, {times}: {codes}.",
        resolver=some(resolvers),
        hosts=some(hosts),
        times=times_over(len(failing)),
        codes=some([f"EDE {code} {ede(code).name}" for code in codes]),
    )
    yield finding(
        "dns.dnssec_failure",
        joined([invalid, say("This machine's clock is wrong too.") if skewed else ""]),
        confidence=earned(0.85, (len(failing) > 1, 0.4), (skewed, 0.3)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(failing),
        times=[answer.row["time"] for answer in failing],
        evidence=dns_evidence(failing, say("validation failures")),
        in_short=some(resolvers),
        measurements={"ede": codes, "resolvers": list(resolvers)},
    )
