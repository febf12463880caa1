"""Dante's danted: a SOCKS proxy of an office, with rules of its own and lookups of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.lab import addresses
from tests.lab.network import Namespace
from tests.lab.parts.program import Program

PORT = 1080


class Dante(Program):
    """Proxy on `addresses.PROXY`, port 1080, in the tunnel's namespace.

    `denied` are hosts or domains (`.chatgpt.com`) that its rules refuse. The browser is told of
    it by `--proxy-server=socks5://10.20.30.40:1080`, and leaves lookups to it. With `login` it
    lets nobody in who gives none.
    """

    command = "danted"
    package = "dante-server"
    ready = r"running$"
    version_argv = ("-v",)

    def __init__(
        self,
        host: Namespace,
        *,
        denied: Sequence[str] = (),
        listen: str = addresses.PROXY,
        login: bool = False,
    ) -> None:
        super().__init__(host)
        self._denied = denied
        self._listen = listen
        self._method = "username" if login else "none"

    def argv(self, folder: Path) -> list[str]:
        everything = "from: 0.0.0.0/0 to: 0.0.0.0/0"
        lines = [
            "logoutput: stdout",
            f"internal: {self._listen} port = {PORT}",
            f"external: {addresses.TUNNEL[0]}",
            "clientmethod: none",
            f"socksmethod: {self._method}",
            "user.privileged: root",
            "user.unprivileged: nobody",
            f"client pass {{ {everything} }}",
            *(f"socks block {{ from: 0.0.0.0/0 to: {name} }}" for name in self._denied),
            f"socks pass {{ {everything} protocol: tcp udp }}",
        ]
        (folder / "danted.conf").write_text("\n".join(lines) + "\n")
        return [self.command, "-f", str(folder / "danted.conf"), "-p", str(folder / "pid")]
