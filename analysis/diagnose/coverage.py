"""What could be judged: per area, assessed or not, and why not.

Not seen is not fine: an area without evidence is insufficient, never ok.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from analysis.detect.delay import budgets
from analysis.detect.scripts import page_loads
from analysis.detect.sockets import sockets, wire_sockets
from analysis.detect.support import (
    Record,
    of_service,
    records,
    snap_length,
    where,
    without_own_leg,
)
from analysis.knowledge import hosts, table, threshold
from analysis.model.diagnosis import Coverage, SourceKind
from analysis.model.frames import Tables
from analysis.model.message import plural, say

type Judgement = tuple[bool, str]

_FILE_HOSTS = ("oaiusercontent.com",)
_FILE_PATHS = ("/backend-api/files", "/interpreter/download", "/estuary/content")


_READ_IN_PACKETS = ("dns", "tcp", "tls", "quic", "websocket", "latency")
"""Areas that packets alone can show, if their names and handshakes can be read."""


def coverage(tables: Tables) -> tuple[Coverage, ...]:
    """One entry per area, in the order of the layers; a gap says what would close it."""
    settles = {row["area"]: row["settles"] for row in table.rows("areas", ("area", "settles"))}
    short = snap_length(tables)
    out = []
    for area, judge in _AREAS:
        assessed, reason = judge(tables)
        if not assessed:
            how = say(settles[area])
            if short is not None and area in _READ_IN_PACKETS:
                reason = say("of each packet only {n} octets were captured", n=short)
                how = say("capture full packets (tcpdump -s 0)")
            reason = say("{reason}. To judge it, {settles}", reason=reason, settles=how)
        out.append(Coverage(area, assessed, reason))
    return tuple(out)


def _no_packets(tables: Tables) -> str:
    reasons = [facts.packets_reason for facts in tables.captures if facts.packets_reason]
    if reasons:
        return say("no packets were sampled: {reason}", reason=reasons[0])
    return say("no packets were captured")


def _dns(tables: Tables) -> Judgement:
    frame = tables["dns"]
    answers = frame[frame["response"].fillna(False)] if len(frame) else frame
    listed = where(answers, "qname", hosts().is_chatgpt)
    if len(listed):
        return True, plural(
            "{n} answer about ChatGPT's names", "{n} answers about ChatGPT's names", len(listed)
        )
    if len(answers):
        return False, say("no lookup of ChatGPT's names is in the capture")
    if len(frame):
        return False, say("queries were seen, but no answers")
    return False, say("no lookups were seen: cached before, encrypted, or not captured")


def _tcp(tables: Tables) -> Judgement:
    hellos = where(without_own_leg(tables["tls"], tables), "sni", hosts().is_chatgpt)
    if len(hellos) and len(tables["tcp"]):
        return True, plural(
            "{n} connection to ChatGPT in packets",
            "{n} connections to ChatGPT in packets",
            len(hellos),
        )
    connections = where(tables["connections"], "host", hosts().is_chatgpt)
    timed = connections[connections["tcp_ms"].notna() | connections["error_stage"].notna()]
    if len(timed):
        return True, plural(
            "{n} connection of the recorder, without packets",
            "{n} connections of the recorder, without packets",
            len(timed),
        )
    if len(tables["tcp"]):
        return False, say("no connection in the packets names a host of ChatGPT")
    return False, _no_packets(tables)


def _tls(tables: Tables) -> Judgement:
    hellos = where(without_own_leg(tables["tls"], tables), "sni", hosts().is_chatgpt)
    connections = where(tables["connections"], "host", hosts().is_chatgpt)
    done = connections[connections["tls_ms"].notna() | connections["verified"].notna()]
    if len(hellos) or len(done):
        return True, plural(
            "{n} handshake with ChatGPT's hosts",
            "{n} handshakes with ChatGPT's hosts",
            max(len(hellos), len(done)),
        )
    return False, say("no TLS handshake with a host of ChatGPT was seen")


def _quic(tables: Tables) -> Judgement:
    found = where(tables["quic"], "sni", hosts().is_chatgpt)
    if len(found):
        return True, plural(
            "{n} QUIC connection to ChatGPT's hosts",
            "{n} QUIC connections to ChatGPT's hosts",
            len(found),
        )
    return False, say("no QUIC connection to a host of ChatGPT was seen")


def _http(tables: Tables) -> Judgement:
    found = where(tables["http"], "host", hosts().is_chatgpt)
    if len(found):
        return True, plural(
            "{n} exchange with ChatGPT's hosts", "{n} exchanges with ChatGPT's hosts", len(found)
        )
    return False, say("no HTTP exchange with ChatGPT: packets alone do not show what TLS carries")


def _service(tables: Tables) -> Judgement:
    """Unknown is not ok: only what the service or its status page said counts."""
    http = tables["http"]
    said = http[http["status_page"].notna()] if len(http) else http
    if len(said):
        return True, say("the status page was read")
    answered = where(http, "host", of_service)
    answered = answered[answered["cf_ray"].notna() | answered["request_id"].notna()]
    if len(answered):
        return True, plural(
            "{n} answer of the service or its edge",
            "{n} answers of the service or its edge",
            len(answered),
        )
    if len(where(http, "host", of_service)):
        return False, say("no answer carries a mark of the service or its edge")
    return False, say(
        "the service was not seen to answer, so an outage is neither shown nor excluded"
    )


def _files(tables: Tables) -> Judgement:
    http = tables["http"]
    stored = where(http, "host", lambda host: host.endswith(_FILE_HOSTS))
    asked = where(http, "path", lambda path: any(part in path for part in _FILE_PATHS))
    found = len(stored) + len(where(asked, "host", of_service))
    if found:
        return True, plural("{n} request for a file", "{n} requests for a file", found)
    return False, say("no file was uploaded or downloaded")


def _voice(tables: Tables) -> Judgement:
    udp = tables["udp"]
    stun = udp[(udp["protocol"] == "stun").fillna(False)] if len(udp) else udp
    if len(stun):
        return True, plural(
            "{n} STUN conversation in packets", "{n} STUN conversations in packets", len(stun)
        )
    asked = where(tables["http"], "path", lambda path: path.startswith("/realtime/"))
    if len(where(asked, "host", of_service)):
        return False, say("voice mode was started, but its UDP packets are not in the capture")
    return False, say("voice mode was not used")


def _stream(tables: Tables) -> Judgement:
    found = where(tables["sse"], "host", hosts().is_chatgpt)
    if len(found):
        return True, plural("{n} streamed answer", "{n} streamed answers", len(found))
    return False, say("no streamed answer was seen")


def _websocket(tables: Tables) -> Judgement:
    found = sockets(tables)
    if any(row["opened"] is not None for row in found) and _unwatched(found):
        return True, plural(
            "{n} websocket, without its messages: this kind of export does not list them",
            "{n} websockets, without their messages: this kind of export does not list them",
            len(found),
        )
    if found:
        return True, plural("{n} websocket", "{n} websockets", len(found))
    wire = wire_sockets(tables)
    if wire:
        return True, plural(
            "{n} connection to the websocket host, in packets only",
            "{n} connections to the websocket host, in packets only",
            len(wire),
        )
    return False, say("no websocket was opened")


def _unwatched(rows: list[Record]) -> bool:
    return all(row["server_frames"] is None for row in rows)


def _scripts(tables: Tables) -> Judgement:
    pages = page_loads(tables)
    if pages:
        named = sum(len(page.rows) for page in pages)
        return True, say(
            "{pages} naming {parts}",
            pages=plural("{n} page", "{n} pages", len(pages)),
            parts=plural("{n} script or style", "{n} scripts or styles", named),
        )
    return False, say("no page load was recorded")


def _latency(tables: Tables) -> Judgement:
    found = budgets(tables)
    enough = [budget for budget in found if budget.enough]
    if enough:
        total = sum(len(budget.legs) for budget in enough)
        return True, plural(
            "the legs of {n} connection could be told apart",
            "the legs of {n} connections could be told apart",
            total,
        )
    seen = sum(len(budget.legs) for budget in found)
    least = threshold("leg_connections")
    if seen:
        return False, plural(
            "{n} measured connection: with fewer than {least} the legs cannot be separated",
            "{n} measured connections: with fewer than {least} the legs cannot be separated",
            seen,
            least=round(least),
        )
    return False, say("no connection to ChatGPT with both its TCP and its TLS handshake was seen")


def _capture(tables: Tables) -> Judgement:
    for facts in tables.captures:
        if facts.packets_dropped:
            return True, plural(
                "{n} packet was dropped while capturing",
                "{n} packets were dropped while capturing",
                facts.packets_dropped,
            )
        if facts.end_state == "abrupt":
            return True, say("the recording ended abruptly")
    if tables.captures:
        return True, say("the capture counted its own losses")
    return False, say("a bare file does not say what its capture lost")


_AREAS: tuple[tuple[str, Callable[[Tables], Judgement]], ...] = (
    ("dns", _dns),
    ("tcp", _tcp),
    ("tls", _tls),
    ("quic", _quic),
    ("http", _http),
    ("service", _service),
    ("stream", _stream),
    ("websocket", _websocket),
    ("scripts", _scripts),
    ("files", _files),
    ("voice", _voice),
    ("latency", _latency),
    ("capture", _capture),
)


def proof_of_work(tables: Tables) -> tuple[float, str] | None:
    """How surely ChatGPT was seen to work, and by what; None when it was not seen to."""
    sse = where(tables["sse"], "host", hosts().essential)
    ws = sockets(tables)
    answered = bool(len(sse)) and bool(sse["complete"].fillna(False).any())
    if answered or any(row["completed"] for row in ws):
        return 0.95, say("an answer arrived in full")
    http = where(tables["http"], "host", hosts().essential)
    if len(http):
        fine = records(http[http["status"].between(200, 399).fillna(False)])
        pages = [row for row in fine if row["request_dest"] == "document" or _page(row)]
        if pages and (len(pages) < len(fine) or not _without_bodies(tables)):
            return 0.85, say("the page loaded")
        if fine and not pages:
            return 0.75, say("the service answered requests")
    if any(row["opened"] is not None for row in ws):
        return 0.75, say("the websocket was open")
    if (http["status"] >= 400).fillna(False).any():
        return None  # TLS worked to whoever refused all that was asked
    hosts_reached = _handshakes(tables)
    if hosts_reached:
        return 0.65, plural(
            "TLS to {n} of ChatGPT's hosts worked",
            "TLS to {n} of ChatGPT's hosts worked",
            hosts_reached,
        )
    return None


def waits_for_socket(tables: Tables) -> bool:
    """An answer was handed over to a websocket, and none came in full."""
    sse = where(tables["sse"], "host", hosts().essential)
    handed = bool(len(sse)) and bool(sse["handoff"].fillna(False).any())
    return handed and not any(row["completed"] for row in sockets(tables))


def _without_bodies(tables: Tables) -> bool:
    """True for NetLogs alone: a page that never ran looks there like one that did."""
    return bool(tables.sources) and all(
        source.kind is SourceKind.NETLOG for source in tables.sources
    )


def _page(row: dict[str, object]) -> bool:
    return str(row["content_type"] or "").startswith("text/html")


def _handshakes(tables: Tables) -> int:
    hellos = where(without_own_leg(tables["tls"], tables), "sni", hosts().essential)
    reached: set[str] = set()
    if len(hellos):
        fine = hellos[hellos["server_hello_ms"].notna() & hellos["alert"].isna()]
        reset = _reset_streams(tables["tcp"])
        reached |= {
            row["sni"]
            for row in records(fine[["source", "stream", "sni"]])
            if (row["source"], row["stream"]) not in reset
        }
    connections = where(tables["connections"], "host", hosts().essential)
    done = connections[connections["tls_ms"].notna() & connections["error"].isna()]
    return len(reached | set(done["host"].dropna()))


def _reset_streams(tcp: pd.DataFrame) -> set[tuple[str, int]]:
    if tcp.empty:
        return set()
    reset = tcp[(tcp["reset_by"] == "server").fillna(False)]
    return {(row["source"], row["stream"]) for row in records(reset[["source", "stream"]])}
