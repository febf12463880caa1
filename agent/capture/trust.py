"""Whom the proxy trusts upstream, and how clients come to trust the proxy.

The proxy must accept what the machine accepts: a company's inspection root lies
in the system's store and not in certifi, and refusing it would break a session
that works without us.
"""

from __future__ import annotations

import base64
import hashlib
import os
import ssl
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from analysis.model.errors import UsageError
from analysis.model.message import say


def system_roots() -> str:
    """The system's roots and certifi's, as PEM."""
    parts = [Path(certifi.where()).read_text(encoding="ascii", errors="replace")]
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        parts.append(Path(paths.cafile).read_text(encoding="ascii", errors="replace"))
    if sys.platform == "win32":
        context = ssl.create_default_context()
        parts.extend(
            ssl.DER_cert_to_PEM_cert(der) for der in context.get_ca_certs(binary_form=True)
        )
    elif sys.platform == "darwin":
        command = ["security", "find-certificate", "-a", "-p"]
        parts.append(
            subprocess.run(command, check=False, capture_output=True, text=True, timeout=30).stdout
        )
    return "\n".join(parts)


def write_upstream_roots(path: Path, extra: Iterable[Path]) -> Path:
    """A PEM file with every root the proxy trusts; `extra` are further PEM files.

    Raises UsageError when one of them holds no certificate.
    """
    parts = [system_roots()]
    for file in extra:
        try:
            text = file.read_bytes()
            x509.load_pem_x509_certificates(text)
        except (OSError, ValueError) as error:
            raise UsageError(
                say(
                    "{file} holds no PEM certificate ({error}); name the network's own CA file.",
                    file=str(file),
                    error=str(error),
                )
            ) from error
        parts.append(text.decode("ascii", "replace"))
    path.write_text("\n".join(parts), encoding="ascii", errors="replace")
    return path


def write_client_roots(path: Path, ca: Path) -> Path:
    """A PEM file for client programs: the system's roots and our own CA."""
    path.write_text(
        system_roots() + "\n" + ca.read_text(encoding="ascii"), encoding="ascii", errors="replace"
    )
    return path


def spki_sha256(ca: Path) -> str:
    """Base64 of the SHA-256 of the CA's public key.

    mitmproxy's leaf certificates carry their CA's key, so this names them too
    (Chromium's --ignore-certificate-errors-spki-list).
    """
    certificate = x509.load_pem_x509_certificate(ca.read_bytes())
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def ca_sha256(ca: Path) -> str:
    """Fingerprint of the CA certificate, in hex."""
    certificate = x509.load_pem_x509_certificate(ca.read_bytes())
    der = certificate.public_bytes(serialization.Encoding.DER)
    return hashlib.sha256(der).hexdigest()


def client_environment(proxy: str, ca: Path, roots: Path, spki: str) -> dict[str, str]:
    """Environment that sends a program through the proxy and makes it trust the CA.

    Both cases of the proxy variables are set, because programs read either.
    """
    environment = dict(os.environ)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        environment[name] = environment[name.lower()] = proxy
    for name in ("NO_PROXY", "no_proxy"):
        environment.pop(name, None)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"):
        environment[name] = str(roots)
    environment["NODE_EXTRA_CA_CERTS"] = str(ca)
    environment["CHATPATH_PROXY"] = proxy
    environment["CHATPATH_CA"] = str(ca)
    environment["CHATPATH_CA_SPKI"] = spki
    return environment
