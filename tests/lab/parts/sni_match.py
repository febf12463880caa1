"""iptables' string match on the router: cuts a connection by a name seen in one segment."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tests.lab.network import Namespace
from tests.lab.parts.program import Program, find


class SniMatch:
    """Client's segments with `name` in them are dropped, or answered with a reset.

    A match sees one segment at a time, as many real boxes do: a name that is split between two
    passes. `relay.ForgedReset` reads the whole hello.
    """

    def __init__(self, host: Namespace, *, name: str, reset: bool = False) -> None:
        self.host = host
        target = ["REJECT", "--reject-with", "tcp-reset"] if reset else ["DROP"]
        self._rule = [
            *("FORWARD", "-p", "tcp", "--dport", "443"),
            *("-m", "string", "--algo", "bm", "--string", name, "-j", *target),
        ]

    @staticmethod
    def why_not() -> str | None:
        if find("iptables") is None:
            return "needs iptables (Debian package iptables)"
        return None

    @staticmethod
    def version() -> str:
        return _Version.version()

    def __enter__(self) -> Self:
        for command in ("iptables", "ip6tables"):
            self.host.run([command, "-I", *self._rule])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for command in ("iptables", "ip6tables"):
            self.host.run([command, "-D", *self._rule])


class _Version(Program):
    command = "iptables"
    package = "iptables"
    ready = ""
