"""The HTML report as a file: self-contained, escaped, bounded, sane to read."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise

import pytest
from report_samples import HOSTILE, SAMPLES, healthy, hostile, insufficient, sinkhole

from analysis.report.html import render_html
from bench.sessions import long_session

ALL = {**SAMPLES, "hostile": hostile}
LIMIT = 1_500_000
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Tags with their attributes in order, and whether they nest properly."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for _, attrs in self.tags if attribute in attrs]


@pytest.fixture(scope="module", params=ALL)
def html(request: pytest.FixtureRequest) -> str:
    sample = ALL[request.param]()
    return render_html(sample.diagnosis, sample.tables)


def test_the_page_is_bounded(html: str) -> None:
    assert len(html.encode("utf-8")) < LIMIT


@pytest.mark.parametrize(("hours", "limit"), [(1, 1_500_000), (24, 5_000_000)])
def test_a_long_session_stays_one_to_send_by_mail(hours: int, limit: int) -> None:
    """A twentieth of the traffic of `bench reports`, which writes the whole of it."""
    html = render_html(*long_session(hours * 3600.0, share=0.05))
    assert len(html.encode()) < limit / 4


def test_the_policy_allows_the_pages_own_script_and_nothing_else(html: str) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert policy
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert policy[1].split("; ") == [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        f"script-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_nothing_outside_the_file_is_named_for_loading(html: str) -> None:
    page = Page(html)
    assert all(value.startswith(("#", "data:,")) for value in page.values("href"))
    assert not page.values("src")
    assert not page.values("style")
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_tags_nest_and_ids_are_there_once(html: str) -> None:
    page = Page(html)
    assert page.open == []
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    for attribute in ("aria-labelledby", "data-copy"):
        assert {word for value in page.values(attribute) for word in value.split()} <= set(ids)
    assert {value[1:] for value in page.values("href") if value.startswith("#")} <= set(ids)


def test_headings_descend_one_step_at_a_time(html: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(html).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_tables_and_drawings_are_named_for_a_screen_reader(html: str) -> None:
    page = Page(html)
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
    for tag, attrs in page.tags:
        if tag == "svg":
            assert attrs.get("role") == "img"
            assert attrs.get("aria-labelledby")
        if attrs.get("role") == "region":
            assert attrs.get("aria-label")
            assert attrs.get("tabindex") == "0"
    names = {tag for tag, _ in page.tags}
    assert {"header", "nav", "main", "footer"} <= names


def test_hostile_text_stays_text() -> None:
    sample = hostile()
    html = render_html(sample.diagnosis, sample.tables)
    tags = {tag for tag, _ in Page(html).tags}
    assert "img" not in tags
    assert html.count("<script") == 1
    hidden = re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]", html)
    assert hidden == []
    assert '<span class="hidden-char">U+202E</span>cod.tpgtahc' in html
    assert "{{ 7*7 }}{% raw %}" in html
    assert "a" * 5000 not in html  # the ticket may be long, but not as long as it came
    assert re.search(r"\(\+99,\d{3} characters\)", html)


def test_no_hostile_text_is_there_as_it_came() -> None:
    sample = hostile()
    html = render_html(sample.diagnosis, sample.tables)
    assert [place for place, text in enumerate(HOSTILE) if text in html] == []


def test_the_first_screen_answers_the_help_desk() -> None:
    sample = sinkhole()
    first = render_html(sample.diagnosis, sample.tables).split('id="path"')[0]
    for part in (
        "The company&#39;s DNS filter (Cisco Umbrella) blocks ws.chatgpt.com",
        ">Blocked<",
        ">IT or network team<",
        ">97%<",
        "desk-0417, Windows 11 23H2",
        "22 Nov 2026, 13:05:12 UTC, for 42 s",
        "<li>Allow chatgpt.com and all names below it",
        "Please allow *.chatgpt.com in the DNS filter",
        "Both answers for ws.chatgpt.com name 146.112.61.106.",
        "What this does not prove",
    ):
        assert part in first


def test_every_finding_opens_its_proof() -> None:
    sample = sinkhole()
    html = render_html(sample.diagnosis, sample.tables)
    card = html.split('id="finding-1"')[1].split("</article>")[0]
    for part in (
        "frame.number in {301, 321}",
        "packets.pcapng",
        "~m GET &amp; ~d ^ws.chatgpt.com$ &amp; ~u /p8/ws/user/1.verify=.masked.$",
        "<code>ws-refused</code>",
        '<a href="#finding-2">#2 <code>ws.upgrade_failed</code></a>',
    ):
        assert part in card
    folded = re.findall(r'<details class="finding (\w+)" id="finding-(\d)">', html)
    assert folded == [("critical", "2"), ("info", "3"), ("info", "4")]


def test_failing_rows_come_first_and_the_rest_is_counted() -> None:
    sample = sinkhole()
    html = render_html(sample.diagnosis, sample.tables)
    requests = html.split("<h3>Requests</h3>")[1].split("<h3>")[0]
    assert "83 rows, 1 of them marked" in requests
    shown, folded = requests.split("<details>")
    assert "unable to get local issuer certificate" in shown
    assert shown.count("<tr") == 2
    assert folded.count("<tr") == 41
    assert "42 rows left out here; <code>chatpath tables SOURCE --table http</code>" in folded


def test_coverage_tells_what_was_not_judged_and_our_own_effect() -> None:
    sample = healthy()
    coverage = render_html(sample.diagnosis, sample.tables).split('id="coverage"')[1]
    for part in (
        "the intercepting proxy hides HTTP/3",
        "1,834 packets sampled",
        "none lost",
        "127.0.0.1:8080",
        "SHA-256 9f2feb0f",
    ):
        assert part in coverage


def test_no_verdict_names_nobody_and_says_why() -> None:
    sample = insufficient()
    html = render_html(sample.diagnosis, sample.tables)
    first = html.split('id="path"')[0]
    assert ">No verdict<" in first
    assert "0 of 7 areas could be judged" in first
    assert "What to do" not in first
    assert "Nobody" not in first
    assert "The file ends in the middle of packet 4" in html
    assert 'id="timeline"' not in html
    assert 'id="seen"' not in html


def test_the_same_input_gives_the_same_file() -> None:
    first, second = sinkhole(), sinkhole()
    assert render_html(first.diagnosis, first.tables) == render_html(
        second.diagnosis, second.tables
    )


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrast_is_aa(scheme: int) -> None:
    css = resources.files("analysis.report").joinpath("templates", "report.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[scheme]))
    text = [
        (ink, ground) for ink in ("ink", "muted", "link") for ground in ("page", "card", "code")
    ]
    text += [(tone, f"{tone}-soft") for tone in ("bad", "warn", "good", "none")]
    text += [(tone, "card") for tone in ("bad", "warn", "good", "none")]
    for ink, ground in text:
        assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for mark in ("mark-normal", "mark-proof", "bad-mark"):
        assert _contrast(colours[mark], colours["card"]) >= 3, mark
