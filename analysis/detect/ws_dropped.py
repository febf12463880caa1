"""ws.dropped and ws.idle_timeout: the websocket was cut without a close frame.

Close code 1006 says only that no close frame came; who ended it, what lies
below and how long it had been silent say the rest.  Closed by the page, with
1000 or 1001, or by the end of the capture is normal.  Three cuts at the same
idle age are a timer.  Source: RFC 6455 section 7.1.5, detection notes 8.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from analysis.detect.once import once
from analysis.detect.sockets import (
    WireSocket,
    cut,
    ended_by_capture,
    packets_below,
    reached_again,
    sockets,
    turns_due,
    wire_sockets,
)
from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    flow_evidence,
    last_moment,
    packet_evidence,
    ranked,
)
from analysis.knowledge import threshold
from analysis.knowledge.codes import fits_timer, idle_timer
from analysis.model.diagnosis import Evidence, Finding, Severity
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import joined, say, some, times_over

_NO_CLOSE = say("no close frame came (close code 1006)")
_RESET = say("the packets show a reset with the server's address")
_DEAD = say("the client's data was resent in vain, while a new connection to the host was answered")
_OVER = say("the browser was done with it, and says no more")
_FIN = say("the server's side closed TCP without the websocket's closing handshake")


type Place = tuple[str | None, int | None]
"""File and number of a TCP connection."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One websocket that was cut: when, after what silence, with how many turns due."""

    host: str
    time: float
    idle_s: float | None
    due: int
    evidence: tuple[Evidence, ...]
    on_the_wire: bool
    sign: str
    far_end: bool = False
    """Packets show the server's side end it, which the end of a capture cannot bring about."""
    streams: tuple[Place, ...] = ()
    """The TCP connections below it, where the packets show them."""


def cuts(tables: Tables) -> list[Cut]:
    """Sockets cut by something other than the page and the capture."""
    rows = sockets(tables)
    if not rows:
        wire = wire_sockets(tables)
        ended = [_wire_cut(one) for one in wire if one.established and (one.reset or one.hung_up)]
        dead = (one for one in wire if one.path_died and reached_again(one, tables))
        return ended + [_dead_path(one) for one in dead]
    found = [_cut(row, tables) for row in rows if cut(row) and row["closed_by"] != "client"]
    # a reset in the packets is the path's, even in the last moment of the capture
    return [one for one in found if one.on_the_wire or not ended_by_capture(tables, one.time)]


def _cut(row: Record, tables: Tables) -> Cut:
    below = packets_below(row, tables)
    evidence = flow_evidence([row], say("the websocket that was cut"))
    evidence += packet_evidence(below, say("reset below the websocket"), ("reset_frame",))
    return Cut(
        host=row["host"],
        time=row["ended"],
        idle_s=row["idle_before_end_s"],
        due=turns_due(row, tables),
        evidence=evidence,
        on_the_wire=bool(below),
        sign=_RESET if below else _NO_CLOSE,
        streams=tuple((item["source"], item["stream"]) for item in below),
    )


def _untold(row: Record) -> Cut:
    return Cut(
        host=row["host"],
        time=row["opened"] or row["requested"],
        idle_s=row["idle_before_end_s"],
        due=0,
        evidence=flow_evidence([row], say("the websocket that ended")),
        on_the_wire=False,
        sign=_OVER,
    )


def _wire_cut(item: WireSocket) -> Cut:
    return Cut(
        host=item.host,
        time=item.tcp["reset_time"] or item.tcp["fin_time"] or item.tcp["last_time"],
        idle_s=item.idle,
        due=0,
        evidence=packet_evidence(
            [{**item.tls, **item.tcp}],
            say("ClientHello, and the end"),
            ("frame", "reset_frame") if item.reset else ("frame", "last_frame"),
        ),
        # a single FIN may be a restart of the service, which a reset seldom is
        on_the_wire=item.reset,
        sign=_RESET if item.reset else _FIN,
        far_end=True,
        streams=((item.tcp["source"], item.tcp["stream"]),),
    )


def _dead_path(item: WireSocket) -> Cut:
    """The silence before is unknown: its end, the first lost segment, is not in the table."""
    return Cut(
        host=item.host,
        time=item.tcp["client_payload_time"],
        idle_s=None,
        due=0,
        evidence=packet_evidence(
            [{**item.tls, **item.tcp}],
            say("ClientHello, and the end of what was resent in vain"),
            ("frame", "last_frame"),
        ),
        # one that a new connection heals may be a server that went away
        on_the_wire=False,
        sign=_DEAD,
        far_end=True,
    )


def _silent_ends(tables: Tables) -> list[Cut]:
    """Cuts, and ends that say nothing each, while several at one age are a timer.

    In packets alone FINs, in a HAR the end of an entry without any word of the close.
    """
    found = cuts(tables)
    rows = sockets(tables)
    if rows:
        untold = [row for row in rows if row["ended"] is None and row["error"] is None]
        return found + [_untold(row) for row in untold if row["idle_before_end_s"] is not None]
    closed = [
        item
        for item in wire_sockets(tables)
        if item.closed and item.established and not item.hung_up
    ]
    return found + [_wire_cut(item) for item in closed]


