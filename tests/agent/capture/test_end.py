"""The end of a capture is not a fault of the session: the page is often still open then."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import pytest

from agent.browser import launch_browser, stop_browser
from agent.capture.clients import with_browser
from agent.capture.session import CaptureSettings, Running, capture
from agent.demo.run import choose_browser
from agent.demo.scenes import scene_named
from agent.demo.stage import demo_stage
from analysis.diagnose import diagnose
from analysis.read import read_source


@pytest.mark.browser
def test_what_is_open_when_the_recording_ends_was_not_cut(tmp_path: Path) -> None:
    """Ctrl-C while the answer streams and the websocket is open."""
    browser = choose_browser()
    assert browser is not None
    folder = tmp_path / "stage"
    folder.mkdir()
    bundle = tmp_path / "b.chatpath"
    with demo_stage(scene_named("healthy"), folder) as stage:

        async def until_streaming(running: Running) -> None:
            await asyncio.to_thread(wait_for_stream, running, bundle)

        capture(
            CaptureSettings(
                out=bundle,
                interfaces=("lo",),
                only_ports=stage.ports,
                nameserver=stage.nameserver,
                roots=(stage.ca_file,),
                use_system_proxy=False,
            ),
            with_browser(browser, stage.url, None, headless=True, until=until_streaming),
        )
    tables = read_source(bundle)
    assert tables.captures[0].end_state == "complete"
    assert set(tables["sse"]["end"]) == {"open"}
    serious = [item.id for item in diagnose(tables).findings if item.severity != "info"]
    assert serious == []


@pytest.mark.browser
def test_a_page_that_is_closed_early_was_not_cut(tmp_path: Path) -> None:
    """The person closes the browser in mid-answer, and the recording goes on."""
    browser = choose_browser()
    assert browser is not None
    folder = tmp_path / "stage"
    folder.mkdir()
    bundle = tmp_path / "b.chatpath"
    with demo_stage(scene_named("healthy"), folder) as stage:

        async def person(running: Running) -> None:
            process = launch_browser(
                browser.executable,
                proxy=running.proxy_url,
                url=stage.url,
                ca_spki=running.spki,
                headless=True,
                profile=tmp_path / "profile",
            )
            try:
                await asyncio.to_thread(wait_for_stream, running, bundle)
            finally:
                await asyncio.to_thread(stop_browser, process)
            await asyncio.to_thread(wait_for_end, bundle)

        capture(
            CaptureSettings(
                out=bundle,
                interfaces=("lo",),
                only_ports=stage.ports,
                nameserver=stage.nameserver,
                roots=(stage.ca_file,),
                use_system_proxy=False,
            ),
            person,
        )
    tables = read_source(bundle)
    assert set(tables["sse"]["end"]) == {"cancelled"}
    assert tables["ws"]["closed_by"].iloc[0] == "client"
    serious = [item.id for item in diagnose(tables).findings if item.severity != "info"]
    assert serious == []


def wait_for_end(bundle: Path) -> None:
    """Until the recorder has noted the end of the websocket."""
    pause = threading.Event()
    while '"e":"ws_end"' not in (bundle / "events.jsonl").read_text():
        pause.wait(0.02)


def wait_for_stream(running: Running, bundle: Path) -> None:
    """Until the websocket is open and pieces of the answer are on the disk."""
    pause = threading.Event()
    while running.progress.sockets == 0 or not _streams(bundle):
        pause.wait(0.02)


def _streams(bundle: Path) -> bool:
    """True once the journal holds chunks of an answer."""
    lines = (bundle / "events.jsonl").read_text().splitlines()
    return any("sse" in json.loads(line) for line in lines if line.endswith("}"))
