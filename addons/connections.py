"""What a connection of the proxy tells: certificates, and where it failed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mitmproxy import certs

_CALL_FAILED = re.compile(r"Connect call failed \('([0-9A-Fa-f.:%]{2,60})', (\d{1,5})")
_DNS_WORDS = (
    "getaddrinfo",
    "Name or service not known",
    "nodename nor servname",
    "Errno -2",
    "Errno -3",
    "Errno -5",
    "Errno 11001",
    "name resolution",
)
_PROXY_WORDS = ("upstream", "proxy", "407")


def tries(error: str) -> list[str]:
    """Addresses that asyncio says it tried, in order."""
    return list(dict.fromkeys(match[1] for match in _CALL_FAILED.finditer(error)))[:16]


def error_stage(error: str, *, via: bool) -> str:
    """dns, tcp or proxy: the layer at which opening a connection failed."""
    if any(word in error for word in _DNS_WORDS):
        return "dns"
    if via and any(word in error.lower() for word in _PROXY_WORDS):
        return "proxy"
    return "tcp"


def certificate_facts(chain: Sequence[certs.Cert]) -> dict[str, object]:
    """Subject, issuer, validity and fingerprint of the leaf, and the chain's last issuer."""
    if not chain:
        return {}
    leaf, last = chain[0], chain[-1]
    return {
        "subject": _name(leaf.subject),
        "issuer": _name(leaf.issuer),
        "root": _name(last.issuer),
        "not_before": leaf.notbefore.timestamp(),
        "not_after": leaf.notafter.timestamp(),
        "sha256": leaf.fingerprint().hex(),
        "chain": len(chain),
    }


def _name(parts: Sequence[tuple[str, str]]) -> str:
    """A distinguished name in RFC 4514's short form, at most 200 characters."""
    return ", ".join(f"{key}={value}" for key, value in parts)[:200]
