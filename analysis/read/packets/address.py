"""Addresses as text, and endpoints as numbers."""

from __future__ import annotations

import secrets
from functools import lru_cache
from socket import AF_INET6, inet_ntoa, inet_ntop
from typing import NamedTuple

import numpy as np

from analysis.read.packets.block import Ints, Words, taken
from analysis.read.packets.ip import Datagrams


class Peers(NamedTuple):
    """Sender and receiver."""

    src: str
    src_port: int
    dst: str
    dst_port: int


@lru_cache(maxsize=16_384)
def address_text(octets: bytes) -> str:
    """Dotted for 4 octets, RFC 5952 for 16."""
    return inet_ntoa(octets) if len(octets) == 4 else inet_ntop(AF_INET6, octets)


def sender_and_receiver(found: Datagrams, row: int) -> tuple[str, str]:
    """Source and destination address of one datagram."""
    at, data = int(found.ip[row]), found.data
    if found.version[row] == 4:
        both, size = taken(data, at + 12, at + 20), 4
    else:
        both, size = taken(data, at + 8, at + 40), 16
    return address_text(both[:size]), address_text(both[size:])


type Factors = tuple[int, ...]


def drawn() -> Factors:
    """Multipliers for endpoints that nobody who makes a capture can know."""
    return tuple(secrets.randbits(64) | 1 for _ in range(4))


class Endpoints:
    """Numbers for (address, port), such that nobody can choose two that collide.

    The multipliers are drawn anew for each file; a 64-bit collision by chance is
    not to be expected in any file that fits on a disk.
    """

    def __init__(self, factors: Factors | None = None) -> None:
        self._factors = [np.uint64(factor) for factor in factors or drawn()]

    def number(self, high: Words, low: Words, port: Ints) -> Words:
        """One number per endpoint, for whole columns."""
        first, second, third, last = self._factors
        mixed: Words = high * first + (low + np.uint64(1)) * second + port.astype(np.uint64) * third
        mixed ^= mixed >> np.uint64(29)
        mixed *= last
        mixed ^= mixed >> np.uint64(32)
        return mixed
