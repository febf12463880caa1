"""Which exchange redirected to which."""

from __future__ import annotations

from urllib.parse import urljoin

from analysis.read.exchange import Exchange, shown_url

MAX_WAITING = 10_000


class Redirects:
    """Sets `redirected_from` of each exchange that asks what an earlier one named in Location.

    Addresses are compared as they are shown, since a bundle holds them masked
    already.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}

    def take(self, exchange: Exchange) -> None:
        """The next exchange in the order of the capture."""
        if self._waiting:
            exchange.redirected_from = self._waiting.pop(shown_url(exchange.url), None)
        if 300 <= (exchange.status or 0) < 400 and len(self._waiting) < MAX_WAITING:
            target = redirect_target(exchange)
            if target is not None:
                self._waiting[shown_url(target)] = exchange.flow


def redirect_target(exchange: Exchange) -> str | None:
    """The absolute address that the exchange redirects to."""
    location = exchange.header("location")
    if not location or exchange.status == 304:
        return None
    try:
        return urljoin(exchange.url, location)
    except ValueError:
        return None
