"""The page's own list of scripts and styles, held against what was asked and what came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analysis.knowledge import hosts
from analysis.knowledge.secrets import redact_url
from analysis.model.frames import Row
from analysis.model.page import PageResource
from analysis.read.exchange import Exchange

_SCRIPT_TYPES = ("javascript", "ecmascript", "wasm", "json")
_GONE = frozenset({404, 410})


def resource_rows(exchanges: Sequence[Exchange]) -> Iterable[Row]:
    """A row for each script or style that a listed page names.

    A page counts when it arrived with a status below 400 and belongs to the
    service.  A request answers a page when it was made after the page was asked
    for; of several, the best outcome counts, as a retry heals.
    """
    by_url: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        by_url.setdefault(_key(exchange.url), []).append(exchange)
    for page in exchanges:
        if page.page is None or not page.is_html or (page.status or 999) >= 400:
            continue
        if not hosts().is_chatgpt(page.host):
            continue
        for resource in page.page.resources:
            asked = [
                exchange
                for exchange in by_url.get(_key(resource.url), ())
                if exchange.flow != page.flow and _after(exchange, page)
            ]
            yield _row(page, resource, asked)


def _row(page: Exchange, resource: PageResource, asked: Sequence[Exchange]) -> Row:
    stand_in = Exchange(page.source, "", url=resource.url)
    host, path = stand_in.host, stand_in.path
    chosen: Exchange | None = None
    outcome = "never_asked"
    for exchange in asked:
        found = _outcome(exchange, resource.kind)
        if chosen is None or _ORDER.index(found) < _ORDER.index(outcome):
            chosen, outcome = exchange, found
    return {
        "source": page.source,
        "page": page.flow,
        "page_url": redact_url(page.url)[:1000],
        "url": redact_url(resource.url)[:1000],
        "host": host,
        "kind": resource.kind,
        "needed": hosts().essential(host, path) and not hosts().harmless(host, path),
        "integrity": resource.integrity,
        "outcome": outcome,
        "flow": chosen.flow if chosen else None,
        "status": chosen.status if chosen else None,
        "error": chosen.http_row()["error"] if chosen else None,
    }


_ORDER = ("loaded", "cached", "pending", "replaced", "gone", "refused", "failed", "never_asked")


def _outcome(exchange: Exchange, kind: str) -> str:
    status = exchange.status
    if status is None:
        return "failed" if exchange.error else "pending"
    if status == 304:
        return "cached"
    if status in _GONE:
        return "gone"
    if status >= 400 or 300 <= status < 400:
        return "refused"
    media = exchange.media_type or ""
    if exchange.is_html or (media and not _fits(media, kind)):
        return "replaced"
    if exchange.error:
        return "failed"
    return "cached" if exchange.from_cache else "loaded"


def _fits(media: str, kind: str) -> bool:
    if kind == "style":
        return media == "text/css"
    return any(word in media for word in _SCRIPT_TYPES) or media == "application/octet-stream"


def _after(exchange: Exchange, page: Exchange) -> bool:
    return exchange.started is None or page.started is None or exchange.started >= page.started


def _key(url: str) -> str:
    """URLs are compared as they are shown: a bundle holds them masked already."""
    return redact_url(url.partition("#")[0])
