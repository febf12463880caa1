"""The CA and leaf, judged by OpenSSL through a real handshake and by their own fields."""

from __future__ import annotations

import stat
import sys

import pytest
from cryptography import x509

from agent.demo.certificates import HOSTS, Certificates, spki_pin


def test_leaf_names_every_host_and_is_signed_by_the_ca(certificates: Certificates) -> None:
    leaf, ca = x509.load_pem_x509_certificates(certificates.chain_file.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == list(HOSTS)
    leaf.verify_directly_issued_by(ca)
    assert ca == x509.load_pem_x509_certificate(certificates.ca_file.read_bytes())


def test_pin_is_of_the_ca_key_and_not_of_the_leaf(certificates: Certificates) -> None:
    leaf, ca = x509.load_pem_x509_certificates(certificates.chain_file.read_bytes())
    assert certificates.ca_spki == spki_pin(ca)
    assert certificates.ca_spki != spki_pin(leaf)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_key_is_readable_by_its_owner_only(certificates: Certificates) -> None:
    assert stat.S_IMODE(certificates.key_file.stat().st_mode) == 0o600
