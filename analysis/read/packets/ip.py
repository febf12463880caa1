"""IPv4 and IPv6 headers of a whole block, down to TCP and UDP.

Fragments are put together and one level of tunnelling is unwrapped; both are
rare and go packet by packet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.read.packets.block import (
    PADDING,
    Block,
    Data,
    Ints,
    Mask,
    Words,
    gather,
    octets,
    taken,
    u16,
)
from analysis.read.packets.fragments import Fragments
from analysis.read.packets.link import IPV4, IPV6, locate_ip
from analysis.read.packets.tunnel import TUNNELS, VXLAN_PORT, inner_ip

TCP, UDP = 6, 17
_HEADER4 = np.dtype(
    [
        ("first", "u1"),
        ("tos", "u1"),
        ("length", ">u2"),
        ("id", ">u2"),
        ("fragment", ">u2"),
        ("ttl", "u1"),
        ("protocol", "u1"),
        ("checksum", ">u2"),
        ("src", ">u4"),
        ("dst", ">u4"),
    ]
)
_HEADER6 = np.dtype(
    [
        ("first", ">u4"),
        ("length", ">u2"),
        ("next", "u1"),
        ("hops", "u1"),
        ("src_high", ">u8"),
        ("src_low", ">u8"),
        ("dst_high", ">u8"),
        ("dst_low", ">u8"),
    ]
)
_FRAGMENT6, _AUTHENTICATION = 44, 51
_EXTENSIONS = (0, 43, 60, 135, 139, 140, _FRAGMENT6, _AUTHENTICATION)
_MAX_EXTENSIONS = 16
# by protocol number; the -1 of what has none finds the last entry, which is false
_UNWRAPPED, _EXTENDING = np.zeros((2, 257), np.bool_)
_UNWRAPPED[list(TUNNELS)] = True
_EXTENDING[list(_EXTENSIONS)] = True
_COLUMNS = (
    *("ip", "version", "transport", "end", "captured", "protocol", "ttl", "ip_id"),
    *("src_high", "src_low", "dst_high", "dst_low", "fragment"),
)


@dataclass(slots=True)
class Datagrams:
    """The IP packets of a block, one entry each.

    An entry stands for the packet at the same index of the block. `ip` and
    `transport` are offsets of the two headers in `data`; `end` is where the IP
    packet ends by its own length, `captured` where the captured octets end
    (never past `end`). `protocol` is -1 for what is not IP and for a fragment
    that could not be put together. `ip_id` is -1 for IPv6. The address halves
    identify an endpoint; IPv4 sits in the low half. `carriers` are the tunnel
    packets that the entries `carrying` came in, with the outer addresses.
    """

    data: Data
    ip: Ints
    version: Ints
    transport: Ints
    end: Ints
    captured: Ints
    protocol: Ints
    ttl: Ints
    ip_id: Ints
    src_high: Words
    src_low: Words
    dst_high: Words
    dst_low: Words
    fragment: Mask
    carriers: Datagrams | None = None
    carrying: Ints | None = None

    def of(self, protocol: int, header: int) -> Ints:
        """Entries of `protocol` whose first `header` octets were captured."""
        room = self.transport + header <= self.captured
        return np.flatnonzero((self.protocol == protocol) & room)


def datagrams(block: Block, fragments: Fragments) -> Datagrams:
    """Decode the IP layer of `block`; `fragments` remembers pieces between blocks."""
    start, kind = locate_ip(block)
    wire_end = block.offset + np.maximum(block.wirelen, block.caplen)
    captured = block.offset + block.caplen
    found = _decode(block.data, start, kind, wire_end, captured)
    pieces = np.flatnonzero(found.fragment)
    if len(pieces):
        _reassembled(found, pieces, fragments)
    tunnelled = np.flatnonzero(_UNWRAPPED[found.protocol])
    outer = np.concatenate([tunnelled, _vxlan(found)])
    if len(outer):
        _unwrapped(found, outer)
    return found


def _decode(data: Data, start: Ints, kind: Ints, wire_end: Ints, captured: Ints) -> Datagrams:
    """All packets: `kind` 0x0800, 0x86DD or anything else for "not IP"."""
    count = len(start)
    zeros = np.zeros(count, np.int64)
    out = Datagrams(
        data,
        start,
        zeros.copy(),
        start.copy(),
        wire_end.copy(),
        captured.copy(),
        np.full(count, -1, np.int64),
        zeros.copy(),
        np.full(count, -1, np.int64),
        np.zeros(count, np.uint64),
        np.zeros(count, np.uint64),
        np.zeros(count, np.uint64),
        np.zeros(count, np.uint64),
        np.zeros(count, np.bool_),
    )
    four = np.flatnonzero((kind == IPV4) & (start + 20 <= captured))
    if len(four):
        _decode4(out, four)
    six = np.flatnonzero((kind == IPV6) & (start + 40 <= captured))
    if len(six):
        _decode6(out, six)
    np.minimum(out.captured, out.end, out=out.captured)
    return out


def _decode4(out: Datagrams, rows: Ints) -> None:
    header = gather(out.data, _HEADER4, out.ip[rows])
    first = header["first"].astype(np.int64)
    length = header["length"].astype(np.int64)
    header_length = (first & 15) * 4
    start = out.ip[rows]
    sound = (first >> 4 == 4) & (header_length >= 20)
    # a total length of 0 is left by segmentation offload: the frame's length counts
    whole = np.where(length >= header_length, start + length, out.end[rows])
    out.version[rows] = np.where(sound, 4, 0)
    out.end[rows] = np.minimum(whole, out.end[rows])
    out.transport[rows] = start + header_length
    out.protocol[rows] = np.where(sound, header["protocol"].astype(np.int64), -1)
    out.ttl[rows] = header["ttl"]
    out.ip_id[rows] = header["id"]
    out.src_low[rows] = header["src"]
    out.dst_low[rows] = header["dst"]
    fragment = sound & (header["fragment"] & 0x3FFF != 0)
    out.fragment[rows] = fragment
    out.protocol[rows[fragment]] = -1


def _decode6(out: Datagrams, rows: Ints) -> None:
    header = gather(out.data, _HEADER6, out.ip[rows])
    start = out.ip[rows]
    length = header["length"].astype(np.int64)
    sound = header["first"] >> 28 == 6
    whole = np.where(length > 0, start + 40 + length, out.end[rows])
    out.version[rows] = np.where(sound, 6, 0)
    out.end[rows] = np.minimum(whole, out.end[rows])
    out.transport[rows] = start + 40
    out.protocol[rows] = np.where(sound, header["next"].astype(np.int64), -1)
    out.ttl[rows] = header["hops"]
    out.src_high[rows], out.src_low[rows] = header["src_high"], header["src_low"]
    out.dst_high[rows], out.dst_low[rows] = header["dst_high"], header["dst_low"]
    _step_over_extensions(out, rows)


def _step_over_extensions(out: Datagrams, rows: Ints) -> None:
    """IPv6 extension headers (RFC 8200 section 4); a fragment header marks a fragment."""
    view = octets(out.data)
    for _ in range(_MAX_EXTENSIONS):
        rows = rows[_EXTENDING[out.protocol[rows]]]
        rows = rows[out.transport[rows] + 8 <= out.captured[rows]]
        if not len(rows):
            return
        at, kind = out.transport[rows], out.protocol[rows]
        units = view[at + 1].astype(np.int64)
        step = np.where(kind == _AUTHENTICATION, (units + 2) * 4, (units + 1) * 8)
        step = np.where(kind == _FRAGMENT6, 8, step)
        out.transport[rows] = at + step
        out.protocol[rows] = view[at]
        piece = (kind == _FRAGMENT6) & (u16(out.data, at + 2) & 0xFFF9 != 0)
        out.fragment[rows[piece]] = True
        out.protocol[rows[piece]] = -1


def _reassembled(found: Datagrams, pieces: Ints, fragments: Fragments) -> None:
    """Give the last piece of each datagram the whole of it, kept behind the block's own data."""
    rows: list[int] = []
    starts: list[int] = []
    wholes: list[bytes] = []
    at = len(found.data) - len(PADDING)
    for row in pieces.tolist():
        ip, end = int(found.ip[row]), int(found.end[row])
        if found.captured[row] < end:
            # it cannot be put together, but its first piece has the transport's header
            found.protocol[row] = _first_of_cut(found, row)
            continue
        whole = fragments.add(taken(found.data, ip, end))
        if whole is not None:
            rows.append(row)
            starts.append(at)
            wholes.append(whole)
            at += len(whole)
    if rows:
        data = b"".join((memoryview(found.data)[: -len(PADDING)], *wholes, PADDING))
        start = np.array(starts, np.int64)
        end_of = start + np.array([len(whole) for whole in wholes], np.int64)
        which = np.array(rows, np.int64)
        _decode_again(found, data, which, start=start, end=end_of, captured=end_of)


