"""dnsmasq as a filter in front of a resolver: Pi-hole's null answers, a vendor's page, fake IPs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab import addresses
from tests.lab.network import Namespace
from tests.lab.parts.program import Program

PI_HOLE_TTL = 2  # seconds


class Dnsmasq(Program):
    """Answers `blocked` names with its own addresses and asks `upstream` for all others.

    It listens on the client's resolver address; `upstream` is a public resolver's in the lab.
    Without `ipv6` no name has an address of version 6.
    """

    command = "dnsmasq"
    package = "dnsmasq-base"
    ready = r"started, version"

    def __init__(
        self,
        host: Namespace,
        *,
        blocked: Mapping[str, Sequence[str]],
        ttl: int = PI_HOLE_TTL,
        upstream: str = addresses.PUBLIC_RESOLVERS[0],
        listen: Sequence[str] = addresses.RESOLVER,
        ipv6: bool = True,
    ) -> None:
        super().__init__(host)
        self._ipv6 = ipv6
        self._blocked = blocked
        self._ttl = ttl
        self._upstream = upstream
        self._listen = listen

    def argv(self, folder: Path) -> list[str]:
        lines = [
            "keep-in-foreground",
            "log-facility=-",
            "user=root",
            f"pid-file={folder}/dnsmasq.pid",
            "no-hosts",
            "no-resolv",
            "bind-interfaces",
            f"server={self._upstream}",
            f"local-ttl={self._ttl}",
            *(() if self._ipv6 else ("filter-AAAA",)),
            *(f"listen-address={address}" for address in self._listen),
            *(
                f"address=/{name}/{value}"
                for name, values in self._blocked.items()
                for value in values
            ),
        ]
        (folder / "dnsmasq.conf").write_text("\n".join(lines) + "\n")
        return [self.command, f"--conf-file={folder}/dnsmasq.conf"]
