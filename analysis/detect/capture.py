"""capture.lossy and capture.own_effect: the capture suspects itself first."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.error_answers import about
from analysis.detect.support import (
    Record,
    connection_note,
    finding,
    flow_evidence,
    matters,
    noted,
    ranked,
    records,
    snap_length,
    where,
)
from analysis.knowledge import threshold
from analysis.model.diagnosis import Evidence, Finding, SourceKind
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some

_REFUSES = ("certificate", "unknown ca")
_LEFT = "disconnected during the handshake"
"""What mitmproxy says of a client without an alert; the rest of it speaks of certificates."""


def find_capture_lossy(tables: Tables) -> Iterator[Finding]:
    losses: list[tuple[str, str]] = []
    for facts in tables.captures:
        if facts.packets_dropped:
            note = plural(
                "the kernel dropped {n} packet",
                "the kernel dropped {n} packets",
                facts.packets_dropped,
            )
            losses.append((facts.source, note))
        if facts.end_state == "abrupt":
            losses.append((facts.source, say("the recording ended abruptly")))
    losses += [
        (source.path.rpartition("/")[2], problem)
        for source in tables.sources
        if not source.complete
        for problem in source.problems[:3] or (say("it is not complete"),)
    ]
    tcp = tables["tcp"]
    if any(facts.packets_sampled for facts in tables.captures):
        # a sampler keeps no bulk data on purpose: what lies between its packets is not lost
        tcp = tcp.iloc[:0]
    share = 0.0
    if len(tcp):
        file = str(next(iter(tcp["source"].dropna()), ""))
        gaps = int(tcp["lost_segments"].fillna(0).sum())
        share = gaps / max(int(tcp["packets"].fillna(0).sum()), 1)
        if gaps:
            note = plural("{n} segment not captured", "{n} segments not captured", gaps)
            losses.append((file, note))
        late = int((tcp["syn_frame"].isna() & tcp["first_frame"].notna()).sum())
        if late:
            note = plural(
                "{n} connection begun before the capture",
                "{n} connections begun before the capture",
                late,
            )
            losses.append((file, note))
    losses += _cut_packets(tables) or _cut_messages(tables)
    if not losses:
        return
    notes = tuple(dict.fromkeys(note for _, note in losses))
    yield finding(
        "capture.lossy",
        say(
            "The capture is not whole: {notes}. Some claims are weaker for it.",
            notes=joined(notes[:5], "; "),
        ),
        confidence=0.99,
        count=len(losses),
        evidence=[noted(source, note) for source, note in losses[:10]],
        in_short=some(notes, 2),
        measurements={"missing_share": round(share, 4)},
    )


def _cut_packets(tables: Tables) -> list[tuple[str, str]]:
    """A snap length that leaves too little of every packet."""
    short = snap_length(tables)
    if short is None:
        return []
    host = tables["host"]
    file = str(next(iter(host[host["name"] == "snap length"]["source"].dropna()), ""))
    note = say("of each packet only {n} octets were captured: capture full packets", n=short)
    return [(file, note)]


def _cut_messages(tables: Tables) -> list[tuple[str, str]]:
    """DNS messages of which the file holds only a part, as a snap length leaves them.

    One or two may be malformed on the wire; a snap length cuts every answer of its size.
    """
    dns = tables["dns"]
    if dns.empty:
        return []
    cut = dns[dns["cut"].fillna(False)]
    if len(cut) < threshold("capture_cut_messages"):
        return []
    file = str(next(iter(cut["source"].dropna()), ""))
    note = say(
        "{cut} of {all} DNS messages not whole: capture full packets", cut=len(cut), all=len(dns)
    )
    return [(file, note)]


def find_capture_own_effect(tables: Tables) -> Iterator[Finding]:
    """A challenge or a refused certificate that the capturing proxy may have drawn itself."""
    sources = {source.kind for source in tables.sources}
    proxied = any(facts.mode in ("proxy", "local", "wireguard") for facts in tables.captures)
    by_proxy = proxied or SourceKind.FLOWS in sources
    evidence: tuple[Evidence, ...] = ()
    notes: list[str] = []
    hosts: list[str] = []
    http = tables["http"]
    if by_proxy and len(http):
        challenged = records(where(http[http["cf_mitigated"].notna()], "host", matters))
        if challenged:
            notes.append(
                plural(
                    "{n} request met a bot challenge",
                    "{n} requests met a bot challenge",
                    len(challenged),
                )
            )
            note = say("challenged behind the capturing proxy")
            evidence += flow_evidence(challenged, note)
            hosts += [row["host"] for row in challenged]
    signature = [
        item.row
        for item in about(tables, "ip.reputation_block")
        if by_proxy and item.rule.rule == "cf_1010"
    ]
    if signature:
        notes.append(
            plural(
                "{n} request met a refused signature",
                "{n} requests met a refused signature",
                len(signature),
            )
        )
        evidence += flow_evidence(signature, say("refused behind the capturing proxy"))
        hosts += [row["host"] for row in signature]
    pinned = _pinned(tables)
    if pinned:
        notes.append(
            plural(
                "{n} connection refused the capture's certificate",
                "{n} connections refused the capture's certificate",
                len(pinned),
            )
        )
        evidence += tuple(
            noted(row["source"] or "", connection_note(row, row["client_error"]))
            for row in pinned[:5]
        )
        hosts += [row["host"] for row in pinned]
    if not notes:
        return
    yield finding(
        "capture.own_effect",
        say(
            "The capturing proxy changes the TLS fingerprint and the certificate, and may have "
            "caused this itself: {notes}.",
            notes=joined(notes, "; "),
        ),
        confidence=0.6,
        subjects=ranked(hosts),
        count=len(hosts),
        evidence=evidence,
        in_short=some(notes),
    )


def _pinned(tables: Tables) -> list[Record]:
    """Connections whose client did not take our certificate.

    One that merely leaves in the handshake is a browser that closes, unless all to a host do so.
    """
    connections = tables["connections"]
    if connections.empty:
        return []
    told: list[Record] = []
    left: dict[str, list[Record]] = {}
    for row in records(where(connections[connections["client_error"].notna()], "host", matters)):
        error = row["client_error"].lower()
        if _LEFT in error:
            left.setdefault(row["host"], []).append(row)
        elif any(word in error for word in _REFUSES):
            told.append(row)
    http = tables["http"]
    answered = set(http[http["status"].notna()]["host"]) if len(http) else set()
    for host, rows in left.items():
        if host not in answered and len(rows) >= threshold("capture_left_handshakes"):
            told += rows
    return told