def _first_of_cut(found: Datagrams, row: int) -> int:
    """The protocol in the first fragment of a datagram; -1 in any other fragment."""
    ip, transport, data = int(found.ip[row]), int(found.transport[row]), found.data
    if found.version[row] == 4:
        first = int.from_bytes(taken(data, ip + 6, ip + 8)) & 0x1FFF == 0
        return data[ip + 9] if first else -1
    first = int.from_bytes(taken(data, transport - 6, transport - 4)) & 0xFFF8 == 0
    return data[transport - 8] if first else -1


def _unwrapped(found: Datagrams, outer: Ints) -> None:
    """Replace tunnel packets by the packet inside, one level."""
    rows: list[int] = []
    starts: list[int] = []
    for row in outer.tolist():
        at, captured = int(found.transport[row]), int(found.captured[row])
        offset = inner_ip(int(found.protocol[row]), taken(found.data, at, min(captured, at + 64)))
        if offset is not None and at + offset + 20 <= captured:
            rows.append(row)
            starts.append(at + offset)
    if rows:
        which = np.array(rows, np.int64)
        start = np.array(starts, np.int64)
        found.carriers = Datagrams(found.data, *(getattr(found, name)[which] for name in _COLUMNS))
        found.carrying = which
        until, captured_end = found.end[which], found.captured[which]
        _decode_again(found, found.data, which, start=start, end=until, captured=captured_end)


def _decode_again(
    found: Datagrams, data: Data, rows: Ints, *, start: Ints, end: Ints, captured: Ints
) -> None:
    """Decode an IP packet at `start` in `data` in place of each of `rows`."""
    version = octets(data)[start] >> 4
    kind = np.where(version == 4, IPV4, np.where(version == 6, IPV6, 0))
    inner = _decode(data, start, kind, end, captured)
    found.data = data
    for name in _COLUMNS:
        getattr(found, name)[rows] = getattr(inner, name)


def _vxlan(found: Datagrams) -> Ints:
    udp = found.of(UDP, 16)
    to_port: Mask = u16(found.data, found.transport[udp] + 2) == VXLAN_PORT
    return udp[to_port]
