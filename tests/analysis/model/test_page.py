"""What documents of the service name, and what hostile markup cannot do."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.model.markup import Tag, tokens
from analysis.model.page import (
    MAX_RESOURCES,
    MAX_TEXT,
    PageResource,
    read_page,
    shows_text,
    skeleton,
)

URL = "https://chatgpt.com/c/1"
BUILD = "prod-0123456789abcdef0123456789abcdef01234567"
DOCUMENT_2026 = f"""<!DOCTYPE html><html lang="en-US" data-build="{BUILD}" data-seq="42">
<head><title>ChatGPT &amp; more</title>
<link rel="stylesheet" href="/cdn/assets/root-a1b2c3d4.css"/>
<link rel="preload" as="image" href="/cdn/assets/sprites-core-a1b2c3d4.svg">
<link rel="modulepreload" href="/cdn/assets/7078.b973546175.js">
<link rel=modulepreload href=/cdn/assets/2340486e-ochsjnnr5ckjjz3o.js>
<script src="https://chatgpt.com/sentinel/20260423af3c/sdk.js" integrity="sha384-x"></script>
<script type="importmap">{{"imports": {{"react": "/cdn/assets/react-11112222.js"}}}}</script>
<script nonce="n" type="module">
import "/cdn/assets/manifest-0a0b0c0d.js";
import * as route0 from "/cdn/assets/2340486e-ochsjnnr5ckjjz3o.js";
import{{a as b}}from"/cdn/assets/minified-1.js";
window.go = () => import("/cdn/assets/lazy-1.js");
</script>
<script type="application/json">{{"src": "from '/not/a/script.js'"}}</script>
</head><body><div>Ready when you are.</div>
<script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js' async></script></body></html>"""
DOCUMENT_2024 = """<!DOCTYPE html><html><head><title>ChatGPT</title>
<script defer nomodule src="https://cdn.oaistatic.com/_next/static/chunks/polyfills-1.js"></script>
<link rel="stylesheet" href="https://cdn.oaistatic.com/assets/conversation-small-k2m3n4p5.css">
<script nonce="n" type="module">import "https://cdn.oaistatic.com/assets/manifest-01234567.js";
import * as route0 from "https://cdn.oaistatic.com/assets/l3q1p0k9j8h7g6f5.js";
import * as route1 from 'https://cdn.oaistatic.com/assets/b1c2d3e4f5g6h7i8.js';</script>
</head><body></body></html>"""


def kinds(html: str) -> dict[str, str]:
    """Path (or URL on another host) to kind."""
    found = read_page(html, URL).resources
    return {item.url.removeprefix("https://chatgpt.com"): item.kind for item in found}


def test_document_of_2026() -> None:
    page = read_page(DOCUMENT_2026, URL)
    assert (page.title, page.build) == ("ChatGPT & more", BUILD)
    assert page.text == "Ready when you are."
    assert kinds(DOCUMENT_2026) == {
        "/cdn/assets/root-a1b2c3d4.css": "style",
        "/cdn/assets/7078.b973546175.js": "preload",
        "/cdn/assets/2340486e-ochsjnnr5ckjjz3o.js": "script",
        "/sentinel/20260423af3c/sdk.js": "script",
        "/cdn/assets/react-11112222.js": "preload",
        "/cdn/assets/manifest-0a0b0c0d.js": "script",
        "/cdn/assets/minified-1.js": "script",
        "/cdn/assets/lazy-1.js": "script",
        "/cdn-cgi/challenge-platform/scripts/jsd/main.js": "script",
    }
    assert [item.integrity for item in page.resources if "sdk.js" in item.url] == [True]


def test_document_of_2024() -> None:
    assert kinds(DOCUMENT_2024) == {
        "https://cdn.oaistatic.com/assets/conversation-small-k2m3n4p5.css": "style",
        "https://cdn.oaistatic.com/assets/manifest-01234567.js": "script",
        "https://cdn.oaistatic.com/assets/l3q1p0k9j8h7g6f5.js": "script",
        "https://cdn.oaistatic.com/assets/b1c2d3e4f5g6h7i8.js": "script",
    }


@pytest.mark.parametrize(
    "markup",
    [
        '<!-- <script src="/a.js"></script> -->',
        "<script>document.write('<script src=\"/a.js\"></scr' + 'ipt>')</script>",
        '<style>a { content: "<script src=/a.js></script>" }</style>',
        '<title><script src="/a.js"></script></title>',
        '<textarea><link rel="stylesheet" href="/a.css"></textarea>',
        '<noscript><link rel="stylesheet" href="/a.css"></noscript>',
        '<template><script src="/a.js"></script></template>',
        '<script nomodule src="/a.js"></script>',
        '<script type="text/template" src="/a.js"></script>',
        '<link rel="alternate stylesheet" href="/a.css">',
        '<link rel="icon" href="/a.ico">',
        '<script src=""></script>',
        '<script src="data:text/javascript,1"></script>',
        '<script src="javascript:alert(1)"></script>',
        '<script src="blob:https://chatgpt.com/x"></script>',
        '<script src="http://[bad/a.js"></script>',
        '<script src="/a.js"',
        '<script src="/a.js>',
        '<script>const a = "moved from here"; import("bare-name")</script>',
    ],
)
def test_what_a_browser_would_not_fetch_is_not_named(markup: str) -> None:
    assert read_page(markup, URL).resources == ()


