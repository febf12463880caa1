"""Throw-away certificates: a leaf as the service has one, and one as an inspector makes."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = ("chatgpt.com", "*.chatgpt.com", "*.oaistatic.com", "*.openai.com")


@cache
def leaf(
    organisation: str, common_name: str
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A leaf for the service's names, issued by the CA named so."""
    issuer_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    begin = datetime(2026, 8, 1, tzinfo=UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAMES[0])]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=90))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES]), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )
    return built, key


@cache
def server_files() -> tuple[str, str]:
    """Certificate and key of the service, as files for OpenSSL."""
    certificate, key = leaf("Google Trust Services", "WE1")
    folder = Path(tempfile.mkdtemp(prefix="scene-certificates-"))
    paths = folder / "leaf.pem", folder / "leaf.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(paths[0]), str(paths[1])
