"""Facts that the diagnosis of a run has judged already: scripts, websockets, streams.

What came of these is told by many signs, and the detectors know the harmless ones; a
fact here is the finding of that area, or that all went well where it was seen at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from analysis.compare.facts import Fact, fact, place_of
from analysis.detect.scripts import page_loads
from analysis.detect.sockets import sockets, wire_sockets
from analysis.detect.support import where
from analysis.diagnose.ranking import headline
from analysis.knowledge import hosts
from analysis.model.diagnosis import Diagnosis, Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import joined, say

_SCRIPTS = {
    "script.blocked_by_extension": ("withheld", say("never left the browser")),
    "script.blocked_by_policy": ("withheld", say("refused by a policy of the page or browser")),
    "script.blocked_by_network": ("unreached", say("did not arrive")),
    "script.replaced": ("replaced", say("came back as something else")),
    "script.stale_build": ("gone", say("no longer there")),
}
_SOCKETS = {
    "ws.connect_failed": ("unopened", say("not opened")),
    "ws.upgrade_stripped": ("unopened", say("its upgrade was removed on the way")),
    "ws.dropped": ("cut", say("cut without a close frame")),
    "ws.idle_timeout": ("cut", say("cut by an idle timer")),
    "ws.frames_lost": ("incomplete", say("frames of the answer missing")),
    "ws.stalled": ("silent", say("open but silent")),
    "ws.closed_by_server": ("closed", say("closed by the service with a reason")),
}
_STREAMS = {
    "sse.cut": ("cut", say("ended early")),
    "sse.buffered": ("held", say("held back and released at once")),
    "sse.stalled": ("silent", say("stopped for long")),
    "sse.server_error": ("error", say("the service reported an error in it")),
}


def judged_facts(tables: Tables, diagnosis: Diagnosis) -> Iterator[Fact]:
    """One fact for scripts, websocket and streams each, and one for each root finding."""
    serious = [item for item in diagnosis.findings if item.severity is not Severity.INFO]
    yield from _area(
        "scripts.arrival", say("all arrived"), bool(page_loads(tables)), _SCRIPTS, serious
    )
    opened = any(row["opened"] is not None for row in sockets(tables))
    opened = opened or any(socket.established for socket in wire_sockets(tables))
    yield from _area("ws.state", say("opened and kept"), opened, _SOCKETS, serious)
    streamed = bool(len(where(tables["sse"], "host", hosts().is_chatgpt)))
    yield from _area("sse.state", say("arrived in full"), streamed, _STREAMS, serious)
    for item in serious:
        if item.explained_by is None:
            yield _of_finding(item)


def _area(
    factor: str,
    well: str,
    seen: bool,
    states: Mapping[str, tuple[str, str]],
    findings: list[Finding],
) -> Iterator[Fact]:
    wrong = sorted((item for item in findings if item.id in states), key=_weight)
    if not wrong:
        if seen:
            yield fact(factor, well, kind="well")
        return
    worst = wrong[0]
    kind, words = states[worst.id]
    in_short = worst.measurements.get("in_short")
    about = in_short if factor == "scripts.arrival" and isinstance(in_short, str) else ""
    about = about or joined(worst.subjects[:2], ", ")
    yield fact(
        factor,
        words,
        kind=kind,
        shown=say("{state} ({about})", state=words, about=about),
        fault=True,
        needed=True,
        hosts=worst.subjects,
        evidence=worst.evidence,
    )


def _weight(item: Finding) -> tuple[int, bool, float, str]:
    return item.severity.rank, item.explained_by is not None, -item.confidence, item.id


def _of_finding(item: Finding) -> Fact:
    """A root finding; a host of it that has a changing name is compared by its rule."""
    return fact(
        "finding",
        item.id,
        kind=item.id,
        subject=item.id,
        shown=headline(item),
        fault=True,
        needed=True,
        hosts=tuple(place_of(name.partition("/")[0]) for name in item.subjects),
        evidence=item.evidence,
    )
