"""tinyproxy: the small forward proxy of a small office, with its filter, ports and login."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.lab import addresses
from tests.lab.network import Namespace
from tests.lab.parts.program import Program

PORT = 8888
USER, PASSWORD = "budi", "rahasia"


class Tinyproxy(Program):
    """Proxy on `addresses.PROXY`, port 8888, in the tunnel's namespace.

    `filtered` are regular expressions of hosts that its filter refuses. `ports` are those that
    CONNECT may go to. `login` asks for USER and PASSWORD; with `known` the user's shell has them.
    `timeout` is its idle time in seconds.
    """

    command = "tinyproxy"
    package = "tinyproxy"
    ready = r"Accepting connections|[Nn]ow accepting"
    version_argv = ("-v",)

    def __init__(
        self,
        host: Namespace,
        *,
        filtered: Sequence[str] = (),
        ports: Sequence[int] = (443,),
        login: bool = False,
        known: bool = False,
        timeout: int = 600,
        listen: str = addresses.PROXY,
    ) -> None:
        super().__init__(host)
        self._filtered = filtered
        self._ports = ports
        self._login = login
        self._timeout = timeout
        self._listen = listen
        user = f"{USER}:{PASSWORD}@" if known else ""
        self.environment = {"HTTPS_PROXY": f"http://{user}{listen}:{PORT}"}

    def argv(self, folder: Path) -> list[str]:
        lines = [
            f"Port {PORT}",
            f"Listen {self._listen}",
            f"Timeout {self._timeout}",
            "LogLevel Info",
            'ViaProxyName "tinyproxy"',
            'DefaultErrorFile "/usr/share/tinyproxy/default.html"',
            "MaxClients 200",
            *(f"ConnectPort {port}" for port in self._ports),
        ]
        if self._filtered:
            (folder / "filter").write_text("\n".join(self._filtered) + "\n")
            lines += [f'Filter "{folder}/filter"', "FilterExtended On"]
        if self._login:
            lines.append(f"BasicAuth {USER} {PASSWORD}")
        (folder / "tinyproxy.conf").write_text("\n".join(lines) + "\n")
        return [self.command, "-d", "-c", str(folder / "tinyproxy.conf")]
