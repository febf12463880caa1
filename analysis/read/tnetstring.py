"""Typed netstrings, the format of mitmproxy's flow files, within bounds and only where needed.

``LENGTH:DATA`` and an octet for the type (tnetstrings.info; mitmproxy adds ``;``
for text).  mitmproxy's own parser makes an object of everything; here a record is
cut out whole, and the keys that no reader asks for are stepped over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, BinaryIO

MAX_DIGITS = 12
MAX_DEPTH = 30
MAX_ALIKE = 2048
MAX_MADE = 8192

_TEXT, _BYTES, _INT, _FLOAT, _BOOL, _NULL, _LIST, _DICT = b";,#^!~]}"


class NetstringError(ValueError):
    """The octets are no typed netstring."""


def records(file: BinaryIO, whole: int) -> Iterator[bytes]:
    """The data of each dictionary in `file`, which has `whole` octets.

    Raises NetstringError where the frame of a record is damaged or cut.
    """
    while head := file.read(1):
        while head[-1:].isdigit() and len(head) <= MAX_DIGITS:
            head += file.read(1)
        digits = head[:-1]
        if head[-1:] != b":" or not digits:
            raise NetstringError("Invalid data format: no length where a record should begin.")
        length = int(digits)
        # nothing is set aside for what the file cannot hold
        if length >= whole:
            raise NetstringError("Invalid data format: a record is longer than the file.")
        data = file.read(length)
        kind = file.read(1)
        if len(data) < length or kind != b"}":
            raise NetstringError("Invalid data format: a record is cut off or damaged.")
        yield data


class Parser:
    """Parses records of one file.

    Values of keys in `skip` are left out, at every depth; octets under a key in
    `views` are a memoryview of the record and not a copy. What lies under a key
    in `alike`, and each list in a list (a header), is often the same in the
    next record: it is made once, so what is returned must not be changed.
    """

    def __init__(
        self,
        skip: Collection[bytes] = (),
        views: Collection[bytes] = (),
        alike: Collection[bytes] = (),
    ) -> None:
        self._data = b""
        self._skip = frozenset(skip)
        self._views = frozenset(views)
        self._alike = frozenset(alike)
        self._made: dict[bytes, object] = {}

    def parse(self, data: bytes) -> dict[str, object]:
        """The dictionary whose data `data` is.

        Keys that are octets (of old versions) are left as octets. Raises
        NetstringError, or ValueError for a number or text that is none.
        """
        self._data = data
        return self._dictionary(0, len(data), 0)

    def _dictionary(self, position: int, end: int, depth: int) -> dict[str, object]:
        found: dict[Any, object] = {}  # old versions have keys of octets
        data, skip, views = self._data, self._skip, self._views
        while position < end:
            start, stop = self._frame(position, end)
            name = data[start:stop]
            kind = data[stop]
            key = name.decode() if kind == _TEXT else self._value(kind, start, stop, depth)
            start, stop = self._frame(stop + 1, end)
            kind = data[stop]
            if name in views and kind == _BYTES:
                found[key] = memoryview(data)[start:stop]
            elif name in self._alike:
                found[key] = self._made_once(kind, start, stop, depth)
            elif name not in skip:
                found[key] = self._value(kind, start, stop, depth)
            position = stop + 1
        return found

    def _frame(self, position: int, end: int) -> tuple[int, int]:
        """Where the value that begins at `position` has its data."""
        data = self._data
        colon = data.find(b":", position, position + MAX_DIGITS + 1)
        if colon < 0:
            raise NetstringError("not a tnetstring: missing length prefix")
        start = colon + 1
        stop = start + int(data[position:colon])
        if not start <= stop < end:
            raise NetstringError("not a tnetstring: a value is longer than what holds it")
        return start, stop

    def _list(self, position: int, end: int, depth: int) -> list[object]:
        found: list[object] = []
        data, frame = self._data, self._frame
        while position < end:
            start, stop = frame(position, end)
            kind = data[stop]
            if kind == _BYTES:
                found.append(data[start:stop])
            elif kind == _LIST:
                found.append(self._made_once(kind, start, stop, depth))
            else:
                found.append(self._value(kind, start, stop, depth))
            position = stop + 1
        return found

    def _made_once(self, kind: int, start: int, stop: int, depth: int) -> object:
        if stop - start > MAX_ALIKE:
            return self._value(kind, start, stop, depth)
        octets = self._data[start : stop + 1]
        made = self._made.get(octets)
        if made is None:
            made = self._value(kind, start, stop, depth)
            if len(self._made) >= MAX_MADE:
                self._made.clear()
            self._made[octets] = made
        return made

    def _value(self, kind: int, start: int, stop: int, depth: int) -> object:
        data = self._data
        if kind == _BYTES:
            return data[start:stop]
        if kind == _TEXT:
            return data[start:stop].decode()
        if kind == _INT:
            return int(data[start:stop])
        if kind == _FLOAT:
            return float(data[start:stop])
        if kind == _BOOL:
            return data[start:stop] == b"true"
        if kind == _NULL:
            return None
        if depth >= MAX_DEPTH:
            raise NetstringError("not a tnetstring: nested too deeply")
        if kind == _DICT:
            return self._dictionary(start, stop, depth + 1)
        if kind == _LIST:
            return self._list(start, stop, depth + 1)
        raise NetstringError(f"not a tnetstring: unknown type tag {kind}")
