"""squid as a company's explicit proxy: plain, with login, with denied categories, with ssl-bump."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.lab import addresses
from tests.lab.network import Namespace
from tests.lab.parts.program import Program
from tests.lab.parts.vendor_ca import write_ca

PORT = 3128
USER, PASSWORD = "budi", "rahasia"
_HELPERS = Path("/usr/lib/squid")


class Squid(Program):
    """Proxy on `addresses.PROXY`, port 3128, in the tunnel's namespace.

    `denied` are domains (with those below) that its policy refuses with 403. `login` asks for
    USER and PASSWORD by 407. With `bump`, a name of `vendor_ca.ISSUERS`, it opens TLS with that
    authority, except of the domains in `spared`; `installed` says whether the machine trusts it.
    It then drops a websocket's upgrade, as squid does out of the box, unless `upgrades` is set.
    The user's shell names the proxy; with `known`, also the login.
    """

    command = "squid"
    package = "squid-openssl"
    ready = r"Accepting .*HTTP Socket connections"
    version_argv = ("-v",)

    def __init__(
        self,
        host: Namespace,
        *,
        denied: Sequence[str] = (),
        login: bool = False,
        known: bool = False,
        bump: str | None = None,
        installed: bool = True,
        spared: Sequence[str] = (),
        upgrades: bool = False,
        nameserver: str = addresses.RESOLVER[0],
        listen: str = addresses.PROXY,
    ) -> None:
        super().__init__(host)
        self._denied = denied
        self._login = login
        self._bump = bump
        self._installed = installed
        self._spared = spared
        self._upgrades = upgrades
        self._nameserver = nameserver
        self._listen = listen

        self.trusted: list[Path] = []
        user = f"{USER}:{PASSWORD}@" if known else ""
        self.environment = {"HTTPS_PROXY": f"http://{user}{listen}:{PORT}"}

    def argv(self, folder: Path) -> list[str]:
        (folder / "squid.conf").write_text("\n".join(self._config(folder)) + "\n")
        name = f"lab{secrets.token_hex(4)}"  # of its shared memory, which no namespace keeps apart
        return [self.command, "-N", "-d", "1", "-n", name, "-f", str(folder / "squid.conf")]

    def _config(self, folder: Path) -> list[str]:
        for line in ("cache.log", "access.log"):
            (folder / line).touch()
            (folder / line).chmod(0o666)
        lines = [
            "visible_hostname proxy.kantor.example",
            "cache_effective_user proxy",
            "pid_filename none",
            f"coredump_dir {folder}",
            f"cache_log {folder}/cache.log",
            f"access_log stdio:{folder}/access.log",
            "cache deny all",
            "memory_cache_shared off",
            "shutdown_lifetime 0 seconds",
            "via on",
            "forwarded_for delete",
            f"dns_nameservers {self._nameserver}",
            # a name without an AAAA record costs it a wait otherwise
            "positive_dns_ttl 1 minute",
            *self._listener(folder),
        ]
        if self._upgrades:
            lines.append("http_upgrade_request_protocols websocket allow all")
        if self._denied:
            lines += [
                # a domain with a dot before it covers those below, too
                f"acl denied dstdomain {' '.join('.' + name for name in self._denied)}",
                "http_access deny denied",
            ]
        if self._login:
            (folder / "passwords").write_text(f"{USER}:{_hashed(PASSWORD)}\n")
            (folder / "passwords").chmod(0o644)
            lines += [
                f"auth_param basic program {_HELPERS}/basic_ncsa_auth {folder}/passwords",
                "auth_param basic realm Kantor Pusat",
                "acl known proxy_auth REQUIRED",
                "http_access allow known",
                "http_access deny all",
            ]
        return [*lines, "http_access allow all"]

    def _listener(self, folder: Path) -> list[str]:
        plain = f"http_port {self._listen}:{PORT}"
        if self._bump is None:
            return [plain]
        root, copy = write_ca(folder, self._bump)
        self.trusted = [root] if self._installed else []
        copy.chmod(0o644)
        store = folder / "certificates"
        subprocess.run(
            [f"{_HELPERS}/security_file_certgen", "-c", "-s", store, "-M", "4MB"],
            check=True,
            capture_output=True,
        )
        shutil.chown(store, "proxy", "proxy")
        for path in store.rglob("*"):
            shutil.chown(path, "proxy", "proxy")
        lines = [
            f"{plain} ssl-bump tls-cert={copy} generate-host-certificates=on",
            f"sslcrtd_program {_HELPERS}/security_file_certgen -s {store} -M 4MB",
            "acl first at_step SslBump1",
            "ssl_bump peek first",
        ]
        if self._spared:
            names = " ".join("." + name for name in self._spared)
            lines += [f"acl spared ssl::server_name {names}", "ssl_bump splice spared"]
        lines.append("ssl_bump bump all")
        # the lab's own authority is the real one of the names, to a real gateway
        lines.append("tls_outgoing_options flags=DONT_VERIFY_PEER")
        return lines


def _hashed(password: str) -> str:
    told = subprocess.run(
        ["openssl", "passwd", "-apr1", password], capture_output=True, text=True, check=True
    )
    return told.stdout.strip()
