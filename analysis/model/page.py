"""Which scripts and styles an HTML page names.

The page is not run: only what its markup and its inline modules name is found
(WHATWG HTML: script, link rel=stylesheet|modulepreload|preload, import maps,
static and dynamic imports of inline modules).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

MAX_HTML = 4 * 1024 * 1024
MAX_RESOURCES = 1000
_IMPORT = re.compile(
    r"""(?:\bimport\s*\(\s*|\bimport\s+(?:[\w*\s{},$]{1,400}\s+from\s+)?|\bfrom\s+)["']([^"'\s<>]{1,2000})["']"""
)
_SCHEMES = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class PageResource:
    """One script or style: absolute URL, kind (script, style, preload), has a hash."""

    url: str
    kind: str
    integrity: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What a document says of itself: title, build mark, resources, in order."""

    title: str
    build: str | None
    resources: tuple[PageResource, ...]
    text: str


class _Collector(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base = base
        self.build: str | None = None
        self.title: list[str] = []
        self.text: list[str] = []
        self.text_size = 0
        self.resources: dict[str, PageResource] = {}
        self._inside: str | None = None
        self._script_type = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "html" and "data-build" in values:
            self.build = values["data-build"][:100]
        elif tag == "base" and values.get("href"):
            self.base = _join(self.base, values["href"]) or self.base
        elif tag == "script":
            self._inside = "script"
            self._script_type = values.get("type", "").strip().lower()
            if values.get("src"):
                self.add(values["src"], "script", bool(values.get("integrity")))
        elif tag == "link" and values.get("href"):
            self._link(values)
        elif tag in {"title", "style"}:
            self._inside = tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._inside = None

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self._inline_script(data)
        elif self._inside == "title":
            self.title.append(data[:300])
        elif self._inside is None and self.text_size < 8000:
            text = " ".join(data.split())
            if text:
                self.text.append(text)
                self.text_size += len(text)

    def _link(self, values: dict[str, str]) -> None:
        rel = values.get("rel", "").lower().split()
        target = values.get("as", "").lower()
        integrity = bool(values.get("integrity"))
        if "stylesheet" in rel and "alternate" not in rel:
            self.add(values["href"], "style", integrity)
        elif "modulepreload" in rel or ("preload" in rel and target == "script"):
            self.add(values["href"], "preload", integrity)

    def _inline_script(self, text: str) -> None:
        if self._script_type == "importmap":
            try:
                imports = json.loads(text).get("imports", {})
            except (ValueError, AttributeError, RecursionError):
                return
            for url in imports.values() if isinstance(imports, dict) else ():
                if isinstance(url, str):
                    self.add(url, "preload")
            return
        if self._script_type not in {"", "module", "text/javascript", "application/javascript"}:
            return
        for match in _IMPORT.finditer(text):
            if match[1].startswith(("/", "./", "../", "https://", "http://")):
                self.add(match[1], "script")

    def add(self, reference: str, kind: str, integrity: bool = False) -> None:
        url = _join(self.base, reference.strip())
        if url is None or len(self.resources) >= MAX_RESOURCES:
            return
        known = self.resources.get(url)
        # a module that is both preloaded and run is a script
        if known is None or (known.kind == "preload" and kind != "preload"):
            self.resources[url] = PageResource(url, kind, integrity)


def _join(base: str, reference: str) -> str | None:
    if len(reference) > 4096:
        return None
    try:
        url = urljoin(base, reference)
        parts = urlsplit(url)
    except ValueError:
        return None
    return url.partition("#")[0] if parts.scheme in _SCHEMES and parts.hostname else None


def read_page(html: str, url: str) -> Page:
    """What `html`, served at `url`, names; broken markup gives what can be found."""
    collector = _Collector(url)
    collector.feed(html[:MAX_HTML])
    return Page(
        " ".join("".join(collector.title).split())[:300],
        collector.build,
        tuple(collector.resources.values()),
        " ".join(collector.text)[:8000],
    )


def skeleton(page: Page, resources: Iterable[PageResource]) -> str:
    """A document that names the same resources and nothing else of the page."""
    lines = ["<!doctype html>"]
    lines.append(f'<html data-build="{escape(page.build)}">' if page.build else "<html>")
    lines.append("<!-- chatpath kept only what the page loads -->")
    for item in resources:
        integrity = ' integrity="kept-out"' if item.integrity else ""
        address = escape(item.url)
        match item.kind:
            case "script":
                lines.append(f'<script src="{address}"{integrity}></script>')
            case "style":
                lines.append(f'<link rel="stylesheet" href="{address}"{integrity}>')
            case _:
                lines.append(f'<link rel="modulepreload" href="{address}"{integrity}>')
    return "\n".join(lines) + "\n"
