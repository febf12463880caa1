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
from urllib.parse import urljoin, urlsplit

from analysis.model.markup import Tag, plain, sound, tokens

MAX_HTML = 4 * 1024 * 1024
MAX_RESOURCES = 1000
LEAST_RESOURCES = 3
"""A page that names fewer scripts and styles is not the application."""

USER_CONTENT = (".oaiusercontent.com", ".blob.core.windows.net", ".chatgpt.site")
"""Domains that serve what users uploaded or made."""

MAX_NAMED = 4000
"""Names that are looked at: a page may name one resource often."""

MAX_TEXT = 8000
# the gaps are bounded so that a run of blanks cannot make the search slow
_IMPORT = re.compile(
    r"""\b(?:import\s{0,64}(?:\(\s{0,64})?|from\s{0,64})["']([^"'\s<>]{1,2000})["']"""
)
_SCRIPT_TYPES = frozenset(
    {
        *("", "module", "text/javascript", "application/javascript", "application/x-javascript"),
        *("text/ecmascript", "application/ecmascript"),
    }
)
_BLANK = " \t\n\f\r"
_EMPTY_END = _BLANK + ";?"
_ORIGIN = re.compile(r"(https?://[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[0-9]{1,5})?)/")
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+\Z")
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


class _Collector:
    """Takes a document's tokens and keeps what it loads."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.build: str | None = None
        self.title = ""
        self.text: list[str] = []
        self.text_size = 0
        self.resources: dict[str, PageResource] = {}
        self._inert = 0
        self._named = 0

    def take(self, token: Tag | str) -> None:
        if isinstance(token, str):
            self._take_text(token)
        elif token.name == "template":
            self._inert = max(0, self._inert + (-1 if token.closing else 1))
        elif not token.closing and not self._inert:
            self._take_tag(token)

    def _take_text(self, text: str) -> None:
        if self.text_size < MAX_TEXT:
            words = " ".join(plain(text[: 4 * MAX_TEXT]).split())
            if words:
                self.text.append(words)
                self.text_size += len(words) + 1

    def _take_tag(self, tag: Tag) -> None:
        values = tag.attributes
        match tag.name:
            case "html" if "data-build" in values:
                self.build = values["data-build"][:100]
            case "base" if values.get("href"):
                self.base = _join(self.base, values["href"]) or self.base
            case "title" if not self.title:
                self.title = " ".join(plain(tag.content[:1200]).split())[:300]
            case "script":
                self._script(values, tag.content)
            case "link" if values.get("href"):
                self._link(values)

    def _script(self, values: dict[str, str], content: str) -> None:
        kind = values.get("type", "").partition(";")[0].strip().lower()
        if kind == "importmap":
            self._import_map(content)
        # a browser that knows modules leaves nomodule scripts alone; other types are data
        if kind not in _SCRIPT_TYPES or ("nomodule" in values and kind != "module"):
            return
        if "src" in values:
            self.add(values["src"], "script", bool(values.get("integrity")))
            return
        for match in _IMPORT.finditer(content):
            if match[1].startswith(("/", "./", "../", "https://", "http://")):
                self.add(match[1], "script")

    def _import_map(self, content: str) -> None:
        try:
            imports = json.loads(content).get("imports", {})
        except (ValueError, AttributeError, RecursionError):
            return
        for url in imports.values() if isinstance(imports, dict) else ():
            if isinstance(url, str):
                self.add(sound(url), "preload")

    def _link(self, values: dict[str, str]) -> None:
        rel = values.get("rel", "").lower().split()
        target = values.get("as", "").lower()
        integrity = bool(values.get("integrity"))
        if "stylesheet" in rel and "alternate" not in rel:
            self.add(values["href"], "style", integrity)
        elif "modulepreload" in rel or ("preload" in rel and target == "script"):
            self.add(values["href"], "preload", integrity)

    def add(self, reference: str, kind: str, integrity: bool = False) -> None:
        self._named += 1
        reference = reference.strip(_BLANK)
        if not reference or self._named > MAX_NAMED:
            return
        url = _join(self.base, reference)
        if url is None:
            return
        known = self.resources.get(url)
        # a module that is both preloaded and run is a script
        new = known is None and len(self.resources) < MAX_RESOURCES
        if new or (known is not None and known.kind == "preload" and kind != "preload"):
            self.resources[url] = PageResource(url, kind, integrity)


def _join(base: str, reference: str) -> str | None:
    if len(reference) > 4096:
        return None
    origin = _ORIGIN.match(base)
    if origin and _PLAIN_PATH.match(reference):
        return origin[1] + reference  # the usual case, without the cost of the rules
    try:
        url = reference
        for _ in range(3):  # what an empty end leaves behind may have an empty end again
            url = urljoin(base, url).partition("#")[0].rstrip(_EMPTY_END)
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in _SCHEMES and parts.hostname else None


def read_page(html: str, url: str) -> Page:
    """What `html`, served at `url`, names; broken markup gives what can be found."""
    collector = _Collector(sound(url))
    for token in tokens(html[:MAX_HTML]):
        collector.take(token)
    return Page(
        collector.title,
        collector.build,
        tuple(collector.resources.values()),
        " ".join(collector.text)[:MAX_TEXT],
    )


def shows_text(page: Page, host: str, status: int) -> bool:
    """True for a page whose text may be kept: an error, a portal or a block page.

    The application's own page and a file of the user carry the user's data in
    their text and title.
    """
    if status >= 400:
        return True
    application = page.build is not None or len(page.resources) >= LEAST_RESOURCES
    return not application and not f".{host.lower()}".endswith(USER_CONTENT)


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
