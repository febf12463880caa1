"""What a UDP payload is, by its own octets: STUN, DTLS, NTP and the protocols of tunnels.

Sources: STUN RFC 8489 section 5, DTLS RFC 9147 section 4 and RFC 6347 section
4.1, NTP RFC 5905 section 7.3, IKE RFC 7296 section 3.1 and RFC 2408 section 3.1,
its UDP encapsulation RFC 3948, L2TP RFC 2661 section 3.1, WireGuard's protocol
page (wireguard.com/protocol), OpenVPN's wire protocol (openvpn-rfc, sections 2
and 4).
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import numpy as np

from analysis.read.packets.block import Ints, Mask

COOKIE = 0x2112A442
HEAD = 8
"""Octets that `telling` looks at."""

_DTLS_VERSIONS = (0xFEFF, 0xFEFD, 0x0100)
_NTP, _IKE, _IKE_NAT, _L2TP, _OPENVPN = 123, 500, 4500, 1701, 1194
_ESP_PORTS = (4500, 4501)
_WIREGUARD_LENGTHS = {1: 148, 2: 92, 3: 64}
_IKE_HEADER = 28
_IKE_EXCHANGES = {0x10: {1, 2, 3, 4, 5, 6, 32, 33}, 0x20: set(range(34, 45))}
_RESET = {0x38: True, 0x40: False, 0x50: True}  # opcode << 3, key 0: from the client?
_HMACS = (16, 20, 28, 32, 48, 64)
_EARLY = 0xFFFF0000
"""Bits of the packet number that tls-crypt-v2 uses to negotiate early."""


class Role(Enum):
    """What a packet does in its conversation."""

    REQUEST = "request"
    RESPONSE = "response"
    OTHER = "other"


class Sign(NamedTuple):
    """A recognised packet."""

    protocol: str
    role: Role


class Carried(NamedTuple):
    """Perhaps a tunnel's data: one packet alone does not prove it, a row of them does."""

    protocol: str
    identifier: bytes
    number: int


def telling(first: Ints, second: Ints, length: Ints, sport: Ints, dport: Ints) -> Mask:
    """Which payloads `sign` should look at, by their first two 32-bit words and length."""
    top = first >> 24

    def on(*ports: int) -> Mask:
        result: Mask = np.isin(sport, ports) | np.isin(dport, ports)
        return result

    stun = (second == COOKIE) & (first >> 30 == 0) & (first & 3 == 0)
    # application data is all alike: only handshakes tell something new
    dtls = (top == 22) & np.isin(first >> 8 & 0xFFFF, _DTLS_VERSIONS)
    wireguard = np.zeros(len(first), np.bool_)
    for kind, size in _WIREGUARD_LENGTHS.items():
        wireguard |= (top == kind) & (length == size)
    openvpn = np.isin(top, tuple(_RESET)) & (length >= 14) & (length <= 1300)
    ike = (on(_IKE) | (on(_IKE_NAT) & (first == 0))) & (length >= _IKE_HEADER)
    l2tp = on(_L2TP) & (first >> 16 & 0xC80F == 0xC802)
    ntp = on(_NTP) & (length >= 48)
    result: Mask = stun | dtls | wireguard | openvpn | ike | l2tp | ntp
    return result


def sign(payload: bytes, length: int, ports: tuple[int, int]) -> Sign | None:
    """What a payload of `length` octets on the wire is; None when it is nothing known."""
    if len(payload) < HEAD:
        return None
    for test in (_stun, _dtls, _wireguard, _openvpn):
        found = test(payload, length)
        if found is not None:
            return found
    if _IKE in ports or _IKE_NAT in ports:
        return _ike(payload, length)
    if _L2TP in ports:
        return _l2tp(payload, length)
    if _NTP in ports:
        return _ntp(payload, length)
    return None


def _stun(payload: bytes, length: int) -> Sign | None:
    kind = int.from_bytes(payload[:2])
    if int.from_bytes(payload[4:8]) != COOKIE or kind >> 14 or length < 20:
        return None
    if int.from_bytes(payload[2:4]) + 20 != length:
        return None
    roles = {0x000: Role.REQUEST, 0x100: Role.RESPONSE, 0x110: Role.RESPONSE}
    return Sign("stun", roles.get(kind & 0x110, Role.OTHER))


def _dtls(payload: bytes, length: int) -> Sign | None:
    """A handshake record in clear, whose message fits into it."""
    if len(payload) < 25 or payload[0] != 22 or payload[3:5] != b"\0\0":
        return None
    if int.from_bytes(payload[1:3]) not in _DTLS_VERSIONS:
        return None
    size = int.from_bytes(payload[11:13])
    fragment = int.from_bytes(payload[22:25])
    if 13 + size > length or fragment + 12 > size:
        return None
    role = {1: Role.REQUEST, 2: Role.RESPONSE, 3: Role.RESPONSE}.get(payload[13], Role.OTHER)
    return Sign("dtls", role)


