"""DNS messages, parsed just as far as the table needs (RFC 1035, 6891, 8914).

Hostile by assumption: compression pointers are followed through a memory of
names already read, so the time is linear in the message; a message that is
malformed or cut off gives what stood before the damage.
"""

from __future__ import annotations

import re
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from socket import AF_INET6, inet_ntoa, inet_ntop

import dns.rdatatype

A, CNAME, SOA, AAAA, OPT = 1, 5, 6, 28, 41
HEADER = 12
"""Octets of a message's header."""

_EDE_OPTION = 15
_POINTER = 0xC0
_MAX_NAME = 255
_PLAIN = re.compile(rb"[!-\-/-\[\]-~]*")  # neither dot nor backslash
_QUESTION = struct.Struct(">HH")
_RECORD = struct.Struct(">HHIH")


@dataclass(slots=True)
class Message:
    """One message; lists are in the order of the records.

    `rcode` includes the upper bits of an OPT record. `qname` is in lower case,
    without the final dot and with unprintable octets as ``\\DDD``; None when
    there is no question. `whole` is false when the message ended early.
    """

    id: int
    response: bool
    authoritative: bool
    truncated: bool
    recursion_available: bool
    rcode: int
    opcode: int
    qname: str | None = None
    qtype: str | None = None
    answers: list[str] = field(default_factory=list)
    cnames: list[str] = field(default_factory=list)
    soa: list[str] = field(default_factory=list)
    additional_soa: list[str] = field(default_factory=list)
    ede: list[int] = field(default_factory=list)
    ede_text: list[str] = field(default_factory=list)
    ttl_min: int | None = None
    whole: bool = True


class _MalformedError(Exception):
    """The message ends or breaks here."""


def parse(octets: bytes) -> Message | None:
    """The message in `octets`; None when there is not even a header."""
    if len(octets) < HEADER:
        return None
    number, flags, questions, answers, authority, additional = struct.unpack_from(">6H", octets)
    message = Message(
        number,
        bool(flags & 0x8000),
        bool(flags & 0x0400),
        bool(flags & 0x0200),
        bool(flags & 0x0080),
        flags & 15,
        flags >> 11 & 15,
    )
    try:
        _Parser(octets, message).read(questions, answers, authority, additional)
    except _MalformedError:
        message.whole = False
    return message


def type_text(code: int) -> str:
    """The type's name; TYPEn when it has none."""
    text = _TYPES.get(code)
    if text is None:
        text = _TYPES[code] = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(code))
    return text


_TYPES: dict[int, str] = {}


@lru_cache(maxsize=16_384)
def _plain_question(octets: bytes) -> tuple[str, str] | None:
    """Name and type of a question without pointers that is all of `octets`; else None."""
    at, labels = 0, []
    while octets[at]:
        end = at + 1 + octets[at]
        if end >= min(len(octets), _MAX_NAME) or octets[at] > 63:
            return None
        labels.append(octets[at + 1 : end])
        at = end
    if at + 5 != len(octets):
        return None  # the first zero was not the end of the name
    name = _presented(labels).lower() if labels else "."
    return name, type_text(octets[at + 1] << 8 | octets[at + 2])


