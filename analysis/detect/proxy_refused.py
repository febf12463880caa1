"""proxy.denied and proxy.auth_required: the proxy itself turns the request away.

From CONNECT answered with an error (in clear, or in the words of whoever asked),
from an error or block page without the edge's mark that names a product, comes from
a known proxy or one that opens TLS, or answers a ClientHello in clear, from a SOCKS
proxy's reply or its refusal of the login, and from the browser's own error codes.  A
refusal that a later try heals is nothing: a login takes one 407.  A refusal by the
service's edge carries cf-ray and is none of it.  Source: RFC 9110 sections 9.3.6 and
15.5.8; RFC 1928; Chromium net_error_list.h and socks5_client_socket.cc; detection
notes 10 and 16; errors table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from analysis.detect.certificates import foreign_issuer
from analysis.detect.cleartext import CONNECT, exchange_evidence, in_clear, in_place_of_tls
from analysis.detect.once import once
from analysis.detect.path_answers import (
    before_the_edge,
    block_page,
    judged_elsewhere,
    named_product,
    net_error,
)
from analysis.detect.proxy_login import Unlet, socks_logins
from analysis.detect.reach import reach_of
from analysis.detect.support import (
    MAX_EVIDENCE,
    Record,
    connection_note,
    earned,
    effect,
    finding,
    flow_evidence,
    matters,
    noted,
    packet_evidence,
    ranked,
    records,
    rule_of,
    where,
    without_own_leg,
)
from analysis.knowledge.browser_errors import proxy_errors
from analysis.knowledge.products import vendor_of_page
from analysis.knowledge.socks import GRANTED, socks_reading
from analysis.knowledge.socks import LOGIN as LOGIN_CODE
from analysis.model.diagnosis import Evidence, Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some, times_over

LOGIN = 407
_REFUSALS = (403, 413, 451, 502, 503, 504)
_FORBIDDEN = (403, 451)
_PAGES = (200, 203)
_DATA = ("/backend-api/", "/backend-anon/", "/v1/")
_CONNECT_REFUSED = re.compile(r"refused HTTP CONNECT request: (\d{3})")
_SOCKS_REFUSED = re.compile(r"SOCKS proxy refused [^ ]+ \(code (\d{1,3})\)")
"""The recorder's own words, of a host that it asked for."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One request that a proxy turned away: by which status or SOCKS code, and who says so."""

    host: str
    status: int | None
    vendor: str | None
    surely: bool
    time: float | None
    evidence: tuple[Evidence, ...]
    socks: int | None = None

    @property
    def login(self) -> bool:
        return self.status == LOGIN


@once
def refusals(tables: Tables) -> list[Refusal]:
    """All of them, of any status; what a later try healed is left out."""
    socks = list(_by_socks(tables))
    shown = {refusal.host for refusal in socks}
    told = [
        refusal
        for refusal in _in_connections(tables)
        # what packets show of a SOCKS proxy, the recorder tells once more
        if refusal.socks is None or refusal.host not in shown
    ]
    found = [*_in_packets(tables), *socks, *told, *_in_exchanges(tables)]
    return [refusal for refusal in found if matters(refusal.host)]


def _in_packets(tables: Tables) -> Iterator[Refusal]:
    tcp = without_own_leg(tables["tcp"], tables)
    if tcp.empty:
        return
    asked = records(tcp[tcp["connect_host"].notna() & tcp["connect_status"].notna()])
    told: dict[tuple[str | None, int | None], list[Record]] = {}
    for row in in_clear(tables):
        if row["method"] == CONNECT:
            told.setdefault((row["source"], row["stream"]), []).append(row)
    granted: dict[tuple[str, str], float] = {}
    for row in asked:
        if 200 <= row["connect_status"] < 300:
            key = (row["client"] or "", row["connect_host"])
            granted[key] = max(granted.get(key, 0.0), row["first_time"] or 0.0)
    for row in asked:
        later = granted.get((row["client"] or "", row["connect_host"]), -1.0)
        if row["connect_status"] < 400 or later >= (row["first_time"] or 0.0):
            continue
        note = say(
            "CONNECT {host} answered with {status}",
            host=row["connect_host"],
            status=str(row["connect_status"]),
        )
        heads = told.get((row["source"], row["stream"]), [])
        heads = [head for head in heads if head["status"] == row["connect_status"]]
        pieces = exchange_evidence(heads, note) or packet_evidence(
            [row], note, ("first_frame", "last_frame")
        )
        host = row["connect_host"].rpartition(":")[0]
        vendor = next(filter(None, map(named_product, heads)), None)
        yield Refusal(host, row["connect_status"], vendor, True, row["first_time"], pieces)


