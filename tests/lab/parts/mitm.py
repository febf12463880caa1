"""mitmdump as a secure web gateway: it re-signs TLS, holds streams back, spoils upgrades.

Explicit on `addresses.PROXY` or transparent on the router. It is a real proxy of many networks'
kind, and not chatpath's recorder: it runs as a program of its own with another authority.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.lab import addresses
from tests.lab.network import Namespace
from tests.lab.parts.nft import Nft, redirects
from tests.lab.parts.program import Program
from tests.lab.parts.vendor_ca import write_ca

PORT = 8080
_ADDON = Path(__file__).with_name("mitm_addon.py")


class Mitm(Program):
    """Gateway with the authority `issuer` of `vendor_ca.ISSUERS`, trusted here when `installed`.

    `behaviour` are settings of `mitm_addon.Gateway`. `transparent` takes over, where it runs,
    TCP 443 to `victims` (all of the service's addresses by default). `opened` are regular
    expressions of the hosts whose TLS it opens (all by default); `tcp_only` opens none, and is then
    just the point where TCP ends. `http2` False loses h2, as many gateways do.
    """

    command = "mitmdump"
    package = "mitmproxy, from pip"
    ready = r"(?i)proxy listening at"

    def __init__(
        self,
        host: Namespace,
        *,
        issuer: str = "company",
        installed: bool = True,
        behaviour: Mapping[str, Any] | None = None,
        transparent: bool = False,
        victims: Sequence[str] | None = None,
        opened: Sequence[str] = (),
        tcp_only: bool = False,
        http2: bool = True,
        listen: str = addresses.PROXY,
        device: str = "lan",
    ) -> None:
        super().__init__(host)
        self._issuer = issuer
        self._installed = installed
        self.trusted: list[Path] = []
        self.environment = {} if transparent else {"HTTPS_PROXY": f"http://{listen}:{PORT}"}
        self._behaviour = behaviour or {}
        self._transparent = transparent
        self._opened = opened
        self._tcp_only = tcp_only
        self._http2 = http2
        self._listen = listen
        victims = addresses.service_addresses() if victims is None else victims
        rules = redirects(device, victims, PORT)
        self._redirect = Nft(host, [], nat=rules) if transparent else None

    @classmethod
    def why_not(cls) -> str | None:
        return None

    @classmethod
    def version(cls) -> str:
        from importlib.metadata import version

        return f"mitmproxy {version('mitmproxy')}"

    def argv(self, folder: Path) -> list[str]:
        root, both = write_ca(folder, self._issuer)
        shutil.copyfile(both, folder / "mitmproxy-ca.pem")
        self.trusted = [root] if self._installed else []
        (folder / "gateway.json").write_text(json.dumps(dict(self._behaviour)))
        options = {
            "confdir": folder,
            "http2": str(self._http2).lower(),
            "connection_strategy": "lazy" if self._tcp_only else "eager",
            "gateway_settings": folder / "gateway.json",
            "flow_detail": 0,
            "ssl_insecure": "true",
        }
        words = [sys.executable, "-c", "from mitmproxy.tools.main import mitmdump; mitmdump()"]
        if self._transparent:
            words += ["--mode", f"transparent@{PORT}"]
        else:
            words += ["--mode", f"regular@{self._listen}:{PORT}"]
        words += ["--scripts", str(_ADDON)]
        for key, value in options.items():
            words += ["--set", f"{key}={value}"]
        if self._tcp_only:
            words += ["--ignore-hosts", ".*"]
        for pattern in self._opened:
            words += ["--allow-hosts", pattern]
        return words

    def started(self, folder: Path) -> None:
        if self._redirect is not None:
            self._redirect.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._redirect is not None and self._process is not None and self._is_ready:
            self._redirect.__exit__(kind, error, traceback)
        super().__exit__(kind, error, traceback)
