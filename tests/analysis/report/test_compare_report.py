"""A comparison as text, JSON and HTML: whole, bounded, escaped, by its schema."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from playwright.sync_api import Browser, sync_playwright
from referencing import Registry, Resource
from report_samples import HOSTILE, hostile
from test_report_html import Page

from analysis.compare import compare, prepare
from analysis.diagnose import diagnose
from analysis.model.comparison import (
    Candidate,
    Certainty,
    Comparison,
    DelayPair,
    Difference,
    Equal,
    NotCompared,
    Outcome,
    Pair,
    Run,
    Spread,
)
from analysis.model.diagnosis import Evidence
from analysis.read import read_source
from analysis.report.compare_html import render_comparison_html
from analysis.report.compare_text import render_comparison_text
from analysis.report.json_ import comparison_schema, diagnosis_schema, render_json

CAPTURES = Path(__file__).parents[3] / "captures"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def real(*names: str) -> Comparison:
    runs = []
    for name in names:
        tables = read_source(CAPTURES / f"{name}.zip")
        runs.append(prepare(name, tables, diagnose(tables)))
    return compare(runs)


def attacked() -> Comparison:
    """Every text that a capture can bring is an attack, and there is a lot of everything."""
    texts = [HOSTILE[place % len(HOSTILE)][:3000] for place in range(60)]
    evidence = tuple(Evidence(text, text, (1, 2), text, text) for text in texts[:3])
    differences = tuple(
        Difference(
            factor="dns.answer",
            area="dns",
            subject=text,
            what="DNS answer",
            baseline=(text, *texts[:5]),
            suspect=(text,),
            outcome=bool(place % 2),
            explained_by=text,
            hosts=tuple(texts[:20]),
            baseline_evidence=evidence,
            suspect_evidence=evidence,
        )
        for place, text in enumerate(texts)
    )
    # a hash is chatpath's own word: the schema holds it to its form
    diagnosis = replace(hostile().diagnosis, sources=())
    runs = tuple(Run(text, diagnosis, ((text, text),) * 20) for text in texts[:4])
    pairs = tuple(
        Pair(
            baseline=text,
            suspect=text,
            outcome=Outcome.DIFFERENT,
            headline=text,
            certainty=Certainty(1, 1, None, text),
            candidate=Candidate(differences[0], text, 0.5, (text,), "dns.sinkhole", (text,)),
            differences=differences,
            delays=(DelayPair("delay.near", text, Spread(1, 1, 1, 1, 3), None, False, text),),
            equal=tuple(Equal("dns.answer", "dns", text, text) for text in texts[:20]),
            not_compared=tuple(NotCompared("dns.answer", "dns", text, text) for text in texts[:20]),
            findings=diagnosis.findings[:1],
        )
        for text in texts[:2]
    )
    return Comparison("0.1.0", "1", runs, pairs)


ALL = ("pair", "table", "hostile")


@pytest.fixture(scope="module")
def pages(made: dict[str, Comparison]) -> dict[str, str]:
    return {name: render_comparison_html(item) for name, item in made.items()}


@pytest.fixture(scope="module")
def made() -> dict[str, Comparison]:
    return {
        "pair": real("healthy", "dns-filter"),
        "table": real("healthy", "dns-filter", "vpn-latency", "blocked-script"),
        "hostile": attacked(),
    }


# --- JSON


@pytest.mark.parametrize("name", ALL)
def test_json_keeps_its_schema(made: dict[str, Comparison], name: str) -> None:
    text = render_json(made[name])
    registry: Registry[Any] = Registry().with_resources(
        [("urn:chatpath:diagnosis:1", Resource.from_contents(diagnosis_schema()))]
    )
    schema = comparison_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(text)
    jsonschema.Draft202012Validator(schema, registry=registry).validate(document)
    assert document["schema"] == "chatpath.comparison/1"
    assert all(" " <= char <= "~" or char == "\n" for char in text)


def test_json_says_what_a_program_needs(made: dict[str, Comparison]) -> None:
    document = made["pair"].to_json()
    (pair,) = document["pairs"]  # type: ignore[misc]
    assert document["outcome"] == pair["outcome"] == "different"
    assert pair["candidate"]["factor"] == "dns.answer"
    assert pair["candidate"]["subject"] == "ws.chatgpt.com"
    key = pair["candidate"]["key"]
    assert [item["key"] for item in pair["differences"] if item["explained_by"] == key]
    answer = next(item for item in pair["differences"] if item["key"] == key)
    assert answer["evidence"]["suspect"][0]["frames"]
    assert {item["factor"] for item in pair["equal"]} >= {"dns.resolver", "tls.version"}


# --- text


@pytest.mark.parametrize("name", ALL)
def test_text_is_plain_when_piped(made: dict[str, Comparison], name: str) -> None:
    text = render_comparison_text(made[name], width=None, color=False)
    assert not {"\x1b", "\u202e", "\u200b"} & set(text)
    assert len(text) < 400_000, len(text)


def test_text_fits_and_names_the_factor(made: dict[str, Comparison]) -> None:
    lines = render_comparison_text(made["pair"], width=None, color=False).splitlines()
    assert max(len(line) for line in lines if "proof in" not in line) <= 80
    assert lines[0].startswith("DIFFERENT  healthy works, dns-filter is impaired.")
    text = "\n".join(lines)
    for part in ("What the user notices", "What else differs", "Equal on both sides", "One pair"):
        assert part in text


def test_text_of_several_gives_a_table_of_runs(made: dict[str, Comparison]) -> None:
    text = render_comparison_text(made["table"], width=None, color=False)
    assert text.count("Resolver: 127.0.0.4") >= 4


# --- HTML


@pytest.mark.parametrize("name", ALL)
def test_page_loads_nothing(pages: dict[str, str], name: str) -> None:
    html = pages[name]
    page = Page(html)
    assert page.open == []
    assert "default-src 'none'" in html
    assert all(value.startswith(("#", "data:,")) for value in page.values("href"))
    assert not page.values("src")
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "alert(1)>" not in html
    assert len(html) < 1_500_000


@pytest.mark.parametrize("name", ALL)
def test_page_is_well_built(pages: dict[str, str], name: str) -> None:
    page = Page(pages[name])
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {word for value in page.values("aria-labelledby") for word in value.split()} <= set(ids)
    assert {value[1:] for value in page.values("href") if value.startswith("#")} <= set(ids)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")


def test_hidden_characters_are_written_out(pages: dict[str, str]) -> None:
    assert not set("\u202e\u2066\u200b\x1b\x07") & set(pages["hostile"])
    assert "U+202E" in pages["hostile"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", ALL)
def test_page_in_a_browser(
    browser: Browser, pages: dict[str, str], tmp_path: Path, name: str, width: int
) -> None:
    file = tmp_path / "page.html"
    file.write_text(pages[name], encoding="utf-8")
    page = browser.new_context(offline=True, viewport={"width": width, "height": 900}).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(file.as_uri())
    page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").is_visible()
    page.context.close()
