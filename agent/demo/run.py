"""Runs one scene: a real capture session around a local service, then its diagnosis."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from agent.browser import Browser, find_browsers
from agent.capture.clients import with_browser
from agent.capture.progress import Progress
from agent.capture.session import CaptureSettings, Client, Running, capture
from agent.demo.client import run_client
from agent.demo.scenes import Scene
from agent.demo.stage import Stage, demo_stage
from analysis.diagnose import diagnose
from analysis.model.diagnosis import Diagnosis, Finding
from analysis.model.errors import UsageError
from analysis.model.message import say
from analysis.read import read_source
from analysis.report.html import render_html
from analysis.report.language import Language

SESSION_SECONDS = 40.0
"""A session that takes longer is broken in a way that the scene does not mean."""

POLL_SECONDS = 0.2
SETTLE_SECONDS = 0.3
"""What the page sends last should still be recorded."""

_BUNDLE_FILES = frozenset({"session.json", "flows.mitm", "events.jsonl", "packets.pcapng"})


@dataclass(frozen=True, slots=True)
class SceneResult:
    """What the diagnosis made of a scene, and whether that is right."""

    scene: str
    right: bool
    status: str
    primary: str | None
    headline: str
    proof: str
    bundle: Path
    report: Path
    note: str = ""


def choose_browser() -> Browser | None:
    """A browser that can load the scene's extension, if there is one."""
    return next((browser for browser in find_browsers() if browser.loads_extensions), None)


def run_scene(
    scene: Scene, out: Path, browser: Browser | None, language: Language = Language.EN
) -> SceneResult:
    """Record, diagnose and report `scene` below `out`, the report in `language`.

    Files of an earlier demo are replaced. Raises UsageError when `out` cannot
    be written.
    """
    bundle = out / f"{scene.name}.chatpath"
    try:
        out.mkdir(parents=True, exist_ok=True)
        _clear(bundle)
    except OSError as error:
        raise UsageError(
            say(
                "{out} cannot be written ({reason}); name another folder with --out.",
                out=str(out),
                reason=str(error.strerror),
            )
        ) from error
    note: str = ""
    with (
        tempfile.TemporaryDirectory(prefix="chatpath-") as scratch,
        demo_stage(scene, Path(scratch)) as stage,
    ):
        settings = CaptureSettings(
            out=bundle,
            interfaces=(_loopback(),),
            only_ports=stage.ports,
            nameserver=stage.nameserver,
            roots=(stage.ca_file,),
            scene=scene.name,
            # what the machine is set up with has no place on the demo's stage
            use_system_proxy=False,
        )
        progress = Progress()
        capture(settings, _client(scene, stage, browser), progress)
        if progress.interrupted:
            raise KeyboardInterrupt
        if not stage.service.done.is_set():
            note = say("the session did not come to its end in time")
    tables = read_source(bundle)
    diagnosis = diagnose(tables)
    report = out / f"{scene.name}.html"
    report.write_text(render_html(diagnosis, tables, language), encoding="utf-8")
    verdict = diagnosis.verdict
    return SceneResult(
        scene.name,
        is_right(scene, diagnosis),
        verdict.status.value,
        verdict.primary,
        verdict.headline,
        proof(diagnosis.primary),
        bundle,
        report,
        note,
    )


def is_right(scene: Scene, diagnosis: Diagnosis) -> bool:
    """The scene's cause is the primary finding; a healthy scene has nothing worse than info."""
    verdict = diagnosis.verdict
    if verdict.status.value not in scene.statuses:
        return False
    if scene.expected:
        return verdict.primary in scene.expected
    return all(finding.severity.value == "info" for finding in diagnosis.findings)


def proof(finding: Finding | None) -> str:
    """The first pieces of evidence, as a person can open them."""
    if finding is None:
        return "-"
    lines = []
    for item in finding.evidence[:2]:
        where = item.filter or (f"flow {item.flow_id}" if item.flow_id else item.note)
        lines.append(f"{item.source}: {where}")
    return "\n".join(lines) or "-"


def _client(scene: Scene, stage: Stage, browser: Browser | None) -> Client:
    if browser is None or (stage.extension and not browser.loads_extensions):
        return _built_in(stage)

    async def until_done(_: Running) -> None:
        # short waits in the thread, so that Ctrl-C is not held up
        deadline = time.monotonic() + SESSION_SECONDS
        while time.monotonic() < deadline:
            if await asyncio.to_thread(stage.service.done.wait, POLL_SECONDS):
                break
        await asyncio.sleep(SETTLE_SECONDS)

    extensions = (stage.extension,) if stage.extension else ()
    return with_browser(
        browser,
        stage.url,
        SESSION_SECONDS,
        headless=True,
        extensions=extensions,
        until=until_done,
    )


def _built_in(stage: Stage) -> Client:
    async def client(running: Running) -> None:
        assert running.proxy is not None and running.ca_file is not None
        await asyncio.to_thread(
            run_client, running.proxy, running.ca_file, stage.url, stage.skip_scripts
        )
        await asyncio.sleep(SETTLE_SECONDS)

    return client


def _loopback() -> str:
    return "lo" if sys.platform.startswith("linux") else "lo0"


def _clear(bundle: Path) -> None:
    """Remove an earlier demo's bundle, and nothing that is not one."""
    if not bundle.exists():
        return
    if {path.name for path in bundle.iterdir()} <= _BUNDLE_FILES:
        shutil.rmtree(bundle)
        return
    raise UsageError(
        say(
            "{bundle} is no bundle of the demo; name another folder with --out.", bundle=str(bundle)
        )
    )