def _by_socks(tables: Tables) -> Iterator[Refusal]:
    tcp = without_own_leg(tables["tcp"], tables)
    if tcp.empty:
        return
    asked = records(tcp[tcp["connect_host"].notna() & tcp["socks_reply"].notna()])
    granted: dict[tuple[str | None, str], float] = {}
    for row in asked:
        if row["socks_reply"] in GRANTED:
            key = (row["client"], row["connect_host"])
            granted[key] = max(granted.get(key, 0.0), row["first_time"] or 0.0)
    for row in asked:
        reply = row["socks_reply"]
        later = granted.get((row["client"], row["connect_host"]), -1.0)
        if reply in (*GRANTED, LOGIN_CODE) or later >= (row["first_time"] or 0.0):
            continue
        note = say(
            "asked for {host}, the proxy answers with {reply}",
            host=row["connect_host"],
            reply=socks_reading(reply),
        )
        pieces = packet_evidence([row], note, ("first_frame", "last_frame"))
        host = row["connect_host"].rpartition(":")[0]
        yield Refusal(host, None, None, True, row["first_time"], pieces, reply)


def _in_connections(tables: Tables) -> Iterator[Refusal]:
    """CONNECT refused to chatpath or mitmproxy itself, which then went on through that proxy."""
    rows = records(where(tables["connections"], "host", matters))
    worked: dict[str, float] = {}
    for row in rows:
        if row["tls_ms"] is not None and row["error"] is None:
            worked[row["host"]] = max(worked.get(row["host"], 0.0), row["started"] or 0.0)
    makers = _makers(tables)
    for row in rows:
        told = _CONNECT_REFUSED.search(row["error"] or "")
        if told and worked.get(row["host"], -1.0) < (row["started"] or 0.0):
            piece = noted(row["source"] or "", connection_note(row, row["error"]))
            status = int(told[1])
            vendor = vendor_of_page(text=row["error"]) or makers.get((row["host"], status))
            yield Refusal(row["host"], status, vendor, True, row["started"], (piece,))
        asked = _SOCKS_REFUSED.search(row["error"] or "")
        if asked and worked.get(row["host"], -1.0) < (row["started"] or 0.0):
            piece = noted(row["source"] or "", connection_note(row, row["error"]))
            code = int(asked[1])
            yield Refusal(row["host"], None, None, True, row["started"], (piece,), code)


def _makers(tables: Tables) -> dict[tuple[str, int], str]:
    """By host and status, the product that refused CONNECT: of the answer, the recorder tells
    its first line alone, and packets the rest."""
    frame = tables["cleartext"]
    if frame.empty:
        return {}
    refused = (frame["method"] == CONNECT) & (frame["status"] >= 400)
    rows = records(where(frame[refused.fillna(False)], "host", matters))
    found = {(row["host"], row["status"]): named_product(row) for row in rows}
    return {key: vendor for key, vendor in found.items() if vendor}


def _in_exchanges(tables: Tables) -> Iterator[Refusal]:
    http = where(tables["http"], "host", matters)
    # the edge's own answers cannot be a proxy's: most exchanges need no second look
    odd = http["error"].notna() | (http["cf_ray"].isna() & http["status"].notna())
    rows = records(http[odd])
    rows += [
        row
        for row in in_clear(tables)
        if row["method"] != CONNECT and row["status"] and not row["cf_ray"] and matters(row["host"])
    ]
    if not rows:
        return
    elsewhere = judged_elsewhere(tables)
    through = _proxied(tables)
    worked: dict[tuple[str, str, str], float] = {}
    fine = http[(http["status"] < 400).fillna(False) & http["cf_ray"].notna()]
    for row in records(fine[["method", "host", "path", "started"]]):
        worked[_what(row)] = max(worked.get(_what(row), 0.0), row["started"] or 0.0)
    reached = {host for _, host, _ in worked}
    let_in: dict[str, float] = {}
    for (_, host, _), moment in worked.items():
        let_in[host] = max(let_in.get(host, -1.0), moment)
    shook = _shook_hands(tables, rows)
    for row in rows:
        if (row["source"] or "", row["flow"] or "") in elsewhere or row["upgrade"] == "websocket":
            continue
        # a login is asked for at CONNECT: what came later from the host shows that it was given
        login = row["status"] == LOGIN
        healed = let_in.get(row["host"], -1.0) if login else worked.get(_what(row), -1.0)
        if healed >= (row["started"] or 0.0):
            continue
        if in_place_of_tls(row):
            refusal = None if row["host"] in shook else _in_clear_for_tls(row)
        else:
            refusal = _answered(row, through, reached) or _failed(row, reached)
        if refusal:
            yield refusal