class _Parser:
    def __init__(self, octets: bytes, message: Message) -> None:
        self._octets = octets
        self._message = message
        self._at = HEADER
        self._names: dict[int, tuple[str, int]] = {}
        self._steps = 4 * len(octets) + 512
        self._depth = 0

    def read(self, questions: int, answers: int, authority: int, additional: int) -> None:
        if questions:
            self._question()
        for _ in range(questions - 1):
            self._name()
            self._take(_QUESTION)
        for _ in range(answers):
            self._answer()
        for _ in range(authority):
            self._soa(self._message.soa, with_mname=True)
        for _ in range(additional):
            self._soa(self._message.additional_soa, with_mname=False)

    def _question(self) -> None:
        """The first question; most are plain, and their octets have been seen before."""
        octets, message = self._octets, self._message
        end = octets.find(b"\0", HEADER) + 5
        plain = _plain_question(octets[HEADER:end]) if 5 <= end <= len(octets) else None
        if plain is not None:
            message.qname, message.qtype = plain
            self._names[HEADER] = message.qname, end - 4 - HEADER
            self._at = end
            return
        message.qname = self._name().lower()
        kind, _ = self._take(_QUESTION)
        message.qtype = type_text(kind)

    def _take(self, layout: struct.Struct) -> tuple[int, ...]:
        start = self._at
        self._at = start + layout.size
        if self._at > len(self._octets):
            raise _MalformedError
        return layout.unpack_from(self._octets, start)

    def _record(self) -> tuple[int, int, int, int]:
        """(type, ttl, start, end) of the record's data, its owner being stepped over."""
        octets, at = self._octets, self._at
        if (
            at + 2 <= len(octets)
            and octets[at] >= _POINTER
            and ((octets[at] & 0x3F) << 8 | octets[at + 1]) in self._names
        ):
            self._at = at + 2  # the name that it points to was read before
        else:
            self._name()
        kind, _, ttl, length = self._take(_RECORD)
        start = self._at
        end = start + length
        if kind == OPT:
            self._opt(ttl, start, min(end, len(octets)))
        if end > len(octets):
            raise _MalformedError
        self._at = end
        return kind, ttl, start, end

    def _answer(self) -> None:
        message = self._message
        kind, ttl, start, end = self._record()
        if kind == OPT:
            return
        if message.ttl_min is None or ttl < message.ttl_min:
            message.ttl_min = ttl
        if kind == A and end - start == 4:
            message.answers.append(inet_ntoa(self._octets[start:end]))
        elif kind == AAAA and end - start == 16:
            message.answers.append(inet_ntop(AF_INET6, self._octets[start:end]))
        elif kind == CNAME:
            target = self._inner_name(start)
            if target is not None:
                message.answers.append(target)
                message.cnames.append(target)

    def _soa(self, into: list[str], *, with_mname: bool) -> None:
        at = self._at
        kind, _, start, _ = self._record()
        if kind == SOA:
            owner = self._decode(at)[0].lower()
            mname = self._inner_name(start) if with_mname else None
            into.append(owner if mname is None else f"{owner} {mname}")

    def _inner_name(self, start: int) -> str | None:
        """A name in a record's data; None when it is broken, which spoils only that record."""
        try:
            return self._decode(start)[0].lower()
        except _MalformedError:
            self._message.whole = False
            return None

    def _opt(self, ttl: int, start: int, end: int) -> None:
        """Extended rcode and Extended DNS Errors; the OPT record may stand in any section."""
        message = self._message
        if message.response:
            message.rcode |= (ttl >> 24) << 4
        while start + 4 <= end:
            code, length = _QUESTION.unpack_from(self._octets, start)
            start += 4
            if code == _EDE_OPTION and length >= 2 and start + 2 <= end:
                value = self._octets[start : min(start + length, end)]
                message.ede.append(value[0] << 8 | value[1])
                text = value[2:].decode("utf-8", "replace")
                message.ede_text.append(text.rstrip("\0"))
            start += length

    def _name(self) -> str:
        text, _, self._at = self._decode(self._at)
        return text

    def _decode(self, start: int) -> tuple[str, int, int]:
        """The name at `start`, its length in octets uncompressed, and the offset behind it.

        A pointer must lead backwards, each further than the one before, so no
        loop can arise; names that a pointer led to are remembered, and the
        budget of steps keeps a message of nothing but pointers linear.
        """
        octets, size = self._octets, len(self._octets)
        labels: list[bytes] = []
        at, length = start, 1
        while True:
            self._steps -= 1
            if at >= size or self._steps < 0:
                raise _MalformedError
            first = octets[at]
            if first == 0:
                if not labels:
                    return ".", 1, at + 1
                return _presented(labels), length, at + 1
            if first >= _POINTER:
                break
            length += first + 1
            if first > 63 or at + 1 + first > size or length > _MAX_NAME:
                raise _MalformedError
            labels.append(octets[at + 1 : at + 1 + first])
            at += first + 1
        rest, more = self._pointed(at, start)
        if length + more - 1 > _MAX_NAME:
            raise _MalformedError
        if not labels:
            return rest, more, at + 2
        own = _presented(labels)
        return own if rest == "." else f"{own}.{rest}", length + more - 1, at + 2

    def _pointed(self, at: int, start: int) -> tuple[str, int]:
        """The name that the pointer at `at` leads to, before `start`, and its length."""
        if at + 2 > len(self._octets):
            raise _MalformedError
        target = (self._octets[at] & 0x3F) << 8 | self._octets[at + 1]
        known = self._names.get(target)
        if target >= start:
            raise _MalformedError
        if known is None:
            self._depth += 1
            if self._depth > _MAX_NAME:
                raise _MalformedError
            known = self._names[target] = self._decode(target)[:2]
            self._depth -= 1
        return known


def _presented(labels: list[bytes]) -> str:
    """Labels in RFC 1035 presentation, with dots between them."""
    if _PLAIN.fullmatch(b"".join(labels)):
        return b".".join(labels).decode("ascii")
    return ".".join(map(_escaped, labels))


def _escaped(label: bytes) -> str:
    """RFC 1035 presentation: a dot or backslash quoted, anything unprintable as its numbers.

    Letters beyond ASCII are shown where they are UTF-8, as in mDNS (RFC 6762 section 16).
    """
    if not label.isascii():
        with suppress(UnicodeDecodeError):
            return "".join(map(_shown, label.decode()))
    return "".join(_shown(chr(octet)) if octet < 0x80 else f"\\{octet:03d}" for octet in label)


def _shown(letter: str) -> str:
    if letter in ".\\":
        return "\\" + letter
    if letter.isprintable() and not letter.isspace():
        return letter
    return "".join(f"\\{octet:03d}" for octet in letter.encode())
