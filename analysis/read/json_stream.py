"""JSON too large to load, walked value by value within bounds.

The file is cut at its brackets and strings (RFC 8259); each value that is
wanted goes to the standard library's parser by itself.  So one damaged value
costs only itself, text that is not quite JSON (NaN, bad UTF-8, raw control
characters) is still read, and memory follows the largest value that is kept,
not the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Protocol

CHUNK = 1024 * 1024
MAX_STRING = 6 * 1024 * 1024
"""Octets of one string that are kept; the rest of a longer one is passed over."""

MAX_VALUE = 16 * 1024 * 1024
"""Octets of one value, its strings cut already; a larger value is not parsed."""

MAX_PARTS = 1_000_000
"""Strings and brackets of a large value; most become a Python object each."""

MAX_DEPTH = 100
MAX_KEY = 4096
_LARGE = 2 * 1024 * 1024
_BLANK = re.compile(rb"[\s,\xef\xbb\xbf]*")
# the quantifiers are possessive: what was passed over once is never looked at again
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT = rb'[^"{}\[\]]++|' + _TEXT
_PART = re.compile(_TEXT + rb"|[{}\[\]]", re.DOTALL)
# up to the next bracket that matters: containers without others inside are passed over whole
_NEXT = re.compile(
    rb"(?:%b|\{(?:%b)*+\}|\[(?:%b)*+\])*+([\"{}\[\]]?)" % (_FLAT, _FLAT, _FLAT), re.DOTALL
)
_STRING_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_WHOLE_ESCAPES = re.compile(rb'[^"\\]*+(?:\\(?:[^u]|u[0-9A-Fa-f]{4})[^"\\]*+)*+', re.DOTALL)
_SCALAR_REST = re.compile(rb'[^\s,:"{}\[\]]*')
_PLAIN_KEY = re.compile(rb'"([^"\\]{0,100}+)"\s{0,10}+:')
_QUOTE = b'"'
_OPENING, _CLOSING = b"{[", b"}]"


class Readable(Protocol):
    """Anything to read octets from."""

    def read(self, size: int, /) -> bytes: ...


class CutJsonError(Exception):
    """The file ends inside of a value."""


class DamagedJsonError(Exception):
    """What stands here is no JSON, or more than is kept."""


class _Kept:
    """The octets of one value, as long as they stay within the bounds."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self._fits = True

    def add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            self.drop()
        elif self._fits:
            self._pieces.append(piece)

    def drop(self) -> None:
        self._fits = False
        self._pieces.clear()

    def parsed(self) -> object:
        if not self._fits:
            raise DamagedJsonError("a value is larger than what is kept")
        octets = b"".join(self._pieces)
        self._pieces.clear()
        if len(octets) > _LARGE and sum(1 for _ in _PART.finditer(octets)) > MAX_PARTS:
            raise DamagedJsonError("a value has more parts than are kept")
        text = octets.decode("utf-8", "replace")
        try:
            return _DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            raise DamagedJsonError("a value is no JSON") from error


def _whole(digits: str) -> float:
    # int() refuses thousands of digits; nothing that is measured has more than 19
    return int(digits) if len(digits) < 25 else float(digits)


_DECODER = json.JSONDecoder(strict=False, parse_int=_whole)


