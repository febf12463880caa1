"""Size and time of HTML reports: an hour, a day, 50,000 requests, and beside the analysis."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from analysis.diagnose import diagnose
from analysis.model.diagnosis import Diagnosis
from analysis.model.frames import Tables
from analysis.read import read_sources
from analysis.report.html import render_html
from bench.flows import write_flow_file
from bench.sessions import long_session

_HOUR = 3600.0
FLOWS = 11_000
ROUNDS = 3


def measure() -> list[str]:
    render_html(*long_session(60.0))  # the chart library starts once per process
    lines = []
    for name, seconds, share in (
        ("an hour", _HOUR, 1.0),
        ("a day", 24 * _HOUR, 1.0),
        ("50,000 requests in an hour", _HOUR, 50_000 / 3000),
    ):
        diagnosis, tables = long_session(seconds, share=share)
        lines.append(f"{name}: {len(tables['http']):,} requests, {_render(diagnosis, tables)}")
    return [*lines, *_beside_the_analysis()]


def _render(diagnosis: Diagnosis, tables: Tables) -> str:
    begun = time.process_time()
    page = render_html(diagnosis, tables)
    took = time.process_time() - begun
    return f"{len(page.encode()) / 1e6:.2f} MB, {took:.2f} s to write{_loaded(page)}"


def _loaded(page: str) -> str:
    """How long Chromium takes to show it and to go to its end; empty without Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        return ""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only for this figure

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "report.html"
        file.write_text(page, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_context(offline=True).new_page()
        tab.goto(file.as_uri())
        loaded = tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        scrolled = tab.evaluate(
            "new Promise(done => { const begun = performance.now();"
            " scrollTo(0, document.body.scrollHeight);"
            " requestAnimationFrame(() => requestAnimationFrame("
            "() => done(performance.now() - begun))) })"
        )
        browser.close()
    return f", {loaded / 1000:.2f} s to load, {scrolled:.0f} ms to go to its end"


def _beside_the_analysis() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.mitm"
        write_flow_file(path, FLOWS)
        shares, reads, renders = [], [], []
        for _ in range(ROUNDS):
            begun = time.process_time()
            tables = read_sources([path])
            diagnosis = diagnose(tables)
            between = time.process_time()
            render_html(diagnosis, tables)
            reads.append(between - begun)
            renders.append(time.process_time() - between)
            shares.append(renders[-1] / reads[-1])
    return [
        f"{FLOWS:,} flows: {median(reads):.2f} s to read and judge, {median(renders):.2f} s for "
        f"the report ({median(shares):.0%}), processor time"
    ]
