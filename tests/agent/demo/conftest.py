"""Certificates and a service that the demo's tests share."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.demo.certificates import Certificates, write_certificates
from agent.demo.service import DemoService


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return write_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def trust(certificates: Certificates) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificates.ca_file))


@pytest.fixture
def service(certificates: Certificates) -> Iterator[DemoService]:
    with DemoService("127.0.0.1", 0, certificates) as running:
        yield running
    assert running.app.failures == []


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    folder = tmp_path / "stage"
    folder.mkdir()
    return folder
