"""One real captured session that the tests of this folder look at from all sides."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from recorded import Recorded

from agent.capture.session import CaptureSettings, Running, capture
from agent.demo.client import run_client
from agent.demo.scenes import scene_named
from agent.demo.stage import demo_stage


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """The demo's healthy scene with the built-in client, through a real capture."""
    folder = tmp_path_factory.mktemp("healthy")
    with demo_stage(scene_named("healthy"), folder) as stage:
        seen: list[tuple[Running, dict[str, Any]]] = []

        async def client(running: Running) -> None:
            assert running.proxy is not None
            assert running.ca_file is not None
            running.mark("the person typed this")
            outcome = await asyncio.to_thread(run_client, running.proxy, running.ca_file, stage.url)
            seen.append((running, outcome))

        bundle = capture(
            CaptureSettings(
                out=folder / "healthy.chatpath",
                interfaces=("lo",),
                only_ports=stage.ports,
                nameserver=stage.nameserver,
                roots=(stage.ca_file,),
                use_system_proxy=False,
            ),
            client,
        )
        running, outcome = seen[0]
        yield Recorded(bundle, running, outcome, stage, list(stage.service.app.sse_sent))