def timer_of(found: list[Cut]) -> tuple[float, list[Cut]] | None:
    """The idle age that at least three cuts share within 5 %, and these cuts."""
    aged = [c for c in found if c.idle_s is not None and c.idle_s >= threshold("ws_idle_least_s")]
    best: list[Cut] = []
    for one in aged:
        assert one.idle_s is not None
        width = threshold("ws_idle_spread") * one.idle_s
        near = [c for c in aged if c.idle_s is not None and abs(c.idle_s - one.idle_s) <= width]
        if len(near) > len(best):
            best = near
    if len(best) < threshold("ws_idle_cuts"):
        return None
    return median(c.idle_s for c in best if c.idle_s is not None), best


def find_ws_dropped(tables: Tables) -> Iterator[Finding]:
    found = cuts(tables)
    timer = timer_of(found)
    timed = timer[1] if timer else []
    for members, cause in (
        (timed, "ws.idle_timeout"),
        ([c for c in found if c not in timed], None),
    ):
        if members:
            healed = len(members) == 1 and _opened_since(members[0], tables)
            yield _dropped(members, cause, last_moment(tables), healed=healed)


def _opened_since(one: Cut, tables: Tables) -> bool:
    """The page has opened another socket to the host, soon, and nothing cut that one."""
    return any(
        row["host"] == one.host
        and row["opened"] is not None
        and 0 <= row["opened"] - one.time <= threshold("ws_reopened_s")
        and not cut(row)
        for row in sockets(tables)
    )


def _dropped(members: list[Cut], cause: str | None, end: float | None, *, healed: bool) -> Finding:
    hosts = ranked(one.host for one in members)
    due = sum(one.due for one in members)
    wire = any(one.on_the_wire for one in members)
    idle = [one.idle_s for one in members if one.idle_s is not None]
    signals: list[str] = [some(tuple(dict.fromkeys(one.sign for one in members)))]
    short: list[str] = [times_over(len(members))]
    if due:
        signals.append(say("an answer was still due"))
    if idle and median(idle) >= 1:
        signals.append(say("silent for {seconds} s before", seconds=Number(median(idle))))
    short += signals[1:]
    fits = idle_timer(median(idle), 0.02) if idle and len(members) < 3 else None
    if fits:
        signals.append(
            say(
                "that is the idle time of {owner}, which one or two cuts do not prove",
                owner=fits[1],
            )
        )
    severity = effect(hosts[0])
    if severity is Severity.CRITICAL and not due and not wire and len(members) == 1:
        # the page opens a new socket, and nothing was being told; the last thing in a capture
        # that does not say when it was stopped may have been ended by that
        late = end is not None and end - members[0].time <= threshold("capture_end_s")
        late = late and not members[0].far_end
        severity = Severity.INFO if late or healed else Severity.WARNING
    return finding(
        "ws.dropped",
        say(
            "The websocket to {hosts} was cut {times}: {signals}.",
            hosts=some(hosts),
            times=times_over(len(members)),
            signals=joined(signals, "; "),
        ),
        confidence=earned(0.78, (wire, 0.4), (due > 0, 0.4), (len(members) > 1, 0.3)),
        subjects=hosts,
        severity=severity,
        count=len(members),
        times=[one.time for one in members],
        evidence=[piece for one in members[:10] for piece in one.evidence],
        explained_by=cause,
        in_short=joined(short, "; "),
        measurements={"idle_s": [round(value, 1) for value in idle[:20]], "answers_due": due},
    )


@once
def timed_out_sockets(tables: Tables) -> frozenset[Place]:
    """TCP connections of sockets that an idle timer cut, whoever made its reset."""
    timer = timer_of(_silent_ends(tables))
    return frozenset(place for one in timer[1] for place in one.streams) if timer else frozenset()


def find_ws_idle_timeout(tables: Tables) -> Iterator[Finding]:
    timer = timer_of(_silent_ends(tables))
    if timer is None:
        return
    age, members = timer
    hosts = ranked(one.host for one in members)
    owner = idle_timer(age, threshold("ws_idle_spread"))
    yield finding(
        "ws.idle_timeout",
        say(
            "The websocket to {hosts} was cut {times} after {seconds} s of silence, within 5 % of "
            "each other, {fits}.",
            hosts=some(hosts),
            times=times_over(len(members)),
            seconds=Number(age),
            fits=fits_timer(owner),
        ),
        confidence=earned(
            0.8,
            (len(members) > 3, 0.3),
            (owner is not None, 0.4),
            (any(one.on_the_wire for one in members), 0.3),
        ),
        subjects=hosts,
        severity=effect(hosts[0], Severity.WARNING),
        vendor=None,
        count=len(members),
        times=[one.time for one in members],
        evidence=[piece for one in members[:10] for piece in one.evidence],
        in_short=say("{n} s", n=Number(age)),
        measurements={
            "idle_s": [round(one.idle_s or 0.0, 1) for one in members[:20]],
            "timer_s": round(age, 1),
            "fits": owner[1] if owner else None,
        },
    )
