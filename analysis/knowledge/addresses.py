"""What is known of addresses and names in DNS answers: ranges and filter vendors."""

from __future__ import annotations

from functools import cache, lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from analysis.knowledge import table

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

EDGE = "cloudflare"
"""The group of ranges.tsv that the service's names lead to."""

_FACTS = ("source", "date", "confidence")


@lru_cache(maxsize=8192)
def address(text: str) -> Address | None:
    """An address in its plain form (IPv4 out of ``::ffff:`` and NAT64), or None for a name."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return found.ipv4_mapped
        if in_group("nat64", found):
            return IPv4Address(int(found) & 0xFFFFFFFF)
    return found


@cache
def _groups() -> dict[str, tuple[Network, ...]]:
    groups: dict[str, list[Network]] = {}
    for row in table.rows("ranges", ("group", "network", "meaning", *_FACTS)):
        groups.setdefault(row["group"], []).append(ip_network(row["network"]))
    return {name: tuple(networks) for name, networks in groups.items()}


@lru_cache(maxsize=16384)
def in_group(group: str, of: Address) -> bool:
    """True when an address is in a group of ranges.tsv (cloudflare, openai, voice, fake-ip ...)."""
    return any(network.version == of.version and of in network for network in _groups()[group])


def networks_of(group: str) -> tuple[Network, ...]:
    """The networks of a group of ranges.tsv."""
    return _groups()[group]


@cache
def _vendors(kind: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (row["value"], row["vendor"])
        for row in table.rows("vendors_dns", ("kind", "value", "vendor", *_FACTS))
        if row["kind"] == kind
    )


@cache
def _vendor_networks(kind: str) -> tuple[tuple[Network, str], ...]:
    return tuple((ip_network(value), vendor) for value, vendor in _vendors(kind))


@lru_cache(maxsize=8192)
def _vendor_of_network(kind: str, of: Address) -> str | None:
    for network, vendor in _vendor_networks(kind):
        if network.version == of.version and of in network:
            return vendor
    return None


def vendor_of_address(of: Address) -> str | None:
    """The filter whose block answer this address is."""
    return _vendor_of_network("address", of)


def vendor_of_resolver(text: str) -> str | None:
    """The filtering service that a public resolver belongs to; that it filters is not said."""
    of = address(text)
    return _vendor_of_network("resolver", of) if of is not None else None


def vendor_of_ede_text(text: str) -> str | None:
    """The filter that gives this EXTRA-TEXT with its Extended DNS Error."""
    return dict(_vendors("ede_text")).get(text.strip().lower())


@lru_cache(maxsize=8192)
def vendor_of_name(name: str) -> str | None:
    """The filter that a CNAME target, SOA owner or SOA mname belongs to."""
    name = name.lower().rstrip(".")
    for known, vendor in _vendors("name"):
        if name == known or name.endswith("." + known):
            return vendor
    return None
