"""tls.cert_invalid and tls.intercept_breaks: a certificate was refused, and by whose doing.

Where the issuer is an inspection product's, or of no public authority while the
refusal is about the authority, TLS inspection is what breaks.  So it is where the
issuer was not seen, as the service's own authorities are public ones.  Expiry, a wrong
name or revocation of a certificate nobody re-signed is tls.cert_invalid.  A
refusal of chatpath's own CA is neither.  An encrypted alert in place of the
client's Finished says that the certificate was refused, not why; inspection is
the usual reason, and another client that works to the same host (a pinned app
beside a browser) makes it likelier.  Alerts in clear beside a certificate that
nobody re-signed are judged with the other alerts, in packets.
Source: detection notes 5.1 and 5.3, RFC 8446 section 6.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.certificates import Refused, outside, refused_certificates
from analysis.detect.clock import clock_skew
from analysis.detect.support import (
    MAX_EVIDENCE,
    earned,
    effect,
    finding,
    ranked,
)
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some

_READING = {
    "name": say("made for another name"),
    "date": say("outside its validity"),
    "authority": say("of an authority that the client does not know"),
    "proxy": say("the proxy's own, and not accepted"),
    "revoked": say("revoked"),
    "other": say("not accepted"),
}


_LEAST_HIDDEN = 2
"""Refusals that say nothing but their length must repeat."""


def _inspected(item: Refused) -> bool:
    if item.reason in ("hidden", "inspected"):
        return True
    if item.reason == "authority" and item.issuer is None:
        return True
    return item.inspector is not None or (
        item.foreign and not item.own_name and item.reason in ("authority", "other")
    )


def find_tls_intercept_breaks(tables: Tables) -> Iterator[Finding]:
    groups: dict[str | None, list[Refused]] = {}
    for item in refused_certificates(tables):
        if _inspected(item):
            groups.setdefault(item.inspector, []).append(item)
    for vendor, found in groups.items():
        hosts = ranked(item.host for item in found)
        issuers = tuple(dict.fromkeys(item.issuer for item in found if item.issuer))
        hidden = all(item.reason == "hidden" for item in found)
        if hidden and len(found) < _LEAST_HIDDEN:
            continue
        yield finding(
            "tls.intercept_breaks",
            _summary(found, hosts, vendor, issuers),
            confidence=earned(
                0.5 if hidden else 0.7,
                (vendor is not None, 0.6),
                (any(item.reason in ("authority", "inspected") for item in found), 0.4),
                (len(found) > 1, 0.2),
            ),
            subjects=hosts,
            severity=effect(hosts[0]),
            vendor=vendor,
            count=len(found),
            times=[item.time for item in found],
            evidence=[piece for item in found[:MAX_EVIDENCE] for piece in item.evidence],
            # a client that says nothing of its reason may refuse a date by a wrong clock
            explained_by="device.clock_skew" if hidden and _wrong_clock(tables) else None,
            in_short=some(issuers, 2),
            measurements={"issuers": list(issuers[:10])},
        )


def _summary(
    found: list[Refused], hosts: tuple[str, ...], vendor: str | None, issuers: tuple[str, ...]
) -> str:
    if vendor or issuers:
        return plural(
            "{n} connection to {hosts} failed because the certificate is signed by {who}: TLS "
            "inspection is on the path, and the client refuses its certificate.",
            "{n} connections to {hosts} failed because the certificate is signed by {who}: TLS "
            "inspection is on the path, and the client refuses its certificate.",
            len(found),
            hosts=some(hosts),
            who=vendor or say("an authority that is not public ({issuers})", issuers=some(issuers)),
        )
    if any(item.reason == "inspected" for item in found):
        return plural(
            "{n} connection to {hosts} failed: the browser says that TLS inspection on the path "
            "broke it.",
            "{n} connections to {hosts} failed: the browser says that TLS inspection on the path "
            "broke them.",
            len(found),
            hosts=some(hosts),
        )
    if any(item.reason == "authority" for item in found):
        return plural(
            "{n} connection to {hosts} failed because the certificate is of an authority that the "
            "client does not know: most likely TLS inspection is on the path, and the client was "
            "not told to trust it.",
            "{n} connections to {hosts} failed because the certificate is of an authority that the "
            "client does not know: most likely TLS inspection is on the path, and the client was "
            "not told to trust it.",
            len(found),
            hosts=some(hosts),
        )
    return plural(
        "{n} connection to {hosts} ended with an encrypted alert of the client in place of its "
        "Finished: it refuses the certificate, most likely one that TLS inspection made.",
        "{n} connections to {hosts} ended with an encrypted alert of the client in place of its "
        "Finished, each time: it refuses the certificate, most likely one that TLS inspection "
        "made.",
        len(found),
        hosts=some(hosts),
    )


def find_tls_cert_invalid(tables: Tables) -> Iterator[Finding]:
    groups: dict[str, list[Refused]] = {}
    for item in refused_certificates(tables):
        if not _inspected(item):
            groups.setdefault(item.reason, []).append(item)
    for reason, found in groups.items():
        hosts = ranked(item.host for item in found)
        skewed = reason == "date" and clock_skew(tables) is not None
        dates = reason == "date" and any(
            outside(item.time, item.not_before, item.not_after) for item in found
        )
        issuers = tuple(dict.fromkeys(item.issuer for item in found if item.issuer))
        signed = say("signed by {issuers}", issuers=some(issuers, 2)) if issuers else ""
        yield finding(
            "tls.cert_invalid",
            plural(
                "{n} connection to {hosts} failed because the certificate ({signed}) is {reason}.",
                "{n} connections to {hosts} failed because the certificate ({signed}) is {reason}.",
                len(found),
                hosts=some(hosts),
                signed=signed,
                reason=_READING[reason],
            ),
            confidence=earned(
                0.75, (len(found) > 1, 0.3), (skewed or dates, 0.5), (bool(issuers), 0.2)
            ),
            subjects=hosts,
            severity=effect(hosts[0]),
            count=len(found),
            times=[item.time for item in found],
            evidence=[piece for item in found[:MAX_EVIDENCE] for piece in item.evidence],
            in_short=_READING[reason],
            measurements={"reason": reason, "issuers": list(issuers[:10])},
        )


def _wrong_clock(tables: Tables) -> bool:
    skew = clock_skew(tables)
    return skew is not None and abs(skew.ahead_s) >= threshold("clock_day_s")
