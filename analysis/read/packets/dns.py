"""DNS messages, parsed just as far as the table needs (RFC 1035, 6891, 8914).

Hostile by assumption: compression pointers are followed through a memory of
names already read, so the time is linear in the message; a message that is
malformed or cut off gives what stood before the damage.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from socket import AF_INET6, inet_ntoa, inet_ntop

import dns.rdatatype

A, CNAME, SOA, AAAA, OPT = 1, 5, 6, 28, 41
_EDE_OPTION = 15
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
    if len(octets) < 12:
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


class _Parser:
    def __init__(self, octets: bytes, message: Message) -> None:
        self._octets = octets
        self._message = message
        self._at = 12
        self._names: dict[int, list[bytes]] = {}
        self._steps = 4 * len(octets) + 512

    def read(self, questions: int, answers: int, authority: int, additional: int) -> None:
        for index in range(questions):
            name = self._name()
            if index == 0:
                self._message.qname = name.lower()
            (kind, _) = self._take(_QUESTION)
            if index == 0:
                self._message.qtype = type_text(kind)
        for _ in range(answers):
            self._answer()
        for _ in range(authority):
            self._soa(self._message.soa, with_mname=True)
        for _ in range(additional):
            self._soa(self._message.additional_soa, with_mname=False)

    def _take(self, layout: struct.Struct) -> tuple[int, ...]:
        start = self._at
        self._at = start + layout.size
        if self._at > len(self._octets):
            raise _MalformedError
        return layout.unpack_from(self._octets, start)

    def _record(self) -> tuple[str, int, int, int, int]:
        """(owner, type, ttl, start, end) of the next record; `_at` is left behind it."""
        owner = self._name()
        kind, _, ttl, length = self._take(_RECORD)
        start = self._at
        end = start + length
        if kind == OPT:
            self._opt(ttl, start, min(end, len(self._octets)))
        if end > len(self._octets):
            raise _MalformedError
        self._at = end
        return owner, kind, ttl, start, end

    def _answer(self) -> None:
        message = self._message
        _, kind, ttl, start, end = self._record()
        if kind == OPT:
            return
        message.ttl_min = ttl if message.ttl_min is None else min(message.ttl_min, ttl)
        if kind == A and end - start == 4:
            message.answers.append(inet_ntoa(self._octets[start:end]))
        elif kind == AAAA and end - start == 16:
            message.answers.append(inet_ntop(AF_INET6, self._octets[start:end]))
        elif kind == CNAME:
            target = self._name_at(start).lower()
            message.answers.append(target)
            message.cnames.append(target)

    def _soa(self, into: list[str], *, with_mname: bool) -> None:
        owner, kind, _, start, _ = self._record()
        if kind == SOA:
            owner = owner.lower()
            into.append(f"{owner} {self._name_at(start).lower()}" if with_mname else owner)

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
        text, self._at = self._decode(self._at)
        return text

    def _name_at(self, start: int) -> str:
        return self._decode(start)[0]

    def _decode(self, start: int) -> tuple[str, int]:
        """The name at `start`, and the offset behind it.

        A pointer must lead backwards, each further than the one before, so no
        loop can arise; names that a pointer led to are remembered, and the
        budget of steps keeps a message of nothing but pointers linear.
        """
        octets, size = self._octets, len(self._octets)
        labels: list[bytes] = []
        at, behind, lowest, target, length = start, -1, start, -1, 1
        before = 0
        while True:
            self._steps -= 1
            if at >= size or self._steps < 0:
                raise _MalformedError
            first = octets[at]
            if first == 0:
                at += 1
                break
            if first >= 0xC0:
                if at + 2 > size:
                    raise _MalformedError
                if behind < 0:
                    behind = at + 2
                at = (first & 0x3F) << 8 | octets[at + 1]
                if at >= lowest:
                    raise _MalformedError
                lowest = at
                known = self._names.get(at)
                if known is not None:
                    labels += known
                    length += sum(len(label) + 1 for label in known)
                    break
                if target < 0:
                    target, before = at, len(labels)
                continue
            length += first + 1
            if first > 63 or at + 1 + first > size or length > _MAX_NAME:
                raise _MalformedError
            labels.append(octets[at + 1 : at + 1 + first])
            at += first + 1
        if length > _MAX_NAME:
            raise _MalformedError
        if target >= 0:
            self._names[target] = labels[before:]
        behind = behind if behind >= 0 else at
        if not _PLAIN.fullmatch(b"".join(labels)):
            return ".".join(map(_escaped, labels)), behind
        return b".".join(labels).decode("ascii") or ".", behind


def _escaped(label: bytes) -> str:
    """RFC 1035 presentation: a dot or backslash quoted, anything unprintable as its number."""
    return "".join(
        "\\" + chr(octet)
        if octet in b".\\"
        else chr(octet)
        if 0x20 < octet < 0x7F
        else f"\\{octet:03d}"
        for octet in label
    )
