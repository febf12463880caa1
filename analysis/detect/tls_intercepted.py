"""tls.intercepted: TLS is re-signed by something other than a public authority.

Inventory, not a fault.  A product's issuer names it; an issuer of no known
public authority is a company's own CA, which some products sign with.
chatpath's own CA and mitmproxy's are left out.  Source: Chromium
ssl_error_assistant, detection notes 5.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.certificates import foreign_issuer, inspector_of
from analysis.detect.support import (
    connection_evidence,
    finding,
    matters,
    packet_evidence,
    ranked,
    records,
    where,
    without_own_leg,
)
from analysis.model.diagnosis import Evidence, Finding
from analysis.model.frames import Tables
from analysis.model.message import say, some

type Signed = tuple[str, str, Evidence]
"""Host, issuer, and where it is seen."""


def _signatures(tables: Tables) -> Iterator[tuple[str, str, str | None, Evidence]]:
    """Host, issuer, root and evidence of every certificate that was seen."""
    connections = tables["connections"]
    if len(connections):
        for row in records(where(connections[connections["issuer"].notna()], "host", matters)):
            piece = connection_evidence(
                row, say("certificate issued by {issuer}", issuer=row["issuer"])
            )
            yield row["host"], row["issuer"], row["root"], piece
    hellos = without_own_leg(tables["tls"], tables)
    if len(hellos):
        for row in records(where(hellos[hellos["issuer"].notna()], "sni", matters)):
            for piece in packet_evidence(
                [row], say("certificate issued by {issuer}", issuer=row["issuer"])
            ):
                yield row["sni"], row["issuer"], None, piece


def find_tls_intercepted(tables: Tables) -> Iterator[Finding]:
    groups: dict[str | None, list[Signed]] = {}
    for host, issuer, root, piece in _signatures(tables):
        vendor = inspector_of(f"{issuer} {root or ''}")
        if vendor or foreign_issuer(issuer):
            groups.setdefault(vendor, []).append((host, issuer, piece))
    for vendor, found in groups.items():
        hosts = ranked(host for host, _, _ in found)
        issuers = tuple(dict.fromkeys(issuer for _, issuer, _ in found))
        who = vendor or say("an authority of its own ({issuers})", issuers=some(issuers, 2))
        yield finding(
            "tls.intercepted",
            say(
                "TLS to {hosts} is signed by {who}, not by a public authority. That alone is not a "
                "fault.",
                hosts=some(hosts),
                who=who,
            ),
            confidence=0.95 if vendor else 0.7,
            subjects=hosts,
            vendor=vendor,
            count=len(found),
            evidence=[piece for _, _, piece in found[:5]],
            measurements={"issuers": list(issuers[:10])},
        )
