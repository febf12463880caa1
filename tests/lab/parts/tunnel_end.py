"""What every tunnel needs around it: routes into it, and a far end that passes traffic on."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.lab import addresses
from tests.lab.network import Namespace
from tests.lab.parts.program import find

_HALVES = {4: ("0.0.0.0/1", "128.0.0.0/1"), 6: ("::/1", "8000::/1")}
_FORWARD = {4: "/proc/sys/net/ipv4/ip_forward", 6: "/proc/sys/net/ipv6/conf/all/forwarding"}


class TunnelEnd:
    """The far end sends what `near` (one address per version) says on in its own name."""

    def __init__(self, host: Namespace, near: Sequence[str]) -> None:
        self.host = host
        self._rules = [
            (
                "ip6tables" if ":" in inner else "iptables",
                ("POSTROUTING", "-s", inner, "-o", "eth0", "-j", "SNAT", "--to-source", outer),
            )
            for inner, outer in zip(near, addresses.TUNNEL, strict=False)
        ]

    @staticmethod
    def why_not() -> str | None:
        return None if find("iptables") else "needs iptables (Debian package iptables)"

    def __enter__(self) -> Self:
        for path in _FORWARD.values():
            self.host.run(["sh", "-c", f"echo 1 > {path}"])
        for command, rule in self._rules:
            self.host.run([command, "-w", "-t", "nat", "-A", *rule])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for command, rule in self._rules:
            self.host.run([command, "-w", "-t", "nat", "-D", *rule])


def lead_into(client: Namespace, device: str, versions: Sequence[int]) -> None:
    """Send everything but the tunnel itself into `device`, as VPN clients do with two halves."""
    outer = addresses.TUNNEL[0]
    client.run(["ip", "route", "add", outer, "via", addresses.CLIENT_GATEWAY[0]])
    for version in versions:
        for half in _HALVES[version]:
            client.run(["ip", f"-{version}", "route", "add", half, "dev", device])


def lead_out(client: Namespace) -> None:
    """Take the way to the tunnel's end back; the routes into a device end with it."""
    client.run(["ip", "route", "del", addresses.TUNNEL[0]])
