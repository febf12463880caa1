"""The HTML report in a real browser, with the network off."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from hostile_files import write_hostile
from playwright.sync_api import Browser, sync_playwright
from report_samples import SAMPLES, dropped_websocket, hostile

from analysis.report.html import render_html
from analysis.report.language import Language

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ALL = {**SAMPLES, "hostile": hostile}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@dataclass
class Opened:
    """A page opened from disk, and what it did meanwhile."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    written = {}
    for name, build in ALL.items():
        sample = build()
        written[name] = folder / f"{name}.html"
        written[name].write_text(render_html(sample.diagnosis, sample.tables), encoding="utf-8")
    sample = dropped_websocket()
    written["indonesian"] = folder / "indonesian.html"
    page = render_html(sample.diagnosis, sample.tables, Language.ID)
    written["indonesian"].write_text(page, encoding="utf-8")
    return written


def _open(browser: Browser, file: Path, **context: Any) -> Opened:
    page = browser.new_context(offline=True, **context).new_page()
    opened = Opened(page)
    page.on("console", lambda message: opened.complaints.append(message.text))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("dialog", lambda dialog: opened.complaints.append(dialog.message))
    page.on("request", lambda request: opened.requests.append(request.url))
    page.goto(file.as_uri())
    return opened


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", ALL)
def test_the_page_loads_nothing_and_fits(
    browser: Browser, files: dict[str, Path], name: str, width: int
) -> None:
    opened = _open(browser, files[name], viewport={"width": width, "height": 900})
    page = opened.page
    page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [files[name].as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for section in ("findings", "path", "coverage", "sources"):
        assert page.locator(f"section#{section}").is_visible()
    assert page.locator("h1").is_visible()
    assert page.locator("svg.path:visible").count() == 1
    page.context.close()


def test_the_verdict_the_steps_and_the_ticket_are_on_the_first_screen(
    browser: Browser, files: dict[str, Path]
) -> None:
    page = _open(browser, files["sinkhole"], viewport={"width": 1440, "height": 900}).page
    for what in ("h1", ".facts", "#todo", ".steps", "#ticket-text", "#why"):
        box = page.locator(what).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900
    page.context.close()


def test_it_can_be_read_without_javascript(browser: Browser, files: dict[str, Path]) -> None:
    page = _open(browser, files["sinkhole"], java_script_enabled=False).page
    assert page.locator("#ticket-text").is_visible()
    assert page.locator("#timeline svg").is_visible()
    assert page.locator("button:visible").count() == 0
    folded = page.locator("details#finding-3")
    folded.locator("summary").click()
    assert folded.get_by_text("A tunnel that is there is not a tunnel at fault.").is_visible()
    page.context.close()


def test_the_copy_button_copies_what_is_shown(browser: Browser, files: dict[str, Path]) -> None:
    page = _open(browser, files["sinkhole"], permissions=["clipboard-read", "clipboard-write"]).page
    page.get_by_role("button", name="Copy text").click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#ticket-text").text_content()
    assert copied.startswith("Please allow *.chatgpt.com")
    assert page.get_by_role("status").text_content() == "Copied to the clipboard"
    page.context.close()


def test_a_link_opens_the_folded_finding_it_points_at(
    browser: Browser, files: dict[str, Path]
) -> None:
    page = _open(browser, files["sinkhole"]).page
    page.locator("#finding-1 a[href='#finding-2']").click()
    page.locator("details#finding-2[open]").wait_for()
    page.context.close()


def test_the_keyboard_reaches_the_findings_first(browser: Browser, files: dict[str, Path]) -> None:
    page = _open(browser, files["sinkhole"]).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the findings"
    page.keyboard.press("Enter")
    page.wait_for_url("**#findings")
    page.context.close()


def test_dark_mode_changes_the_drawings_too(browser: Browser, files: dict[str, Path]) -> None:
    colours = []
    for scheme in ("light", "dark"):
        page = _open(browser, files["sinkhole"], color_scheme=scheme).page
        colours.append(
            page.evaluate(
                "[document.body,"
                " document.querySelector('#timeline svg [stroke=\"var(--mark-normal)\"]')]"
                ".map((element, place) => getComputedStyle(element)[place ? 'stroke' :"
                " 'backgroundColor'])"
            )
        )
        page.context.close()
    light, dark = colours
    assert light[0] != dark[0]
    assert light[1] != dark[1]


def test_the_timeline_zooms_by_keyboard_button_and_pointer(
    browser: Browser, files: dict[str, Path]
) -> None:
    opened = _open(browser, files["sinkhole"], viewport={"width": 1440, "height": 900})
    page = opened.page
    chart, said = page.locator("#timeline .chart"), page.get_by_role("status")
    labels = (
        "[...document.querySelectorAll('#timeline .role-axis-label text')].map(t => t.textContent)"
    )
    whole = page.evaluate(labels)
    chart.focus()
    page.keyboard.press("+")
    assert said.text_content() == "Shown: 10.5 to 31.5"
    page.keyboard.press("ArrowRight")
    assert said.text_content() == "Shown: 15.8 to 36.8"
    page.get_by_role("button", name="Go to #1 #2").click()
    assert said.text_content() == "Shown: 0.9 to 5.1"
    inside = (
        "(() => { const box = document.querySelector('#timeline .moments_marks line')"
        ".getBoundingClientRect(), plot = document.querySelector('#timeline svg path.background')"
        ".getBoundingClientRect(); return (box.x - plot.x) / plot.width })()"
    )
    assert page.evaluate(inside) == pytest.approx(0.5, abs=0.03)
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 700, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 100)
    page.mouse.up()
    assert page.evaluate(inside) < 0.3
    chart.focus()
    page.keyboard.press("0")
    assert page.evaluate(labels) == whole
    assert opened.complaints == []
    page.context.close()