class JsonStream:
    """A place in a JSON text that moves forward only.

    Each of `members`, `items` and `value` takes the value that stands here.
    They raise CutJsonError where the file ends and DamagedJsonError where it is no JSON;
    after damage `leave` goes on behind the container that holds it.
    """

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._data = b""
        self._at = 0
        self._taken = False
        self.depth = 0
        """Containers that are open here, of those that members() and items() entered."""
        self.cut_strings = 0
        """Strings of which only the first MAX_STRING octets were kept."""

    def members(self) -> Iterator[str]:
        """The keys of the object that stands here; nothing for any other value.

        The value of a key stands here while it is yielded; one that is not
        taken is passed over.
        """
        if not self._enter(b"{"):
            return
        while (first := self._peek()) != b"}":
            if first != _QUOTE:
                raise DamagedJsonError("a key is missing")
            key = self._key()
            self._taken = False
            yield key
            if not self._taken:
                self.skip()
        self._close()

    def items(self) -> Iterator[None]:
        """Stops at each value of the array that stands here; none for any other value."""
        if not self._enter(b"["):
            return
        while (first := self._peek()) != b"]":
            if first in b"}:":
                raise DamagedJsonError("an array is not closed")
            self._taken = False
            yield
            if not self._taken:
                self.skip()
        self._close()

    def value(self, limit: int = MAX_VALUE) -> object:
        """The value that stands here, parsed. After DamagedJsonError it is passed over, too."""
        kept = _Kept(limit)
        self._pass(kept)
        return kept.parsed()

    def skip(self) -> None:
        """Pass over the value that stands here."""
        self._pass(None)

    def leave(self, depth: int) -> None:
        """Go on behind what was entered beyond `depth`."""
        if self.depth > depth:
            self._walk(None, self.depth - depth)
            self.depth = depth
        self._taken = True

    def _key(self) -> str:
        """The key that stands here, and the colon behind it."""
        plain = _PLAIN_KEY.match(self._data, self._at)
        if plain:
            self._at = plain.end()
            return plain[1].decode("utf-8", "replace")
        key = self.value(MAX_KEY)
        if self._peek() != b":":
            raise DamagedJsonError("a colon is missing")
        self._at += 1
        return str(key)

    def _enter(self, bracket: bytes) -> bool:
        if self._peek() != bracket:
            self.skip()
            return False
        self._at += 1
        self.depth += 1
        return True

    def _close(self) -> None:
        self._at += 1
        self.depth -= 1
        self._taken = True

    def _peek(self) -> bytes:
        """The next octet that is no blank or comma."""
        while True:
            blank = _BLANK.match(self._data, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._data):
                return self._data[self._at : self._at + 1]
            self._more()

    def _more(self, unread: bytes = b"") -> None:
        """The next piece of the file, behind what of the last one is still unread."""
        piece = self._file.read(CHUNK)
        if not piece:
            raise CutJsonError
        self._data = unread + piece
        self._at = 0

    def _pass(self, kept: _Kept | None) -> None:
        self._taken = True
        first = self._peek()
        if first in _OPENING:
            self._walk(kept, 0)
        elif first == _QUOTE:
            self._string(kept)
        elif first in _CLOSING:
            raise DamagedJsonError("a value is missing")
        else:
            self._scalar(kept)

    def _walk(self, kept: _Kept | None, depth: int) -> None:
        """From here until `depth` brackets, and those that open on the way, are closed."""
        start = self._at
        if depth == 0:
            self._at += 1
            depth = 1
        while depth:
            found = _NEXT.match(self._data, self._at)
            part = found[1] if found else b""
            self._at = found.end() if found else self._at
            if part and part in _OPENING:
                depth += 1
                if kept is not None and depth > MAX_DEPTH:
                    kept.drop()
            elif part and part in _CLOSING:
                depth -= 1
            else:
                self._at -= len(part)
                self._keep(kept, start)
                if part:
                    self._string(kept)  # it goes on beyond this piece
                else:
                    self._more()
                start = self._at
        self._keep(kept, start)

    def _keep(self, kept: _Kept | None, start: int) -> None:
        if kept is not None:
            kept.add(self._data[start : self._at])

    def _string(self, kept: _Kept | None) -> None:
        """The string that begins here, up to MAX_STRING of it."""
        self._at += 1
        pieces: list[bytes] = []
        room = MAX_STRING
        while True:
            match = _STRING_REST.match(self._data, self._at)
            end = match.end() if match else self._at
            if kept is not None and room > 0:
                pieces.append(self._data[self._at : min(end, self._at + room)])
                room -= end - self._at
            if self._data[end : end + 1] == _QUOTE:
                break
            self._more(self._data[end:])  # nothing, or the backslash of an escape
        self._at = end + 1
        if kept is not None:
            text = b"".join(pieces)
            if room < 0:
                whole = _WHOLE_ESCAPES.match(text)
                text = text[: whole.end()] if whole else b""
                self.cut_strings += 1
            kept.add(_QUOTE + text + _QUOTE)

    def _scalar(self, kept: _Kept | None) -> None:
        """A number or a word; a stray colon is passed over as damage."""
        stray = self._data[self._at] == ord(":")
        self._at += stray
        if kept is not None and stray:
            kept.drop()
        while True:
            start = self._at
            rest = _SCALAR_REST.match(self._data, start)
            self._at = rest.end() if rest else start
            self._keep(kept, start)
            if self._at < len(self._data):
                return
            try:
                self._more()
            except CutJsonError:
                # a text may be nothing but a number
                if self.depth:
                    raise
                return
