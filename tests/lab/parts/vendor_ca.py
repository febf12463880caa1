"""Certificate authorities under the names that inspecting products give theirs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ISSUERS = {
    # common name, organization: analysis/knowledge/issuers.tsv has where each was seen
    "zscaler": ("Zscaler Intermediate Root CA (zscaler.net)", "Zscaler Inc."),
    "fortinet": ("FortiGate CA", "Fortinet"),
    "netskope": ("ca.kantor.goskope.com", "Netskope Inc."),
    "company": ("Kantor Pusat Internal CA", "PT Kantor Pusat"),
}


def write_ca(folder: Path, issuer: str) -> tuple[Path, Path]:
    """Make the authority `issuer` of ISSUERS: PEM files of its certificate, and of key with it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    common_name, organization = ISSUERS[issuer]
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=30))
        .not_valid_after(now + dt.timedelta(days=300))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    ca_file, both_file = folder / "vendor-ca.pem", folder / "vendor-ca-with-key.pem"
    ca_file.write_bytes(public)
    both_file.write_bytes(secret + public)
    return ca_file, both_file


def write_leaf(folder: Path, signer: Path, hosts: Sequence[str]) -> Path:
    """A certificate of the authority in `signer` for the hosts: one PEM file, key and chain."""
    pem = signer.read_bytes()
    authority = x509.load_pem_x509_certificate(pem)
    signing = serialization.load_pem_private_key(pem, None)
    assert isinstance(signing, rsa.RSAPrivateKey)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=60))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()),
            critical=False,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(signing, hashes.SHA256())
    )
    path = folder / "leaf-with-key.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
        + authority.public_bytes(serialization.Encoding.PEM)
    )
    return path
