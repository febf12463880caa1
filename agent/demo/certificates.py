"""A certificate authority made on the spot, and the one leaf the demo service needs."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTS = (
    "chatgpt.com",
    "*.chatgpt.com",
    "auth.openai.com",
    "*.openai.com",
    "*.oaistatic.com",
    "*.oaiusercontent.com",
    "challenges.cloudflare.com",
)
_VALID = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files of the demo CA and its leaf.

    `ca_file` is what a client must trust, `chain_file` is leaf then CA, and `ca_spki` is the
    base64 SHA-256 of the CA's SubjectPublicKeyInfo (RFC 7469, section 2.4).
    """

    ca_file: Path
    chain_file: Path
    key_file: Path
    ca_spki: str


def spki_pin(certificate: x509.Certificate) -> str:
    """Base64 SHA-256 of the SubjectPublicKeyInfo (RFC 7469, section 2.4)."""
    info = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(hashlib.sha256(info).digest()).decode("ascii")


def write_certificates(
    folder: Path,
    *,
    authority: tuple[str, str] = ("chatpath demo", "chatpath demo CA (this run only)"),
    hosts: Sequence[str] = HOSTS,
) -> Certificates:
    """Make a CA and a leaf for `hosts` and write them below `folder`, which must exist.

    `authority` is the CA's organisation and common name.
    """
    # P-256: made in a millisecond, where RSA would hold up the start of every scene.
    ca_key = ec.generate_private_key(ec.SECP256R1())
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, authority[0]),
            x509.NameAttribute(NameOID.COMMON_NAME, authority[1]),
        ]
    )
    leaf_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    ca = (
        _builder(ca_name, ca_name, ca_key, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        _builder(leaf_name, ca_name, leaf_key, ca_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    ca_pem = ca.public_bytes(serialization.Encoding.PEM)
    files = Certificates(
        ca_file=folder / "demo-ca.pem",
        chain_file=folder / "demo-chain.pem",
        key_file=folder / "demo-key.pem",
        ca_spki=spki_pin(ca),
    )
    files.ca_file.write_bytes(ca_pem)
    files.chain_file.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + ca_pem)
    files.key_file.touch(mode=0o600)
    files.key_file.write_bytes(
        leaf_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # An hour back: the machine under test may have a clock that was just set.
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )
