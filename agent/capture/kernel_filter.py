"""Which packets the kernel hands to the sampler, in libpcap's filter language.

Other bulk data must never reach Python: only name lookups, the start and end of
connections, handshakes in clear and what tells of a blocked path.  Of connections
to the service's own networks every segment is taken, of which the sampler keeps
the headers: loss, silences and idle timers show in nothing less.  ``tcp[...]``
reads IPv4 alone in libpcap, so IPv6 is spelled out with fixed offsets (no
extension headers, which TCP rarely has).
"""

from __future__ import annotations

from collections.abc import Iterable

_AT_4, _AT_6 = "((tcp[12] & 0xf0) >> 2)", "40 + ((ip6[52] & 0xf0) >> 2)"
_PAYLOAD_4, _PAYLOAD_6 = f"tcp[{_AT_4}]", f"ip6[{_AT_6}]"
_LENGTH_4 = f"(ip[2:2] - ((ip[0] & 0xf) << 2) - {_AT_4})"
_LENGTH_6 = "(ip6[4:2] - ((ip6[52] & 0xf0) >> 2))"


def _proxy_talk(packet: str, at: str, length: str) -> str:
    """What passes between a client and its proxy before the session's own octets.

    ``CONN`` of a CONNECT; ``HTTP`` of a refusal (its status begins with 4 or 5), or of an answer
    as short as that to a CONNECT; SOCKS5 (RFC 1928): greeting, request and reply, and of a login
    its outcome alone; SOCKS4: a request without a user's name, and its reply.
    """

    def octet(offset: int, size: int = 1) -> str:
        return f"{packet}[{at} + {offset}:{size}]"

    # reading past a packet's end makes the kernel refuse it: lengths come first
    connect = f"{octet(0, 4)} = 0x434f4e4e"
    refused = f"{octet(9)} = 0x34 or {octet(9)} = 0x35"
    answer = f"{octet(0, 4)} = 0x48545450 and ({refused} or {length} < 200)"
    request4 = f"{octet(0, 2)} = 0x0401 and {octet(8)} = 0 and {length} < 300"
    reply4 = f"{octet(0, 2)} >= 0x5a and {octet(0, 2)} <= 0x5d"
    socks5 = f"{octet(0)} = 5 and ({octet(1)} < 10 or {octet(1)} = 0xff)"
    return (
        f"(({length} > 9 and (({connect}) or ({answer}) or ({request4})))"
        f" or ({length} > 1 and {length} < 263 and {socks5})"
        f" or ({length} = 2 and {octet(0)} = 1) or ({length} = 8 and {reply4}))"
    )


# SYN, FIN, RST; records of type alert (21) and handshake (22)
_TCP_4 = (
    "(ip and tcp and (tcp[13] & 7 != 0"
    f" or ({_LENGTH_4} > 0 and ({_PAYLOAD_4} = 21 or {_PAYLOAD_4} = 22))"
    f" or {_proxy_talk('tcp', _AT_4, _LENGTH_4)}))"
)
_TCP_6 = (
    "(ip6 and ip6[6] = 6 and (ip6[53] & 7 != 0"
    f" or ({_LENGTH_6} > 0 and ({_PAYLOAD_6} = 21 or {_PAYLOAD_6} = 22))"
    f" or {_proxy_talk('ip6', _AT_6, _LENGTH_6)}))"
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


def session_filter(
    ports: Iterable[int] = (53,), only: Iterable[int] = (), whole: Iterable[str] = ()
) -> str:
    """Everything the diagnosis can use of a session, and no bulk data but that of `whole`.

    `only` are the ports that the session is known to use, where that is known;
    `whole` networks with whom every segment on port 443 counts.
    """
    parts = [dns_filter(ports), _TCP_4, _TCP_6, _HELLO_REST_4, _HELLO_REST_6, *_UDP, *_ICMP]
    networks = " or ".join(f"net {network}" for network in whole)
    if networks:
        # before any look at octets: the kernel drops a packet that has none where it looks
        parts.insert(0, f"(tcp port 443 and ({networks}))")
    taken = " or ".join(parts)
    known = sorted(set(only))
    if not known:
        return taken
    return f"({taken}) and ({' or '.join(f'port {port}' for port in known)})"
