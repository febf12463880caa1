"""What a connection of the proxy tells of its certificates."""

from __future__ import annotations

from collections.abc import Sequence

from mitmproxy import certs


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
