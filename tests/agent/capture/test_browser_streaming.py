"""A page driven through the capture by real Chromium: each piece goes on when it comes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.capture.clients import with_browser
from agent.capture.session import CaptureSettings, Running, capture
from agent.demo.run import choose_browser
from agent.demo.scenes import scene_named
from agent.demo.stage import demo_stage
from analysis.read import read_source


@pytest.mark.browser
def test_the_answer_arrives_piece_by_piece(tmp_path: Path) -> None:
    browser = choose_browser()
    assert browser is not None
    folder = tmp_path / "stage"
    folder.mkdir()
    with demo_stage(scene_named("healthy"), folder) as stage:

        async def until(_: Running) -> None:
            assert await asyncio.to_thread(stage.service.done.wait, 60)

        bundle = capture(
            CaptureSettings(
                out=tmp_path / "b.chatpath",
                interfaces=("lo",),
                only_ports=stage.ports,
                nameserver=stage.nameserver,
                roots=(stage.ca_file,),
                use_system_proxy=False,
            ),
            with_browser(browser, stage.url, None, headless=True, until=until),
        )
        sent = list(stage.service.app.sse_sent)
        arrivals = [moment / 1000 for moment in stage.service.outcome["sse_arrivals_ms"]]
    assert len(arrivals) == len(sent) >= 20
    # every piece but the last reached the page before the next was even sent
    early = [arrived < following for arrived, following in zip(arrivals, sent[1:], strict=False)]
    assert sum(early) >= len(early) * 0.9
    stream = read_source(bundle)["sse"].set_index("end").loc["complete"]
    assert stream["chunks"] >= 20
    assert stream["http_version"] == "HTTP/2.0"
