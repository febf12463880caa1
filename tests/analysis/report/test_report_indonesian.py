"""Everything a user reads is there in Indonesian, and ids, names and filters stay as they are."""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from analysis.compare import compare, prepare
from analysis.diagnose import diagnose
from analysis.model.diagnosis import Diagnosis
from analysis.model.frames import Tables
from analysis.model.message import Message
from analysis.read import read_sources
from analysis.report.compare_html import render_comparison_html
from analysis.report.compare_text import render_comparison_text
from analysis.report.html import render_html
from analysis.report.json_ import render_json
from analysis.report.language import Language, catalogue
from analysis.report.page import show
from analysis.report.text import render_text

ROOT = Path(__file__).resolve().parents[3]
ID = Language.ID
TEMPLATES = sorted((ROOT / "analysis" / "report" / "templates").glob("*.j2"))
CAPTURES = sorted((ROOT / "captures").glob("*.zip"))
PLACES = re.compile(r"\{\w+\}|%\(\w+\)s")


@cache
def make_messages() -> dict[str, object]:
    return runpy.run_path(str(ROOT / "scripts" / "make-messages"))


def test_every_text_has_its_translation() -> None:
    missing = make_messages()["untranslated"](ID)  # type: ignore[operator]
    assert missing == [], "run make messages, and translate them in chatpath.po"


def test_translations_have_the_places_of_their_texts() -> None:
    wrong = []
    for message in catalogue(ID):
        if not message.id:
            continue
        ids = (message.id,) if isinstance(message.id, str) else message.id
        (said,) = (message.string,) if isinstance(message.string, str) else message.string
        places = set(PLACES.findall(said))
        # a singular may leave its number out, and Indonesian has one form for all
        if not set(PLACES.findall(ids[0])) <= places <= set(PLACES.findall(ids[-1])):
            wrong.append((ids, said))
    assert wrong == []


class _Texts(HTMLParser):
    """Text nodes and attributes that are read, without code, style and script."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._stack: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "br", "line", "rect", "circle", "path"):
            self._stack.append(tag)
        self.found += [value or "" for name, value in attrs if name == "aria-label"]

    def handle_endtag(self, tag: str) -> None:
        while self._stack and self._stack.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"code", "style", "script"} & set(self._stack):
            self.found.append(" ".join(data.split()))


def _read(html: str) -> list[str]:
    parser = _Texts()
    parser.feed(html)
    return [text for text in parser.found if text]


@pytest.mark.parametrize("path", TEMPLATES, ids=[path.stem for path in TEMPLATES])
def test_templates_hold_no_words_outside_of_translation(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    source = re.sub(r"\{% trans.*?%\}.*?\{% endtrans %\}", " ", source, flags=re.S)
    source = re.sub(r"(</?)\{\{.*?\}\}", r"\1div", source)  # a tag whose level varies
    source = re.sub(r"\{\{.*?\}\}", "·", source, flags=re.S)
    source = re.sub(r"\{%.*?%\}|\{#.*?#\}", " ", source, flags=re.S)
    words = [text for text in _read(source) if re.search(r"[A-Za-z]{2}", text)]
    assert [text for text in words if text != "SHA-256 ·"] == []
    literals = [
        text
        for expression in re.findall(r"\{\{(.*?)\}\}", path.read_text(encoding="utf-8"), re.S)
        for text in re.findall(r"(?<![_(=\[])(?<!_\()\"([A-Z][a-z]+(?: [a-z]+)*)\"", expression)
    ]
    assert literals == []


@cache
def _english() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """A pattern for every English text that differs from its translation and has two words."""
    found = []
    for message in catalogue(ID):
        ids = (message.id,) if isinstance(message.id, str) else message.id
        said = message.string if isinstance(message.string, str) else message.string[0]
        for text in ids:
            pieces = [piece.strip() for piece in PLACES.split(re.sub(r"<[^>]*>", "{x}", text))]
            words = [piece for piece in pieces if len(piece.split()) > 1]
            if text and not any(piece in said for piece in words):
                longest = max(words, key=len, default="")
                if len(longest.split()) > 2:
                    found.append((text, re.compile(rf"\b{re.escape(longest)}")))
    assert len(found) > 900
    return tuple(found)


def _left_in_english(texts: list[str]) -> set[str]:
    whole = "\n".join(texts)
    return {text for text, pattern in _english() if pattern.search(whole)}


def _untouched(diagnosis: Diagnosis) -> Iterator[str]:
    for shown in show(diagnosis).all:
        yield shown.finding.id
        subjects = shown.finding.subjects[:3]
        yield from (name for name in subjects if not isinstance(name, Message))
        yield from (claim.filter for claim in shown.claims[:2] if claim.filter)


@cache
def _session(name: str) -> tuple[Diagnosis, Tables]:
    tables = read_sources([ROOT / "captures" / f"{name}.zip"])
    return diagnose(tables), tables


NAMES = [path.stem for path in CAPTURES]


@pytest.mark.parametrize("name", NAMES)
def test_a_report_in_indonesian_holds_no_english_sentence(name: str) -> None:
    diagnosis, tables = _session(name)
    html = render_html(diagnosis, tables, ID)
    assert '<html lang="id">' in html
    assert _left_in_english(_read(html)) == set()
    terminal = render_text(diagnosis, ID, width=4000, color=False)
    assert _left_in_english([terminal]) == set()
    assert all(text in terminal for text in _untouched(diagnosis))


def test_a_comparison_in_indonesian_holds_no_english_sentence() -> None:
    runs = []
    for name in ("healthy", "dns-filter"):
        diagnosis, tables = _session(name)
        runs.append(prepare(name, tables, diagnosis))
    comparison = compare(runs)
    assert _left_in_english(_read(render_comparison_html(comparison, ID))) == set()
    terminal = render_comparison_text(comparison, ID, width=4000, color=False)
    assert _left_in_english([terminal]) == set()
    assert "dns.sinkhole" in terminal


def test_json_keeps_its_codes() -> None:
    diagnosis, _ = _session("dns-filter")
    english, indonesian = render_json(diagnosis), render_json(diagnosis, ID)
    codes = re.compile(r'"(?:id|status|locus|severity|area|filter|flow_id)": "[^"]*"')
    assert codes.findall(english) == codes.findall(indonesian)
    assert "memblokir ws.chatgpt.com" in indonesian


def test_findings_are_in_one_order_in_both_languages() -> None:
    diagnosis, _ = _session("dns-filter")
    for one, other in pairwise(
        re.findall(r"#\d+ \S+  (\S+)", render_text(diagnosis, language, width=200, color=False))
        for language in Language
    ):
        assert one == other


def _calls(path: Path) -> Iterator[tuple[str, set[str], set[str]]]:
    """Where `say` or `plural` is called with literals: its places, and the values given."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        texts = [text for text in texts if isinstance(text, str)]
        given = {keyword.arg for keyword in node.keywords}
        if node.func.id not in ("say", "plural") or not texts or None in given:
            continue
        places = set().union(*(re.findall(r"\{(\w+)\}", text) for text in texts))
        values = {str(name) for name in given} | ({"n"} if node.func.id == "plural" else set())
        yield f"{path.relative_to(ROOT)}:{node.lineno}", places, values


def test_each_place_of_a_text_is_given_its_value() -> None:
    calls = [
        call
        for package in ("analysis", "agent")
        for path in sorted((ROOT / package).rglob("*.py"))
        if "analysis.model.message" in path.read_text(encoding="utf-8")
        for call in _calls(path)
    ]
    assert len(calls) > 500
    assert [(where, places, values) for where, places, values in calls if places - values] == []
