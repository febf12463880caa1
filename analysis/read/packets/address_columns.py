"""Addresses of many packets as one column of text, each distinct one written once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from analysis.read.packets.address import address_text
from analysis.read.packets.block import Ints, Words


def address_column(version: Ints, high: Words, low: Words) -> pa.Array:
    """Texts of addresses given as halves (see `Datagrams`); `version` is 4 or 6, per entry."""
    six = (version == 6).astype(np.uint64)
    halves = np.stack([six, high, low], axis=1)
    # rows of three numbers compare faster as one opaque value than by axis
    whole = np.ascontiguousarray(halves).view(np.dtype((np.void, 24))).ravel()
    _, first, which = np.unique(whole, return_index=True, return_inverse=True)
    texts = [_text(*halves[row].tolist()) for row in first.tolist()]
    return pa.array(texts, pa.string()).take(pa.array(which))


def _text(six: int, high: int, low: int) -> str:
    octets = high.to_bytes(8) + low.to_bytes(8) if six else low.to_bytes(4)
    return address_text(octets)