@pytest.mark.parametrize(
    ("markup", "url"),
    [
        ('<script src=" : ; "></script>', "https://chatgpt.com/c/:"),
        ("<SCRIPT SRC='/A.js'></SCRIPT>", "https://chatgpt.com/A.js"),
        ("<script\nasync\nsrc = /a.js ></script>", "https://chatgpt.com/a.js"),
        ('<script src="/a.js" src="/b.js"></script>', "https://chatgpt.com/a.js"),
        ('<script src="/a.js?x=1&amp;y=2#z"></script>', "https://chatgpt.com/a.js?x=1&y=2"),
        ('<script src="//cdn.example/a.js"></script>', "https://cdn.example/a.js"),
        ('<script src="a.js"></script>', "https://chatgpt.com/c/a.js"),
        ('<base href="/x/"><script src="a.js"></script>', "https://chatgpt.com/x/a.js"),
        ('<![if x]><script src="/a.js"></script><![endif]>', "https://chatgpt.com/a.js"),
        ('<p <script>x</p><script src="/a.js"></script>', "https://chatgpt.com/a.js"),
        ('1 < 2 <script src="/a.js">', "https://chatgpt.com/a.js"),
        ("<template></template><script src='/a.js'></script>", "https://chatgpt.com/a.js"),
    ],
)
def test_odd_markup_that_browsers_read(markup: str, url: str) -> None:
    assert [item.url for item in read_page(markup, URL).resources] == [url]


def test_a_preloaded_module_that_is_run_is_a_script_whichever_comes_first() -> None:
    preload, run = '<link rel=modulepreload href="/a.js">', '<script src="/a.js"></script>'
    assert kinds(preload + run) == kinds(run + preload) == {"/a.js": "script"}


HOSTILE = [
    *("<", "<!--", "<!-- --", "<a ", "<a b=c ", "</", "<script>", "</s", "<?", "<!", "<![CDATA["),
    *("&", "&#", "&#9", '<a b="', "<a b='", "<![", "<title>", "a", "<a x", "/", " ", "<!doctype "),
    *("import ", 'import("', "from ", '<script src="/a.js">', "<base href=/a/>", "<template>"),
    *('{"imports":', "\x00", "\ud800", "<p>", "</script", "<noscript>", "import{a,"),
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("start", ["", "<script>", "<script>import", "<a ", "<title>"])
def test_repeated_pieces_are_read_to_the_end_and_bounded(piece: str, start: str) -> None:
    page = read_page(start + piece * 20_000, URL)
    assert len(page.resources) <= MAX_RESOURCES
    assert len(page.text) <= MAX_TEXT
    assert len(page.title) <= 300


@pytest.mark.parametrize("piece", [piece for piece in HOSTILE if piece != "a"])
def test_the_number_of_tokens_grows_no_faster_than_the_markup(piece: str) -> None:
    few, many = (sum(1 for _ in tokens(piece * count)) for count in (500, 5000))
    assert many <= 10 * max(few, 1)


def test_a_page_that_names_too_much_is_cut() -> None:
    many = "".join(f'<script src="/{number}.js"></script>' for number in range(3 * MAX_RESOURCES))
    assert len(read_page(many, URL).resources) == MAX_RESOURCES


@given(st.text(alphabet="<>/=\"' !-abscriptlnkehf&;#[]{}\ud800\n", max_size=200))
def test_any_markup_is_read(html: str) -> None:
    page = read_page(html, URL)
    for item in page.resources:
        assert re.match(r"https?://", item.url)
        item.url.encode()
    page.text.encode()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    '<script src="{}"></script>',
                    '<script src="{}" integrity="sha384-x"></script>',
                    '<link rel="stylesheet" href="{}">',
                    '<link rel="modulepreload" href="{}">',
                ]
            ),
            st.text(alphabet="abc/.?&=;#%+ \u00e9'<>\\:@[]", max_size=20),
        ),
        max_size=8,
    )
)
def test_the_skeleton_names_the_same_resources(named: list[tuple[str, str]]) -> None:
    page = read_page("".join(markup.format(address) for markup, address in named), URL)
    again = read_page(skeleton(page, page.resources), "https://elsewhere.example/")
    assert again.resources == page.resources
    assert (again.title, again.text, again.build) == ("", "", page.build)


def test_the_skeleton_keeps_the_build_and_nothing_of_the_text() -> None:
    page = read_page(DOCUMENT_2026, URL)
    kept = skeleton(page, page.resources)
    assert "Ready" not in kept
    again = read_page(kept, URL)
    assert (again.build, again.resources) == (BUILD, page.resources)


def test_the_skeleton_of_a_hostile_address_stays_in_its_attribute() -> None:
    evil = PageResource('https://chatgpt.com/"><script src="https://evil.example/x.js">', "style")
    again = read_page(skeleton(read_page("", URL), [evil]), URL)
    assert [item.kind for item in again.resources] == ["style"]


def test_the_text_of_which_pages_may_be_kept() -> None:
    block = read_page("<title>Blocked</title><p>Category: AI</p>", URL)
    application = read_page(DOCUMENT_2026, URL)
    assert shows_text(block, "chatgpt.com", 200)
    assert not shows_text(application, "chatgpt.com", 200)
    assert not shows_text(read_page(DOCUMENT_2024, URL), "chatgpt.com", 200)
    assert shows_text(application, "chatgpt.com", 403)
    assert not shows_text(block, "files.oaiusercontent.com", 200)
    assert shows_text(block, "files.oaiusercontent.com", 403)


def test_tokens_of_a_small_document() -> None:
    assert list(tokens("a<P Class=x>b</p><script>1<2</script>")) == [
        "a",
        Tag("p", {"class": "x"}),
        "b",
        Tag("p", closing=True),
        Tag("script", {}, "1<2"),
        Tag("script", closing=True),
    ]
