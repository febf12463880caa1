"""nftables on the router: what a firewall blocks by address, port and protocol."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.lab.network import Namespace
from tests.lab.parts.program import PartError, Program, find


class Nft:
    """Rules of the forward path while the context lasts: `with Nft(network.router, [...]): ...`.

    `rules` are nftables statements, as the functions below give; `output` are those for packets
    that the router itself sends, `nat` those before routing.
    """

    def __init__(
        self,
        host: Namespace,
        rules: Sequence[str] = (),
        *,
        output: Sequence[str] = (),
        nat: Sequence[str] = (),
        priority: int = 0,
    ) -> None:
        self.host = host
        self._table = f"lab_{secrets.token_hex(3)}"
        self._chains = {
            f"forward {{ type filter hook forward priority {priority}; policy accept;": rules,
            f"output {{ type filter hook output priority {priority}; policy accept;": output,
            "prerouting { type nat hook prerouting priority dstnat; policy accept;": nat,
        }

    @staticmethod
    def why_not() -> str | None:
        if find("nft") is None:
            return "needs nft (Debian package nftables)"
        return None

    @staticmethod
    def version() -> str:
        return _Version.version()

    def __enter__(self) -> Self:
        text = [f"table inet {self._table} {{"]
        for head, rules in self._chains.items():
            if rules:
                text += [f"chain {head}", *rules, "}"]
        script = "\n".join([*text, "}"]) + "\n"
        result = self.host.run(["nft", "-f", "-"], input=script, check=False)
        if result.returncode:
            raise PartError(f"nft did not take the rules: {result.stderr.strip()[:400]}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.host.run(["nft", "delete", "table", "inet", self._table])


class _Version(Program):
    command = "nft"
    package = "nftables"
    ready = ""


def to(addresses: Sequence[str], match: str = "") -> list[str]:
    """Matches for packets to any of the addresses, one per IP version."""
    return [f"{text} {match}".strip() for text in _sides("daddr", addresses)]


def between(addresses: Sequence[str], match: str = "") -> list[str]:
    """Matches for packets to or from any of the addresses; `match` comes after."""
    both = _sides("daddr", addresses) + _sides("saddr", addresses)
    return [f"{text} {match}".strip() for text in both]


def drop(addresses: Sequence[str], match: str = "") -> list[str]:
    """Swallow what goes to the addresses."""
    return [f"{text} drop" for text in to(addresses, match)]


def reset(addresses: Sequence[str], match: str = "tcp dport 443") -> list[str]:
    """Answer connections to the addresses with a reset."""
    return [f"{text} reject with tcp reset" for text in to(addresses, match)]


def prohibit(addresses: Sequence[str], match: str = "") -> list[str]:
    """Answer with ICMP "administratively prohibited"."""
    return [f"{text} reject with icmpx type admin-prohibited" for text in to(addresses, match)]


def no_udp(port: int) -> list[str]:
    """Swallow UDP to a port: 443 is QUIC, 3478 is voice."""
    return [f"udp dport {port} drop"]


IPV6_BLACK_HOLE = ["meta nfproto ipv6 drop"]
NO_TOO_BIG = [
    "icmp type destination-unreachable icmp code frag-needed drop",
    "icmpv6 type packet-too-big drop",
]
"""For `output`: the router keeps to itself that a packet was too big."""


def _sides(side: str, addresses: Sequence[str]) -> list[str]:
    texts = []
    for family, values in (
        ("ip", [address for address in addresses if ":" not in address]),
        ("ip6", [address for address in addresses if ":" in address]),
    ):
        if values:
            texts.append(f"{family} {side} {{ {', '.join(values)} }}")
    return texts


def redirects(device: str, places: Sequence[str], port: int) -> list[str]:
    """`nat` statements that hand TCP 443 from `device` to these addresses to a local port."""
    return [
        f'iifname "{device}" {side} tcp dport 443 redirect to :{port}'
        for side in _sides("daddr", places)
    ]
