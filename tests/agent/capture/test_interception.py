"""Only listed hosts are opened; every other connection passes as the TLS it is."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from addons.connections import intercepts
from agent.capture import trust
from agent.capture.session import CaptureSettings, Running, capture
from agent.demo.certificates import write_certificates
from agent.demo.resolver import DemoResolver
from agent.demo.service import DemoService
from analysis.read.bundle import read_bundle


def certificate_through(proxy: tuple[str, int], host: str, port: int) -> x509.Certificate:
    """The leaf that a client behind the proxy is shown for `host`."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(proxy, timeout=10) as raw:
        raw.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += raw.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200")
        with context.wrap_socket(raw, server_hostname=host) as secured:
            der = secured.getpeercert(binary_form=True)
            secured.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            assert secured.recv(8).startswith(b"HTTP/1.1")
    assert der is not None
    return x509.load_der_x509_certificate(der)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("interception")
    certificates = write_certificates(folder)
    names = ("chatgpt.com", "bank.example", "accounts.google.com")
    seen: dict[str, object] = {}
    with (
        DemoService("127.0.0.1", 0, certificates) as service,
        DemoResolver("127.0.0.1", 0, {name: ["127.0.0.1"] for name in names}, {}) as resolver,
    ):

        async def client(running: Running) -> None:
            assert running.proxy is not None
            assert running.ca_file is not None
            seen["ca"] = x509.load_pem_x509_certificate(running.ca_file.read_bytes())
            for name in names:
                seen[name] = await asyncio.to_thread(
                    certificate_through, running.proxy, name, service.address[1]
                )

        seen["bundle"] = capture(
            CaptureSettings(
                out=folder / "b.chatpath",
                interfaces=(),
                nameserver=resolver.address,
                roots=(certificates.ca_file,),
                use_system_proxy=False,
            ),
            client,
        )
    seen["original"] = x509.load_pem_x509_certificates(certificates.chain_file.read_bytes())[0]
    return seen


def test_a_listed_host_is_opened(shown: dict[str, object]) -> None:
    leaf, ca = shown["chatgpt.com"], shown["ca"]
    assert isinstance(leaf, x509.Certificate)
    assert isinstance(ca, x509.Certificate)
    assert leaf.issuer == ca.subject


@pytest.mark.parametrize("name", ["bank.example", "accounts.google.com"])
def test_another_host_shows_its_original_certificate(shown: dict[str, object], name: str) -> None:
    assert shown[name] == shown["original"]


def test_another_host_leaves_no_trace(shown: dict[str, object]) -> None:
    bundle = shown["bundle"]
    assert isinstance(bundle, Path)
    for path in sorted(bundle.iterdir()):
        assert b"bank.example" not in path.read_bytes(), path.name
    # a host of the table that is not the service's own: noted, not opened
    events = [json.loads(line) for line in (bundle / "events.jsonl").read_text().splitlines()]
    requests = [event for event in events if event["e"] == "request"]
    assert {event["url"].split("/")[2].split(":")[0] for event in requests} == {"chatgpt.com"}


def test_a_certificate_that_is_refused_is_noted_with_who_made_it(tmp_path: Path) -> None:
    certificates = write_certificates(tmp_path, authority=("Kantor", "Gateway CA"))

    with (
        DemoService("127.0.0.1", 0, certificates) as service,
        DemoResolver("127.0.0.1", 0, {"chatgpt.com": ["127.0.0.1"]}, {}) as resolver,
    ):

        async def client(running: Running) -> None:
            assert running.proxy is not None
            # the proxy itself answers, with 502
            await asyncio.to_thread(
                certificate_through, running.proxy, "chatgpt.com", service.address[1]
            )

        bundle = capture(
            CaptureSettings(
                out=tmp_path / "b.chatpath",
                interfaces=(),
                nameserver=resolver.address,
                use_system_proxy=False,
            ),
            client,
        )
    connections = read_bundle(bundle)["connections"]
    refused = connections[connections["error_stage"] == "tls"].iloc[0]
    assert "verify failed" in refused["error"]
    assert refused["issuer"] == refused["root"] == "O=Kantor, CN=Gateway CA"


@pytest.mark.parametrize(
    ("name", "opened"),
    [
        ("chatgpt.com", True),
        ("ws.chatgpt.com", True),
        ("WS.ChatGPT.com", True),
        ("sdmntprwestus3.oaiusercontent.com", True),
        ("chatgpt.com.evil.example", False),
        ("notchatgpt.com", False),
        ("login.microsoftonline.com", False),
        ("js.stripe.com", False),
        ("", False),
    ],
)
def test_which_hosts_are_opened(name: str, opened: bool) -> None:
    assert intercepts(name) is opened


def test_upstream_roots_hold_the_extra_ca(tmp_path: Path) -> None:
    certificates = write_certificates(tmp_path)
    path = trust.write_upstream_roots(tmp_path / "roots.pem", [certificates.ca_file])
    text = path.read_text()
    assert certificates.ca_file.read_text().strip() in text
    assert text.count("BEGIN CERTIFICATE") > 50


def test_client_environment_sets_both_cases(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    environment = trust.client_environment("http://127.0.0.1:1", ca, tmp_path / "all.pem", "spki=")
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        assert environment[name] == "http://127.0.0.1:1"
    assert environment["SSL_CERT_FILE"] == str(tmp_path / "all.pem")
    assert "NO_PROXY" not in environment
    assert "no_proxy" not in environment
