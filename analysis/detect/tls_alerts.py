"""tls.handshake_failure, and certificates refused by an alert: a handshake that one ended.

An alert in clear says why and which side sent it.  Alerts of the certificate
group by the client mean that it refuses the certificate; unknown_ca that somebody
signed it who is no public authority, as TLS inspection does.  A host that any other
handshake reached is left out, and so are orderly ends; but for a program, known by its
hello (JA4), to which the server's side said no each time while others got in.  Does
not prove that the sender's address is the sender.  Source: RFC 8446 section 6, detection notes 5.3.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.attempts import Attempt, by_host, usable, wire
from analysis.detect.support import (
    earned,
    effect,
    finding,
    packet_evidence,
    ranked,
)
from analysis.knowledge import threshold
from analysis.knowledge.alerts import Alert, alert
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import Message, plural, say, some

_UNKNOWN_CA = 48


def _alert_of(attempt: Attempt) -> Alert | None:
    hello = attempt.hello
    if hello is None or hello["alert"] is None or hello["alert_by"] is None:
        return None
    found = alert(int(hello["alert"]))
    return None if found.group == "none" else found


def _of_certificate(attempt: Attempt) -> bool:
    found = _alert_of(attempt)
    by_client = attempt.hello is not None and attempt.hello["alert_by"] == "client"
    return found is not None and found.group == "certificate" and by_client


def _failed(tables: Tables) -> list[Attempt]:
    """Handshakes ended by an alert, of hosts that no handshake reached."""
    lost: list[Attempt] = []
    for host, found in by_host(item for item in wire(tables).attempts if item.hello).items():
        fine = [item for item in found if item.shook_hands and _alert_of(item) is None]
        if not usable(host):
            continue
        ended = [item for item in found if _alert_of(item) is not None]
        lost += _never_let_in(ended, fine) if fine else ended
    return lost


def _never_let_in(ended: list[Attempt], fine: list[Attempt]) -> list[Attempt]:
    """Of a host that let others in: the tries of a program that it always turned away."""
    known = {item.hello["ja4"] for item in fine if item.hello}
    by_program: dict[str, list[Attempt]] = {}
    for item in ended:
        hello = item.hello
        if hello and hello["alert_by"] == "server" and hello["ja4"] and hello["ja4"] not in known:
            by_program.setdefault(hello["ja4"], []).append(item)
    least = threshold("alert_tries")
    return [item for found in by_program.values() if len(found) >= least for item in found]


def find_tls_handshake_failure(tables: Tables) -> Iterator[Finding]:
    found = [item for item in _failed(tables) if not _of_certificate(item)]
    for side in ("server", "client"):
        own = [item for item in found if item.hello and item.hello["alert_by"] == side]
        if own:
            yield _handshake(own, side)


def _handshake(found: list[Attempt], side: str) -> Finding:
    hosts = ranked(item.host for item in found)
    alerts = {shown.code: shown for item in found if (shown := _alert_of(item))}
    words = some([_named(shown) for shown in alerts.values()])
    who = say("the server's side") if side == "server" else say("the client")
    rows = [item.hello for item in found if item.hello]
    return finding(
        "tls.handshake_failure",
        plural(
            "{n} TLS handshake with {hosts} ended by an alert of {who}: {alerts}.",
            "{n} TLS handshakes with {hosts} ended by an alert of {who}: {alerts}.",
            len(found),
            hosts=some(hosts),
            who=who,
            alerts=words,
        ),
        confidence=earned(0.8, (len(found) > 1, 0.4), (len(alerts) == 1, 0.2)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(found),
        times=[row["time"] for row in rows],
        evidence=packet_evidence(rows, say("ClientHello, and the alert"), ("frame", "alert_frame")),
        in_short=say("alert {codes} by {who}", codes=some([str(code) for code in alerts]), who=who),
        measurements={"alerts": sorted(alerts), "alert_by": side},
    )


def _named(shown: Alert) -> Message:
    return say(
        "{name} ({code}: {reading})", name=shown.name, code=str(shown.code), reading=shown.reading
    )


def find_tls_cert_refused(tables: Tables) -> Iterator[Finding]:
    """tls.cert_invalid and tls.intercept_breaks where the certificate itself was not seen.

    One that was seen is judged by its issuer and dates, see `tls_certificate`.
    """
    found = [
        item
        for item in _failed(tables)
        if _of_certificate(item) and item.hello and not item.hello["issuer"]
    ]
    unknown = [item for item in found if item.hello and item.hello["alert"] == _UNKNOWN_CA]
    rest = [item for item in found if item not in unknown]
    for finding_id, part in (("tls.intercept_breaks", unknown), ("tls.cert_invalid", rest)):
        if part:
            yield _refused(finding_id, part)


def _refused(finding_id: str, found: list[Attempt]) -> Finding:
    hosts = ranked(item.host for item in found)
    rows = [item.hello for item in found if item.hello]
    words = {shown.code: shown for item in found if (shown := _alert_of(item))}
    signs = [_named(shown) for shown in words.values()]
    return finding(
        finding_id,
        say(
            "The client refuses the certificate for {hosts}: {alerts}.",
            hosts=some(hosts),
            alerts=some(signs),
        ),
        confidence=earned(0.75, (len(found) > 1, 0.3), (len(words) == 1, 0.2)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(found),
        times=[row["time"] for row in rows],
        evidence=packet_evidence(rows, say("ClientHello, and the alert"), ("frame", "alert_frame")),
        in_short=say(
            "not accepted ({alerts})", alerts=some([shown.name for shown in words.values()])
        ),
        measurements={"alerts": sorted(words)},
    )
