"""The page's own list of scripts and styles, held against what was asked and what came."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from math import inf

from analysis.knowledge import hosts
from analysis.knowledge.secrets import redact_text
from analysis.model.frames import Row
from analysis.model.page import PageResource
from analysis.read.exchange import Exchange, SlimExchange, shown_url

_SCRIPT_TYPES = ("javascript", "ecmascript", "wasm", "json")
_GONE = frozenset({404, 410})
MAX_ROWS = 200_000
CACHED = 8192

type _Found = tuple[SlimExchange, str]


def resource_rows(exchanges: Sequence[SlimExchange]) -> Iterator[Row]:
    """A row for each script or style that a listed page names, up to `MAX_ROWS`.

    A page counts when it arrived with a status below 400 and belongs to the
    service.  A request answers a page when it was made after the page was asked
    for; of several, the best outcome counts, as a retry heals.
    """
    named = {resource.url for _, listed in _pages(exchanges) for resource in listed}
    asked = _Asked(exchanges, {shown_url(url) for url in named})
    rows = (
        _row(page, resource, asked.best(page, resource))
        for page, listed in _pages(exchanges)
        for resource in listed
    )
    return islice(rows, MAX_ROWS)


def _pages(
    exchanges: Iterable[SlimExchange],
) -> Iterator[tuple[SlimExchange, Sequence[PageResource]]]:
    """The pages that count, and what each names."""
    for page in exchanges:
        if page.page is not None and (page.status or 999) < 400:
            yield page, page.page.resources


class _Asked:
    """Which requests were made for each address `wanted`, the best outcome from a moment on."""

    def __init__(self, exchanges: Iterable[SlimExchange], wanted: Collection[str]) -> None:
        self._by_url: dict[str, list[SlimExchange]] = {}
        if wanted:
            for exchange in exchanges:
                address = shown_url(exchange.url)
                if address in wanted:
                    self._by_url.setdefault(address, []).append(exchange)
        for listed in self._by_url.values():
            # a request of unknown time may have answered any page
            listed.sort(key=_start)
        self._best: dict[tuple[str, str], list[_Found]] = {}

    def best(self, page: SlimExchange, resource: PageResource) -> _Found | None:
        key = shown_url(resource.url)
        listed = self._by_url.get(key, [])
        if key == shown_url(page.url):
            return None  # a document is never its own script
        if (key, resource.kind) not in self._best:
            self._best[key, resource.kind] = _best_from(listed, resource.kind)
        begin = 0 if page.started is None else bisect_left(listed, page.started, key=_start)
        found = self._best[key, resource.kind]
        return found[begin] if begin < len(found) else None


def _start(exchange: SlimExchange) -> float:
    return inf if exchange.started is None else exchange.started


def _best_from(listed: Sequence[SlimExchange], kind: str) -> list[_Found]:
    """For each place in `listed`, the best outcome from there on; the earliest of equals."""
    best: list[_Found] = []
    for exchange in reversed(listed):
        outcome = _outcome(exchange, kind)
        worse = best and _ORDER.index(best[-1][1]) < _ORDER.index(outcome)
        best.append(best[-1] if worse else (exchange, outcome))
    return best[::-1]


def _row(page: SlimExchange, resource: PageResource, found: _Found | None) -> Row:
    host, needed = _place(resource.url)
    chosen, outcome = found or (None, "never_asked")
    return {
        "source": page.source,
        "page": page.flow,
        "page_url": shown_url(page.url)[:1000],
        "url": shown_url(resource.url)[:1000],
        "host": host,
        "kind": resource.kind,
        "needed": needed,
        "integrity": resource.integrity,
        "outcome": outcome,
        "flow": chosen.flow if chosen else None,
        "status": chosen.status if chosen else None,
        "error": redact_text(chosen.error, 300) if chosen and chosen.error else None,
    }


_ORDER = ("loaded", "cached", "pending", "replaced", "gone", "refused", "failed", "never_asked")


def _outcome(exchange: SlimExchange, kind: str) -> str:
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


@lru_cache(maxsize=CACHED)
def _place(url: str) -> tuple[str, bool]:
    """The host, and whether ChatGPT needs what lies there."""
    place = Exchange("", "", url=url)
    host, path = place.host, place.path
    return host, hosts().essential(host, path) and not hosts().harmless(host, path)
