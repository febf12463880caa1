"""Cause ranking and the verdict.

Roots are findings that nothing explains.  The primary one has the largest
effect on the user: severity, then whether an essential host is hit, how much goes with it,
confidence, how many findings it explains, and the lower layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from analysis.detect.sockets import SOCKET_HOSTS
from analysis.knowledge import findings as catalogue
from analysis.knowledge import hosts, threshold, wording
from analysis.knowledge.reach import BETWEEN, reach_rank
from analysis.model.diagnosis import Finding, Locus, Severity, Status, Verdict, causes_of
from analysis.model.message import joined, say

_LAYERS = ("dns", "device", "tcp", "net", "tls", "quic", "vpn", "proxy", "script", "ws", "sse")

_PARTIAL = frozenset(
    {
        "ws.dropped",
        "ws.frames_lost",
        "ws.stalled",
        "sse.cut",
        "sse.buffered",
        "file.upload_host_blocked",
    }
)
"""Critical, but other parts of ChatGPT go on working: impaired, not blocked."""

_SOCKET = frozenset({"ws.connect_failed", "ws.upgrade_stripped", "proxy.bypassed_by_websocket"})
"""Answers may come without a websocket: impaired where one was seen to, else blocked.

So it is of whatever hits the socket's host alone; where no answer was asked for in the capture,
the page's own host decides: most answers come over that.
"""

_WHOLE = frozenset(
    {
        "account.session_expired",
        "browser.cookie_conflict",
        "browser.stale_cache",
        "script.blocked_by_policy",
        "script.stale_build",
    }
)
"""Warnings, as a reload or a sign-in may end them: until then nothing goes, if nothing was seen to.
"""

_ANSWERED = 0.9
"""As sure that ChatGPT worked as only an answer that arrived in full makes it."""

_SURE = 0.7
"""Roots less sure than this are not put before others for the host they are about."""

_NO_EFFECT = frozenset({"capture.lossy"})
"""Of the capture, not of the session: never the cause of anything."""


def _worst_of_capture(findings: Sequence[Finding]) -> str | None:
    """A capture that misses much is what is to be said first, where nothing else is wrong."""
    for found in findings:
        share = found.measurements.get("missing_share")
        if isinstance(share, float) and share >= threshold("capture_missing_share"):
            return found.id
    return None


def layer(found: Finding) -> int:
    """Position from the bottom; what is not of the path comes last."""
    name = found.id.partition(".")[0]
    return _LAYERS.index(name) if name in _LAYERS else len(_LAYERS)


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Worst first, roots before followers; roots by their effect, the rest by id and subject.

    So the first root of the verdict's id is the one that its headline speaks of.
    """
    place = {id(found): number for number, found in enumerate(roots(findings))}
    return tuple(
        sorted(
            findings,
            key=lambda found: (
                found.severity.rank,
                found.explained_by is not None,
                place.get(id(found), len(place)),
                _by_name(found),
            ),
        )
    )


def roots(findings: Sequence[Finding]) -> list[Finding]:
    """Findings that nothing explains, the one with the largest effect first."""
    followers = Counter(id(cause) for found in findings for cause in causes_of(found, findings))
    return sorted(
        (found for found in findings if found.explained_by is None and found.id not in _NO_EFFECT),
        key=lambda found: (
            found.severity.rank,
            not any(hosts().essential(name) for name in found.subjects),
            _reach(found),
            -round(found.confidence, 1),
            -followers[id(found)],
            layer(found),
            _by_name(found),
        ),
    )


def _reach(found: Finding) -> tuple[int, int]:
    """How little of ChatGPT it takes away: the host that all needs comes first, files last.

    What takes away only part of a host, or is less than sure, is not ranked above the others,
    but among its like by its host.
    """
    rank = min(map(reach_rank, found.subjects), default=0)
    partial = found.id in _PARTIAL or found.confidence < _SURE
    return (max(rank, BETWEEN), rank + 1) if partial else (rank, rank)


def _takes_files_alone(found: Finding) -> bool:
    """Whether only hosts are hit without which chats go on."""
    return bool(found.subjects) and min(map(reach_rank, found.subjects)) > BETWEEN


def _takes_sockets_alone(found: Finding) -> bool:
    return bool(found.subjects) and all(name in SOCKET_HOSTS for name in found.subjects)


def _by_name(found: Finding) -> tuple[str, tuple[str, ...], str, str]:
    """An order that does not depend on that of the detectors."""
    return found.id, found.subjects, found.vendor or "", found.summary


def headline(found: Finding) -> str:
    """The sentence of one finding that a help desk can repeat.

    A finding of a rule that a user added has no wording of ours: its summary stands.
    """
    if found.id not in catalogue():
        return found.summary
    in_short = found.measurements.get("in_short")
    detail = in_short if isinstance(in_short, str) else ""
    return wording(found.id).headline_for(found.subjects, found.vendor, detail)


def verdict(
    findings: Sequence[Finding],
    worked: tuple[float, str] | None,
    missing: str,
    *,
    waiting: bool = False,
) -> Verdict:
    """The session in one sentence.

    `worked` is how surely ChatGPT was seen to work and by what; `missing` is
    what would settle a case without enough evidence; `waiting` tells that an answer was
    handed to a websocket and never came.
    """
    ranked = roots(findings)
    serious = [found for found in ranked if found.severity is not Severity.INFO]
    primary = ranked[0].id if ranked else None
    if serious:
        first = serious[0]
        sentence = headline(first)
        # the same fault may show in several findings; name another one only once
        besides = next((found for found in serious[1:] if found.id != first.id), None)
        if besides:
            sentence = say(
                "{headline} Besides, independent of it: {other}",
                headline=sentence,
                other=headline(besides),
            )
        answered = worked is not None and worked[0] >= _ANSWERED
        if _takes_sockets_alone(first):
            answered = answered or (worked is not None and not waiting)
        return Verdict(
            _status(first, answered=answered), first.locus, first.id, sentence, first.confidence
        )
    if worked:
        confidence, proof = worked
        fine = say("No problem with ChatGPT was found: {proof}.", proof=proof)
        return Verdict(
            Status.OK,
            Locus.UNKNOWN,
            primary or _worst_of_capture(findings),
            joined([fine, headline(ranked[0])]) if ranked else fine,
            confidence,
        )
    # nothing is known of the session, and that is the capture's doing
    of_capture = next((found.id for found in findings if found.id in _NO_EFFECT), None)
    return Verdict(
        Status.INSUFFICIENT,
        Locus.UNKNOWN,
        primary or of_capture,
        say("The evidence carries no verdict: {missing}", missing=missing),
        0.0,
    )


def _status(found: Finding, *, answered: bool) -> Status:
    if found.severity is not Severity.CRITICAL:
        return Status.IMPAIRED if answered or found.id not in _WHOLE else Status.BLOCKED
    if found.locus is Locus.SERVICE:
        return Status.DOWN
    partial = (
        found.id in _PARTIAL
        or (answered and (found.id in _SOCKET or _takes_sockets_alone(found)))
        or _takes_files_alone(found)
    )
    return Status.IMPAIRED if partial else Status.BLOCKED
