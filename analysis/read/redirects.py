"""Which exchange redirected to which."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urljoin

from analysis.read.exchange import Exchange, shown_url


def link_redirects(exchanges: Iterable[Exchange]) -> None:
    """Set `redirected_from` of each exchange that asks what an earlier one named in Location.

    The exchanges are in the order of the capture. Addresses are compared as
    they are shown, since a bundle holds them masked already.
    """
    waiting: dict[str, str] = {}
    for exchange in exchanges:
        if waiting:
            exchange.redirected_from = waiting.pop(shown_url(exchange.url), None)
        if 300 <= (exchange.status or 0) < 400 and (target := redirect_target(exchange)):
            waiting[shown_url(target)] = exchange.flow


def redirect_target(exchange: Exchange) -> str | None:
    """The absolute address that the exchange redirects to."""
    location = exchange.header("location")
    if not location or exchange.status == 304:
        return None
    try:
        return urljoin(exchange.url, location)
    except ValueError:
        return None