def _shook_hands(tables: Tables, rows: list[Record]) -> set[str]:
    """Hosts of answers in place of TLS that another connection reached."""
    names = frozenset(row["host"] for row in rows if in_place_of_tls(row))
    return {host for host, found in reach_of(tables, names).items() if found.worked}


def _what(row: Record) -> tuple[str, str, str]:
    return row["method"] or "", row["host"], (row["path"] or "").partition("?")[0]


def _answered(row: Record, through: set[str], reached: set[str]) -> Refusal | None:
    status, vendor = row["status"], None
    if status in _REFUSALS:
        vendor = named_product(row)
        known = (row["connection"] or "") in through or bool(row["via"])
        surely = vendor is not None or known
        sure = known or row["host"] in reached or _foreign_page(row)
        if not (vendor or (before_the_edge(row) and sure)):
            return None
    elif status == LOGIN:
        vendor, surely = named_product(row), True
    elif status is not None and status < 400 and before_the_edge(row):
        vendor, surely = block_page(row), True
        if vendor is None and not (row["host"] in reached and _page_for_data(row)):
            return None
    else:
        return None
    pieces = exchange_evidence(
        [row], say("answered with {status}, not by the service", status=str(status))
    )
    return Refusal(row["host"], status, vendor, surely, row["started"], pieces)


def _in_clear_for_tls(row: Record) -> Refusal | None:
    """A refusal or a page where a TLS handshake was due; what tells neither is left to TLS."""
    status, vendor = row["status"], named_product(row)
    told = status in _REFUSALS or (status in _PAGES and row["content_type"] == "text/html")
    if not (vendor or told):
        return None
    note = say("the ClientHello is answered in clear with {status}", status=str(status))
    pieces = exchange_evidence([row], note)
    return Refusal(row["host"], status, vendor, True, row["started"], pieces)


def refused_in_clear(row: Record) -> bool:
    """An answer in place of TLS that is a refusal, and so no mere failure of the handshake."""
    return _in_clear_for_tls(row) is not None


def _foreign_page(row: Record) -> bool:
    """A refusal as a page of a server that is not the edge, of a host that only the edge serves."""
    rule = rule_of(row["host"])
    ours = rule is not None and rule.essential and not rule.wildcard
    server = (row["server"] or "cloudflare").lower()
    page = row["content_type"] == "text/html" and "cloudflare" not in server
    return ours and page and row["status"] in _FORBIDDEN


def _page_for_data(row: Record) -> bool:
    """A page where the page's scripts asked for data: an interstitial of the network's."""
    data = (row["path"] or "").startswith(_DATA) and row["request_dest"] != "document"
    return data and row["content_type"] == "text/html" and row["status"] in _PAGES


def _failed(row: Record, reached: set[str]) -> Refusal | None:
    """What the browser, or mitmproxy in front of a proxy, says of an exchange without answer."""
    code = net_error(row)
    told = _CONNECT_REFUSED.search(row["error"] or "")
    if told:
        status: int | None = int(told[1])
    elif code in proxy_errors("proxy.auth_required"):
        status = LOGIN
    elif code in proxy_errors("proxy.denied") and row["host"] not in reached:
        status = None
    else:
        return None
    pieces = flow_evidence([row], row["error"])
    return Refusal(row["host"], status, None, told is not None, row["started"], pieces)


def _proxied(tables: Tables) -> set[str]:
    """Ids of connections that go through a proxy of the network, or one that opens TLS."""
    frame = tables["connections"]
    if frame.empty:
        return set()
    inspected = where(frame, "issuer", foreign_issuer)
    through = frame[frame["via"].notna()]
    return {*through["connection"].dropna(), *inspected["connection"].dropna()}


