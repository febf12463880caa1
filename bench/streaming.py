"""How much later does a piece of an answer reach the client because it is recorded?

The demo's service notes when it sends each server-sent event, the client when
it gets it; both read the same clock.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from pathlib import Path

from agent.capture.clients import with_browser
from agent.capture.session import CaptureSettings, Client, Running, capture
from agent.demo.client import run_client
from agent.demo.run import choose_browser
from agent.demo.scenes import scene_named
from agent.demo.stage import Stage, demo_stage

ROUNDS = 3


def measure() -> list[str]:
    lines = [_figures("built-in client", [_lags(_built_in) for _ in range(ROUNDS)])]
    if choose_browser() is None:
        lines.append("Chromium: skipped, none found")
    else:
        lines.append(_figures("Chromium", [_lags(_chromium) for _ in range(ROUNDS)]))
    return lines


def _figures(name: str, rounds: list[list[float]]) -> str:
    lags = sorted(lag for one in rounds for lag in one)
    late = lags[min(len(lags) - 1, int(len(lags) * 0.99))]
    return (
        f"{name}: {len(lags)} events, service to client p50 {statistics.median(lags):.1f} ms, "
        f"p99 {late:.1f} ms, max {lags[-1]:.1f} ms"
    )


def _lags(client: object) -> list[float]:
    assert callable(client)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with demo_stage(scene_named("healthy"), work) as stage:
            outcome: dict[str, list[float]] = {}
            capture(
                CaptureSettings(
                    out=work / "b.chatpath",
                    interfaces=("lo",),
                    only_ports=stage.ports,
                    nameserver=stage.nameserver,
                    roots=(stage.ca_file,),
                    use_system_proxy=False,
                ),
                client(stage, outcome),
            )
            arrivals = outcome.get("sse_arrivals_ms") or stage.service.outcome["sse_arrivals_ms"]
            sent = stage.service.app.sse_sent
            return [a - s * 1000 for s, a in zip(sent, arrivals, strict=False)]


def _built_in(stage: Stage, outcome: dict[str, list[float]]) -> Client:
    async def client(running: Running) -> None:
        assert running.proxy is not None
        assert running.ca_file is not None
        outcome.update(
            await asyncio.to_thread(run_client, running.proxy, running.ca_file, stage.url)
        )

    return client


def _chromium(stage: Stage, _: dict[str, list[float]]) -> Client:
    browser = choose_browser()
    assert browser is not None

    async def until(_: Running) -> None:
        await asyncio.to_thread(stage.service.done.wait, 40)

    return with_browser(browser, stage.url, None, headless=True, until=until)
