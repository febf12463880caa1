"""ws.connect_failed and ws.upgrade_stripped: the websocket was never open.

An upgrade answered by something on the path, or answered as if it were no
upgrade (200, 426; 400 and 404 too where a product opens TLS to the host and so
could take the header away), was stripped; one refused by the service, or not answered at
all, failed; so did one that the edge answers with 426 where nobody opens TLS to take the header
away.  A failure that a later try heals is nothing.
Source: RFC 6455 section 4, detection notes 8.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from analysis.detect.certificates import inspector_at, opened_by, straight_to
from analysis.detect.dns_answers import answers
from analysis.detect.path_answers import marked
from analysis.detect.reach import cancelled, reach_of
from analysis.detect.script_replaced import product_of
from analysis.detect.scripts import exchanges
from analysis.detect.sockets import (
    SOCKET_HOSTS,
    WireSocket,
    ended_by_capture,
    sockets,
    wire_sockets,
)
from analysis.detect.support import (
    MAX_EVIDENCE,
    Record,
    connection_note,
    earned,
    effect,
    finding,
    flow_evidence,
    last_moment,
    noted,
    of_service,
    packet_evidence,
    ranked,
    records,
    syns_sent,
    where,
    without_own_leg,
)
from analysis.knowledge import threshold
from analysis.model.diagnosis import Evidence, Finding, Locus, Severity
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some

_SYN_TRIES = 3
"""SYNs without an answer that make a dead path: one may be lost, two are seldom."""

_OTHERS = say("while other hosts of ChatGPT answered")

_WITHOUT_UPGRADES = 426
"""Upgrade Required: no upgrade was seen; of the service itself, that it takes none now (RFC 9110
section 15.5.22, and what its own clients make of it)."""

_NO_UPGRADE = (200, _WITHOUT_UPGRADES)
"""The answerer did not see an upgrade: 426, or a plain page."""

_NO_SUCH_PAGE = (400, 404)
"""What the service says to a plain request for a path that only upgrades have."""


def _hung(row: Record, tables: Tables) -> bool:
    """The page gave up only after it had waited long enough for any answer.

    Less will do where the page went on: it was not closed, it had waited in vain.
    """
    exchange = _exchange(row, tables)
    waited = exchange["total_ms"] if exchange else None
    if waited is None:
        return False
    if waited >= 1000 * threshold("ws_hung_s"):
        return True
    return waited >= 1000 * threshold("ws_answer_s") and _went_on(row, tables)


def _went_on(row: Record, tables: Tables) -> bool:
    """The service answered a request that was made after the page had given up."""
    http = where(tables["http"], "host", of_service)
    later = http["started"] > (row["ended"] or math.inf)
    return bool((later & http["status"].notna()).fillna(False).any())


def _never_open(tables: Tables) -> list[Record]:
    """Failed upgrades without a later success to the same host, not given up at once."""
    rows = sockets(tables)
    opened = [row for row in rows if row["opened"] is not None and row["status"] in (None, 101)]
    return [
        row
        for row in rows
        if row["opened"] is None
        and (row["status"] is not None or row["error"])
        and row["status"] != 101
        and not (cancelled(row["error"]) and row["status"] is None and not _hung(row, tables))
        and not ended_by_capture(tables, row["ended"])
        and not any(
            other["host"] == row["host"] and other["opened"] >= (row["requested"] or 0)
            for other in opened
        )
    ]


def _exchange(row: Record, tables: Tables) -> Record | None:
    flows = exchanges(tables, {row["flow"]})
    return flows.get((row["source"] or "", row["flow"]))


def _stripped(row: Record, exchange: Record | None, tables: Tables) -> bool:
    """True when what answered was not the service, or had seen no upgrade."""
    if row["status"] is None:
        return False
    if (
        row["status"] == _WITHOUT_UPGRADES
        and _by_edge(exchange)
        and straight_to(tables, row["host"])
    ):
        return False
    if row["status"] in _NO_UPGRADE:
        return True
    if row["status"] in _NO_SUCH_PAGE and inspector_at(tables, row["host"]):
        return True
    if exchange is None:
        return False
    return bool(product_of(exchange)) or not _by_edge(exchange)


def _by_edge(exchange: Record | None) -> bool:
    return exchange is not None and marked(exchange)


def _lost_upgrades(tables: Tables) -> list[Record]:
    """Requests to the websocket host that reached the recorder as plain GETs."""
    http = where(tables["http"], "host", lambda name: name in SOCKET_HOSTS)
    if http.empty:
        return []
    known = {row["flow"] for row in records(tables["ws"])}
    paths = http["path"].fillna("")
    plain = http[paths.str.contains("/ws/", regex=False) & http["upgrade"].isna()]
    return [
        row
        for row in records(plain)
        if row["flow"] not in known and row["method"] == "GET" and row["status"] not in (None, 101)
    ]


def find_ws_upgrade_stripped(tables: Tables) -> Iterator[Finding]:
    pairs = [(row, _exchange(row, tables)) for row in _never_open(tables)]
    stripped = [(row, exchange) for row, exchange in pairs if _stripped(row, exchange, tables)]
    lost = _lost_upgrades(tables)
    swallowed = [row for row in sockets(tables) if row["status"] == 101 and row["opened"] is None]
    if not stripped and not lost and not swallowed:
        return
    rows = [row for row, _ in stripped] + lost + swallowed
    answers = [exchange for _, exchange in stripped if exchange] + lost
    vendor = next((name for name in map(product_of, answers) if name), None)
    hosts = ranked(row["host"] for row in rows)
    statuses = some(sorted({str(row["status"]) for row in rows}))
    signals = [say("the upgrade was answered with {statuses}", statuses=statuses)]
    if lost:
        signals.append(say("the Upgrade header was lost before the recorder"))
    if swallowed:
        signals.append(say("the service's 101 was not delivered"))
    if stripped and all(not (item and item["cf_ray"]) for _, item in stripped):
        signals.append(say("the service's edge left no mark on the answer"))
    if vendor:
        signals.append(say("the answer is one of {vendor}", vendor=vendor))
    elif inspector := next(filter(None, (inspector_at(tables, name) for name in hosts)), None):
        vendor = inspector
        signals.append(opened_by(vendor))
    yield finding(
        "ws.upgrade_stripped",
        plural(
            "{n} websocket upgrade to {hosts} did not get through: {signals}.",
            "{n} websocket upgrades to {hosts} did not get through: {signals}.",
            len(rows),
            hosts=some(hosts),
            signals=joined(signals, "; "),
        ),
        confidence=earned(0.6, *((True, 0.4) for _ in signals[1:]), (len(rows) > 1, 0.2)),
        subjects=hosts,
        severity=effect(hosts[0]),
        vendor=vendor,
        count=len(rows),
        times=[row.get("requested") or row.get("started") for row in rows],
        evidence=flow_evidence(rows, say("the upgrade and its answer")),
        in_short=say("answered with {status}", status=statuses),
        measurements={"signals": signals},
    )


def find_ws_connect_failed(tables: Tables) -> Iterator[Finding]:
    failed = [
        row for row in _never_open(tables) if not _stripped(row, _exchange(row, tables), tables)
    ]
    if failed:
        yield _refused(failed, tables)
    if failed or len(sockets(tables)):
        return
    lost = reach_of(tables, frozenset(SOCKET_HOSTS))
    unconnected = [row for reach in lost.values() if not reach.worked for row in reach.failed]
    wire = _wire_failures(tables)
    if wire:
        yield _unreached(wire, tables)
    elif refused := _unreached_addresses(tables):
        yield _refused_on_the_wire(refused, tables)
    elif unconnected:
        yield _unconnected(unconnected)
    else:
        yield from _unopened(tables)


def _refused(failed: list[Record], tables: Tables) -> Finding:
    hosts = ranked(row["host"] for row in failed)
    statuses = sorted({row["status"] for row in failed if row["status"] is not None})
    errors = tuple(
        dict.fromkeys(
            say("the page gave up waiting")
            if cancelled(row["error"])
            else row["error"].rstrip(". ")
            for row in failed
            if row["error"]
        )
    )
    below = any(reach.failed for reach in reach_of(tables, frozenset(hosts)).values())
    answered = [_exchange(row, tables) for row in failed if row["status"] is not None]
    by_edge = bool(statuses) and all(item and item["cf_ray"] for item in answered)
    what = (
        say("answered with {status}", status=some([str(status) for status in statuses]))
        if statuses
        else say("not answered: {errors}", errors=some(errors, 2) or say("no response"))
    )
    found = finding(
        "ws.connect_failed",
        plural(
            "{n} websocket upgrade to {hosts} failed, {what} {by}.",
            "{n} websocket upgrades to {hosts} failed, {what} {by}.",
            len(failed),
            hosts=some(hosts),
            what=what,
            by=say("by the service's own edge") if by_edge else "",
        ),
        confidence=earned(0.8, (below, 0.4), (len(failed) > 1, 0.3), (bool(statuses), 0.3)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(failed),
        times=[row["requested"] for row in failed],
        evidence=flow_evidence(failed, say("the upgrade that failed")),
        in_short=what,
        measurements={"statuses": statuses, "errors": list(errors[:5])},
    )
    if by_edge and any(status >= 500 for status in statuses):
        return replace(found, locus=Locus.SERVICE)
    return found


def _unconnected(rows: list[Record]) -> Finding:
    """The recorder could not even connect to the websocket host."""
    stages = tuple(dict.fromkeys(row["error_stage"] for row in rows if row.get("error_stage")))
    errors = tuple(dict.fromkeys(row["error"] for row in rows if row.get("error")))
    hosts = ranked(row.get("host") or row.get("sni") for row in rows)
    return finding(
        "ws.connect_failed",
        plural(
            "{n} connection to {hosts} failed ({stage}), so no websocket was open: {errors}.",
            "{n} connections to {hosts} failed ({stage}), so no websocket was open: {errors}.",
            len(rows),
            hosts=some(hosts),
            stage=say("at the stage {stage}", stage=some(stages)) if stages else "",
            errors=some(errors, 2),
        ),
        confidence=earned(0.8, (len(rows) > 1, 0.3), (bool(stages), 0.3)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(rows),
        times=[row.get("started") or row.get("time") for row in rows],
        evidence=[
            noted(row["source"] or "", connection_note(row, row["error"]))
            for row in rows[:MAX_EVIDENCE]
            if row.get("error")
        ]
        + list(packet_evidence(rows, say("ClientHello to the websocket host"))),
        in_short=say("no connection at the stage {stage}", stage=some(stages))
        if stages
        else say("no connection"),
    )


def _wire_failures(tables: Tables) -> list[WireSocket]:
    """Connections to the websocket host that never got an answer to the ClientHello."""
    found = wire_sockets(tables)
    if any(item.established and not _swallowed(item) for item in found):
        return []
    return [
        item
        for item in found
        if item.tcp["reset_by"] == "server"
        or item.tls["alert"] is not None
        or (item.tls["server_hello_ms"] is None and _waited(item, tables))
        or _swallowed(item)
    ]


def _swallowed(item: WireSocket) -> bool:
    """TLS was fine, and the request inside of it got no answer until somebody gave up."""
    return item.unheard is not None and item.unheard >= threshold("handoff_wait_s")


def _unreached_addresses(tables: Tables) -> list[Record]:
    """TCP attempts without SYN-ACK at addresses that only the websocket host's name gave.

    Empty when any attempt there worked.
    """
    by_host: dict[str, set[str]] = {}
    for answer in answers(tables):
        if answer.good:
            by_host.setdefault(answer.host, set()).update(str(item) for item in answer.addresses)
    own = set().union(*(by_host.pop(host, set()) for host in SOCKET_HOSTS))
    own -= set().union(*by_host.values())
    tcp = without_own_leg(tables["tcp"], tables)
    if not own or tcp.empty:
        return []
    tried = records(where(tcp[tcp["syn_frame"].notna()], "server", lambda name: name in own))
    if any(row["synack_frame"] is not None for row in tried):
        return []
    return [row for row in tried if row["reset_by"] == "server" or syns_sent(row) >= _SYN_TRIES]


def _refused_on_the_wire(rows: list[Record], tables: Tables) -> Finding:
    resets = [row for row in rows if row["reset_by"] == "server"]
    others = _others_reached(tables)
    places = some(sorted({row["server"] for row in rows}))
    summary = (
        plural(
            "{n} TCP connection to {hosts} ({addresses}) refused, {others}.",
            "{n} TCP connections to {hosts} ({addresses}) refused, {others}.",
            len(rows),
            hosts=some(SOCKET_HOSTS),
            addresses=places,
            others=_OTHERS if others else "",
        )
        if resets
        else plural(
            "{n} TCP connection to {hosts} ({addresses}) not answered, {others}.",
            "{n} TCP connections to {hosts} ({addresses}) not answered, {others}.",
            len(rows),
            hosts=some(SOCKET_HOSTS),
            addresses=places,
            others=_OTHERS if others else "",
        )
    )
    return finding(
        "ws.connect_failed",
        summary,
        confidence=earned(0.75, (others, 0.5), (len(rows) > 1, 0.3), (bool(resets), 0.2)),
        subjects=SOCKET_HOSTS,
        severity=effect(SOCKET_HOSTS[0]),
        count=len(rows),
        times=[row["first_time"] for row in rows],
        evidence=packet_evidence(rows, say("SYN and what came back"), ("syn_frame", "reset_frame")),
        in_short=say("TCP refused") if resets else say("TCP not answered"),
    )


def _waited(item: WireSocket, tables: Tables) -> bool:
    end = last_moment(tables)
    started = item.tls["time"]
    return end is not None and started is not None and end - started >= threshold("handoff_wait_s")


def _unreached(wire: list[WireSocket], tables: Tables) -> Finding:
    hosts = ranked(item.host for item in wire)
    resets = [item for item in wire if item.tcp["reset_by"] == "server"]
    others = _others_reached(tables)
    upgrade = any(_swallowed(item) for item in wire)
    after = say("upgrade request") if upgrade else "ClientHello"
    summary = (
        plural(
            "{n} connection to {hosts} reset after the {message}, {others}.",
            "{n} connections to {hosts} reset after the {message}, {others}.",
            len(wire),
            hosts=some(hosts),
            message=after,
            others=_OTHERS if others else "",
        )
        if resets
        else plural(
            "{n} connection to {hosts} unanswered after the {message}, {others}.",
            "{n} connections to {hosts} unanswered after the {message}, {others}.",
            len(wire),
            hosts=some(hosts),
            message=after,
            others=_OTHERS if others else "",
        )
    )
    return finding(
        "ws.connect_failed",
        summary,
        confidence=earned(0.7, (others, 0.5), (len(wire) > 1, 0.4), (bool(resets), 0.2)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(wire),
        times=[item.tls["time"] for item in wire],
        evidence=packet_evidence(
            [item.tls for item in wire], say("ClientHello to the websocket host")
        )
        + packet_evidence([item.tcp for item in resets], say("the reset"), ("reset_frame",)),
        in_short=say("reset after the {message}", message=after)
        if resets
        else say("unanswered after the {message}", message=after),
    )


def _others_reached(tables: Tables) -> bool:
    hellos = without_own_leg(tables["tls"], tables)
    fine = hellos[hellos["server_hello_ms"].notna()] if len(hellos) else hellos
    others = where(fine, "sni", lambda name: name not in SOCKET_HOSTS and bool(ranked([name])))
    return len(others) > 0


def _unopened(tables: Tables) -> Iterator[Finding]:
    """A turn was handed over, the page load is in the capture, and no socket was ever opened."""
    sse, http = tables["sse"], tables["http"]
    if sse.empty or http.empty or len(tables["ws"]):
        return
    handed = records(sse[sse["handoff"].fillna(False)])
    pages = http[(http["request_dest"] == "document").fillna(False)]
    started = {row["host"]: row["started"] for row in records(pages)}
    end = last_moment(tables)
    lost = [
        row
        for row in handed
        if row["host"] in started
        and (started[row["host"]] or 0.0) <= _moment(row)
        and end is not None
        and end - _moment(row) >= threshold("handoff_wait_s")
    ]
    if not lost or any(item.established for item in wire_sockets(tables)):
        return
    evidence: tuple[Evidence, ...] = flow_evidence(
        lost, say("the answer is handed to the websocket")
    )
    evidence += (noted(lost[0]["source"] or "", say("no websocket in the whole session")),)
    yield finding(
        "ws.connect_failed",
        say(
            "An answer was handed over to the websocket, but the page never opened one within "
            "{seconds} s.",
            seconds=Number(threshold("handoff_wait_s")),
        ),
        confidence=0.6,
        subjects=SOCKET_HOSTS,
        severity=Severity.CRITICAL,
        count=len(lost),
        times=[_moment(row) for row in lost],
        evidence=evidence,
        in_short=say("never opened"),
    )


def _moment(row: Record) -> float:
    """When the hand-off was announced; a flow file knows only when the request began."""
    return float(row["last_chunk"] or row["started"] or 0.0)
