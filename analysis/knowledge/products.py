"""Products that answer in place of the service: certificate issuers and block pages."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from analysis.knowledge import table

_FACTS = ("source", "date", "confidence")


@cache
def _issuers() -> tuple[tuple[str, str], ...]:
    return tuple(
        (row["fragment"], row["vendor"])
        for row in table.rows("issuers", ("fragment", "vendor", *_FACTS))
    )


def vendor_of_issuer(issuer: str) -> str | None:
    """The product whose TLS inspection signs with this issuer."""
    issuer = issuer.lower()
    return next((vendor for fragment, vendor in _issuers() if fragment in issuer), None)


@cache
def _authorities() -> tuple[tuple[str, str], ...]:
    return tuple(
        (row["fragment"], row["authority"])
        for row in table.rows("public_issuers", ("fragment", "authority", *_FACTS))
    )


def public_authority(issuer: str) -> str | None:
    """The public certificate authority that this issuer belongs to, by its name alone."""
    issuer = issuer.lower()
    return next((name for fragment, name in _authorities() if fragment in issuer), None)


@cache
def _portals() -> tuple[tuple[str, str], ...]:
    rows = table.rows("portals", ("fragment", "vendor", *_FACTS))
    return tuple((row["fragment"], row["vendor"]) for row in rows)


def vendor_of_portal(text: str) -> str | None:
    """The product whose sign-in page, or the way to it, says this."""
    text = text.lower()
    return next((vendor for fragment, vendor in _portals() if fragment in text), None)


@cache
def _block_pages() -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (row["where"], row["fragment"], row["vendor"])
        for row in table.rows("block_pages", ("where", "fragment", "vendor", *_FACTS))
    )


def vendor_of_page(
    text: str = "",
    server: str = "",
    via: str = "",
    location: str = "",
    headers: Iterable[str] = (),
) -> str | None:
    """The product that made a response, by its page, Server, Via, Location or other headers."""
    places = {
        "text": text.lower(),
        "server": server.lower(),
        "via": via.lower(),
        "location": location.lower(),
        "header": "\n".join(headers).lower(),
    }
    return next(
        (vendor for where, fragment, vendor in _block_pages() if fragment in places[where]), None
    )
