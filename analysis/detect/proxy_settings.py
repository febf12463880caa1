"""proxy.dead_setting and proxy.bypassed_by_websocket: who uses which proxy, and whether it lives.

A dead setting is a proxy that is configured or asked for and takes no
connection, or takes it and stays mute; which places packets show so, `proxy_dead`
says.  A websocket that goes round the proxy is a fault only where it fails: many
networks let it through.  Source: openai/codex#13811 and #19821, Chromium
net_error_list.h (130, 131, 327, 348), detection notes 7.3.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.dns_answers import answers
from analysis.detect.path_answers import net_error
from analysis.detect.proxy_dead import Dead, dead_proxies, settings
from analysis.detect.sockets import SOCKET_HOSTS, ended_by_capture, sockets, wire_sockets
from analysis.detect.support import (
    MAX_EVIDENCE,
    Record,
    earned,
    effect,
    finding,
    flow_evidence,
    matters,
    noted,
    packet_evidence,
    ranked,
    records,
    syns_sent,
    where,
    without_own_leg,
)
from analysis.knowledge import threshold
from analysis.knowledge.browser_errors import proxy_errors
from analysis.model.diagnosis import Evidence, Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import Message, joined, plural, say, some


def find_proxy_dead_setting(tables: Tables) -> Iterator[Finding]:
    hosts: list[str] = []
    proxies: list[str] = []
    evidence: list[Evidence] = []
    times: list[float | None] = []
    told = 0
    for row in _unreached(tables):
        hosts.append(row["host"])
        proxies.append(row["via"])
        times.append(row["started"])
        note = say(
            "connection {connection} through {proxy}: {error}",
            connection=str(row["connection"]),
            proxy=row["via"],
            error=row["error"] or "",
        )
        evidence.append(noted(row["source"] or "", note))
    for row in _browser_says(tables):
        hosts.append(row["host"])
        times.append(row["started"])
        evidence += flow_evidence([row], row["error"])
        told += 1
    dead = dead_proxies(tables)
    for proxy in dead:
        hosts += proxy.hosts
        proxies.append(proxy.name)
        times += [row["first_time"] for row in proxy.tries]
        columns = ("frame", "syn_frame", "reset_frame")
        evidence += packet_evidence(proxy.tries, _how_dead(proxy), columns)
    if not evidence:
        return
    surely = any(proxy.surely for proxy in dead)
    tries = sum(len(proxy.tries) for proxy in dead)
    names = tuple(dict.fromkeys(proxies))
    differ = _letters_disagree(tables)
    subjects = ranked(hosts)
    count = len(times)
    yield finding(
        "proxy.dead_setting",
        joined(
            [
                _in_vain(
                    some(names) or say("The configured proxy"),
                    count,
                    mute=bool(dead) and all(proxy.mute for proxy in dead) and count == tries,
                ),
                say("The upper and lower case proxy variables of this machine disagree.")
                if differ
                else "",
            ]
        ),
        confidence=earned(
            0.75 if told or surely or not dead else 0.6,
            (count > 1, 0.4),
            (bool(told), 0.5),
            (surely, 0.4),
            (differ, 0.3),
        ),
        subjects=subjects or names,
        severity=effect(subjects[0]) if subjects else Severity.CRITICAL,
        count=count,
        times=times,
        evidence=evidence[:MAX_EVIDENCE],
        in_short=some(names),
        measurements={"proxies": list(names[:10]), "letters_disagree": differ},
    )


def _in_vain(proxy: str, count: int, *, mute: bool) -> Message:
    if mute:
        return plural(
            "{proxy} takes connections and then says nothing: {n} request for a tunnel in vain.",
            "{proxy} takes connections and then says nothing: {n} requests for a tunnel in vain.",
            count,
            proxy=proxy,
        )
    return plural(
        "{proxy} does not take connections: {n} attempt, not answered as a proxy would.",
        "{proxy} does not take connections: {n} attempts, none of them answered as a proxy would.",
        count,
        proxy=proxy,
    )


def _how_dead(proxy: Dead) -> Message:
    if proxy.unknown:
        return say("the proxy's name is not known here")
    if proxy.mute:
        return say("the proxy is asked and does not answer")
    return say("the proxy takes no connection")


def _unreached(tables: Tables) -> list[Record]:
    """Connections to a proxy of the network that was not there, without a later success by it."""
    frame = tables["connections"]
    if frame.empty:
        return []
    rows = records(where(frame[frame["via"].notna()], "host", matters))
    alive = {row["via"] for row in rows if row["tcp_ms"] is not None}
    return [row for row in rows if row["error_stage"] in ("tcp", "dns") and row["via"] not in alive]


def _browser_says(tables: Tables) -> list[Record]:
    frame = tables["http"]
    if frame.empty:
        return []
    rows = records(where(frame[frame["error"].notna()], "host", matters))
    return [row for row in rows if net_error(row) in proxy_errors("proxy.dead_setting")]


def _letters_disagree(tables: Tables) -> bool:
    """HTTPS_PROXY and https_proxy are both set, to different places."""
    values: dict[str, set[str]] = {}
    for row in settings(tables):
        name = (row["name"] or "").lower()
        if name.endswith("_proxy") and name != "no_proxy":
            values.setdefault(name, set()).add((row["value"] or "").rstrip("/"))
    return any(len(found) > 1 for found in values.values())


def find_proxy_bypassed_by_websocket(tables: Tables) -> Iterator[Finding]:
    proxies, failed, times, evidence = _by_recorder(tables) or _by_packets(tables) or _NOTHING
    if not failed:
        return
    hosts = ranked(failed)
    yield finding(
        "proxy.bypassed_by_websocket",
        say(
            "Pages and calls go through {proxies}, but the websocket to {hosts} goes straight out "
            "and fails: its client does not use the proxy that the browser uses.",
            proxies=some(proxies),
            hosts=some(hosts),
        ),
        confidence=earned(0.75, (len(failed) > 1, 0.4)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(failed),
        times=times,
        evidence=evidence[:MAX_EVIDENCE],
        in_short=some(proxies),
    )


type _Bypass = tuple[tuple[str, ...], list[str], list[float | None], list[Evidence]]
_NOTHING: _Bypass = ((), [], [], [])


def _by_recorder(tables: Tables) -> _Bypass | None:
    """Websockets that failed on a connection of their own, while exchanges used a proxy."""
    rows = records(where(tables["connections"], "host", matters))
    worked = [row for row in rows if row["via"] and row["error"] is None]
    direct = {(row["source"], row["connection"]) for row in rows if row["via"] is None}
    failed = [
        row
        for row in sockets(tables)
        if row["opened"] is None
        and (row["source"], row["connection"]) in direct
        and not ended_by_capture(tables, row["ended"])
    ]
    if not worked or not failed:
        return None
    return (
        tuple(dict.fromkeys(row["via"] for row in worked)),
        [row["host"] for row in failed],
        [row["requested"] for row in failed],
        list(flow_evidence(failed, say("the upgrade went straight out"))),
    )


def _by_packets(tables: Tables) -> _Bypass | None:
    """CONNECT for the pages, and a direct try at the websocket host that came to nothing."""
    tcp = without_own_leg(tables["tcp"], tables)
    if tcp.empty:
        return None
    asked = records(tcp[tcp["connect_host"].notna() & (tcp["server_payload"] > 0).fillna(False)])
    asked = [row for row in asked if matters(row["connect_host"].rpartition(":")[0])]
    granted = [row for row in asked if (row["connect_status"] or 200) < 300]
    if any(row["connect_host"].rpartition(":")[0] in SOCKET_HOSTS for row in granted):
        return None
    clients = {row["client"] for row in granted}
    found = wire_sockets(tables)
    if not granted or any(item.established and not item.reset for item in found):
        return None
    hellos = [item.tls for item in found if not item.tcp["connect_host"]]
    rows = [item.tcp for item in found if not item.tcp["connect_host"]] + _dead_tries(tables)
    rows = [row for row in rows if row["client"] in clients]
    if not rows:
        return None
    return (
        tuple(dict.fromkeys(f"{row['server']}:{row['server_port']}" for row in granted)),
        list(SOCKET_HOSTS) * len(rows),
        [row["first_time"] for row in rows],
        [
            *packet_evidence(
                rows, say("straight to the websocket host"), ("syn_frame", "reset_frame")
            ),
            *packet_evidence(granted[:5], say("pages go through the proxy"), ("first_frame",)),
            *packet_evidence(hellos, say("its ClientHello")),
        ],
    )


def _dead_tries(tables: Tables) -> list[Record]:
    """TCP attempts that failed at addresses which only the websocket host's lookup gave."""
    own: set[str] = set()
    others: set[str] = set()
    for answer in answers(tables):
        places = {str(item) for item in answer.addresses}
        if answer.host in SOCKET_HOSTS:
            own |= places
        else:
            others |= places
    tcp = without_own_leg(tables["tcp"], tables)
    tried = records(where(tcp[tcp["syn_frame"].notna()], "server", lambda at: at in own - others))
    if any(row["synack_frame"] is not None for row in tried):
        return []
    return [
        row
        for row in tried
        if row["reset_by"] == "server" or syns_sent(row) >= threshold("proxy_syns")
    ]
