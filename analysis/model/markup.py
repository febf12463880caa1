"""HTML cut into tags and text, in one pass whatever the markup.

Follows the tokenizer of WHATWG HTML as far as finding resources needs it.  The
standard library's parser takes quadratic time on some broken markup and raises
on other, and what it does differs between patch releases of Python.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

MAX_ATTRIBUTES = 100
MAX_VALUE = 8192
RAW = frozenset({"script", "style", "title", "textarea", "noscript", "iframe", "xmp", "noframes"})
"""Elements whose content is text up to their end tag; noscript is, where scripts run."""

_NAME = re.compile(r"[A-Za-z][^\s/>]*")
_GAP = re.compile(r"[\s/]*")
_KEY = re.compile(r"=?[^\s/>=]*")
_EQUALS = re.compile(r"\s*=\s*")
_BARE = re.compile(r"[^\s>]*")
_ENDS = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in RAW}


@dataclass(frozen=True, slots=True)
class Tag:
    """A start tag with its attributes, and the text of an element that holds only text."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    content: str = ""
    closing: bool = False


def tokens(html: str) -> Iterator[Tag | str]:
    """Tags and the text between them, in order; an unfinished tag ends the document."""
    position, length = 0, len(html)
    while position < length:
        start = html.find("<", position)
        if start < 0:
            yield html[position:]
            return
        if start > position:
            yield html[position:start]
        follows = html[start + 1 : start + 2]
        if follows in {"!", "?"}:
            end = _after_comment(html, start)
        elif follows == "/":
            end = html.find(">", start) + 1
            name = _NAME.match(html, start + 2)
            if end and name:
                yield Tag(name.group().lower(), closing=True)
        elif name := _NAME.match(html, start + 1):
            attributes: dict[str, str] = {}
            end = _attributes(html, name.end(), attributes)
            if end:
                tag = name.group().lower()
                content_end = end
                if tag in RAW:
                    found = _ENDS[tag].search(html, end)
                    content_end = found.start() if found else length
                yield Tag(tag, attributes, html[end:content_end])
                end = content_end
        else:
            yield "<"
            end = start + 1
        if not end:
            return
        position = end


def _after_comment(html: str, start: int) -> int:
    """Where a comment or declaration ends; 0 when it does not."""
    if html.startswith("<!--", start):
        end = html.find("-->", start + 2)
        return end + 3 if end >= 0 else 0
    return html.find(">", start) + 1


def _attributes(html: str, position: int, out: dict[str, str]) -> int:
    """Read attributes up to the tag's end and return where that is; 0 when there is none."""
    while True:
        position = _end(_GAP, html, position)
        if position >= len(html):
            return 0
        if html[position] == ">":
            return position + 1
        key_end = _end(_KEY, html, position)
        key = html[position:key_end].lower() if key_end - position <= 100 else ""
        position = key_end
        value = ""
        equals = _EQUALS.match(html, position)
        if equals:
            position = equals.end()
            quote = html[position : position + 1]
            if quote in {'"', "'"}:
                end = html.find(quote, position + 1)
                if end < 0:
                    return 0
                value, position = html[position + 1 : end], end + 1
            else:
                end = _end(_BARE, html, position)
                value, position = html[position:end], end
        if key and key not in out and len(out) < MAX_ATTRIBUTES and len(value) <= MAX_VALUE:
            out[key] = plain(value)


def _end(pattern: re.Pattern[str], html: str, position: int) -> int:
    match = pattern.match(html, position)
    return match.end() if match else position


def plain(text: str) -> str:
    """Text with its character references resolved."""
    # a numeric reference may be longer than what Python turns into a number
    with contextlib.suppress(ValueError):
        text = unescape(text)
    return sound(text)


def sound(text: str) -> str:
    """Text without lone surrogates, which neither UTF-8 nor Arrow can carry."""
    return text.encode("utf-8", "replace").decode()
