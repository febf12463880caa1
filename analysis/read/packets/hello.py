"""ClientHello and ServerHello (RFC 8446 section 4.1, RFC 5246 section 7.4.1).

Both parsers take the body of the handshake message, without its 4-octet
header, and give what is there when the message is cut off.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

SERVER_NAME, GROUPS, SIGNATURES, ALPN = 0, 10, 13, 16
SUPPORTED_VERSIONS, ECH = 43, 0xFE0D
_MAX_EXTENSIONS = 512
_READ = (SERVER_NAME, GROUPS, SIGNATURES, ALPN, SUPPORTED_VERSIONS)
_EXTENSION = struct.Struct(">HH")
GREASE = frozenset(0x0A0A + 0x1010 * step for step in range(16))
"""The 16-bit code points of RFC 8701, which mean nothing."""


def version_text(number: int) -> str:
    """TLSv1.3 for 0x0304; 0x.... when it is no version known."""
    if number >> 8 in (0x7F, 0x7E, 0xFB):
        return "TLSv1.3"  # drafts, and Facebook's experiments with them
    return _VERSIONS.get(number, f"0x{number:04x}")


_VERSIONS = {
    0x0002: "SSLv2",
    0x0300: "SSLv3",
    0x0301: "TLSv1.0",
    0x0302: "TLSv1.1",
    0x0303: "TLSv1.2",
    0x0304: "TLSv1.3",
}


@dataclass(slots=True)
class ClientHello:
    """What a client offers. `extensions` in order of appearance; nothing is left out.

    `whole` is false when the message ended early; a fingerprint needs all of it.
    """

    version: int = 0
    ciphers: tuple[int, ...] = ()
    extensions: list[int] = field(default_factory=list)
    sni: str | None = None
    alpn: list[bytes] = field(default_factory=list)
    groups: tuple[int, ...] = ()
    signatures: tuple[int, ...] = ()
    versions: tuple[int, ...] = ()
    whole: bool = False

    @property
    def highest_version(self) -> int:
        """The highest version offered, GREASE left out."""
        offered = [number for number in self.versions if number not in GREASE]
        return max(offered, default=self.version)

    @property
    def ech(self) -> bool:
        return ECH in self.extensions


@dataclass(slots=True)
class ServerHello:
    """What the server chose; `alpn` only where it is not encrypted (before TLS 1.3)."""

    version: int = 0
    alpn: str | None = None


class _CutError(Exception):
    """The message ends here."""


class _Cursor:
    """Reads numbers and vectors from a buffer."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def left(self) -> int:
        return len(self._octets) - self._at

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def take(self, size: int) -> bytes:
        value = self._octets[self._at : self._at + size]
        if len(value) < size:
            raise _CutError
        self._at += size
        return value

    def vector(self, size: int) -> bytes:
        """A vector with its length in `size` octets."""
        return self.take(self.number(size))


def client_hello(body: bytes) -> ClientHello:
    """Parse a ClientHello."""
    hello = ClientHello()
    cursor = _Cursor(body)
    try:
        hello.version = cursor.number(2)
        cursor.take(32)
        cursor.vector(1)
        hello.ciphers = _numbers(cursor.vector(2))
        cursor.vector(1)
        if cursor.left():
            cursor.number(2)
        hello.whole = _extensions(hello, body, len(body) - cursor.left())
    except _CutError:
        pass
    return hello


def _extensions(hello: ClientHello, body: bytes, at: int) -> bool:
    """Read the extensions that begin at `at`; whether the message ends where they do.

    The longest part of the message, so without a call for each number.
    """
    found, size, header = hello.extensions, len(body), _EXTENSION.unpack_from
    while at + 4 <= size and len(found) < _MAX_EXTENSIONS:
        kind, length = header(body, at)
        begin, at = at + 4, at + 4 + length
        if at > size:
            return False
        found.append(kind)
        if kind in _READ:
            _offered(hello, kind, body[begin:at])
    return at == size


def _offered(hello: ClientHello, kind: int, value: bytes) -> None:
    if kind == SERVER_NAME:
        # one host_name entry is all that was ever defined: list length, type 0, name length
        name = value[5 : 5 + int.from_bytes(value[3:5])] if value[2:3] == b"\0" else b""
        text = name.decode("ascii", "backslashreplace").lower()
        if not text.isprintable():
            text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
        hello.sni = text or None
    elif kind == ALPN:
        hello.alpn = _names(value[2:])
    elif kind == GROUPS:
        hello.groups = _numbers(value[2:])
    elif kind == SIGNATURES:
        hello.signatures = _numbers(value[2:])
    elif kind == SUPPORTED_VERSIONS:
        hello.versions = _numbers(value[1:])


def server_hello(body: bytes) -> ServerHello:
    """Parse a ServerHello; a HelloRetryRequest is one too."""
    hello = ServerHello()
    if len(body) < 2:
        return hello
    hello.version = int.from_bytes(body[:2])
    if hello.version >> 8 == 0x7F and hello.version <= 0x7F15:
        # drafts up to 21 had neither session id nor compression here
        at = 2 + 34
    else:
        at = 2 + 32
        at += 1 + (body[at] if at < len(body) else 0) + 3
    # past the length of all extensions
    at, size = at + 2, len(body)
    while at + 4 <= size:
        kind, length = _EXTENSION.unpack_from(body, at)
        begin, at = at + 4, at + 4 + length
        if at > size:
            break
        if kind == SUPPORTED_VERSIONS and length == 2:
            hello.version = int.from_bytes(body[begin:at])
        elif kind == ALPN:
            names = _names(body[begin + 2 : at])
            hello.alpn = printable(names[0]) if names else None
    return hello


def printable(name: bytes) -> str:
    """A protocol name as text."""
    return name.decode("ascii", "backslashreplace")


def _numbers(octets: bytes) -> tuple[int, ...]:
    count = len(octets) // 2
    return struct.unpack(f">{count}H", octets[: count * 2])


def _names(octets: bytes) -> list[bytes]:
    names: list[bytes] = []
    at = 0
    while at < len(octets):
        end = at + 1 + octets[at]
        names.append(octets[at + 1 : end])
        at = end
    return names
