"""The leaf certificate of a TLS 1.2 handshake, as far as it can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

_MAX_OCTETS = 65_536


@dataclass(frozen=True, slots=True)
class Leaf:
    """Names as RFC 4514 text, validity in seconds since 1970; None where unreadable."""

    subject: str | None
    issuer: str | None
    not_before: float | None
    not_after: float | None


def leaf_of(body: bytes) -> Leaf | None:
    """The first certificate in the body of a Certificate message (RFC 5246 section 7.4.2)."""
    length = int.from_bytes(body[3:6])
    der = body[6 : 6 + length]
    if not length or len(der) < length or length > _MAX_OCTETS:
        return None
    from cryptography import x509

    try:
        certificate = x509.load_der_x509_certificate(der)
    except ValueError:
        return None
    not_before, not_after = _validity(certificate)
    subject, issuer = _names(certificate)
    return Leaf(subject, issuer, not_before, not_after)


def _names(certificate: x509.Certificate) -> tuple[str | None, str | None]:
    # a string type that the library has no name for is a KeyError there
    try:
        return certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
    except (ValueError, TypeError, KeyError):
        return None, None


def _validity(certificate: x509.Certificate) -> tuple[float | None, float | None]:
    try:
        return (
            certificate.not_valid_before_utc.timestamp(),
            certificate.not_valid_after_utc.timestamp(),
        )
    except (ValueError, OverflowError):
        return None, None
