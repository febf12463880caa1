"""WireGuard from the client to the tunnel's end: wireguard-go on both, all traffic through it."""

from __future__ import annotations

import base64
import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests.lab import addresses
from tests.lab.network import Namespace, Network
from tests.lab.parts.program import Program, find
from tests.lab.parts.tunnel_end import TunnelEnd, lead_into, lead_out

PORT = 51820
DEVICE = "wg0"
NEAR = ("10.66.0.2", "fd66::2")
FAR = ("10.66.0.1", "fd66::1")


class WireGuard:
    """The tunnel while the context lasts; `mtu` is that of the device inside.

    `ipv6` says whether version 6 goes through it, too; without, it leaves beside the tunnel.
    `answered` False starts no far end: the tunnel stands, and all that goes into it is lost.
    """

    def __init__(
        self, network: Network, *, mtu: int = 1420, ipv6: bool = True, answered: bool = True
    ) -> None:
        self._network = network
        self._mtu = mtu
        self._versions = (4, 6) if ipv6 else (4,)
        self._answered = answered
        self._stack = contextlib.ExitStack()

    @staticmethod
    def why_not() -> str | None:
        if find("wg") is None:
            return "needs wg (Debian package wireguard-tools)"
        return _WireguardGo.why_not() or TunnelEnd.why_not()

    @staticmethod
    def version() -> str:
        return _WireguardGo.version()

    def __enter__(self) -> Self:
        near, far = X25519PrivateKey.generate(), X25519PrivateKey.generate()
        client, end = self._network.client, self._network.tunnel
        with self._stack:
            if self._answered:
                self._stack.enter_context(TunnelEnd(end, NEAR))
                listen = f"ListenPort = {PORT}\n"
                peer = f"AllowedIPs = {NEAR[0]}/32, {NEAR[1]}/128\n"
                self._side(end, FAR, _settings(far, listen, near, peer))
            peer = f"AllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = {addresses.TUNNEL[0]}:{PORT}\n"
            self._side(client, NEAR, _settings(near, "", far, peer))
            lead_into(client, DEVICE, self._versions)
            self._stack.callback(lead_out, client)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _side(self, host: Namespace, own: tuple[str, str], settings: str) -> None:
        part = self._stack.enter_context(_WireguardGo(host))
        inside = ["nsenter", "--target", str(part.pid), "--mount", "--net"]
        host.run([*inside, "wg", "setconf", DEVICE, "/dev/stdin"], input=settings)
        host.run(["ip", "address", "add", f"{own[0]}/24", "dev", DEVICE])
        host.run(["ip", "address", "add", f"{own[1]}/64", "dev", DEVICE, "nodad"])
        host.run(["ip", "link", "set", DEVICE, "up", "mtu", str(self._mtu)])


class _WireguardGo(Program):
    command = "wireguard-go"
    package = "wireguard-go"
    ready = r"UAPI listener started"

    def argv(self, folder: Path) -> list[str]:
        # its control socket lies where all network namespaces of a machine meet
        own = "mkdir -p /run/wireguard && mount -t tmpfs none /run/wireguard"
        return ["sh", "-c", f"{own} && LOG_LEVEL=verbose exec {self.command} -f {DEVICE}"]


def _settings(own: X25519PrivateKey, more: str, other: X25519PrivateKey, peer: str) -> str:
    secret = own.private_bytes(
        serialization.Encoding.Raw,
        serialization.PrivateFormat.Raw,
        serialization.NoEncryption(),
    )
    public = other.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    return (
        f"[Interface]\nPrivateKey = {base64.b64encode(secret).decode()}\n{more}"
        f"[Peer]\nPublicKey = {base64.b64encode(public).decode()}\n{peer}"
    )
