"""Every scene on its stage, by the built-in client and by a real browser."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo_proxy import ConnectProxy

from agent.browser import find_browsers, launch_browser, stop_browser
from agent.demo.client import NETWORK_ERROR, PREPARING_ERROR, run_client
from agent.demo.scenes import SCENES, scene_named
from agent.demo.stage import Stage, demo_stage
from agent.demo.turns import ANSWERS

BROWSER = next((found for found in find_browsers() if found.loads_extensions), None)


@contextlib.contextmanager
def stage_and_proxy(name: str, workdir: Path) -> Iterator[tuple[Stage, ConnectProxy]]:
    with (
        demo_stage(scene_named(name), workdir) as stage,
        ConnectProxy(stage.nameserver) as proxy,
    ):
        yield stage, proxy
    assert stage.service.app.failures == []


def by_builtin_client(name: str, workdir: Path) -> tuple[dict[str, Any], Stage]:
    with stage_and_proxy(name, workdir) as (stage, proxy):
        seen = run_client(proxy.address, stage.ca_file, stage.url, stage.skip_scripts)
        assert stage.service.done.wait(10)
        assert stage.service.outcome == seen
    return seen, stage


def by_browser(name: str, workdir: Path) -> tuple[dict[str, Any], Stage]:
    if BROWSER is None:
        pytest.skip("no Chromium-family browser that loads extensions is installed")
    with stage_and_proxy(name, workdir) as (stage, proxy):
        process = launch_browser(
            BROWSER.executable,
            proxy="{}:{}".format(*proxy.address),
            url=stage.url,
            ca_spki=stage.certificates.ca_spki,
            headless=True,
            profile=workdir / "profile",
            extensions=() if stage.extension is None else (stage.extension,),
        )
        try:
            assert stage.service.done.wait(60), stage.service.app.requests
        finally:
            stop_browser(process)
        # The browser asked for nothing on its own account.
        names = {tunnel.partition(":")[0] for tunnel in proxy.tunnels}
        assert names <= {"chatgpt.com", "ab.chatgpt.com", "ws.chatgpt.com", "cdn.oaistatic.com"}
    return stage.service.outcome, stage


DRIVERS = [
    pytest.param(by_builtin_client, id="builtin"),
    pytest.param(by_browser, id="browser", marks=pytest.mark.browser),
]


@pytest.mark.parametrize("drive", DRIVERS)
def test_healthy_session_is_whole(drive: Any, workdir: Path) -> None:
    seen, stage = drive("healthy", workdir)
    assert seen["ok"]
    assert seen["errors"] == seen["scripts"]["missing"] == []
    assert [turn["transport"] for turn in seen["turns"]] == ["sse", "websocket"]
    assert [turn["text"] for turn in seen["turns"]] == list(ANSWERS)
    sent = stage.service.app.sse_sent
    assert len(seen["sse_arrivals_ms"]) == len(sent)
    # The first event was seen before the last was sent: nothing was held back to the end.
    arrived = [time / 1000 for time in seen["sse_arrivals_ms"]]
    assert arrived[0] < sent[-1]


@pytest.mark.parametrize("drive", DRIVERS)
def test_dns_filter_breaks_the_handed_over_turn(drive: Any, workdir: Path) -> None:
    seen, stage = drive("dns-filter", workdir)
    assert not seen["ok"]
    assert seen["errors"] == [NETWORK_ERROR]
    assert [turn["complete"] for turn in seen["turns"]] == [True, False]
    assert seen["websocket"]["opened"] == 0
    assert ("ws.chatgpt.com", "A") in stage.resolver.queries


@pytest.mark.parametrize("drive", DRIVERS)
def test_blocked_script_is_never_asked_for(drive: Any, workdir: Path) -> None:
    seen, stage = drive("blocked-script", workdir)
    assert seen["errors"] == [PREPARING_ERROR]
    assert seen["scripts"]["missing"] == sorted(stage.skip_scripts)
    asked = {path for _, _, _, path in stage.service.app.requests}
    assert not asked & stage.skip_scripts
    assert "/api/auth/session" in asked
    assert len([path for path in asked if path.startswith("/cdn/assets/")]) >= 7


@pytest.mark.parametrize("drive", DRIVERS)
def test_dropped_websocket_is_tried_again_and_fails(drive: Any, workdir: Path) -> None:
    seen, _ = drive("dropped-websocket", workdir)
    assert seen["errors"] == [NETWORK_ERROR]
    assert [turn["complete"] for turn in seen["turns"]] == [True, False]
    assert seen["websocket"]["opened"] == 3
    assert [close["code"] for close in seen["websocket"]["closes"]] == [1006] * 3


def test_slow_tunnel_still_carries_the_session(workdir: Path) -> None:
    seen, stage = by_builtin_client("vpn-latency", workdir)
    assert seen["ok"]
    assert stage.relay is not None
    assert stage.relay.connections >= 3
    delay = scene_named("vpn-latency").delay
    sent = stage.service.app.sse_sent
    arrived = [time / 1000 for time in seen["sse_arrivals_ms"]]
    # Both clocks are the wall clock of this machine; a millisecond is lost in rounding.
    assert all(b - a >= delay - 0.002 for a, b in zip(sent, arrived, strict=True))


def test_sinkholed_name_leads_to_a_refused_connection(workdir: Path) -> None:
    with demo_stage(scene_named("dns-filter"), workdir) as stage:
        port = stage.service.app.websocket_port or stage.service.app.public_port
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=30)


@pytest.mark.parametrize("name", ["dns-filter", "vpn-latency"])
def test_scene_without_a_loopback_network(
    name: str, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.demo.stage.has_loopback_network", lambda: False)
    seen, stage = by_builtin_client(name, workdir)
    assert stage.service.address[0] == stage.nameserver[0] == "127.0.0.1"
    assert seen["ok"] is (name == "vpn-latency")
    assert seen["turns"][0]["complete"]
    assert seen["websocket"]["opened"] == (name == "vpn-latency")


def test_two_stages_stand_side_by_side(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    with (
        demo_stage(scene_named("healthy"), folders[0]) as first,
        demo_stage(scene_named("vpn-latency"), folders[1]) as second,
    ):
        assert first.nameserver != second.nameserver
        assert first.url != second.url


def test_scene_names_are_unique_and_four_are_faults() -> None:
    names = [scene.name for scene in SCENES]
    assert len(set(names)) == len(names)
    assert sum(bool(scene.expected) for scene in SCENES) == 4
    assert scene_named("healthy").statuses == ("ok",)
