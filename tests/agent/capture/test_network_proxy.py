"""A network that has a proxy of its own: the capture goes through it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.capture.network_proxy import NetworkProxy, network_proxy
from agent.capture.session import CaptureSettings, Running, capture
from agent.capture.socks import SocksProxy
from agent.demo.client import run_client
from agent.demo.scenes import scene_named
from agent.demo.stage import demo_stage
from analysis.diagnose import diagnose
from analysis.model.errors import UsageError
from analysis.read import read_source

LOGIN = "branch:pass-word-of-the-proxy"
VARIABLES = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


class LoginProxy:
    """A CONNECT proxy that wants a login and sends every name to one address."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.asked: list[str] = []
        self.refused = 0
        self._open: list[socket.socket] = []

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            wanted = base64.b64encode(LOGIN.encode())
            if b"basic " + wanted not in head and b"Basic " + wanted not in head:
                self.refused += 1
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                client.close()
                return
            self.asked.append(head.split()[1].decode())
            server = socket.create_connection(self.target)
            self._open += [client, server]
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
            back.start()
            self._pump(client, server)

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for item in [self.listener, *self._open]:
            with contextlib.suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)
            item.close()


@contextlib.contextmanager
def login_proxy(target: tuple[str, int]) -> Iterator[LoginProxy]:
    proxy = LoginProxy(target)
    threading.Thread(target=proxy.serve, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.close()


def test_a_session_through_the_networks_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome: dict[str, Any] = {}
    stage_folder = tmp_path / "stage"
    stage_folder.mkdir()
    with (
        demo_stage(scene_named("healthy"), stage_folder) as stage,
        login_proxy(stage.service.address) as proxy,
    ):
        port = proxy.listener.getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://{LOGIN}@127.0.0.1:{port}")

        async def client(running: Running) -> None:
            assert running.proxy is not None
            assert running.ca_file is not None
            assert running.upstream == f"http://127.0.0.1:{port}"
            outcome.update(
                await asyncio.to_thread(run_client, running.proxy, running.ca_file, stage.url)
            )

        bundle = capture(
            CaptureSettings(out=tmp_path / "b.chatpath", interfaces=(), roots=(stage.ca_file,)),
            client,
        )
        assert outcome["ok"] is True
        assert any(name.startswith("chatgpt.com:") for name in proxy.asked)
        assert proxy.refused == 0
    tables = read_source(bundle)
    via = set(tables["connections"]["via"].dropna())
    assert via == {f"127.0.0.1:{port}"}
    assert diagnose(tables).verdict.status == "ok"
    password = LOGIN.partition(":")[2].encode()
    for path in sorted(bundle.iterdir()):
        assert password not in path.read_bytes(), path.name
        assert base64.b64encode(LOGIN.encode()) not in path.read_bytes(), path.name


def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    found = network_proxy()
    assert found is not None
    assert found.url == "http://proxy.example:3128"
    monkeypatch.setenv("NO_PROXY", ".chatgpt.com,chatgpt.com")
    assert network_proxy() is None


def test_a_login_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:s%40cret@proxy.example:3128")
    found = network_proxy()
    assert found is not None
    assert found.login == "me:s@cret"
    assert "cret" not in repr(found)
    assert "cret" not in found.url


def test_a_proxy_for_all_that_has_none_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5h://me:s%40cret@[2001:db8::9]")
    found = network_proxy()
    assert found is not None
    assert (found.url, found.login) == ("socks5h://[2001:db8::9]:1080", None)
    assert found.socks == SocksProxy("2001:db8::9", 1080, ("me", "s@cret"))
    assert "cret" not in repr(found)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert network_proxy() == NetworkProxy("http://proxy.example:3128")


def test_a_proxy_that_cannot_be_gone_through_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks4://proxy.example:1080")
    with pytest.raises(UsageError, match="is neither an HTTP nor a SOCKS5 proxy"):
        network_proxy()


def test_a_proxy_that_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its login the proxy answers 407: the failure is at the proxy, not at the service."""
    stage_folder = tmp_path / "stage"
    stage_folder.mkdir()
    with (
        demo_stage(scene_named("healthy"), stage_folder) as stage,
        login_proxy(stage.service.address) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.listener.getsockname()[1]}")

        async def client(running: Running) -> None:
            assert running.proxy is not None
            assert running.ca_file is not None
            await asyncio.to_thread(run_client, running.proxy, running.ca_file, stage.url)

        bundle = capture(
            CaptureSettings(out=tmp_path / "b.chatpath", interfaces=(), roots=(stage.ca_file,)),
            client,
        )
        assert proxy.refused > 0
    failed = read_source(bundle)["connections"]
    assert set(failed["host"]) == {"chatgpt.com"}
    assert set(failed["error_stage"]) == {"proxy"}
    assert failed["error"].str.contains("407").all()
