"""Damage to octets, the same for the same seed: what files suffer, and what attackers try."""

from __future__ import annotations

import random
from collections.abc import Callable

type Chance = random.Random

_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_TOKENS = (
    *(b"{", b"}", b"[", b"]", b'"', b"\\u0000", b"null", b"-1e999", b"<script", b"-->", b"\r\n"),
    *(b"\xc0\x0c", b"\x00" * 8, b"\xff" * 8, b"999999999:", b"data: ", b"\xef\xbb\xbf"),
)
LONGEST = 1 << 20


def mutated(seed: bytes, others: list[bytes], chance: Chance) -> bytes:
    """`seed` after one to eight kinds of damage, at most 1 MiB long."""
    octets = bytearray(seed)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        chance.choice(_DAMAGE)(octets, others, chance)
    return bytes(octets[:LONGEST])


def _place(octets: bytearray, chance: Chance) -> int:
    return chance.randrange(len(octets) + 1)


def _flip(octets: bytearray, _: list[bytes], chance: Chance) -> None:
    for _ in range(chance.choice((1, 4, 64)) if octets else 0):
        octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)


def _truncate(octets: bytearray, _: list[bytes], chance: Chance) -> None:
    del octets[_place(octets, chance) :]


def _edge(octets: bytearray, _: list[bytes], chance: Chance) -> None:
    """A length or number becomes an extreme one, in either byte order."""
    width = chance.choice((1, 2, 4))
    value = chance.choice(_EDGES) & (1 << 8 * width) - 1
    at = _place(octets, chance)
    octets[at : at + width] = value.to_bytes(width, chance.choice(("big", "little")))


def _insert(octets: bytearray, _: list[bytes], chance: Chance) -> None:
    at = _place(octets, chance)
    octets[at:at] = chance.choice((chance.randbytes(chance.randrange(64)), chance.choice(_TOKENS)))


def _remove(octets: bytearray, _: list[bytes], chance: Chance) -> None:
    at = _place(octets, chance)
    del octets[at : at + chance.choice((1, 2, 16, 256))]


def _repeat(octets: bytearray, _: list[bytes], chance: Chance) -> None:
    at = _place(octets, chance)
    part = bytes(octets[at : at + chance.choice((1, 16, 400))])
    octets[at:at] = part * chance.choice((1, 3, 200))


def _splice(octets: bytearray, others: list[bytes], chance: Chance) -> None:
    other = chance.choice(others)
    octets[_place(octets, chance) :] = other[chance.randrange(len(other) + 1) :]


_DAMAGE: tuple[Callable[[bytearray, list[bytes], Chance], None], ...] = (
    _flip,
    _truncate,
    _edge,
    _insert,
    _remove,
    _repeat,
    _splice,
)
