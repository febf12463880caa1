"""JA4, the fingerprint of a ClientHello, and nothing else of the JA4+ family.

Written from FoxIO's public description of JA4 (technical_details/JA4.md in
their repository), which is under the BSD 3-clause licence.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from analysis.read.packets.hello import ALPN, GREASE, SERVER_NAME, ClientHello

_VERSIONS = {
    0x0304: "13",
    0x0303: "12",
    0x0302: "11",
    0x0301: "10",
    0x0300: "s3",
    0x0002: "s2",
}
_EMPTY = "000000000000"


def ja4(hello: ClientHello, transport: str) -> str:
    """JA4 of `hello`, over `transport` ``t`` (TCP) or ``q`` (QUIC)."""
    # a browser says the same in every hello, but for GREASE and the order of extensions
    return _text(
        _Offer(
            transport,
            hello.highest_version,
            _sorted(hello.ciphers),
            tuple(sorted([value for value in hello.extensions if value not in GREASE])),
            _known(hello.signatures),
            hello.alpn[0] if hello.alpn else b"",
        )
    )


@lru_cache(maxsize=1024)
def _sorted(values: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(_known(values)))


@lru_cache(maxsize=1024)
def _known(values: tuple[int, ...]) -> tuple[int, ...]:
    """All but GREASE."""
    return tuple(value for value in values if value not in GREASE)


class _Offer(NamedTuple):
    """What a fingerprint is made of: no GREASE, ciphers and extensions sorted."""

    transport: str
    version: int
    ciphers: tuple[int, ...]
    extensions: tuple[int, ...]
    signatures: tuple[int, ...]
    alpn: bytes


@lru_cache(maxsize=1024)
def _text(offer: _Offer) -> str:
    transport, highest, ciphers, extensions, signatures, alpn = offer
    version = _VERSIONS.get(highest, "00")
    domain = "d" if SERVER_NAME in extensions else "i"
    counts = f"{min(len(ciphers), 99):02d}{min(len(extensions), 99):02d}"
    hashed = _hex(value for value in extensions if value not in (SERVER_NAME, ALPN))
    parts = ",".join(hashed) + ("_" + ",".join(_hex(signatures)) if signatures else "")
    return "_".join(
        (
            transport + version + domain + counts + _alpn_mark(alpn),
            _digest(",".join(_hex(ciphers))),
            _digest(parts) if hashed else _EMPTY,
        )
    )


def _alpn_mark(alpn: bytes) -> str:
    """First and last character of a protocol's name; of its hex form if not alphanumeric."""
    if not alpn:
        return "00"
    first, last = alpn[:1], alpn[-1:]
    if first.isalnum() and last.isalnum():
        return (first + last).decode("ascii")
    return first.hex()[0] + last.hex()[1]


def _hex(values: Iterable[int]) -> list[str]:
    return [f"{value:04x}" for value in values]


def _digest(text: str) -> str:
    return sha256(text.encode("ascii")).hexdigest()[:12] if text else _EMPTY
