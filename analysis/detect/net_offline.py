"""net.offline_gap: the whole machine lost the network for a while.

Packets: for seconds on end nobody but this machine sends, it does so on several
connections in vain, which the server had answered before.  Or on one alone, where
others fell silent with it and were left open, while the client went back to their
hosts on new ones.  Or nobody sends at all, and the first words afterwards are
answered by resets on all that was open, as after a sleep; resets that the machine
did not ask for show that it was there to hear them.  Or it falls silent with what it
had asked several servers in vain, and asks again long after.  Or all stops amid
much, and goes on after a machine has asked for its address anew.  A machine that is merely
quiet does none of this, so nothing is claimed of it.  What a sampler kept is judged more
narrowly, see `offline`; the recorder's own tries tell too, see `offline_recorded`.
Errors: the browser says itself that the network changed or was gone.  Does not prove
why: roaming, sleep and a VPN that switches look alike.  Source: detection notes 15.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.detect.attempts import wire
from analysis.detect.offline import (
    Gap,
    Silence,
    key_of,
    sampled_gaps,
    seconds_of,
    silences,
    stream_names,
)
from analysis.detect.offline_recorded import Vain, vain_times
from analysis.detect.sse import unanswered_sends
from analysis.detect.support import (
    Record,
    earned,
    finding,
    flow_evidence,
    matters,
    noted,
    packet_evidence,
    ranked,
    records,
    where,
    without_own_leg,
)
from analysis.detect.tcp_mtu import size_limited
from analysis.knowledge import threshold
from analysis.model.diagnosis import Evidence, Finding
from analysis.model.figures import Moment, Number
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some

_ERRORS = ("err_network_changed", "err_internet_disconnected", "err_network_io_suspended")


def find_net_offline_gap(tables: Tables) -> Iterator[Finding]:
    gaps = _gaps(tables)
    vain = vain_times(tables)
    errors = _errors(tables)
    flows = {(row["source"], row["flow"]) for row in errors}
    hurt = any((row["source"], row["flow"]) in flows for row in unanswered_sends(tables))
    spans: list[Gap | Vain] = [*gaps, *vain]
    # one request that is made again is nothing; a message that was lost by it is something
    if not spans and not hurt and len(errors) < threshold("offline_connections"):
        return
    signs: list[str] = [*map(_stopped, gaps[:3]), *map(_not_opened, vain[:3])]
    if errors:
        signs.append(
            plural(
                "the browser says so for {n} request",
                "the browser says so for {n} requests",
                len(errors),
            )
        )
    hosts = ranked(
        [host for item in wire(tables).attempts for host in item.hosts if matters(host)]
        + [host for time in vain for host in time.hosts]
        + [row["host"] for row in errors]
    )
    yield finding(
        "net.offline_gap",
        say("The whole machine was without network: {signs}.", signs=joined(signs, "; ")),
        confidence=earned(
            0.75,
            (bool(spans) and bool(errors), 0.6),
            (bool(gaps) and bool(vain), 0.6),
            (any(len(gap.across) > 3 for gap in gaps), 0.4),
        ),
        subjects=hosts[:10],
        count=max(len(spans), 1),
        times=[moment for span in spans for moment in (span.start, span.end)]
        + [row["started"] for row in errors],
        evidence=[
            *(piece for gap in gaps[:5] for piece in _proof(gap)),
            *(piece for time in vain[:5] for piece in _tries(time)),
            *flow_evidence(errors, say("the browser's own error")),
        ],
        in_short=some([say("{n} s", n=Number(span.seconds)) for span in spans])
        or say("by the browser's own word"),
        measurements={
            "gaps_s": [round(span.seconds) for span in spans[:20]],
            "errors": len(errors),
        },
    )


def _at(seconds: float) -> Moment | str:
    try:
        return Moment(seconds)
    except ValueError:
        return "?"  # a hostile capture may carry any number as a time


def _stopped(gap: Gap) -> str:
    seconds, time = Number(gap.seconds), _at(gap.start)
    if gap.lookups:
        return plural(
            "for {seconds} s from {time} nothing arrived, and {n} connection and the name lookups "
            "had no answer",
            "for {seconds} s from {time} nothing arrived, and {n} connections and the name lookups "
            "had no answer",
            len(gap.across),
            seconds=seconds,
            time=time,
        )
    return plural(
        "for {seconds} s from {time} nothing arrived, and {n} connection stopped",
        "for {seconds} s from {time} nothing arrived, and {n} connections stopped together",
        len(gap.across),
        seconds=seconds,
        time=time,
    )


def _not_opened(vain: Vain) -> str:
    return say(
        "for {seconds} s from {time} nothing could be opened: {hosts}",
        seconds=Number(vain.seconds),
        time=_at(vain.start),
        hosts=some(vain.hosts),
    )


def _proof(gap: Gap) -> tuple[Evidence, ...]:
    columns = ("first_frame", "last_frame")
    return packet_evidence(gap.across[:10], say("open across the gap"), columns) or (
        noted(gap.source, say("no packet arrived for {n} s", n=Number(gap.seconds))),
    )


def _tries(vain: Vain) -> Iterator[Evidence]:
    for row in vain.tries[:4]:
        note = say("connection to {host}: {error}", host=row["host"], error=row["error"])
        yield noted(vain.source, note)


def _errors(tables: Tables) -> list[Record]:
    http = tables["http"]
    if http.empty:
        return []
    named = where(http, "error", lambda text: any(word in text.lower() for word in _ERRORS))
    return records(where(named, "host", matters).head(200))


def _gaps(tables: Tables) -> list[Gap]:
    activity = tables["activity"]
    if any(facts.packets_sampled for facts in tables.captures):
        return sampled_gaps(tables)
    if activity.empty:
        return []
    tcp = without_own_leg(tables["tcp"], tables)
    listed = {key_of(item.tcp) for item in wire(tables).attempts}
    # what is too large for the path is lost again and again while the network is there
    limited = {key_of(item.tcp) for item in size_limited(tables)}
    found: list[Gap] = []
    for source, rows in seconds_of(activity):
        own = tcp[tcp["source"] == source]
        for silence in silences(rows):
            if silence.mute:
                found += _woken(own, source, silence, listed)
                continue
            if silence.joined:
                found += _rejoined(own, source, silence, listed)
                continue
            if silence.brief:
                found += _resumed(own, source, silence, listed)
                continue
            resent = [row for row in _across(own, silence) if key_of(row) not in limited]
            names = stream_names(tables)
            across = resent if silence.several else _left_open(own, silence, resent, names)
            ours = any(key_of(row) in listed for row in across)
            if ours and len(across) >= threshold("offline_connections"):
                found.append(Gap(source, silence.start, silence.end, tuple(across)))
    return found


def _across(own: pd.DataFrame, silence: Silence) -> list[Record]:
    """Connections with an answering server, open across a gap, that had to resend for it."""
    spans = (own["first_time"] < silence.start) & (own["last_time"] >= silence.end - 1)
    if not silence.several:
        spans = (own["first_time"] < silence.start) & (own["last_time"] > silence.start)
    resent = own["client_retransmissions"].fillna(0) + own["server_retransmissions"].fillna(0)
    answered = own["server_payload"].fillna(0) > 0
    return records(own[(spans & answered & (resent > 0)).fillna(False)].head(50))


def _woken(
    own: pd.DataFrame, source: str, silence: Silence, listed: set[tuple[str | None, int]]
) -> list[Gap]:
    """The gap, where what was open is answered by resets as soon as the machine speaks again."""
    until = silence.end + threshold("offline_around_s")
    gone = (own["first_time"] < silence.start) & own["reset_time"].between(silence.end - 1, until)
    gone &= (own["reset_by"] == "server") & own["fin_time"].isna()
    # a keep-alive without data (RFC 9293 section 3.8.4) leaves no time of its own
    spoke = own["client_payload_time"].between(silence.end - 1, own["reset_time"])
    gone &= spoke.fillna(False) | (own["keep_alives"].fillna(0) > 0)
    rows = records(own[gone.fillna(False)].head(50))
    servers = {row["server"] for row in rows}
    enough = len(servers) >= threshold("offline_connections")
    ours = any(key_of(row) in listed for row in rows)
    return [Gap(source, silence.start, silence.end, tuple(rows))] if enough and ours else []


def _rejoined(
    own: pd.DataFrame, source: str, silence: Silence, listed: set[tuple[str | None, int]]
) -> list[Gap]:
    """The gap, where several connections went on after it and something had to be sent again."""
    spans = (own["first_time"] < silence.start) & (own["last_time"] >= silence.end - 1)
    answered = own["server_payload"].fillna(0) > 0
    rows = records(own[(spans & answered).fillna(False)].head(50))
    resent = any(row["client_retransmissions"] or row["server_retransmissions"] for row in rows)
    enough = len({row["server"] for row in rows}) >= threshold("offline_connections")
    ours = any(key_of(row) in listed for row in rows)
    if not (resent and enough and ours):
        return []
    return [Gap(source, silence.start, silence.end, tuple(rows))]


def _resumed(
    own: pd.DataFrame, source: str, silence: Silence, listed: set[tuple[str | None, int]]
) -> list[Gap]:
    """The gap, where several servers were asked in vain before the machine fell silent too.

    Nobody keeps unacknowledged data to himself for so long (RFC 6298 section 5): the
    network was gone, and what had been sent before it is sent again afterwards.
    """
    spans = (own["first_time"] < silence.start) & (own["last_time"] >= silence.end - 1)
    answered = own["server_payload"].fillna(0) > 0
    open_across = own[(spans & answered & own["client_resent_ms"].notna()).fillna(False)]
    until = silence.end + threshold("offline_around_s")
    rows = []
    for row in records(open_across.head(50)):
        again = [row["first_time"] + moment / 1000 for moment in row["client_resent_ms"]]
        inside = any(silence.start <= moment < silence.end - 1 for moment in again)
        if inside and any(silence.end - 1 <= moment <= until for moment in again):
            rows.append(row)
    enough = len({row["server"] for row in rows}) >= threshold("offline_connections")
    ours = any(key_of(row) in listed for row in rows)
    return [Gap(source, silence.start, silence.end, tuple(rows))] if enough and ours else []


def _left_open(
    own: pd.DataFrame,
    silence: Silence,
    resent: list[Record],
    names: dict[tuple[str | None, int], str],
) -> list[Record]:
    """What was resent in vain, and what else fell silent with it without an end.

    Both count only where the client went back to the host on a new connection, and
    only together: hosts of one server alone may have their own reason.
    """
    again = own[own["first_time"] >= silence.end - 1]
    anew = {names.get(key_of(row)) for row in records(again[["source", "stream"]])} - {None}
    before = silence.start - threshold("offline_s")
    quiet = (own["last_time"] >= before) & (own["last_time"] <= silence.start)
    open_still = quiet & own["fin_time"].isna() & own["reset_time"].isna()
    left = records(own[(open_still & (own["server_payload"].fillna(0) > 0)).fillna(False)].head(50))
    found = [row for row in [*resent, *left] if names.get(key_of(row)) in anew]
    servers = {row["server"] for row in found}
    vain = any(row in found for row in resent)
    return found if vain and len(servers) > threshold("offline_connections") else []
