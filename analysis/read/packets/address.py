"""Addresses as text, and endpoints as numbers."""

from __future__ import annotations

import os
from functools import lru_cache
from socket import AF_INET6, inet_ntoa, inet_ntop
from typing import NamedTuple

import numpy as np

from analysis.read.packets.block import Ints, Octets, Words, gather, taken
from analysis.read.packets.ip import Datagrams

_PORTS = np.dtype([("source", ">u2"), ("target", ">u2")])


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
    return addresses(found.data, int(found.ip[row]), int(found.version[row]))


def addresses(data: Octets, ip: int, version: int) -> tuple[str, str]:
    """Source and destination of the IP header at `ip`."""
    if version == 4:
        both, size = taken(data, ip + 12, ip + 20), 4
    else:
        both, size = taken(data, ip + 8, ip + 40), 16
    return address_text(both[:size]), address_text(both[size:])


class Ends(NamedTuple):
    """Who sent each entry of `Datagrams` to whom, as numbers.

    `sender` is of the address, `source` and `target` are of address and port; these
    two mean something for TCP and UDP only.
    """

    sender: Words
    source: Words
    target: Words


class Endpoints:
    """Numbers for (address, port), such that nobody can choose two that collide.

    The multipliers are drawn anew for each file; a 64-bit collision by chance is
    not to be expected in any file that fits on a disk.
    """

    def __init__(self) -> None:
        # nobody who makes a capture can know them
        self._factors = [np.uint64(int.from_bytes(os.urandom(8)) | 1) for _ in range(4)]

    def number(self, high: Words, low: Words, port: Ints) -> Words:
        """One number per endpoint, for whole columns."""
        return self._at_port(self._address(high, low), port.astype(np.uint64))

    def ends(self, found: Datagrams) -> Ends:
        """The ends of all datagrams of a block."""
        sender = self._address(found.src_high, found.src_low)
        receiver = self._address(found.dst_high, found.dst_low)
        # what begins past the data has no ports to be read, and no use for a number
        at = np.minimum(found.transport, len(found.data) - _PORTS.itemsize)
        ports = gather(found.data, _PORTS, at)
        return Ends(
            sender,
            self._at_port(sender, ports["source"].astype(np.uint64)),
            self._at_port(receiver, ports["target"].astype(np.uint64)),
        )

    def _address(self, high: Words, low: Words) -> Words:
        mixed: Words = high * self._factors[0]
        # halves that only differ in their highest bits would cancel each other out otherwise
        mixed ^= mixed >> np.uint64(31)
        mixed += (low + np.uint64(1)) * self._factors[1]
        return mixed

    def _at_port(self, address: Words, port: Words) -> Words:
        mixed = address + port * self._factors[2]
        mixed ^= mixed >> np.uint64(29)
        mixed *= self._factors[3]
        mixed ^= mixed >> np.uint64(32)
        return mixed
