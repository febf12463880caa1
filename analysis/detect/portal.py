"""net.captive_portal: a sign-in page of the network answers instead of the service.

HTTP 511, a connectivity probe that got anything but its fixed answer, a
redirection of the service's own name to another place without the edge's mark,
or one certificate of another name at several addresses or at the edge's own;
from recorded exchanges, and from what packets carry in clear.  There a 511 counts
whatever host was asked for, and so do two sites that lead into the local network.
A probe that is answered as it should be, and a portal that was passed during the
capture, are no fault.  Source: RFC 6585 section 6, RFC 8952, Chromium's captive
portal detector, detection notes 15.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from analysis.detect.certificates import portal_certificates
from analysis.detect.cleartext import CONNECT, exchange_evidence, in_clear
from analysis.detect.path_answers import before_the_edge, block_page, fronted
from analysis.detect.support import (
    MAX_EVIDENCE,
    Record,
    earned,
    finding,
    matters,
    of_service,
    ranked,
    records,
    where,
    without_own_leg,
)
from analysis.knowledge import threshold
from analysis.knowledge.addresses import address
from analysis.knowledge.probes import probe_answer, probe_words
from analysis.knowledge.products import vendor_of_portal
from analysis.model.diagnosis import Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some

_NETWORK_LOGIN = 511
_REDIRECTS = (301, 302, 303, 307, 308)
_PAGES = (200, 203)
_SITES = 2


def _asked(host: str) -> bool:
    return matters(host) or probe_answer(host, None) is not None


def _target(row: Record) -> str | None:
    """The host that an answer sends the client to."""
    if row["status"] not in _REDIRECTS:
        return None
    try:
        return urlsplit(row["location"] or "").hostname
    except ValueError:
        return None


def _probe_failed(row: Record) -> bool:
    wanted = probe_answer(row["host"], row["path"])
    if wanted is None or row["status"] is None or row["cf_ray"]:
        return False
    if row["status"] in _REDIRECTS:
        return bool(_target(row) != row["host"])
    if row["status"] == wanted:
        return _other_page(row)
    # some networks answer a 204 probe with an empty 200, which browsers accept
    empty = wanted == 204 and row["status"] == 200 and row["response_bytes"] == 0
    return not empty and row["status"] in _PAGES


def _other_page(row: Record) -> bool:
    """A page with the right status, but without the words that the probe's own answer has."""
    words = probe_words(row["host"], row["path"])
    shown = row["body_excerpt"]
    return bool(words and shown) and (words or "").lower() not in (shown or "").lower()


def _sent_away(row: Record) -> bool:
    """The service's name was redirected to a host that is not the service's."""
    if row["status"] not in _REDIRECTS or not before_the_edge(row) or block_page(row):
        return False
    target = _target(row)
    if not target or fronted(target) or matters(target):
        return False
    place = address(target)
    return row["scheme"] == "http" or place is None or not place.is_global


def leads_to_login(row: Record) -> bool:
    """One answer for the service's name that is a portal's."""
    return row["status"] == _NETWORK_LOGIN or _sent_away(row)


def _sent_home(row: Record) -> bool:
    """In clear: a public server's name was redirected into the local network."""
    asked, target = address(row["address"] or ""), address(_target(row) or "")
    return bool(asked and asked.is_global and target and target.is_private) and not block_page(row)


