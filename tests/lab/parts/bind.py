"""BIND's named, which forwards: response policy zones, refusals and failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab import addresses
from tests.lab.network import Namespace
from tests.lab.parts.program import Program
from tests.lab.parts.unbound import policy_file

_NOBODY = "127.9.9.9"
"""In its own namespace, where nothing listens there."""


class Bind(Program):
    """`with Bind(network.resolver, policy={"chatgpt.com": "CNAME ."}): ...`.

    `policy` maps a name to an RPZ action, as for `unbound.Unbound`. `closed` refuses recursion to
    everybody (REFUSED), as a server does that knows only its own zones. `failing` are names that it
    asks of a server which is gone, so they get SERVFAIL. All else is asked of `upstream`.
    """

    command = "named"
    package = "bind9"
    ready = r"\brunning$"
    version_argv = ("-V",)

    def __init__(
        self,
        host: Namespace,
        *,
        policy: Mapping[str, str] | None = None,
        closed: bool = False,
        failing: Sequence[str] = (),
        upstream: str = addresses.PUBLIC_RESOLVERS[0],
        listen: Sequence[str] = addresses.RESOLVER,
    ) -> None:
        super().__init__(host)
        self._policy = policy or {}
        self._closed = closed
        self._failing = failing
        self._upstream = upstream
        self._listen = listen

    def argv(self, folder: Path) -> list[str]:
        (folder / "filter.rpz").write_text(policy_file(self._policy))
        (folder / "named.conf").write_text(self._config(folder))
        return [self.command, "-g", "-n", "1", "-c", str(folder / "named.conf")]

    def _config(self, folder: Path) -> str:
        versions = {"listen-on": ".", "listen-on-v6": ":"}
        lines = [
            "options {",
            f'  directory "{folder}";',
            "  pid-file none;",
            "  session-keyfile none;",
            "  dnssec-validation no;",
            "  minimal-responses yes;",
            *(f"  {key} {{ {_list(self._listen, mark)} }};" for key, mark in versions.items()),
            f"  allow-recursion {{ {'none' if self._closed else 'any'}; }};",
            "  forward only;",
            f"  forwarders {{ {self._upstream}; }};",
        ]
        if self._policy:
            lines.append('  response-policy { zone "filter.rpz"; } qname-wait-recurse no;')
        lines += ["};", "controls { };"]
        if self._policy:
            lines.append(
                f'zone "filter.rpz" {{ type primary; file "{folder}/filter.rpz"; '
                "allow-query { none; }; };"
            )
        lines += [
            f'zone "{name}" {{ type forward; forward only; forwarders {{ {_NOBODY}; }}; }};'
            for name in self._failing
        ]
        return "\n".join(lines) + "\n"


def _list(listen: Sequence[str], mark: str) -> str:
    return " ".join(f"{address};" for address in listen if mark in address) or "none;"
