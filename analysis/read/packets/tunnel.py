"""Where the inner IP packet begins in GRE (RFC 2784), IP-in-IP (RFC 2003) and VXLAN (RFC 7348)."""

from __future__ import annotations

IP_IN_IP, UDP, IPV6_IN_IP, GRE = 4, 17, 41, 47
VXLAN_PORT = 4789
ESP, AH = 50, 51
CARRIERS = (IP_IN_IP, IPV6_IN_IP, GRE, ESP, AH)
"""IP protocols that carry another packet."""

TUNNELS = (IP_IN_IP, IPV6_IN_IP, GRE)

_IP = (b"\x08\x00", b"\x86\xdd")
_PPP = b"\x88\x0b"
_ETHERNET = b"\x65\x58"
_VLAN = b"\x81\x00"
_CHECKSUM, _KEY, _SEQUENCE, _VERSION = 0x80, 0x20, 0x10, 0x07


def inner_ip(protocol: int, payload: bytes) -> int | None:
    """Offset of the inner IP header in what follows the outer one; None when there is none.

    For UDP the payload must be that of a datagram to `VXLAN_PORT`.
    """
    if protocol in (IP_IN_IP, IPV6_IN_IP):
        return 0
    if protocol == GRE:
        return _in_gre(payload)
    if protocol == UDP and len(payload) >= 16 and payload[8] & 0x08:
        return _in_ethernet(payload, 16)
    return None


def _in_gre(payload: bytes) -> int | None:
    if len(payload) < 4 or payload[1] & _VERSION:
        return None
    offset = 4 + sum(4 for flag in (_CHECKSUM, _KEY, _SEQUENCE) if payload[0] & flag)
    if payload[2:4] in _IP:
        return offset
    if payload[2:4] == _ETHERNET:
        return _in_ethernet(payload, offset)
    return None


def _in_ethernet(payload: bytes, offset: int) -> int | None:
    at = offset + 12
    if payload[at : at + 2] == _VLAN:
        at += 4
    return at + 2 if payload[at : at + 2] in _IP else None


def carrier(protocol: int, payload: bytes) -> str | None:
    """Name of the tunnel whose IP protocol number is `protocol`; None when it is none.

    ESP is RFC 4303, AH RFC 4302, PPTP's version of GRE RFC 2637.
    """
    if protocol == GRE:
        if len(payload) < 4:
            return None
        return "pptp" if payload[1] & _VERSION == 1 and payload[2:4] == _PPP else "gre"
    return {ESP: "esp", AH: "ah", IP_IN_IP: "ipip", IPV6_IN_IP: "ipip"}.get(protocol)