def find_net_captive_portal(tables: Tables) -> Iterator[Finding]:
    http = where(tables["http"], "host", _asked)
    marked = http["cf_ray"].notna()
    clear = [row for row in in_clear(tables) if row["method"] != CONNECT and row["status"]]
    rows = records(http[~marked & http["status"].notna()])
    rows += [row for row in clear if not row["cf_ray"] and _asked(row["host"] or "")]
    login = [row for row in rows if row["status"] == _NETWORK_LOGIN]
    login += [row for row in clear if row["status"] == _NETWORK_LOGIN and not _asked(row["host"])]
    probes = [row for row in rows if _probe_failed(row)]
    away = [row for row in rows if matters(row["host"]) and _sent_away(row)]
    home = [row for row in clear if not row["cf_ray"] and _sent_home(row)]
    # one site may lead to a device at home; several that lead to the same place do not
    if not (login or probes or away) and len({row["host"] for row in home}) < _SITES:
        home = []
    found = list({_key(row): row for row in [*login, *probes, *away, *home]}.values())
    shown = portal_certificates(tables)
    if not found and not any(matters(item.host) for item in shown):
        return
    times = [row["started"] or 0.0 for row in found] + [item.time or 0.0 for item in shown]
    last = max(times)
    later = marked & (http["status"] < 400) & (http["started"] > last)
    passed = bool(later.fillna(False).any()) or _passed_in_packets(tables, clear, last)
    signals = []
    if login:
        signals.append(say("status 511 asks for a sign-in to the network"))
    if probes:
        signals.append(say("a connectivity probe got another answer than its own"))
    if away:
        signals.append(say("the service's name was redirected to another place"))
    if home:
        signals.append(say("another site was redirected into the local network"))
    names = some(tuple(dict.fromkeys(item.subject or "" for item in shown)), 2)
    if shown:
        signals.append(say("connections end at a certificate of {name}", name=names))
    product = _product(found, tables)
    if product:
        signals.append(say("the answer is one of {vendor}", vendor=product))
    asked = [row["host"] for row in found] + [item.host for item in shown]
    hosts = ranked(name for name in asked if matters(name)) or ("chatgpt.com",)
    yield finding(
        "net.captive_portal",
        joined(
            [
                plural(
                    "A sign-in portal of the network answers {n} request: {signals}.",
                    "A sign-in portal of the network answers {n} requests: {signals}.",
                    len(asked),
                    signals=joined(signals, "; "),
                ),
                say("It was passed later: the service answered afterwards.") if passed else "",
            ]
        ),
        confidence=earned(
            0.7,
            (bool(login), 0.6),
            (bool(probes), 0.5),
            (bool(away or home), 0.4),
            (bool(shown), 0.4),
            (len(asked) > 1, 0.2),
        ),
        subjects=hosts,
        severity=Severity.INFO if passed else Severity.CRITICAL,
        vendor=product,
        count=len(asked),
        times=times,
        evidence=exchange_evidence(found, say("answered by the network's portal"))
        + tuple(piece for item in shown[:MAX_EVIDENCE] for piece in item.evidence),
        in_short=some(sorted({str(row["status"]) for row in found})) or names,
        measurements={"signals": signals},
    )


def _product(found: list[Record], tables: Tables) -> str | None:
    """Whose portal it is, by its answers and by the page that they lead to."""
    targets = {target for row in found if (target := _target(row))}
    pages = records(where(tables["http"], "host", targets.__contains__))
    pages += [row for row in in_clear(tables) if row["host"] in targets]
    told = (
        " ".join(row[name] or "" for name in ("server", "location", "body_excerpt"))
        for row in [*found, *pages]
    )
    return next(filter(None, map(vendor_of_portal, told)), None)


def _key(row: Record) -> tuple[object, ...]:
    return row["source"], row["flow"] or (row["stream"], row["frame"])


def _passed_in_packets(tables: Tables, clear: list[Record], last: float) -> bool:
    """A later probe got its own answer, or the service sent much after the portal's last word."""
    for row in clear:
        wanted = probe_answer(row["host"], row["path"])
        right = wanted is not None and row["status"] == wanted and not _other_page(row)
        if right and (row["started"] or 0.0) > last:
            return True
    hellos = where(without_own_leg(tables["tls"], tables), "sni", of_service)
    fine = hellos[hellos["server_hello_ms"].notna() & hellos["alert"].isna()]
    tcp = tables["tcp"]
    if fine.empty or tcp.empty:
        return False
    much = (tcp["server_payload"] >= threshold("payload_works")).fillna(False)
    much &= (tcp["server_payload_time"] > last).fillna(False)
    return len(fine.merge(tcp[much], on=["source", "stream"])) > 0
