"""Packets alone: no proxy stands in the way, and the wire must tell."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from pathlib import Path

import dns.message
import dns.query
import pytest

from agent.capture.session import CaptureSettings, Running, capture
from agent.demo.scenes import scene_named
from agent.demo.stage import Stage, demo_stage
from analysis.diagnose import diagnose
from analysis.model.errors import UsageError
from analysis.read import read_source


def visit(stage: Stage, name: str) -> None:
    """Look a name up and open TLS to it, as a browser without a proxy would."""
    address, port = stage.nameserver
    answer = dns.query.udp(dns.message.make_query(name, "A", use_edns=0), address, 5, port)
    target = answer.answer[0][0].to_text()
    context = ssl.create_default_context(cafile=str(stage.ca_file))
    place = (target, stage.service.address[1])
    with (
        socket.create_connection(place, timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=name) as secured,
    ):
        # as long as a browser's: a request tells that the client took the certificate
        agent = "Mozilla/5.0 (X11; Linux x86_64) " + "x" * 300
        head = f"GET / HTTP/1.1\r\nHost: {name}\r\nUser-Agent: {agent}\r\nConnection: close"
        secured.sendall(f"{head}\r\n\r\n".encode())
        assert secured.recv(8).startswith(b"HTTP/1.1")


@pytest.mark.root
def test_passive_capture_sees_lookups_and_handshakes(tmp_path: Path) -> None:
    folder = tmp_path / "stage"
    folder.mkdir()
    with demo_stage(scene_named("healthy"), folder) as stage:

        async def client(running: Running) -> None:
            assert running.proxy is None
            for _ in range(3):
                await asyncio.to_thread(visit, stage, "chatgpt.com")

        bundle = capture(
            CaptureSettings(
                out=tmp_path / "b.chatpath",
                mode="passive",
                interfaces=("lo",),
                only_ports=stage.ports,
                nameserver=stage.nameserver,
            ),
            client,
        )
    tables = read_source(bundle)
    assert tables.sources[0].complete, tables.sources[0].problems
    (facts,) = tables.captures
    assert (facts.packets_reason, facts.packets_dropped) == (None, 0)
    hellos = tables["tls"][tables["tls"]["sni"] == "chatgpt.com"]
    assert len(hellos) == 3, (facts, tables["tcp"].to_string(), tables["tls"].to_string())
    assert hellos["leg"].isna().all()
    assert (hellos["server_hello_ms"] > 0).all()
    assert "chatgpt.com" in set(tables["dns"]["qname"])
    serious = [item.id for item in diagnose(tables).findings if item.severity != "info"]
    assert serious == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may always sniff")
def test_passive_capture_needs_the_right_to_sniff(tmp_path: Path) -> None:
    async def client(_: Running) -> None:
        raise AssertionError("must not start")

    settings = CaptureSettings(out=tmp_path / "b.chatpath", mode="passive", interfaces=("lo",))
    with pytest.raises(UsageError, match="run it as root"):
        capture(settings, client)
