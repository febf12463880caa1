"""Which packets the kernel hands to the sampler, in libpcap's filter language.

Bulk data must never reach Python: only name lookups, the start and end of
connections, handshakes in clear and what tells of a blocked path.  ``tcp[...]``
reads IPv4 alone in libpcap, so IPv6 is spelled out with fixed offsets (no
extension headers, which TCP rarely has).
"""

from __future__ import annotations

from collections.abc import Iterable

_PAYLOAD_4 = "tcp[((tcp[12] & 0xf0) >> 2)]"
_LENGTH_4 = "(ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2))"
_PAYLOAD_6 = "ip6[40 + ((ip6[52] & 0xf0) >> 2)]"
_LENGTH_6 = "(ip6[4:2] - ((ip6[52] & 0xf0) >> 2))"

# SYN, FIN, RST; records of type alert (21) and handshake (22); CONNECT ("CONN")
_TCP_4 = (
    "(ip and tcp and (tcp[13] & 7 != 0"
    f" or ({_LENGTH_4} > 0 and ({_PAYLOAD_4} = 21 or {_PAYLOAD_4} = 22))"
    f" or tcp[((tcp[12] & 0xf0) >> 2):4] = 0x434f4e4e))"
)
_TCP_6 = (
    "(ip6 and ip6[6] = 6 and (ip6[53] & 7 != 0"
    f" or ({_LENGTH_6} > 0 and ({_PAYLOAD_6} = 21 or {_PAYLOAD_6} = 22))"
    " or ip6[40 + ((ip6[52] & 0xf0) >> 2):4] = 0x434f4e4e))"
)
# A ClientHello with a post-quantum key share takes two segments, and the name
# may be in the second: short pushed segments to 443 that do not begin a data
# record (23).  Full-size segments are bulk and stay out.
_HELLO_REST_4 = (
    f"(ip and tcp dst port 443 and tcp[13] & 8 != 0 and ip[2:2] < 1300"
    f" and {_LENGTH_4} > 0 and {_PAYLOAD_4} != 23)"
)
_HELLO_REST_6 = (
    f"(ip6 and ip6[6] = 6 and ip6[42:2] = 443 and ip6[53] & 8 != 0 and ip6[4:2] < 1280"
    f" and {_LENGTH_6} > 0 and {_PAYLOAD_6} != 23)"
)
# QUIC long headers (handshake), STUN and TURN of voice, unreachable and too-big messages,
# WireGuard's handshake messages (type 1 to 3, then three zero octets)
_UDP = (
    "(udp port 443 and udp[8] & 0xc0 = 0xc0)",
    "(udp port 3478 and greater 28)",
    "(ip and udp[8:4] >= 0x01000000 and udp[8:4] <= 0x03000000 and udp[8:4] & 0xffffff = 0"
    " and (udp[4:2] = 156 or udp[4:2] = 100 or udp[4:2] = 72))",
)
_ICMP = ("(icmp and (icmp[0] = 3 or icmp[0] = 11))", "(icmp6 and ip6[40] >= 1 and ip6[40] <= 3)")


def dns_filter(ports: Iterable[int] = (53,)) -> str:
    """Name lookups alone, over UDP and TCP."""
    return " or ".join(f"port {port}" for port in sorted(set(ports)))


def session_filter(ports: Iterable[int] = (53,), only: Iterable[int] = ()) -> str:
    """Everything the diagnosis can use of a session, and no bulk data.

    `only` are the ports that the session is known to use, where that is known.
    """
    whole = " or ".join(
        (dns_filter(ports), _TCP_4, _TCP_6, _HELLO_REST_4, _HELLO_REST_6, *_UDP, *_ICMP)
    )
    known = sorted(set(only))
    if not known:
        return whole
    return f"({whole}) and ({' or '.join(f'port {port}' for port in known)})"
