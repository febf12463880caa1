"""A way that takes smaller packets than its ends believe, with or without saying so."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tests.lab import addresses
from tests.lab.network import Namespace
from tests.lab.parts.nft import NO_TOO_BIG, Nft


class SmallLink:
    """The router takes at most `mtu` bytes on towards the client; `silent` keeps that a secret.

    A locked route MTU and not the cable's, which the far end's MSS would give away.
    """

    def __init__(self, host: Namespace, *, mtu: int, silent: bool) -> None:
        self.host = host
        self._mtu = mtu
        self._filter = Nft(host, output=NO_TOO_BIG) if silent else None

    def __enter__(self) -> Self:
        if self._filter is not None:
            self._filter.__enter__()
        for address in addresses.CLIENT:
            self._route("replace", address, "dev", "lan", "mtu", "lock", str(self._mtu))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for address in addresses.CLIENT:
            self._route("del", address)
        if self._filter is not None:
            self._filter.__exit__(kind, error, traceback)

    def _route(self, verb: str, *words: str) -> None:
        version = ["-6"] if ":" in words[0] else []
        self.host.run(["ip", *version, "route", verb, *words])