def find_proxy_denied(tables: Tables) -> Iterator[Finding]:
    groups: dict[str | None, list[Refusal]] = {}
    for refusal in refusals(tables):
        if not refusal.login:
            groups.setdefault(refusal.vendor, []).append(refusal)
    if len(groups) > 1 and None in groups:
        # what does not name itself beside what does is the same proxy
        rest = groups.pop(None)
        groups[next(iter(groups))] += rest
    for vendor, found in groups.items():
        hosts = ranked(refusal.host for refusal in found)
        statuses = _statuses(found)
        yield finding(
            "proxy.denied",
            plural(
                "{n} request for {hosts} turned away by {vendor} {answer}, not by the service: its "
                "edge left no mark on the answer.",
                "{n} requests for {hosts} turned away by {vendor} {answer}, not by the "
                "service: its "
                "edge left no mark on the answer.",
                len(found),
                hosts=some(hosts),
                vendor=vendor or say("a proxy on the path"),
                answer=say("with {statuses}", statuses=statuses) if statuses else "",
            ),
            confidence=earned(
                0.6,
                (vendor is not None, 0.6),
                (any(refusal.surely for refusal in found), 0.5),
                (len(found) > 1, 0.2),
            ),
            subjects=hosts,
            severity=effect(hosts[0]),
            vendor=vendor,
            count=len(found),
            times=[refusal.time for refusal in found],
            evidence=_evidence(found),
            in_short=say("answered with {status}", status=statuses)
            if statuses
            else say("tunnel refused"),
            measurements={"statuses": sorted({r.status for r in found if r.status is not None})},
        )


def find_proxy_auth_required(tables: Tables) -> Iterator[Finding]:
    found = [refusal for refusal in refusals(tables) if refusal.login]
    if found:
        yield _login_asked(found, _asks_elsewhere(tables))
    for proxy in socks_logins(tables):
        yield _login_refused(proxy)


def _asks_elsewhere(tables: Tables) -> str | None:
    """The product that asked for a login before it let through to somebody else."""
    http = tables["http"]
    asked = records(http[(http["status"] == LOGIN).fillna(False)].head(50)) if len(http) else []
    return next(filter(None, map(named_product, asked)), None)


def _login_asked(found: list[Refusal], elsewhere: str | None) -> Finding:
    hosts = ranked(refusal.host for refusal in found)
    return finding(
        "proxy.auth_required",
        say(
            "The proxy asks for a login (407) before it lets anything through to {hosts}, {times}, "
            "and no later request gave one.",
            hosts=some(hosts),
            times=times_over(len(found)),
        ),
        confidence=earned(
            0.8, (len(found) > 1, 0.4), (any(refusal.surely for refusal in found), 0.4)
        ),
        subjects=hosts,
        severity=effect(hosts[0]),
        vendor=next((refusal.vendor for refusal in found if refusal.vendor), elsewhere),
        count=len(found),
        times=[refusal.time for refusal in found],
        evidence=_evidence(found),
        in_short="407 Proxy Authentication Required",
    )


def _login_refused(proxy: Unlet) -> Finding:
    return finding(
        "proxy.auth_required",
        say(
            "The SOCKS proxy {proxy} refuses the login, or wants one that is not given, {times}, "
            "and lets nothing through.",
            proxy=proxy.name,
            times=times_over(len(proxy.times)),
        ),
        confidence=earned(0.75, (proxy.surely, 0.5), (len(proxy.times) > 5, 0.2)),
        subjects=proxy.hosts,
        count=len(proxy.times),
        times=proxy.times,
        evidence=proxy.evidence,
        in_short=say("login to SOCKS proxy {proxy}", proxy=proxy.name),
    )


def _statuses(found: list[Refusal]) -> str:
    codes = sorted({refusal.socks for refusal in found if refusal.socks is not None})
    statuses = sorted({str(refusal.status) for refusal in found if refusal.status is not None})
    return some([*statuses, *map(socks_reading, codes)])


def _evidence(found: list[Refusal]) -> list[Evidence]:
    return [piece for refusal in found[:MAX_EVIDENCE] for piece in refusal.evidence]