@pytest.mark.parametrize("name", SAMPLES)
def test_it_prints_on_few_pages(browser: Browser, files: dict[str, Path], name: str) -> None:
    page = _open(browser, files[name]).page
    pdf = page.pdf(format="A4", print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 4
    page.context.close()


@pytest.mark.parametrize("name", ["dropped-websocket", "indonesian"])
@pytest.mark.parametrize("look", ["light", "dark", "narrow"])
def test_axe_finds_no_violation(
    browser: Browser, files: dict[str, Path], name: str, look: str
) -> None:
    width = 390 if look == "narrow" else 1440
    page = _open(
        browser,
        files[name],
        bypass_csp=True,  # axe is put into the page, which its policy would refuse
        color_scheme="dark" if look == "dark" else "light",
        viewport={"width": width, "height": 900},
    ).page
    page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert found.generate_report() == "Found 0 accessibility violations:\n"
    page.context.close()


def test_hostile_files_go_the_whole_way_and_run_nothing(browser: Browser, tmp_path: Path) -> None:
    sources = write_hostile(tmp_path)
    out = tmp_path / "report.html"
    command = Path(sys.executable).parent / "chatpath"
    done = subprocess.run(
        [command, "report", *sources, "-o", out], capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1, 4}, done.stderr
    assert "Traceback" not in done.stderr
    assert out.stat().st_size < 1_500_000
    for width in (1440, 390):
        opened = _open(browser, out, viewport={"width": width, "height": 900})
        page = opened.page
        page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        assert opened.complaints == []
        assert [url for url in opened.requests if not url.startswith("data:")] == [out.as_uri()]
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.context.close()


def test_a_hostile_capture_runs_nothing(browser: Browser, files: dict[str, Path]) -> None:
    opened = _open(browser, files["hostile"])
    assert opened.page.locator("img").count() == 0
    assert opened.page.locator("script").count() == 1
    assert opened.complaints == []
    opened.page.context.close()
