"""Privoxy: a filtering proxy that blocks by its actions file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.lab import addresses
from tests.lab.network import Namespace
from tests.lab.parts.program import Program

PORT = 8118


class Privoxy(Program):
    """Proxy on `addresses.PROXY`, port 8118, in the tunnel's namespace.

    `blocked` are URL patterns of its actions file, such as `.chatgpt.com`; they get its 403 page.
    """

    command = "privoxy"
    package = "privoxy"
    ready = r"Listening on port"

    def __init__(
        self,
        host: Namespace,
        *,
        blocked: Sequence[str] = (),
        reason: str = "Kantor Pusat",
        listen: str = addresses.PROXY,
    ) -> None:
        super().__init__(host)
        self._blocked = blocked
        self._reason = reason
        self._listen = listen
        self.environment = {"HTTPS_PROXY": f"http://{listen}:{PORT}"}

    def argv(self, folder: Path) -> list[str]:
        patterns = [f"{{ +block{{{self._reason}}} }}", *self._blocked] if self._blocked else []
        (folder / "lab.action").write_text("\n".join([*patterns, ""]))
        lines = [
            "confdir /etc/privoxy",
            "templdir /etc/privoxy/templates",
            f"logdir {folder}",
            "actionsfile match-all.action",
            "actionsfile default.action",
            f"actionsfile {folder}/lab.action",
            "filterfile default.filter",
            f"listen-address {self._listen}:{PORT}",
            "debug 4608",  # start-up banner, and errors
        ]
        (folder / "config").write_text("\n".join(lines) + "\n")
        return [self.command, "--no-daemon", str(folder / "config")]
