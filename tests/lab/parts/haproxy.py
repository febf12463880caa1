"""HAProxy on the way: a TCP gate that reads a ClientHello's name, or an HTTP proxy in front."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.lab import addresses
from tests.lab.network import Namespace
from tests.lab.parts.nft import Nft, redirects
from tests.lab.parts.program import Program
from tests.lab.parts.vendor_ca import write_ca, write_leaf

PORT = 8443
DENIALS = {
    "tcp": {
        "reject": "tcp-request content reject if denied",
        "silent-drop": "tcp-request content silent-drop if denied",
        "no-server": "use_backend nobody if denied",
    },
    "http": {
        "deny": "http-request deny if denied",
        "silent-drop": "http-request silent-drop if denied",
        "no-server": "use_backend nobody if denied",
    },
}
"""By mode, what is done with a denied name, in the words of its configuration."""
NAMES = (
    *("chatgpt.com", "*.chatgpt.com", "openai.com", "*.openai.com", "*.oaistatic.com"),
    *("*.oaiusercontent.com", "challenges.cloudflare.com", "*.oaistatsig.com"),
    *("*.ingest.sentry.io", "*.browser-intake-datadoghq.com", "*.example.org"),
)


class Haproxy(Program):
    """Transparent on the router: TCP 443 to the service's addresses passes through it.

    `mode` "tcp" leaves TLS as it is and goes by the name in the ClientHello; "http" ends TLS with
    a certificate of the authority `issuer` (see `vendor_ca.ISSUERS`), trusted here when
    `installed`, and goes by the Host header. `denied` names, with those below, get `denial`: a key
    of DENIALS. `idle` is how many seconds of silence an open connection or websocket may have.
    `tls` are further words of its `bind` line, such as `ssl-max-ver TLSv1.2`; its certificate is
    for `names`.
    """

    command = "haproxy"
    package = "haproxy"
    ready = r"Loading success"
    version_argv = ("-v",)

    def __init__(
        self,
        host: Namespace,
        *,
        mode: str = "tcp",
        denied: Sequence[str] = (),
        denial: str = "no-server",
        idle: float = 3600.0,
        tls: str = "",
        names: Sequence[str] = NAMES,
        issuer: str = "company",
        installed: bool = True,
        device: str = "lan",
    ) -> None:
        if denial not in DENIALS.get(mode, ()):
            raise TypeError(f"mode is one of {list(DENIALS)}, denial one of its own")
        super().__init__(host)
        self._mode = mode
        self._denied = denied
        self._denial = denial
        self._idle = idle
        self._tls = tls
        self._names = names
        self._issuer = issuer
        self._installed = installed
        self.trusted: list[Path] = []
        rules = redirects(device, addresses.service_addresses(), PORT)
        self._redirect = Nft(host, nat=rules)

    def argv(self, folder: Path) -> list[str]:
        (folder / "haproxy.cfg").write_text("\n".join(self._config(folder)) + "\n")
        return [self.command, "-W", "-db", "-f", str(folder / "haproxy.cfg")]

    def started(self, folder: Path) -> None:
        self._redirect.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None and self._is_ready:
            self._redirect.__exit__(kind, error, traceback)
        super().__exit__(kind, error, traceback)

    def _config(self, folder: Path) -> list[str]:
        idle = f"{round(self._idle * 1000)}ms"
        lines = [
            "defaults",
            f"  mode {self._mode}",
            "  timeout connect 5s",
            f"  timeout client {idle}",
            f"  timeout server {idle}",
            f"  timeout tunnel {idle}",
            "frontend gate",
        ]
        name = "req.ssl_sni" if self._mode == "tcp" else "req.hdr(host)"
        if self._mode == "tcp":
            lines += [
                f"  bind 0.0.0.0:{PORT}",
                f"  bind :::{PORT} v6only",
                "  tcp-request inspect-delay 5s",
                *self._acl(name),
                *self._rule("tcp-request"),
                "  tcp-request content accept if { req.ssl_hello_type 1 }",
            ]
        else:
            root, signer = write_ca(folder, self._issuer)
            self.trusted = [root] if self._installed else []
            leaf = write_leaf(folder, signer, self._names)
            secure = f"ssl crt {leaf} alpn h2,http/1.1 {self._tls}".rstrip()
            lines += [
                f"  bind 0.0.0.0:{PORT} {secure}",
                f"  bind :::{PORT} v6only {secure}",
                *self._acl(name),
                *self._rule("http-request"),
            ]
        # the address 0.0.0.0 stands for the one that the client wanted
        encrypted = "" if self._mode == "tcp" else " ssl verify none sni ssl_fc_sni alpn http/1.1"
        return [
            *lines,
            *self._rule("use_backend"),
            "  default_backend internet",
            "backend internet",
            f"  server any 0.0.0.0:443{encrypted}",
            "backend nobody",
            "  server gone 127.0.0.1:9 disabled",
        ]

    def _acl(self, name: str) -> list[str]:
        return [f"  acl denied {name} -m dom -i {' '.join(self._denied)}"] if self._denied else []

    def _rule(self, kind: str) -> list[str]:
        rule = DENIALS[self._mode][self._denial]
        return [f"  {rule}"] if self._denied and rule.startswith(kind) else []
