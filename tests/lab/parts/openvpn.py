"""OpenVPN over UDP from the client to the tunnel's end, which pushes the default route."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab import addresses
from tests.lab.network import Namespace, Network
from tests.lab.parts.program import Program
from tests.lab.parts.tunnel_end import TunnelEnd, lead_into, lead_out

PORT = 1194
DEVICE = "tun0"
NEAR, FAR = "10.88.0.2", "10.88.0.1"


class OpenVpn:
    """The tunnel while the context lasts, for version 4 alone as many are set up.

    `ipv6` False takes version 6 off the client, so that nothing leaves beside the tunnel.
    """

    def __init__(self, network: Network, *, mtu: int = 1500, ipv6: bool = False) -> None:
        self._network = network
        self._mtu = mtu
        self._ipv6 = ipv6
        self._stack = contextlib.ExitStack()

    @staticmethod
    def why_not() -> str | None:
        return _End.why_not() or TunnelEnd.why_not()

    @staticmethod
    def version() -> str:
        return _End.version()

    def __enter__(self) -> Self:
        client, end = self._network.client, self._network.tunnel
        told = client.run(["openvpn", "--genkey", "secret", "/dev/stdout"])
        with self._stack:
            self._stack.enter_context(TunnelEnd(end, (NEAR,)))
            server = ["--local", addresses.TUNNEL[0], "--lport", str(PORT)]
            server += ["--ifconfig", FAR, NEAR]
            self._stack.enter_context(_End(end, told.stdout, server, self._mtu, ends=False))
            near = ["--remote", addresses.TUNNEL[0], str(PORT), "--nobind"]
            near += ["--ifconfig", NEAR, FAR]
            self._stack.enter_context(_End(client, told.stdout, near, self._mtu, ends=True))
            lead_into(client, DEVICE, (4,))
            self._stack.callback(lead_out, client)
            if not self._ipv6:
                closed = ("unreachable", "default", "metric", "1")
                client.run(["ip", "-6", "route", "add", *closed])
                self._stack.callback(client.run, ["ip", "-6", "route", "del", *closed])
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()


class _End(Program):
    """One end with a key that both share; `ends` waits until the other has answered."""

    command = "openvpn"
    package = "openvpn"
    ready = r"Initialization Sequence Completed|UDPv4 link remote: \[AF_UNSPEC\]"

    def __init__(
        self, host: Namespace, key: str, words: list[str], mtu: int, *, ends: bool
    ) -> None:
        super().__init__(host)
        self._key = key
        self._words = words
        self._mtu = mtu
        if ends:
            self.ready = r"Initialization Sequence Completed"  # type: ignore[misc]

    def argv(self, folder: Path) -> list[str]:
        (folder / "static.key").write_text(self._key)
        (folder / "static.key").chmod(0o600)
        return [
            *(self.command, "--dev", DEVICE, "--dev-type", "tun", "--proto", "udp4"),
            *("--secret", str(folder / "static.key"), "--cipher", "AES-256-CBC"),
            *("--tun-mtu", str(self._mtu), "--mssfix", "1450", "--ping", "10"),
            *("--verb", "3", *self._words),
        ]
