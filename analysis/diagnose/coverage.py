"""What could be judged: per area, assessed or not, and why not.

Not seen is not fine: an area without evidence is insufficient, never ok.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from analysis.detect.delay import budgets
from analysis.detect.scripts import page_loads
from analysis.detect.sockets import sockets, wire_sockets
from analysis.detect.support import of_service, records, where, without_own_leg
from analysis.knowledge import hosts, table, threshold
from analysis.model.diagnosis import Coverage, SourceKind
from analysis.model.frames import Tables

type Judgement = tuple[bool, str]

_FILE_HOSTS = ("oaiusercontent.com",)
_FILE_PATHS = ("/backend-api/files", "/interpreter/download", "/estuary/content")


def coverage(tables: Tables) -> tuple[Coverage, ...]:
    """One entry per area, in the order of the layers; a gap says what would close it."""
    settles = {row["area"]: row["settles"] for row in table.rows("areas", ("area", "settles"))}
    out = []
    for area, judge in _AREAS:
        assessed, reason = judge(tables)
        if not assessed:
            reason = f"{reason}. To judge it, {settles[area]}"
        out.append(Coverage(area, assessed, reason))
    return tuple(out)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _no_packets(tables: Tables) -> str:
    reasons = [facts.packets_reason for facts in tables.captures if facts.packets_reason]
    return f"no packets were sampled: {reasons[0]}" if reasons else "no packets were captured"


def _dns(tables: Tables) -> Judgement:
    frame = tables["dns"]
    answers = frame[frame["response"].fillna(False)] if len(frame) else frame
    listed = where(answers, "qname", hosts().is_chatgpt)
    if len(listed):
        return True, f"{_number(len(listed), 'answer')} about ChatGPT's names"
    if len(answers):
        return False, "no lookup of ChatGPT's names is in the capture"
    if len(frame):
        return False, "queries were seen, but no answers"
    return False, "no lookups were seen: cached before, encrypted, or not captured"


def _tcp(tables: Tables) -> Judgement:
    hellos = where(without_own_leg(tables["tls"], tables), "sni", hosts().is_chatgpt)
    if len(hellos) and len(tables["tcp"]):
        return True, f"{_number(len(hellos), 'connection')} to ChatGPT in packets"
    connections = where(tables["connections"], "host", hosts().is_chatgpt)
    timed = connections[connections["tcp_ms"].notna() | connections["error_stage"].notna()]
    if len(timed):
        return True, f"{_number(len(timed), 'connection')} of the recorder, without packets"
    if len(tables["tcp"]):
        return False, "no connection in the packets names a host of ChatGPT"
    return False, _no_packets(tables)


def _tls(tables: Tables) -> Judgement:
    hellos = where(without_own_leg(tables["tls"], tables), "sni", hosts().is_chatgpt)
    connections = where(tables["connections"], "host", hosts().is_chatgpt)
    done = connections[connections["tls_ms"].notna() | connections["verified"].notna()]
    if len(hellos) or len(done):
        return True, f"{_number(max(len(hellos), len(done)), 'handshake')} with ChatGPT's hosts"
    return False, "no TLS handshake with a host of ChatGPT was seen"


def _quic(tables: Tables) -> Judgement:
    found = where(tables["quic"], "sni", hosts().is_chatgpt)
    if len(found):
        return True, f"{_number(len(found), 'QUIC connection')} to ChatGPT's hosts"
    return False, "no QUIC connection to a host of ChatGPT was seen"


def _http(tables: Tables) -> Judgement:
    found = where(tables["http"], "host", hosts().is_chatgpt)
    if len(found):
        return True, _number(len(found), "exchange") + " with ChatGPT's hosts"
    return False, "no HTTP exchange with ChatGPT: packets alone do not show what TLS carries"


def _service(tables: Tables) -> Judgement:
    """Unknown is not ok: only what the service or its status page said counts."""
    http = tables["http"]
    said = http[http["status_page"].notna()] if len(http) else http
    if len(said):
        return True, "the status page was read"
    answered = where(http, "host", of_service)
    answered = answered[answered["cf_ray"].notna() | answered["request_id"].notna()]
    if len(answered):
        return True, f"{_number(len(answered), 'answer')} of the service or its edge"
    if len(where(http, "host", of_service)):
        return False, "no answer carries a mark of the service or its edge"
    return False, "the service was not seen to answer, so an outage is neither shown nor excluded"


def _files(tables: Tables) -> Judgement:
    http = tables["http"]
    stored = where(http, "host", lambda host: host.endswith(_FILE_HOSTS))
    asked = where(http, "path", lambda path: any(part in path for part in _FILE_PATHS))
    found = len(stored) + len(where(asked, "host", of_service))
    if found:
        return True, f"{_number(found, 'request')} for a file"
    return False, "no file was uploaded or downloaded"


def _voice(tables: Tables) -> Judgement:
    udp = tables["udp"]
    stun = udp[(udp["protocol"] == "stun").fillna(False)] if len(udp) else udp
    if len(stun):
        return True, f"{_number(len(stun), 'STUN conversation')} in packets"
    asked = where(tables["http"], "path", lambda path: path.startswith("/realtime/"))
    if len(where(asked, "host", of_service)):
        return False, "voice mode was started, but its UDP packets are not in the capture"
    return False, "voice mode was not used"


def _stream(tables: Tables) -> Judgement:
    found = where(tables["sse"], "host", hosts().is_chatgpt)
    if len(found):
        return True, _number(len(found), "streamed answer")
    return False, "no streamed answer was seen"


def _websocket(tables: Tables) -> Judgement:
    found = sockets(tables)
    if found:
        return True, _number(len(found), "websocket")
    wire = wire_sockets(tables)
    if wire:
        return True, f"{_number(len(wire), 'connection')} to the websocket host, in packets only"
    return False, "no websocket was opened"


def _scripts(tables: Tables) -> Judgement:
    pages = page_loads(tables)
    if pages:
        named = sum(len(page.rows) for page in pages)
        return True, f"{_number(len(pages), 'page')} naming {_number(named, 'script or style')}"
    return False, "no page load was recorded"


def _latency(tables: Tables) -> Judgement:
    found = budgets(tables)
    enough = [budget for budget in found if budget.enough]
    if enough:
        total = sum(len(budget.legs) for budget in enough)
        return True, f"the legs of {_number(total, 'connection')} could be told apart"
    seen = sum(len(budget.legs) for budget in found)
    least = threshold("leg_connections")
    if seen:
        return False, (
            f"{_number(seen, 'measured connection')}: with fewer than {least:.0f} the legs cannot "
            "be separated"
        )
    return False, "no connection to ChatGPT with both its TCP and its TLS handshake was seen"


def _capture(tables: Tables) -> Judgement:
    for facts in tables.captures:
        if facts.packets_dropped:
            return True, f"{facts.packets_dropped} packets were dropped while capturing"
        if facts.end_state == "abrupt":
            return True, "the recording ended abruptly"
    if tables.captures:
        return True, "the capture counted its own losses"
    return False, "a bare file does not say what its capture lost"


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
        return 0.95, "an answer arrived in full"
    http = where(tables["http"], "host", hosts().essential)
    if len(http):
        fine = records(http[http["status"].between(200, 399).fillna(False)])
        pages = [row for row in fine if row["request_dest"] == "document" or _page(row)]
        if pages and (len(pages) < len(fine) or not _without_bodies(tables)):
            return 0.85, "the page loaded"
        if fine and not pages:
            return 0.75, "the service answered requests"
    if any(row["opened"] is not None for row in ws):
        return 0.75, "the websocket was open"
    hosts_reached = _handshakes(tables)
    if hosts_reached:
        return 0.65, f"TLS to {hosts_reached} of ChatGPT's hosts worked"
    return None


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
