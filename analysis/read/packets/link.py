"""From the link layer to the IP header, for a whole block at once.

Link types are the LINKTYPE_ numbers of tcpdump.org/linktypes.html.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.read.packets.block import Block, Data, Ints, u16

IPV4, IPV6 = 0x0800, 0x86DD
_VLAN = (0x8100, 0x88A8, 0x9100, 0x9200)
_PPPOE_SESSION, _MPLS = 0x8864, 0x8847
_LLC_SNAP, _SNAP_LENGTH = 0xAAAA, 8
_MAX_TAGS = 8
_TAGGED = np.zeros(1 << 16, np.bool_)
_TAGGED[[*_VLAN, _PPPOE_SESSION, _MPLS]] = True

type Located = tuple[Ints, Ints]
"""Offset of the network header and its EtherType, per packet; type 0 when it is not IP."""


def locate_ip(block: Block) -> Located:
    """Where each packet's IP header begins, and 0x0800 or 0x86DD; type 0 for anything else."""
    start = np.zeros(len(block), np.int64)
    kind = np.zeros(len(block), np.int64)
    for link in np.unique(block.link).tolist():
        decoder = _DECODERS.get(link)
        if decoder is None:
            continue
        mine = np.flatnonzero((block.link == link) & (block.caplen >= 20))
        if len(mine):
            start[mine], kind[mine] = decoder(block.data, block.offset[mine])
    # gathers below read a few octets past `start`; what lies past the packet is no header
    kind[start + 20 > block.offset + block.caplen] = 0
    return start, kind


def _by_version(data: Data, start: Ints) -> Located:
    """The version field itself says whether IPv4 or IPv6 begins here."""
    version = u16(data, start) >> 12
    return start, np.where(version == 4, IPV4, np.where(version == 6, IPV6, 0))


def _ethernet(data: Data, offset: Ints) -> Located:
    kind = u16(data, offset + 12)
    start = offset + 14
    snap = (kind <= 1500) & (u16(data, start) == _LLC_SNAP)
    if snap.any():
        kind = np.where(snap, u16(data, start + 6), kind)
        start = np.where(snap, start + _SNAP_LENGTH, start)
    return _past_tags(data, start, kind)


def _past_tags(data: Data, start: Ints, kind: Ints) -> Located:
    """Step over VLAN tags, MPLS labels and PPPoE session headers."""
    limit = len(data) - 16
    for _ in range(_MAX_TAGS):
        tagged = np.flatnonzero(_TAGGED[kind] & (start < limit))
        if not len(tagged):
            return start, kind
        at, was = start[tagged], kind[tagged]
        inner, step = u16(data, at + 2), np.full(len(at), 4, np.int64)
        session = was == _PPPOE_SESSION
        if session.any():
            inner = np.where(session, _ethertype_of_ppp(u16(data, at + 6)), inner)
            step = np.where(session, 8, step)
        label = was == _MPLS
        if label.any():
            bottom = (inner >> 8) & 1 == 1
            below = _by_version(data, at + 4)[1]
            inner = np.where(label, np.where(bottom, below, _MPLS), inner)
        start, kind = start.copy(), kind.copy()
        start[tagged], kind[tagged] = at + step, inner
    return start, kind


def _ethertype_of_ppp(protocol: Ints) -> Ints:
    return np.where(protocol == 0x0021, IPV4, np.where(protocol == 0x0057, IPV6, 0))


def _ppp(data: Data, offset: Ints) -> Located:
    """PPP, with or without its address and control octets (RFC 1662)."""
    framed = u16(data, offset) == 0xFF03
    start = np.where(framed, offset + 2, offset)
    protocol = u16(data, start)
    short = (protocol >> 8) & 1 == 1  # protocol field compression: one octet, and that is odd
    protocol = np.where(short, protocol >> 8, protocol)
    return np.where(short, start + 1, start + 2), _ethertype_of_ppp(protocol)


def _fixed(length: int, kind_at: int) -> Callable[[Data, Ints], Located]:
    """A header of fixed length with the EtherType at `kind_at`."""

    def decode(data: Data, offset: Ints) -> Located:
        return _past_tags(data, offset + length, u16(data, offset + kind_at))

    return decode


def _skipped(length: int) -> Callable[[Data, Ints], Located]:
    """A header of fixed length, after which the IP version tells."""

    def decode(data: Data, offset: Ints) -> Located:
        return _by_version(data, offset + length)

    return decode


def _pppoe(data: Data, offset: Ints) -> Located:
    return offset + 8, _ethertype_of_ppp(u16(data, offset + 6))


_RAW = _skipped(0)
_NULL = _skipped(4)
_DECODERS: dict[int, Callable[[Data, Ints], Located]] = {
    0: _NULL,
    1: _ethernet,
    9: _ppp,
    12: _RAW,
    14: _RAW,
    50: _ppp,
    51: _pppoe,
    101: _RAW,
    104: _fixed(4, 2),
    108: _NULL,
    109: _skipped(12),
    113: _fixed(16, 14),
    228: _RAW,
    229: _RAW,
    276: _fixed(20, 0),
}