def _wireguard(payload: bytes, length: int) -> Sign | None:
    if _WIREGUARD_LENGTHS.get(payload[0]) != length or payload[1:4] != b"\0\0\0":
        return None
    return Sign("wireguard", Role.REQUEST if payload[0] == 1 else Role.RESPONSE)


def _openvpn(payload: bytes, length: int) -> Sign | None:
    """A hard reset: plain, with an HMAC (tls-auth), or encrypted (tls-crypt)."""
    client = _RESET.get(payload[0])
    if client is None or len(payload) < 14 or not any(payload[1:9]):
        return None
    role = Role.REQUEST if client else Role.RESPONSE
    rest = payload[9:]
    acknowledged = b"\0" if client else b"\1"
    if payload[0] == 0x50:
        # tls-crypt-v2: the wrapped client key stands last and ends in its own length
        wrapped = int.from_bytes(payload[-2:]) if len(payload) == length else 0
        sound = _session_packet(rest, _EARLY) and 256 <= wrapped <= length - 54
    elif rest[:1] == acknowledged and length in (14, 26):
        sound = rest[-4:] == b"\0\0\0\0"
    elif length in ((54,) if client else range(54, 101)) and _session_packet(rest):
        sound = True
    else:
        after = 13 if client else 25
        sound = any(
            length == 9 + size + 8 + after - 8
            and _session_packet(rest[size:])
            and rest[size + 8 : size + 9] == acknowledged
            and rest[-4:] == b"\0\0\0\0"
            for size in _HMACS
        )
    return Sign("openvpn", role) if sound else None


def _session_packet(octets: bytes, ignored: int = 0) -> bool:
    """A packet number as at the start of a session, and a time (2001 or later) behind it."""
    number, time = int.from_bytes(octets[:4]), int.from_bytes(octets[4:8])
    return 1 <= number & ~ignored <= 0xFFFF and time >= 1_000_000_000


def _ike(payload: bytes, length: int) -> Sign | None:
    at = 4 if payload[:4] == b"\0\0\0\0" else 0
    if len(payload) < at + _IKE_HEADER or int.from_bytes(payload[at + 24 : at + 28]) != length - at:
        return None
    version, exchange, flags = payload[at + 17 : at + 20]
    if exchange not in _IKE_EXCHANGES.get(version, ()) or not any(payload[at : at + 8]):
        return None
    if version == 0x20:
        return Sign("ike", Role.RESPONSE if flags & 0x20 else Role.REQUEST)
    opening = not any(payload[at + 8 : at + 16])
    return Sign("ike", Role.REQUEST if opening else Role.OTHER)


def _l2tp(payload: bytes, length: int) -> Sign | None:
    """A control message of L2TP version 2; its first attribute is its type."""
    if payload[0] & 0xC8 != 0xC8 or payload[1] & 0x0F != 2 or length < 12:
        return None
    if int.from_bytes(payload[2:4]) != length:
        return None
    kind = int.from_bytes(payload[18:20]) if payload[14:18] == b"\0\0\0\0" else 0
    return Sign("l2tp", {1: Role.REQUEST, 2: Role.RESPONSE}.get(kind, Role.OTHER))


def _ntp(payload: bytes, length: int) -> Sign | None:
    version, mode = payload[0] >> 3 & 7, payload[0] & 7
    if not 1 <= version <= 4 or not 1 <= mode <= 5 or length < 48:
        return None
    return Sign("ntp", {3: Role.REQUEST, 4: Role.RESPONSE}.get(mode, Role.OTHER))


def carrying(first: Ints, length: Ints, sport: Ints, dport: Ints) -> Mask:
    """Which payloads `carried` should look at."""
    wireguard = (first == 0x04000000) & (length >= 32) & (length % 16 == 0)
    esp = (np.isin(sport, _ESP_PORTS) | np.isin(dport, _ESP_PORTS)) & (first >= 256)
    openvpn = ((sport == _OPENVPN) | (dport == _OPENVPN)) & (first >> 27 == 9)
    result: Mask = (wireguard | esp | openvpn) & (length >= 24)
    return result


def carried(payload: bytes) -> Carried | None:
    """The identifier and the packet number of what may be a tunnel's data.

    Only for payloads that `carrying` chose: the port is part of the evidence.
    """
    if len(payload) < 16:
        return None
    if payload[:4] == b"\4\0\0\0":
        return Carried("wireguard", payload[4:8], int.from_bytes(payload[8:16], "little"))
    number = int.from_bytes(payload[4:8])
    return Carried("openvpn" if payload[0] >> 3 == 9 else "esp", payload[:4], number)
